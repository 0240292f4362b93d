/* SPDX-License-Identifier: Apache-2.0 */
#include "compile/compile.h"

#include <arpa/inet.h>
#include <stdlib.h>

#include "bpf/abi.h"
#include "compile/groups.h"
#include "compile/place.h"
#include "compile/ports.h"
#include "compile/size.h"
#include "decide/uplink.h"

/* A group of rules holds between two classes. */
struct cell {
    uint64_t pair; /* from class << 32 | to class */
    uint32_t group;
};

struct compiled {
    const struct policy *policy;
    struct compile_options options;
    struct classes classes;
    struct port_tables ports;
    struct placement endpoints[2], prefixes[2], pairs, publishes;
    uint32_t seed;
    struct compile_sizes sizes;
};

static int compare_cells(const void *a, const void *b)
{
    const struct cell *x = a, *y = b;
    if (x->pair != y->pair)
        return x->pair < y->pair ? -1 : 1;
    return x->group < y->group ? -1 : x->group > y->group;
}

struct work {
    struct compiled *c;
    struct arena *arena;
    struct diags *diags;
    struct groups groups;
    struct cell *cells;
    size_t cell_count;
    struct image_pair *pairs;
    size_t pair_count;
};

static bool no_memory(struct diags *d)
{
    return diag_error(d, (struct place){0}, "split the policy, or give the machine more memory", "out of memory while compiling the policy");
}

/* Says which rules make the tables too large. */
static bool product_too_large(struct work *w, uint64_t total, uint64_t limit, size_t worst)
{
    const struct classes *k = &w->c->classes;
    const struct group *g = &w->groups.items[worst];
    const struct rule *r = &w->c->policy->rules[w->groups.rules[g->first]];
    return diag_error(w->diags, r->place, "narrow `from` or `to` of this rule, or name fewer different prefixes",
        "the policy needs %llu cells of classes, at most %llu fit; the rule `%s` alone needs %u x %u",
        (unsigned long long)total, (unsigned long long)limit, r->name, class_count(&k->from, g->from_end), class_count(&k->to, g->to_end));
}

static bool list_cells(struct work *w)
{
    const struct classes *k = &w->c->classes;
    uint64_t limit = w->c->options.product_limit ? w->c->options.product_limit : COMPILE_PRODUCT_DEFAULT;
    size_t worst;
    uint64_t total = groups_cells(&w->groups, k, &worst);
    if (total > limit)
        return product_too_large(w, total, limit, worst);
    w->cells = arena_array(w->arena, total, sizeof *w->cells);
    if (!w->cells)
        return no_memory(w->diags);
    for (uint32_t g = 0; g < w->groups.count; g++) {
        const struct group *group = &w->groups.items[g];
        for (uint32_t f = k->from.first_of_end[group->from_end]; f < k->from.first_of_end[group->from_end + 1]; f++)
            for (uint32_t t = k->to.first_of_end[group->to_end]; t < k->to.first_of_end[group->to_end + 1]; t++)
                w->cells[w->cell_count++] =
                    (struct cell){(uint64_t)k->from.classes_of_end[f] << 32 | k->to.classes_of_end[t], g};
    }
    qsort(w->cells, w->cell_count, sizeof *w->cells, compare_cells);
    return true;
}

/* The intervals of a list of groups, `cells[0..count)`. */
static bool intervals_of(struct work *w, const struct cell *cells, size_t count, struct interval_list *ret)
{
    const struct group *first = &w->groups.items[cells[0].group];
    if (count == 1)
        return port_tables_add(&w->c->ports, w->groups.rules + first->first, first->count, ret);
    size_t total = 0, n = 0;
    for (size_t i = 0; i < count; i++)
        total += w->groups.items[cells[i].group].count;
    uint32_t *rules = arena_array(w->arena, total, sizeof *rules);
    if (!rules)
        return false;
    for (size_t i = 0; i < count; i++) {
        const struct group *g = &w->groups.items[cells[i].group];
        memcpy(rules + n, w->groups.rules + g->first, g->count * sizeof *rules);
        n += g->count;
    }
    rules_sort(rules, n);
    return port_tables_add(&w->c->ports, rules, n, ret);
}

