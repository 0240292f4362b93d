/* SPDX-License-Identifier: Apache-2.0 */
#include "compile/timeline.h"

#include "decide/decide.h"
#include "policy/condition.h"

/* A rule that changes more often in a day, or all of them together, is asked anew each time: memory is bounded. */
#define RULE_CHANGES_MAX 8192
#define ALL_CHANGES_MAX 2000000

struct change {
    int64_t at; /* from here on */
    bool holds;
};

struct timeline {
    struct change *changes; /* the first at the beginning */
    size_t count, capacity;
    bool complete; /* nothing changes behind the last */
};

bool timelines_begin(struct timelines *t, const struct policy *p, int64_t begin, int64_t end, struct arena *arena)
{
    *t = (struct timelines){.policy = p, .arena = arena, .begin = begin, .end = end};
    t->rules = arena_array(arena, p->rule_count, sizeof *t->rules);
    return t->rules;
}

static bool add_change(struct timelines *t, struct timeline *line, uint32_t rule, int64_t at)
{
    struct change *grown = arena_grow(t->arena, line->changes, line->count, &line->capacity, sizeof *grown);
    if (!grown)
        return false;
    line->changes = grown;
    grown[line->count++] = (struct change){at, rule_holds(t->policy, &t->policy->rules[rule], at)};
    t->kept++;
    return true;
}

/* NULL when memory is out. */
static struct timeline *line_of(struct timelines *t, uint32_t rule)
{
    struct timeline *line = t->rules[rule];
    if (line)
        return line;
    line = arena_alloc(t->arena, sizeof *line);
    if (!line || !add_change(t, line, rule, t->begin))
        return NULL;
    t->rules[rule] = line;
    return line;
}

static bool may_grow(const struct timelines *t, const struct timeline *line)
{
    return line->count < RULE_CHANGES_MAX && t->kept < ALL_CHANGES_MAX;
}

/* Finds changes until one lies behind `now`, as long as they are kept. False when memory is out. */
static bool extend(struct timelines *t, struct timeline *line, uint32_t rule, int64_t now)
{
    while (!line->complete && line->changes[line->count - 1].at <= now && may_grow(t, line)) {
        int64_t next = rule_next_change(t->policy, &t->policy->rules[rule], line->changes[line->count - 1].at, t->end);
        if (next >= t->end)
            line->complete = true;
        else if (!add_change(t, line, rule, next))
            return false;
    }
    return true;
}

/* How many changes lie at or before `now`: one at the least. */
static size_t until(const struct timeline *line, int64_t now)
{
    size_t low = 1, high = line->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (line->changes[middle].at <= now)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

bool timelines_at(struct timelines *t, uint32_t rule, int64_t now, bool *ret_holds, int64_t *ret_next)
{
    struct timeline *line = line_of(t, rule);
    if (!line || !extend(t, line, rule, now))
        return false;
    size_t before = until(line, now);
    if (before < line->count || line->complete) {
        *ret_holds = line->changes[before - 1].holds;
        *ret_next = before < line->count ? line->changes[before].at : t->end;
        return true;
    }
    *ret_holds = rule_holds(t->policy, &t->policy->rules[rule], now);
    *ret_next = rule_next_change(t->policy, &t->policy->rules[rule], now, t->end);
    return true;
}
