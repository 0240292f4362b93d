// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * The datapath: what happens to a packet that comes in on one of the hub's links. The steps are those of
 * docs/packets.md; src/decide/packet.c is the reference that this is tested against.
 */
#include "judge.h"
#include "left_over.h"
#include "neighbour.h"
#include "sweep.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

ever_inline void count(__u32 link, __u32 side, __u32 reason, __u32 bytes)
{
    __u32 at = COUNTER_INDEX(link, side, reason);
    struct counter *k = bpf_map_lookup_elem(&counters, &at);
    if (k) {
        k->packets++;
        k->bytes += bytes;
    }
}

/* ff02::16: every Linux host reports its multicast groups there when a link comes up (RFC 3810). Counted, not told. */
ever_inline bool is_group_report(const struct tuple *t)
{
    return t->family == 6 && t->to[0] == bpf_htonl(0xff020000) && !t->to[1] && !t->to[2] && t->to[3] == bpf_htonl(0x16);
}

/*
 * Tell user space, unless the same was told within this second. Never blocks; what is lost is counted. What is told of a
 * session is told in its own direction.
 */
subprogram int tell(struct context *c, __u32 kind)
{
    if (!c)
        return 0;
    bool turned = c->backwards && c->allowed;
    __u32 from_link = turned ? c->to_link : c->link;
    /* A session begins once; only refusals repeat. */
    if (kind == EVENT_REFUSED) {
        if (is_group_report(&c->tuple))
            return 0;
        set_key(c, &c->tuple);
        __u64 hash = image_hash_mix(c->hash ^ ((__u64)c->reason << 40 | (__u64)from_link << 8 | kind << 1 | (c->direction ^ turned)));
        __u32 at = (__u32)hash & (EVENT_CELLS - 1);
        __u64 mark = (hash & 0xffffffff00000000ull) | ((c->now / SECOND) & 0xffffffff);
        __u64 *cell = bpf_map_lookup_elem(&event_cells, &at);
        if (!cell || READ_ONCE(*cell) == mark)
            return 0;
        WRITE_ONCE(*cell, mark);
    }
    __u32 zero = 0;
    struct control *ctl = bpf_map_lookup_elem(&control, &zero);
    if (!ctl)
        return 0;
    struct event *e = bpf_ringbuf_reserve(&events, sizeof *e, 0);
    if (!e && budget_take(c, BUDGET_EVENTS, EVENTS_BY_RIGHT))
        e = bpf_ringbuf_reserve(&events_by_right, sizeof *e, 0);
    if (!e) {
        __sync_fetch_and_add(&ctl->lost_events, 1);
        return 0;
    }
    e->time = c->now;
    e->id = __sync_fetch_and_add(&ctl->last_event, 1) + 1;
    e->generation = c->generation;
    e->rule = c->rule;
    e->from_link = from_link;
    e->to_link = turned ? c->link : c->to_link;
    __builtin_memcpy(e->from, turned ? c->tuple.to : c->tuple.from, 16);
    __builtin_memcpy(e->to, turned ? c->tuple.from : c->tuple.to, 16);
    e->from_port = bpf_ntohs(turned ? c->tuple.to_port : c->tuple.from_port);
    e->to_port = bpf_ntohs(turned ? c->tuple.from_port : c->tuple.to_port);
    e->bytes = c->length;
    e->family = c->tuple.family;
    e->protocol = c->tuple.protocol;
    e->reason = c->reason;
    e->enforced = !c->observed;
    e->kind = kind;
    bpf_ringbuf_submit(e, 0);
    return 0;
}

