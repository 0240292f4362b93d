/* SPDX-License-Identifier: Apache-2.0 */
#include "decide/diff.h"

#include "base/table.h"
#include "decide/reach.h"

#include <stdlib.h>

#define BEFORE 0
#define AFTER  1

/* Moments that differ in which rules hold; more are not compared. */
#define MOMENTS_MAX 256
/* Changes of conditions that are looked at to find them. */
#define CHANGES_MAX    50000
#define NAME_MAX_BYTES (1 << 20)

/* Who can speak or be reached: one address of a workload, or a piece of the world. */
struct party {
    const char *workload; /* name, or NULL */
    struct piece piece;   /* of the world */
    struct address at[2]; /* where it is in each policy */
    bool exists[2];
};

/* Parties that no rule of either policy tells apart on one side. */
struct group {
    uint32_t *members; /* parties, ascending */
    size_t count, capacity;
};

struct side {
    struct group *groups;
    size_t count, capacity;
};

/* A line under construction: which groups on each side. */
struct draft {
    struct diff_line line; /* without names */
    uint32_t *groups;      /* of the side that is being collected */
    size_t count, capacity;
    const uint32_t *others; /* of the other side */
    size_t other_count;
};

struct drafts {
    struct draft *items;
    size_t count, capacity;
    struct table index;
};

struct comparing {
    struct arena *arena;
    const struct policy *policies[2];
    int64_t now;
    uint64_t limit, spent;
    uint8_t family;
    struct port_class *classes;
    size_t class_count;
    uint64_t **holds[2]; /* a set of rules for each moment */
    size_t moment_count, moment_capacity;
    struct party *parties;
    size_t party_count, party_capacity;
    struct reach reach[2];
    struct reach_pair pairs[2]; /* that is being compared */
    struct side sources, targets;
    struct drafts rows; /* by target group: sources are collected */
    struct diff *out;
    size_t line_capacity;
    struct table lines; /* text of a line -> index */
};

/* Moments */

static int64_t next_change(const struct comparing *c, int64_t at, int64_t until)
{
    for (unsigned i = 0; i < 2; i++) {
        for (uint32_t r = 0; r < c->policies[i]->rule_count; r++)
            until = rule_next_change(c->policies[i], &c->policies[i]->rules[r], at, until);
    }
    return until;
}

static void holding(const struct policy *p, int64_t now, uint64_t *set)
{
    for (uint32_t i = 0; i < p->rule_count; i++) {
        if (rule_holds(p, &p->rules[i], now))
            set[i / 64] |= (uint64_t)1 << (i % 64);
    }
}

static size_t words_of(const struct policy *p)
{
    return (size_t)p->rule_count / 64 + 1;
}

/* Every different set of rules that hold at some time of the week. */
static bool find_moments(struct comparing *c)
{
    size_t words[2] = {words_of(c->policies[0]), words_of(c->policies[1])}, both = words[0] + words[1];
    struct table known = table_new(c->arena, 1);
    c->holds[0] = arena_array(c->arena, MOMENTS_MAX, sizeof *c->holds[0]);
    c->holds[1] = arena_array(c->arena, MOMENTS_MAX, sizeof *c->holds[1]);
    if (!c->holds[0] || !c->holds[1])
        return false;
    int64_t at = c->now, until = c->now + DIFF_SECONDS;
    uint64_t *set = NULL;
    for (unsigned changes = 0; at < until; at = next_change(c, at, until)) {
        if (changes++ == CHANGES_MAX) {
            c->out->incomplete = "conditions change too often within the week to compare every moment";
            break;
        }
        if (!set)
            set = arena_array(c->arena, both, sizeof *set);
        if (!set)
            return false;
        memset(set, 0, both * sizeof *set);
        holding(c->policies[0], at, set);
        holding(c->policies[1], at, set + words[0]);
        bool new;
        if (!table_put(&known, bytes_of(set, both * sizeof *set), 0, &new))
            return false;
        if (!new)
            continue;
        if (c->moment_count == MOMENTS_MAX) {
            c->out->incomplete = "conditions have too many combinations within the week to compare them all";
            break;
        }
        c->holds[0][c->moment_count] = set;
        c->holds[1][c->moment_count++] = set + words[0];
        set = NULL;
    }
    return true;
}

