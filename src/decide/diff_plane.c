/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The plane of parties and services of one fixed party. Services are cut into strips once; along the parties, a
 * rule that begins or ends is put into its strips, and only those are judged again. So rules that are wide in
 * parties are not looked at again for each narrow rule beside them. What differs leaves tiles, of which lines
 * are made.
 */
#include <stdlib.h>

#include "decide/diff_comparing.h"
#include "decide/number_sort.h"

/* Below this many rules in all stretches, the plain way is not worth an estimate. */
#define PLAIN_ENOUGH 256

struct rule_list {
    uint32_t *items; /* ascending */
    size_t count, capacity;
};

/* A line that holds at the party that the walk stands at. */
struct open_line {
    bool open;
    struct change_line line;
    uint32_t since; /* party */
};

struct strip {
    struct range services;
    struct rule_list rules[2][RULE_SORTS]; /* by policy: those that apply */
    size_t conditional;                    /* how many of them have a condition */
    bool dirty;
    struct open_line lines[2]; /* gained, lost */
};

/* A line on one strip, up to or from a party. */
struct tile {
    struct change_line line;
    uint32_t at, strip;
    bool begins;
};

/* Strips */

static struct ranges services_of(const struct comparing *c, const struct party_event *e)
{
    return c->d->acts.services.items[c->d->acts.items[c->d->acts.of_rule[e->policy][e->rule]].services];
}

/* Where the services of some rule begin or end, and those that are wanted; NULL when memory is out. */
static uint32_t *find_service_cuts(const struct comparing *c, struct arena *scratch, size_t *ret_count)
{
    size_t most = 2 * c->wanted.count, count = 0;
    for (size_t i = 0; i < c->everybody.count; i++) {
        const struct party_event *e = &c->everybody.events[i];
        most += e->rule != NONE && e->begins ? 2 * services_of(c, e).count : 0;
    }
    uint32_t *cuts = arena_array(scratch, most, sizeof *cuts);
    for (size_t i = 0; cuts && i <= c->everybody.count; i++) {
        const struct party_event *e = &c->everybody.events[i];
        struct ranges services = range_list_all(&c->wanted);
        if (i < c->everybody.count) {
            if (e->rule == NONE || !e->begins)
                continue;
            services = services_of(c, e);
        }
        for (size_t k = 0; k < services.count; k++) {
            cuts[count++] = services.items[k].first;
            cuts[count++] = services.items[k].last + 1;
        }
    }
    uint32_t *spare = arena_array(scratch, most, sizeof *spare);
    if (!cuts || !spare)
        return NULL;
    _Static_assert(NUMBER_SORT_QUICK(sizeof *cuts), "copied without a call");
    number_sort(cuts, spare, count, sizeof *cuts, SERVICES);
    *ret_count = count;
    return cuts;
}

static bool add_strip(struct comparing *c, struct range services)
{
    size_t had = c->strip_capacity;
    struct strip *grown = arena_grow(c->p->arena, c->strips, c->strip_count, &c->strip_capacity, sizeof *grown);
    if (!grown)
        return false;
    c->strips = grown;
    if (c->strip_capacity != had) {
        c->dirty = arena_array(c->p->arena, c->strip_capacity, sizeof *c->dirty);
        if (!c->dirty || !number_set_new(c->p->arena, c->strip_capacity, &c->open_strips))
            return false;
    }
    /* Lists are empty after every use, and keep their room. */
    c->strips[c->strip_count++].services = services;
    return true;
}

static bool cut_strips(struct comparing *c, const uint32_t *cuts, size_t count)
{
    size_t wanted = 0;
    c->strip_count = 0;
    for (size_t i = 0; i + 1 < count; i++) {
        if (cuts[i] == cuts[i + 1])
            continue;
        while (wanted < c->wanted.count && c->wanted.items[wanted].last < cuts[i])
            wanted++;
        if (wanted < c->wanted.count && c->wanted.items[wanted].first <= cuts[i] &&
            !add_strip(c, (struct range){cuts[i], cuts[i + 1] - 1}))
            return false;
    }
    return true;
}

static bool find_strips(struct comparing *c)
{
    size_t count;
    struct arena *scratch = arena_child(c->p->arena);
    uint32_t *cuts = scratch ? find_service_cuts(c, scratch, &count) : NULL;
    bool ok = cuts && cut_strips(c, cuts, count);
    arena_destroy(scratch);
    return ok;
}

