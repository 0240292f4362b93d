/* SPDX-License-Identifier: Apache-2.0 */
/* Which rules may match: all values of a source in one buffer, which is looked through once for the rules that share it. */
#include "waf/engine/transaction.h"

#include "waf/plan/ends.h"

/* A text from so many bytes on is scanned where it is, not copied. */
#define LARGE 1024

/* Texts that are scanned together, one after another with a separator behind each; large ones by themselves. */
struct joined {
    struct bytes all, strange; /* strange: those that have a byte that is not plain */
    const struct waf_form **large;
    size_t large_count;
    bool there;
};

/* What there is of texts that are scanned together. */
struct measure {
    size_t len, strange_len, large_count;
};

/* As many as the segment has. */
struct forms {
    struct waf_form **items;
    struct measure measure;
};

/* What one target names. */
struct scan_segment {
    struct forms forms;
    size_t count;
    uint64_t triggered;    /* by any of them */
    struct forms *changed; /* by chain of transformations: what it makes of them; without items: not known yet */
    bool there;
    struct bytes scalar; /* what they were when they were gathered: the one text, or how many stood in the list */
    size_t listed;
};

/* The segments of a source. */
struct scan_source {
    struct joined joined;
    struct joined *changed; /* by chain of transformations */
    uint64_t triggered;
    bool there;
};

/* One scan. */
struct sweep {
    struct waf_transaction *t;
    const struct plan_group *group;
    const struct plan_scan *scan;
};

static bool make_room(struct waf_transaction *t)
{
    const struct waf_plan *plan = t->program->plan;
    t->visits = arena_array(t->arena, plan->words, sizeof *t->visits);
    t->candidates = arena_array(t->arena, plan->words, sizeof *t->candidates);
    t->scanned = arena_array(t->arena, plan->group_count, sizeof *t->scanned);
    t->sources = arena_array(t->arena, plan->source_count, sizeof *t->sources);
    t->segments = arena_array(t->arena, plan->segment_count, sizeof *t->segments);
    t->made_sources = arena_array(t->arena, plan->source_count, sizeof *t->made_sources);
    t->made_segments = arena_array(t->arena, plan->segment_count, sizeof *t->made_segments);
    return t->visits && t->candidates && t->scanned && t->sources && t->segments && t->made_sources && t->made_segments;
}

static bool has_changed(const struct waf_transaction *t, uint32_t number)
{
    const struct scan_segment *s = &t->segments[number];
    struct bytes scalar;
    size_t listed = variables_measure(t, t->program->plan->segments[number], &scalar);
    return listed != s->listed || scalar.at != s->scalar.at || scalar.len != s->scalar.len;
}

static bool lacks_segment(const struct waf_transaction *t, const struct plan_source *p)
{
    for (uint32_t i = 0; i < p->segment_count; i++)
        if (!t->segments[p->segments[i]].there)
            return true;
    return false;
}

/* What is no longer as it was in the phase before is gathered again when a scan asks for it. */
static void forget_changed(struct waf_transaction *t)
{
    uint32_t segments = 0, sources = 0;
    for (uint32_t i = 0; i < t->made_segment_count; i++)
        if (has_changed(t, t->made_segments[i]))
            t->segments[t->made_segments[i]] = (struct scan_segment){0};
        else
            t->made_segments[segments++] = t->made_segments[i];
    for (uint32_t i = 0; i < t->made_source_count; i++)
        if (segments < t->made_segment_count && lacks_segment(t, &t->program->plan->sources[t->made_sources[i]]))
            t->sources[t->made_sources[i]] = (struct scan_source){0};
        else
            t->made_sources[sources++] = t->made_sources[i];
    t->made_segment_count = segments;
    t->made_source_count = sources;
}

bool scan_begin(struct waf_transaction *t)
{
    const struct waf_plan *plan = t->program->plan;
    if (t->segments) {
        memset(t->candidates, 0, plan->words * sizeof *t->candidates);
        memset(t->scanned, 0, plan->group_count * sizeof *t->scanned);
        forget_changed(t);
    } else if (!make_room(t)) {
        return false;
    }
    memcpy(t->visits, plan->visits[t->phase], plan->words * sizeof *t->visits);
    return true;
}

