/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * What is sent back for a packet that was refused: a TCP RST (RFC 9293, 3.10.7.1) or an ICMP error (RFC 792,
 * 1812, 4443), built in the context and put in the place of the packet. Never in answer to an ICMP error, a RST
 * or a later fragment, and limited for each link.
 */
#ifndef BULKHEAD_ANSWER_H
#define BULKHEAD_ANSWER_H

#include "image.h"
#include "left_over.h"
#include "maps.h"
#include "parse.h"

#define QUOTED_V4 28 /* IP header and 8 bytes (RFC 792) */
#define QUOTED_V6 56 /* 16 behind the IP header: a fragment header may stand there, and Linux wants the 8 bytes of layer 4 */
#define ANSWER_TTL 64

/* Ones' complement sum of `size` bytes (a multiple of 4) on top of `sum`. */
ever_inline __u32 sum_of(const void *at, __u32 size, __u32 sum)
{
    return (__u32)bpf_csum_diff(NULL, 0, (__be32 *)at, size, sum);
}

ever_inline __u16 sum_fold(__u32 sum)
{
    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    return (__u16)~sum;
}

/* Whether the packet's link has had less than so many in this second; one more. */
ever_inline bool budget_take(const struct context *c, __u32 of, __u32 per_second)
{
    __u32 at = c->link * BUDGETS + of;
    __u64 *budget = bpf_map_lookup_elem(&budgets, &at);
    if (!budget)
        return false;
    __u64 second = c->now / SECOND;
    __u64 b = READ_ONCE(*budget);
    if (b >> 32 != (second & 0xffffffff))
        b = second << 32;
    if ((__u32)b >= per_second)
        return false;
    WRITE_ONCE(*budget, b + 1);
    return true;
}

/* Ethernet and IP headers of an answer with `payload` bytes of layer 4; the sum of the pseudo header for ICMPv6 and TCP. */
ever_inline __u32 answer_headers(struct context *c, const struct link_entry *to, const __u32 *from, const __u32 *dest, __u8 protocol, __u32 payload)
{
    __u8 *a = c->answer.bytes;
    struct ethhdr *eth = (void *)a;
    __builtin_memcpy(eth->h_dest, to->mac, ETH_ALEN);
    __builtin_memcpy(eth->h_source, to->hub_mac, ETH_ALEN);
    if (c->tuple.family == 4) {
        eth->h_proto = bpf_htons(ETH_P_IP);
        struct iphdr ip = {
            .version = 4, .ihl = 5, .tot_len = bpf_htons((__u16)(sizeof ip + payload)), .ttl = ANSWER_TTL,
            .frag_off = bpf_htons(0x4000), .protocol = protocol, .saddr = from[0], .daddr = dest[0],
        };
        ip.check = sum_fold(sum_of(&ip, sizeof ip, 0));
        __builtin_memcpy(a + ETH_HLEN, &ip, sizeof ip);
        __be32 pseudo[3] = {from[0], dest[0], bpf_htonl((__u32)protocol << 16 | payload)};
        return sum_of(pseudo, sizeof pseudo, 0);
    }
    eth->h_proto = bpf_htons(ETH_P_IPV6);
    struct ipv6hdr ip = {.version = 6, .payload_len = bpf_htons((__u16)payload), .nexthdr = protocol, .hop_limit = ANSWER_TTL};
    __builtin_memcpy(&ip.saddr, from, 16);
    __builtin_memcpy(&ip.daddr, dest, 16);
    __builtin_memcpy(a + ETH_HLEN, &ip, sizeof ip);
    __be32 rest[2] = {bpf_htonl(payload), bpf_htonl(protocol)};
    return sum_of(&ip.saddr, 32, sum_of(rest, sizeof rest, 0));
}

/* The MAC of an attached link's far end, which no table has: of who sent the packet, or of who was heard with its destination. */
ever_inline bool answer_to_machine(struct context *c, __u32 link, bool back)
{
    if (back) {
        __builtin_memcpy(c->answer.bytes, c->head + ETH_ALEN, ETH_ALEN);
        return true;
    }
    __u32 at = HEARD_INDEX(link, c->tuple.family);
    const struct heard *h = bpf_map_lookup_elem(&heard, &at);
    if (!h || !same_v6(h->address, c->tuple.to))
        return false;
    __builtin_memcpy(c->answer.bytes, h->mac, ETH_ALEN);
    return true;
}

