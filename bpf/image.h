/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Reads the compiled policy: addresses -> classes, classes and port -> verdict. The cost is bounded by the
 * length of addresses and the size of the port space, never by the number of rules.
 */
#ifndef BULKHEAD_IMAGE_H
#define BULKHEAD_IMAGE_H

#include "image_hash.h"
#include "maps.h"
#include "parse.h"

#define PROBES_V4 6 /* binary search over at most 33 lengths */
#define PROBES_V6 8 /* over at most 129 */
#define PORT_PROBES 19 /* over at most PORT_KEY_END intervals */

/* The image of the context's generation, and its header; false: it has none. */
ever_inline bool image_of(const struct context *c, void **ret_image, const struct image_header **ret_header)
{
    __u32 slot = c->generation % SLOTS, zero = 0;
    *ret_image = bpf_map_lookup_elem(&images, &slot);
    if (!*ret_image)
        return false;
    *ret_header = bpf_map_lookup_elem(*ret_image, &zero);
    return *ret_header;
}

ever_inline const struct line *image_line(void *image, __u32 at)
{
    return bpf_map_lookup_elem(image, &at);
}

ever_inline bool endpoint_v4(void *image, const struct image_header *h, __u32 address, struct found *f)
{
    struct image_hash_place p = image_hash_v4(h->endpoints_v4.first, h->endpoints_v4.mask, h->seed, address, 0);
    for (int choice = 0; choice < 2; choice++) {
        const struct image_endpoint_v4 *e = (const void *)image_line(image, p.line[choice]);
        if (!e)
            return false;
        for (int i = 0; i < 4; i++)
            if (e[i].address == address) {
                *f = (struct found){.link = e[i].link, .from_class = e[i].from_class, .to_class = e[i].to_class, .endpoint = true};
                return true;
            }
    }
    return false;
}

ever_inline bool same_v6(const __u32 *a, const __u32 *b)
{
    return a[0] == b[0] && a[1] == b[1] && a[2] == b[2] && a[3] == b[3];
}

ever_inline bool endpoint_v6(void *image, const struct image_header *h, const __u32 *address, struct found *f)
{
    struct image_hash_place p = image_hash_v6(h->endpoints_v6.first, h->endpoints_v6.mask, h->seed, address, 0);
    for (int choice = 0; choice < 2; choice++) {
        const struct image_endpoint_v6 *e = (const void *)image_line(image, p.line[choice]);
        if (!e)
            return false;
        for (int i = 0; i < 2; i++)
            if (same_v6(e[i].address, address)) {
                *f = (struct found){.link = e[i].link, .from_class = e[i].from_class, .to_class = e[i].to_class, .endpoint = true};
                return true;
            }
    }
    return false;
}

/* The longest prefix that covers the address, by binary search over the lengths in use. */
static __attribute__((noinline)) int prefix_v4(void *image, const struct image_header *h, __u32 address, struct found *f)
{
    __u32 lengths_at = IMAGE_LENGTHS_V4;
    const struct line *lengths = bpf_map_lookup_elem(image, &lengths_at);
    if (!lengths)
        return 0;
    int low = 0, high = h->length_count_v4;
    for (int probe = 0; probe < PROBES_V4 && low < high; probe++) {
        int middle = (low + high) >> 1;
        __u32 length = lengths->bytes[middle & 63];
        __u32 masked = length ? address & bpf_htonl(0xffffffffu << (32 - (length & 63))) : 0;
        struct image_hash_place p = image_hash_v4(h->prefixes_v4.first, h->prefixes_v4.mask, h->seed, masked, length + 1);
        bool hit = false;
        for (int choice = 0; choice < 2 && !hit; choice++) {
            const struct image_prefix_v4 *e = (const void *)image_line(image, p.line[choice]);
            if (!e)
                return 0;
            for (int i = 0; i < 4; i++)
                if (e[i].length == length + 1 && e[i].address == masked) {
                    f->from_class = e[i].from_class;
                    f->to_class = e[i].to_class;
                    hit = true;
                    break;
                }
        }
        if (hit)
            low = middle + 1;
        else
            high = middle;
    }
    return 0;
}