/* Parties */

static bool add_party(struct comparing *c, const struct party *p)
{
    struct party *grown = arena_grow(c->arena, c->parties, c->party_count, &c->party_capacity, sizeof *grown);
    if (!grown)
        return false;
    c->parties = grown;
    c->parties[c->party_count++] = *p;
    return true;
}

/* The nth address of the workload in the family. */
static const struct address *nth_address(const struct policy *p, uint32_t workload, uint8_t family, uint32_t n)
{
    if (workload == NONE)
        return NULL;
    const struct workload *w = &p->workloads[workload];
    for (uint32_t i = 0; i < w->address_count; i++) {
        if (w->addresses[i].family == family && n-- == 0)
            return &w->addresses[i];
    }
    return NULL;
}

static bool add_workload(struct comparing *c, const char *name)
{
    struct bytes text = bytes_of_text(name);
    uint32_t ids[2] = {policy_find_workload(c->policies[0], text), policy_find_workload(c->policies[1], text)};
    for (uint32_t n = 0;; n++) {
        struct party p = {.workload = name};
        for (unsigned i = 0; i < 2; i++) {
            const struct address *a = nth_address(c->policies[i], ids[i], c->family, n);
            p.exists[i] = a != NULL;
            if (a)
                p.at[i] = *a;
        }
        if (!p.exists[0] && !p.exists[1])
            return true;
        if (!add_party(c, &p))
            return false;
    }
}

static bool add_parties(struct comparing *c)
{
    const struct policy *old = c->policies[BEFORE], *new = c->policies[AFTER];
    struct piece *pieces;
    size_t count;
    c->parties = NULL;
    c->party_count = c->party_capacity = 0;
    for (uint32_t i = 0; i < old->workload_count; i++) {
        if (!add_workload(c, old->workloads[i].name))
            return false;
    }
    for (uint32_t i = 0; i < new->workload_count; i++) {
        const char *name = new->workloads[i].name;
        if (policy_find_workload(old, bytes_of_text(name)) == NONE && !add_workload(c, name))
            return false;
    }
    if (!space_addresses(c->policies, 2, c->family, c->arena, &pieces, &count))
        return false;
    for (size_t i = 0; i < count; i++) {
        const struct address *a = &pieces[i].first;
        if (policy_segment_of(old, a) != NONE && policy_segment_of(new, a) != NONE)
            continue;
        if (!add_party(c, &(struct party){.piece = pieces[i], .at = {*a, *a}, .exists = {true, true}}))
            return false;
    }
    return true;
}

/* Groups */

static bool group_add(struct comparing *c, struct side *s, struct table *index, struct bytes key,
                      uint32_t party)
{
    bool new;
    uint64_t *at = table_put(index, key, s->count, &new);
    if (!at)
        return false;
    if (new) {
        struct group *grown = arena_grow(c->arena, s->groups, s->count, &s->capacity, sizeof *grown);
        if (!grown)
            return false;
        s->groups = grown;
        s->groups[s->count++] = (struct group){0};
    }
    struct group *g = &s->groups[*at];
    uint32_t *members = arena_grow(c->arena, g->members, g->count, &g->capacity, sizeof *members);
    if (!members)
        return false;
    g->members = members;
    g->members[g->count++] = party;
    return true;
}

