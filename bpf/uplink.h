/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * The way out and in (docs/packets.md, section 9): which inner address and port a packet to the outer address means, the
 * outer ports of sessions that leave, and writing either into a packet (RFC 1624 for checksums).
 *
 * Each workload has a share of the outer ports, so the port of a reply says whose table its translation stands in: what one
 * workload does takes nothing from others.
 */
#ifndef BULKHEAD_UPLINK_H
#define BULKHEAD_UPLINK_H

#include "image.h"
#include "sessions.h"

#define OUTER_PORT_TRIES 32

/*
 * A translation is as good as its session, which says whether it is alive; but one processor puts a translation there
 * before it does the session, and for as long as that may take, two ticks of the slowest clock, others leave it alone.
 */
#define TRANSLATION_SETTLES (SECOND / 50)

enum translation_act {
    TRANSLATION_FIND, /* the inner end into c->translation */
    TRANSLATION_MAKE, /* c->translation, in a place that is free; where none is, what would give way comes into it */
    TRANSLATION_KEEP, /* c->translation, where it is there already */
    TRANSLATION_DROP, /* it goes */
};

/* How readily the session that has an outer port loses it: the lowest first. Between these: when its last packet was. */
#define HOLDER_NONE 0ull /* there is no such session any more */
#define HOLDER_CLOSES 1ull
#define HOLDER_BEGINS (1ull << 63) /* unconfirmed, and does not close */
#define HOLDER_STAYS (~0ull)

ever_inline bool is_echo(__u8 protocol)
{
    return protocol == IPPROTO_ICMP || protocol == IPPROTO_ICMPV6;
}

/* The outer end and the remote one of c->translation. */
ever_inline void translation_key(struct context *c, const __u32 *remote, __u16 remote_port, __u16 port, __u8 protocol)
{
    struct translation *t = &c->translation;
    for (int i = 0; i < 4; i++)
        t->remote[i] = remote[i];
    t->remote_port = is_echo(protocol) ? 0 : remote_port;
    t->port = port;
    t->family = c->tuple.family;
    t->protocol = protocol;
}

ever_inline bool translation_is(const struct translation *a, const struct translation *b)
{
    return a->port == b->port && a->remote_port == b->remote_port && a->protocol == b->protocol && a->family == b->family &&
        same_v6(a->remote, b->remote);
}

/* The set that a translation stands in: of the workload whose share its port is from. */
ever_inline struct translation_set *translation_set_of(const struct translation *t)
{
    __u32 port = bpf_ntohs(t->port);
    if (port < OUTER_PORT_FIRST || !config.outer_ports)
        return NULL;
    __u32 link = (port - OUTER_PORT_FIRST) / config.outer_ports;
    if (link >= config.links)
        return NULL;
    __u64 hash = image_hash_mix(((__u64)t->remote[0] << 32 | t->remote[1]) ^ ((__u64)t->remote[2] << 32 | t->remote[3]) * 0x9e3779b97f4a7c15ull ^
        ((__u64)t->remote_port << 32 | (__u64)t->port << 8 | t->protocol) * 0xd6e8feb86659fd93ull);
    __u32 at = link * config.translation_sets + ((__u32)hash & (config.translation_sets - 1));
    return bpf_map_lookup_elem(&translations, &at);
}

