/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Whether a packet may pass, why, and where to: sections 3 to 8.1 and the coming in of 9 of docs/packets.md. What belongs
 * to a session is follow.h's.
 */
#ifndef BULKHEAD_JUDGE_H
#define BULKHEAD_JUDGE_H

#include "follow.h"
#include "uplink.h"

/*
 * A session that began at a workload, found by its outer port (9.2, 9.3): c->tuple, or the quoted one in c->flow, is inner.
 */
subprogram int try_translated(struct context *c, bool quoted)
{
    if (!c)
        return OUTCOME_NONE;
    struct tuple *t = quoted ? &c->flow : &c->tuple;
    set_key(c, t);
    c->reply_port = c->wire_port;
    int outcome = OUTCOME_NONE;
    struct session *s = session_find(c, c->direction ^ !quoted);
    if (s)
        outcome = quoted ? try_confirmed(c, s, true, true) : try_confirmed(c, s, false, false);
    if (outcome == OUTCOME_NONE)
        outcome = try_pending(c, quoted, quoted);
    c->reply_port = 0;
    return outcome;
}

/* A packet to the outer address: whose it is, and the inner address in its place. OUTCOME_DONE: its session was found. */
subprogram int arrive(struct context *c)
{
    if (!c)
        return OUTCOME_NONE;
    __builtin_memcpy(c->wire, c->tuple.to, 16);
    c->wire_port = c->tuple.to_port;
    if (may_be_reply(c, false) && translatable(c->tuple.protocol)) {
        translation_key(c, c->tuple.from, c->tuple.from_port, c->wire_port, c->tuple.protocol);
        if (translation_do(c, TRANSLATION_FIND)) {
            take_inner(c, false);
            if (try_translated(c, false) != OUTCOME_NONE)
                return OUTCOME_DONE;
            take_outer_again(c, false);
        }
    }
    if (publish_arrive(c, false)) {
        take_inner(c, false);
        c->published = c->wire_port;
        c->leads = 1;
    }
    return OUTCOME_NONE;
}

/* The same for an error: what it quotes is in c->flow. */
ever_inline int arrive_quoted(struct context *c)
{
    if (!c)
        return OUTCOME_NONE;
    __builtin_memcpy(c->wire, c->tuple.to, 16);
    c->wire_port = c->flow.from_port;
    if (translatable(c->flow.protocol)) {
        translation_key(c, c->flow.to, c->flow.to_port, c->wire_port, c->flow.protocol);
        if (c->icmp != ICMP_REPLY && translation_do(c, TRANSLATION_FIND)) {
            take_inner(c, true);
            c->quoted_port = c->flow.from_port;
            if (try_translated(c, true) != OUTCOME_NONE)
                return OUTCOME_DONE;
            take_outer_again(c, true);
        }
    }
    if (publish_arrive(c, true)) {
        take_inner(c, true);
        c->quoted_port = c->flow.from_port;
    }
    return OUTCOME_NONE;
}

/* A new session begins: unconfirmed. False: it would need an outer port, and there is none. */
ever_inline bool begin(struct context *c)
{
    if (unlikely(c->arrived))
        c->port = c->wire_port;
    else if (unlikely(c->nat) && !translation_make(c))
        return false;
    pending_insert(c);
    struct session *s = session_find(c, c->direction ^ 1);
    if (s)
        s->crossed = 1;
    c->fresh = 1;
    return true;
}

/* The packet has a decision that lets it pass: can it be delivered (8.1)? */
ever_inline bool deliverable(struct context *c)
{
    if (c->delivery == REASON_RULE)
        return true;
    c->reason = c->delivery;
    c->allowed = c->observed = 0;
    return false;
}

/* Decide the packet's own tuple; false, and refused, when its source does not belong to where it came in (3.2). */
ever_inline bool decide_packet(struct context *c)
{
    c->flow = c->tuple;
    decide(c, c->link);
    if (c->reason != REASON_SPOOFED_SOURCE)
        return true;
    refuse(c, REASON_SPOOFED_SOURCE);
    return false;
}

ever_inline bool is_adopted(const struct context *c, __u32 link)
{
    const struct link_entry *e = bpf_map_lookup_elem(&links, &link);
    return e && c->now < e->adopt_until;
}

ever_inline bool is_uplink(__u32 link)
{
    return link && link == config.uplink;
}

/*
 * 6.4: a session in the middle of its life, of a workload that is being adopted. c->flow, the packet's own, was decided.
 * False: nothing was done but to c->flow and its decision.
 */
