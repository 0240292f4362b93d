/* SPDX-License-Identifier: Apache-2.0 */
#include "compile/forecast.h"

#include <stdlib.h>

#include "bpf/abi.h"
#include "compile/bound.h"
#include "compile/groups.h"
#include "compile/place.h"
#include "compile/ports.h"
#include "compile/random.h"
#include "compile/size.h"

/* Steps of work on intervals: about a second. The cells of a policy that fits are few enough to be walked in any case. */
#define STEPS_MAX ((uint64_t)200 << 20)

/* Random, so that the XOR of those of some groups tells them from others. */
struct mark {
    uint64_t words[2];
};

/* The ends that have a class: those of class c are ends[first[c] .. first[c + 1]). */
struct ends_of_class {
    uint32_t *first, *ends;
};

struct counting {
    const struct policy *policy;
    struct arena *arena;
    struct classes classes;
    struct groups groups;
    struct port_tables ports;
    struct ends_of_class from, to;
    size_t *first_group; /* of each from end */
    struct mark *marks;  /* of each group */
    struct mark *here;   /* for each to class: of the groups that hold from the class that is looked at */
    uint32_t *touched;   /* the to classes for which there are any */
    uint32_t touched_count;
    uint32_t *holding;   /* of each to end: the to class looked at, while its groups are gathered */
    uint32_t *rules;     /* scratch */
    struct table known;  /* marks of lists whose intervals are counted */
    bool short_of; /* memory or steps: intervals are not counted any more */
    uint64_t pairs, intervals, steps;
};

static bool turn_round(struct arena *arena, const struct class_set *s, uint32_t end_count, struct ends_of_class *ret)
{
    size_t total = s->first_of_end[end_count];
    ret->first = arena_array(arena, (size_t)s->count + 3, sizeof *ret->first);
    ret->ends = arena_array(arena, total, sizeof *ret->ends);
    if (!ret->first || !ret->ends)
        return false;
    uint32_t *next = ret->first + 1;
    for (size_t i = 0; i < total; i++)
        next[s->classes_of_end[i] + 1]++;
    for (uint32_t c = 0; c <= s->count; c++)
        next[c + 1] += next[c];
    for (uint32_t e = 0; e < end_count; e++)
        for (uint32_t i = s->first_of_end[e]; i < s->first_of_end[e + 1]; i++)
            ret->ends[next[s->classes_of_end[i]]++] = e;
    return true;
}

static bool prepare(struct counting *c, const struct compile_options *o)
{
    const struct classes *k = &c->classes;
    struct arena *a = c->arena;
    uint64_t state = o->seed ^ 0x6d61726b;
    c->first_group = arena_array(a, (size_t)k->from_ends.count + 1, sizeof *c->first_group);
    c->marks = arena_array(a, c->groups.count, sizeof *c->marks);
    c->here = arena_array(a, (size_t)k->to.count + 1, sizeof *c->here);
    c->touched = arena_array(a, k->to.count, sizeof *c->touched);
    c->holding = arena_array(a, k->to_ends.count, sizeof *c->holding);
    c->rules = arena_array(a, c->policy->rule_count, sizeof *c->rules);
    c->known = table_new(a, o->seed ^ 0x67726f75);
    if (!c->first_group || !c->marks || !c->here || !c->touched || !c->holding || !c->rules)
        return false;
    for (size_t g = 0; g < c->groups.count; g++) {
        c->marks[g] = (struct mark){{splitmix(&state), splitmix(&state)}};
        c->first_group[c->groups.items[g].from_end + 1] = g + 1;
    }
    return turn_round(a, &k->from, k->from_ends.count, &c->from) && turn_round(a, &k->to, k->to_ends.count, &c->to) &&
        port_tables_begin(&c->ports, c->policy, o->compiled, o->tai_offset_ns, o->seed, a);
}

static uint64_t image_bytes(const struct counting *c)
{
    const struct classes *k = &c->classes;
    size_t v4 = 0;
    for (size_t i = 0; i < k->endpoint_count; i++)
        v4 += k->endpoints[i].address.family == 4;
    struct image_tables t = {
        .endpoints = {placement_lines_least(v4, sizeof(struct image_endpoint_v4)), placement_lines_least(k->endpoint_count - v4, sizeof(struct image_endpoint_v6))},
        .prefixes = {placement_lines_least(k->prefix_count[0], sizeof(struct image_prefix_v4)), placement_lines_least(k->prefix_count[1], sizeof(struct image_prefix_v6))},
        .pairs = placement_lines_least(c->pairs, sizeof(struct image_pair)),
        .publishes = placement_lines_least(c->policy->uplink.publish_count, sizeof(struct image_publish)),
    };
    return image_lines(&t, c->ports.span_count, c->intervals) * LINE_BYTES;
}

static bool work(struct counting *c, uint64_t steps)
{
    c->steps += steps;
    return c->steps <= STEPS_MAX;
}