/* False: not there; for MAKE: taken, or no place. */
subprogram int translation_do(struct context *c, int act)
{
    if (!c)
        return false;
    struct translation *t = &c->translation;
    struct translation_set *set = translation_set_of(t);
    if (!set)
        return false;
    bool found = false, room = false;
    __u32 at = bpf_ntohs(t->port); /* in a full set; another one for each port that is tried */
    bpf_spin_lock(&set->lock);
    for (__u32 i = 0; i < TRANSLATION_WAYS; i++) {
        const struct translation *w = &set->way[i];
        if (w->port && translation_is(w, t)) {
            found = true;
            at = i;
            break;
        }
        if (!w->port) {
            room = true;
            at = i;
        }
    }
    struct translation *w = &set->way[at & (TRANSLATION_WAYS - 1)];
    bool own = found && same_v6(w->local, t->local) && w->local_port == t->local_port;
    if (act == TRANSLATION_MAKE) {
        found = found ? own : room;
        if (found) {
            *w = *t;
            w->since = c->now;
        } else {
            *t = *w;
        }
    } else if (act == TRANSLATION_KEEP) {
        found = own;
        if (own)
            w->since = c->now;
    } else if (act == TRANSLATION_FIND && found) {
        *t = *w;
    } else if (act == TRANSLATION_DROP && own) {
        w->port = 0;
    }
    bpf_spin_unlock(&set->lock);
    return found;
}

/* The packet that begins a session, whose tuple c->flow has too, and the key of its sessions. */
ever_inline void take_tuple_again(struct context *c)
{
    c->tuple = c->flow;
    set_key(c, &c->tuple);
}

/* The session of c->translation, as a packet of its own direction: c->tuple, and the key. */
ever_inline void take_holder(struct context *c)
{
    const struct translation *t = &c->translation;
    for (int i = 0; i < 4; i++) {
        c->tuple.from[i] = t->local[i];
        c->tuple.to[i] = t->remote[i];
    }
    c->tuple.from_port = t->local_port;
    c->tuple.to_port = is_echo(t->protocol) ? t->local_port : t->remote_port;
    c->tuple.family = t->family;
    c->tuple.protocol = t->protocol;
    set_key(c, &c->tuple);
}

/* holder_rank for the confirmed session that the context has the key of; HOLDER_NONE: that one has not the port. */
subprogram __u64 confirmed_rank(struct context *c, __u16 port, bool end)
{
    struct session *s = c ? session_seek(c, c->direction) : NULL;
    if (!s || s->port != port)
        return HOLDER_NONE;
    if (!(s->state & SESSION_CLOSING))
        return HOLDER_STAYS;
    if (end)
        stamp_change(&s->stamp, READ_ONCE(s->stamp), 0);
    return HOLDER_CLOSES + READ_ONCE(s->last);
}

/* How readily the session of c->translation gives way (HOLDER_...); `end`: it ends, unless it stays. */
subprogram __u64 holder_rank(struct context *c, bool end)
{
    if (!c)
        return HOLDER_STAYS;
    __u16 port = c->translation.port;
    __u64 since = c->translation.since;
    take_holder(c);
    __u64 rank = confirmed_rank(c, port, end);
    if (rank == HOLDER_NONE) {
        __u64 where = WHERE(config.uplink, c->link);
        if (pending_do(c, where, c->direction, PENDING_FIND) && c->pending.port == port) {
            rank = (c->pending.state & SESSION_CLOSING ? HOLDER_CLOSES : HOLDER_BEGINS) + c->pending_last;
            if (end) {
                pending_do(c, where, c->direction, PENDING_REMOVE);
                if (confirmed_rank(c, port, false) == HOLDER_STAYS) /* another processor has just confirmed it */
                    rank = HOLDER_STAYS;
            }
        } else {
            rank = c->now < since + TRANSLATION_SETTLES ? HOLDER_STAYS : HOLDER_NONE;
        }
    }
    take_tuple_again(c);
    return rank;
}

/* c->translation: the packet's session has that outer port. */
ever_inline void want_outer_port(struct context *c, __u16 port)
{
    const struct tuple *t = &c->tuple;
    translation_key(c, t->to, t->to_port, port, t->protocol);
    __builtin_memcpy(c->translation.local, t->from, 16);
    c->translation.local_port = t->from_port;
    c->port = port;
}