subprogram int adopt(struct context *c)
{
    if (!c || (c->tcp_flags & (TCP_ACK | TCP_SYN | TCP_RST)) != TCP_ACK)
        return false;
    __u32 from = c->link, to = c->to_link;
    __u8 delivery = c->delivery;
    if (!to || is_uplink(from) || is_uplink(to) || (!is_adopted(c, from) && !is_adopted(c, to)))
        return false;
    bool forward = c->allowed && !c->observed;
    if (!forward) {
        reverse_flow(c);
        c->far_known = 0;
        decide(c, to);
        if (!c->allowed || c->observed)
            return false;
    }
    struct pending *p = &c->pending;
    p->from_link = (__u16)(forward ? from : to);
    p->to_link = (__u16)(forward ? to : from);
    p->state = tcp_state(c, 0, forward);
    p->port = 0;
    c->to_link = to;
    c->delivery = delivery;
    if (delivery != REASON_RULE)
        return true;
    c->pending_stamp = make_stamp(c, c->hash);
    c->direction ^= !forward;
    if (!confirm(c))
        refuse(c, REASON_SESSION_TABLE_FULL);
    c->direction ^= !forward;
    c->fresh = c->allowed;
    c->backwards = !forward;
    return true;
}

/*
 * A session that another processor confirmed after this packet was looked for among the confirmed ones and before it was
 * among the unconfirmed ones.
 */
subprogram int look_again(struct context *c)
{
    struct session *s = c ? session_seek(c, KEY_ANY) : NULL;
    return s ? try_confirmed(c, s, s->key.direction == c->direction, false) : OUTCOME_NONE;
}

/* A packet of no session: 6.4 and 6.5. */
subprogram int judge_new(struct context *c)
{
    if (!c)
        return 0;
    c->follows = c->backwards = 0;
    if (!decide_packet(c))
        return 0;
    if (unlikely(c->tuple.protocol == IPPROTO_TCP && !plain_syn(c))) {
        if (look_again(c) == OUTCOME_DONE)
            return 0;
        bool observed = c->classes_observed;
        __u8 delivery = c->delivery, nat = c->nat;
        __u32 to_link = c->to_link;
        if (adopt(c)) {
            deliverable(c);
            return 0;
        }
        c->classes_observed = observed;
        c->delivery = delivery;
        c->nat = nat;
        c->to_link = to_link;
    }
    if ((c->tuple.protocol == IPPROTO_TCP && !plain_syn(c)) || c->icmp == ICMP_REPLY) {
        bool observed = c->classes_observed;
        refuse(c, REASON_NO_SESSION);
        c->observed = c->allowed = observed;
        if (c->nat) /* without a session there is nothing to translate it to */
            c->delivery = REASON_NO_UPLINK;
        if (observed)
            deliverable(c);
        return 0;
    }
    if (c->allowed && deliverable(c) && !begin(c))
        refuse(c, REASON_SESSION_TABLE_FULL);
    return 0;
}

/* Apart from judge_error, whose stack it would make too deep together with what it calls. */
subprogram int try_quoted(struct context *c)
{
    if (!c)
        return OUTCOME_NONE;
    c->flow = c->quoted;
    set_key(c, &c->flow);
    return try_sessions(c, true);
}

/* 7. An ICMP error: passes when what it quotes belongs to a session. */
subprogram int judge_error(struct __sk_buff *skb, struct context *c)
{
    if (!c)
        return 0;
    if (!decide_packet(c))
        return 0;
    int outcome = OUTCOME_NONE;
    bool told = parse_quoted(skb, c);
    c->quoted_protocol = c->flow.protocol;
    c->quoted_port = is_echo(c->flow.protocol) ? c->flow.from_port : c->flow.to_port;
    if (told && c->at_outer)
        outcome = arrive_quoted(c);
    c->quoted = c->flow;
    if (outcome == OUTCOME_NONE && c->arrived)
        (void)decide_packet(c); /* for the inner destination */
    bool observed = c->classes_observed;
    __u8 delivery = c->nat ? REASON_NO_UPLINK : c->delivery;
    __u32 to_link = c->to_link;
    if (told && outcome == OUTCOME_NONE)
        outcome = try_quoted(c);
    c->icmp = ICMP_ERROR; /* and not what it quotes */
    if (outcome == OUTCOME_DONE)
        return 0;
    refuse(c, REASON_NO_SESSION);
    c->observed = c->allowed = observed;
    c->delivery = delivery;
    c->to_link = to_link;
    if (observed)
        deliverable(c);
    return 0;
}

ever_inline struct fragment_set *fragment_set_of(const struct context *c)
{
    const struct tuple *t = &c->tuple;
    const __u32 *to = c->arrived ? c->wire : t->to; /* as it came in */
    __u64 hash = image_hash_mix(((__u64)t->from[0] << 32 | to[0]) ^ ((__u64)t->from[3] << 32 | to[3]) ^
        ((__u64)c->identification << 16 | t->family) * 0x9e3779b97f4a7c15ull);
    __u32 at = c->link * FRAGMENT_SETS + ((__u32)hash & (FRAGMENT_SETS - 1));
    return bpf_map_lookup_elem(&fragments, &at);
}

ever_inline bool fragment_is(const struct fragment *f, const struct context *c)
{
    return f->expires && f->identification == c->identification && f->family == c->tuple.family &&
        f->protocol == c->fragment_protocol && same_v6(f->from, c->tuple.from) && same_v6(f->to, c->arrived ? c->wire : c->tuple.to);
}

