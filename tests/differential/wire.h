/* SPDX-License-Identifier: Apache-2.0 */
/* Frames by hand: checksums over all their bytes, and what a refusal is answered with, written from the RFCs. */
#pragma once

#include <netinet/in.h>
#include <string.h>

#include "decide/frame.h"
#include "decide/packet.h"

#define ETHER 14
#define WIRE_MAX 70000

static inline void wire_put16(uint8_t *at, uint32_t v)
{
    at[0] = (uint8_t)(v >> 8);
    at[1] = (uint8_t)v;
}
static inline void wire_put32(uint8_t *at, uint32_t v)
{
    wire_put16(at, v >> 16);
    wire_put16(at + 2, v);
}
static inline uint32_t wire_get16(const uint8_t *at)
{
    return (uint32_t)at[0] << 8 | at[1];
}

/* RFC 1071 */
static inline uint16_t wire_sum(const uint8_t *at, size_t len, uint32_t sum)
{
    for (size_t i = 0; i < len; i++)
        sum += i % 2 ? at[i] : (uint32_t)at[i] << 8;
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)~sum;
}

/* The sum of the pseudo header, not complemented. */
static inline uint32_t wire_pseudo(const struct address *from, const struct address *to, uint8_t protocol, uint32_t len)
{
    uint32_t sum = protocol + len;
    for (size_t i = 0; i < address_octets(from); i += 2)
        sum += wire_get16(from->octets + i) + wire_get16(to->octets + i);
    return sum;
}

/* The IPv4 header's checksum, where there is a header. */
static inline void wire_fix_ip(uint8_t *frame, size_t len)
{
    if (len < ETHER + 20 || wire_get16(frame + 12) != 0x0800)
        return;
    wire_put16(frame + ETHER + 10, 0);
    wire_put16(frame + ETHER + 10, wire_sum(frame + ETHER, 20, 0));
}

/* Ethernet and IP headers in front of `payload` bytes; returns where these begin. */
static inline size_t wire_headers(uint8_t *out, const uint8_t *to_mac, const uint8_t *from_mac, const struct address *from, const struct address *to, uint8_t protocol,
    size_t payload)
{
    uint8_t *ip = out + ETHER;
    memcpy(out, to_mac, 6);
    memcpy(out + 6, from_mac, 6);
    wire_put16(out + 12, from->family == 4 ? 0x0800 : 0x86dd);
    memset(ip, 0, 40);
    if (from->family == 4) {
        ip[0] = 0x45;
        wire_put16(ip + 2, (uint32_t)(20 + payload));
        ip[6] = 0x40;
        ip[8] = 64;
        ip[9] = protocol;
        memcpy(ip + 12, from->octets, 4);
        memcpy(ip + 16, to->octets, 4);
        wire_fix_ip(out, ETHER + 20);
        return ETHER + 20;
    }
    ip[0] = 0x60;
    wire_put16(ip + 4, (uint32_t)payload);
    ip[6] = protocol;
    ip[7] = 64;
    memcpy(ip + 8, from->octets, 16);
    memcpy(ip + 24, to->octets, 16);
    return ETHER + 40;
}

struct wire_end {
    struct address v4, v6;         /* the workload's first of each */
    struct address hub_v4, hub_v6; /* the hub's in its segment */
    uint8_t mac[6], hub_mac[6];
};

/* A RST with both ends' addresses as given; RFC 9293. */
static inline size_t wire_rst(uint8_t *out, const struct wire_end *to_end, const struct address *from, uint16_t from_port, const struct address *to, uint16_t to_port,
    uint32_t sequence, bool ack, uint32_t acknowledgement)
{
    size_t at = wire_headers(out, to_end->mac, to_end->hub_mac, from, to, IPPROTO_TCP, 20);
    uint8_t *tcp = out + at;
    memset(tcp, 0, 20);
    wire_put16(tcp, from_port);
    wire_put16(tcp + 2, to_port);
    wire_put32(tcp + 4, sequence);
    wire_put32(tcp + 8, acknowledgement);
    tcp[12] = 0x50;
    tcp[13] = ack ? 0x14 : 0x04;
    wire_put16(tcp + 16, wire_sum(tcp, 20, wire_pseudo(from, to, IPPROTO_TCP, 20)));
    return at + 20;
}

/* An ICMP error about `frame`; RFC 792 and 4443. It quotes the IP header and 8 bytes; what the packet does not have is zero. */
static inline size_t wire_icmp(uint8_t *out, const struct wire_end *end, const uint8_t *frame, const struct packet *p, enum bulkhead_reason reason, uint32_t mtu)
{
    bool v4 = p->from.family == 4;
    size_t quoted = v4 ? 28 : 56, have = p->length < quoted ? p->length : quoted;
    uint8_t protocol = v4 ? IPPROTO_ICMP : IPPROTO_ICMPV6;
    const struct address *hub = v4 ? &end->hub_v4 : &end->hub_v6;
    size_t at = wire_headers(out, end->mac, end->hub_mac, hub, &p->from, protocol, 8 + quoted);
    uint8_t *icmp = out + at;
    memset(icmp, 0, 8 + quoted);
    icmp[0] = reason == REASON_TTL ? (v4 ? 11 : 3) : reason == REASON_TOO_BIG ? (v4 ? 3 : 2) : v4 ? 3 : 1;
    icmp[1] = reason == REASON_TTL ? 0 : reason == REASON_TOO_BIG ? (v4 ? 4 : 0) : v4 ? 13 : 1;
    if (reason == REASON_TOO_BIG)
        wire_put32(icmp + 4, mtu);
    memcpy(icmp + 8, frame + ETHER, have);
    wire_put16(icmp + 2, wire_sum(icmp, 8 + quoted, v4 ? 0 : wire_pseudo(hub, &p->from, protocol, (uint32_t)(8 + quoted))));
    return at + 8 + quoted;
}
