/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Frame -> struct tuple. Reads only the copy of the frame's beginning in the context, so that truncated,
 * cloned and non-linear packets are all the same. docs/packets.md, section 2, is what it implements.
 */
#ifndef BULKHEAD_PARSE_H
#define BULKHEAD_PARSE_H

#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>
#include <linux/udp.h>

#include "maps.h"

#define PARSED REASONS /* "no reason to refuse it" */

#define TCP_FIN 0x01
#define TCP_SYN 0x02
#define TCP_RST 0x04
#define TCP_ACK 0x10

#define MORE_FRAGMENTS 0x2000
#define FRAGMENT_OFFSET 0x1fff

#define EXTENSION_HEADERS_MAX 8

/* Copies of wire structures that are read from a byte array. */
#define LOAD(type, at) (*(const type *)(at))

/* The most that the parser may need: Ethernet, IPv6, and TCP behind it. */
#define HEAD_USUAL 74
#define HEAD_USUAL_V4 54

/*
 * Make head[from .. from + need) valid; `end` is where the packet ends. Extension headers can push layer 4 beyond
 * what was copied at first; it is then copied to the front of `into`.
 */
ever_inline bool load(struct __sk_buff *skb, __u32 at, void *into, __u32 size, __u32 end)
{
    return at + size <= end && bpf_skb_load_bytes(skb, at, into, size) == 0;
}

ever_inline bool same_mac(const __u8 *a, const __u8 *b)
{
    return LOAD(__u32, a) == LOAD(__u32, b) && LOAD(__u16, a + 4) == LOAD(__u16, b + 4);
}

/* A fragment's geometry: `offset` in 8 bytes, `payload` bytes of it. */
ever_inline int check_fragment(struct context *c, __u16 offset, bool more, __u32 payload, __u8 protocol)
{
    if (!offset && !more)
        return PARSED;
    if (payload == 0 || (more && payload % 8) || offset * 8u + payload > 65535)
        return REASON_MALFORMED;
    if (offset == 1 && protocol == IPPROTO_TCP)
        return REASON_MALFORMED;
    c->part = offset ? PART_LATER : PART_FIRST;
    c->fragment_edge = offset ? offset * 8u : payload;
    return PARSED;
}

ever_inline int parse_v4(struct context *c, const __u8 *head, __u32 frame_length)
{
    const struct iphdr *ip = (const void *)(head + ETH_HLEN);
    if (frame_length < ETH_HLEN + sizeof *ip || ip->version != 4 || ip->ihl != 5)
        return REASON_MALFORMED;
    __u32 total = bpf_ntohs(ip->tot_len);
    if (total < sizeof *ip || total > frame_length - ETH_HLEN)
        return REASON_MALFORMED;
    c->tuple.family = 4;
    c->tuple.protocol = ip->protocol;
    c->tuple.from[0] = ip->saddr;
    c->tuple.to[0] = ip->daddr;
    c->length = total;
    c->ttl = ip->ttl;
    c->l4 = ETH_HLEN + sizeof *ip;
    __u16 fragment = bpf_ntohs(ip->frag_off);
    if (unlikely(fragment & (MORE_FRAGMENTS | FRAGMENT_OFFSET))) {
        c->identification = ip->id;
        c->fragment_protocol = ip->protocol;
        int reason = check_fragment(c, fragment & FRAGMENT_OFFSET, fragment & MORE_FRAGMENTS, total - sizeof *ip, ip->protocol);
        if (reason != PARSED)
            return reason;
    }
    if (ip->protocol == IPPROTO_ICMPV6)
        return REASON_MALFORMED;
    return PARSED;
}

struct fragment_header {
    __u8 next, reserved;
    __be16 offset;
    __be32 identification;
};

