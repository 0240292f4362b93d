/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ways in and out that a change of the uplink opens and closes: published ports, and who of the world rules let in by
 * them. Only the rules that reach a published port are looked at, for each piece of the world that they tell apart, at every
 * moment.
 */
#include "decide/diff_parts.h"
#include "decide/uplink.h"

/* A published port that only one of the policies has as it is. */
struct way {
    const struct publish *publish;
    uint32_t policy; /* BEFORE or AFTER */
    uint8_t family;
};

static bool leads_alike(const struct policy *p, const struct publish *a, const struct policy *q, const struct publish *b)
{
    return b && a->workload_port == b->workload_port && strcmp(p->workloads[a->workload].name, q->workloads[b->workload].name) == 0;
}

/* The address to which it leads; NULL: the uplink does not carry the family, or the workload has none of it. */
static const struct address *leads_to(const struct policy *p, const struct publish *e, uint8_t family)
{
    return e && uplink_outer_address(p, family) ? workload_first_address(&p->workloads[e->workload], family) : NULL;
}

/* Who is let in. */
struct entrance {
    struct arena *arena; /* as long as the way is looked at */
    struct population world;
    const struct policy *policy;
    uint32_t *rules; /* that reach the port, in file order */
    size_t rule_count;
    uint32_t *selecting; /* those of them that select the piece that is looked at */
};

static bool find_rules(struct diffing *d, const struct way *w, struct entrance *e)
{
    const struct policy *p = e->policy;
    const struct address *to = leads_to(p, w->publish, w->family);
    const struct station at = station_of(p, to);
    const struct flow f = {.from = *to, .to = *to, .protocol = w->publish->protocol, .port = w->publish->workload_port};
    e->rules = arena_array(e->arena, p->rule_count, sizeof *e->rules);
    e->selecting = arena_array(e->arena, p->rule_count, sizeof *e->selecting);
    d->effort.spent += p->rule_count;
    for (uint32_t i = 0; e->rules && i < p->rule_count; i++) {
        const struct rule *r = &p->rules[i];
        if (ports_match(r->ports, r->port_count, &f) && end_selects_station(p, &r->to, &at))
            e->rules[e->rule_count++] = i;
    }
    return e->rules && e->selecting;
}

/* The pieces of the world that these rules tell apart. Workloads are in segments, which are cut out whole. */
static bool find_world(struct entrance *e)
{
    struct policy cutter = *e->policy;
    const struct policy *policies = &cutter;
    size_t count, kept = 0;
    cutter.workload_count = 0;
    cutter.rule_count = 0;
    cutter.rules = arena_array(e->arena, e->rule_count, sizeof *cutter.rules);
    if (!cutter.rules)
        return false;
    for (size_t i = 0; i < e->rule_count; i++)
        cutter.rules[cutter.rule_count++] = e->policy->rules[e->rules[i]];
    if (!space_addresses(&policies, 1, e->world.crowd.family, e->arena, &e->world.pieces, &count))
        return false;
    for (size_t i = 0; i < count; i++)
        if (policy_segment_of(e->policy, &e->world.pieces[i].first) == NONE)
            e->world.pieces[kept++] = e->world.pieces[i];
    e->world.crowd.world_count = (uint32_t)kept;
    return true;
}

/* At how many moments the piece may come in; the rule that lets it in at the first of them, NONE: it is only observed. */
static size_t count_moments(struct diffing *d, const struct way *w, struct entrance *e, const struct address *from, uint32_t *ret_rule)
{
    const struct station at = station_of(e->policy, from);
    bool observed = flow_observed(e->policy, from, leads_to(e->policy, w->publish, w->family));
    size_t count = 0, moments = 0;
    for (size_t i = 0; i < e->rule_count; i++)
        if (end_selects_station(e->policy, &e->policy->rules[e->rules[i]].from, &at))
            e->selecting[count++] = e->rules[i];
    d->effort.spent += e->rule_count + count * d->moments.count;
    for (size_t moment = 0; moment < d->moments.count; moment++) {
        struct matched m = {NONE, NONE, NONE};
        for (size_t i = 0; i < count; i++)
            if (moment_holds(&d->moments, moment, d->moments.condition_of[w->policy][e->selecting[i]], e->policy->rules[e->selecting[i]].allow))
                matched_add(&m, e->policy, e->selecting[i]);
        if (matched_passes(&m, observed) && moments++ == 0)
            *ret_rule = m.deny == NONE ? m.allow : NONE;
    }
    return moments;
}

/* Names are there once each: the same line of the other family has the same texts. */
static bool is_same_way(const struct diff_way *a, const struct diff_way *b)
{
    return a->gained == b->gained && a->protocol == b->protocol && a->port == b->port && a->from == b->from && a->at_times == b->at_times && a->rule == b->rule;
}