static bool make_side(struct comparing *c, bool target, struct side *ret)
{
    size_t words[2] = {c->reach[0].words, c->reach[1].words}, all = words[0] + words[1] + 1;
    uint64_t *keys = arena_array(c->arena, c->party_count * all, sizeof *keys);
    struct table index = table_new(c->arena, 2);
    struct side side = {0};
    if (!keys)
        return false;
    for (size_t i = 0; i < c->party_count; i++) {
        const struct party *p = &c->parties[i];
        uint64_t *key = keys + i * all, *at = key + 1;
        key[0] = (p->workload ? 1u : 0u) | (p->exists[0] ? 2u : 0u) | (p->exists[1] ? 4u : 0u) |
                 (c->reach[0].observed[i] ? 8u : 0u) | (c->reach[1].observed[i] ? 16u : 0u);
        for (unsigned k = 0; k < 2; k++) {
            memcpy(at, (target ? c->reach[k].to : c->reach[k].from) + i * words[k], words[k] * sizeof *at);
            at += words[k];
        }
        if (!group_add(c, &side, &index, bytes_of(key, all * sizeof *key), (uint32_t)i))
            return false;
    }
    *ret = side;
    return true;
}

/* Comparing */

struct outcome {
    bool passes;
    struct verdict verdict;
};

static struct outcome outcome_of(const struct comparing *c, unsigned when, uint32_t from, uint32_t to,
                                 size_t port_class, size_t moment)
{
    if (!c->parties[from].exists[when] || !c->parties[to].exists[when])
        return (struct outcome){.verdict = {.enforced = true, .reason = REASON_DEFAULT_DENY, .rule = NONE}};
    struct verdict v = reach_verdict(&c->reach[when], &c->pairs[when], port_class, c->holds[when][moment]);
    return (struct outcome){.passes = verdict_passes(&v), .verdict = v};
}

static const char *rule_name_of(const struct policy *p, const struct verdict *v, bool allow)
{
    return v->rule != NONE && v->allow == allow ? p->rules[v->rule].name : NULL;
}

/* What differs on one class of ports, over all moments: lines[0] gained, lines[1] lost. */
static void compare_class(const struct comparing *c, uint32_t from, uint32_t to, size_t port_class,
                          struct diff_line lines[2], bool differs[2])
{
    size_t times[2] = {0, 0};
    for (size_t m = 0; m < c->moment_count; m++) {
        struct outcome old = outcome_of(c, BEFORE, from, to, port_class, m),
                       new = outcome_of(c, AFTER, from, to, port_class, m);
        if (old.passes == new.passes)
            continue;
        unsigned lost = old.passes;
        const struct outcome *yes = lost ? &old : &new, *no = lost ? &new : &old;
        if (times[lost]++ == 0)
            lines[lost] = (struct diff_line){
                .gained = !lost,
                .rule = rule_name_of(c->policies[lost ? BEFORE : AFTER], &yes->verdict, true),
                .denier = rule_name_of(c->policies[lost ? AFTER : BEFORE], &no->verdict, false),
                .families = c->family};
    }
    for (unsigned lost = 0; lost < 2; lost++) {
        differs[lost] = times[lost] > 0;
        lines[lost].at_times = times[lost] < c->moment_count;
    }
}

/* The draft with these values, made where there is none. `others` are the groups of the other side. */
static struct draft *draft_of(struct comparing *c, struct drafts *d, const struct diff_line *l,
                              const uint32_t *others, size_t other_count)
{
    struct text key = text_new(NAME_MAX_BYTES);
    text_printf(&key, "%d%d|%s|%s|%s|", l->gained, l->at_times, l->ports, l->rule ? l->rule : "",
                l->denier ? l->denier : "");
    text_append(&key, others, other_count * sizeof *others);
    char *kept = key.failed ? NULL : arena_text(c->arena, text_cstr(&key), key.len);
    bool new = false;
    uint64_t *at = kept ? table_put(&d->index, bytes_of(kept, key.len), d->count, &new) : NULL;
    text_free(&key);
    if (!at)
        return NULL;
    if (new) {
        struct draft *grown = arena_grow(c->arena, d->items, d->count, &d->capacity, sizeof *grown);
        if (!grown)
            return NULL;
        d->items = grown;
        d->items[d->count++] = (struct draft){.line = *l, .others = others, .other_count = other_count};
    }
    return &d->items[*at];
}

