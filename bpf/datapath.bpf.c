// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * The datapath: what happens to a packet that comes in on one of the hub's links. The steps are those of
 * docs/packets.md; src/decide/packet.c is the reference that this is tested against.
 */
#include "maps.h"
#include "parse.h"
#include "image.h"
#include "sessions.h"
#include "sweep.h"
#include "uplink.h"
#include "answer.h"
#include "neighbour.h"

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

/* Tell user space, unless the same was told within this second. Never blocks; what is lost is counted. */
subprogram int tell(struct context *c, __u32 kind)
{
    if (!c)
        return 0;
    /* A session begins once; only refusals repeat. */
    if (kind == EVENT_REFUSED) {
        set_key(c, &c->tuple);
        __u64 hash = image_hash_mix(hash_key(c) ^ ((__u64)c->reason << 40 | (__u64)c->link << 8 | kind << 1 | c->direction));
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
    if (!e) {
        __sync_fetch_and_add(&ctl->lost_events, 1);
        return 0;
    }
    e->time = c->now;
    e->id = __sync_fetch_and_add(&ctl->last_event, 1) + 1;
    e->generation = c->generation;
    e->rule = c->rule;
    e->from_link = c->link;
    e->to_link = c->to_link;
    __builtin_memcpy(e->from, c->tuple.from, 16);
    __builtin_memcpy(e->to, c->tuple.to, 16);
    e->from_port = bpf_ntohs(c->tuple.from_port);
    e->to_port = bpf_ntohs(c->tuple.to_port);
    e->bytes = c->length;
    e->family = c->tuple.family;
    e->protocol = c->tuple.protocol;
    e->reason = c->reason;
    e->enforced = !c->observed;
    e->kind = kind;
    bpf_ringbuf_submit(e, 0);
    return 0;
}

ever_inline void refuse(struct context *c, __u8 reason)
{
    c->reason = reason;
    c->rule = NO_RULE;
    c->allowed = c->observed = 0;
}

/* What a stamp says, into the context. */
ever_inline void take_stamp(struct context *c, __u64 stamp)
{
    c->rule = STAMP_RULE(stamp);
    c->observed = !!(STAMP_FLAGS(stamp) & STAMP_OBSERVED);
    c->reason = c->observed ? STAMP_FLAGS(stamp) & STAMP_REASON : REASON_RULE;
    c->allowed = 1;
    c->delivery = REASON_RULE;
}

/* c->flow the other way round. */
ever_inline void reverse_flow(struct context *c)
{
    struct tuple *f = &c->flow;
    for (int i = 0; i < 4; i++) {
        __u32 word = f->from[i];
        f->from[i] = f->to[i];
        f->to[i] = word;
    }
    __u16 port = f->from_port;
    f->from_port = f->to_port;
    f->to_port = port;
}

/*
 * Decide a session again, in its own direction: false when it may not go on, and then the context says revoked.
 * `ret_stamp` is its new stamp.
 */
ever_inline bool decide_again(struct context *c, __u64 old, __u32 from_link, __u32 to_link, __u16 port,
    bool reverse, __u64 *ret_stamp)
{
    if (reverse)
        reverse_flow(c);
    c->far_known = 0;
    c->published = port;
    decide(c, from_link);
    if (!goes_on(c, to_link, port)) {
        c->reason = REASON_REVOKED;
        c->rule = STAMP_RULE(old);
        c->allowed = c->observed = 0;
        return false;
    }
    *ret_stamp = make_stamp(c, c->hash);
    return true;
}

/* The state of a TCP session after a packet with FIN or RST, or without. */
ever_inline __u8 tcp_state(const struct context *c, __u8 state, bool forward)
{
    if (c->tcp_flags & TCP_FIN)
        state |= forward ? SESSION_FIN_FORWARD : SESSION_FIN_REPLY;
    if (c->tcp_flags & TCP_RST || (state & SESSION_FINS) == SESSION_FINS)
        state |= SESSION_CLOSING;
    return state;
}

/* How a packet moves its session on. */
ever_inline void advance_confirmed(struct context *c, struct session *s, bool forward)
{
    WRITE_ONCE(s->last, c->now);
    if (c->tuple.protocol != IPPROTO_TCP || likely(!(c->tcp_flags & (TCP_FIN | TCP_RST))) || s->state & SESSION_CLOSING)
        return;
    s->state = tcp_state(c, s->state, forward);
    if (s->state & SESSION_CLOSING)
        entry_arm(c, config.tcp_closing);
}

/* A session was found and may go on: where its packets go. */
ever_inline void take_links(struct context *c, __u32 from_link, __u32 to_link, bool to_target)
{
    c->from_link = from_link;
    c->to_link = to_target ? to_link : from_link;
}

/* The session is one that the uplink translates. */
ever_inline void take_port(struct context *c, __u16 port, bool forward, __u8 phase)
{
    c->port = port;
    c->forward = forward;
    c->phase = phase;
}

enum outcome {
    OUTCOME_NONE, /* belongs to no session */
    OUTCOME_DONE, /* decided: see the context */
    OUTCOME_ANEW, /* its session was closing, and this SYN starts a new one */
};

/*
 * Confirmed sessions. `quoted`: the tuple in c->flow is one that an ICMP error quotes; it went *towards* c->link.
 * `forward`: look for one that was started in the tuple's own direction, else for one that it answers.
 */
ever_inline int try_confirmed(struct context *c, struct session_entry *e, bool forward, bool quoted)
{
    struct session *s = &e->side[(c->direction ^ !forward) & 1];
    __u32 near = forward == !quoted ? s->from_link : s->to_link; /* the side that the packet came in on */
    if (!session_alive(s, (c->hash >> 48) & 0xffff, quoted ? c->flow.protocol : c->tuple.protocol, c->now) || near != c->link)
        return OUTCOME_NONE;
    if (unlikely(c->reply_port && c->reply_port != s->port))
        return OUTCOME_NONE;
    if (forward && !quoted && c->tuple.protocol == IPPROTO_TCP && plain_syn(c) && s->state & SESSION_CLOSING) {
        WRITE_ONCE(s->stamp, 0);
        return OUTCOME_ANEW;
    }
    __u64 stamp = READ_ONCE(s->stamp);
    __u32 from_link = s->from_link, to_link = s->to_link;
    if (likely(stamp_is_current(c, stamp))) {
        take_stamp(c, stamp);
    } else {
        __u64 fresh;
        if (!quoted)
            c->flow = c->tuple;
        if (!decide_again(c, stamp, from_link, to_link, s->port, !forward, &fresh)) {
            tell_cut(c, stamp, s->last, from_link, to_link);
            WRITE_ONCE(s->stamp, 0);
            if (!e->side[0].stamp && !e->side[1].stamp)
                entry_arm(c, TIMER_MIN);
            c->to_link = forward == !quoted ? to_link : from_link;
            c->other_link = quoted ? 0 : c->to_link;
            return OUTCOME_DONE;
        }
        WRITE_ONCE(s->stamp, fresh);
    }
    if (!quoted)
        advance_confirmed(c, s, forward);
    if (unlikely(s->port))
        take_port(c, s->port, forward, s->state & SESSION_CLOSING ? PHASE_CLOSING : PHASE_CONFIRMED);
    take_links(c, from_link, to_link, forward == !quoted);
    return OUTCOME_DONE;
}

/* The unconfirmed session in c->pending becomes a confirmed one. */
subprogram int confirm(struct context *c)
{
    if (!c)
        return 0;
    struct pending *p = &c->pending;
    struct session_entry *e = entry_find_copied(c);
    bool made = !e;
    if (!e) {
        long error = entry_make(c);
        if (error && error != -17 /* EEXIST: another CPU was faster */)
            return false;
        e = entry_find_copied(c);
        if (!e)
            return false;
    }
    struct session *s = &e->side[c->direction & 1];
    WRITE_ONCE(s->stamp, 0);
    s->last = c->now;
    s->from_link = p->from_link;
    s->to_link = p->to_link;
    s->state = p->state;
    s->port = p->port;
    /* a session of the other direction that is still unconfirmed is looked for only where this says so */
    struct session *other = &e->side[(c->direction ^ 1) & 1];
    other->crossed = s->crossed = pending_do(c, WHERE(p->from_link, p->to_link), !c->direction, PENDING_TEST);
    __sync_lock_test_and_set(&s->stamp, c->pending_stamp);
    __u64 rest = timeout_of(c->tuple.protocol, s->state);
    entry_arm(c, made ? rest : rest < config.tcp_closing ? rest : config.tcp_closing);
    return true;
}

/* A packet of an unconfirmed session moves it on: PENDING's fields for the touch, and whether it confirms it. */
ever_inline bool advance_pending(struct context *c, struct pending *p, bool forward)
{
    if (c->tuple.protocol != IPPROTO_TCP) {
        bool confirms = forward && p->replied;
        if (!forward)
            p->replied = 1;
        return confirms;
    }
    p->state = tcp_state(c, p->state, forward);
    if (!forward) {
        bool answer = (c->tcp_flags & (TCP_SYN | TCP_ACK | TCP_RST)) == (TCP_SYN | TCP_ACK);
        p->replied = answer;
        if (answer)
            p->sequence = c->sequence;
        return false;
    }
    bool confirms = p->replied && (c->tcp_flags & (TCP_ACK | TCP_SYN | TCP_RST)) == TCP_ACK &&
        bpf_ntohl(c->acknowledgement) == bpf_ntohl(p->sequence) + 1;
    p->replied = 0; /* nothing new about the reply */
    return confirms;
}

/* The link of the tuple's other end, for a packet that no confirmed session has. */
subprogram int find_far(struct context *c, bool quoted)
{
    if (!c)
        return 0;
    __u32 slot = c->generation % SLOTS, zero = 0;
    c->to_link = 0;
    void *image = bpf_map_lookup_elem(&images, &slot);
    if (!image)
        return 0;
    const struct image_header *h = bpf_map_lookup_elem(image, &zero);
    if (!h)
        return 0;
    struct found f;
    find_address(image, h, c->flow.family, quoted ? c->flow.from : c->flow.to, &f);
    if (!f.endpoint && !(f.to_class & CLASS_INSIDE)) /* also where the policy no longer has an uplink: it is looked for, and revoked */
        f.link = config.uplink;
    c->to_link = f.link;
    if (!quoted) {
        c->far = f;
        c->far_known = 1;
    }
    return 0;
}

subprogram int try_pending(struct context *c, bool forward, bool quoted)
{
    if (!c)
        return 0;
    if (!quoted)
        c->flow = c->tuple;
    widen_key(c);
    if (c->far_known && !quoted)
        c->to_link = c->far.link;
    else
        find_far(c, quoted);
    struct pending *p = &c->pending;
    __u8 direction = (__u8)((c->direction ^ !forward) & 1);
    /* The packet's own source and target, as links; for what an error quotes the other way round. The far one is
     * found by address: a session's set belongs to its (target, source). */
    __u32 near = c->link, far = c->to_link;
    bool near_is_source = forward == !quoted;
    __u64 where = near_is_source ? WHERE(far, near) : WHERE(near, far);
    if (!pending_do(c, where, direction, PENDING_FIND) || (c->reply_port && c->reply_port != p->port))
        return OUTCOME_NONE;
    if (forward && !quoted && c->tuple.protocol == IPPROTO_TCP && plain_syn(c) && p->state & SESSION_CLOSING) {
        pending_do(c, where, direction, PENDING_REMOVE);
        return OUTCOME_ANEW;
    }
    __u32 from_link = p->from_link, to_link = p->to_link;
    if (likely(stamp_is_current(c, c->pending_stamp))) {
        take_stamp(c, c->pending_stamp);
    } else {
        __u64 fresh;
        if (!decide_again(c, c->pending_stamp, from_link, to_link, p->port, !forward, &fresh)) {
            tell_cut(c, c->pending_stamp, c->pending_last, from_link, to_link);
            pending_do(c, where, direction, PENDING_REMOVE);
            c->to_link = near_is_source ? to_link : from_link;
            c->other_link = quoted ? 0 : c->to_link;
            return OUTCOME_DONE;
        }
        c->pending_stamp = fresh;
    }
    take_links(c, from_link, to_link, near_is_source);
    take_port(c, p->port, forward, PHASE_UNCONFIRMED);
    if (quoted)
        return OUTCOME_DONE;
    if (advance_pending(c, p, forward)) {
        if (!confirm(c)) {
            refuse(c, REASON_SESSION_TABLE_FULL);
            return OUTCOME_DONE;
        }
        c->phase = p->state & SESSION_CLOSING ? PHASE_CLOSING : PHASE_CONFIRMED;
        pending_do(c, where, direction, PENDING_REMOVE);
        return OUTCOME_DONE;
    }
    pending_do(c, where, direction, PENDING_TOUCH);
    return OUTCOME_DONE;
}

/* Can the tuple be forward, can it be reply? (docs/packets.md, 6.1) */
ever_inline bool may_be_forward(const struct context *c)
{
    return c->icmp != ICMP_REPLY;
}
ever_inline bool may_be_reply(const struct context *c, bool quoted)
{
    if (c->icmp == ICMP_REQUEST)
        return false;
    return quoted || c->tuple.protocol != IPPROTO_TCP || !plain_syn(c);
}

/* The whole of step 6.1 to 6.3 for the tuple in c->flow, whose key is set. */
ever_inline int try_sessions(struct context *c, bool quoted)
{
    struct session_entry *e = quoted ? entry_find_copied(c) : entry_find(c);
    bool crossed = true;
    int outcome;
    if (likely(e)) {
        if (may_be_forward(c)) {
            outcome = try_confirmed(c, e, true, quoted);
            if (outcome != OUTCOME_NONE)
                return outcome;
        }
        crossed = e->side[(c->direction ^ 1) & 1].crossed;
    }
    if (crossed && may_be_forward(c)) {
        outcome = try_pending(c, true, quoted);
        if (outcome != OUTCOME_NONE)
            return outcome;
    }
    if (!may_be_reply(c, quoted))
        return OUTCOME_NONE;
    if (e) {
        outcome = try_confirmed(c, e, false, quoted);
        if (outcome != OUTCOME_NONE)
            return outcome;
    }
    return try_pending(c, false, quoted);
}

/*
 * A session that began at a workload, found by its outer port (9.2, 9.3): c->tuple, or the quoted one in c->flow, is inner.
 */
subprogram int try_translated(struct context *c, bool quoted)
{
    if (!c)
        return OUTCOME_NONE;
    struct tuple *t = quoted ? &c->flow : &c->tuple;
    set_key(c, t);
    c->hash = hash_key(c);
    c->reply_port = c->wire_port;
    int outcome = OUTCOME_NONE;
    struct session_entry *e = entry_find_copied(c);
    if (e)
        outcome = quoted ? try_confirmed(c, e, true, true) : try_confirmed(c, e, false, false);
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
            if (try_translated(c, false) != OUTCOME_NONE) {
                if (c->allowed)
                    translation_touch(c, false);
                return OUTCOME_DONE;
            }
            take_outer_again(c, false);
        }
    }
    if (publish_arrive(c, false)) {
        take_inner(c, false);
        c->published = c->wire_port;
    }
    return OUTCOME_NONE;
}

