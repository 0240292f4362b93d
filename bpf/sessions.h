/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Sessions: finding the one a packet belongs to, moving it on, beginning and ending it. docs/packets.md,
 * section 6. Confirmed ones live in sets by their hash; unconfirmed ones in sets that belong to one (target, source) each,
 * so that a flood takes nothing from others.
 */
#ifndef BULKHEAD_SESSIONS_H
#define BULKHEAD_SESSIONS_H

#include "image.h"
#include "maps.h"
#include "parse.h"

/* The tuple's canonical key, its hash, and the direction of the packet in it. */
ever_inline void set_key(struct context *c, const struct tuple *t)
{
    /* Whole words, as they will be compared: a load across smaller stores waits for all of them. */
    __u64 *k = (void *)&c->key;
    __u64 hash, seed = config.hash_seed, rest = ((__u64)t->family << 8 | t->protocol) << 32;
    __u16 from_port = t->from_port, to_port = t->to_port;
    bool swap;
    if (t->family == 4) {
        __u64 from = t->from[0], to = t->to[0];
        swap = from > to || (from == to && from_port > to_port);
        rest |= swap ? (__u64)from_port << 16 | to_port : (__u64)to_port << 16 | from_port;
        k[0] = swap ? to : from;
        k[2] = swap ? from : to;
        k[1] = k[3] = 0;
        hash = (swap ? from << 32 | to : to << 32 | from) ^ seed;
    } else {
        const __u64 *from = (const void *)t->from, *to = (const void *)t->to;
        __u64 from_high = from[0], from_low = from[1], to_high = to[0], to_low = to[1];
        swap = from_high != to_high ? from_high > to_high : from_low != to_low ? from_low > to_low : from_port > to_port;
        rest |= swap ? (__u64)from_port << 16 | to_port : (__u64)to_port << 16 | from_port;
        __u64 a = swap ? to_high : from_high, b = swap ? to_low : from_low, d = swap ? from_high : to_high, e = swap ? from_low : to_low;
        k[0] = a;
        k[1] = b;
        k[2] = d;
        k[3] = e;
        hash = image_hash_mix(b ^ e * 0x9e3779b97f4a7c15ull ^ seed) ^ a ^ d * 0xd6e8feb86659fd93ull;
    }
    k[4] = rest;
    c->hash = image_hash_mix(hash ^ rest * 0x9e3779b97f4a7c15ull);
    c->direction = swap;
}

#define KEY_DIRECTION 48 /* of the last word: struct session_key, little endian */
#define KEY_ANY ((__u64)0xff << KEY_DIRECTION)

/* The session's key is the context's, started in `direction`, or with KEY_ANY in either. */
ever_inline bool same_key(const struct session_key *key, const struct context *c, __u64 direction)
{
    const __u64 *a = (const void *)key, *b = (const void *)&c->key;
    __u64 last = direction == KEY_ANY ? a[4] & ~KEY_ANY : a[4] ^ direction << KEY_DIRECTION;
    /* Without a branch between: the verifier has fewer ways to follow. */
    return !((a[0] ^ b[0]) | (a[1] ^ b[1]) | (a[2] ^ b[2]) | (a[3] ^ b[3]) | (last ^ b[4]));
}

ever_inline __u64 make_stamp(const struct context *c, __u64 hash)
{
    __u32 flags = (c->timed ? STAMP_TIMED : 0) | (c->observed ? STAMP_OBSERVED | c->reason : 0);
    return (__u64)(c->generation & 0xffff) << 48 | ((hash >> 48) & 0xffff) << 32 | (__u64)flags << 24 | (c->rule & NO_RULE);
}

