/* SPDX-License-Identifier: Apache-2.0 */
#include "packet_stories.h"

#include <netinet/in.h>

#include "decide/decide.h"
#include "decide/frame.h"
#include "decide/uplink.h"
#include "wire.h"


#define IP_MAX 256 /* IPv6 and ten extension headers of 16 bytes */

static void put16(uint8_t *at, uint32_t value)
{
    wire_put16(at, value);
}

static void put32(uint8_t *at, uint32_t value)
{
    wire_put32(at, value);
}

static bool is_world(const struct packet_source *s, const struct address *a)
{
    return address_is_unicast(a) && policy_segment_of(s->policy, a) == NONE;
}

uint32_t link_of(struct packet_source *s, const struct address *a)
{
    uint32_t workload = policy_workload_of(s->policy, a);
    for (uint32_t i = 0; i < s->link_count; i++)
        if (s->links[i].workload == workload && (workload != NONE || is_world(s, a)))
            return i;
    return random_below(s->random, s->link_count);
}

static struct address some_address(struct packet_source *s, uint8_t family)
{
    static const char *const others[2][9] = {
        {"203.0.113.77", "203.0.113.70", "203.0.113.5", "198.51.100.9", "8.8.8.8", "10.80.1.1", "10.80.2.200", "10.80.0.1", "10.90.1.1"},
        {"2001:db8::5", "2001:db8:0:1::7", "2001:db9::1", "fd80:0:0:1::1", "fd80:0:0:2::99", "fd80::1", "fd81::1", "2a00::1", "fd80:0:0:1::12"},
    };
    static const char *const odd[2][8] = {
        {"224.0.0.1", "255.255.255.255", "127.0.0.1", "0.0.0.0", "169.254.1.1", "240.0.0.1", "0.1.2.3", "239.1.1.1"},
        {"ff02::1", "::1", "::", "fe80::1", "::ffff:10.80.1.10", "ff0e::1", "febf::1", "fec0::1"},
    };
    struct address a = {0};
    const struct policy *p = s->policy;
    if (random_chance(s->random, 82)) {
        for (int tries = 0; tries < 20; tries++) {
            const struct workload *w = &p->workloads[random_below(s->random, p->workload_count)];
            const struct address *candidate = &w->addresses[random_below(s->random, w->address_count)];
            if (candidate->family == family)
                return *candidate;
        }
    }
    bool odd_one = random_chance(s->random, 15);
    const char *text = odd_one ? odd[family == 6][random_below(s->random, 8)] : others[family == 6][random_below(s->random, 9)];
    if (!address_parse(bytes_of_text(text), &a))
        a.family = 0;
    return a;
}

static uint16_t some_port(struct packet_source *s)
{
    static const uint16_t ports[] = {8080, 8080, 5432, 53, 443, 8000, 8099, 8100, 1, 65535, 1023, 1024, 450, 8090};
    return random_chance(s->random, 85) ? ports[random_below(s->random, sizeof ports / sizeof ports[0])] : (uint16_t)random_next(s->random);
}

static uint8_t some_protocol(struct packet_source *s, uint8_t family)
{
    uint32_t dice = random_below(s->random, 100);
    if (dice < 50)
        return IPPROTO_TCP;
    if (dice < 72)
        return IPPROTO_UDP;
    if (dice < 84)
        return family == 4 ? IPPROTO_ICMP : IPPROTO_ICMPV6;
    if (dice < 90)
        return IPPROTO_SCTP;
    static const uint8_t others[] = {47, 50, 51, 59, 132, 136, 1, 58, 0, 43, 60, 44, 255, 4, 41};
    return others[random_below(s->random, sizeof others)];
}

/* Of the workload that has this one, where it has several of the family. */
static struct address another_address(struct packet_source *s, const struct address *a)
{
    uint32_t workload = policy_workload_of(s->policy, a);
    if (workload == NONE)
        return *a;
    const struct workload *w = &s->policy->workloads[workload];
    const struct address *other = &w->addresses[random_below(s->random, w->address_count)];
    return other->family == a->family ? *other : *a;
}

