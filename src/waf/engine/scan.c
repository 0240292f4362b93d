/* SPDX-License-Identifier: Apache-2.0 */
/* Which rules may match: all values of a kind in one buffer, which is looked through once for all rules of a group. */
#include "waf/engine/transaction.h"

#include "waf/transform/transform.h"

/* What is looked through, and what is found in it. */
struct sweep {
    struct waf_transaction *t;
    const struct waf_plan *plan;
    const struct plan_group *group;
    uint16_t input; /* its bit */
    const struct waf_value *values;
    uint64_t *triggers; /* by value: what its bytes may trigger */
    uint64_t triggered; /* by any of them */
    size_t count;
};

bool scan_begin(struct waf_transaction *t)
{
    const struct waf_plan *plan = t->program->plan;
    t->visits = arena_array(t->arena, plan->words, sizeof *t->visits);
    t->candidates = arena_array(t->arena, plan->words, sizeof *t->candidates);
    t->scanned = arena_array(t->arena, plan->group_count, sizeof *t->scanned);
    if (!t->visits || !t->candidates || !t->scanned)
        return false;
    memcpy(t->visits, plan->visits[t->phase], plan->words * sizeof *t->visits);
    return true;
}

static void take_candidate(const struct sweep *s, uint32_t rule)
{
    if (!(s->plan->inputs_of[rule] & s->input))
        return;
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
    const struct waf_plan *plan = s->plan;
    for (uint32_t i = 0; i < s->t->set->rule_count; i++)
        if (plan->groups_of[i] != NOTHING && &plan->groups[plan->groups_of[i]] == s->group)
            take_candidate(s, i);
}

static void look_through(const struct sweep *s, const struct plan_scan *scan, struct bytes text)
{
    if (!scan->database || !text.len)
        return;
    if (text.len > UINT32_MAX ||
        hs_scan(scan->database, (const char *)text.at, (unsigned)text.len, 0, s->t->scratch->scan, take_match, (void *)s) != HS_SUCCESS)
        take_all(s);
}

/* The values one after another, each with a line end behind it: for an expression, a line end is as good as the end. */
static bool join(struct arena *a, const struct bytes *values, size_t count, struct bytes *ret)
{
    size_t len = 0;
    for (size_t i = 0; i < count; i++)
        len += values[i].len + 1;
    uint8_t *all = count == 1 ? NULL : arena_alloc(a, len), *at = all;
    *ret = count == 1 ? values[0] : bytes_of(all, len);
    if (count == 1 || !all)
        return count == 1;
    for (size_t i = 0; i < count; i++) {
        if (values[i].len)
            at = mempcpy(at, values[i].at, values[i].len);
        *at++ = '\n';
    }
    return true;
}

/* As they are. */
static bool scan_values(const struct sweep *s, const struct plan_scan *scan)
{
    struct bytes *values = arena_array(s->t->arena, s->count, sizeof *values), all;
    if (!values)
        return false;
    for (size_t i = 0; i < s->count; i++)
        values[i] = s->values[i].value;
    if (s->count && !join(s->t->arena, values, s->count, &all))
        return false;
    if (s->count)
        look_through(s, scan, all);
    return true;
}

static bool change(const struct sweep *s, const struct plan_scan *scan, struct bytes value, struct bytes *ret)
{
    *ret = value;
    for (uint32_t i = 0; i < scan->step_count; i++)
        if (!transform((enum transformation)scan->steps[i], s->t->program->unicode, *ret, s->t->arena, ret))
            return false;
    return true;
}

/* Those that the transformations change; the others were scanned as they are. */
static bool scan_changed(const struct sweep *s, const struct plan_scan *scan)
{
    struct bytes *values = NULL, all;
    size_t count = 0;
    if (!scan->always && !(s->triggered & scan->triggers))
        return true;
    for (size_t i = 0; i < s->count; i++) {
        struct bytes value = s->values[i].value, changed;
        if (!scan->always && !(s->triggers[i] & scan->triggers))
            continue;
        if (!change(s, scan, value, &changed))
            return false;
        if (!scan->always && changed.at == value.at && changed.len == value.len)
            continue;
        if (!values && !(values = arena_array(s->t->arena, s->count - i, sizeof *values)))
            return false;
        values[count++] = changed;
    }
    if (count && !join(s->t->arena, values, count, &all))
        return false;
    if (count)
        look_through(s, scan, all);
    return true;
}

static bool find_triggers(struct sweep *s)
{
    s->triggers = arena_array(s->t->arena, s->count, sizeof *s->triggers);
    if (!s->triggers)
        return false;
    for (size_t i = 0; i < s->count; i++) {
        struct bytes value = s->values[i].value;
        uint64_t found = 0;
        for (size_t k = 0; k < value.len; k++)
            found |= s->plan->triggers[value.at[k]];
        s->triggers[i] = found;
        s->triggered |= found;
    }
    return true;
}

static bool scan_input(struct waf_transaction *t, const struct plan_group *g, enum plan_input input)
{
    struct waf_values found = {0};
    for (unsigned v = 0; v < VARIABLE_COUNT; v++)
        if (g->variables[v] && plan_input_of((uint8_t)v) == input && !variables_all(t, (uint8_t)v, &found))
            return false;
    struct sweep s = {.t = t, .plan = t->program->plan, .group = g, .input = (uint16_t)(1u << input), .values = found.items, .count = found.count};
    if (!found.count)
        return true;
    if (!find_triggers(&s) || !scan_values(&s, &g->scans[0]))
        return false;
    for (uint32_t i = 1; i < g->scan_count; i++)
        if (!scan_changed(&s, &g->scans[i]))
            return false;
    return true;
}

static bool scan_group(struct waf_transaction *t, uint32_t group)
{
    const struct plan_group *g = &t->program->plan->groups[group];
    t->scanned[group] = true;
    for (int i = 0; i < INPUT_COUNT; i++)
        if (g->inputs & 1u << i && !scan_input(t, g, (enum plan_input)i))
            return false;
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