ever_inline __u32 mask_word(__u32 length, __u32 word)
{
    __u32 before = word * 32;
    if (length >= before + 32)
        return 0xffffffffu;
    if (length <= before)
        return 0;
    return bpf_htonl(0xffffffffu << ((32 - (length - before)) & 31));
}

static __attribute__((noinline)) int prefix_v6(void *image, const struct image_header *h, const __u32 *address, struct found *f)
{
    int low = 0, high = h->length_count_v6;
    for (int probe = 0; probe < PROBES_V6 && low < high; probe++) {
        __u32 middle = (__u32)(low + high) >> 1;
        __u32 lengths_at = IMAGE_LENGTHS_V6 + (middle >> 6);
        const struct line *lengths = bpf_map_lookup_elem(image, &lengths_at);
        if (!lengths)
            return 0;
        __u32 length = lengths->bytes[middle & 63];
        __u32 masked[4];
        for (__u32 w = 0; w < 4; w++)
            masked[w] = address[w] & mask_word(length, w);
        struct image_hash_place p = image_hash_v6(h->prefixes_v6.first, h->prefixes_v6.mask, h->seed, masked, length + 1);
        bool hit = false;
        for (int choice = 0; choice < 2 && !hit; choice++) {
            const struct image_prefix_v6 *e = (const void *)image_line(image, p.line[choice]);
            if (!e)
                return 0;
            for (int i = 0; i < 2; i++)
                if (e[i].length == length + 1 && same_v6(e[i].address, masked)) {
                    f->from_class = e[i].from_class;
                    f->to_class = e[i].to_class;
                    hit = true;
                    break;
                }
        }
        if (hit)
            low = (int)middle + 1;
        else
            high = (int)middle;
    }
    return 0;
}

/* What the policy knows of an address. */
ever_inline void find_address(void *image, const struct image_header *h, __u8 family, const __u32 *address, struct found *f)
{
    *f = (struct found){0};
    if (family == 4) {
        if (!endpoint_v4(image, h, address[0], f))
            prefix_v4(image, h, address[0], f);
    } else if (!endpoint_v6(image, h, address, f)) {
        prefix_v6(image, h, address, f);
    }
}

/* The uplink's link, if it carries the family in this generation; else 0. */
ever_inline __u32 uplink_link(const struct image_uplink *u, __u8 family)
{
    return (family == 4 ? u->outer_v4 : u->outer_v6[0]) ? config.uplink : 0;
}

ever_inline const struct image_uplink *image_uplink_of(void *image)
{
    return (const void *)image_line(image, IMAGE_UPLINK);
}

/* Where a published port (network order) leads. */
ever_inline bool publish_find(void *image, const struct image_header *h, __u8 protocol, __u16 port, struct image_publish *ret)
{
    const struct image_uplink *u = image_uplink_of(image);
    if (!u || (protocol != IPPROTO_TCP && protocol != IPPROTO_UDP))
        return false;
    __u32 key = (protocol == IPPROTO_TCP ? PORT_KEY_TCP : PORT_KEY_UDP) + bpf_ntohs(port);
    struct image_hash_place p = image_hash_v4(u->publishes.first, u->publishes.mask, h->seed, key, 0);
    for (int choice = 0; choice < 2; choice++) {
        const struct image_publish *e = (const void *)image_line(image, p.line[choice]);
        if (!e)
            return false;
        for (int i = 0; i < 2; i++)
            if (e[i].key == key) {
                *ret = e[i];
                return true;
            }
    }
    return false;
}

