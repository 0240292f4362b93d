/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Sessions: finding the one a packet belongs to, moving it on, beginning and ending it. docs/packets.md,
 * section 6. Confirmed ones live in hashes and are removed by their timers; unconfirmed ones in sets that
 * belong to one (target, source) each, so that a flood takes nothing from others.
 */
#ifndef BULKHEAD_SESSIONS_H
#define BULKHEAD_SESSIONS_H

#include "image.h"
#include "maps.h"

#define CLOCK_MONOTONIC 1
#define TIMER_MIN SECOND

/* The tuple's canonical key and the direction of the packet in it. */
ever_inline void set_key(struct context *c, const struct tuple *t)
{
    bool swap;
    if (t->family == 4) {
        __u32 from = t->from[0], to = t->to[0];
        __u16 from_port = t->from_port, to_port = t->to_port;
        swap = from > to || (from == to && from_port > to_port);
        /* Two whole words, as the hash will read them: a load across smaller stores waits for all of them. */
        __u64 *k = (void *)&c->key_v4;
        k[0] = swap ? (__u64)from << 32 | to : (__u64)to << 32 | from;
        k[1] = (swap ? (__u64)from_port << 16 | to_port : (__u64)to_port << 16 | from_port) | (__u64)t->protocol << 32;
    } else {
        const __u64 *from = (const void *)t->from, *to = (const void *)t->to;
        __u64 from_high = from[0], from_low = from[1], to_high = to[0], to_low = to[1];
        __u16 from_port = t->from_port, to_port = t->to_port;
        swap = from_high != to_high ? from_high > to_high : from_low != to_low ? from_low > to_low : from_port > to_port;
        __u64 *k = (void *)&c->key;
        k[0] = swap ? to_high : from_high;
        k[1] = swap ? to_low : from_low;
        k[2] = swap ? from_high : to_high;
        k[3] = swap ? from_low : to_low;
        k[4] = (swap ? (__u64)from_port << 16 | to_port : (__u64)to_port << 16 | from_port) | (__u64)t->protocol << 32;
    }
    c->direction = swap;
}

/* The unconfirmed table has one form of key for both families. */
ever_inline void widen_key(struct context *c)
{
    if (c->tuple.family != 4)
        return;
    __u64 *wide = (void *)&c->key;
    const __u64 *narrow = (const void *)&c->key_v4;
    wide[0] = (__u32)narrow[0];
    wide[1] = 0;
    wide[2] = narrow[0] >> 32;
    wide[3] = 0;
    wide[4] = narrow[1];
}

ever_inline __u64 hash_key_v4(const struct session_key_v4 *k)
{
    const __u64 *w = (const void *)k;
    return image_hash_mix(w[0] ^ w[1] * 0x9e3779b97f4a7c15ull);
}

ever_inline __u64 hash_key_v6(const struct session_key_v6 *k)
{
    const __u64 *w = (const void *)k;
    __u64 h = image_hash_mix(w[1] ^ w[3] * 0x9e3779b97f4a7c15ull);
    return image_hash_mix(h ^ w[0] ^ w[2] * 0xd6e8feb86659fd93ull ^ w[4]);
}

ever_inline __u64 hash_key(const struct context *c)
{
    return c->tuple.family == 4 ? hash_key_v4(&c->key_v4) : hash_key_v6(&c->key);
}

ever_inline __u64 make_stamp(const struct context *c, __u64 hash)
{
    __u32 flags = (c->timed ? STAMP_TIMED : 0) | (c->observed ? STAMP_OBSERVED | c->reason : 0);
    return (__u64)(c->generation & 0xffff) << 48 | ((hash >> 48) & 0xffff) << 32 | (__u64)flags << 24 | (c->rule & NO_RULE);
}

ever_inline bool stamp_is_current(const struct context *c, __u64 stamp)
{
    return STAMP_GENERATION(stamp) == (c->generation & 0xffff) && !(STAMP_FLAGS(stamp) & STAMP_TIMED);
}

/* After decide(): whether a session of that target and that port at the uplink may go on (6.2). */
ever_inline bool goes_on(const struct context *c, __u32 to_link, __u16 port)
{
    return c->allowed && c->way_in && c->to_link == to_link && (port || !c->nat);
}

ever_inline __u64 timeout_of(__u8 protocol, __u8 state)
{
    if (protocol == IPPROTO_TCP)
        return state & SESSION_CLOSING ? config.tcp_closing : config.tcp;
    return protocol == IPPROTO_ICMP || protocol == IPPROTO_ICMPV6 ? config.icmp : config.other;
}