/* Whether a session that is only observed was so before, for the same reason by the same rule, and that has been told. */
ever_inline bool is_told(__u64 old, __u64 fresh)
{
    __u64 same = (__u64)(STAMP_OBSERVED | STAMP_UNTOLD | STAMP_REASON) << 24 | NO_RULE;
    return STAMP_FLAGS(old) & STAMP_OBSERVED && !((old ^ fresh) & same);
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

ever_inline bool session_alive(const struct session *s, __u16 tag, __u64 now)
{
    __u64 stamp = READ_ONCE(s->stamp);
    if (!stamp || STAMP_TAG(stamp) != tag)
        return false;
    __u64 last = READ_ONCE(s->last);
    return now < last || now - last < timeout_of(s->key.protocol, s->state);
}

/*
 * The stamp of a session, at `at`, is no longer `stamp` but `fresh`, unless another processor has changed it. False: the session has
 * ended meanwhile, or its place is another one's, which is left alone. `stamp` again: whether it is still there.
 */
ever_inline bool stamp_change(__u64 *at, __u64 stamp, __u64 fresh)
{
    __u64 there = stamp == fresh ? READ_ONCE(*at) : __sync_val_compare_and_swap(at, stamp, fresh);
    return there && STAMP_TAG(there) == STAMP_TAG(stamp);
}

#define SET_SPILLED 56 /* the highest octet of a set's tags */
#define OCTETS 0x0101010101010101ull

/* Never 0, and none of the bits that choose the sets. */
ever_inline __u8 tag_of(__u64 hash)
{
    return (__u8)(hash >> 56 ?: 1);
}

/* Which ways may hold a session of the tag: bit 7 of each octet. All that do, now and then another one. */
ever_inline __u64 tag_hits(__u64 tags, __u8 tag)
{
    __u64 zero = tags ^ tag * OCTETS;
    return (zero - OCTETS) & ~zero & (OCTETS << 7) & ~(0xffull << SET_SPILLED);
}

/* The way that a session stands in if it is free: most do. None of the bits that choose the first set. */
ever_inline __u32 usual_way(__u64 hash)
{
    return ((__u32)(hash >> 40 & 0xff) * SESSION_WAYS) >> 8;
}

/* The number of the lowest hit: the product has it in the highest three bits, as the factor has i at bit 54 - 8 i. */
ever_inline __u64 first_hit(__u64 hits)
{
    return (hits & -hits) * (1ull << 46 | 2ull << 38 | 3ull << 30 | 4ull << 22 | 5ull << 14 | 6ull << 6) >> 61;
}

/* The number of a set that the session may stand in: which < SESSION_SETS. */
ever_inline __u32 session_set_at(const struct context *c, __u32 which)
{
    return ((__u32)c->hash + which * ((__u32)(c->hash >> 32) | 1)) & (config.session_sets - 1);
}

ever_inline struct session *way_of(struct session_set *set, __u64 at)
{
    /* It always is; in one piece, so that the verifier sees the bound on what is added. */
    __asm__ volatile("if %0 < %1 goto +1\n\t%0 = 0" : "+r"(at) : "i"(SESSION_WAYS));
    return &set->way[at];
}

ever_inline bool session_is(const struct session *s, const struct context *c, __u64 direction)
{
    return same_key(&s->key, c, direction) && session_alive(s, (c->hash >> 48) & 0xffff, c->now);
}

#define NO_WAY 64u

/* Wherever it may stand: the number of the set, times 8, and of the way in it; NO_WAY: nowhere. */
subprogram __u32 session_search(struct context *c, __u64 direction)
{
    if (!c)
        return NO_WAY;
    for (__u32 i = 0; i < SESSION_SETS * 8; i++) {
        __u32 at = session_set_at(c, i >> 3);
        const __u64 *tags = bpf_map_lookup_elem(&session_tags, &at);
        struct session_set *set = bpf_map_lookup_elem(&sessions, &at);
        if (!tags || !set)
            return NO_WAY;
        if (!tag_hits(READ_ONCE(*tags), tag_of(c->hash)))
            i |= 7;
        if ((i & 7) < SESSION_WAYS) {
            if (session_is(&set->way[i & 7], c, direction))
                return i;
        } else if (!(READ_ONCE(*tags) >> SET_SPILLED)) { /* nobody went on to the next set */
            break;
        }
    }
    return NO_WAY;
}

ever_inline struct session *session_seek(struct context *c, __u64 direction)
{
    __u32 found = session_search(c, direction);
    if (found >= NO_WAY)
        return NULL;
    __u32 at = session_set_at(c, found >> 3);
    struct session_set *set = bpf_map_lookup_elem(&sessions, &at);
    return set ? way_of(set, found & 7) : NULL;
}

/*
 * The live session of the context's key, started in that direction, or with KEY_ANY in either. session_seek is the same,
 * slower where there is one, and less for the verifier to follow. One load of memory finds most sessions, in their usual
 * way; what has none, as most SYNs, learns it from the tags, which are closer.
 */
ever_inline struct session *session_find(struct context *c, __u64 direction)
{
    __u32 at = session_set_at(c, 0);
    if (likely(!(c->tcp_flags & TCP_SYN))) {
        struct session_set *set = bpf_map_lookup_elem(&sessions, &at);
        if (!set)
            return NULL;
        struct session *s = way_of(set, usual_way(c->hash));
        if (likely(session_is(s, c, direction)))
            return s;
    }
    const __u64 *there = bpf_map_lookup_elem(&session_tags, &at);
    if (!there)
        return NULL;
    __u64 tags = READ_ONCE(*there), hits = tag_hits(tags, tag_of(c->hash));
    if (hits) {
        struct session_set *set = bpf_map_lookup_elem(&sessions, &at);
        if (!set)
            return NULL;
        struct session *s = way_of(set, first_hit(hits));
        if (likely(session_is(s, c, direction)))
            return s;
    }
    if (likely(!(hits & (hits - 1)) && !(tags >> SET_SPILLED)))
        return NULL;
    return session_seek(c, direction);
}

/* Another processor was faster to confirm the session: it is not written anew, as others may be following it. */
ever_inline bool confirm_again(struct session *s, const struct pending *p, __u64 now)
{
    if (s->from_link != p->from_link || s->to_link != p->to_link || s->port != p->port)
        return false;
    s->last = now;
    s->state |= p->state;
    return true;
}

/* Puts c->pending, confirmed, into a set, in place of itself or of what is not alive. False: there is no room. */
subprogram int session_put(struct context *c, __u32 which)
{
    if (!c)
        return false;
    __u32 number = session_set_at(c, which);
    __u64 *tags = bpf_map_lookup_elem(&session_tags, &number);
    struct session_set *set = bpf_map_lookup_elem(&sessions, &number);
    if (!set || !tags)
        return false;
    const struct pending *p = &c->pending;
    __u32 at = SESSION_WAYS;
    bool again = false;
    bpf_spin_lock(&set->lock);
    for (__u32 i = 0; i < SESSION_WAYS; i++) {
        struct session *s = &set->way[i];
        bool alive = session_alive(s, STAMP_TAG(s->stamp), c->now);
        if (alive && same_key(&s->key, c, c->direction)) {
            again = confirm_again(s, p, c->now);
            at = i;
            break;
        }
        if (!alive && (at == SESSION_WAYS || i == usual_way(c->hash)))
            at = i;
    }
    bool room = at < SESSION_WAYS;
    if (room && !again) {
        struct session *s = &set->way[at];
        WRITE_ONCE(s->stamp, 0);
        s->key = p->key;
        s->last = c->now;
        s->from_link = p->from_link;
        s->to_link = p->to_link;
        s->state = p->state;
        s->crossed = 0;
        s->port = p->port;
        __sync_lock_test_and_set(&s->stamp, c->pending_stamp);
    }
    WRITE_ONCE(((__u8 *)tags)[at], room ? tag_of(c->hash) : 1);
    bpf_spin_unlock(&set->lock);
    return room;
}

#define WHERE(target, source) ((__u64)(target) << 32 | (source))
#define NO_SET 0xffffffffu

/* The number of the pair's set for the context's session. */
ever_inline __u32 pending_pair(const struct context *c, __u64 where)
{
    __u32 target = where >> 32, source = (__u32)where;
    if (target >= config.links || source >= config.links)
        return NO_SET;
    return (target * config.links + source) * config.pending_sets + ((__u32)c->hash & (config.pending_sets - 1));
}

/* That of the set for what finds no room in the pair's. */
ever_inline __u32 pending_more(const struct context *c, __u64 where)
{
    __u32 target = where >> 32, source = (__u32)where, row = source;
    if (target >= config.links || source >= config.links)
        return NO_SET;
    if (source == config.uplink)
        row = config.links + target;
    else if (target == config.uplink)
        row = 2 * config.links + source;
    return config.links * config.links * config.pending_sets + row * config.pending_more + ((__u32)(c->hash >> 16) & (config.pending_more - 1));
}

/*
 * Way `i` of the set is the live session of the context's key, between those links: a set may have others' too, and a session
 * is its pair's alone. The stamp's tag spares nearly all looks at keys.
 */
ever_inline bool pending_is(const struct pending_set *set, __u32 i, const struct context *c, __u64 where, __u8 direction)
{
    const struct pending *w = &set->way[i];
    __u64 stamp = set->stamp[i];
    if (!stamp || STAMP_TAG(stamp) != ((c->hash >> 48) & 0xffff))
        return false;
    if (c->now >= set->last[i] && c->now - set->last[i] >= config.unconfirmed)
        return false;
    return WHERE(w->to_link, w->from_link) == where && same_key(&w->key, c, direction);
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

/* The way that the session has, or else is to have: a free or expired one, else the oldest, which lives (*ret_full). */
ever_inline __u32 pending_way(const struct pending_set *set, const struct context *c, __u64 where, __u8 direction, bool *ret_found, bool *ret_full)
{
    __u32 at = 0;
    __u64 oldest = ~0ull;
    *ret_found = false;
    for (__u32 i = 0; i < PENDING_WAYS; i++) {
        if (pending_is(set, i, c, where, direction)) {
            *ret_found = true;
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
    *ret_full = !*ret_found && oldest;
    return at & (PENDING_WAYS - 1);
}

/* While a session that begins or goes on now may stand in the second set. */
ever_inline __u32 spilled_until(const struct context *c)
{
    return (__u32)((c->now + config.unconfirmed) / SECOND) + 1;
}

/* The context's new session, in place of itself or of what is not alive; else of the oldest if `crowd`. False: there is no room. */
ever_inline bool pending_put(struct context *c, struct pending_set *set, bool crowd)
{
    bool found, full;
    __u64 stamp = make_stamp(c, c->hash), where = WHERE(c->to_link, c->from_link);
    __u32 spilled = spilled_until(c);
    bpf_spin_lock(&set->lock);
    __u32 at = pending_way(set, c, where, c->direction, &found, &full);
    bool room = crowd || !full;
    if (likely(room)) {
        struct pending *w = &set->way[at];
        WRITE_ONCE(set->stamp[at], 0); /* the sweep reads without the lock: a stamp stands only by the key that it is of */
        __asm__ volatile("" ::: "memory");
        w->key = c->key;
        w->key.direction = c->direction;
        w->from_link = (__u16)c->from_link;
        w->to_link = (__u16)c->to_link;
        w->sequence = 0;
        w->state = w->replied = 0;
        w->port = c->port;
        set->last[at] = c->now;
        __asm__ volatile("" ::: "memory");
        WRITE_ONCE(set->stamp[at], stamp);
    } else {
        set->spilled = spilled;
    }
    bpf_spin_unlock(&set->lock);
    return room;
}

subprogram int pending_spill(struct context *c)
{
    if (!c)
        return false;
    __u32 at = pending_more(c, WHERE(c->to_link, c->from_link));
    struct pending_set *set = bpf_map_lookup_elem(&pendings, &at);
    return set && pending_put(c, set, true);
}

ever_inline void pending_insert(struct context *c)
{
    __u32 at = pending_pair(c, WHERE(c->to_link, c->from_link));
    struct pending_set *set = bpf_map_lookup_elem(&pendings, &at);
    if (set && unlikely(!pending_put(c, set, !config.pending_more)))
        pending_spill(c);
}

/* In the pair's set, or the second one: whether it was found. */
subprogram int pending_in(struct context *c, __u64 where, bool second, __u8 direction, int act)
{
    if (!c)
        return false;
    struct pending *p = &c->pending;
    __u32 at = second ? pending_more(c, where) : pending_pair(c, where);
    struct pending_set *set = bpf_map_lookup_elem(&pendings, &at);
    c->spilled = set && READ_ONCE(set->spilled) > c->now / SECOND;
    if (!set || !pending_maybe(set, c))
        return false;
    bool found, full;
    bpf_spin_lock(&set->lock);
    at = pending_way(set, c, where, direction, &found, &full);
    struct pending *w = &set->way[at];
    if (found) {
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

/* A session of the second set goes on: it is to be looked for there as long as it may live. */
subprogram int pending_stays(struct context *c, __u64 where)
{
    if (!c)
        return 0;
    __u32 at = pending_pair(c, where);
    struct pending_set *set = bpf_map_lookup_elem(&pendings, &at);
    if (set)
        WRITE_ONCE(set->spilled, spilled_until(c));
    return 0;
}

/* Whether it was found. */
ever_inline bool pending_do(struct context *c, __u64 where, __u8 direction, int act)
{
    if (pending_in(c, where, false, direction, act))
        return true;
    if (likely(!c->spilled) || !pending_in(c, where, true, direction, act))
        return false;
    if (act == PENDING_TOUCH)
        pending_stays(c, where);
    return true;
}

ever_inline bool plain_syn(const struct context *c)
{
    return (c->tcp_flags & (TCP_SYN | TCP_ACK | TCP_RST | TCP_FIN)) == TCP_SYN;
}

#endif