/* Walks the extension headers; leaves protocol and l4. */
subprogram int parse_extensions(struct __sk_buff *skb, struct context *c, __u8 next)
{
    if (!c)
        return REASON_MALFORMED;
    __u32 at = ETH_HLEN + sizeof(struct ipv6hdr);
    __u32 end = ETH_HLEN + c->length;
    bool fragmented = false;
    UNROLLED
    for (int i = 0; i <= EXTENSION_HEADERS_MAX; i++) {
        if (next != IPPROTO_HOPOPTS && next != IPPROTO_ROUTING && next != IPPROTO_DSTOPTS && next != IPPROTO_FRAGMENT) {
            c->tuple.protocol = next;
            c->l4 = at;
            return PARSED;
        }
        if (i == EXTENSION_HEADERS_MAX || (next == IPPROTO_HOPOPTS && i > 0))
            return REASON_MALFORMED;
        __u8 header[8];
        if (!load(skb, at, header, sizeof header, end))
            return REASON_MALFORMED;
        if (next == IPPROTO_FRAGMENT) {
            if (fragmented)
                return REASON_MALFORMED;
            fragmented = true;
            __u16 offset = (__u16)(header[2] << 8 | header[3]);
            c->identification = LOAD(__u32, header + 4);
            c->fragment_protocol = header[0];
            at += sizeof(struct fragment_header);
            int reason = check_fragment(c, offset >> 3, offset & 1, end - at, header[0]);
            if (reason != PARSED)
                return reason;
            if (c->part == PART_LATER) {
                c->tuple.protocol = header[0];
                return PARSED;
            }
        } else {
            if (next == IPPROTO_ROUTING && (header[2] == 0 || header[3] != 0))
                return REASON_MALFORMED;
            at += (header[1] + 1u) * 8;
            if (at > end)
                return REASON_MALFORMED;
        }
        next = header[0];
    }
    return REASON_MALFORMED;
}

ever_inline int parse_v6(struct __sk_buff *skb, struct context *c, const __u8 *head, __u32 frame_length)
{
    const struct ipv6hdr *ip = (const void *)(head + ETH_HLEN);
    if (frame_length < ETH_HLEN + sizeof *ip || ip->version != 6)
        return REASON_MALFORMED;
    __u32 payload = bpf_ntohs(ip->payload_len);
    if (payload > frame_length - ETH_HLEN - sizeof *ip || (payload == 0 && ip->nexthdr != IPPROTO_NONE))
        return REASON_MALFORMED;
    c->tuple.family = 6;
    __builtin_memcpy(c->tuple.from, &ip->saddr, 16);
    __builtin_memcpy(c->tuple.to, &ip->daddr, 16);
    c->length = sizeof *ip + payload;
    c->ttl = ip->hop_limit;
    c->l4 = ETH_HLEN + sizeof *ip;
    __u8 next = ip->nexthdr;
    c->tuple.protocol = next;
    if (unlikely(next == IPPROTO_HOPOPTS || next == IPPROTO_ROUTING || next == IPPROTO_DSTOPTS || next == IPPROTO_FRAGMENT)) {
        int reason = parse_extensions(skb, c, next);
        if (reason != PARSED)
            return reason;
    }
    if (c->tuple.protocol == IPPROTO_ICMP)
        return REASON_MALFORMED;
    return PARSED;
}

ever_inline __u8 icmp_class(__u8 family, __u8 type, __u8 code)
{
    if (family == 4) {
        if (type == 8 || type == 0)
            return code ? ICMP_OTHER : type == 8 ? ICMP_REQUEST : ICMP_REPLY;
        return type == 3 || type == 11 || type == 12 ? ICMP_ERROR : ICMP_OTHER;
    }
    if (type == 128 || type == 129)
        return code ? ICMP_OTHER : type == 128 ? ICMP_REQUEST : ICMP_REPLY;
    return type >= 1 && type <= 4 ? ICMP_ERROR : ICMP_OTHER;
}

ever_inline bool has_ports(__u8 protocol)
{
    return protocol == IPPROTO_TCP || protocol == IPPROTO_UDP || protocol == IPPROTO_SCTP;
}

