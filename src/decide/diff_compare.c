/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A pair can only differ where a rule that applies to it is not in both policies, or where an end is under
 * observation, or exists, in one of them alone. So every workload is held fixed in turn, as a target of
 * everybody and as a source to the world, and the other end is walked over; all but such pairs are passed by.
 */
#include <stdlib.h>

#include "decide/diff_comparing.h"
#include "decide/number_sort.h"

/* Rules that are not in both policies */

struct rule_key {
    uint32_t from, to, act, rule;
};

static int compare_keys(const void *a, const void *b)
{
    const struct rule_key *x = a, *y = b;
    if (x->from != y->from)
        return x->from < y->from ? -1 : 1;
    if (x->to != y->to)
        return x->to < y->to ? -1 : 1;
    return (x->act > y->act) - (x->act < y->act);
}

static struct rule_key *rule_keys(const struct comparing *c, unsigned policy)
{
    uint32_t count = c->d->policies[policy]->rule_count;
    struct rule_key *keys = arena_array(c->p->arena, count, sizeof *keys);
    for (uint32_t r = 0; keys && r < count; r++)
        keys[r] =
            (struct rule_key){c->p->selections.of_rule[policy][SIDE_FROM][r],
                              c->p->selections.of_rule[policy][SIDE_TO][r], c->d->acts.of_rule[policy][r], r};
    if (keys && count)
        qsort(keys, count, sizeof *keys, compare_keys);
    return keys;
}

static void mark_changed(struct comparing *c, unsigned policy, const struct rule_key *k)
{
    c->changed_rules[policy][k->rule] = true;
    c->changed[SIDE_FROM][k->from] = c->changed[SIDE_TO][k->to] = true;
}

/* Rules that do the same between the same parties, in whatever order and under whatever name, need no
 * comparison. */
static bool find_changed(struct comparing *c)
{
    size_t counts[2] = {c->d->policies[0]->rule_count, c->d->policies[1]->rule_count}, i = 0, k = 0;
    struct rule_key *old = rule_keys(c, BEFORE), *new = rule_keys(c, AFTER);
    for (int side = 0; side < SIDES; side++)
        c->changed[side] = arena_array(c->p->arena, c->p->selections.sets.count, sizeof *c->changed[side]);
    for (unsigned p = 0; p < 2; p++)
        c->changed_rules[p] = arena_array(c->p->arena, counts[p], sizeof *c->changed_rules[p]);
    if (!old || !new || !c->changed_rules[0] || !c->changed_rules[1] || !c->changed[SIDE_FROM] ||
        !c->changed[SIDE_TO])
        return false;
    while (i < counts[0] || k < counts[1]) {
        int order = i == counts[0] ? 1 : k == counts[1] ? -1 : compare_keys(&old[i], &new[k]);
        if (order < 0)
            mark_changed(c, BEFORE, &old[i++]);
        else if (order > 0)
            mark_changed(c, AFTER, &new[k++]);
        else
            i++, k++;
    }
    return true;
}

static bool find_cuts(struct comparing *c)
{
    uint32_t count = crowd_count(&c->p->crowd);
    size_t cuts = 2;
    for (uint32_t i = 1; i < count; i++)
        cuts += c->p->flags[i] != c->p->flags[i - 1];
    c->cuts = arena_array(c->p->arena, cuts, sizeof *c->cuts);
    for (uint32_t i = 0; c->cuts && i < count; i++) {
        uint8_t flags = c->p->flags[i];
        if (i && flags != c->p->flags[i - 1])
            c->cuts[c->cut_count++] = i;
        c->uneven |= !(flags & PARTY_EXISTS(BEFORE)) != !(flags & PARTY_EXISTS(AFTER)) ||
                     !(flags & PARTY_OBSERVED(BEFORE)) != !(flags & PARTY_OBSERVED(AFTER));
    }
    return c->cuts != NULL;
}

/* One pair */

struct outcome {
    uint32_t rule, denier; /* that allows, that refuses */
};

static struct outcome outcome_of(const struct comparing *c, unsigned when, const struct matched *matched)
{
    if (!c->exists[when])
        return (struct outcome){.rule = NONE, .denier = NONE};
    struct verdict v = matched_verdict(matched, c->observed[when]);
    return (struct outcome){.rule = v.allow ? v.rule : NONE, .denier = v.allow ? NONE : v.rule};
}

