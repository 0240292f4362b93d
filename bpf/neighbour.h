/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Neighbours on an attached interface (docs/packets.md, section 1): the hub answers ARP (RFC 826) and neighbour
 * discovery (RFC 4861) for the addresses of segments that are not the workload's own, and its own stack, which forwards
 * nothing, sees the answers to its own questions, and no other frame.
 */
#ifndef BULKHEAD_NEIGHBOUR_H
#define BULKHEAD_NEIGHBOUR_H

#include "answer.h"
#include "image.h"

#define NEIGHBOUR_SOLICITATION 135
#define NEIGHBOUR_ADVERTISEMENT 136
#define ADVERTISED_ROUTER 0x80 /* flags of an advertisement, first octet */
#define ADVERTISED_SOLICITED 0x40
#define ADVERTISED_OVERRIDE 0x20
#define NEIGHBOUR_HOP_LIMIT 255

struct arp_frame {
    __u8 to[6], from[6];
    __u16 type;
    __u16 hardware, protocol;
    __u8 hardware_length, protocol_length;
    __u16 operation;
    __u8 sender_mac[6];
    __u8 sender[4];
    __u8 target_mac[6];
    __u8 target[4];
} __attribute__((packed));

#define ARP_REQUEST 1
#define ARP_REPLY 2

/* A neighbour solicitation, or an advertisement, up to its target. */
struct solicitation {
    __u8 to_mac[6], from_mac[6];
    __u16 ethernet_type;
    __u8 version; /* in the upper half */
    __u8 label[3];
    __u16 length;
    __u8 next_header, hop_limit;
    __u32 from[4], to[4];
    __u8 type, code;
    __u16 check;
    __u32 flags;
    __u32 target[4];
} __attribute__((packed, aligned(2)));

struct advertisement_body {
    __u8 type, code;
    __u16 check;
    __u8 flags, reserved[3];
    __u32 target[4];
    __u8 option_type, option_length; /* the target's link-layer address: 2; in units of 8 octets: 1 */
    __u8 mac[6];
} __attribute__((packed, aligned(4)));

struct advertisement {
    __u8 to[6], from[6];
    __u16 ethernet_type;
    __u8 before[7], hop_limit;
    __u32 ends[8];
    struct advertisement_body body;
} __attribute__((packed, aligned(2)));

#define AF_INET 2
#define AF_INET6 10

#define HEARD (30 * SECOND) /* so long a learnt MAC is believed before neighbours are asked again (RFC 4861: ReachableTime) */

#define GO_ON (-1) /* not neighbours' talk: judge it */

/* The hub speaks for the address, which c->flow.to holds, on c->link. */
subprogram bool speaks_for(struct context *c)
{
    if (!c || !unicast(c->flow.family, c->flow.to))
        return false;
    void *image;
    const struct image_header *h;
    if (!image_of(c, &image, &h))
        return false;
    struct found f;
    find_address(image, h, c->flow.family, c->flow.to, &f);
    return f.endpoint ? f.link != c->link : f.to_class & CLASS_INSIDE;
}

subprogram int answer_arp(struct __sk_buff *skb, struct context *c)
{
    if (!c)
        return GO_ON;
    __u32 at = c->link;
    const struct link_entry *link = bpf_map_lookup_elem(&links, &at);
    struct arp_frame *in = (void *)c->head, *out = (void *)c->answer.bytes;
    if (!link || bpf_skb_load_bytes(skb, 0, c->head, sizeof *in))
        return GO_ON;
    if (in->hardware != bpf_htons(1) || in->protocol != bpf_htons(ETH_P_IP) || in->hardware_length != ETH_ALEN || in->protocol_length != 4)
        return GO_ON;
    if (in->operation == bpf_htons(ARP_REPLY))
        return same_mac(in->to, link->hub_mac) ? TC_ACT_OK : GO_ON;
    c->flow.family = 4;
    __builtin_memcpy(c->flow.to, in->target, 4);
    if (in->operation != bpf_htons(ARP_REQUEST) || !speaks_for(c))
        return GO_ON;
    *out = *in;
    __builtin_memcpy(out->to, in->sender_mac, ETH_ALEN);
    __builtin_memcpy(out->from, link->hub_mac, ETH_ALEN);
    out->operation = bpf_htons(ARP_REPLY);
    __builtin_memcpy(out->sender_mac, link->hub_mac, ETH_ALEN);
    __builtin_memcpy(out->sender, in->target, 4);
    __builtin_memcpy(out->target_mac, in->sender_mac, ETH_ALEN);
    __builtin_memcpy(out->target, in->sender, 4);
    if (bpf_skb_store_bytes(skb, 0, out, sizeof *out, 0))
        return TC_ACT_SHOT;
    return (int)bpf_redirect(at, 0);
}

