/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * After a change of policy: every session, confirmed or not, is decided again at once, so that idle ones end too and the
 * receipt is whole. Run by user space with BPF_PROG_TEST_RUN; packets go on meanwhile.
 */
#ifndef BULKHEAD_SWEEP_H
#define BULKHEAD_SWEEP_H

#include "sessions.h"

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct sweep);
} sweeps SEC(".maps");

struct sweep_run {
    __u64 now;
    __u32 generation;
    __u32 reserved;
};

/* A live session, as it stands in either table. Its stamp was read before the rest. */
struct swept {
    const struct session_key *key;
    __u64 *stamp_at;
    __u64 stamp, last;
    __u32 from_link, to_link;
    __u16 port;
    bool closing;
};

/* c->flow is the session's own direction. */
ever_inline void take_flow(struct context *c, const struct session_key *k)
{
    __u32 from = k->direction & 1, to = from ^ 1;
    __builtin_memcpy(c->flow.from, k->address[from], 16);
    __builtin_memcpy(c->flow.to, k->address[to], 16);
    c->flow.from_port = k->port[from];
    c->flow.to_port = k->port[to];
    c->flow.protocol = k->protocol;
    c->flow.family = k->family;
}

ever_inline void sweep_session(struct context *c, const struct swept *s, struct sweep *r)
{
    r->seen++;
    if (!stamp_is_current(c, s->stamp)) {
        take_flow(c, s->key);
        c->published = s->port;
        c->leads = 0;
        decide(c, s->from_link);
        bool on = goes_on(c, s->to_link, s->port);
        __u64 fresh = make_stamp(c, (__u64)STAMP_TAG(s->stamp) << 48);
        if (c->observed) /* once more after each change and renewal: records do not last for ever */
            fresh |= (__u64)STAMP_UNTOLD << 24;
        /* What another processor has changed meanwhile was decided there. */
        if (__sync_val_compare_and_swap(s->stamp_at, s->stamp, on ? fresh : 0) == s->stamp && !on) {
            if (s->closing) { /* both ends have ended it already */
                r->expired++;
                return;
            }
            tell_cut(c, s->stamp, s->last, s->from_link, s->to_link);
            r->cut++;
            return;
        }
    }
    r->kept++;
}

/* What both tables' sets are swept with; NULL: there is no memory for it, which cannot be. */
ever_inline struct context *sweep_context(const struct sweep_run *run, struct sweep **ret)
{
    __u32 zero = 0, one = 1;
    struct context *c = bpf_map_lookup_elem(&scratch, &one); /* the sweep's own */
    *ret = bpf_map_lookup_elem(&sweeps, &zero);
    if (!c || !*ret)
        return NULL;
    c->now = run->now;
    c->generation = run->generation;
    return c;
}

static long sweep_set(void *map, __u32 *at, struct session_set *set, struct sweep_run *run)
{
    struct sweep *r;
    struct context *c = sweep_context(run, &r);
    if (!c)
        return 1;
    for (int i = 0; i < SESSION_WAYS; i++) {
        struct session *s = &set->way[i];
        __u64 stamp = READ_ONCE(s->stamp);
        if (!stamp)
            continue;
        if (!session_alive(s, STAMP_TAG(stamp), c->now)) {
            r->expired += stamp_change(&s->stamp, stamp, 0);
            continue;
        }
        struct swept one = {&s->key, &s->stamp, stamp, READ_ONCE(s->last), s->from_link, s->to_link, s->port, s->state & SESSION_CLOSING};
        sweep_session(c, &one, r);
    }
    return 0;
}

/* Without the set's lock: a packet that moves one on at this very moment has decided it itself. */
static long sweep_pendings(void *map, __u32 *at, struct pending_set *set, struct sweep_run *run)
{
    struct sweep *r;
    struct context *c = sweep_context(run, &r);
    if (!c)
        return 1;
    for (int i = 0; i < PENDING_WAYS; i++) {
        __u64 stamp = READ_ONCE(set->stamp[i]), last = READ_ONCE(set->last[i]);
        if (!stamp || (c->now >= last && c->now - last >= config.unconfirmed))
            continue;
        const struct pending *p = &set->way[i];
        struct swept one = {&p->key, &set->stamp[i], stamp, last, p->from_link, p->to_link, p->port, p->state & SESSION_CLOSING};
        sweep_session(c, &one, r);
    }
    return 0;
}

SEC("tc")
int bulkhead_sweep(struct __sk_buff *skb)
{
    __u32 zero = 0;
    const struct control *ctl = bpf_map_lookup_elem(&control, &zero);
    struct sweep *r = bpf_map_lookup_elem(&sweeps, &zero);
    if (!ctl || !r)
        return TC_ACT_SHOT;
    __builtin_memset(r, 0, sizeof *r);
    struct sweep_run run = {.now = config.test_clock ? READ_ONCE(ctl->test_now) : bpf_ktime_get_coarse_ns()};
    run.generation = generation_in_force(ctl, run.now);
    bpf_for_each_map_elem(&sessions, sweep_set, &run, 0);
    bpf_for_each_map_elem(&pendings, sweep_pendings, &run, 0);
    return TC_ACT_OK;
}

/* What would be decided, by the tables and the code that decide; changes nothing. Run with a struct ask. */
SEC("tc")
int bulkhead_ask(struct __sk_buff *skb)
{
    __u32 zero = 0, one = 1;
    struct ask a;
    const struct control *ctl = bpf_map_lookup_elem(&control, &zero);
    struct context *c = bpf_map_lookup_elem(&scratch, &one);
    if (!ctl || !c || bpf_skb_load_bytes(skb, 0, &a, sizeof a))
        return TC_ACT_SHOT;
    c->now = clock_now(ctl, c);
    c->generation = generation_in_force(ctl, c->now);
    __builtin_memcpy(c->flow.from, a.from, 16);
    __builtin_memcpy(c->flow.to, a.to, 16);
    c->flow.from_port = a.from_port;
    c->flow.to_port = a.to_port;
    c->flow.family = a.family;
    c->flow.protocol = a.protocol;
    c->published = a.published;
    c->leads = 0;
    decide(c, a.from_link);
    a.generation = c->generation;
    a.rule = c->rule;
    a.to_link = c->to_link;
    a.reason = c->reason;
    a.allowed = c->allowed;
    a.observed = c->observed;
    a.delivery = c->delivery;
    return bpf_skb_store_bytes(skb, 0, &a, sizeof a, 0) ? TC_ACT_SHOT : TC_ACT_OK;
}

#endif