/* Layer 4 in `h`, of which `there` bytes belong to the packet. */
ever_inline int parse_tcp(struct context *c, const __u8 *h, __u32 there)
{
    __u32 header = (h[12] >> 4) * 4u;
    if (header < sizeof(struct tcphdr))
        return REASON_MALFORMED;
    if (header > there)
        return c->part == PART_FIRST ? REASON_FRAGMENT_UNATTRIBUTED : REASON_MALFORMED;
    c->tcp_flags = h[13];
    c->tcp_header = (__u8)header;
    c->sequence = LOAD(__u32, h + 4);
    c->acknowledgement = LOAD(__u32, h + 8);
    c->tcp_length = (__u16)(there - header + !!(h[13] & TCP_SYN) + !!(h[13] & TCP_FIN));
    return PARSED;
}

ever_inline int parse_l4(struct context *c, const __u8 *h)
{
    __u32 there = ETH_HLEN + c->length - c->l4;
    __u8 protocol = c->tuple.protocol;
    __u32 need;
    if (protocol == IPPROTO_TCP)
        need = sizeof(struct tcphdr);
    else if (protocol == IPPROTO_UDP || protocol == IPPROTO_ICMP || protocol == IPPROTO_ICMPV6)
        need = 8;
    else if (protocol == IPPROTO_SCTP)
        need = 12;
    else
        return PARSED;
    if (there < need)
        return c->part == PART_FIRST ? REASON_FRAGMENT_UNATTRIBUTED : REASON_MALFORMED;
    if (protocol == IPPROTO_ICMP || protocol == IPPROTO_ICMPV6) {
        c->icmp = icmp_class(c->tuple.family, h[0], h[1]);
        if (c->icmp == ICMP_REQUEST || c->icmp == ICMP_REPLY)
            c->tuple.from_port = c->tuple.to_port = LOAD(__u16, h + 4);
        return PARSED;
    }
    c->tuple.from_port = LOAD(__u16, h);
    c->tuple.to_port = LOAD(__u16, h + 2);
    int reason = PARSED;
    if (protocol == IPPROTO_TCP) {
        reason = parse_tcp(c, h, there);
    } else if (protocol == IPPROTO_UDP) {
        __u32 length = (__u32)(h[4] << 8 | h[5]);
        if (length < sizeof(struct udphdr) || (c->part == PART_WHOLE && length > there))
            reason = REASON_MALFORMED;
    }
    if (reason == PARSED && (!c->tuple.from_port || !c->tuple.to_port))
        return REASON_MALFORMED;
    return reason;
}

/* Copy what the packet begins with; false when there is not even an Ethernet header. */
ever_inline bool load_head(struct __sk_buff *skb, struct context *c)
{
    __u32 head = skb->len;
    if (likely(head >= HEAD_USUAL))
        return bpf_skb_load_bytes(skb, 0, c->head, HEAD_USUAL) == 0;
    /* what another packet left there must not be quoted in an answer */
    __builtin_memset(c->head, 0, HEAD_USUAL);
    opaque(head);
    head &= 127;
    return head >= ETH_HLEN && bpf_skb_load_bytes(skb, 0, c->head, head) == 0;
}

/*
 * The packet's first `need` bytes: where they stand when they stand there in one piece, which spares the call and the
 * copy, else in c->head, as many as there are. NULL: not even an Ethernet header.
 */
ever_inline const __u8 *head_of(struct __sk_buff *skb, struct context *c, __u32 need)
{
    const __u8 *data = (const void *)(long)skb->data, *end = (const void *)(long)skb->data_end;
    if (likely(data + need <= end))
        return data;
    return load_head(skb, c) ? c->head : NULL;
}