void note_outcomes(const struct comparing *c, struct stretch_change changes[2], const struct matched matched[2])
{
    bool passed = c->exists[BEFORE] && matched_passes(&matched[BEFORE], c->observed[BEFORE]);
    bool passes = c->exists[AFTER] && matched_passes(&matched[AFTER], c->observed[AFTER]);
    if (passed == passes)
        return;
    struct stretch_change *change = &changes[passed ? 1 : 0];
    if (change->times++ == 0) {
        struct outcome old = outcome_of(c, BEFORE, &matched[BEFORE]), new = outcome_of(c, AFTER, &matched[AFTER]);
        change->rule = passed ? old.rule : new.rule;
        change->denier = passed ? new.denier : old.denier;
    }
}

static void compare_stretch(void *context, size_t stretch, const struct matched matched[2])
{
    struct comparing *c = context;
    note_outcomes(c, &c->stretches[2 * stretch], matched);
}

int compare_change_lines(const struct change_line *a, const struct change_line *b)
{
    if (a->lost != b->lost)
        return a->lost ? 1 : -1;
    if (a->at_times != b->at_times)
        return a->at_times ? 1 : -1;
    if (a->rule != b->rule)
        return a->rule < b->rule ? -1 : 1;
    return (a->denier > b->denier) - (a->denier < b->denier);
}

bool is_same_line(const struct change_line *a, const struct change_line *b)
{
    return compare_change_lines(a, b) == 0;
}

static int compare_found(const void *a, const void *b)
{
    const struct found_change *x = a, *y = b;
    int order = compare_change_lines(&x->line, &y->line);
    return order ? order : (x->stretch > y->stretch) - (x->stretch < y->stretch);
}

static bool sort_found(struct comparing *c)
{
    if (c->found_spare_capacity < c->found_capacity) {
        c->found_spare = arena_array(c->p->arena, c->found_capacity, sizeof *c->found_spare);
        c->found_spare_capacity = c->found_spare ? c->found_capacity : 0;
    }
    if (c->found_count && !c->found_spare)
        return false;
    _Static_assert(NUMBER_SORT_QUICK(sizeof *c->found), "copied without a call");
    number_sort(c->found, c->found_spare, c->found_count, sizeof *c->found, c->rules_most);
    for (size_t i = 0, first = 0; i < c->found_count; i++) {
        bool last = i + 1 == c->found_count || c->found[i + 1].order != c->found[i].order;
        if (last && i > first)
            qsort(&c->found[first], i + 1 - first, sizeof *c->found, compare_found);
        if (last)
            first = i + 1;
    }
    return true;
}

/* The stretches that differ, those that differ alike together. */
static bool gather_found(struct comparing *c, size_t moments)
{
    c->found_count = 0;
    for (size_t i = 0; i < 2 * c->services_walk.stretch_count; i++) {
        const struct stretch_change *s = &c->stretches[i];
        if (!s->times)
            continue;
        struct found_change *grown =
            arena_grow(c->p->arena, c->found, c->found_count, &c->found_capacity, sizeof *grown);
        if (!grown)
            return false;
        c->found = grown;
        c->found[c->found_count++] = (struct found_change){
            s->rule + 1, /* NONE is 0 */
            {.lost = i % 2, .at_times = s->times < moments, .rule = s->rule, .denier = s->denier},
            (uint32_t)(i / 2)};
    }
    return sort_found(c);
}

/* NONE: there are too many already. */
static bool line_number(struct diffing *d, const struct change_line *l, uint32_t *ret)
{
    uint32_t rule = l->rule == NONE ? NONE : 2 * l->rule + l->lost; /* of which policy it is */
    uint32_t key[] = {rule, (l->lost ? 1u : 0u) | (l->at_times ? 2u : 0u), l->denier, l->services};
    if (number_table_get(&d->line_numbers, key, ret) || d->line_count == LINES_MAX)
        return true;
    struct change_line *grown = arena_grow(d->arena, d->lines, d->line_count, &d->line_capacity, sizeof *grown);
    if (!grown)
        return false;
    d->lines = grown;
    *ret = (uint32_t)d->line_count;
    d->lines[d->line_count++] = *l;
    return number_table_put(&d->line_numbers, key, *ret);
}

