/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * After a change of policy: every confirmed session is decided again at once, so that idle ones end too and the
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

/* One session, whose stamp was read before its key; c->flow is its own direction. */
ever_inline void sweep_session(struct context *c, struct session *s, __u64 stamp, struct sweep *r)
{
    __u32 from_link = s->from_link, to_link = s->to_link;
    __u64 last = READ_ONCE(s->last);
    __u16 port = s->port;
    bool closing = s->state & SESSION_CLOSING;
    if (!session_alive(s, STAMP_TAG(stamp), c->now)) {
        r->expired += stamp_change(s, stamp, 0);
        return;
    }
    r->seen++;
    if (!stamp_is_current(c, stamp)) {
        c->published = port;
        c->leads = 0;
        decide(c, from_link);
        bool on = goes_on(c, to_link, port);
        __u64 fresh = make_stamp(c, (__u64)STAMP_TAG(stamp) << 48);
        if (c->observed && !is_told(stamp, fresh))
            fresh |= (__u64)STAMP_UNTOLD << 24;
        /* What another processor has changed meanwhile was decided there. */
        if (stamp_change(s, stamp, on ? fresh : 0) && !on) {
            if (closing) { /* both ends have ended it already */
                r->expired++;
                return;
            }
            tell_cut(c, stamp, last, from_link, to_link);
            r->cut++;
            return;
        }
    }
    r->kept++;
}

static long sweep_set(void *map, __u32 *at, struct session_set *set, struct sweep_run *run)
{
    __u32 zero = 0, one = 1;
    struct context *c = bpf_map_lookup_elem(&scratch, &one); /* the sweep's own */
    struct sweep *r = bpf_map_lookup_elem(&sweeps, &zero);
    if (!c || !r)
        return 1;
    c->now = run->now;
    c->generation = run->generation;
    for (int i = 0; i < SESSION_WAYS; i++) {
        struct session *s = &set->way[i];
        const struct session_key *k = &s->key;
        __u64 stamp = READ_ONCE(s->stamp);
        if (!stamp)
            continue;
        __u32 from = k->direction & 1, to = from ^ 1;
        __builtin_memcpy(c->flow.from, k->address[from], 16);
        __builtin_memcpy(c->flow.to, k->address[to], 16);
        c->flow.from_port = k->port[from];
        c->flow.to_port = k->port[to];
        c->flow.protocol = k->protocol;
        c->flow.family = k->family;
        sweep_session(c, s, stamp, r);
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