struct address world_address(struct packet_source *s, uint8_t family)
{
    for (int tries = 0; tries < 200; tries++) {
        struct address a = some_address(s, family);
        if (is_world(s, &a))
            return a;
    }
    return some_address(s, family);
}

/* Makes the conversation one between a workload and the world, where there is an uplink. */
static void go_outside(struct packet_source *s, struct conversation *c)
{
    struct random *r = s->random;
    uint8_t family = c->end[0].family;
    const struct address *outer = uplink_outer_address(s->policy, family);
    uint32_t dice = random_below(r, 100), count = s->policy->uplink.publish_count;
    if (dice < 45 || !outer) { /* out */
        c->end[1] = world_address(s, family);
        return;
    }
    c->end[1] = c->end[0];
    c->end[0] = world_address(s, family);
    if (dice < 85 && count) { /* in by a published port */
        const struct publish *e = &s->policy->uplink.publish[random_below(r, count)];
        const struct address *to = workload_first_address(&s->policy->workloads[e->workload], family);
        if (to)
            c->end[1] = *to;
        c->protocol = e->protocol;
        c->port[1] = e->workload_port;
        c->outer = e->port;
        s->crossing = c;
    } else if (dice < 93) { /* to a port of the outer address that nobody has, or an echo there */
        c->end[1] = *outer;
    }
}

struct conversation *conversation_new(struct packet_source *s)
{
    struct conversation *c = &s->conversations[random_below(s->random, CONVERSATIONS)];
    uint8_t family = random_chance(s->random, 55) ? 4 : 6;
    *c = (struct conversation){.used = true, .protocol = some_protocol(s, family)};
    for (int tries = 0; tries < 20; tries++) { /* mostly from a workload's own address */
        c->end[0] = some_address(s, family);
        if (policy_workload_of(s->policy, &c->end[0]) != NONE || random_chance(s->random, 3))
            break;
    }
    c->end[1] = some_address(s, family);
    c->port[0] = random_chance(s->random, 70) ? (uint16_t)(40000 + random_below(s->random, 8)) : some_port(s);
    c->port[1] = some_port(s);
    if (random_chance(s->random, 1))
        c->port[random_below(s->random, 2)] = 0;
    if (c->protocol == IPPROTO_ICMP || c->protocol == IPPROTO_ICMPV6)
        c->port[1] = c->port[0];
    if (s->policy->uplink.interface && random_chance(s->random, 40))
        go_outside(s, c);
    c->sequence[0] = (uint32_t)random_next(s->random);
    c->sequence[1] = (uint32_t)random_next(s->random);
    c->identification = (uint16_t)random_below(s->random, 50);
    return c;
}

static struct conversation *some_conversation(struct packet_source *s)
{
    struct conversation *c = &s->conversations[random_below(s->random, CONVERSATIONS)];
    return c->used && random_chance(s->random, 85) ? c : conversation_new(s);
}

/* The conversation as it is where end `from` stands: the world knows workloads by the outer address and port. */
static struct conversation seen_from(struct packet_source *s, const struct conversation *c, int from)
{
    struct conversation seen = *c;
    const struct address *outer = uplink_outer_address(s->policy, c->end[0].family);
    if (!c->outer || !outer || !is_world(s, &c->end[from]) || random_chance(s->random, 4))
        return seen;
    uint16_t port = c->outer_before && random_chance(s->random, 20) ? c->outer_before : c->outer;
    seen.end[!from] = *outer;
    seen.port[!from] = port;
    if (protocol_is_icmp(c->end[0].family, c->protocol))
        seen.port[from] = port;
    return seen;
}