static bool draft_add(struct comparing *c, struct draft *d, uint32_t group)
{
    uint32_t *grown = d ? arena_grow(c->arena, d->groups, d->count, &d->capacity, sizeof *grown) : NULL;
    if (!grown)
        return false;
    d->groups = grown;
    d->groups[d->count++] = group;
    return true;
}

static bool same_rules(const struct diff_line *a, const struct diff_line *b)
{
    /* Names come from the same rule: pointers tell. */
    return a->at_times == b->at_times && a->rule == b->rule && a->denier == b->denier;
}

/* Joins the classes of one pair that differ alike, and files the line under its target. */
static bool note_pair(struct comparing *c, uint32_t source, uint32_t target, struct diff_line *lines,
                      bool *differs, uint32_t *chosen)
{
    uint32_t *only = arena_array(c->arena, 1, sizeof *only);
    if (!only)
        return false;
    *only = target;
    for (unsigned lost = 0; lost < 2; lost++) {
        for (size_t k = 0; k < c->class_count; k++) {
            if (!differs[2 * k + lost])
                continue;
            struct diff_line line = lines[2 * k + lost];
            size_t n = 0;
            for (size_t j = k; j < c->class_count; j++) {
                if (differs[2 * j + lost] && same_rules(&lines[2 * j + lost], &line)) {
                    chosen[n++] = (uint32_t)j;
                    differs[2 * j + lost] = false;
                }
            }
            struct text ports = text_new(NAME_MAX_BYTES);
            port_classes_print(c->classes, c->class_count, chosen, n, &ports);
            line.ports = ports.failed ? NULL : arena_text(c->arena, text_cstr(&ports), ports.len);
            text_free(&ports);
            if (!line.ports || !draft_add(c, draft_of(c, &c->rows, &line, only, 1), source))
                return false;
        }
    }
    return true;
}

/* Some rule of the policy reaches from one to the other, or refusals are not enforced. Sets the pair. */
static bool may_pass(struct comparing *c, unsigned when, uint32_t from, uint32_t to)
{
    const struct reach *r = &c->reach[when];
    reach_pair_set(r, from, to, &c->pairs[when]);
    return c->pairs[when].count || r->observed[from] || r->observed[to];
}

static bool same_zone(const struct comparing *c)
{
    const char *a = c->policies[BEFORE]->timezone, *b = c->policies[AFTER]->timezone;
    return strcmp(a ? a : "UTC", b ? b : "UTC") == 0;
}

/* What the rules do is the same, apart from their ends. */
static bool acts_alike(const struct comparing *c, const struct rule *a, const struct rule *b)
{
    if (a->allow != b->allow || a->observe != b->observe || a->port_count != b->port_count ||
        !a->when != !b->when)
        return false;
    if (a->when && !(same_zone(c) && condition_equal(a->when, b->when)))
        return false;
    for (uint32_t i = 0; i < a->port_count; i++) {
        const struct ports *x = &a->ports[i], *y = &b->ports[i];
        if (x->protocol != y->protocol || x->first != y->first || x->last != y->last)
            return false;
    }
    return true;
}

/* The same rules in the same order reach from one to the other: most pairs, when little was changed. */
static bool is_untouched(const struct comparing *c, uint32_t from, uint32_t to)
{
    const struct reach_pair *old = &c->pairs[BEFORE], *new = &c->pairs[AFTER];
    for (unsigned i = 0; i < 2; i++) {
        if (!c->parties[from].exists[i] || !c->parties[to].exists[i])
            return false;
    }
    if ((c->reach[BEFORE].observed[from] || c->reach[BEFORE].observed[to]) !=
            (c->reach[AFTER].observed[from] || c->reach[AFTER].observed[to]) ||
        old->count != new->count)
        return false;
    for (size_t i = 0; i < old->count; i++) {
        if (!acts_alike(c, &c->policies[BEFORE]->rules[old->rules[i]],
                        &c->policies[AFTER]->rules[new->rules[i]]))
            return false;
    }
    return true;
}