/* The same for an error: what it quotes is in c->flow. */
subprogram int arrive_quoted(struct context *c)
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
subprogram int begin(struct context *c)
{
    if (!c)
        return false;
    if (unlikely(c->arrived))
        c->port = c->wire_port;
    else if (unlikely(c->nat) && !translation_make(c))
        return false;
    c->forward = 1;
    c->phase = PHASE_UNCONFIRMED;
    struct pending *p = &c->pending;
    __builtin_memset(p, 0, sizeof *p);
    widen_key(c);
    c->pending_stamp = make_stamp(c, c->hash);
    p->key = c->key;
    p->from_link = (__u16)c->from_link;
    p->to_link = (__u16)c->to_link;
    p->family = c->tuple.family;
    p->direction = c->direction;
    p->port = c->port;
    pending_do(c, WHERE(c->to_link, c->from_link), c->direction, PENDING_INSERT);
    struct session_entry *e = entry_find_copied(c);
    if (e)
        e->side[(c->direction ^ 1) & 1].crossed = 1;
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
        if (!c->allowed || c->observed || c->to_link != from)
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
    return true;
}

/* A packet of no session: 6.4 and 6.5. */
subprogram int judge_new(struct context *c)
{
    if (!c)
        return 0;
    if (!decide_packet(c))
        return 0;
    if (unlikely(c->tuple.protocol == IPPROTO_TCP && !plain_syn(c))) {
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
    c->hash = hash_key(c);
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
    c->to_link = to_link;
    c->port = leaves; /* which one does not matter: there is none in the packet */
    if (arrived) {
        __builtin_memcpy(c->wire, c->tuple.to, 16);
        __builtin_memcpy(c->tuple.to, inner, 16);
        c->arrived = 1;
    }
    return 0;
}

/* Sections 2 to 8.1: the context says whether the packet may pass, why, and where to. */
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
    c->hash = hash_key(c);
    if (try_sessions(c, false) != OUTCOME_DONE)
        judge_new(c);
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
    if (leaves && c->forward && c->part != PART_LATER && c->icmp != ICMP_ERROR)
        translation_touch(c, true);
    return !translate(skb, c, c->to_link);
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
    } else if (likely(translated(skb, c, to) && rewrite(skb, c, to))) {
        return to->kind == LINK_ATTACHED ? to_neighbour(c, at) : (int)bpf_redirect_peer(at, 0);
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
    c->allowed = c->observed = c->timed = c->fresh = c->direction = 0;
    c->port = c->published = c->reply_port = 0;
    c->at_outer = c->arrived = c->forward = c->nat = 0;
    c->reason = REASON_MALFORMED;
    c->rule = NO_RULE;
    c->from_link = c->to_link = c->other_link = 0;
    c->length = 0;
    c->key_v4 = (struct session_key_v4){0};
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
    __u32 mtu = 0;
    if (likely(c->allowed)) {
        action = deliver(skb, c, &mtu);
        if (unlikely((action >= 0 && (c->observed || c->fresh))))
            tell(c, c->observed ? EVENT_REFUSED : EVENT_STARTED);
    }
    if (unlikely(link->kind == LINK_ATTACHED && c->reason > REASON_SPOOFED_SOURCE))
        learn_mac(skb, c);
    if (unlikely(c->part == PART_FIRST && c->reason > REASON_NOT_UNICAST))
        fragment_begin(c, action >= 0);
    count(at, COUNTER_SOURCE, c->reason, c->length);
    if (c->to_link)
        count(c->to_link, COUNTER_TARGET, c->reason, c->length);
    if (config.test_clock)
        ctl->test_verdict = (struct test_verdict){
            .reason = c->reason, .rule = c->rule, .to_link = c->to_link, .passes = action >= 0, .observed = c->observed};
    if (likely(action >= 0))
        return action;
    tell(c, EVENT_REFUSED);
    load_head(skb, c); /* what answers quote */
    __u32 slot = c->generation % SLOTS;
    void *image = bpf_map_lookup_elem(&images, &slot);
    const struct image_header *h = image ? bpf_map_lookup_elem(image, &zero) : NULL;
    action = answer(skb, c, h && h->refuse_drop, mtu);
    if (config.test_clock)
        ctl->test_verdict.answered = action != TC_ACT_SHOT;
    return action;
}
