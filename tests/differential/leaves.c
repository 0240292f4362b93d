/* SPDX-License-Identifier: Apache-2.0 */
#include "leaves.h"

#include "decide/frame.h"
#include "wire.h"

#define FRAME_OUT_MAX 4096

/* Where things stand in a frame. What a packet does not have is 0. */
struct anatomy {
    struct packet packet;
    bool v4;
    size_t l4, l4_len;   /* of all but later fragments */
    size_t quote;        /* the quoted IP header of an ICMP error */
    struct quoted quoted;
    size_t quoted_l4;    /* eight bytes */
};

static size_t offset_in(struct bytes frame, struct bytes part)
{
    return part.len ? (size_t)(part.at - frame.at) : 0;
}

static bool is_error(const struct packet *p)
{
    return p->fragment != FRAGMENT_LATER && protocol_is_icmp(p->from.family, p->protocol) &&
           icmp_kind_of(p->from.family, p->icmp_type, p->icmp_code) == ICMP_ERROR;
}

static bool take_apart(struct bytes frame, struct anatomy *ret)
{
    *ret = (struct anatomy){0};
    if (frame_parse(frame, &ret->packet) != REASONS)
        return false;
    const struct packet *p = &ret->packet;
    ret->v4 = p->from.family == 4;
    ret->l4 = offset_in(frame, p->l4);
    ret->l4_len = p->l4.len;
    if (!is_error(p) || !quoted_parse(p->icmp_body, p->from.family, &ret->quoted))
        return true;
    ret->quote = offset_in(frame, p->icmp_body);
    size_t header = ret->v4 ? 20 : 40;
    if (protocol_is_translated(p->from.family, ret->quoted.protocol))
        ret->quoted_l4 = ret->quote + header + (ret->quoted.fragment ? 8 : 0);
    return true;
}

uint16_t leaves_port(struct bytes out, struct packet_verdict *v)
{
    struct anatomy a;
    if (!take_apart(out, &a) || v->quotes != (a.quote != 0))
        return 0;
    bool echo = protocol_is_icmp(a.packet.from.family, a.quote ? a.quoted.protocol : a.packet.protocol);
    uint16_t port = a.quote ? a.quoted.to_port : a.packet.from_port;
    struct packet_ends *e = a.quote ? &v->quoted : &v->out;
    if (!a.quote || echo)
        e->from_port = port;
    if (a.quote || echo)
        e->to_port = port;
    return port;
}

/* The ends */

static bool ends_equal(const struct packet_ends *e, const struct address *from, uint16_t from_port, const struct address *to, uint16_t to_port)
{
    return address_equal(&e->from, from) && address_equal(&e->to, to) && e->from_port == from_port && e->to_port == to_port;
}

/* What has not changed */

static void blank(uint8_t *frame, size_t at, size_t len)
{
    memset(frame + at, 0, len);
}

static void blank_ip(uint8_t *ip, bool v4)
{
    if (v4)
        blank(ip, 10, 10); /* checksum and addresses */
    else
        blank(ip, 8, 32);
}

/* A UDP checksum of 0 is none, and stays. */
static bool is_summed(const uint8_t *l4, uint8_t protocol)
{
    return protocol != IPPROTO_UDP || wire_get16(l4 + 6) != 0;
}

/* The first eight bytes of layer 4. */
static void blank_l4(uint8_t *l4, uint8_t family, uint8_t protocol, bool echo)
{
    bool icmp = protocol_is_icmp(family, protocol);
    if (icmp) {
        blank(l4, 2, 2);
        blank(l4, 4, echo ? 2 : 0);
    } else {
        blank(l4, 0, 4);
        if (protocol == IPPROTO_UDP && is_summed(l4, protocol))
            blank(l4, 6, 2);
    }
}

/* A copy without all that may change on the way. */
static void keep_the_rest(struct bytes frame, const struct anatomy *a, uint8_t *ret)
{
    const struct packet *p = &a->packet;
    memcpy(ret, frame.at, frame.len);
    blank(ret, 0, 12); /* MACs */
    blank(ret, ETHER + (a->v4 ? 8 : 7), 1);
    blank_ip(ret + ETHER, a->v4);
    if (a->l4_len && protocol_is_translated(p->from.family, p->protocol)) {
        blank_l4(ret + a->l4, p->from.family, p->protocol, !is_error(p));
        if (p->protocol == IPPROTO_TCP)
            blank(ret, a->l4 + 16, 2);
    }
    if (a->quote)
        blank_ip(ret + a->quote, a->v4);
    if (a->quoted_l4)
        blank_l4(ret + a->quoted_l4, p->from.family, a->quoted.protocol, true);
}