static bool compare_pair(struct comparing *c, uint32_t source, uint32_t target, struct diff_line *lines,
                         bool *differs, uint32_t *chosen)
{
    const struct group *a = &c->sources.groups[source], *b = &c->targets.groups[target];
    uint32_t from = a->members[0], to = b->members[0];
    /* Nothing goes from the world to the world, or from a workload to itself. */
    if (!c->parties[from].workload && !c->parties[to].workload)
        return true;
    if (a->count == 1 && b->count == 1 && from == to)
        return true;
    c->spent++;
    bool before = may_pass(c, BEFORE, from, to), after = may_pass(c, AFTER, from, to);
    if ((!before && !after) || is_untouched(c, from, to))
        return true;
    c->spent += c->class_count * c->moment_count;
    bool any = false;
    for (size_t k = 0; k < c->class_count; k++) {
        compare_class(c, from, to, k, &lines[2 * k], &differs[2 * k]);
        any |= differs[2 * k] || differs[2 * k + 1];
    }
    return !any || note_pair(c, source, target, lines, differs, chosen);
}

static bool compare_all(struct comparing *c)
{
    struct diff_line *lines = arena_array(c->arena, c->class_count * 2, sizeof *lines);
    bool *differs = arena_array(c->arena, c->class_count * 2, sizeof *differs);
    uint32_t *chosen = arena_array(c->arena, c->class_count, sizeof *chosen);
    if (!lines || !differs || !chosen)
        return false;
    c->rows = (struct drafts){.index = table_new(c->arena, 3)};
    for (size_t i = 0; i < c->sources.count; i++) {
        for (size_t k = 0; k < c->targets.count; k++) {
            if (c->spent > c->limit) {
                c->out->incomplete =
                    arena_format(c->arena, "more than %llu comparisons", (unsigned long long)c->limit);
                return c->out->incomplete != NULL;
            }
            if (!compare_pair(c, (uint32_t)i, (uint32_t)k, lines, differs, chosen))
                return false;
        }
    }
    return true;
}

/* Names */

static bool is_world(const struct comparing *c, uint32_t party)
{
    return !c->parties[party].workload;
}

