/* SPDX-License-Identifier: Apache-2.0 */
#include "decide/frame.h"

#include "decide/decide.h"

#include <netinet/in.h>

#define ETHERTYPE_IPV4 0x0800
#define ETHERTYPE_IPV6 0x86dd

#define IPV4_HEADER    20
#define IPV6_HEADER    40
#define EXTENSIONS_MAX 8
/* Octets of the payload that fragments may describe together (RFC 791, RFC 8200 4.5). */
#define FRAGMENTS_END_MAX 65535

#define NEXT_HOP_BY_HOP  0
#define NEXT_ROUTING     43
#define NEXT_FRAGMENT    44
#define NEXT_NONE        59
#define NEXT_DESTINATION 60

enum icmp_kind icmp_kind_of(uint8_t family, uint8_t type, uint8_t code)
{
    uint8_t request = family == 4 ? 8 : 128, answer = family == 4 ? 0 : 129;
    if (type == request)
        return code == 0 ? ICMP_ECHO_REQUEST : ICMP_OTHER;
    if (type == answer)
        return code == 0 ? ICMP_ECHO_ANSWER : ICMP_OTHER;
    bool error = family == 4 ? type == 3 || type == 11 || type == 12 : type >= 1 && type <= 4;
    return error ? ICMP_ERROR : ICMP_OTHER;
}

bool packet_is_plain_syn(const struct packet *p)
{
    return p->protocol == IPPROTO_TCP && (p->tcp_flags & (TCP_SYN | TCP_ACK | TCP_RST | TCP_FIN)) == TCP_SYN;
}

static bool read_address(struct cursor *c, uint8_t family, struct address *ret)
{
    struct bytes octets;
    if (!cursor_read(c, family == 4 ? 4 : 16, &octets))
        return false;
    *ret = (struct address){.family = family};
    memcpy(ret->octets, octets.at, octets.len);
    return true;
}

/* `offset` in units of eight octets. Of a fragment, whose `payload` stands behind its headers. */
static bool fragment_is_sound(uint16_t offset, bool more, size_t payload, uint8_t protocol)
{
    if (payload == 0)
        return false;
    if (more && payload % 8 != 0)
        return false;
    if ((size_t)offset * 8 + payload > FRAGMENTS_END_MAX)
        return false;
    return !(protocol == IPPROTO_TCP && offset == 1);
}

static void set_extent(struct packet *p, uint16_t offset, size_t payload)
{
    p->fragment_start = (uint32_t)offset * 8;
    p->fragment_end = p->fragment_start + (uint32_t)payload;
}

/* Reads the header; `ret_payload` becomes what stands behind it, padding cut off. */
static bool parse_ipv4(struct bytes all, struct packet *p, struct bytes *ret_payload)
{
    struct cursor c = cursor_over(all);
    uint8_t version_length, tos;
    uint16_t total, identification, flags_offset, checksum;
    if (!cursor_u8(&c, &version_length) || !cursor_u8(&c, &tos) || !cursor_u16(&c, &total) ||
        !cursor_u16(&c, &identification) || !cursor_u16(&c, &flags_offset) || !cursor_u8(&c, &p->ttl) ||
        !cursor_u8(&c, &p->protocol) || !cursor_u16(&c, &checksum) || !read_address(&c, 4, &p->from) ||
        !read_address(&c, 4, &p->to))
        return false;
    if (version_length != 0x45 || total < IPV4_HEADER || total > all.len)
        return false;
    p->length = total;
    *ret_payload = bytes_slice(all, IPV4_HEADER, (size_t)total - IPV4_HEADER);

    bool more = flags_offset & 0x2000;
    uint16_t offset = flags_offset & 0x1fff;
    if (!more && offset == 0)
        return true;
    p->fragment = offset == 0 ? FRAGMENT_FIRST : FRAGMENT_LATER;
    p->identification = identification;
    p->fragment_protocol = p->protocol;
    set_extent(p, offset, ret_payload->len);
    return fragment_is_sound(offset, more, ret_payload->len, p->protocol);
}

/* The fragment header, its first octet (next header) included. `ret_done`: nothing is to be read on. */
static bool parse_fragment_header(struct cursor *c, struct packet *p, uint8_t *next, bool *ret_done)
{
    uint8_t reserved;
    uint16_t offset_more;
    uint32_t identification;
    if (!cursor_u8(c, next) || !cursor_u8(c, &reserved) || !cursor_u16(c, &offset_more) ||
        !cursor_u32(c, &identification))
        return false;
    bool more = offset_more & 1;
    uint16_t offset = offset_more >> 3;
    *ret_done = offset != 0;
    if (!more && offset == 0)
        return true;
    p->fragment = offset == 0 ? FRAGMENT_FIRST : FRAGMENT_LATER;
    p->identification = identification;
    p->fragment_protocol = *next;
    set_extent(p, offset, cursor_left(c));
    return fragment_is_sound(offset, more, cursor_left(c), *next);
}