/* The checksum of layer 4 in a sound whole packet. Now and then UDP has none. */
static void fix_l4(struct packet_source *s, struct frame *f)
{
    struct packet p;
    if (frame_parse(bytes_of(f->bytes, f->length), &p) != REASONS || p.fragment != FRAGMENT_NOT)
        return;
    uint8_t family = p.from.family;
    if (!protocol_is_translated(family, p.protocol) || (p.protocol == IPPROTO_UDP && random_chance(s->random, 15)))
        return;
    size_t at = p.protocol == IPPROTO_TCP ? 16 : p.protocol == IPPROTO_UDP ? 6 : 2;
    uint8_t *l4 = f->bytes + (p.l4.at - f->bytes);
    uint32_t pseudo = p.protocol == IPPROTO_ICMP ? 0 : wire_pseudo(&p.from, &p.to, p.protocol, (uint32_t)p.l4.len);
    uint16_t sum = wire_sum(l4, p.l4.len, pseudo);
    wire_put16(l4 + at, sum ? sum : 0xffff);
}

static void fix_checksums(struct packet_source *s, struct frame *f)
{
    wire_fix_ip(f->bytes, f->length);
    fix_l4(s, f);
}

/* Layer 4 of `c`'s packet from end `from`; returns its length. */
static size_t put_l4(struct packet_source *s, const struct conversation *c, int from, uint8_t flags, uint32_t acknowledgement, uint8_t *at)
{
    struct random *r = s->random;
    size_t payload = random_below(r, 40);
    memset(at, 0, 64);
    switch (c->protocol) {
    case IPPROTO_TCP: {
        size_t options = random_chance(r, 20) ? 4 * random_below(r, 5) : 0;
        put16(at, c->port[from]);
        put16(at + 2, c->port[!from]);
        put32(at + 4, c->sequence[from]);
        put32(at + 8, acknowledgement);
        at[12] = (uint8_t)((5 + options / 4) << 4);
        at[13] = flags;
        return 20 + options + (flags & SYN ? 0 : payload);
    }
    case IPPROTO_UDP:
        put16(at, c->port[from]);
        put16(at + 2, c->port[!from]);
        put16(at + 4, (uint32_t)(8 + payload + (random_chance(r, 3) ? random_below(r, 3) : 0))); /* longer than there is, too */
        return 8 + payload;
    case IPPROTO_SCTP:
        put16(at, c->port[from]);
        put16(at + 2, c->port[!from]);
        return 12 + payload;
    case IPPROTO_ICMP:
    case IPPROTO_ICMPV6: {
        bool v6 = c->protocol == IPPROTO_ICMPV6;
        at[0] = from == 0 ? (v6 ? 128 : 8) : (v6 ? 129 : 0);
        if (random_chance(r, 6))
            at[0] = (uint8_t)random_next(r);
        at[1] = random_chance(r, 4) ? 1 : 0;
        put16(at + 4, c->port[0]);
        return 8 + payload;
    }
    default:
        return payload + 4;
    }
}

/* IP header and what is in front of layer 4; returns its length. `l4` bytes follow. */
static size_t put_ip(struct packet_source *s, const struct conversation *c, int from, size_t l4, uint8_t *at)
{
    struct random *r = s->random;
    memset(at, 0, 40);
    uint8_t ttl = random_chance(r, 3) ? (uint8_t)random_below(r, 2) : 64;
    if (c->end[0].family == 4) {
        at[0] = 0x45;
        put16(at + 2, (uint32_t)(20 + l4));
        put16(at + 4, c->identification);
        at[8] = ttl;
        at[9] = c->protocol;
        memcpy(at + 12, c->end[from].octets, 4);
        memcpy(at + 16, c->end[!from].octets, 4);
        return 20;
    }
    at[0] = 0x60;
    at[6] = c->protocol;
    at[7] = ttl;
    memcpy(at + 8, c->end[from].octets, 16);
    memcpy(at + 24, c->end[!from].octets, 16);
    size_t length = 40;
    uint8_t *next = at + 6;
    uint32_t extensions = random_chance(r, 12) ? 1 + random_below(r, 3) : 0;
    bool many = extensions && random_chance(r, 15);
    if (many) /* as many as may be, or one more */
        extensions = 8 + random_below(r, 2);
    for (uint32_t i = 0; i < extensions; i++) {
        static const uint8_t kinds[] = {60, 60, 43, 0, 44};
        uint8_t kind = many ? 60 : i == 0 && random_chance(r, 40) ? 0 : kinds[random_below(r, sizeof kinds)];
        size_t size = kind == 44 ? 8 : 8 + 8 * random_below(r, 2);
        memset(at + length, 0, size);
        at[length] = *next;
        *next = kind;
        next = at + length;
        if (kind != 44)
            at[length + 1] = (uint8_t)(size / 8 - 1);
        if (kind == 43) {
            at[length + 2] = (uint8_t)random_below(r, 4);
            at[length + 3] = random_chance(r, 30) ? 1 : 0;
        }
        if (kind == 44)
            put32(at + length + 4, c->identification);
        length += size;
    }
    put16(at + 4, (uint32_t)(length - 40 + l4));
    return length;
}