/* Intervals of each distinct list of groups, once. */
static bool known_intervals(struct work *w, struct table *known, const struct cell *cells, size_t count, struct interval_list *ret)
{
    uint32_t *list = arena_array(w->arena, count, sizeof *list);
    if (!list)
        return false;
    for (size_t i = 0; i < count; i++)
        list[i] = cells[i].group;
    bool fresh;
    uint64_t *value = table_put(known, bytes_of(list, count * sizeof *list), 0, &fresh);
    if (!value)
        return false;
    if (fresh) {
        if (!intervals_of(w, cells, count, ret))
            return false;
        *value = (uint64_t)ret->first << 32 | ret->count;
    }
    *ret = (struct interval_list){(uint32_t)(*value >> 32), (uint32_t)*value};
    return true;
}

static bool list_pairs(struct work *w)
{
    struct table known = table_new(w->arena, w->c->options.seed ^ 0x67726f75);
    w->pairs = arena_array(w->arena, w->cell_count, sizeof *w->pairs);
    if (!w->pairs)
        return false;
    for (size_t i = 0, next; i < w->cell_count; i = next) {
        for (next = i + 1; next < w->cell_count && w->cells[next].pair == w->cells[i].pair;)
            next++;
        struct interval_list list;
        if (!known_intervals(w, &known, &w->cells[i], next - i, &list))
            return false;
        w->pairs[w->pair_count++] = (struct image_pair){
            .from_class = (uint32_t)(w->cells[i].pair >> 32), .to_class = (uint32_t)w->cells[i].pair, .first = list.first, .count = list.count};
    }
    return true;
}

static uint32_t word(const struct address *a, unsigned at)
{
    uint32_t w;
    memcpy(&w, a->octets + 4 * at, sizeof w);
    return w;
}

static struct image_hash_place hash_endpoint_v4(const void *item, uint32_t mask, uint32_t seed)
{
    return image_hash_v4(0, mask, seed, ((const struct image_endpoint_v4 *)item)->address, 0);
}

static struct image_hash_place hash_endpoint_v6(const void *item, uint32_t mask, uint32_t seed)
{
    return image_hash_v6(0, mask, seed, ((const struct image_endpoint_v6 *)item)->address, 0);
}

static struct image_hash_place hash_prefix_v4(const void *item, uint32_t mask, uint32_t seed)
{
    const struct image_prefix_v4 *e = item;
    return image_hash_v4(0, mask, seed, e->address, e->length);
}

static struct image_hash_place hash_prefix_v6(const void *item, uint32_t mask, uint32_t seed)
{
    const struct image_prefix_v6 *e = item;
    return image_hash_v6(0, mask, seed, e->address, e->length);
}

static struct image_hash_place hash_pair(const void *item, uint32_t mask, uint32_t seed)
{
    const struct image_pair *e = item;
    return image_hash_v4(0, mask, seed, e->from_class, e->to_class);
}

static bool place_endpoints(struct work *w)
{
    const struct classes *k = &w->c->classes;
    struct image_endpoint_v4 *v4 = arena_array(w->arena, k->endpoint_count, sizeof *v4);
    struct image_endpoint_v6 *v6 = arena_array(w->arena, k->endpoint_count, sizeof *v6);
    if (!v4 || !v6)
        return false;
    size_t n4 = 0, n6 = 0;
    for (size_t i = 0; i < k->endpoint_count; i++) {
        const struct class_endpoint *e = &k->endpoints[i];
        uint32_t link = w->c->options.links[e->workload];
        if (e->address.family == 4) {
            v4[n4++] = (struct image_endpoint_v4){word(&e->address, 0), link, e->from_class, e->to_class};
            continue;
        }
        struct image_endpoint_v6 *out = &v6[n6++];
        *out = (struct image_endpoint_v6){.link = link, .from_class = e->from_class, .to_class = e->to_class};
        memcpy(out->address, e->address.octets, 16);
    }
    return place_items(w->arena, v4, n4, sizeof *v4, hash_endpoint_v4, w->c->seed, &w->c->endpoints[0]) &&
        place_items(w->arena, v6, n6, sizeof *v6, hash_endpoint_v6, w->c->seed, &w->c->endpoints[1]);
}

