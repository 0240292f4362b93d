/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A node is a prefix that the policy names. What lies between one and those within it is a region, and all addresses of a
 * region are of one class: an end has no more classes than there are nodes in it. What only `to` ends name tells no classes
 * of `from` apart.
 */
#include "compile/bound.h"

#include <stdlib.h>

#include "bpf/abi.h"
#include "compile/place.h"
#include "compile/ports.h"
#include "decide/decide.h"

enum side { FROM, TO, SIDES };

struct side_nodes {
    struct address *nodes[2]; /* where each begins, sorted; by family: 0 IPv4, 1 IPv6 */
    size_t count[2];
    uint64_t total;
    uint32_t *segment_width; /* nodes of each */
    uint64_t inside;         /* of all of them */
};

struct bounding {
    const struct policy *policy;
    struct side_nodes sides[SIDES];
    uint64_t prefixes[2], endpoints[2]; /* by family */
    bool lengths[2][129];
    uint32_t *label_width; /* addresses of its workloads: nodes on either side */
    uint32_t label_count;
    uint64_t most_intervals; /* between any two classes */
    uint64_t cells; /* that there may be */
};

/* Sums and products that do not wrap. */
static uint64_t add(uint64_t a, uint64_t b)
{
    return __builtin_add_overflow(a, b, &a) ? UINT64_MAX : a;
}

static uint64_t multiply(uint64_t a, uint64_t b)
{
    return __builtin_mul_overflow(a, b, &a) ? UINT64_MAX : a;
}

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static int compare_nodes(const void *a, const void *b)
{
    return address_compare(a, b);
}

static void add_node(struct side_nodes *s, const struct address *a)
{
    int f = a->family == 6;
    s->nodes[f][s->count[f]++] = *a;
}

/* On both sides, or on one: the image has it once. */
static void add_prefix(struct bounding *b, enum side first, enum side last, const struct prefix *p)
{
    int f = p->address.family == 6;
    for (enum side side = first; side <= last; side++)
        add_node(&b->sides[side], &p->address);
    b->prefixes[f]++;
    b->lengths[f][p->length] = true;
}

static const struct end *end_of(const struct rule *r, enum side side)
{
    return side == FROM ? &r->from : &r->to;
}

static size_t count_cidrs(const struct end *e)
{
    size_t n = 0;
    for (uint32_t i = 0; i < e->count; i++)
        n += e->items[i].kind == SELECT_CIDR;
    return n;
}

static bool nodes_begin(struct bounding *b, enum side side, size_t shared, struct arena *arena)
{
    struct side_nodes *s = &b->sides[side];
    for (uint32_t i = 0; i < b->policy->rule_count; i++)
        shared += count_cidrs(end_of(&b->policy->rules[i], side));
    s->nodes[0] = arena_array(arena, shared, sizeof *s->nodes[0]);
    s->nodes[1] = arena_array(arena, shared, sizeof *s->nodes[1]);
    return s->nodes[0] && s->nodes[1];
}

static void add_cidrs(struct bounding *b, enum side side)
{
    for (uint32_t r = 0; r < b->policy->rule_count; r++) {
        const struct end *e = end_of(&b->policy->rules[r], side);
        for (uint32_t i = 0; i < e->count; i++)
            if (e->items[i].kind == SELECT_CIDR)
                add_prefix(b, side, side, &e->items[i].prefix);
    }
}

static void add_workloads(struct bounding *b)
{
    for (uint32_t i = 0; i < b->policy->workload_count; i++)
        for (uint32_t a = 0; a < b->policy->workloads[i].address_count; a++) {
            const struct address *address = &b->policy->workloads[i].addresses[a];
            b->endpoints[address->family == 6]++;
            add_node(&b->sides[FROM], address);
            add_node(&b->sides[TO], address);
        }
}