/* Hop-by-hop, routing or destination options. */
static bool parse_option_header(struct cursor *c, uint8_t kind, uint8_t *next)
{
    uint8_t length;
    struct bytes rest;
    if (!cursor_u8(c, next) || !cursor_u8(c, &length) || !cursor_read(c, (size_t)length * 8 + 6, &rest))
        return false;
    if (kind != NEXT_ROUTING)
        return true;
    struct cursor routing = cursor_over(rest);
    uint8_t type, segments_left;
    return cursor_u8(&routing, &type) && cursor_u8(&routing, &segments_left) && type != 0 && segments_left == 0;
}

static bool is_extension(uint8_t next)
{
    return next == NEXT_HOP_BY_HOP || next == NEXT_ROUTING || next == NEXT_FRAGMENT || next == NEXT_DESTINATION;
}

static bool parse_extensions(struct cursor *c, uint8_t next, struct packet *p)
{
    bool fragment_seen = false;
    for (unsigned count = 0; is_extension(next); count++) {
        uint8_t kind = next;
        if (count == EXTENSIONS_MAX || (kind == NEXT_HOP_BY_HOP && count > 0))
            return false;
        if (kind != NEXT_FRAGMENT) {
            if (!parse_option_header(c, kind, &next))
                return false;
            continue;
        }
        bool done = false;
        if (fragment_seen || !parse_fragment_header(c, p, &next, &done))
            return false;
        fragment_seen = true;
        if (done)
            break;
    }
    p->protocol = next;
    return true;
}

static bool parse_ipv6(struct bytes all, struct packet *p, struct bytes *ret_payload)
{
    struct cursor c = cursor_over(all);
    uint32_t version_flow;
    uint16_t length;
    uint8_t next;
    if (!cursor_u32(&c, &version_flow) || !cursor_u16(&c, &length) || !cursor_u8(&c, &next) ||
        !cursor_u8(&c, &p->ttl) || !read_address(&c, 6, &p->from) || !read_address(&c, 6, &p->to))
        return false;
    if (version_flow >> 28 != 6 || (length == 0 && next != NEXT_NONE) || length > cursor_left(&c))
        return false;
    p->length = (uint32_t)IPV6_HEADER + length;
    struct cursor payload = cursor_over(bytes_slice(all, IPV6_HEADER, length));
    if (!parse_extensions(&payload, next, p))
        return false;
    *ret_payload = bytes_slice(payload.all, payload.at, cursor_left(&payload));
    return true;
}

/* What an L4 header turned out to be. */
enum header {
    HEADER_SOUND,
    HEADER_CUT, /* not all there */
    HEADER_CONTRADICTORY,
};

static enum header parse_tcp(struct bytes l4, struct packet *p)
{
    struct cursor c = cursor_over(l4);
    uint8_t offset;
    struct bytes rest;
    if (!cursor_u16(&c, &p->from_port) || !cursor_u16(&c, &p->to_port) || !cursor_u32(&c, &p->tcp_sequence) ||
        !cursor_u32(&c, &p->tcp_acknowledgement) || !cursor_u8(&c, &offset) || !cursor_u8(&c, &p->tcp_flags) ||
        !cursor_read(&c, 6, &rest))
        return HEADER_CUT;
    size_t length = (size_t)(offset >> 4) * 4;
    if (length < 20)
        return HEADER_CONTRADICTORY;
    return length > l4.len ? HEADER_CUT : HEADER_SOUND;
}

static enum header parse_udp(struct bytes l4, struct packet *p)
{
    struct cursor c = cursor_over(l4);
    uint16_t length, checksum;
    if (!cursor_u16(&c, &p->from_port) || !cursor_u16(&c, &p->to_port) || !cursor_u16(&c, &length) ||
        !cursor_u16(&c, &checksum))
        return HEADER_CUT;
    if (length < 8 || (p->fragment == FRAGMENT_NOT && length > l4.len))
        return HEADER_CONTRADICTORY;
    return HEADER_SOUND;
}

static enum header parse_sctp(struct bytes l4, struct packet *p)
{
    struct cursor c = cursor_over(l4);
    struct bytes rest;
    if (!cursor_u16(&c, &p->from_port) || !cursor_u16(&c, &p->to_port) || !cursor_read(&c, 8, &rest))
        return HEADER_CUT;
    return HEADER_SOUND;
}

static enum header parse_icmp(struct bytes l4, struct packet *p)
{
    struct cursor c = cursor_over(l4);
    uint16_t checksum, identifier, sequence;
    if (!cursor_u8(&c, &p->icmp_type) || !cursor_u8(&c, &p->icmp_code) || !cursor_u16(&c, &checksum) ||
        !cursor_u16(&c, &identifier) || !cursor_u16(&c, &sequence))
        return HEADER_CUT;
    p->icmp_body = bytes_slice(l4, c.at, cursor_left(&c));
    enum icmp_kind kind = icmp_kind_of(p->from.family, p->icmp_type, p->icmp_code);
    if (kind == ICMP_ECHO_REQUEST || kind == ICMP_ECHO_ANSWER)
        p->from_port = p->to_port = identifier;
    return HEADER_SOUND;
}