/* PARSED, or why not. */
ever_inline int parse(struct __sk_buff *skb, struct context *c, __be16 type)
{
    const __u8 *head;
    int reason;
    if (skb->vlan_present)
        return REASON_NOT_IP;
    if (type == bpf_htons(ETH_P_IP)) {
        head = head_of(skb, c, HEAD_USUAL_V4);
        if (!head)
            return REASON_MALFORMED;
        reason = parse_v4(c, head, skb->len);
        if (reason != PARSED || c->part == PART_LATER)
            return reason;
        return parse_l4(c, head + ETH_HLEN + sizeof(struct iphdr));
    }
    if (type != bpf_htons(ETH_P_IPV6))
        return REASON_NOT_IP;
    head = head_of(skb, c, HEAD_USUAL);
    if (!head)
        return REASON_MALFORMED;
    reason = parse_v6(skb, c, head, skb->len);
    if (reason != PARSED || c->part == PART_LATER)
        return reason;
    if (likely(c->l4 == ETH_HLEN + sizeof(struct ipv6hdr)))
        return parse_l4(c, head + ETH_HLEN + sizeof(struct ipv6hdr));
    /* Behind extension headers: fetch as much of it as there is. */
    __u8 *h = c->head + 128;
    __u32 there = ETH_HLEN + c->length - c->l4;
    if (there > 20)
        there = 20;
    if (there) {
        __u32 more = there - 1; /* so that the verifier sees 1 to 32 */
        opaque(more);
        more &= 31;
        if (bpf_skb_load_bytes(skb, c->l4, h, more + 1) < 0)
            return REASON_MALFORMED;
    }
    return parse_l4(c, h);
}

/*
 * The packet that an ICMP error quotes -> `flow`'s tuple, as it was sent. False when it names no session
 * (docs/packets.md, section 7).
 */
subprogram int parse_quoted(struct __sk_buff *skb, struct context *c)
{
    if (!c)
        return false;
    struct tuple *q = &c->flow;
    __u8 *h = c->head + 128;
    __u32 at = c->l4 + 8, end = ETH_HLEN + c->length;
    __builtin_memset(q, 0, sizeof *q);
    q->family = c->tuple.family;
    if (q->family == 4) {
        if (!load(skb, at, h, sizeof(struct iphdr), end))
            return false;
        const struct iphdr *ip = (const void *)h;
        if (ip->version != 4 || ip->ihl != 5 || (bpf_ntohs(ip->frag_off) & FRAGMENT_OFFSET))
            return false;
        q->protocol = ip->protocol;
        q->from[0] = ip->saddr;
        q->to[0] = ip->daddr;
        at += sizeof *ip;
    } else {
        if (!load(skb, at, h, sizeof(struct ipv6hdr), end))
            return false;
        const struct ipv6hdr *ip = (const void *)h;
        if (ip->version != 6)
            return false;
        q->protocol = ip->nexthdr;
        __builtin_memcpy(q->from, &ip->saddr, 16);
        __builtin_memcpy(q->to, &ip->daddr, 16);
        at += sizeof *ip;
        c->quoted_skip = 0;
        if (q->protocol == IPPROTO_FRAGMENT) {
            if (!load(skb, at, h, sizeof(struct fragment_header), end) || LOAD(struct fragment_header, h).offset & bpf_htons(0xfff8))
                return false;
            q->protocol = h[0];
            c->quoted_skip = sizeof(struct fragment_header);
            at += sizeof(struct fragment_header);
        }
        if (q->protocol == IPPROTO_HOPOPTS || q->protocol == IPPROTO_ROUTING || q->protocol == IPPROTO_DSTOPTS ||
            q->protocol == IPPROTO_FRAGMENT)
            return false;
    }
    if (q->protocol == (q->family == 4 ? IPPROTO_ICMPV6 : IPPROTO_ICMP))
        return false;
    for (int i = 0; i < 4; i++)
        if (q->from[i] != c->tuple.to[i])
            return false;
    bool icmp = q->protocol == IPPROTO_ICMP || q->protocol == IPPROTO_ICMPV6;
    if (!has_ports(q->protocol) && !icmp)
        return true;
    if (!load(skb, at, h, 8, end))
        return false;
    if (!icmp) {
        q->from_port = LOAD(__u16, h);
        q->to_port = LOAD(__u16, h + 2);
        return true;
    }
    c->icmp = icmp_class(q->family, h[0], h[1]);
    q->from_port = q->to_port = LOAD(__u16, h + 4);
    return c->icmp == ICMP_REQUEST || c->icmp == ICMP_REPLY;
}

#endif
