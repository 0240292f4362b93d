/* SPDX-License-Identifier: Apache-2.0 */
/* Which rules may match: all values of a source in one buffer, which is looked through once for the rules that share it. */
#include "waf/engine/transaction.h"

#include "waf/transform/transform.h"

/* The values of a source, in the phase that runs. */
struct scan_source {
    struct waf_values values;
    struct bytes joined;
    uint64_t *triggers; /* by value: what its bytes may trigger */
    uint64_t triggered; /* by any of them */
    bool there;
};

/* One scan. */
struct sweep {
    struct waf_transaction *t;
    const struct plan_group *group;
    const struct plan_scan *scan;
};

bool scan_begin(struct waf_transaction *t)
{
    const struct waf_plan *plan = t->program->plan;
    t->visits = arena_array(t->arena, plan->words, sizeof *t->visits);
    t->candidates = arena_array(t->arena, plan->words, sizeof *t->candidates);
    t->scanned = arena_array(t->arena, plan->group_count, sizeof *t->scanned);
    t->sources = arena_array(t->arena, plan->source_count, sizeof *t->sources);
    if (!t->visits || !t->candidates || !t->scanned || !t->sources)
        return false;
    memcpy(t->visits, plan->visits[t->phase], plan->words * sizeof *t->visits);
    return true;
}

/* ---- sources */

/* The values one after another, each with a line end behind it: to an expression, a line end is as good as the end. */
static bool join(struct arena *a, const struct bytes *values, size_t count, struct bytes *ret)
{
    size_t len = 0;
    *ret = count == 1 ? values[0] : (struct bytes){0};
    if (count <= 1)
        return true;
    for (size_t i = 0; i < count; i++)
        len += values[i].len + 1;
    uint8_t *at = arena_alloc(a, len);
    if (!at)
        return false;
    *ret = bytes_of(at, len);
    for (size_t i = 0; i < count; i++) {
        if (values[i].len)
            at = mempcpy(at, values[i].at, values[i].len);
        *at++ = '\n';
    }
    return true;
}

static void find_triggers(const struct waf_plan *plan, struct scan_source *s)
{
    for (size_t i = 0; i < s->values.count; i++) {
        struct bytes value = s->values.items[i].value;
        uint64_t found = 0;
        for (size_t k = 0; k < value.len; k++)
            found |= plan->triggers[value.at[k]];
        s->triggers[i] = found;
        s->triggered |= found;
    }
}

/* NULL when memory is out. */
static const struct scan_source *source_get(struct waf_transaction *t, uint32_t number)
{
    const struct plan_source *p = &t->program->plan->sources[number];
    struct scan_source *s = &t->sources[number];
    if (s->there)
        return s;
    for (uint32_t i = 0; i < p->target_count; i++)
        if (!variables_all(t, p->targets[i], &s->values))
            return NULL;
    struct bytes *values = arena_array(t->arena, s->values.count, sizeof *values);
    s->triggers = arena_array(t->arena, s->values.count, sizeof *s->triggers);
    if (!values || !s->triggers)
        return NULL;
    for (size_t i = 0; i < s->values.count; i++)
        values[i] = s->values.items[i].value;
    find_triggers(t->program->plan, s);
    s->there = join(t->arena, values, s->values.count, &s->joined);
    return s->there ? s : NULL;
}

/* ---- scans */

static void take_candidate(const struct sweep *s, uint32_t rule)
{
    bits_add(s->t->candidates, rule);
    bits_add(s->t->visits, rule);
}

static int take_match(unsigned id, unsigned long long from, unsigned long long to, unsigned flags, void *argument)
{
    take_candidate(argument, id);
    return 0;
}

/* What cannot be scanned is judged rule by rule. */
static void take_all(const struct sweep *s)
{
    const struct waf_plan *plan = s->t->program->plan;
    for (uint32_t i = 0; i < s->t->set->rule_count; i++)
        if (plan->groups_of[i] != NOTHING && &plan->groups[plan->groups_of[i]] == s->group)
            take_candidate(s, i);
}

static void look_through(struct sweep *s, struct bytes text)
{
    if (!text.len)
        return;
    if (text.len > UINT32_MAX || hs_scan(s->scan->database, (const char *)text.at, (unsigned)text.len, 0, s->t->scratch->scan, take_match, s) != HS_SUCCESS)
        take_all(s);
}

static bool change(const struct sweep *s, struct bytes value, struct bytes *ret)
{
    *ret = value;
    for (uint32_t i = 0; i < s->scan->step_count; i++)
        if (!transform((enum transformation)s->scan->steps[i], s->t->program->unicode, *ret, s->t->arena, ret))
            return false;
    return true;
}

/* As the transformations leave the values. False when memory is out. */
static bool look_through_source(struct sweep *s, const struct scan_source *source)
{
    const struct plan_scan *scan = s->scan;
    struct bytes all = source->joined;
    if (scan->always || (source->triggered & scan->triggers)) {
        struct bytes *values = arena_array(s->t->arena, source->values.count, sizeof *values);
        bool changed = false;
        if (!values)
            return false;
        for (size_t i = 0; i < source->values.count; i++) {
            struct bytes value = source->values.items[i].value;
            values[i] = value;
            if ((scan->always || (source->triggers[i] & scan->triggers)) && !change(s, value, &values[i]))
                return false;
            changed |= values[i].at != value.at || values[i].len != value.len;
        }
        if (changed && !join(s->t->arena, values, source->values.count, &all))
            return false;
    }
    look_through(s, all);
    return true;
}

static bool scan_group(struct waf_transaction *t, uint32_t group)
{
    const struct plan_group *g = &t->program->plan->groups[group];
    t->scanned[group] = true;
    for (uint32_t i = 0; i < g->scan_count; i++) {
        struct sweep s = {t, g, &g->scans[i]};
        const struct scan_source *source = s.scan->database ? source_get(t, s.scan->source) : NULL;
        if (s.scan->database && (!source || !look_through_source(&s, source)))
            return false;
    }
    return true;
}

bool scan_rule(struct waf_transaction *t, uint32_t rule, bool *ret_candidate)
{
    uint32_t group = t->program->plan->groups_of[rule];
    if (!t->scanned[group] && !scan_group(t, group))
        return false;
    *ret_candidate = bits_have(t->candidates, rule);
    return true;
}