static bool list_nodes(struct bounding *b, struct arena *arena)
{
    const struct policy *p = b->policy;
    size_t shared = 1;
    for (uint32_t i = 0; i < p->segment_count; i++)
        shared += p->segments[i].cidr_count;
    for (uint32_t i = 0; i < p->workload_count; i++)
        shared += p->workloads[i].address_count;
    if (!nodes_begin(b, FROM, shared, arena) || !nodes_begin(b, TO, shared, arena))
        return false;
    for (int f = 0; f < 2; f++)
        add_prefix(b, FROM, TO, &(struct prefix){.address.family = f ? 6 : 4}); /* all addresses */
    for (uint32_t i = 0; i < p->segment_count; i++)
        for (uint32_t c = 0; c < p->segments[i].cidr_count; c++)
            add_prefix(b, FROM, TO, &p->segments[i].cidrs[c]);
    add_cidrs(b, FROM);
    add_cidrs(b, TO);
    add_workloads(b);
    for (int side = 0; side < SIDES; side++) {
        struct side_nodes *s = &b->sides[side];
        qsort(s->nodes[0], s->count[0], sizeof *s->nodes[0], compare_nodes);
        qsort(s->nodes[1], s->count[1], sizeof *s->nodes[1], compare_nodes);
        s->total = s->count[0] + s->count[1];
    }
    return true;
}