/* ---- sources */

static uint8_t *put_text(uint8_t *at, struct bytes text)
{
    if (text.len)
        at = mempcpy(at, text.at, text.len);
    *at++ = SEPARATOR;
    return at;
}

static struct measure measure_of(struct waf_form *const *forms, size_t count)
{
    struct measure m = {0};
    for (size_t i = 0; i < count; i++) {
        size_t len = forms[i]->text.len + 1;
        if (len > LARGE) {
            m.large_count++;
            continue;
        }
        m.len += len;
        m.strange_len += forms[i]->triggers & TRIGGER_STRANGE ? len : 0;
    }
    return m;
}

/* Where they are put. */
struct joining {
    uint8_t *all, *strange; /* strange: NULL where it is all, or nothing */
    const struct waf_form **large;
};

static void put_forms(struct waf_form *const *forms, size_t count, struct joining *to)
{
    for (size_t i = 0; i < count; i++) {
        const struct waf_form *f = forms[i];
        if (f->text.len + 1 > LARGE) {
            *to->large++ = f;
            continue;
        }
        to->all = put_text(to->all, f->text);
        if (to->strange && f->triggers & TRIGGER_STRANGE)
            to->strange = put_text(to->strange, f->text);
    }
}

static bool joined_new(struct arena *a, const struct measure *m, struct joined *ret, struct joining *ret_to)
{
    bool apart = m->strange_len && m->strange_len < m->len;
    uint8_t *all = m->len ? arena_buffer(a, m->len) : NULL, *strange = apart ? arena_buffer(a, m->strange_len) : NULL;
    const struct waf_form **large = m->large_count ? arena_array(a, m->large_count, sizeof *large) : NULL;
    if ((m->len && !all) || (apart && !strange) || (m->large_count && !large))
        return false;
    *ret = (struct joined){bytes_of(all, m->len), bytes_of(apart ? strange : all, m->strange_len), large, m->large_count, true};
    *ret_to = (struct joining){all, strange, large};
    return true;
}

static bool take_forms(struct waf_transaction *t, const struct waf_values *found, struct scan_segment *s)
{
    struct waf_form **items = found->count ? arena_array(t->arena, found->count, sizeof(struct waf_form *)) : NULL;
    for (size_t i = 0; i < found->count; i++) {
        struct waf_form *f = items ? found->items[i].form : NULL;
        if (!f && items)
            f = form_new(&t->forms, found->items[i].value);
        if (!f)
            return false;
        items[i] = f;
        s->triggered |= f->triggers;
    }
    s->forms = (struct forms){items, measure_of(items, found->count)};
    s->count = found->count;
    return true;
}

/* NULL when memory is out. */
static struct scan_segment *segment_get(struct waf_transaction *t, uint32_t number)
{
    struct scan_segment *s = &t->segments[number];
    uint32_t target = t->program->plan->segments[number];
    if (s->there)
        return s;
    s->there = true;
    t->made_segments[t->made_segment_count++] = number;
    s->listed = variables_measure(t, target, &s->scalar);
    t->gathered.count = 0;
    return variables_all(t, target, &t->gathered) && take_forms(t, &t->gathered, s) ? s : NULL;
}