static int compare_indexes(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

/*
 * Parties of the world stand last and in the order of their addresses. What lies between two neighbours belongs
 * to no party (segments, not unicast), so that a range may run over it where that makes it shorter to write.
 */
static struct piece widest(const struct comparing *c, size_t first, size_t last, size_t world)
{
    struct piece narrow = {c->parties[first].piece.first, c->parties[last].piece.last}, best = narrow,
                 wide = narrow;
    struct address bottom = {.family = c->family}, top = {.family = c->family};
    memset(top.octets, 0xff, address_octets(&top));
    if (first == world || !address_next(&c->parties[first - 1].piece.last, &wide.first))
        wide.first = bottom;
    if (last + 1 == c->party_count || !address_previous(&c->parties[last + 1].piece.first, &wide.last))
        wide.last = top;
    for (unsigned mask = 1; mask < 4; mask++) {
        struct piece p = {mask & 1 ? wide.first : narrow.first, mask & 2 ? wide.last : narrow.last};
        if (range_prefixes(&p.first, &p.last) < range_prefixes(&best.first, &best.last))
            best = p;
    }
    return best;
}

/* The ranges of the parties that are (or are not) marked; returns how many prefixes they take, and prints them
 * unless `out` is NULL. */
static size_t world_ranges(const struct comparing *c, const bool *marked, bool wanted, size_t world,
                           const char *separator, struct text *out)
{
    size_t prefixes = 0;
    for (size_t i = world; i < c->party_count; i++) {
        if (marked[i] != wanted)
            continue;
        size_t first = i;
        while (i + 1 < c->party_count && marked[i + 1] == wanted)
            i++;
        struct piece range = widest(c, first, i, world);
        if (out) {
            text_puts(out, prefixes ? separator : "");
            range_print(&range.first, &range.last, separator, out);
        }
        prefixes += range_prefixes(&range.first, &range.last);
    }
    return prefixes;
}

/* "world", "world except cidr:A and cidr:B", or "cidr:A, cidr:B": whichever is shortest. */
static bool print_world(const struct comparing *c, const uint32_t *parties, size_t count, struct text *out)
{
    bool *marked = arena_array(c->arena, c->party_count, sizeof *marked);
    size_t world = 0;
    if (!marked)
        return false;
    while (!is_world(c, (uint32_t)world))
        world++;
    for (size_t i = 0; i < count; i++)
        marked[parties[i]] = true;
    text_puts(out, out->len ? ", " : "");
    if (count == c->party_count - world) {
        text_puts(out, "world");
    } else if (world_ranges(c, marked, false, world, "", NULL) <
               world_ranges(c, marked, true, world, "", NULL)) {
        text_puts(out, "world except ");
        world_ranges(c, marked, false, world, " and ", out);
    } else {
        world_ranges(c, marked, true, world, ", ", out);
    }
    return true;
}

static const char *names_of(struct comparing *c, const struct side *side, const uint32_t *groups, size_t count)
{
    size_t total = 0, workloads = 0;
    for (size_t i = 0; i < count; i++)
        total += side->groups[groups[i]].count;
    uint32_t *parties = arena_array(c->arena, total, sizeof *parties);
    if (!parties)
        return NULL;
    total = 0;
    for (size_t i = 0; i < count; i++) {
        const struct group *g = &side->groups[groups[i]];
        memcpy(parties + total, g->members, g->count * sizeof *parties);
        total += g->count;
    }
    qsort(parties, total, sizeof *parties, compare_indexes);
    struct text t = text_new(NAME_MAX_BYTES);
    const char *last = NULL;
    /* Workloads stand before the world. One with several addresses is named once. */
    for (; workloads < total && !is_world(c, parties[workloads]); workloads++) {
        const char *name = c->parties[parties[workloads]].workload;
        if (name != last)
            text_printf(&t, "%s%s", t.len ? ", " : "", name);
        last = name;
    }
    bool printed = workloads == total || print_world(c, parties + workloads, total - workloads, &t);
    const char *names = t.failed || !printed ? NULL : arena_text(c->arena, text_cstr(&t), t.len);
    text_free(&t);
    return names;
}

/* A finished line; the same line of the other family is joined with it. */
static bool add_line(struct comparing *c, const struct diff_line *line)
{
    char *key =
        arena_format(c->arena, "%d%d|%s|%s|%s|%s|%s", line->gained, line->at_times, line->from, line->to,
                     line->ports, line->rule ? line->rule : "", line->denier ? line->denier : "");
    bool new;
    uint64_t *at = key ? table_put(&c->lines, bytes_of_text(key), c->out->count, &new) : NULL;
    if (!at)
        return false;
    if (!new) {
        if (c->out->lines[*at].families != line->families)
            c->out->lines[*at].families = 4 + 6;
        return true;
    }
    struct diff_line *grown =
        arena_grow(c->arena, c->out->lines, c->out->count, &c->line_capacity, sizeof *grown);
    if (!grown)
        return false;
    c->out->lines = grown;
    c->out->lines[c->out->count++] = *line;
    return true;
}

/* Sources were collected for each target; now targets are for each list of sources. */
static bool finish_lines(struct comparing *c)
{
    struct drafts columns = {.index = table_new(c->arena, 4)};
    for (size_t i = 0; i < c->rows.count; i++) {
        const struct draft *row = &c->rows.items[i];
        if (!draft_add(c, draft_of(c, &columns, &row->line, row->groups, row->count), row->others[0]))
            return false;
    }
    for (size_t i = 0; i < columns.count; i++) {
        const struct draft *column = &columns.items[i];
        struct diff_line line = column->line;
        line.from = names_of(c, &c->sources, column->others, column->other_count);
        line.to = names_of(c, &c->targets, column->groups, column->count);
        if (!line.from || !line.to || !add_line(c, &line))
            return false;
    }
    return true;
}

static bool diff_family(struct comparing *c)
{
    if (!add_parties(c))
        return false;
    for (unsigned i = 0; i < 2; i++) {
        struct address *addresses = arena_array(c->arena, c->party_count, sizeof *addresses);
        if (!addresses)
            return false;
        if ((double)c->party_count * (double)(c->policies[i]->rule_count + 1u) > (double)c->limit) {
            c->out->incomplete =
                arena_format(c->arena, "%zu ends and %u rules are more than %llu comparisons", c->party_count,
                             c->policies[i]->rule_count, (unsigned long long)c->limit);
            return c->out->incomplete != NULL;
        }
        for (size_t k = 0; k < c->party_count; k++) {
            addresses[k] = c->parties[k].at[i];
            addresses[k].family = c->family; /* of one that does not exist: unspecified, in no selector */
        }
        if (!reach_new(c->policies[i], addresses, c->party_count, c->classes, c->class_count, c->arena,
                       &c->reach[i]) ||
            !reach_pair_new(&c->reach[i], c->arena, &c->pairs[i]))
            return false;
    }
    c->sources = c->targets = (struct side){0};
    return make_side(c, false, &c->sources) && make_side(c, true, &c->targets) && compare_all(c) &&
           finish_lines(c);
}

/* Some workload of either policy has an address of the family: else nothing of that family can pass. */
static bool is_family_used(const struct comparing *c, uint8_t family)
{
    for (unsigned i = 0; i < 2; i++) {
        for (uint32_t w = 0; w < c->policies[i]->workload_count; w++) {
            if (nth_address(c->policies[i], w, family, 0))
                return true;
        }
    }
    return false;
}

static int compare_lines(const void *a, const void *b)
{
    const struct diff_line *x = a, *y = b;
    if (x->gained != y->gained)
        return x->gained ? -1 : 1;
    int order = strcmp(x->from, y->from);
    if (order == 0)
        order = strcmp(x->to, y->to);
    if (order == 0)
        order = strcmp(x->ports, y->ports);
    if (order == 0)
        order = strcmp(x->rule ? x->rule : "", y->rule ? y->rule : "");
    return order ? order : (int)x->families - (int)y->families;
}

bool diff_make(const struct policy *before, const struct policy *after, int64_t now, uint64_t limit,
               struct arena *a, struct diff *ret)
{
    struct diff out = {0};
    struct comparing c = {.arena = a,
                          .policies = {before, after},
                          .now = now,
                          .limit = limit,
                          .out = &out,
                          .lines = table_new(a, 5)};
    if (!space_ports(c.policies, 2, a, &c.classes, &c.class_count) || !find_moments(&c))
        return false;
    bool both = is_family_used(&c, 4) && is_family_used(&c, 6);
    for (c.family = 4; c.family <= 6; c.family = (uint8_t)(c.family + 2)) {
        if (is_family_used(&c, c.family) && !diff_family(&c))
            return false;
    }
    for (size_t i = 0; i < out.count && !both; i++)
        out.lines[i].families = 4 + 6;
    if (out.count)
        qsort(out.lines, out.count, sizeof *out.lines, compare_lines);
    *ret = out;
    return true;
}