static bool add_hit(struct comparing *c, uint32_t line, struct range parties)
{
    struct hits *h = &c->hits;
    struct hit *grown = arena_grow(c->p->arena, h->items, h->count, &h->capacity, sizeof *grown);
    if (!grown)
        return false;
    h->items = grown;
    h->items[h->count++] = (struct hit){line, c->group, parties};
    return true;
}

bool note_line(struct comparing *c, struct change_line line, struct ranges services, struct range parties)
{
    uint32_t number = NONE;
    if (c->d->line_count == LINES_MAX)
        line.services = range_table_get(&c->d->services, services);
    else if (!range_table_put(&c->d->services, services, &line.services))
        return false;
    if (line.services != NONE && !line_number(c->d, &line, &number))
        return false;
    if (number == NONE)
        c->d->out->more[line.lost]++;
    return number == NONE || add_hit(c, number, parties);
}

static bool note_found(struct comparing *c, struct range parties)
{
    for (size_t i = 0; i < c->found_count;) {
        struct change_line line = c->found[i].line;
        c->services.count = 0;
        for (; i < c->found_count && is_same_line(&c->found[i].line, &line); i++) {
            struct range stretch = service_walk_stretch(&c->services_walk, c->found[i].stretch);
            if (!range_list_add(&c->services, stretch.first, stretch.last))
                return false;
        }
        if (!note_line(c, line, range_list_all(&c->services), parties))
            return false;
    }
    return true;
}

static bool compare_pair(struct comparing *c, struct range parties)
{
    if (!service_walk_set(&c->services_walk, c->everybody.active))
        return false;
    size_t wanted = 2 * c->services_walk.stretch_count,
           moments = c->services_walk.conditional ? c->d->moments.count : 1;
    if (wanted > c->stretch_capacity) {
        c->stretch_capacity = 2 * wanted;
        c->stretches = arena_array(c->p->arena, c->stretch_capacity, sizeof *c->stretches);
        if (!c->stretches)
            return false;
    }
    memset(c->stretches, 0, wanted * sizeof *c->stretches);
    for (size_t m = 0; m < moments; m++)
        service_walk_run(&c->services_walk, m, compare_stretch, c);
    return gather_found(c, moments) && note_found(c, parties);
}

void set_pair(struct comparing *c, uint32_t party)
{
    uint8_t here = c->p->flags[c->fixed], there = c->p->flags[party];
    for (unsigned i = 0; i < 2; i++) {
        c->exists[i] = party != c->self && here & there & PARTY_EXISTS(i);
        c->observed[i] = c->exists[i] && (here | there) & PARTY_OBSERVED(i);
    }
}

bool may_differ(const struct comparing *c)
{
    if (!c->exists[BEFORE] && !c->exists[AFTER])
        return false;
    return c->exists[BEFORE] != c->exists[AFTER] || c->observed[BEFORE] != c->observed[AFTER] ||
           c->everybody.unbalanced;
}

static bool visit_parties(void *context, struct range parties)
{
    struct comparing *c = context;
    set_pair(c, parties.first);
    return !may_differ(c) || compare_pair(c, parties);
}

/* All pairs of one group */

static bool add_changed(struct comparing *c, enum side side, unsigned policy, uint32_t selection)
{
    const struct lists *rules = &c->p->selections.rules[policy][side];
    for (uint32_t k = rules->first[selection]; k < rules->first[selection + 1]; k++) {
        uint32_t rule = rules->items[k];
        if (!c->changed_rules[policy][rule])
            continue;
        struct ranges s =
            c->d->acts.services.items[c->d->acts.items[c->d->acts.of_rule[policy][rule]].services];
        for (size_t i = 0; i < s.count; i++) {
            if (!range_list_add(&c->wanted, s.items[i].first, s.items[i].last))
                return false;
        }
    }
    return true;
}

/* The services on which something can differ: those of the rules that are in one policy alone; all, where
 * parties themselves differ. */
static bool find_wanted(struct comparing *c, enum side side, uint32_t resident)
{
    const struct lists *l = &c->p->selections.of_resident;
    c->wanted.count = 0;
    if (c->uneven)
        return range_list_add(&c->wanted, 0, SERVICES - 1);
    for (uint32_t k = l->first[resident]; k < l->first[resident + 1]; k++) {
        uint32_t selection = l->items[k];
        if (c->changed[side][selection] &&
            (!add_changed(c, side, BEFORE, selection) || !add_changed(c, side, AFTER, selection)))
            return false;
    }
    range_list_normalize(&c->wanted);
    return true;
}