/*
 * Puts the first `size` bytes of the answer in the place of the packet. The kernel does not cut a packet in front of its
 * layer 4: behind long extension headers, what goes `back` to the sender keeps the rest of its own packet as padding.
 */
ever_inline bool answer_put(struct __sk_buff *skb, struct context *c, __u32 size, bool back)
{
    if (size > sizeof c->answer.bytes)
        return false;
    if (bpf_skb_change_tail(skb, size, 0) && (!back || skb->len < size))
        return false;
    return bpf_skb_store_bytes(skb, 0, c->answer.bytes, size, BPF_F_INVALIDATE_HASH) == 0;
}

/*
 * A RST to the end at `to`: to the sender (`back`), as if the other end had sent it, or to the other end, made from the
 * sender's sequence number.
 */
subprogram int put_rst(struct __sk_buff *skb, struct context *c, __u32 to_link, bool back)
{
    const struct link_entry *to = bpf_map_lookup_elem(&links, &to_link);
    if (!c || !to || to->kind == LINK_UPLINK)
        return false;
    const struct tuple *t = &c->tuple;
    struct tcphdr tcp = {.doff = 5, .rst = 1};
    if (back) {
        tcp.source = t->to_port;
        tcp.dest = t->from_port;
        if (c->tcp_flags & TCP_ACK) {
            tcp.seq = c->acknowledgement;
        } else {
            tcp.ack = 1;
            tcp.ack_seq = bpf_htonl(bpf_ntohl(c->sequence) + c->tcp_length);
        }
    } else {
        tcp.source = t->from_port;
        tcp.dest = t->to_port;
        tcp.seq = c->sequence;
        tcp.ack_seq = c->acknowledgement;
        tcp.ack = !!(c->tcp_flags & TCP_ACK);
    }
    __u32 pseudo = answer_headers(c, to, back ? t->to : t->from, back ? t->from : t->to, IPPROTO_TCP, sizeof tcp);
    if (to->kind == LINK_ATTACHED && !answer_to_machine(c, to_link, back))
        return false;
    __u32 l4 = ETH_HLEN + (t->family == 4 ? sizeof(struct iphdr) : sizeof(struct ipv6hdr));
    int left = to->kind == LINK_ATTACHED ? left_over_at(skb) : 0;
    if (left && left != (int)(l4 + offsetof(struct tcphdr, check)))
        return false;
    /* The answer takes the packet's place, and so leaves to an interface what the packet left. */
    tcp.check = left ? (__u16)~sum_fold(pseudo) : sum_fold(sum_of(&tcp, sizeof tcp, pseudo));
    if (t->family == 4) {
        __builtin_memcpy(c->answer.bytes + ETH_HLEN + sizeof(struct iphdr), &tcp, sizeof tcp);
        return answer_put(skb, c, ETH_HLEN + sizeof(struct iphdr) + sizeof tcp, back);
    }
    __builtin_memcpy(c->answer.bytes + ETH_HLEN + sizeof(struct ipv6hdr), &tcp, sizeof tcp);
    return answer_put(skb, c, ETH_HLEN + sizeof(struct ipv6hdr) + sizeof tcp, back);
}

struct icmp_message {
    __u8 type, code;
    __u16 check;
    __be32 word; /* MTU, or unused */
};

/* Type and code for a reason. */
ever_inline struct icmp_message icmp_of(__u8 family, __u8 reason, __u32 mtu)
{
    if (reason == REASON_TTL)
        return (struct icmp_message){.type = family == 4 ? 11 : 3};
    if (reason == REASON_TOO_BIG)
        return family == 4 ? (struct icmp_message){.type = 3, .code = 4, .word = bpf_htonl(mtu)}
                           : (struct icmp_message){.type = 2, .word = bpf_htonl(mtu)};
    /* communication administratively prohibited */
    return family == 4 ? (struct icmp_message){.type = 3, .code = 13} : (struct icmp_message){.type = 1, .code = 1};
}

/* A packet that is shorter than what is quoted is filled up with zeros, not with what stands behind its end. */
ever_inline void clear_behind(struct context *c, __u8 *quoted, __u32 header, __u32 size)
{
    UNROLLED
    for (__u32 i = header; i < size; i++)
        if (i >= c->length)
            quoted[i] = 0;
}

