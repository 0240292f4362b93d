/* SPDX-License-Identifier: Apache-2.0 */
/* Which rules may match: all values of a source in one buffer, which is looked through once for the rules that share it. */
#include "waf/engine/transaction.h"

#include "waf/transform/transform.h"

/* The values of a source, in the phase that runs. */
struct scan_source {
    const struct bytes *values;
    size_t count;
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
    for (size_t i = 0; i < s->count; i++) {
        uint64_t found = 0;
        for (size_t k = 0; k < s->values[i].len; k++)
            found |= plan->triggers[s->values[i].at[k]];
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
    struct waf_values *found = &t->gathered;
    found->count = 0;
    for (uint32_t i = 0; i < p->target_count; i++)
        if (!variables_all(t, p->targets[i], found))
            return NULL;
    struct bytes *values = arena_array(t->arena, found->count, sizeof *values);
    s->triggers = arena_array(t->arena, found->count, sizeof *s->triggers);
    if (!values || !s->triggers)
        return NULL;
    for (size_t i = 0; i < found->count; i++)
        values[i] = found->items[i].value;
    s->values = values;
    s->count = found->count;
    find_triggers(t->program->plan, s);
    s->there = join(t->arena, values, s->count, &s->joined);
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

/* `triggers`: what the value's bytes may trigger. */
static bool change(const struct sweep *s, struct bytes value, uint64_t triggers, struct bytes *ret)
{
    *ret = value;
    for (uint32_t i = 0; i < s->scan->step_count; i++)
        if ((s->scan->always || ret->at != value.at || ret->len != value.len || triggers >> s->scan->steps[i] & 1) &&
            !transform((enum transformation)s->scan->steps[i], s->t->program->unicode, *ret, s->t->arena, ret))
            return false;
    return true;
}

/* As the transformations leave the values; the source's own buffer where they change none. False when memory is out. */
static bool transform_source(const struct sweep *s, const struct scan_source *source, struct bytes *ret)
{
    const struct plan_scan *scan = s->scan;
    struct bytes *values = NULL;
    *ret = source->joined;
    if (!scan->always && !(source->triggered & scan->triggers))
        return true;
    for (size_t i = 0; i < source->count; i++) {
        struct bytes value = source->values[i], changed;
        if (!scan->always && !(source->triggers[i] & scan->triggers))
            continue;
        if (!change(s, value, source->triggers[i], &changed))
            return false;
        if (changed.at == value.at && changed.len == value.len)
            continue;
        if (!values) {
            values = arena_array(s->t->arena, source->count, sizeof *values);
            if (!values)
                return false;
            memcpy(values, source->values, source->count * sizeof *values);
        }
        values[i] = changed;
    }
    return !values || join(s->t->arena, values, source->count, ret);
}

static bool look_through_source(struct sweep *s, const struct scan_source *source)
{
    struct bytes text;
    if (!transform_source(s, source, &text))
        return false;
    look_through(s, text);
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