static void put_ethernet(struct packet_source *s, const struct conversation *c, int from, struct frame *f)
{
    struct random *r = s->random;
    f->link = link_of(s, &c->end[from]);
    if (random_chance(r, 3))
        f->link = random_below(r, s->link_count);
    const struct link *l = &s->links[f->link];
    memcpy(f->bytes, l->hub_mac, 6);
    memcpy(f->bytes + 6, l->mac, 6);
    if (l->any_mac)
        f->bytes[11] = (uint8_t)random_next(s->random);
    if (random_chance(r, 1))
        f->bytes[6 + random_below(r, 6)] ^= 1;
    if (random_chance(r, 1))
        f->bytes[random_below(r, 6)] ^= (uint8_t)(1 + random_below(r, 255));
    put16(f->bytes + 12, c->end[0].family == 4 ? 0x0800 : 0x86dd);
    if (random_chance(r, 1))
        put16(f->bytes + 12, random_chance(r, 50) ? 0x8100 : 0x0806);
}

void conversation_frame(struct packet_source *s, const struct conversation *c, int from, uint8_t flags, uint32_t acknowledgement, struct frame *f)
{
    uint8_t l4[128], ip[IP_MAX];
    struct conversation seen = seen_from(s, c, from);
    size_t l4_length = put_l4(s, &seen, from, flags, acknowledgement, l4);
    size_t ip_length = put_ip(s, &seen, from, l4_length, ip);
    put_ethernet(s, c, from, f);
    memcpy(f->bytes + 14, ip, ip_length);
    memset(f->bytes + 14 + ip_length, 0, l4_length);
    memcpy(f->bytes + 14 + ip_length, l4, l4_length < 64 ? l4_length : 64);
    f->length = 14 + ip_length + l4_length;
    fix_checksums(s, f);
}

static void begin(struct packet_source *s, struct frame *f)
{
    struct conversation *c = conversation_new(s);
    conversation_frame(s, c, 0, SYN, 0, f);
    if (random_chance(s->random, 50))
        return;
    /* The rest of a handshake, or a question, an answer and a question. */
    s->steps[1] = (struct step){c, 1, SYN | ACK, c->sequence[0] + 1};
    s->steps[0] = (struct step){c, 0, ACK, c->sequence[1] + (random_chance(s->random, 90) ? 1 : 2)};
    s->step_count = 2;
}

static void go_on(struct packet_source *s, struct frame *f)
{
    static const uint8_t flags[] = {ACK, ACK, ACK, ACK, PSH | ACK, SYN, SYN | ACK, RST, RST | ACK, FIN | ACK, FIN | ACK, 0, SYN | FIN, SYN | RST, 0xff, FIN};
    struct conversation *c = some_conversation(s);
    int from = random_chance(s->random, 50);
    uint32_t acknowledgement = c->sequence[!from] + random_below(s->random, 3);
    conversation_frame(s, c, from, flags[random_below(s->random, sizeof flags)], acknowledgement, f);
}

static uint16_t sum_of_end(const struct conversation *c, int end)
{
    return (uint16_t)~wire_sum(c->end[end].octets, address_octets(&c->end[end]), c->port[end]);
}

/* The checksum that is 0 once the end that `before` and `after` have differently is translated; RFC 1624. */
static uint16_t sum_that_becomes_none(const struct conversation *before, const struct conversation *after, int end)
{
    uint32_t sum = (uint32_t)sum_of_end(after, end) + (uint16_t)~sum_of_end(before, end);
    return (uint16_t)((sum & 0xffff) + (sum >> 16));
}