/* What the families of one port say stands together. */
#define WAYS_OF_PORT 4

static bool add_way(struct diffing *d, const struct diff_way *way)
{
    size_t count = d->out->way_count;
    for (size_t i = count > WAYS_OF_PORT ? count - WAYS_OF_PORT : 0; i < count; i++)
        if (d->out->ways[i].families != way->families && is_same_way(&d->out->ways[i], way)) {
            d->out->ways[i].families = 4 + 6;
            return true;
        }
    struct diff_way *grown = arena_grow(d->arena, d->out->ways, d->out->way_count, &d->way_capacity, sizeof *grown);
    if (!grown)
        return false;
    d->out->ways = grown;
    grown[d->out->way_count++] = *way;
    return true;
}

/* Those who come in at every moment, or only at some; a rule is named where it lets all of them in. */
struct admitted {
    struct range_list pieces;
    uint32_t rule;
    bool several_rules;
};

static bool admit(struct admitted *a, uint32_t piece, uint32_t rule)
{
    a->several_rules |= a->pieces.count && a->rule != rule;
    a->rule = rule;
    return range_list_add(&a->pieces, piece, piece);
}

static bool add_admitted(struct diffing *d, const struct way *w, const struct entrance *e, const struct admitted *a, bool at_times)
{
    const struct policy *p = e->policy;
    struct diff_way way = {.gained = w->policy == AFTER, .at_times = at_times, .protocol = w->publish->protocol, .port = w->publish->port,
        .workload = p->workloads[w->publish->workload].name, .workload_port = w->publish->workload_port, .families = w->family};
    if (a->pieces.count) {
        way.from = diff_world_name(d, &e->world, range_list_all(&a->pieces));
        way.rule = a->several_rules || a->rule == NONE ? NULL : p->rules[a->rule].name;
    }
    return (way.from || a->pieces.count == 0) && add_way(d, &way);
}

static bool look_along(struct diffing *d, const struct way *w, struct entrance *e)
{
    struct admitted always = {.pieces = {.arena = e->arena}}, at_times = always;
    for (uint32_t i = 0; i < e->world.crowd.world_count && d->effort.spent <= d->effort.limit; i++) {
        uint32_t rule = NONE;
        size_t moments = count_moments(d, w, e, &e->world.pieces[i].first, &rule);
        if (moments && !admit(moments == d->moments.count ? &always : &at_times, i, rule))
            return false;
    }
    if (d->effort.spent > d->effort.limit) /* nothing is said of what was not looked at to its end */
        return true;
    bool nobody = always.pieces.count == 0 && at_times.pieces.count == 0;
    return (!(always.pieces.count || nobody) || add_admitted(d, w, e, &always, false)) &&
           (at_times.pieces.count == 0 || add_admitted(d, w, e, &at_times, true));
}

static bool compare_way(struct diffing *d, const struct way *w)
{
    struct entrance e = {.arena = arena_child(d->arena), .policy = d->policies[w->policy], .world.crowd.family = w->family};
    e.world.arena = e.arena;
    bool ok = e.arena && find_rules(d, w, &e) && find_world(&e) && look_along(d, w, &e);
    arena_destroy(e.arena);
    return ok;
}

static bool find_ways(struct diffing *d, uint32_t policy)
{
    const struct policy *p = d->policies[policy], *other = d->policies[1 - policy];
    for (uint32_t i = 0; i < p->uplink.publish_count; i++) {
        const struct publish *e = &p->uplink.publish[i], *there = uplink_published(other, e->protocol, e->port);
        for (uint8_t family = 4; family <= 6; family = (uint8_t)(family + 2)) {
            const struct way w = {.publish = e, .policy = policy, .family = family};
            bool same = leads_alike(p, e, other, there) && leads_to(other, there, family);
            if (leads_to(p, e, family) && !same && !compare_way(d, &w))
                return false;
        }
    }
    return true;
}

bool diff_find_ways(struct diffing *d)
{
    struct diff_uplink *u = &d->out->uplink;
    for (unsigned i = 0; i < 2; i++) {
        u->interface[i] = d->policies[i]->uplink.interface;
        u->nat[i] = u->interface[i] && d->policies[i]->uplink.nat;
    }
    bool both = u->interface[BEFORE] && u->interface[AFTER];
    u->differs = both ? u->nat[BEFORE] != u->nat[AFTER] || strcmp(u->interface[BEFORE], u->interface[AFTER]) != 0
                      : u->interface[BEFORE] != u->interface[AFTER];
    return find_ways(d, AFTER) && find_ways(d, BEFORE);
}