/* Of the rules that hold between two classes. False when memory or steps are out. */
static bool count_intervals(struct counting *c, uint32_t from, uint32_t to)
{
    size_t n = 0;
    for (uint32_t i = c->to.first[to]; i < c->to.first[to + 1]; i++)
        c->holding[c->to.ends[i]] = to;
    for (uint32_t i = c->from.first[from]; i < c->from.first[from + 1]; i++) {
        uint32_t end = c->from.ends[i];
        if (!work(c, c->first_group[end + 1] - c->first_group[end]))
            return false;
        for (size_t g = c->first_group[end]; g < c->first_group[end + 1]; g++) {
            const struct group *group = &c->groups.items[g];
            if (c->holding[group->to_end] != to)
                continue;
            memcpy(c->rules + n, c->groups.rules + group->first, group->count * sizeof *c->rules);
            n += group->count;
        }
    }
    rules_sort(c->rules, n);
    struct interval_list list;
    c->ports.interval_count = 0; /* only their number is wanted */
    if (!work(c, 8 * n) || !port_tables_add(&c->ports, c->rules, n, &list))
        return false;
    c->intervals += list.count;
    return true;
}

static void touch_group(struct counting *c, size_t g)
{
    const struct class_set *to = &c->classes.to;
    uint32_t end = c->groups.items[g].to_end;
    for (uint32_t i = to->first_of_end[end]; i < to->first_of_end[end + 1]; i++) {
        struct mark *m = &c->here[to->classes_of_end[i]];
        if (!m->words[0] && !m->words[1])
            c->touched[c->touched_count++] = to->classes_of_end[i];
        m->words[0] ^= c->marks[g].words[0];
        m->words[1] ^= c->marks[g].words[1];
    }
}

/* Intervals of what holds between two classes, unless they are counted. False when memory or steps are out. */
static bool count_list(struct counting *c, uint32_t from, uint32_t to)
{
    if (table_get(&c->known, bytes_of(&c->here[to], sizeof c->here[to])))
        return true;
    struct mark *kept = arena_alloc(c->arena, sizeof *kept);
    if (!kept)
        return false;
    *kept = c->here[to];
    return table_put(&c->known, bytes_of(kept, sizeof *kept), 0, NULL) && count_intervals(c, from, to);
}

static void count_from(struct counting *c, uint32_t from)
{
    c->touched_count = 0;
    for (uint32_t i = c->from.first[from]; i < c->from.first[from + 1]; i++)
        for (size_t g = c->first_group[c->from.ends[i]]; g < c->first_group[c->from.ends[i] + 1]; g++)
            touch_group(c, g);
    c->pairs += c->touched_count;
    for (uint32_t i = 0; i < c->touched_count; i++) {
        c->short_of = c->short_of || !count_list(c, from, c->touched[i]);
        c->here[c->touched[i]] = (struct mark){0};
    }
}

static enum forecast_size count_all(struct counting *c, uint64_t usual, uint64_t *ret_bytes)
{
    *ret_bytes = image_bytes(c);
    for (uint32_t from = 1; from <= c->classes.from.count && *ret_bytes < usual; from++) {
        count_from(c, from);
        *ret_bytes = image_bytes(c);
    }
    return *ret_bytes >= usual ? FORECAST_LARGE : c->short_of ? FORECAST_UNKNOWN : FORECAST_USUAL;
}

static uint64_t product_limit(const struct compile_options *o)
{
    return o->product_limit ? o->product_limit : COMPILE_PRODUCT_DEFAULT;
}

struct forecast forecast_count(const struct policy *p, const struct compile_options *o, uint64_t usual, struct arena *arena)
{
    struct forecast f = {.size = FORECAST_UNKNOWN};
    struct counting *c = arena_alloc(arena, sizeof *c);
    if (!c || p->rule_count >= NO_RULE)
        return f;
    c->policy = p;
    c->arena = arena;
    if (!classes_find(p, o->seed, false, arena, &c->classes) || !groups_find(p, &c->classes, arena, &c->groups))
        return f;
    size_t worst;
    f.cells = groups_cells(&c->groups, &c->classes, &worst);
    if (c->groups.count) {
        const struct group *g = &c->groups.items[worst];
        f.rule = &p->rules[c->groups.rules[g->first]];
        f.from_classes = class_count(&c->classes.from, g->from_end);
        f.to_classes = class_count(&c->classes.to, g->to_end);
    }
    if (f.cells > product_limit(o))
        f.size = FORECAST_REFUSED;
    else if (prepare(c, o))
        f.size = count_all(c, usual, &f.bytes);
    return f;
}

struct forecast forecast(const struct policy *p, const struct compile_options *o, uint64_t usual, struct arena *arena)
{
    struct arena *few = arena_child(arena);
    uint64_t bound = few ? image_bound(p, product_limit(o), few) : UINT64_MAX;
    arena_destroy(few);
    return bound < usual ? (struct forecast){.size = FORECAST_USUAL} : forecast_count(p, o, usual, arena);
}