/* The frame's beginning for who captures; as it came in, but for the addresses of what could not be written to. */
subprogram int capture(struct __sk_buff *skb, const struct context *c)
{
    __u32 zero = 0, size = skb->len;
    struct control *ctl = bpf_map_lookup_elem(&control, &zero);
    if (!c || !ctl || !size)
        return 0;
    struct captured_packet *k = bpf_ringbuf_reserve(&captures, sizeof *k, 0);
    if (!k) {
        __sync_fetch_and_add(&ctl->lost_captures, 1);
        return 0;
    }
    if (size > CAPTURE_BYTES)
        size = CAPTURE_BYTES;
    k->time = bpf_ktime_get_ns();
    k->generation = c->generation;
    k->rule = c->rule;
    k->from_link = c->link;
    k->to_link = c->to_link;
    k->length = skb->len;
    k->size = (__u16)size;
    k->vlan_protocol = skb->vlan_present ? (__u16)skb->vlan_proto : 0;
    k->vlan_control = (__u16)skb->vlan_tci;
    k->reason = c->reason;
    __builtin_memset(k->reserved, 0, sizeof k->reserved);
    __u32 more = size - 1; /* so that the verifier of Linux 6.1 sees 1 to 256 */
    opaque(more);
    if (bpf_skb_load_bytes(skb, 0, k->bytes, (more & (CAPTURE_BYTES - 1)) + 1))
        k->size = 0;
    bpf_ringbuf_submit(k, 0);
    return 0;
}

/* Length of an IP packet, or of each segment that a GSO packet will become. */
ever_inline __u32 segment_length(const struct __sk_buff *skb, const struct context *c)
{
    if (!skb->gso_size)
        return c->length;
    __u32 l4 = c->tuple.protocol == IPPROTO_TCP ? c->tcp_header : 8;
    return c->l4 - ETH_HLEN + l4 + skb->gso_size;
}

/* Writes the new MACs and counts the hop. */
ever_inline bool rewrite(struct __sk_buff *skb, const struct context *c, const struct link_entry *to)
{
    __u32 need = ETH_HLEN + (c->tuple.family == 4 ? sizeof(struct iphdr) : sizeof(struct ipv6hdr));
    void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
    if (unlikely(data + ETH_HLEN + sizeof(struct ipv6hdr) > end && data + need > end)) {
        if (bpf_skb_pull_data(skb, need))
            return false;
        data = (void *)(long)skb->data;
        end = (void *)(long)skb->data_end;
    }
    struct ethhdr *eth = data;
    if (c->tuple.family == 4) {
        struct iphdr *ip = data + ETH_HLEN;
        if ((void *)(ip + 1) > end)
            return false;
        /* RFC 1624: HC' = ~(~HC + ~m + m') for the word that holds the TTL */
        __u32 check = (__u32)ip->check + bpf_htons(0x0100);
        ip->check = (__u16)(check + (check >= 0xffff));
        ip->ttl--;
    } else {
        struct ipv6hdr *ip = data + ETH_HLEN;
        if ((void *)(ip + 1) > end)
            return false;
        ip->hop_limit--;
    }
    __builtin_memcpy(eth->h_dest, to->mac, ETH_ALEN);
    __builtin_memcpy(eth->h_source, to->hub_mac, ETH_ALEN);
    return true;
}

/* What came or goes by the uplink gets the address that it is known by on its way. */
ever_inline bool translated(struct __sk_buff *skb, struct context *c, const struct link_entry *to)
{
    bool leaves = to->kind == LINK_UPLINK && c->port;
    if (likely(!c->arrived && !leaves))
        return true;
    return !translate(skb, c, c->to_link);
}

/* Beyond attached interfaces and namespaces, and the uplink, what a sender left to them is written into the packet. */
ever_inline bool stays_as_decided(struct __sk_buff *skb, const struct context *c, const struct link_entry *to)
{
    return (to->kind == LINK_WORKLOAD && !to->passes_on) || left_over_is_checksum(skb, c);
}