/* HOLDER_NONE: the port is the packet's session's now, c->port; else how readily it would be. `end`: so that it is. */
subprogram __u64 try_outer_port(struct context *c, __u16 port, bool end)
{
    if (!c)
        return HOLDER_STAYS;
    want_outer_port(c, port);
    if (translation_do(c, TRANSLATION_MAKE))
        return HOLDER_NONE;
    __u64 rank = holder_rank(c, end);
    if (rank == HOLDER_STAYS || (rank != HOLDER_NONE && !end))
        return rank;
    translation_do(c, TRANSLATION_DROP);
    want_outer_port(c, port);
    return translation_do(c, TRANSLATION_MAKE) ? HOLDER_NONE : HOLDER_STAYS;
}

/* Also of a session whose first packet goes nowhere. */
ever_inline void tell_test_of(__u16 port)
{
    __u32 zero = 0;
    struct control *ctl = config.test_clock ? bpf_map_lookup_elem(&control, &zero) : NULL;
    if (ctl)
        ctl->test_outer_port = bpf_ntohs(port);
}

/*
 * Whether the port is published for the protocol that the packet is of. This and the next are apart from
 * translation_make, whose stack they would make too deep together with what it calls.
 */
subprogram int is_published(struct context *c, __u16 port)
{
    void *image;
    const struct image_header *h;
    struct image_publish ignored;
    return c && !is_echo(c->tuple.protocol) && image_of(c, &image, &h) && publish_find(image, h, c->tuple.protocol, port, &ignored);
}

/* Of its link's share: who has that link knows the sessions that may have it. */
ever_inline bool is_own_port(const struct context *c, __u16 port)
{
    return bpf_ntohs(port) - OUTER_PORT_FIRST - c->link * config.outer_ports < config.outer_ports;
}

/*
 * The port of the closing session that this one is in place of, confirmed or not. Where that is something older, it does no
 * harm: the translation says whose port it is.
 */
subprogram int keep_outer_port(struct context *c)
{
    if (!c)
        return false;
    __u16 before[2] = {c->port_before, c->pending.port};
    UNROLLED
    for (int i = 0; i < 2; i++) {
        want_outer_port(c, before[i]);
        if (is_own_port(c, before[i]) && translation_do(c, TRANSLATION_KEEP) && !is_published(c, before[i]))
            return true;
    }
    return false;
}

/* For the session that the packet begins (9.1), into c->port. False: there is none. */
ever_inline bool choose_outer_port(struct context *c)
{
    __u32 share = config.outer_ports;
    if (!share)
        return false;
    __u32 start = bpf_get_prandom_u32();
    __u64 least = HOLDER_STAYS;
    __u16 taken = 0;
    for (__u32 i = 0; i < OUTER_PORT_TRIES; i++) {
        __u32 number = OUTER_PORT_FIRST + c->link * share + (start + i) % share;
        __u16 port = bpf_htons((__u16)number);
        if (is_published(c, port))
            continue;
        __u64 rank = try_outer_port(c, port, false);
        if (rank == HOLDER_NONE)
            return true;
        if (rank < least) {
            least = rank;
            taken = port;
        }
    }
    return least != HOLDER_STAYS && try_outer_port(c, taken, true) == HOLDER_NONE;
}

subprogram int translation_make(struct context *c)
{
    if (!c)
        return false;
    if (!keep_outer_port(c) && !choose_outer_port(c))
        c->port = 0;
    tell_test_of(c->port);
    return c->port != 0;
}

/* Where a published port leads: the inner end into `to` and `to_port`; false when nowhere. */
subprogram int publish_arrive(struct context *c, bool quoted)
{
    if (!c)
        return false;
    void *image;
    const struct image_header *h;
    struct image_publish p;
    if (!image_of(c, &image, &h) || !publish_find(image, h, quoted ? c->flow.protocol : c->tuple.protocol, c->wire_port, &p))
        return false;
    struct translation *t = &c->translation;
    for (int i = 0; i < 4; i++)
        t->local[i] = c->tuple.family == 6 ? p.v6[i] : i ? 0 : p.v4;
    t->local_port = p.port;
    return t->local[0] != 0;
}