/* Whether the published port c->published leads to where c->flow goes. */
static __attribute__((noinline)) bool publish_leads(void *image, const struct image_header *h, const struct context *c)
{
    struct image_publish p;
    if (!c->published || !publish_find(image, h, c->flow.protocol, c->published, &p) || p.port != c->flow.to_port)
        return false;
    return c->flow.family == 4 ? p.v4 == c->flow.to[0] : same_v6(p.v6, c->flow.to);
}

/* Addresses that one host may have and send from: no multicast, loopback, link-local, unspecified, mapped ones. */
ever_inline bool unicast(__u8 family, const __u32 *a)
{
    __u32 first = bpf_ntohl(a[0]);
    if (family == 4)
        return first >> 24 && first >> 24 != 127 && first >> 16 != 0xa9fe && first >> 28 != 0xe && first != 0xffffffff;
    if (first >> 24 == 0xff || first >> 22 == 0x3fa) /* ff00::/8, fe80::/10 */
        return false;
    if (a[0] || a[1])
        return true;
    if (a[2] == bpf_htonl(0xffff)) /* ::ffff:0:0/96 */
        return false;
    return a[2] || bpf_ntohl(a[3]) > 1;
}

ever_inline bool translatable(__u8 protocol)
{
    return protocol == IPPROTO_TCP || protocol == IPPROTO_UDP || protocol == IPPROTO_ICMP || protocol == IPPROTO_ICMPV6;
}

ever_inline __u32 port_key(const struct tuple *t)
{
    __u32 port = bpf_ntohs(t->to_port);
    switch (t->protocol) {
    case IPPROTO_TCP:
        return PORT_KEY_TCP + port;
    case IPPROTO_UDP:
        return PORT_KEY_UDP + port;
    case IPPROTO_SCTP:
        return PORT_KEY_SCTP + port;
    case IPPROTO_ICMP:
    case IPPROTO_ICMPV6:
        return PORT_KEY_ICMP;
    default:
        return PORT_KEY_OTHER + t->protocol;
    }
}