/* How many nodes begin before the address, or with `too` at it as well. */
static size_t begins_before(const struct side_nodes *s, const struct address *a, bool too)
{
    int f = a->family == 6;
    size_t low = 0, high = s->count[f];
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = address_compare(&s->nodes[f][middle], a);
        if (order < 0 || (too && order == 0))
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static uint64_t nodes_within(const struct side_nodes *s, const struct prefix *p)
{
    if (p->length == address_bits(&p->address))
        return 1;
    struct address last = p->address;
    for (unsigned i = p->length; i < address_bits(&last); i++)
        last.octets[i / 8] |= (uint8_t)(0x80u >> (i % 8));
    return begins_before(s, &last, true) - begins_before(s, &p->address, false);
}

static bool find_segment_widths(const struct policy *p, struct side_nodes *s, struct arena *arena)
{
    s->segment_width = arena_array(arena, p->segment_count, sizeof *s->segment_width);
    if (!s->segment_width)
        return false;
    for (uint32_t i = 0; i < p->segment_count; i++) {
        for (uint32_t c = 0; c < p->segments[i].cidr_count; c++)
            s->segment_width[i] += (uint32_t)nodes_within(s, &p->segments[i].cidrs[c]);
        s->inside += s->segment_width[i];
    }
    return true;
}

static bool find_label_widths(struct bounding *b, struct arena *arena)
{
    const struct policy *p = b->policy;
    for (uint32_t i = 0; i < p->workload_count; i++)
        for (uint32_t k = 0; k < p->workloads[i].label_count; k++)
            if (p->workloads[i].labels[k].id >= b->label_count)
                b->label_count = p->workloads[i].labels[k].id + 1;
    b->label_width = arena_array(arena, b->label_count, sizeof *b->label_width);
    for (uint32_t i = 0; b->label_width && i < p->workload_count; i++)
        for (uint32_t k = 0; k < p->workloads[i].label_count; k++)
            b->label_width[p->workloads[i].labels[k].id] += p->workloads[i].address_count;
    return b->label_width;
}

/* Classes of a rule's end, at the most. `ret_inside`: all of them lie in segments. */
static uint64_t end_width(const struct bounding *b, const struct rule *r, enum side side, bool *ret_inside)
{
    const struct side_nodes *n = &b->sides[side];
    const struct end *e = end_of(r, side);
    uint64_t width = 0;
    for (uint32_t i = 0; i < e->count; i++) {
        const struct selector *s = &e->items[i];
        if (s->negated)
            continue;
        switch (s->kind) {
        case SELECT_WORKLOAD: width += b->policy->workloads[s->index].address_count; break;
        case SELECT_SEGMENT: width += n->segment_width[s->index]; break;
        case SELECT_LABEL: width += s->index < b->label_count ? b->label_width[s->index] : 0; break;
        case SELECT_CIDR: width += nodes_within(n, &s->prefix); break;
        default: width += n->total;
        }
        *ret_inside = *ret_inside && s->kind != SELECT_CIDR && s->kind != SELECT_WORLD && s->kind != SELECT_ANY;
    }
    return least(width, n->total);
}

static uint64_t hash_bytes(uint64_t count, uint64_t size)
{
    return count > UINT64_MAX / 1024 ? UINT64_MAX : placement_lines_least(count, size) * LINE_BYTES;
}

/*
 * Intervals of any one list of rules: each begins at 0 or where an entry of the policy begins or ends. Each bit of `seen`, one for
 * each port key, is counted once.
 */
static bool find_most_intervals(const struct policy *p, struct arena *arena, uint64_t *ret)
{
    uint8_t *seen = arena_alloc(arena, PORT_KEY_END / 8 + 1);
    if (!seen)
        return false;
    seen[0] = 1;
    *ret = 1;
    for (uint32_t r = 0; r < p->rule_count; r++)
        for (uint32_t k = 0; k < p->rules[r].port_count; k++) {
            uint32_t ends[2];
            port_keys(&p->rules[r].ports[k], &ends[0], &ends[1]);
            for (int i = 0; i < 2; i++) {
                uint8_t bit = (uint8_t)(1u << ends[i] % 8);
                *ret += ends[i] < PORT_KEY_END && !(seen[ends[i] / 8] & bit);
                seen[ends[i] / 8] |= bit;
            }
        }
    return true;
}

/* Pairs of classes, intervals of ports, and spans of time. */
static uint64_t bound_of_rules(const struct bounding *b)
{
    const struct policy *p = b->policy;
    uint64_t within = 0, others = 0, ports = 0;
    bool timed = false;
    for (uint32_t i = 0; i < p->rule_count; i++) {
        const struct rule *r = &p->rules[i];
        bool inside = true;
        uint64_t cells = end_width(b, r, FROM, &inside);
        cells *= end_width(b, r, TO, &inside);
        if (inside)
            within = add(within, cells);
        else
            others = add(others, cells);
        ports = add(ports, multiply(cells, 2 * (uint64_t)r->port_count));
        timed = timed || rule_is_timed(r);
    }
    if (add(within, others) > b->cells)
        return UINT64_MAX;
    const struct side_nodes *from = &b->sides[FROM], *to = &b->sides[TO];
    uint64_t pairs = least(add(least(within, from->inside * to->inside), others), from->total * to->total);
    uint64_t intervals = least(add(pairs, ports), multiply(pairs, b->most_intervals)); /* where none of two pairs have the same rules */
    uint64_t each = sizeof(struct image_interval) + (timed ? sizeof(struct span_list) : 0);
    return add(hash_bytes(pairs, sizeof(struct image_pair)), multiply(intervals, each));
}

/* Each prefix, and where the search for it goes on to longer ones (emit_markers in classes.c). */
static uint64_t bound_of_prefixes(const struct bounding *b, int f, size_t size)
{
    uint64_t lengths = 0, steps = 1;
    for (int l = 0; l <= 128; l++)
        lengths += b->lengths[f][l];
    for (; lengths > 1; lengths /= 2)
        steps++;
    return hash_bytes(b->prefixes[f] * steps, size);
}

uint64_t image_bound(const struct policy *p, uint64_t cells, struct arena *arena)
{
    struct bounding b = {.policy = p, .cells = cells};
    if (!list_nodes(&b, arena) || !find_most_intervals(p, arena, &b.most_intervals) || !find_label_widths(&b, arena) || !find_segment_widths(p, &b.sides[FROM], arena) ||
        !find_segment_widths(p, &b.sides[TO], arena))
        return UINT64_MAX;
    uint64_t fixed = (IMAGE_BODY + 1) * LINE_BYTES + hash_bytes(p->uplink.publish_count, sizeof(struct image_publish)) +
        hash_bytes(b.endpoints[0], sizeof(struct image_endpoint_v4)) + hash_bytes(b.endpoints[1], sizeof(struct image_endpoint_v6)) +
        bound_of_prefixes(&b, 0, sizeof(struct image_prefix_v4)) + bound_of_prefixes(&b, 1, sizeof(struct image_prefix_v6));
    return add(fixed, bound_of_rules(&b));
}