ever_inline bool session_alive(const struct session *s, __u16 tag, __u8 protocol, __u64 now)
{
    __u64 stamp = READ_ONCE(s->stamp);
    if (!stamp || STAMP_TAG(stamp) != tag)
        return false;
    __u64 last = READ_ONCE(s->last);
    return now < last || now - last < timeout_of(protocol, s->state);
}

/* When the entry may go, at the earliest; 0: now. */
ever_inline __u64 entry_rest(const struct session_entry *e, __u8 protocol, __u64 now)
{
    __u64 rest = 0;
    for (int d = 0; d < 2; d++) {
        if (!READ_ONCE(e->side[d].stamp))
            continue;
        __u64 end = READ_ONCE(e->side[d].last) + timeout_of(protocol, e->side[d].state);
        if (end > now && end - now > rest)
            rest = end - now;
    }
    return rest;
}

static int expire_v4(void *map, struct session_key_v4 *key, struct session_entry *e)
{
    __u64 rest = entry_rest(e, key->protocol, bpf_ktime_get_coarse_ns());
    if (rest)
        bpf_timer_start(&e->timer, rest < TIMER_MIN ? TIMER_MIN : rest, 0);
    else
        bpf_map_delete_elem(map, key);
    return 0;
}

static int expire_v6(void *map, struct session_key_v6 *key, struct session_entry *e)
{
    __u64 rest = entry_rest(e, key->protocol, bpf_ktime_get_coarse_ns());
    if (rest)
        bpf_timer_start(&e->timer, rest < TIMER_MIN ? TIMER_MIN : rest, 0);
    else
        bpf_map_delete_elem(map, key);
    return 0;
}

/*
 * The entry of the context's key. A subprogram's context is memory that Linux 6.1 does not take a key from: there, and
 * only there, it is copied.
 */
ever_inline struct session_entry *entry_find(struct context *c)
{
    if (c->tuple.family == 4)
        return bpf_map_lookup_elem(&sessions_v4, &c->key_v4);
    return bpf_map_lookup_elem(&sessions_v6, &c->key);
}

ever_inline struct session_entry *entry_find_copied(const struct context *c)
{
    if (c->tuple.family == 4) {
        struct session_key_v4 key = c->key_v4;
        return bpf_map_lookup_elem(&sessions_v4, &key);
    }
    struct session_key_v6 key = c->key;
    return bpf_map_lookup_elem(&sessions_v6, &key);
}

/* Make the entry of the context's key; not 0 when the table is full. */
subprogram int entry_make(struct context *c)
{
    if (!c)
        return -1;
    struct session_entry fresh = {0};
    if (c->tuple.family == 4) {
        struct session_key_v4 key = c->key_v4;
        return (int)bpf_map_update_elem(&sessions_v4, &key, &fresh, BPF_NOEXIST);
    }
    struct session_key_v6 key = c->key;
    return (int)bpf_map_update_elem(&sessions_v6, &key, &fresh, BPF_NOEXIST);
}

/* (Re)start the timer of the entry that the context's key names. */
subprogram int entry_arm(struct context *c, __u64 after)
{
    if (!c || config.test_clock)
        return 0;
    if (c->tuple.family == 4) {
        struct session_key_v4 key = c->key_v4;
        struct session_entry *e = bpf_map_lookup_elem(&sessions_v4, &key);
        if (!e)
            return 0;
        bpf_timer_init(&e->timer, &sessions_v4, CLOCK_MONOTONIC);
        bpf_timer_set_callback(&e->timer, expire_v4);
        bpf_timer_start(&e->timer, after, 0);
    } else {
        struct session_key_v6 key = c->key;
        struct session_entry *e = bpf_map_lookup_elem(&sessions_v6, &key);
        if (!e)
            return 0;
        bpf_timer_init(&e->timer, &sessions_v6, CLOCK_MONOTONIC);
        bpf_timer_set_callback(&e->timer, expire_v6);
        bpf_timer_start(&e->timer, after, 0);
    }
    return 0;
}

ever_inline struct pending_set *pending_set_of(struct context *c, __u32 target, __u32 source, __u64 hash)
{
    if (target >= config.links || source >= config.links)
        return NULL;
    __u32 at = (target * config.links + source) * config.pending_sets + ((__u32)hash & (config.pending_sets - 1));
    return bpf_map_lookup_elem(&pendings, &at);
}

