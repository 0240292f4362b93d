/* SPDX-License-Identifier: Apache-2.0 */
/* Which rules may match: all values of a source in one buffer, which is looked through once for the rules that share it. */
#include "waf/engine/transaction.h"

#include "waf/plan/ends.h"
#include "waf/transform/transform.h"

/* What one target names, in the phase that runs. */
struct scan_segment {
    struct bytes *values;
    uint64_t *triggers; /* by value: what its bytes may trigger */
    size_t count;
    uint64_t triggered;  /* by any of them */
    struct bytes joined; /* the values one after another, each with a separator behind it */
    struct bytes *changed; /* by chain of transformations: what it makes of `joined`; NULL, and `at` NULL: not known */
    bool there;
};

/* The segments of a source. */
struct scan_source {
    struct bytes joined;
    uint64_t triggered;
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
    t->segments = arena_array(t->arena, plan->segment_count, sizeof *t->segments);
    if (!t->visits || !t->candidates || !t->scanned || !t->sources || !t->segments)
        return false;
    memcpy(t->visits, plan->visits[t->phase], plan->words * sizeof *t->visits);
    return true;
}

/* ---- sources */

static uint8_t *put_value(uint8_t *at, struct bytes value)
{
    if (value.len)
        at = mempcpy(at, value.at, value.len);
    *at++ = SEPARATOR;
    return at;
}

static bool make_segment(struct waf_transaction *t, uint32_t target, struct scan_segment *s)
{
    struct waf_values *found = &t->gathered;
    size_t len = 0;
    found->count = 0;
    s->there = true;
    if (!variables_all(t, target, found))
        return false;
    if (!found->count)
        return true;
    s->values = arena_array(t->arena, found->count, sizeof *s->values);
    s->triggers = arena_array(t->arena, found->count, sizeof *s->triggers);
    for (size_t i = 0; i < found->count; i++)
        len += found->items[i].value.len + 1;
    uint8_t *at = arena_alloc(t->arena, len);
    if (!s->values || !s->triggers || !at)
        return false;
    s->joined = bytes_of(at, len);
    s->count = found->count;
    for (size_t i = 0; i < found->count; i++) {
        s->values[i] = found->items[i].value;
        s->triggers[i] = found->items[i].calm ? ~found->items[i].calm : plan_triggers(t->program->plan, s->values[i]);
        s->triggered |= s->triggers[i];
        at = put_value(at, s->values[i]);
    }
    return true;
}

/* NULL when memory is out. */
static const struct scan_segment *segment_get(struct waf_transaction *t, uint32_t number)
{
    struct scan_segment *s = &t->segments[number];
    return s->there || make_segment(t, t->program->plan->segments[number], s) ? s : NULL;
}

static bool make_source(struct waf_transaction *t, const struct plan_source *p, struct scan_source *s)
{
    size_t len = 0;
    for (uint32_t i = 0; i < p->segment_count; i++) {
        const struct scan_segment *segment = segment_get(t, p->segments[i]);
        if (!segment)
            return false;
        len += segment->joined.len;
        s->triggered |= segment->triggered;
        if (segment->joined.len == len)
            s->joined = segment->joined; /* the only one that is not empty, so far */
    }
    s->there = true;
    if (s->joined.len == len)
        return true;
    uint8_t *at = arena_alloc(t->arena, len);
    if (!at)
        return false;
    s->joined = bytes_of(at, len);
    for (uint32_t i = 0; i < p->segment_count; i++) {
        struct bytes joined = t->segments[p->segments[i]].joined;
        if (joined.len)
            at = mempcpy(at, joined.at, joined.len);
    }
    return true;
}

/* NULL when memory is out. */
static const struct scan_source *source_get(struct waf_transaction *t, uint32_t number)
{
    struct scan_source *s = &t->sources[number];
    return s->there || make_source(t, &t->program->plan->sources[number], s) ? s : NULL;
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

/* A buffer that grows. */
struct text_room {
    uint8_t *at;
    size_t len, room;
};

/* False when memory is out. */
static bool room_for(struct text_room *r, struct arena *a, size_t more)
{
    if (r->room - r->len >= more)
        return true;
    size_t room = (r->len + more) * 2;
    uint8_t *at = arena_alloc(a, room);
    if (!at)
        return false;
    if (r->len)
        memcpy(at, r->at, r->len);
    r->at = at;
    r->room = room;
    return true;
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

/* What the transformations make of a segment's values, one after another. False when memory is out. */
static bool transform_segment(const struct sweep *s, const struct scan_segment *segment, struct bytes *ret)
{
    struct text_room out = {0};
    if (!room_for(&out, s->t->arena, segment->joined.len))
        return false;
    for (size_t i = 0; i < segment->count; i++) {
        struct bytes value = segment->values[i];
        if ((s->scan->always || segment->triggers[i] & s->scan->triggers) && !change(s, segment->values[i], segment->triggers[i], &value))
            return false;
        if (!room_for(&out, s->t->arena, value.len + 1))
            return false;
        out.len = (size_t)(put_value(out.at + out.len, value) - out.at);
    }
    *ret = bytes_of(out.at, out.len);
    return true;
}

/* The same, made once for all scans that have these transformations; the segment's own buffer where they cannot change any. */
static bool changed_segment(const struct sweep *s, struct scan_segment *segment, struct bytes *ret)
{
    *ret = segment->joined;
    if (!segment->count || (!s->scan->always && !(segment->triggered & s->scan->triggers)))
        return true;
    if (!segment->changed && !(segment->changed = arena_array(s->t->arena, s->t->program->plan->chain_count, sizeof *segment->changed)))
        return false;
    struct bytes *known = &segment->changed[s->scan->chain];
    if (!known->at && !transform_segment(s, segment, known))
        return false;
    *ret = *known;
    return true;
}

/* As the transformations leave the values; the source's own buffer where they cannot change any. False when memory is out. */
static bool transform_source(const struct sweep *s, const struct scan_source *source, struct bytes *ret)
{
    const struct plan_source *p = &s->t->program->plan->sources[s->scan->source];
    struct text_room out = {0};
    *ret = source->joined;
    if (!s->scan->always && !(source->triggered & s->scan->triggers))
        return true;
    for (uint32_t i = 0; i < p->segment_count; i++) {
        struct bytes text;
        if (!changed_segment(s, &s->t->segments[p->segments[i]], &text))
            return false;
        if (p->segment_count == 1) {
            *ret = text;
            return true;
        }
        if (!room_for(&out, s->t->arena, text.len + 1))
            return false;
        if (text.len)
            memcpy(out.at + out.len, text.at, text.len);
        out.len += text.len;
    }
    *ret = bytes_of(out.at, out.len);
    return true;
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

static bool scan_measured(struct waf_transaction *t, uint32_t group)
{
    struct waf_profile *p = t->options.profile;
    uint64_t start = p ? p->clock() : 0;
    bool ok = scan_group(t, group);
    if (p)
        p->scans += p->clock() - start;
    return ok;
}

bool scan_rule(struct waf_transaction *t, uint32_t rule, bool *ret_candidate)
{
    uint32_t group = t->program->plan->groups_of[rule];
    if (!t->scanned[group] && !scan_measured(t, group))
        return false;
    *ret_candidate = bits_have(t->candidates, rule);
    return true;
}