/* c->translation's inner end becomes what the packet, or what it quotes, is about. */
ever_inline void take_inner(struct context *c, bool quoted)
{
    const struct translation *t = &c->translation;
    for (int i = 0; i < 4; i++) {
        c->tuple.to[i] = t->local[i];
        if (quoted)
            c->flow.from[i] = t->local[i];
    }
    struct tuple *ports = quoted ? &c->flow : &c->tuple;
    if (is_echo(ports->protocol))
        ports->from_port = ports->to_port = t->local_port;
    else if (quoted)
        ports->from_port = t->local_port;
    else
        ports->to_port = t->local_port;
    c->arrived = 1;
    c->far_known = 0;
}

ever_inline void take_outer_again(struct context *c, bool quoted)
{
    __builtin_memcpy(c->translation.local, c->wire, 16);
    c->translation.local_port = c->wire_port;
    take_inner(c, quoted);
    c->arrived = 0;
}

/* Whether the packet is addressed to the outer address of the uplink that it came in by. */
ever_inline bool to_outer(const struct context *c, const struct link_entry *link)
{
    if (link->kind != LINK_UPLINK)
        return false;
    if (c->tuple.family == 4)
        return link->hub_v4 && c->tuple.to[0] == link->hub_v4;
    return link->hub_v6[0] && same_v6(c->tuple.to, link->hub_v6);
}

/* The checksum `check` after the change. */
ever_inline __u16 check_after(__u16 check, const struct change *k)
{
    __u32 sum = (__u32)bpf_csum_diff((__be32 *)k->old, sizeof k->old, (__be32 *)k->new, sizeof k->new, (__u16)~check);
    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    return (__u16)~sum;
}

/* A checksum inside of what an ICMP error quotes, and the error's own, which covers it. */
ever_inline int change_quoted_check(struct __sk_buff *skb, __u32 at, __u32 icmp_check, const struct change *k, bool may_be_none)
{
    __u16 old, new;
    if (bpf_skb_load_bytes(skb, at, &old, sizeof old))
        return -1;
    if (may_be_none && !old)
        return 0;
    new = check_after(old, k);
    if (may_be_none && !new)
        new = 0xffff;
    if (bpf_skb_store_bytes(skb, at, &new, sizeof new, 0))
        return -1;
    return (int)bpf_l4_csum_replace(skb, icmp_check, old, new, 2);
}

/* The end of the quoted packet that is the workload's. */
subprogram int translate_quoted(struct __sk_buff *skb, struct context *c)
{
    if (!c)
        return -1;
    bool v4 = c->tuple.family == 4, source = c->arrived;
    struct change *k = &c->change;
    if (!source) /* the workload may have sent it from another of its addresses */
        __builtin_memcpy(k->old, c->quoted.to, 16);
    k->old[4] = source ? c->wire_port : c->quoted_port;
    k->new[4] = source ? c->quoted_port : c->port;
    __u32 ip = c->l4 + 8, l4 = ip + (v4 ? sizeof(struct iphdr) : sizeof(struct ipv6hdr) + c->quoted_skip), check = c->l4 + 2;
    __u8 protocol = c->quoted_protocol;
    __u32 port = l4 + (is_echo(protocol) ? 4 : source ? 0 : 2);
    __u32 address = ip + (v4 ? (source ? 12 : 16) : source ? 8 : 24);
    __u16 old_port = (__u16)k->old[4], new_port = (__u16)k->new[4];
    int error = 0;
    if (v4) {
        __u32 kept_old = k->old[4], kept_new = k->new[4];
        k->old[4] = k->new[4] = 0;
        error |= change_quoted_check(skb, ip + 10, check, k, false);
        k->old[4] = kept_old;
        k->new[4] = kept_new;
    }
    if (protocol == IPPROTO_UDP)
        error |= change_quoted_check(skb, l4 + 6, check, k, true);
    if (protocol == IPPROTO_ICMPV6)
        error |= change_quoted_check(skb, l4 + 2, check, k, false);
    if (protocol == IPPROTO_ICMP) { /* no pseudo header */
        __u32 old = k->old[0], new = k->new[0];
        k->old[0] = k->new[0] = 0;
        error |= change_quoted_check(skb, l4 + 2, check, k, false);
        k->old[0] = old;
        k->new[0] = new;
    }
    UNROLLED
    for (int i = 0; i < 4; i++)
        if (k->old[i] != k->new[i])
            error |= (int)bpf_l4_csum_replace(skb, check, k->old[i], k->new[i], 4);
    error |= (int)bpf_l4_csum_replace(skb, check, old_port, new_port, 2);
    error |= (int)bpf_skb_store_bytes(skb, address, k->new, v4 ? 4 : 16, 0);
    error |= (int)bpf_skb_store_bytes(skb, port, &new_port, sizeof new_port, 0);
    return error ? -1 : 0;
}