/* The only member of its group. */
static bool is_alone(const struct groups *g, uint32_t resident)
{
    const uint32_t *first = &g->members.first[g->of[resident]];
    return first[1] - first[0] == 1;
}

static bool compare_group(struct comparing *c, enum side side, uint32_t group)
{
    const struct groups *g = &c->p->groups[side];
    struct party_plan plan = {.fixed_side = side,
                              .fixed = g->members.items[g->members.first[group]],
                              .window = {0, crowd_count(&c->p->crowd) - 1},
                              .cuts = c->cuts,
                              .cut_count = c->cut_count};
    c->group = group;
    c->fixed = plan.fixed;
    c->self = NONE;
    if (side == SIDE_FROM) {
        /* Workloads among each other were compared from the targets' side. */
        if (c->p->crowd.world_count == 0)
            return true;
        plan.window.first = c->p->crowd.resident_count;
    } else if (is_alone(g, c->fixed) && is_alone(&c->p->groups[SIDE_FROM], c->fixed)) {
        /* Nothing goes from a workload to itself. */
        c->self = c->fixed;
        c->cuts[plan.cut_count++] = c->self;
        c->cuts[plan.cut_count++] = c->self + 1;
    }
    if (side == SIDE_TO && c->repeats) {
        if (!repeat_take(c, group))
            return false;
        if (c->p->crowd.world_count == 0)
            return true;
        plan.window.first = c->p->crowd.resident_count;
    }
    if (!find_wanted(c, side, c->fixed))
        return false;
    if (c->wanted.count == 0)
        return true;
    struct ranges wanted = range_list_all(&c->wanted);
    plan.services = c->uneven ? NULL : &wanted;
    bool plane;
    if (!party_walk_set(&c->everybody, &plan) || !plane_choose(c, &plane))
        return false;
    return plane ? plane_compare(c) : party_walk_run(&c->everybody, visit_parties, c);
}

/* Columns */

static bool add_column(struct comparing *c, const uint32_t key[2])
{
    struct population *p = c->p;
    struct change_column *grown =
        arena_grow(p->arena, p->columns, p->column_count, &p->column_capacity, sizeof *grown);
    if (!grown)
        return false;
    p->columns = grown;
    p->columns[p->column_count] =
        (struct change_column){.line = key[0], .sources = key[1], .targets.arena = p->arena};
    return number_table_put(&c->columns, key, (uint32_t)p->column_count++);
}

/* The targets to which the line holds from these sources; NULL in `ret` when there are too many lines already.
 */
static bool targets_of(struct comparing *c, uint32_t line, struct range_list *sources, struct range_list **ret)
{
    struct population *p = c->p;
    uint32_t key[2] = {line};
    range_list_normalize(sources);
    if (!range_table_put(&p->parties, range_list_all(sources), &key[1]))
        return false;
    uint32_t at;
    *ret = NULL;
    if (number_table_get(&c->columns, key, &at)) {
        *ret = &p->columns[at].targets;
    } else if (p->column_count == LINES_MAX) {
        c->d->out->more[c->d->lines[line].lost]++;
    } else {
        if (!add_column(c, key))
            return false;
        *ret = &p->columns[p->column_count - 1].targets;
    }
    return true;
}

static bool add_members(const struct groups *g, uint32_t group, struct range_list *out)
{
    for (uint32_t i = g->members.first[group]; i < g->members.first[group + 1]; i++) {
        if (!range_list_add(out, g->members.items[i], g->members.items[i]))
            return false;
    }
    return true;
}

/* By line; they were found in the order of their parties. */
static bool sort_hits(struct comparing *c)
{
    struct hits *h = &c->hits;
    _Static_assert(NUMBER_SORT_QUICK(sizeof *h->items), "copied without a call");
    if (h->spare_capacity < h->capacity) {
        h->spare = arena_array(c->p->arena, h->capacity, sizeof *h->spare);
        h->spare_capacity = h->spare ? h->capacity : 0;
    }
    if (h->spare)
        number_sort(h->items, h->spare, h->count, sizeof *h->items, (uint32_t)c->d->line_count);
    return h->spare || h->count == 0;
}