/* Where it cannot be verified, any checksum will do: it is to cover what is changed. UDP sometimes has none. */
static void put_some_checksum(struct packet_source *s, const struct conversation *c, uint8_t *l4)
{
    if (c->protocol == IPPROTO_UDP)
        put16(l4 + 6, random_chance(s->random, 20) ? 0 : (uint32_t)random_next(s->random) | 1);
    else if (protocol_is_icmp(c->end[0].family, c->protocol))
        put16(l4 + 2, (uint32_t)random_next(s->random));
    else if (c->protocol == IPPROTO_TCP)
        put16(l4 + 16, (uint32_t)random_next(s->random));
}

/* Puts a fragment header behind the quoted one of IPv6, mostly that of a first fragment, now and then behind another. Returns its length. */
static size_t quote_fragment(struct random *r, uint8_t *quoted, size_t length)
{
    bool cut = length < 40;
    if (!cut)
        memmove(quoted + 48, quoted + 40, length - 40);
    uint8_t *header = quoted + 40;
    header[0] = random_chance(r, 95) ? quoted[6] : IPPROTO_FRAGMENT;
    header[1] = (uint8_t)random_next(r);
    put16(header + 2, (random_chance(r, 75) ? 0 : random_below(r, 8192) << 3) | random_below(r, 8));
    put16(header + 4, (uint32_t)random_next(r));
    put16(header + 6, (uint32_t)random_next(r));
    quoted[6] = IPPROTO_FRAGMENT;
    return cut ? 0 : 8;
}

void conversation_error(struct packet_source *s, const struct conversation *about, struct frame *f)
{
    struct random *r = s->random;
    uint8_t family = about->end[0].family;
    int quoted_from = random_chance(r, 50);
    static uint8_t quoted[IP_MAX + 64];
    uint8_t l4[128];
    struct conversation seen = seen_from(s, about, !quoted_from);
    size_t l4_length = put_l4(s, &seen, quoted_from, ACK, 0, l4);
    size_t ip_length = put_ip(s, &seen, quoted_from, l4_length, quoted);
    put_some_checksum(s, about, l4);
    if (about->protocol == IPPROTO_UDP && about->outer && random_chance(r, 10)) {
        int inside = is_world(s, &about->end[0]);
        bool comes = is_world(s, &about->end[!quoted_from]);
        struct conversation outside = seen_from(s, about, !inside);
        put16(l4 + 6, comes ? sum_that_becomes_none(&outside, about, inside) : sum_that_becomes_none(about, &outside, inside));
    }
    if (protocol_is_icmp(family, about->protocol) && random_chance(r, 30)) /* an answer where the question was, or the other way round */
        l4[0] = l4[0] == 0 ? 8 : l4[0] == 8 ? 0 : (uint8_t)(l4[0] ^ 1);
    memcpy(quoted + ip_length, l4, l4_length < 64 ? l4_length : 64);
    if (family == 4)
        put16(quoted + 10, wire_sum(quoted, 20, 0));
    size_t length = ip_length + (random_chance(r, 85) ? 8 : random_below(r, 12));
    if (family == 4 && random_chance(r, 20))
        put16(quoted + 6, random_chance(r, 20) ? 0x2000 : 1 + random_below(r, 8191)); /* a fragment, the first or a later one */
    if (family == 6 && random_chance(r, 30))
        length += quote_fragment(r, quoted, length);
    struct conversation message = {
        .protocol = family == 4 ? IPPROTO_ICMP : IPPROTO_ICMPV6,
        .end = {seen.end[!quoted_from], random_chance(r, 92) ? seen.end[quoted_from] : some_address(s, family)},
    };
    if (random_chance(r, 10))
        message.end[0] = some_address(s, family);
    else if (random_chance(r, 10))
        message.end[0] = another_address(s, &message.end[0]);
    static const uint8_t types[2][6] = {{3, 3, 11, 12, 5, 4}, {1, 1, 2, 3, 4, 137}};
    uint8_t ip[IP_MAX];
    size_t outer = put_ip(s, &message, 0, 8 + length, ip);
    put_ethernet(s, &message, 0, f);
    memcpy(f->bytes + 14, ip, outer);
    uint8_t *icmp = f->bytes + 14 + outer;
    memset(icmp, 0, 8);
    icmp[0] = types[family == 6][random_below(r, 6)];
    icmp[1] = (uint8_t)random_below(r, 4);
    memcpy(icmp + 8, quoted, length);
    f->length = 14 + outer + 8 + length;
    fix_checksums(s, f);
}