/* 8.2 and 8.3, and away. The action, or -1 when the context says why not. */
ever_inline int deliver(struct __sk_buff *skb, struct context *c, __u32 *ret_mtu)
{
    __u32 at = c->to_link;
    const struct link_entry *to = bpf_map_lookup_elem(&links, &at);
    if (!to || to->kind == LINK_NONE) {
        c->reason = REASON_NOT_RUNNING;
    } else if (unlikely(segment_length(skb, c) > to->mtu)) {
        c->reason = REASON_TOO_BIG;
        *ret_mtu = to->mtu;
    } else if (unlikely(c->ttl <= 1)) {
        c->reason = REASON_TTL;
    } else if (likely(stays_as_decided(skb, c, to) && translated(skb, c, to) && rewrite(skb, c, to))) {
        return to->kind == LINK_ATTACHED ? to_neighbour(skb, c, at) : (int)bpf_redirect_peer(at, 0);
    } else {
        c->reason = REASON_MALFORMED;
    }
    c->allowed = c->observed = 0;
    return -1;
}

ever_inline void context_reset(struct context *c)
{
    __builtin_memset(&c->tuple, 0, sizeof c->tuple);
    c->part = c->icmp = c->tcp_flags = c->far_known = 0;
    c->allowed = c->observed = c->timed = c->fresh = c->follows = c->backwards = c->direction = 0;
    c->port = c->port_before = c->published = c->reply_port = 0;
    c->at_outer = c->arrived = c->nat = c->leads = 0;
    c->reason = REASON_MALFORMED;
    c->rule = NO_RULE;
    c->from_link = c->to_link = c->other_link = 0;
    c->length = 0;
}

SEC("tc")
int bulkhead_packet(struct __sk_buff *skb)
{
    __u32 zero = 0, at = skb->ifindex;
    struct control *ctl = bpf_map_lookup_elem(&control, &zero);
    struct context *c = bpf_map_lookup_elem(&scratch, &zero);
    if (!ctl || !c)
        return TC_ACT_SHOT;
    context_reset(c);
    c->link = at;
    c->now = clock_now(ctl, c);
    c->generation = generation_in_force(ctl, c->now);
    const struct link_entry *link = bpf_map_lookup_elem(&links, &at);
    if (!link || link->kind == LINK_NONE) {
        c->reason = REASON_IDENTITY_UNKNOWN;
        count(0, COUNTER_SOURCE, c->reason, skb->len);
        return TC_ACT_SHOT;
    }
    int action = -1;
    if (unlikely(link->kind == LINK_ATTACHED)) {
        action = neighbours(skb, c);
        if (action != GO_ON)
            return action;
    }
    judge(skb, c, link);
    if (unlikely(link->kind == LINK_ATTACHED && c->reason > REASON_SPOOFED_SOURCE)) /* before the MACs are written anew */
        learn_mac(skb, c);
    __u32 mtu = 0;
    if (likely(c->allowed)) {
        action = deliver(skb, c, &mtu);
        if (unlikely(action >= 0 && (c->fresh || (c->observed && !c->follows))))
            tell(c, c->observed ? EVENT_REFUSED : EVENT_STARTED);
    }
    if (unlikely(c->part == PART_FIRST && c->reason > REASON_NOT_UNICAST))
        fragment_begin(c, action >= 0);
    __u32 observed = c->observed ? COUNTER_OBSERVED : 0;
    count(at, COUNTER_SOURCE + observed, c->reason, c->length);
    if (c->to_link)
        count(c->to_link, COUNTER_TARGET + observed, c->reason, c->length);
    if (config.test_clock)
        ctl->test_verdict = (struct test_verdict){
            .reason = c->reason, .rule = c->rule, .to_link = c->to_link, .passes = action >= 0, .observed = c->observed};
    if (likely(action >= 0))
        return action;
    tell(c, EVENT_REFUSED);
    if (unlikely(c->now < READ_ONCE(ctl->capture_until)))
        capture(skb, c);
    load_head(skb, c); /* what answers quote */
    void *image;
    const struct image_header *h;
    bool silent = image_of(c, &image, &h) && h->refuse_drop;
    action = answer(skb, c, silent, mtu);
    if (config.test_clock)
        ctl->test_verdict.answered = action != TC_ACT_SHOT;
    return action;
}