/* What was found for one group of targets: for each line the sources together. */
static bool file_sources(struct comparing *c, struct range_list *sources)
{
    struct hits *h = &c->hits;
    if (!sort_hits(c))
        return false;
    for (size_t i = 0; i < h->count;) {
        uint32_t line = h->items[i].line;
        sources->count = 0;
        for (; i < h->count && h->items[i].line == line; i++) {
            if (!range_list_add(sources, h->items[i].parties.first, h->items[i].parties.last))
                return false;
        }
        struct range_list *targets;
        if (!targets_of(c, line, sources, &targets) ||
            (targets && !add_members(&c->p->groups[SIDE_TO], c->group, targets)))
            return false;
    }
    h->count = 0;
    return true;
}

/* At a party of the world, a line begins or ceases to hold for a group of sources. */
struct border {
    uint32_t line, at, group;
    bool begins;
};

static int compare_borders(const void *a, const void *b)
{
    const struct border *x = a, *y = b;
    if (x->line != y->line)
        return x->line < y->line ? -1 : 1;
    return (x->at > y->at) - (x->at < y->at);
}

/* What was found for all sources to the world: for each stretch of the world, the sources together. */
static bool file_targets(struct comparing *c, struct range_list *sources)
{
    struct hits *h = &c->hits;
    size_t count = 0;
    struct border *borders = arena_array(c->p->arena, h->count * 2, sizeof *borders);
    struct number_set active;
    if (!borders || !number_set_new(c->p->arena, c->p->groups[SIDE_FROM].count, &active))
        return false;
    for (size_t i = 0; i < h->count; i++) {
        const struct hit *hit = &h->items[i];
        borders[count++] = (struct border){hit->line, hit->parties.first, hit->group, true};
        borders[count++] = (struct border){hit->line, hit->parties.last + 1, hit->group, false};
    }
    if (count)
        qsort(borders, count, sizeof *borders, compare_borders);
    for (size_t i = 0; i < count;) {
        uint32_t line = borders[i].line, at = borders[i].at;
        /* A group's range may end where its next one begins: what begins is done last. */
        size_t end = i;
        for (; end < count && borders[end].line == line && borders[end].at == at; end++) {
            if (!borders[end].begins)
                number_set_remove(&active, borders[end].group);
        }
        for (; i < end; i++) {
            if (borders[i].begins)
                number_set_add(&active, borders[i].group);
        }
        sources->count = 0;
        for (uint32_t g = number_set_first(&active); g != NONE; g = number_set_next(&active, g)) {
            if (!add_members(&c->p->groups[SIDE_FROM], g, sources))
                return false;
        }
        c->d->effort.spent += 1 + sources->count;
        if (sources->count == 0)
            continue;
        struct range_list *targets;
        if (!targets_of(c, line, sources, &targets) ||
            (targets && !range_list_add(targets, at, borders[end].at - 1)))
            return false;
    }
    h->count = 0;
    return true;
}

bool diff_compare(struct diffing *d, struct population *p)
{
    struct comparing c = {.d = d,
                          .p = p,
                          .services.arena = p->arena,
                          .wanted.arena = p->arena,
                          .columns = number_table_new(p->arena, 2, 51),
                          .rules_most = d->policies[0]->rule_count > d->policies[1]->rule_count
                                            ? d->policies[0]->rule_count
                                            : d->policies[1]->rule_count};
    struct range_list sources = {.arena = p->arena};
    d->effort.spent += crowd_count(&p->crowd) + d->policies[0]->rule_count + d->policies[1]->rule_count;
    if (!party_walk_new(&p->selections, &d->acts, &d->effort, p->arena, &c.everybody) ||
        !service_walk_new(&p->crowd, &d->acts, &d->moments, &d->effort, p->arena, &c.services_walk) ||
        !find_changed(&c) || !find_cuts(&c) || !repeat_begin(&c))
        return false;
    for (uint32_t g = 0; g < p->groups[SIDE_TO].count && effort_spend(&d->effort, 1); g++) {
        if (!compare_group(&c, SIDE_TO, g) || !repeat_keep(&c) || !file_sources(&c, &sources))
            return false;
    }
    for (uint32_t g = 0; g < p->groups[SIDE_FROM].count && effort_spend(&d->effort, 1); g++) {
        if (!compare_group(&c, SIDE_FROM, g))
            return false;
    }
    return file_targets(&c, &sources);
}