static bool rest_is_equal(struct bytes in, const struct anatomy *a, struct bytes out, const struct anatomy *b)
{
    static uint8_t kept[2][FRAME_OUT_MAX];
    if (in.len != out.len || in.len > FRAME_OUT_MAX)
        return false;
    keep_the_rest(in, a, kept[0]);
    keep_the_rest(out, b, kept[1]);
    size_t ttl = ETHER + (a->v4 ? 8 : 7);
    return memcmp(kept[0], kept[1], in.len) == 0 && out.at[ttl] + 1 == in.at[ttl];
}

/*
 * Checksums. Whatever a checksum covers has, together with it, a sum that does not depend on what is covered (RFC
 * 1624): it is the same before and after, whether the checksum was right or not, and also where the rest is cut off.
 */

static uint16_t sum_of(const uint8_t *at, size_t len, const struct address *from, const struct address *to)
{
    uint16_t sum = wire_sum(at, len, from ? wire_pseudo(from, to, 0, 0) : 0);
    return sum == 0xffff ? 0 : sum; /* two zeros */
}

static uint16_t l4_sum(const uint8_t *l4, size_t len, uint8_t protocol, const struct address *from, const struct address *to)
{
    return protocol == IPPROTO_ICMP ? sum_of(l4, len, NULL, NULL) : sum_of(l4, len, from, to);
}

static const char *headers_wrong(struct bytes in, const struct anatomy *a, struct bytes out, const struct anatomy *b)
{
    if (!a->v4)
        return NULL;
    if (sum_of(in.at + ETHER, 20, NULL, NULL) != sum_of(out.at + ETHER, 20, NULL, NULL))
        return "the IPv4 checksum";
    if (a->quote && sum_of(in.at + a->quote, 20, NULL, NULL) != sum_of(out.at + b->quote, 20, NULL, NULL))
        return "the quoted IPv4 checksum";
    return NULL;
}

static bool l4_is_right(struct bytes in, const struct anatomy *a, struct bytes out, const struct anatomy *b)
{
    const struct packet *p = &a->packet, *q = &b->packet;
    if (!a->l4_len || !protocol_is_translated(p->from.family, p->protocol))
        return true;
    if (!is_summed(in.at + a->l4, p->protocol))
        return !is_summed(out.at + b->l4, p->protocol);
    return is_summed(out.at + b->l4, p->protocol) &&
           l4_sum(in.at + a->l4, a->l4_len, p->protocol, &p->from, &p->to) == l4_sum(out.at + b->l4, b->l4_len, q->protocol, &q->from, &q->to);
}

/* A quoted TCP checksum lies behind what every quotation has. */
static bool quoted_is_right(struct bytes in, const struct anatomy *a, struct bytes out, const struct anatomy *b)
{
    const struct quoted *p = &a->quoted, *q = &b->quoted;
    if (!a->quoted_l4 || p->protocol == IPPROTO_TCP)
        return true;
    if (!is_summed(in.at + a->quoted_l4, p->protocol))
        return !is_summed(out.at + b->quoted_l4, p->protocol);
    return is_summed(out.at + b->quoted_l4, p->protocol) &&
           l4_sum(in.at + a->quoted_l4, 8, p->protocol, &p->from, &p->to) == l4_sum(out.at + b->quoted_l4, 8, q->protocol, &q->from, &q->to);
}

const char *leaves_wrong(struct bytes in, struct bytes out, const struct packet_verdict *v)
{
    struct anatomy a, b;
    if (!take_apart(in, &a) || !take_apart(out, &b))
        return "it is malformed";
    const struct packet *p = &b.packet;
    if (!ends_equal(&v->out, &p->from, p->from_port, &p->to, p->to_port))
        return "its addresses or ports";
    if (v->quotes != (b.quote != 0) || (v->quotes && !ends_equal(&v->quoted, &b.quoted.from, b.quoted.from_port, &b.quoted.to, b.quoted.to_port)))
        return "the quoted addresses or ports";
    if (!rest_is_equal(in, &a, out, &b))
        return "something that does not change";
    const char *wrong = headers_wrong(in, &a, out, &b);
    if (wrong)
        return wrong;
    if (!l4_is_right(in, &a, out, &b))
        return "the checksum of layer 4";
    return quoted_is_right(in, &a, out, &b) ? NULL : "the quoted checksum of layer 4";
}