/* 4. Remember where the rest of a first fragment goes, or that it goes nowhere. */
subprogram int fragment_begin(struct context *c, bool passes)
{
    if (!c)
        return 0;
    struct fragment_set *set = fragment_set_of(c);
    if (!set)
        return 0;
    __u64 stamp = make_stamp(c, 0);
    __u32 at = 0;
    __u64 oldest = ~0ull;
    bool found = false;
    bpf_spin_lock(&set->lock);
    for (__u32 i = 0; i < FRAGMENT_WAYS; i++) {
        struct fragment *f = &set->way[i];
        if (fragment_is(f, c)) {
            at = i;
            found = true;
            break;
        }
        if (f->expires < oldest) {
            oldest = f->expires;
            at = i;
        }
    }
    struct fragment *f = &set->way[at & (FRAGMENT_WAYS - 1)];
    if (passes) {
        f->expires = c->now + config.fragment;
        f->stamp = stamp;
        f->identification = c->identification;
        f->to_link = (__u16)c->to_link;
        f->family = c->tuple.family;
        f->protocol = c->fragment_protocol;
        for (int i = 0; i < 4; i++) {
            f->from[i] = c->tuple.from[i];
            f->to[i] = c->arrived ? c->wire[i] : c->tuple.to[i];
            f->inner[i] = c->tuple.to[i];
        }
        f->arrived = c->arrived;
        f->leaves = !c->arrived && c->port;
        f->end = (__u16)c->fragment_edge;
    } else if (found) {
        f->expires = 0;
    }
    bpf_spin_unlock(&set->lock);
    return 0;
}

subprogram int judge_later(struct context *c)
{
    if (!c)
        return 0;
    if (!decide_packet(c))
        return 0;
    refuse(c, REASON_FRAGMENT_UNATTRIBUTED);
    struct fragment_set *set = fragment_set_of(c);
    if (!set)
        return 0;
    __u64 stamp = 0;
    __u32 to_link = 0, inner[4] = {0};
    bool arrived = false, leaves = false;
    bpf_spin_lock(&set->lock);
    for (__u32 i = 0; i < FRAGMENT_WAYS; i++) {
        struct fragment *f = &set->way[i];
        if (fragment_is(f, c)) {
            if (c->now < f->expires && c->fragment_edge >= f->end) {
                stamp = f->stamp;
                to_link = f->to_link;
                arrived = f->arrived;
                leaves = f->leaves;
                for (int k = 0; k < 4; k++)
                    inner[k] = f->inner[k];
            }
            break;
        }
    }
    bpf_spin_unlock(&set->lock);
    if (!stamp || STAMP_GENERATION(stamp) != (c->generation & 0xffff))
        return 0;
    take_stamp(c, stamp);
    c->follows = 1; /* the first one was told */
    c->to_link = to_link;
    c->port = leaves; /* which one does not matter: there is none in the packet */
    if (arrived) {
        __builtin_memcpy(c->wire, c->tuple.to, 16);
        __builtin_memcpy(c->tuple.to, inner, 16);
        c->arrived = 1;
    }
    return 0;
}

/* Sections 2 to 8.1, and 9.2: the context says whether the packet may pass, why, and where to. */
ever_inline void judge(struct __sk_buff *skb, struct context *c, const struct link_entry *link)
{
    const struct ethhdr *eth = (const void *)head_of(skb, c, ETH_HLEN);
    if (unlikely(!eth)) {
        refuse(c, REASON_MALFORMED);
        return;
    }
    bool source_mac = link->kind != LINK_WORKLOAD || same_mac(eth->h_source, link->mac);
    bool hub_mac = same_mac(eth->h_dest, link->hub_mac);
    int parsed = parse(skb, c, eth->h_proto);
    if (unlikely(c->part != PART_WHOLE && skb->gso_size)) /* cut behind the decision, its pieces would be fragments of another place */
        parsed = REASON_MALFORMED;
    if (unlikely(parsed != PARSED && parsed != REASON_FRAGMENT_UNATTRIBUTED)) {
        refuse(c, (__u8)parsed);
        return;
    }
    if (unlikely(!source_mac)) {
        refuse(c, REASON_SPOOFED_SOURCE);
        return;
    }
    bool first_of_other = c->part == PART_FIRST && c->icmp >= ICMP_ERROR;
    bool to_one = hub_mac && unicast(c->tuple.family, c->tuple.to);
    if (unlikely(!to_one || parsed != PARSED || c->icmp == ICMP_OTHER || first_of_other)) {
        if (!decide_packet(c))
            return;
        if (!to_one)
            refuse(c, REASON_NOT_UNICAST);
        else
            refuse(c, parsed != PARSED || first_of_other ? REASON_FRAGMENT_UNATTRIBUTED : REASON_ICMP_TYPE);
        return;
    }
    c->at_outer = unlikely(to_outer(c, link));
    if (unlikely(c->part == PART_LATER)) {
        judge_later(c);
        return;
    }
    if (unlikely(c->icmp == ICMP_ERROR)) {
        judge_error(skb, c);
        return;
    }
    if (unlikely(c->at_outer) && arrive(c) == OUTCOME_DONE)
        return;
    set_key(c, &c->tuple);
    if (try_sessions(c, false) != OUTCOME_DONE)
        judge_new(c);
}

#endif