/* The verdict of the interval that holds `key`. */
ever_inline __u32 interval_verdict(void *image, __u32 first, __u32 count, __u32 key)
{
    __u32 verdict = NO_RULE;
    __u32 low = 0, high = count;
    for (int probe = 0; probe < PORT_PROBES && low < high; probe++) {
        __u32 middle = (low + high) >> 1;
        __u32 at = first + middle;
        const struct image_interval *e = (const void *)image_line(image, at >> 3);
        if (!e)
            return NO_RULE;
        e += at & 7;
        if (e->key <= key) {
            verdict = e->verdict;
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return verdict;
}

ever_inline __u32 pair_verdict(void *image, const struct image_header *h, __u32 from_class, __u32 to_class, __u32 key)
{
    from_class &= CLASS_NUMBER;
    to_class &= CLASS_NUMBER;
    if (!from_class || !to_class)
        return NO_RULE;
    struct image_hash_place p = image_hash_v4(h->pairs.first, h->pairs.mask, h->seed, from_class, to_class);
    __u32 first = 0, count = 0;
    for (int choice = 0; choice < 2 && !count; choice++) {
        const struct image_pair *e = (const void *)image_line(image, p.line[choice]);
        if (!e)
            return NO_RULE;
        for (int i = 0; i < 4; i++)
            if (e[i].from_class == from_class && e[i].to_class == to_class) {
                first = e[i].first;
                count = e[i].count;
                break;
            }
    }
    return interval_verdict(image, first, count, key);
}

/* What holds at this moment of a verdict that changes with time. */
static __attribute__((noinline)) __u32 span_verdict(void *image, __u32 at, __u64 tai)
{
    for (int l = 0; l < 2; l++) {
        const struct image_span *s = (const void *)image_line(image, at + (__u32)l);
        if (!s)
            break;
        for (int i = 0; i < 4; i++) {
            if (!s[i].until)
                return VERDICT_CLOSED | NO_RULE;
            if (tai < s[i].until)
                return s[i].verdict;
        }
    }
    return VERDICT_CLOSED | NO_RULE;
}

/* Sets the context's decision from a verdict; `observed_class`: an end is only observed. */
ever_inline void set_decision(struct context *c, __u32 verdict, bool observed_class)
{
    c->rule = verdict & VERDICT_NUMBER;
    c->observed = 0;
    if (verdict & VERDICT_ALLOW) {
        c->reason = REASON_RULE;
        c->allowed = 1;
        return;
    }
    if (verdict & VERDICT_CLOSED)
        c->reason = REASON_WINDOW_CLOSED;
    else
        c->reason = c->rule == NO_RULE ? REASON_DEFAULT_DENY : REASON_DENY_RULE;
    c->observed = observed_class || (verdict & VERDICT_TRIED);
    c->allowed = c->observed;
}

/* Delivery to the world; what comes from there does not go back, as no published port leads to it. */
ever_inline void decide_world(struct context *c, void *image)
{
    const struct image_uplink *u = image_uplink_of(image);
    __u32 link = u ? uplink_link(u, c->flow.family) : 0;
    c->delivery = REASON_NO_UPLINK;
    if (!u || !link)
        return;
    c->to_link = link;
    c->nat = u->nat;
    if (!u->nat || translatable(c->flow.protocol))
        c->delivery = REASON_RULE;
}

/*
 * Decide c->flow under the generation c->generation: allowed, observed, reason, rule, timed, the links of both ends
 * and whether it can be delivered. From the world: whether c->published leads there (c->way_in). The reason is SPOOFED_SOURCE when the source is not where it belongs to `from_link`.
 */
subprogram int decide(struct context *c, __u32 from_link)
{
    if (!c)
        return 0;
    c->allowed = c->observed = c->timed = c->classes_observed = c->nat = 0;
    c->way_in = 1;
    c->rule = NO_RULE;
    c->reason = REASON_DEFAULT_DENY;
    c->delivery = REASON_NO_SUCH_WORKLOAD;
    c->from_link = c->to_link = 0;
    void *image;
    const struct image_header *h;
    if (!image_of(c, &image, &h))
        return 0;
    struct found end;
    find_address(image, h, c->flow.family, c->flow.from, &end);
    const struct link_entry *link = bpf_map_lookup_elem(&links, &from_link);
    if (!link)
        return 0;
    bool from_world = link->kind == LINK_UPLINK;
    if (from_world ? end.endpoint || (end.to_class & CLASS_INSIDE) || !unicast(c->flow.family, c->flow.from) : !end.endpoint || end.link != from_link) {
        c->reason = REASON_SPOOFED_SOURCE;
        return 0;
    }
    __u32 from_class = end.from_class;
    if (c->far_known)
        end = c->far;
    else
        find_address(image, h, c->flow.family, c->flow.to, &end);
    c->from_link = from_link;
    if (end.endpoint) {
        c->to_link = end.link;
        if (end.link == from_link)
            c->delivery = REASON_NO_SUCH_WORKLOAD;
        else
            c->delivery = end.link ? REASON_RULE : REASON_NOT_RUNNING;
    } else if (!(end.to_class & CLASS_INSIDE)) {
        decide_world(c, image);
    }
    if (from_world && !c->leads && !publish_leads(image, h, c)) {
        c->way_in = 0;
        c->delivery = REASON_NO_UPLINK;
    }
    c->classes_observed = (from_class | end.to_class) & CLASS_OBSERVED ? 1 : 0;
    __u32 verdict = pair_verdict(image, h, from_class, end.to_class, port_key(&c->flow));
    if (verdict & VERDICT_TIMED) {
        c->timed = 1;
        verdict = span_verdict(image, verdict & VERDICT_NUMBER, clock_tai());
    }
    set_decision(c, verdict, c->classes_observed);
    return 0;
}

#endif