/* NULL when memory is out. */
static struct scan_source *source_get(struct waf_transaction *t, uint32_t number)
{
    const struct plan_source *p = &t->program->plan->sources[number];
    struct scan_source *s = &t->sources[number];
    if (s->there)
        return s;
    for (uint32_t i = 0; i < p->segment_count; i++) {
        const struct scan_segment *segment = segment_get(t, p->segments[i]);
        if (!segment)
            return NULL;
        s->triggered |= segment->triggered;
    }
    s->there = true;
    t->made_sources[t->made_source_count++] = number;
    return s;
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

/* May the scan's transformations change what triggers these? */
static bool is_changed(const struct sweep *s, uint64_t triggered)
{
    return s->scan->always || triggered & s->scan->triggers;
}

/* What the transformations make of the segment's forms: its own where they change none. False when memory is out. */
static bool transform_segment(const struct sweep *s, const struct scan_segment *segment, struct forms *ret)
{
    struct waf_form **items = arena_array(s->t->arena, segment->count, sizeof(struct waf_form *));
    bool differs = false;
    for (size_t i = 0; items && i < segment->count; i++) {
        struct waf_form *before = segment->forms.items[i];
        items[i] = is_changed(s, before->triggers) ? form_steps(&s->t->forms, before, s->scan->steps, s->scan->step_count) : before;
        if (!items[i])
            return false;
        differs |= items[i] != before;
    }
    *ret = differs ? (struct forms){items, measure_of(items, segment->count)} : segment->forms;
    return items;
}

/* The same once for all scans that have these transformations. NULL when memory is out. */
static const struct forms *segment_changed(const struct sweep *s, struct scan_segment *segment)
{
    if (!segment->count || !is_changed(s, segment->triggered))
        return &segment->forms;
    if (!segment->changed)
        segment->changed = arena_array(s->t->arena, s->t->program->plan->chain_count, sizeof *segment->changed);
    struct forms *known = segment->changed ? &segment->changed[s->scan->chain] : NULL;
    return known && (known->items || transform_segment(s, segment, known)) ? known : NULL;
}

/* How long all texts of the source are, as the scan wants them. False when memory is out. `*ret_differs`: some are other than before. */
static bool measure_source(const struct sweep *s, struct measure *ret, bool *ret_differs)
{
    const struct plan_source *p = &s->t->program->plan->sources[s->scan->source];
    for (uint32_t i = 0; i < p->segment_count; i++) {
        struct scan_segment *segment = &s->t->segments[p->segments[i]];
        const struct forms *forms = segment_changed(s, segment);
        if (!forms)
            return false;
        ret->len += forms->measure.len;
        ret->strange_len += forms->measure.strange_len;
        ret->large_count += forms->measure.large_count;
        *ret_differs |= forms->items != segment->forms.items;
    }
    return true;
}

/* False when memory is out. */
static bool join_source(const struct sweep *s, struct scan_source *source, struct joined *ret)
{
    struct waf_transaction *t = s->t;
    const struct plan_source *p = &t->program->plan->sources[s->scan->source];
    struct measure m = {0};
    struct joining to;
    bool differs = ret == &source->joined;
    if (!measure_source(s, &m, &differs))
        return false;
    if (!differs && source->joined.there) {
        *ret = source->joined;
        return true;
    }
    if (!joined_new(t->arena, &m, ret, &to))
        return false;
    for (uint32_t i = 0; i < p->segment_count; i++) {
        struct scan_segment *segment = &t->segments[p->segments[i]];
        put_forms(segment_changed(s, segment)->items, segment->count, &to);
    }
    if (!differs)
        source->joined = *ret;
    return true;
}

/* Where what this scan's transformations make of the source is kept. NULL when memory is out. */
static struct joined *place_of(const struct sweep *s, struct scan_source *source)
{
    if (!is_changed(s, source->triggered))
        return &source->joined;
    if (!source->changed)
        source->changed = arena_array(s->t->arena, s->t->program->plan->chain_count, sizeof *source->changed);
    return source->changed ? &source->changed[s->scan->chain] : NULL;
}

static bool look_through_source(struct sweep *s)
{
    struct scan_source *source = source_get(s->t, s->scan->source);
    struct joined *texts = source ? place_of(s, source) : NULL;
    if (!texts || (!texts->there && !join_source(s, source, texts)))
        return false;
    look_through(s, s->scan->strange ? texts->strange : texts->all);
    for (size_t i = 0; i < texts->large_count; i++)
        if (!s->scan->strange || texts->large[i]->triggers & TRIGGER_STRANGE)
            look_through(s, texts->large[i]->text);
    return true;
}

static bool scan_group(struct waf_transaction *t, uint32_t group)
{
    const struct plan_group *g = &t->program->plan->groups[group];
    t->scanned[group] = true;
    for (uint32_t i = 0; i < g->scan_count; i++) {
        struct sweep s = {t, g, &g->scans[i]};
        if (s.scan->database && !look_through_source(&s))
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
