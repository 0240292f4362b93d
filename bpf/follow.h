/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * A packet, or what an ICMP error quotes, that belongs to a session: found, decided again where its stamp is not of the
 * generation in force, moved on (docs/packets.md, 6.1 to 6.3).
 */
#ifndef BULKHEAD_FOLLOW_H
#define BULKHEAD_FOLLOW_H

#include "parse.h"
#include "sessions.h"

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
    c->leads = 0;
    decide(c, from_link);
    if (!goes_on(c, to_link, port)) {
        c->reason = REASON_REVOKED;
        c->rule = STAMP_RULE(old);
        c->allowed = c->observed = 0;
        return false;
    }
    *ret_stamp = make_stamp(c, c->hash);
    c->follows = is_told(old, *ret_stamp);
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
}

/* A session was found and may go on: where its packets go. */
ever_inline void take_links(struct context *c, __u32 from_link, __u32 to_link, bool to_target)
{
    c->from_link = from_link;
    c->to_link = to_target ? to_link : from_link;
}

enum outcome {
    OUTCOME_NONE, /* belongs to no session */
    OUTCOME_DONE, /* decided: see the context */
    OUTCOME_ANEW, /* its session was closing, and this SYN starts a new one */
};

/*
 * A confirmed session. `quoted`: the tuple in c->flow is one that an ICMP error quotes; it went *towards* c->link.
 * `forward`: it was started in the tuple's own direction, else the tuple answers it.
 */
ever_inline int try_confirmed(struct context *c, struct session *s, bool forward, bool quoted)
{
    __u64 stamp = READ_ONCE(s->stamp);
    __u32 from_link = s->from_link, to_link = s->to_link;
    __u16 port = s->port;
    __u32 near = forward == !quoted ? from_link : to_link; /* the side that the packet came in on */
    if (near != c->link)
        return OUTCOME_NONE;
    if (unlikely(c->reply_port && c->reply_port != port))
        return OUTCOME_NONE;
    if (unlikely(STAMP_TAG(stamp) != ((c->hash >> 48) & 0xffff) || !stamp_change(&s->stamp, stamp, stamp)))
        return OUTCOME_NONE; /* what was read is another session's */
    if (forward && !quoted && c->tuple.protocol == IPPROTO_TCP && plain_syn(c) && s->state & SESSION_CLOSING) {
        c->port_before = port;
        stamp_change(&s->stamp, stamp, 0);
        return OUTCOME_ANEW;
    }
    c->backwards = !forward && !quoted;
    if (likely(stamp_is_current(c, stamp))) {
        take_stamp(c, stamp);
        c->follows = 1;
        if (unlikely(c->observed && STAMP_FLAGS(stamp) & STAMP_UNTOLD && !quoted))
            c->follows = !stamp_change(&s->stamp, stamp, stamp & ~((__u64)STAMP_UNTOLD << 24));
    } else {
        __u64 fresh;
        if (!quoted)
            c->flow = c->tuple;
        if (!decide_again(c, stamp, from_link, to_link, port, !forward, &fresh)) {
            tell_cut(c, stamp, s->last, from_link, to_link);
            stamp_change(&s->stamp, stamp, 0);
            c->to_link = forward == !quoted ? to_link : from_link;
            c->other_link = quoted ? 0 : c->to_link;
            return OUTCOME_DONE;
        }
        if (unlikely(!stamp_change(&s->stamp, stamp, fresh)))
            return OUTCOME_NONE;
    }
    if (!quoted)
        advance_confirmed(c, s, forward);
    c->port = port;
    take_links(c, from_link, to_link, forward == !quoted);
    return OUTCOME_DONE;
}

/* The unconfirmed session in c->pending, of c->direction, becomes a confirmed one. */
subprogram int confirm(struct context *c)
{
    if (!c)
        return 0;
    struct pending *p = &c->pending;
    p->key = c->key;
    p->key.direction = c->direction;
    struct session *there = session_seek(c, c->direction); /* in a later set, perhaps */
    if (there && confirm_again(there, p, c->now))
        return true;
    if (there) /* of a link or port that it no longer has: it gives its place up */
        stamp_change(&there->stamp, READ_ONCE(there->stamp), 0);
    __u32 which = 0;
    while (which < SESSION_SETS && !session_put(c, which))
        which++;
    if (which == SESSION_SETS)
        return false;
    /* What looks for sessions has to know when there are two; who begins the other one looks for this one too. */
    struct session *other = session_seek(c, c->direction ^ 1);
    if (other)
        other->crossed = 1;
    if (other || pending_do(c, WHERE(p->from_link, p->to_link), c->direction ^ 1, PENDING_TEST)) {
        struct session *s = session_seek(c, c->direction);
        if (s)
            s->crossed = 1;
    }
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
ever_inline void find_far(struct context *c, bool quoted)
{
    void *image;
    const struct image_header *h;
    c->to_link = 0;
    if (!image_of(c, &image, &h))
        return;
    struct found *far = &c->far;
    find_address(image, h, c->flow.family, quoted ? c->flow.from : c->flow.to, far);
    if (!far->endpoint && !(far->to_class & CLASS_INSIDE)) /* also where the policy no longer has an uplink: it is looked for, and revoked */
        far->link = config.uplink;
    c->to_link = far->link;
    c->far_known = !quoted;
}

subprogram int try_pending(struct context *c, bool forward, bool quoted)
{
    if (!c)
        return 0;
    if (!quoted)
        c->flow = c->tuple;
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
    c->backwards = !forward && !quoted;
    if (likely(stamp_is_current(c, c->pending_stamp))) {
        take_stamp(c, c->pending_stamp);
        c->follows = 1;
        if (unlikely(c->observed && STAMP_FLAGS(c->pending_stamp) & STAMP_UNTOLD && !quoted)) {
            c->pending_stamp &= ~((__u64)STAMP_UNTOLD << 24);
            c->follows = 0;
        }
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
    c->port = p->port;
    if (quoted)
        return OUTCOME_DONE;
    if (advance_pending(c, p, forward)) {
        if (!confirm(c)) {
            refuse(c, REASON_SESSION_TABLE_FULL);
            return OUTCOME_DONE;
        }
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
    struct session *s = session_find(c, KEY_ANY), *reply = NULL;
    bool crossed = true;
    int outcome;
    if (likely(s)) {
        crossed = s->crossed;
        if (s->key.direction != c->direction) {
            reply = s;
            s = unlikely(crossed) ? session_seek(c, c->direction) : NULL;
        }
        if (s && may_be_forward(c)) {
            outcome = try_confirmed(c, s, true, quoted);
            if (outcome != OUTCOME_NONE)
                return outcome;
        }
    }
    if ((crossed || s) && may_be_forward(c)) {
        outcome = try_pending(c, true, quoted);
        if (outcome != OUTCOME_NONE)
            return outcome;
    }
    if (!may_be_reply(c, quoted))
        return OUTCOME_NONE;
    if (s && crossed)
        reply = session_seek(c, c->direction ^ 1);
    if (reply) {
        outcome = try_confirmed(c, reply, false, quoted);
        if (outcome != OUTCOME_NONE)
            return outcome;
    }
    return try_pending(c, false, quoted);
}

#endif