static enum bulkhead_reason parse_layer4(struct bytes l4, struct packet *p)
{
    enum header h = HEADER_SOUND;
    if (p->protocol == IPPROTO_TCP)
        h = parse_tcp(l4, p);
    else if (p->protocol == IPPROTO_UDP)
        h = parse_udp(l4, p);
    else if (p->protocol == IPPROTO_SCTP)
        h = parse_sctp(l4, p);
    else if (protocol_is_icmp(p->from.family, p->protocol))
        h = parse_icmp(l4, p);

    if (h == HEADER_CUT && p->fragment == FRAGMENT_FIRST) {
        p->header_cut = true; /* whether that is the reason is known only behind section 3 */
        return REASONS;
    }
    if (h == HEADER_CUT)
        return REASON_MALFORMED;
    if (h == HEADER_CONTRADICTORY)
        return REASON_MALFORMED;
    if (protocol_has_ports(p->protocol) && (p->from_port == 0 || p->to_port == 0))
        return REASON_MALFORMED;
    return REASONS;
}

enum bulkhead_reason frame_parse(struct bytes frame, struct packet *ret)
{
    *ret = (struct packet){.fragment = FRAGMENT_NOT};
    struct cursor c = cursor_over(frame);
    uint16_t type;
    if (!cursor_read(&c, 6, &ret->to_mac) || !cursor_read(&c, 6, &ret->from_mac) || !cursor_u16(&c, &type))
        return REASON_MALFORMED;
    if (type != ETHERTYPE_IPV4 && type != ETHERTYPE_IPV6)
        return REASON_NOT_IP;

    struct bytes rest = bytes_slice(frame, c.at, cursor_left(&c)), l4 = {0};
    bool v4 = type == ETHERTYPE_IPV4;
    if (!(v4 ? parse_ipv4(rest, ret, &l4) : parse_ipv6(rest, ret, &l4)))
        return REASON_MALFORMED;
    if (ret->protocol == (v4 ? IPPROTO_ICMPV6 : IPPROTO_ICMP))
        return REASON_MALFORMED;
    if (ret->fragment == FRAGMENT_LATER)
        return REASONS;
    ret->l4 = l4;
    return parse_layer4(l4, ret);
}

static bool quoted_ipv4(struct cursor *c, struct quoted *q)
{
    uint8_t version_length, tos, ttl;
    uint16_t total, identification, flags_offset, checksum;
    return cursor_u8(c, &version_length) && cursor_u8(c, &tos) && cursor_u16(c, &total) &&
           cursor_u16(c, &identification) && cursor_u16(c, &flags_offset) && cursor_u8(c, &ttl) &&
           cursor_u8(c, &q->protocol) && cursor_u16(c, &checksum) && read_address(c, 4, &q->from) &&
           read_address(c, 4, &q->to) && version_length == 0x45 && (flags_offset & 0x1fff) == 0;
}

/* The first fragment of a packet is told of like a whole one; others name no session. */
static bool quoted_fragment(struct cursor *c, struct quoted *q)
{
    uint8_t reserved;
    uint16_t offset;
    uint32_t identification;
    q->fragment = true;
    return cursor_u8(c, &q->protocol) && cursor_u8(c, &reserved) && cursor_u16(c, &offset) && cursor_u32(c, &identification) &&
           offset >> 3 == 0;
}

static bool quoted_ipv6(struct cursor *c, struct quoted *q)
{
    uint32_t version_flow;
    uint16_t length;
    uint8_t hops;
    if (!cursor_u32(c, &version_flow) || !cursor_u16(c, &length) || !cursor_u8(c, &q->protocol) || !cursor_u8(c, &hops) ||
        !read_address(c, 6, &q->from) || !read_address(c, 6, &q->to) || version_flow >> 28 != 6)
        return false;
    return (q->protocol != NEXT_FRAGMENT || quoted_fragment(c, q)) && !is_extension(q->protocol);
}

bool quoted_parse(struct bytes body, uint8_t family, struct quoted *ret)
{
    *ret = (struct quoted){.icmp = ICMP_OTHER};
    struct cursor c = cursor_over(body);
    if (!(family == 4 ? quoted_ipv4(&c, ret) : quoted_ipv6(&c, ret)))
        return false;
    bool icmp = protocol_is_icmp(family, ret->protocol);
    if (!icmp && !protocol_has_ports(ret->protocol))
        return true;
    struct bytes eight;
    if (!cursor_read(&c, 8, &eight))
        return false;
    struct cursor l4 = cursor_over(eight);
    if (!icmp)
        return cursor_u16(&l4, &ret->from_port) && cursor_u16(&l4, &ret->to_port);
    uint8_t type, code;
    uint16_t checksum, identifier;
    if (!cursor_u8(&l4, &type) || !cursor_u8(&l4, &code) || !cursor_u16(&l4, &checksum) ||
        !cursor_u16(&l4, &identifier))
        return false;
    ret->from_port = ret->to_port = identifier;
    ret->icmp = icmp_kind_of(family, type, code);
    return ret->icmp == ICMP_ECHO_REQUEST || ret->icmp == ICMP_ECHO_ANSWER;
}