static bool place_prefixes(struct work *w)
{
    const struct classes *k = &w->c->classes;
    struct image_prefix_v4 *v4 = arena_array(w->arena, k->prefix_count[0], sizeof *v4);
    struct image_prefix_v6 *v6 = arena_array(w->arena, k->prefix_count[1], sizeof *v6);
    if (!v4 || !v6)
        return false;
    for (size_t i = 0; i < k->prefix_count[0]; i++) {
        const struct class_prefix *e = &k->prefixes[0][i];
        v4[i] = (struct image_prefix_v4){word(&e->prefix.address, 0), e->prefix.length + 1u, e->from_class, e->to_class};
    }
    for (size_t i = 0; i < k->prefix_count[1]; i++) {
        const struct class_prefix *e = &k->prefixes[1][i];
        v6[i] = (struct image_prefix_v6){.length = e->prefix.length + 1u, .from_class = e->from_class, .to_class = e->to_class};
        memcpy(v6[i].address, e->prefix.address.octets, 16);
    }
    return place_items(w->arena, v4, k->prefix_count[0], sizeof *v4, hash_prefix_v4, w->c->seed, &w->c->prefixes[0]) &&
        place_items(w->arena, v6, k->prefix_count[1], sizeof *v6, hash_prefix_v6, w->c->seed, &w->c->prefixes[1]);
}

static struct image_hash_place hash_publish(const void *item, uint32_t mask, uint32_t seed)
{
    return image_hash_v4(0, mask, seed, ((const struct image_publish *)item)->key, 0);
}

static bool place_publishes(struct work *w)
{
    const struct policy *p = w->c->policy;
    struct image_publish *items = arena_array(w->arena, p->uplink.publish_count, sizeof *items);
    if (!items)
        return false;
    for (uint32_t i = 0; i < p->uplink.publish_count; i++) {
        const struct publish *e = &p->uplink.publish[i];
        const struct address *v4 = workload_first_address(&p->workloads[e->workload], 4), *v6 = workload_first_address(&p->workloads[e->workload], 6);
        items[i] = (struct image_publish){.key = (e->protocol == IPPROTO_TCP ? PORT_KEY_TCP : PORT_KEY_UDP) + e->port, .port = htons(e->workload_port)};
        if (v4)
            items[i].v4 = word(v4, 0);
        if (v6)
            memcpy(items[i].v6, v6->octets, 16);
    }
    return place_items(w->arena, items, p->uplink.publish_count, sizeof *items, hash_publish, w->c->seed, &w->c->publishes);
}

static void take_sizes(struct compiled *c, size_t pairs)
{
    const struct classes *k = &c->classes;
    struct image_tables t = {
        .endpoints = {placement_lines(&c->endpoints[0]), placement_lines(&c->endpoints[1])},
        .prefixes = {placement_lines(&c->prefixes[0]), placement_lines(&c->prefixes[1])},
        .pairs = placement_lines(&c->pairs),
        .publishes = placement_lines(&c->publishes),
    };
    c->sizes = (struct compile_sizes){
        .lines = image_lines(&t, c->ports.span_count, c->ports.interval_count),
        .from_classes = k->from.count,
        .to_classes = k->to.count,
        .pairs = pairs,
        .intervals = c->ports.interval_count,
        .spans = c->ports.span_count,
        .prefixes = k->prefix_count[0] + k->prefix_count[1],
        .endpoints = k->endpoint_count,
    };
}

static bool compile_steps(struct work *w)
{
    struct compiled *c = w->c;
    const struct policy *p = c->policy;
    if (p->rule_count >= NO_RULE)
        return diag_error(w->diags, p->rules[NO_RULE].place, NULL, "more than %u rules", NO_RULE - 1);
    if (!classes_find(p, c->options.seed, true, w->arena, &c->classes) || !groups_find(p, &c->classes, w->arena, &w->groups))
        return no_memory(w->diags);
    if (!list_cells(w))
        return false;
    if (!port_tables_begin(&c->ports, p, c->options.compiled, c->options.tai_offset_ns, c->options.seed, w->arena) || !list_pairs(w) ||
        !place_endpoints(w) || !place_prefixes(w) || !place_publishes(w) ||
        !place_items(w->arena, w->pairs, w->pair_count, sizeof *w->pairs, hash_pair, c->seed, &c->pairs))
        return no_memory(w->diags);
    if (c->ports.span_count * SPAN_LINES + IMAGE_BODY >= VERDICT_NUMBER)
        return diag_error(w->diags, (struct place){0}, "use fewer different conditions", "too many different windows of time: %zu", c->ports.span_count);
    take_sizes(c, w->pair_count);
    return true;
}

struct compiled *compile_policy(const struct policy *p, const struct compile_options *o, struct arena *arena, struct diags *diags)
{
    struct compiled *c = arena_alloc(arena, sizeof *c);
    struct work w = {.c = c, .arena = arena, .diags = diags};
    if (!c) {
        no_memory(diags);
        return NULL;
    }
    c->policy = p;
    c->options = *o;
    c->seed = (uint32_t)(o->seed >> 16);
    return compile_steps(&w) ? c : NULL;
}