/* The first strip that ends at the service or behind it. */
static size_t strip_from(const struct comparing *c, uint32_t service)
{
    size_t low = 0, high = c->strip_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (c->strips[middle].services.last < service)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Which way */

/* Rules in all stretches of parties that would be looked at one by one. */
static uint64_t plain_cost(struct comparing *c)
{
    uint64_t cost = 0, active = 0;
    const struct party_walk *w = &c->everybody;
    for (size_t i = 0; i < w->count;) {
        uint32_t at = w->events[i].at;
        for (; i < w->count && w->events[i].at == at; i++) {
            party_walk_balance(&c->everybody, &w->events[i]);
            if (w->events[i].rule != NONE)
                active += w->events[i].begins ? 1 : UINT64_MAX;
        }
        if (i == w->count)
            break;
        set_pair(c, at);
        cost += may_differ(c) ? active : 0;
    }
    return cost;
}

/* Strips of all rules; not counted further where it is more than `enough`. */
static uint64_t plane_cost(const struct comparing *c, uint64_t enough)
{
    uint64_t cost = c->strip_count;
    for (size_t i = 0; i < c->everybody.count && cost < enough; i++) {
        const struct party_event *e = &c->everybody.events[i];
        struct ranges services = e->rule == NONE ? (struct ranges){0} : services_of(c, e);
        for (size_t k = 0; k < services.count; k++)
            cost += strip_from(c, services.items[k].last + 1) - strip_from(c, services.items[k].first) + 1;
    }
    return cost;
}

bool plane_choose(struct comparing *c, bool *ret_plane)
{
    uint64_t plain = plain_cost(c);
    *ret_plane = false;
    if (plain < PLAIN_ENOUGH)
        return true;
    if (!find_strips(c))
        return false;
    *ret_plane = plane_cost(c, 2 * plain) < 2 * plain;
    return true;
}

/* Along the parties */

static size_t rule_place(const struct rule_list *l, uint32_t rule)
{
    size_t low = 0, high = l->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (l->items[middle] < rule)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool rule_list_add(struct rule_list *l, uint32_t rule, struct arena *a)
{
    uint32_t *grown = arena_grow(a, l->items, l->count, &l->capacity, sizeof *grown);
    if (!grown)
        return false;
    l->items = grown;
    size_t at = rule_place(l, rule);
    memmove(l->items + at + 1, l->items + at, (l->count++ - at) * sizeof *l->items);
    l->items[at] = rule;
    return true;
}

static void rule_list_remove(struct rule_list *l, uint32_t rule)
{
    size_t at = rule_place(l, rule);
    memmove(l->items + at, l->items + at + 1, (--l->count - at) * sizeof *l->items);
}

static void make_dirty(struct comparing *c, size_t strip)
{
    if (!c->strips[strip].dirty)
        c->dirty[c->dirty_count++] = (uint32_t)strip;
    c->strips[strip].dirty = true;
}

static bool apply_event(struct comparing *c, const struct party_event *e)
{
    if (e->rule == NONE)
        return true;
    const struct act *act = &c->d->acts.items[c->d->acts.of_rule[e->policy][e->rule]];
    enum rule_sort sort = act->allow ? SORT_ALLOW : act->observe ? SORT_TRIED : SORT_DENY;
    struct ranges services = c->d->acts.services.items[act->services];
    for (size_t k = 0; k < services.count; k++) {
        for (size_t i = strip_from(c, services.items[k].first);
             i < c->strip_count && c->strips[i].services.first <= services.items[k].last; i++) {
            struct rule_list *l = &c->strips[i].rules[e->policy][sort];
            if (!e->begins)
                rule_list_remove(l, e->rule);
            else if (!rule_list_add(l, e->rule, c->p->arena))
                return false;
            if (act->condition != NONE)
                c->strips[i].conditional += e->begins ? 1 : SIZE_MAX;
            c->d->effort.spent += 4;
            make_dirty(c, i);
        }
    }
    return true;
}

/* The first rule of the list that holds at the moment, or NONE. */
static uint32_t first_holding(const struct comparing *c, unsigned policy, const struct rule_list *l,
                              size_t moment, bool allow)
{
    for (size_t i = 0; i < l->count; i++) {
        uint32_t condition = c->d->acts.items[c->d->acts.of_rule[policy][l->items[i]]].condition;
        if (moment_holds(&c->d->moments, moment, condition, allow))
            return l->items[i];
    }
    return NONE;
}

static bool add_tile(struct comparing *c, const struct change_line *line, uint32_t at, size_t strip,
                     bool begins)
{
    struct tile *grown = arena_grow(c->p->arena, c->tiles, c->tile_count, &c->tile_capacity, sizeof *grown);
    if (!grown)
        return false;
    c->tiles = grown;
    c->tiles[c->tile_count++] = (struct tile){*line, at, (uint32_t)strip, begins};
    return true;
}

/* From the party `at` on, the line holds; or, without `times`, none does. */
static bool set_line(struct comparing *c, size_t strip, bool lost, const struct stretch_change *change,
                     size_t moments, uint32_t at)
{
    struct open_line *now = &c->strips[strip].lines[lost];
    struct change_line line = {
        .lost = lost, .at_times = change->times < moments, .rule = change->rule, .denier = change->denier};
    if (now->open && change->times && is_same_line(&now->line, &line))
        return true;
    if (now->open &&
        (!add_tile(c, &now->line, now->since, strip, true) || !add_tile(c, &now->line, at, strip, false)))
        return false;
    *now = (struct open_line){change->times > 0, line, at};
    return true;
}

static bool judge_strip(struct comparing *c, size_t strip, uint32_t at)
{
    const struct strip *s = &c->strips[strip];
    struct stretch_change changes[2] = {{0}};
    size_t moments = s->conditional ? c->d->moments.count : 1;
    for (size_t m = 0; m < moments; m++) {
        struct matched matched[2];
        for (unsigned i = 0; i < 2; i++)
            matched[i] = (struct matched){.allow = first_holding(c, i, &s->rules[i][SORT_ALLOW], m, true),
                                          .deny = first_holding(c, i, &s->rules[i][SORT_DENY], m, false),
                                          .observed = first_holding(c, i, &s->rules[i][SORT_TRIED], m, false)};
        note_outcomes(c, changes, matched);
    }
    c->d->effort.spent += 4 * moments;
    return set_line(c, strip, false, &changes[0], moments, at) &&
           set_line(c, strip, true, &changes[1], moments, at);
}

static bool judge_dirty(struct comparing *c, uint32_t at)
{
    for (size_t i = 0; i < c->dirty_count; i++) {
        c->strips[c->dirty[i]].dirty = false;
        if (!judge_strip(c, c->dirty[i], at))
            return false;
    }
    c->dirty_count = 0;
    return true;
}

/* Sets the pair; NONE: nobody, so that what is open ends. Where the pair is not as the last one was, every
 * strip is to be judged again. */
static void move_to(struct comparing *c, uint32_t party)
{
    bool before[] = {c->exists[0], c->exists[1], c->observed[0], c->observed[1]};
    if (party == NONE)
        c->exists[0] = c->exists[1] = c->observed[0] = c->observed[1] = false;
    else
        set_pair(c, party);
    bool now[] = {c->exists[0], c->exists[1], c->observed[0], c->observed[1]};
    for (size_t i = 0; i < c->strip_count && memcmp(before, now, sizeof now) != 0; i++)
        make_dirty(c, i);
}

static bool walk_along(struct comparing *c)
{
    const struct party_walk *w = &c->everybody;
    bool going = true;
    memset(c->exists, 0, sizeof c->exists);
    memset(c->observed, 0, sizeof c->observed);
    for (size_t i = 0; i < w->count;) {
        uint32_t at = w->events[i].at;
        for (; i < w->count && w->events[i].at == at; i++) {
            if (!apply_event(c, &w->events[i]))
                return false;
        }
        /* Even when nothing is judged any more, the rules have to go out of the strips again. */
        going = going && effort_spend(&c->d->effort, 1);
        move_to(c, going && i < w->count ? at : NONE);
        if (!judge_dirty(c, at))
            return false;
    }
    return true;
}

/* Lines */

static int compare_tiles(const void *a, const void *b)
{
    const struct tile *x = a, *y = b;
    int order = compare_change_lines(&x->line, &y->line);
    return order ? order : (x->at > y->at) - (x->at < y->at);
}

static bool note_strips(struct comparing *c, const struct change_line *line, struct range parties)
{
    c->services.count = 0;
    for (uint32_t s = number_set_first(&c->open_strips); s != NONE; s = number_set_next(&c->open_strips, s)) {
        struct range services = c->strips[s].services;
        if (!range_list_add(&c->services, services.first, services.last))
            return false;
        c->d->effort.spent += 4;
    }
    return c->services.count == 0 || note_line(c, *line, range_list_all(&c->services), parties);
}

/* For each line, the parties with the same services together. */
static bool note_tiles(struct comparing *c)
{
    if (c->tile_count)
        qsort(c->tiles, c->tile_count, sizeof *c->tiles, compare_tiles);
    c->d->effort.spent += 8 * c->tile_count;
    for (size_t i = 0; i < c->tile_count;) {
        const struct tile *first = &c->tiles[i];
        for (; i < c->tile_count && compare_tiles(&c->tiles[i], first) == 0; i++) {
            if (c->tiles[i].begins)
                number_set_add(&c->open_strips, c->tiles[i].strip);
            else
                number_set_remove(&c->open_strips, c->tiles[i].strip);
        }
        if (i < c->tile_count && is_same_line(&c->tiles[i].line, &first->line) &&
            !note_strips(c, &first->line, (struct range){first->at, c->tiles[i].at - 1}))
            return false;
    }
    c->tile_count = 0;
    return true;
}

bool plane_compare(struct comparing *c)
{
    return walk_along(c) && note_tiles(c);
}
