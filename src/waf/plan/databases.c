/* SPDX-License-Identifier: Apache-2.0 */
/* The databases of groups. */
#include "waf/plan/planning.h"

/* A database that is to be compiled. */
struct due {
    struct draft *draft;
    uint32_t look;
    enum text_kind kind;
    bool own;
    const char **texts;
    unsigned *flags, *ids;
    struct plan_pattern *patterns; /* by id */
    unsigned count, ids_count;
};

/*
 * A look's database has the patterns behind all its chains, so that a text that none of them changes is scanned once. The chain
 * behind which the most expressions stand, if these are many, has one of its own beside it, for strange texts: what other
 * chains make of one is not looked through for them. Phrases cost no more for being many.
 */
#define OWN_EXPRESSIONS 16

/* The chain of each look that has a database of its own; PLAN_CHAINS_MAX: none. False when memory is out. */
static bool choose_own(struct planning *p, struct draft *d)
{
    uint32_t(*counts)[PLAN_CHAINS_MAX] = arena_array(p->arena, d->group.look_count, sizeof *counts);
    for (size_t i = 0; counts && i < d->patterns.count; i++) {
        const struct pattern *item = &d->patterns.items[i];
        counts[item->look][item->chain] += item->of_kind[TEXT_STRANGE] && (item->flags & HS_FLAG_PREFILTER);
    }
    for (uint32_t i = 0; counts && i < d->group.look_count; i++) {
        uint8_t most = 0;
        for (uint8_t chain = 1; chain < PLAN_CHAINS_MAX; chain++)
            most = counts[i][chain] > counts[i][most] ? chain : most;
        d->group.looks[i].own_chain = counts[i][most] >= OWN_EXPRESSIONS ? most : PLAN_CHAINS_MAX;
    }
    return counts;
}

static bool is_own(const struct draft *d, const struct pattern *pattern, enum text_kind kind)
{
    return kind == TEXT_STRANGE && d->group.looks[pattern->look].own_chain == pattern->chain;
}

static struct plan_database *database_of(struct plan_look *look, enum text_kind kind, bool own)
{
    return own ? &look->own : &look->databases[kind];
}

static bool same_pattern(const struct plan_pattern *a, const struct plan_pattern *b)
{
    return a->rule == b->rule && a->chain == b->chain;
}

static bool is_due(const struct due *d, const struct pattern *pattern)
{
    return pattern->look == d->look && pattern->of_kind[d->kind] && is_own(d->draft, pattern, d->kind) == d->own;
}

static bool gather(struct planning *p, struct due *ret)
{
    const struct patterns *patterns = &ret->draft->patterns;
    size_t room = 0;
    for (size_t i = 0; i < patterns->count; i++)
        room += is_due(ret, &patterns->items[i]);
    ret->count = ret->ids_count = 0;
    ret->texts = arena_array(p->arena, room, sizeof *ret->texts);
    ret->flags = arena_array(p->arena, room, sizeof *ret->flags);
    ret->ids = arena_array(p->arena, room, sizeof *ret->ids);
    ret->patterns = arena_array(p->arena, room, sizeof *ret->patterns);
    if (!ret->texts || !ret->flags || !ret->ids || !ret->patterns || room > UINT32_MAX)
        return false;
    for (size_t i = 0; i < patterns->count; i++) {
        const struct pattern *item = &patterns->items[i];
        if (!is_due(ret, item) || p->plan->groups_of[item->rule] == NOTHING)
            continue;
        struct plan_pattern means = {item->rule, item->chain};
        if (!ret->ids_count || !same_pattern(&ret->patterns[ret->ids_count - 1], &means))
            ret->patterns[ret->ids_count++] = means;
        ret->texts[ret->count] = item->text;
        ret->flags[ret->count] = item->flags;
        ret->ids[ret->count++] = ret->ids_count - 1;
    }
    return true;
}

/* Without the expression that Hyperscan does not take, where it names one; else without any. */
static void give_up(struct planning *p, const struct due *d, int wrong)
{
    for (unsigned i = 0; i < d->count; i++)
        if (wrong < 0 || d->ids[i] == d->ids[wrong])
            p->plan->groups_of[d->patterns[d->ids[i]].rule] = NOTHING;
}

/* All at once. Those that Hyperscan refused are left at the front, and their number in `*count`. */
static bool compile_due(struct planning *p, struct due *items, size_t *count)
{
    struct database_wanted *wanted = arena_array(p->arena, *count, sizeof *wanted);
    size_t asked = 0, left = 0;
    for (size_t i = 0; wanted && i < *count; i++) {
        if (!gather(p, &items[i]))
            return false;
        if (!items[i].count)
            continue;
        items[asked] = items[i];
        wanted[asked++] = (struct database_wanted){.texts = items[i].texts, .flags = items[i].flags, .ids = items[i].ids, .count = items[i].count};
    }
    if (!wanted || !compiled_databases(p->compiled, wanted, asked))
        return false;
    for (size_t i = 0; i < asked; i++) {
        struct plan_look *look = &items[i].draft->group.looks[items[i].look];
        struct plan_database *database = database_of(look, items[i].kind, items[i].own);
        database->database = wanted[i].database;
        database->patterns = items[i].patterns;
        if (wanted[i].result == DATABASE_OK)
            continue;
        give_up(p, &items[i], wanted[i].wrong);
        items[left++] = items[i];
    }
    *count = left;
    return true;
}

