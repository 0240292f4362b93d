/* SPDX-License-Identifier: Apache-2.0 */
/* Which rules may match: all values of a source in one buffer, which is looked through once for the rules that share it. */
#include "waf/engine/transaction.h"

#include "waf/plan/ends.h"
#include "waf/transform/transform.h"

/* Values one after another, each with a separator behind it. */
struct joined {
    struct bytes all, strange; /* strange: those that have a byte that is not plain */
    bool there;
};

/* What one target names, in the phase that runs. */
struct scan_segment {
    struct bytes *values;
    uint64_t *triggers; /* by value: what its bytes may trigger */
    size_t count;
    uint64_t triggered;  /* by any of them */
    struct joined joined;
    struct joined *changed; /* by chain of transformations: what it makes of the values; NULL: none is known */
    bool there;
};

/* The segments of a source. */
struct scan_source {
    struct joined joined;
    struct joined *changed; /* as a segment's */
    uint64_t triggered;
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

/* False when memory is out. */
static bool join_values(struct arena *a, const struct bytes *values, const bool *strange, size_t count, struct joined *ret)
{
    size_t len = 0, strange_len = 0;
    for (size_t i = 0; i < count; i++) {
        len += values[i].len + 1;
        strange_len += strange[i] ? values[i].len + 1 : 0;
    }
    bool apart = strange_len && strange_len < len;
    uint8_t *all = arena_alloc(a, len), *some = apart ? arena_alloc(a, strange_len) : all;
    if (!all || !some)
        return false;
    *ret = (struct joined){bytes_of(all, len), bytes_of(some, strange_len), true};
    for (size_t i = 0; i < count; i++) {
        all = put_value(all, values[i]);
        if (apart && strange[i])
            some = put_value(some, values[i]);
    }
    return true;
}

/* Into `at`; an end behind the last. */
static uint8_t *put_joined(uint8_t *at, struct bytes piece)
{
    return piece.len ? mempcpy(at, piece.at, piece.len) : at;
}

/* Pieces one after another. False when memory is out. */
static bool join_pieces(struct arena *a, const struct joined *const *pieces, uint32_t count, struct joined *ret)
{
    size_t len = 0, strange_len = 0;
    for (uint32_t i = 0; i < count; i++) {
        len += pieces[i]->all.len;
        strange_len += pieces[i]->strange.len;
        if (pieces[i]->all.len && pieces[i]->all.len == len)
            *ret = *pieces[i]; /* the only one that is not empty, so far */
    }
    ret->there = true;
    if (ret->all.len == len)
        return true;
    uint8_t *all = arena_alloc(a, len), *strange = arena_alloc(a, strange_len);
    if (!all || !strange)
        return false;
    *ret = (struct joined){bytes_of(all, len), bytes_of(strange, strange_len), true};
    for (uint32_t i = 0; i < count; i++) {
        all = put_joined(all, pieces[i]->all);
        strange = put_joined(strange, pieces[i]->strange);
    }
    return true;
}

static bool make_segment(struct waf_transaction *t, uint32_t target, struct scan_segment *s)
{
    struct waf_values *found = &t->gathered;
    found->count = 0;
    s->there = true;
    if (!variables_all(t, target, found))
        return false;
    if (!found->count)
        return true;
    s->values = arena_array(t->arena, found->count, sizeof *s->values);
    s->triggers = arena_array(t->arena, found->count, sizeof *s->triggers);
    bool *strange = arena_array(t->arena, found->count, sizeof *strange);
    if (!s->values || !s->triggers || !strange)
        return false;
    s->count = found->count;
    for (size_t i = 0; i < found->count; i++) {
        s->values[i] = found->items[i].value;
        s->triggers[i] = found->items[i].calm ? ~found->items[i].calm : plan_triggers(t->program->plan, s->values[i]);
        s->triggered |= s->triggers[i];
        strange[i] = s->triggers[i] & TRIGGER_STRANGE;
    }
    return join_values(t->arena, s->values, strange, s->count, &s->joined);
}

/* NULL when memory is out. */
static struct scan_segment *segment_get(struct waf_transaction *t, uint32_t number)
{
    struct scan_segment *s = &t->segments[number];
    return s->there || make_segment(t, t->program->plan->segments[number], s) ? s : NULL;
}

/* NULL when memory is out. */
static struct scan_source *source_get(struct waf_transaction *t, uint32_t number)
{
    const struct plan_source *p = &t->program->plan->sources[number];
    struct scan_source *s = &t->sources[number];
    if (s->joined.there)
        return s;
    const struct joined **pieces = arena_array(t->arena, p->segment_count, sizeof *pieces);
    for (uint32_t i = 0; pieces && i < p->segment_count; i++) {
        const struct scan_segment *segment = segment_get(t, p->segments[i]);
        if (!segment)
            return NULL;
        pieces[i] = &segment->joined;
        s->triggered |= segment->triggered;
    }
    return pieces && join_pieces(t->arena, pieces, p->segment_count, &s->joined) ? s : NULL;
}

/* ---- scans */

static void take_candidate(const struct sweep *s, uint32_t rule)
{
    bits_add(s->t->candidates, rule);
    bits_add(s->t->visits, rule);
}

static int take_match(unsigned id, unsigned long long from, unsigned long long to, unsigned flags, void *argument)
{
    const struct sweep *s = argument;
    take_candidate(s, s->scan->rules[id]);
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

/* May the scan's transformations change what triggers these? */
static bool is_changed(const struct sweep *s, uint64_t triggered)
{
    return s->scan->always || triggered & s->scan->triggers;
}

/* What the transformations make of a segment's values. False when memory is out. */
static bool transform_segment(const struct sweep *s, const struct scan_segment *segment, struct joined *ret)
{
    struct arena *a = s->t->arena;
    struct bytes *values = arena_array(a, segment->count, sizeof *values);
    bool *strange = arena_array(a, segment->count, sizeof *strange);
    if (!values || !strange)
        return false;
    for (size_t i = 0; i < segment->count; i++) {
        struct bytes before = segment->values[i];
        uint64_t triggers = segment->triggers[i];
        values[i] = before;
        if (is_changed(s, triggers) && !change(s, before, triggers, &values[i]))
            return false;
        bool same = values[i].at == before.at && values[i].len == before.len;
        strange[i] = (same ? triggers : plan_triggers(s->t->program->plan, values[i])) & TRIGGER_STRANGE;
    }
    return join_values(a, values, strange, segment->count, ret);
}

/* Where the scan's chain of transformations keeps what it made. NULL when memory is out. */
static struct joined *place_of_chain(const struct sweep *s, struct joined **changed)
{
    if (!*changed)
        *changed = arena_array(s->t->arena, s->t->program->plan->chain_count, sizeof **changed);
    return *changed ? &(*changed)[s->scan->chain] : NULL;
}

/* Made once for all scans that have these transformations; the segment's own where they cannot change any. NULL when memory is out. */
static const struct joined *segment_changed(const struct sweep *s, struct scan_segment *segment)
{
    if (!segment->count || !is_changed(s, segment->triggered))
        return &segment->joined;
    struct joined *known = place_of_chain(s, &segment->changed);
    return known && (known->there || transform_segment(s, segment, known)) ? known : NULL;
}

/* The same, of a source. */
static const struct joined *source_changed(const struct sweep *s, struct scan_source *source)
{
    struct waf_transaction *t = s->t;
    const struct plan_source *p = &t->program->plan->sources[s->scan->source];
    if (!is_changed(s, source->triggered))
        return &source->joined;
    if (p->segment_count == 1)
        return segment_changed(s, &t->segments[p->segments[0]]);
    struct joined *known = place_of_chain(s, &source->changed);
    if (!known || known->there)
        return known;
    const struct joined **pieces = arena_array(t->arena, p->segment_count, sizeof *pieces);
    for (uint32_t i = 0; pieces && i < p->segment_count; i++)
        if (!(pieces[i] = segment_changed(s, &t->segments[p->segments[i]])))
            return NULL;
    return pieces && join_pieces(t->arena, pieces, p->segment_count, known) ? known : NULL;
}

static bool look_through_source(struct sweep *s, struct scan_source *source)
{
    const struct joined *values = source_changed(s, source);
    if (values)
        look_through(s, s->scan->strange ? values->strange : values->all);
    return values;
}

static bool scan_group(struct waf_transaction *t, uint32_t group)
{
    const struct plan_group *g = &t->program->plan->groups[group];
    t->scanned[group] = true;
    for (uint32_t i = 0; i < g->scan_count; i++) {
        struct sweep s = {t, g, &g->scans[i]};
        struct scan_source *source = s.scan->database ? source_get(t, s.scan->source) : NULL;
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