int64_t compiled_until(const struct compiled *c)
{
    return c->ports.until;
}

struct compile_sizes compiled_sizes(const struct compiled *c)
{
    return c->sizes;
}

static struct image_hash write_placement(const struct placement *p, uint8_t *lines, uint32_t *at)
{
    struct image_hash h = {.first = *at, .mask = p->mask};
    placement_write(p, lines + (size_t)*at * LINE_BYTES);
    *at += (uint32_t)placement_lines(p);
    return h;
}

/* Timed verdicts get the line of their spans. */
static void write_intervals(const struct compiled *c, uint8_t *lines, uint32_t first)
{
    struct image_interval *out = (void *)(lines + (size_t)first * LINE_BYTES);
    for (size_t i = 0; i < c->ports.interval_count; i++) {
        struct image_interval e = c->ports.intervals[i];
        if (e.verdict & VERDICT_TIMED)
            e.verdict = VERDICT_TIMED | (IMAGE_BODY + (e.verdict & VERDICT_NUMBER) * (uint32_t)SPAN_LINES);
        out[i] = e;
    }
}

/* Pairs were placed with intervals numbered from 0; now they are known to begin at line `first`. */
static void shift_pairs(uint8_t *lines, struct image_hash pairs, uint32_t first)
{
    struct image_pair *pair = (void *)(lines + (size_t)pairs.first * LINE_BYTES);
    size_t count = ((size_t)pairs.mask + 1) * (LINE_BYTES / sizeof *pair);
    for (size_t i = 0; i < count; i++)
        if (pair[i].from_class)
            pair[i].first += first * (LINE_BYTES / (uint32_t)sizeof(struct image_interval));
}

static struct image_uplink uplink_of(const struct compiled *c, struct image_hash publishes)
{
    const struct policy *p = c->policy;
    struct image_uplink u = {.nat = p->uplink.nat, .publishes = publishes};
    const struct address *v4 = uplink_outer_address(p, 4), *v6 = uplink_outer_address(p, 6);
    if (v4)
        u.outer_v4 = word(v4, 0);
    if (v6)
        memcpy(u.outer_v6, v6->octets, 16);
    return u;
}

void compiled_write(const struct compiled *c, void *memory)
{
    uint8_t *lines = memory;
    uint32_t at = IMAGE_BODY;
    if (c->ports.span_count)
        memcpy(lines + (size_t)at * LINE_BYTES, c->ports.spans, c->ports.span_count * sizeof *c->ports.spans);
    at += (uint32_t)(c->ports.span_count * SPAN_LINES);
    struct image_header h = {
        .magic = IMAGE_MAGIC,
        .lines = (uint32_t)c->sizes.lines,
        .seed = c->seed,
        .length_count_v4 = (uint8_t)c->classes.length_count[0],
        .length_count_v6 = (uint8_t)c->classes.length_count[1],
        .refuse_drop = c->policy->refuse_drop,
        .rules = c->policy->rule_count,
    };
    h.endpoints_v4 = write_placement(&c->endpoints[0], lines, &at);
    h.endpoints_v6 = write_placement(&c->endpoints[1], lines, &at);
    h.prefixes_v4 = write_placement(&c->prefixes[0], lines, &at);
    h.prefixes_v6 = write_placement(&c->prefixes[1], lines, &at);
    h.pairs = write_placement(&c->pairs, lines, &at);
    struct image_uplink uplink = uplink_of(c, write_placement(&c->publishes, lines, &at));
    shift_pairs(lines, h.pairs, at);
    write_intervals(c, lines, at);
    memcpy(lines, &h, sizeof h);
    struct image_origin origin = {.seed = c->options.seed, .compiled = c->options.compiled, .tai_offset = c->options.tai_offset_ns, .until = compiled_until(c)};
    memcpy(origin.digest, c->policy->digest, sizeof origin.digest);
    memcpy(lines + IMAGE_DIGEST * LINE_BYTES, &origin, sizeof origin);
    memcpy(lines + IMAGE_UPLINK * LINE_BYTES, &uplink, sizeof uplink);
    memcpy(lines + IMAGE_LENGTHS_V4 * LINE_BYTES, c->classes.lengths[0], c->classes.length_count[0]);
    memcpy(lines + IMAGE_LENGTHS_V6 * LINE_BYTES, c->classes.lengths[1], c->classes.length_count[1]);
}