void conversation_fragment(struct packet_source *s, const struct conversation *c, int from, const struct piece *p, struct frame *f)
{
    struct conversation seen = seen_from(s, c, from);
    bool v4 = c->end[0].family == 4;
    size_t header = v4 ? 20 : 48;
    put_ethernet(s, c, from, f);
    uint8_t *ip = f->bytes + 14;
    memset(ip, 0, header + p->payload);
    if (p->layer4)
        memcpy(ip + header, p->layer4, p->payload < 64 ? p->payload : 64);
    if (v4) {
        ip[0] = 0x45;
        put16(ip + 2, (uint32_t)(20 + p->payload));
        put16(ip + 4, p->identification);
        put16(ip + 6, (uint32_t)p->more << 13 | p->offset);
        ip[8] = 64;
        ip[9] = p->protocol;
        memcpy(ip + 12, seen.end[from].octets, 4);
        memcpy(ip + 16, seen.end[!from].octets, 4);
    } else {
        ip[0] = 0x60;
        put16(ip + 4, (uint32_t)(8 + p->payload));
        ip[6] = 44;
        ip[7] = 64;
        memcpy(ip + 8, seen.end[from].octets, 16);
        memcpy(ip + 24, seen.end[!from].octets, 16);
        ip[40] = p->protocol;
        put16(ip + 42, p->offset << 3 | p->more);
        put32(ip + 44, p->identification);
    }
    f->length = 14 + header + p->payload;
    wire_fix_ip(f->bytes, f->length);
}

void conversation_first_fragment(struct packet_source *s, const struct conversation *c, int from, size_t length, struct frame *f)
{
    struct conversation seen = seen_from(s, c, from);
    uint8_t l4[128] = {0};
    put_l4(s, &seen, from, from ? ACK : SYN, 0, l4);
    put_some_checksum(s, c, l4);
    struct piece p = {.payload = length, .more = true, .identification = c->identification, .protocol = c->protocol, .layer4 = l4};
    if (random_chance(s->random, 4))
        p.offset = random_below(s->random, 8192);
    conversation_fragment(s, c, from, &p, f);
}

uint8_t another_protocol(const struct conversation *c)
{
    return c->protocol == IPPROTO_UDP ? IPPROTO_TCP : IPPROTO_UDP;
}

/* Mostly where the first one ends; or around it, or anywhere. */
static uint32_t later_offset(struct packet_source *s, size_t first)
{
    struct random *r = s->random;
    if (random_chance(r, 4))
        return random_chance(r, 30) ? 8180 + random_below(r, 12) : random_below(r, 8192);
    if (random_chance(r, 15))
        return random_below(r, (uint32_t)first / 8 + 2);
    return (uint32_t)first / 8;
}

/* One IP packet in two or three fragments, in some order. */
static void fragments(struct packet_source *s, struct frame *f)
{
    struct random *r = s->random;
    struct conversation *c = random_chance(r, 60) ? conversation_new(s) : some_conversation(s);
    c->identification = (uint16_t)random_next(r);
    int from = random_chance(r, 30);
    size_t first = random_chance(r, 85) ? 24 + 8 * random_below(r, 4) : 8 * random_below(r, 3);
    bool in_order = random_chance(r, 85);
    conversation_first_fragment(s, c, from, first, in_order ? f : &s->queue[0]);
    struct piece later = {.payload = 4 + random_below(r, 40), .offset = later_offset(s, first), .more = random_chance(r, 5),
        .identification = c->identification, .protocol = c->protocol};
    if (random_chance(r, 4)) /* all but one of what tells packets apart is the first one's */
        later.identification++;
    else if (random_chance(r, 4))
        later.protocol = another_protocol(c);
    conversation_fragment(s, c, from, &later, in_order ? &s->queue[0] : f);
    s->queued = 1;
    if (in_order && random_chance(r, 15)) { /* once more, with a hop limit that is used up: the rest goes nowhere then */
        s->queue[1] = *f;
        s->queue[1].bytes[14 + (c->end[0].family == 4 ? 8 : 7)] = 1;
        s->queued = 2;
    }
}