/* The end of the packet that is the workload's, in layers 3 and 4; `port`: its port too. */
ever_inline int translate_ends(struct __sk_buff *skb, struct context *c, bool port)
{
    bool v4 = c->tuple.family == 4, source = !c->arrived;
    const struct change *k = &c->change;
    __u8 protocol = c->tuple.protocol;
    __u16 old_port = (__u16)k->old[4], new_port = (__u16)k->new[4];
    int error = 0;
    if (v4)
        error |= (int)bpf_l3_csum_replace(skb, ETH_HLEN + 10, k->old[0], k->new[0], 4);
    if (c->part != PART_LATER) {
        __u32 check = c->l4 + (protocol == IPPROTO_TCP ? 16 : protocol == IPPROTO_UDP ? 6 : 2);
        __u64 flags = protocol == IPPROTO_UDP ? BPF_F_MARK_MANGLED_0 : 0;
        if (protocol != IPPROTO_ICMP) {
            UNROLLED
            for (int i = 0; i < 4; i++)
                if (k->old[i] != k->new[i])
                    error |= (int)bpf_l4_csum_replace(skb, check, k->old[i], k->new[i], flags | BPF_F_PSEUDO_HDR | 4);
        }
        if (port) {
            error |= (int)bpf_l4_csum_replace(skb, check, old_port, new_port, flags | 2);
            __u32 at = c->l4 + (is_echo(protocol) ? 4 : source ? 0 : 2);
            error |= (int)bpf_skb_store_bytes(skb, at, &new_port, sizeof new_port, 0);
        }
    }
    __u32 at = ETH_HLEN + (v4 ? (source ? 12 : 16) : source ? 8 : 24);
    error |= (int)bpf_skb_store_bytes(skb, at, k->new, v4 ? 4 : 16, 0);
    return error ? -1 : 0;
}

/*
 * Writes the inner end (of a packet that arrived) or the outer one (of one that leaves by `to`) into the packet. Not 0
 * when the packet could not be written to.
 */
subprogram int translate(struct __sk_buff *skb, struct context *c, __u32 to)
{
    if (!c)
        return -1;
    const struct link_entry *link = bpf_map_lookup_elem(&links, &to);
    if (!link)
        return -1;
    struct change *k = &c->change;
    bool arrived = c->arrived, v4 = c->tuple.family == 4;
    for (int i = 0; i < 4; i++) {
        __u32 outer = !v4 ? link->hub_v6[i] : i ? 0 : link->hub_v4;
        k->old[i] = arrived ? c->wire[i] : c->tuple.from[i];
        k->new[i] = arrived ? c->tuple.to[i] : outer;
    }
    k->old[4] = arrived ? c->wire_port : c->tuple.from_port;
    k->new[4] = arrived ? c->tuple.to_port : c->port;
    bool error = c->icmp == ICMP_ERROR;
    if (translate_ends(skb, c, !error && c->part != PART_LATER))
        return -1;
    return error ? translate_quoted(skb, c) : 0;
}

#endif