/* Way `i` of the set is the live session of the context's key. The stamp's tag spares nearly all looks at keys. */
ever_inline bool pending_is(const struct pending_set *set, __u32 i, const struct context *c, __u8 direction)
{
    __u64 stamp = set->stamp[i];
    if (!stamp || STAMP_TAG(stamp) != ((c->hash >> 48) & 0xffff))
        return false;
    const struct pending *p = &set->way[i];
    if (p->direction != direction || p->family != c->tuple.family)
        return false;
    if (c->now >= set->last[i] && c->now - set->last[i] >= config.unconfirmed)
        return false;
    const __u64 *a = (const void *)&p->key, *b = (const void *)&c->key;
    return a[0] == b[0] && a[1] == b[1] && a[2] == b[2] && a[3] == b[3] && a[4] == b[4];
}

/* A session (c->flow, in its own direction) ended because the policy no longer allows it. */
subprogram int tell_cut(struct context *c, __u64 stamp, __u64 last, __u32 from_link, __u32 to_link)
{
    if (!c)
        return 0;
    struct event *e = bpf_ringbuf_reserve(&receipts, sizeof *e, 0);
    if (!e)
        return 0; /* the numbers of the sweep are exact all the same */
    __builtin_memset(e, 0, sizeof *e);
    e->time = last;
    e->generation = c->generation;
    e->rule = STAMP_RULE(stamp);
    e->from_link = from_link;
    e->to_link = to_link;
    __builtin_memcpy(e->from, c->flow.from, 16);
    __builtin_memcpy(e->to, c->flow.to, 16);
    e->from_port = bpf_ntohs(c->flow.from_port);
    e->to_port = bpf_ntohs(c->flow.to_port);
    e->family = c->flow.family;
    e->protocol = c->flow.protocol;
    e->reason = REASON_REVOKED;
    e->enforced = 1;
    e->kind = EVENT_CUT;
    bpf_ringbuf_submit(e, 0);
    return 0;
}

enum pending_act {
    PENDING_TEST,   /* only look */
    PENDING_FIND,   /* copy it to c->pending */
    PENDING_TOUCH,  /* c->pending's stamp; last is now; state, fins, replied and sequence as given there */
    PENDING_REMOVE,
    PENDING_INSERT, /* c->pending, in place of itself, a free or expired one, else the oldest */
};

/*
 * Whether the set may hold a session of this tag, looked at without its lock: what is put there at this very moment
 * comes after this packet. It spares nearly every new session one of two locks.
 */
ever_inline bool pending_maybe(const struct pending_set *set, const struct context *c)
{
    __u32 tag = (c->hash >> 48) & 0xffff, hits = 0;
    for (__u32 i = 0; i < PENDING_WAYS; i++) {
        __u64 stamp = READ_ONCE(set->stamp[i]);
        hits |= stamp && STAMP_TAG(stamp) == tag;
    }
    return hits;
}

/* True when it was found; an insertion always succeeds. */
subprogram int pending_do(struct context *c, __u64 where, __u8 direction, int act)
{
    if (!c)
        return false;
    struct pending *p = &c->pending;
    struct pending_set *set = pending_set_of(c, where >> 32, (__u32)where, c->hash);
    if (!set)
        return false;
    if (act != PENDING_INSERT && !pending_maybe(set, c))
        return false;
    bool found = false;
    __u32 at = 0;
    __u64 oldest = ~0ull;
    bpf_spin_lock(&set->lock);
    for (__u32 i = 0; i < PENDING_WAYS; i++) {
        if (pending_is(set, i, c, direction)) {
            found = true;
            at = i;
            break;
        }
        __u64 last = set->last[i];
        __u64 age = !set->stamp[i] || (c->now >= last && c->now - last >= config.unconfirmed) ? 0 : last + 1;
        if (age < oldest) {
            oldest = age;
            at = i;
        }
    }
    at &= PENDING_WAYS - 1;
    struct pending *w = &set->way[at];
    if (act == PENDING_INSERT) {
        *w = *p;
        set->stamp[at] = c->pending_stamp;
        set->last[at] = c->now;
    } else if (found) {
        if (act == PENDING_FIND) {
            *p = *w;
            c->pending_stamp = set->stamp[at];
            c->pending_last = set->last[at];
        } else if (act == PENDING_REMOVE) {
            set->stamp[at] = 0;
        } else if (act == PENDING_TOUCH) {
            set->stamp[at] = c->pending_stamp;
            set->last[at] = c->now;
            w->state |= p->state;
            if (p->replied) {
                w->replied = 1;
                w->sequence = p->sequence;
            }
        }
    }
    bpf_spin_unlock(&set->lock);
    return found;
}

#define WHERE(target, source) ((__u64)(target) << 32 | (source))

ever_inline bool plain_syn(const struct context *c)
{
    return (c->tcp_flags & (TCP_SYN | TCP_ACK | TCP_RST | TCP_FIN)) == TCP_SYN;
}

#endif