static void damage(struct packet_source *s, struct frame *f)
{
    struct random *r = s->random;
    if (random_chance(r, 40)) {
        f->length = 14 + random_below(r, (uint32_t)f->length);
    } else if (random_chance(r, 30)) {
        size_t more = random_below(r, 60);
        memset(f->bytes + f->length, 0, more);
        f->length += more;
    } else {
        size_t reach = f->length < 90 ? f->length : 90;
        for (uint32_t i = 1 + random_below(r, 3); i; i--)
            f->bytes[14 + random_below(r, (uint32_t)(reach - 13))] = (uint8_t)random_next(r);
    }
}

static bool is_frame_of(const struct conversation *c, const struct packet *p)
{
    int from = !address_equal(&c->end[0], &p->from);
    return c->used && c->protocol == p->protocol && address_equal(&c->end[from], &p->from) && address_equal(&c->end[!from], &p->to) &&
        (!p->from_port || (c->port[from] == p->from_port && c->port[!from] == p->to_port));
}

static void learn(struct conversation *c, uint16_t outer_port)
{
    if (c->outer != outer_port)
        c->outer_before = c->outer;
    c->outer = outer_port;
}

void packet_source_learn(struct packet_source *s, const struct frame *f, uint16_t outer_port)
{
    struct packet p;
    if (frame_parse(bytes_of(f->bytes, f->length), &p) != REASONS)
        return;
    for (size_t i = 0; i < CONVERSATIONS; i++)
        if (is_frame_of(&s->conversations[i], &p)) {
            learn(&s->conversations[i], outer_port);
            s->crossing = &s->conversations[i];
        }
    for (size_t i = 0; i < CROWD; i++)
        if (is_frame_of(&s->crowd[i].conversation, &p))
            learn(&s->crowd[i].conversation, outer_port);
    if (is_frame_of(&s->hero, &p))
        learn(&s->hero, outer_port);
}

static void take_step(struct packet_source *s, struct frame *f)
{
    const struct step *step = &s->steps[--s->step_count];
    conversation_frame(s, step->conversation, step->from, step->flags, step->acknowledgement, f);
}

const struct frame *packet_source_next(struct packet_source *s)
{
    static struct frame f;
    s->pause = -1;
    s->then = (struct then){0};
    if (s->story_left) {
        story_go_on(s, &f);
        return &f;
    }
    if (s->queued && random_chance(s->random, 93))
        return &s->queue[--s->queued];
    s->queued = 0;
    if (s->crowd_left && random_chance(s->random, 90)) {
        crowd_go_on(s, &f);
        return &f;
    }
    if (s->step_count && random_chance(s->random, 93)) {
        take_step(s, &f);
        return &f;
    }
    s->step_count = 0;
    if (s->stories && random_chance(s->random, s->stories)) {
        if (s->policy->uplink.interface && random_chance(s->random, 15))
            crowd_begin(s);
        story_begin(s);
        story_go_on(s, &f);
        return &f;
    }
    uint32_t dice = random_below(s->random, 100);
    if (dice < 40)
        begin(s, &f);
    else if (dice < 82)
        go_on(s, &f);
    else if (dice < 91)
        conversation_error(s, s->crossing && random_chance(s->random, 50) ? s->crossing : some_conversation(s), &f);
    else
        fragments(s, &f);
    if (random_chance(s->random, 7))
        damage(s, &f);
    return &f;
}