static bool compile_databases(struct planning *p)
{
    size_t count = 0, room = 0;
    for (size_t i = 0; i < p->draft_count; i++)
        room += p->drafts[i].group.look_count;
    struct due *due = arena_array(p->arena, room * (TEXT_KINDS + 1), sizeof *due);
    for (size_t i = 0; due && i < p->draft_count; i++) {
        if (!choose_own(p, &p->drafts[i]))
            return false;
        for (uint32_t k = 0; k < p->drafts[i].group.look_count; k++) {
            for (enum text_kind kind = 0; kind < TEXT_KINDS; kind++)
                due[count++] = (struct due){.draft = &p->drafts[i], .look = k, .kind = kind};
            due[count++] = (struct due){.draft = &p->drafts[i], .look = k, .kind = TEXT_STRANGE, .own = true};
        }
    }
    while (due && count)
        if (!compile_due(p, due, &count))
            return false;
    return due;
}

/* What asks for more than another is looked for where that one is. Past the last, two become one that asks for less. */
static void take_needs(struct plan_database *d, uint16_t needs)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < d->need_count; i++)
        if (!(d->needs[i] & ~needs))
            return;
    for (uint32_t i = 0; i < d->need_count; i++)
        if (needs & ~d->needs[i])
            d->needs[kept++] = d->needs[i];
    d->need_count = kept;
    if (d->need_count < PLAN_NEEDS_MAX) {
        d->needs[d->need_count++] = needs;
        return;
    }
    uint16_t least = needs & d->needs[--d->need_count];
    take_needs(d, least);
}

/* Once it is known what Hyperscan takes: behind which chains something is looked for, and in which texts. */
static void settle_chains(const struct planning *p, struct draft *d)
{
    for (size_t i = 0; i < d->patterns.count; i++) {
        const struct pattern *item = &d->patterns.items[i];
        struct plan_look *look = &d->group.looks[item->look];
        for (enum text_kind kind = 0; kind < TEXT_KINDS && p->plan->groups_of[item->rule] != NOTHING; kind++)
            if (item->of_kind[kind]) {
                struct plan_database *database = database_of(look, kind, is_own(d, item, kind));
                database->chains |= UINT64_C(1) << item->chain;
                take_needs(database, item->needs);
            }
    }
}

static void widen(const struct plan_group *g, struct plan_view *view, uint64_t chains)
{
    view->chains |= chains;
    view->always |= (chains & g->always) != 0;
    for (uint64_t left = chains; left; left &= left - 1)
        view->triggers |= g->chains[__builtin_ctzll(left)].triggers;
}

/* Its views are the group's, one for each segment. `places`: by segment, one more than its view. False when memory is out. */
static bool settle_look(const struct planning *p, struct plan_group *g, struct plan_look *look, uint32_t *places)
{
    const struct plan_source *source = &p->plan->sources[look->source];
    uint64_t chains = plan_look_chains(look);
    uint32_t *views = arena_array(p->arena, source->segment_count, sizeof *views);
    look->views = views;
    look->view_count = chains ? source->segment_count : 0;
    for (uint32_t i = 0; views && i < look->view_count; i++) {
        uint32_t *place = &places[source->segments[i]];
        if (!*place) {
            g->views[g->view_count] = (struct plan_view){.segment = source->segments[i]};
            *place = ++g->view_count;
        }
        views[i] = *place - 1;
        look->first_views |= views[i] < PLAN_FIRST_VIEWS ? UINT64_C(1) << views[i] : 0;
        look->has_more_views |= views[i] >= PLAN_FIRST_VIEWS;
        widen(g, &g->views[views[i]], chains);
    }
    return views;
}

static bool settle_group(const struct planning *p, struct draft *d)
{
    struct plan_group *g = &d->group;
    uint32_t *places = arena_array(p->arena, p->plan->segment_count, sizeof *places);
    g->views = arena_array(p->arena, p->plan->segment_count, sizeof *g->views);
    settle_chains(p, d);
    bool ok = places && g->views;
    for (uint32_t i = 0; ok && i < g->look_count; i++)
        ok = settle_look(p, g, &g->looks[i], places);
    return ok;
}

bool compile_groups(struct planning *p)
{
    p->plan->groups = arena_array(p->arena, p->draft_count, sizeof *p->plan->groups);
    if (!p->plan->groups || !compile_databases(p))
        return false;
    p->plan->group_count = (uint32_t)p->draft_count;
    for (size_t i = 0; i < p->draft_count; i++) {
        if (!settle_group(p, &p->drafts[i]))
            return false;
        p->plan->groups[i] = p->drafts[i].group;
    }
    return true;
}