/* The advertisement for the solicitation in c->head, in place of the packet. */
subprogram int advertise(struct __sk_buff *skb, struct context *c)
{
    if (!c)
        return TC_ACT_SHOT;
    __u32 at = c->link;
    const struct link_entry *link = bpf_map_lookup_elem(&links, &at);
    if (!link)
        return TC_ACT_SHOT;
    const struct solicitation *in = (const void *)c->head;
    struct advertisement *out = (void *)c->answer.bytes;
    bool solicited = in->from[0] || in->from[1] || in->from[2] || in->from[3];
    __u32 to[4];
    for (int i = 0; i < 4; i++) /* the sender has no address yet: all nodes, ff02::1 */
        to[i] = solicited ? in->from[i] : i == 0 ? bpf_htonl(0xff020000) : i == 3 ? bpf_htonl(1) : 0;
    c->tuple.family = 6;
    __u32 pseudo = answer_headers(c, link, in->target, to, IPPROTO_ICMPV6, sizeof out->body);
    struct advertisement_body body = {
        .type = NEIGHBOUR_ADVERTISEMENT,
        .flags = ADVERTISED_OVERRIDE | (solicited ? ADVERTISED_SOLICITED : 0) | (same_v6(in->target, link->hub_v6) ? ADVERTISED_ROUTER : 0),
        .option_type = 2,
        .option_length = 1,
    };
    __builtin_memcpy(body.target, in->target, sizeof body.target);
    __builtin_memcpy(body.mac, link->hub_mac, ETH_ALEN);
    body.check = sum_fold(sum_of(&body, sizeof body, pseudo));
    out->body = body;
    out->hop_limit = NEIGHBOUR_HOP_LIMIT;
    __builtin_memcpy(out->to, in->from_mac, ETH_ALEN);
    if (!solicited) { /* RFC 2464, 7 */
        out->to[0] = out->to[1] = 0x33;
        out->to[2] = out->to[3] = out->to[4] = 0;
        out->to[5] = 1;
    }
    return answer_put(skb, c, sizeof *out, true) ? (int)bpf_redirect(at, 0) : TC_ACT_SHOT;
}

/* The hub's own link-local address, made from its MAC (RFC 4291, appendix A). */
ever_inline bool is_own_link_local(const __u32 *address, const __u8 *mac)
{
    return address[0] == bpf_htonl(0xfe800000) && !address[1] &&
        address[2] == bpf_htonl((__u32)(mac[0] ^ 2) << 24 | (__u32)mac[1] << 16 | (__u32)mac[2] << 8 | 0xff) &&
        address[3] == bpf_htonl(0xfe000000u | (__u32)mac[3] << 16 | (__u32)mac[4] << 8 | mac[5]);
}

subprogram int answer_solicitation(struct __sk_buff *skb, struct context *c)
{
    if (!c)
        return GO_ON;
    __u32 at = c->link;
    const struct link_entry *link = bpf_map_lookup_elem(&links, &at);
    const struct solicitation *in = (const void *)c->head;
    if (!link || bpf_skb_load_bytes(skb, 0, c->head, sizeof *in))
        return GO_ON;
    if (in->version >> 4 != 6 || in->next_header != IPPROTO_ICMPV6 || in->hop_limit != NEIGHBOUR_HOP_LIMIT || in->code)
        return GO_ON;
    if (in->type == NEIGHBOUR_ADVERTISEMENT)
        return same_mac(in->to_mac, link->hub_mac) ? TC_ACT_OK : GO_ON;
    if (in->type != NEIGHBOUR_SOLICITATION)
        return GO_ON;
    if (is_own_link_local(in->target, link->hub_mac))
        return advertise(skb, c);
    c->flow.family = 6;
    __builtin_memcpy(c->flow.to, in->target, sizeof c->flow.to);
    return speaks_for(c) ? advertise(skb, c) : GO_ON;
}

/* The action for neighbours' talk, or GO_ON. */
ever_inline int neighbours(struct __sk_buff *skb, struct context *c)
{
    if (skb->vlan_present)
        return GO_ON;
    if (skb->protocol == bpf_htons(ETH_P_ARP))
        return answer_arp(skb, c);
    return skb->protocol == bpf_htons(ETH_P_IPV6) ? answer_solicitation(skb, c) : GO_ON;
}

/*
 * By the attached interface to the workload behind it. Several machines may stand there, with an address each: one that was
 * heard lately gets the frame at the MAC that it was heard with, any other is found by the hub's own stack.
 */
subprogram int to_neighbour(struct __sk_buff *skb, const struct context *c, __u32 link)
{
    if (!c)
        return TC_ACT_SHOT;
    __u32 at = HEARD_INDEX(link, c->tuple.family);
    const struct heard *h = bpf_map_lookup_elem(&heard, &at);
    if (h && h->when && c->now - h->when < HEARD && same_v6(h->address, c->tuple.to)) {
        __u8 mac[ETH_ALEN];
        __builtin_memcpy(mac, h->mac, sizeof mac);
        return bpf_skb_store_bytes(skb, 0, mac, sizeof mac, 0) ? TC_ACT_SHOT : (int)bpf_redirect(link, 0);
    }
    struct bpf_redir_neigh next = {.nh_family = c->tuple.family == 4 ? AF_INET : AF_INET6};
    __builtin_memcpy(next.ipv6_nh, c->tuple.to, sizeof next.ipv6_nh);
    return (int)bpf_redirect_neigh(link, &next, sizeof next, 0);
}

/* With which MAC the sender was heard. */
subprogram int learn_mac(struct __sk_buff *skb, const struct context *c)
{
    __u8 mac[ETH_ALEN];
    if (!c || bpf_skb_load_bytes(skb, ETH_ALEN, mac, sizeof mac))
        return 0;
    __u32 at = HEARD_INDEX(c->link, c->tuple.family);
    struct heard *h = bpf_map_lookup_elem(&heard, &at);
    if (!h)
        return 0;
    __builtin_memcpy(h->address, c->tuple.from, sizeof h->address);
    __builtin_memcpy(h->mac, mac, sizeof mac);
    h->when = c->now;
    return 0;
}

#endif
