/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Most workloads have addresses of both families, and most rules name workloads: then these differ among each other in
 * the second family as they did in the first. What was found among them is kept, and only the world is walked again.
 */
#include "decide/diff_comparing.h"

/* Hits that are kept at most: 256 MiB. Behind that, workloads are compared again. */
#define KEPT_MAX ((size_t)1 << 24)

/* What the parties of a set are among the residents, as a number for both families. */
static bool resident_part(const struct comparing *c, struct ranges set, struct range_list *room, uint32_t *ret)
{
    uint32_t residents = c->p->crowd.resident_count;
    room->count = 0;
    for (size_t i = 0; i < set.count && set.items[i].first < residents; i++) {
        uint32_t last = set.items[i].last < residents ? set.items[i].last : residents - 1;
        if (!range_list_add(room, set.items[i].first, last))
            return false;
    }
    return range_table_put(&c->d->repeat.sets, range_list_all(room), ret);
}

/* Which residents the ends of each rule select. False when memory is out. */
static bool add_rules(const struct comparing *c, struct text *out)
{
    const struct selections *s = &c->p->selections;
    uint32_t *parts = arena_array(c->p->arena, s->sets.count, sizeof *parts);
    struct range_list room = {.arena = c->p->arena};
    for (size_t i = 0; parts && i < s->sets.count; i++) {
        if (!resident_part(c, s->sets.items[i], &room, &parts[i]))
            return false;
    }
    for (unsigned i = 0; parts && i < 2; i++) {
        for (enum side side = SIDE_FROM; side < SIDES; side++) {
            for (uint32_t r = 0; r < c->d->policies[i]->rule_count; r++)
                text_append(out, &parts[s->of_rule[i][side][r]], sizeof *parts);
        }
    }
    return parts;
}

/* All by which residents can differ from each other: what they are, and which rules they have. */
static bool describe(const struct comparing *c, struct text *out)
{
    const struct population *p = c->p;
    for (uint32_t i = 0; i < p->crowd.resident_count; i++) {
        text_append(out, &p->crowd.residents[i].workload, sizeof p->crowd.residents[i].workload);
        text_append(out, &p->flags[i], sizeof p->flags[i]);
        for (int side = 0; side < SIDES; side++)
            text_append(out, &p->groups[side].of[i], sizeof p->groups[side].of[i]);
    }
    return add_rules(c, out) && !out->failed;
}

bool repeat_begin(struct comparing *c)
{
    struct repeat *r = &c->d->repeat;
    if (!c->d->both_families)
        return true;
    struct text here = text_new(SIZE_MAX / 2);
    bool ok = describe(c, &here), first = r->begins == NULL;
    if (ok && first) {
        r->begins = arena_array(c->d->arena, (size_t)c->p->groups[SIDE_TO].count + 1, sizeof *r->begins);
        r->size = here.len;
        r->residents = arena_text(c->d->arena, here.at, here.len);
        ok = r->begins && r->residents;
        r->keeps = ok;
    } else if (ok) {
        c->repeats = r->keeps && bytes_equal(bytes_of(r->residents, r->size), bytes_of(here.at, here.len));
        r->keeps = false;
    }
    text_free(&here);
    return ok;
}

static bool add_hit(struct hits *h, struct hit hit, struct arena *a)
{
    struct hit *grown = arena_grow(a, h->items, h->count, &h->capacity, sizeof *grown);
    if (!grown)
        return false;
    h->items = grown;
    h->items[h->count++] = hit;
    return true;
}

bool repeat_keep(struct comparing *c)
{
    struct repeat *r = &c->d->repeat;
    uint32_t residents = c->p->crowd.resident_count;
    if (!r->keeps)
        return true;
    for (size_t i = 0; i < c->hits.count && r->keeps; i++) {
        struct hit hit = c->hits.items[i];
        if (hit.parties.first >= residents)
            continue;
        hit.parties.last = hit.parties.last < residents ? hit.parties.last : residents - 1;
        if (!add_hit(&r->hits, hit, c->d->arena))
            return false;
        r->keeps = r->hits.count < KEPT_MAX;
    }
    r->begins[c->group + 1] = r->hits.count;
    r->keeps = r->keeps && c->d->effort.spent <= c->d->effort.limit; /* else not all was found */
    return true;
}

bool repeat_take(struct comparing *c, uint32_t group)
{
    const struct repeat *r = &c->d->repeat;
    for (size_t i = r->begins[group]; i < r->begins[group + 1]; i++) {
        if (!add_hit(&c->hits, r->hits.items[i], c->p->arena))
            return false;
    }
    return true;
}