subprogram int put_icmp(struct __sk_buff *skb, struct context *c, __u32 mtu)
{
    if (!c)
        return false;
    __u32 at = c->link;
    const struct link_entry *link = bpf_map_lookup_elem(&links, &at);
    if (!link)
        return false;
    __u8 *a = c->answer.bytes;
    struct icmp_message m = icmp_of(c->tuple.family, c->reason, mtu);
    if (c->tuple.family == 4) {
        if (!link->hub_v4)
            return false;
        __u8 *icmp = a + ETH_HLEN + sizeof(struct iphdr);
        answer_headers(c, link, &link->hub_v4, c->tuple.from, IPPROTO_ICMP, sizeof m + QUOTED_V4);
        if (link->kind == LINK_ATTACHED)
            answer_to_machine(c, at, true);
        __u8 *quoted = icmp + sizeof m;
        __builtin_memcpy(quoted, c->head + ETH_HLEN, QUOTED_V4);
        clear_behind(c, quoted, sizeof(struct iphdr), QUOTED_V4);
        m.check = sum_fold(sum_of(quoted, QUOTED_V4, sum_of(&m, sizeof m, 0)));
        __builtin_memcpy(icmp, &m, sizeof m);
        return answer_put(skb, c, ETH_HLEN + sizeof(struct iphdr) + sizeof m + QUOTED_V4, true);
    }
    if (!link->hub_v6[0])
        return false;
    __u8 *icmp = a + ETH_HLEN + sizeof(struct ipv6hdr);
    __u32 pseudo = answer_headers(c, link, link->hub_v6, c->tuple.from, IPPROTO_ICMPV6, sizeof m + QUOTED_V6);
    if (link->kind == LINK_ATTACHED)
        answer_to_machine(c, at, true);
    __u8 *quoted = icmp + sizeof m;
    __builtin_memcpy(quoted, c->head + ETH_HLEN, QUOTED_V6);
    clear_behind(c, quoted, sizeof(struct ipv6hdr), QUOTED_V6);
    m.check = sum_fold(sum_of(quoted, QUOTED_V6, sum_of(&m, sizeof m, pseudo)));
    __builtin_memcpy(icmp, &m, sizeof m);
    return answer_put(skb, c, ETH_HLEN + sizeof(struct ipv6hdr) + sizeof m + QUOTED_V6, true);
}

ever_inline bool reason_is_answered(__u8 reason)
{
    return reason == REASON_REVOKED || reason == REASON_DENY_RULE || reason == REASON_WINDOW_CLOSED ||
        reason == REASON_DEFAULT_DENY || reason == REASON_NO_SESSION || reason == REASON_SESSION_TABLE_FULL ||
        reason == REASON_TOO_BIG || reason == REASON_TTL;
}

/* The action for a packet that was refused: an answer on the link it came from, or nothing. */
subprogram int answer(struct __sk_buff *skb, struct context *c, bool silent, __u32 mtu)
{
    if (!c)
        return TC_ACT_SHOT;
    __u32 at = c->link;
    const struct link_entry *link = bpf_map_lookup_elem(&links, &at);
    if (!link || !reason_is_answered(c->reason) || c->part == PART_LATER || c->icmp == ICMP_ERROR)
        return TC_ACT_SHOT;
    bool about_delivery = c->reason == REASON_TOO_BIG || c->reason == REASON_TTL;
    if (silent && !about_delivery)
        return TC_ACT_SHOT;
    bool tcp = c->tuple.protocol == IPPROTO_TCP;
    if ((tcp && c->tcp_flags & TCP_RST) || !budget_take(c, BUDGET_ANSWERS, link->answers_per_second))
        return TC_ACT_SHOT;
    if (c->reason == REASON_REVOKED && tcp && c->other_link) {
        if (put_rst(skb, c, c->other_link, false))
            bpf_clone_redirect(skb, c->other_link, 0);
    }
    if (link->kind == LINK_UPLINK && !about_delivery)
        return TC_ACT_SHOT;
    bool ready = tcp && !about_delivery ? put_rst(skb, c, c->link, true) : put_icmp(skb, c, mtu);
    return ready ? (int)bpf_redirect(c->link, 0) : TC_ACT_SHOT;
}

#endif
