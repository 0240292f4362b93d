/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which rules may match: each text that a group's rules look at is looked through once, however many of them do. Short ones
 * stand one after another in one buffer.
 */
#include "waf/engine/course.h"
#include "waf/engine/sorts.h"
#include "waf/engine/transaction.h"

#include "waf/plan/ends.h"

/* The texts of a segment. */
struct scan_segment {
    struct waf_form **forms;
    size_t count;
    uint64_t triggered; /* by any of them */
    bool there;
    struct bytes scalar; /* what they were when they were gathered: the one text, or how many stood in the list */
    size_t listed;
};

static bool make_room(struct waf_transaction *t)
{
    const struct waf_plan *plan = t->program->plan;
    t->visits = arena_array(t->arena, plan->words, sizeof *t->visits);
    for (enum text_kind kind = 0; kind < TEXT_KINDS; kind++)
        t->candidates[kind] = arena_array(t->arena, plan->words, sizeof(uint64_t));
    t->scanned = arena_array(t->arena, plan->group_count, sizeof *t->scanned);
    t->segments = arena_array(t->arena, plan->segment_count, sizeof *t->segments);
    t->made_segments = arena_array(t->arena, plan->segment_count, sizeof *t->made_segments);
    return t->visits && t->candidates[TEXT_PLAIN] && t->candidates[TEXT_STRANGE] && t->scanned && t->segments && t->made_segments;
}

/* What tells whether a target of the message names other values than before: its text, or how many stand in its list. */
static size_t measure_target(const struct waf_transaction *t, uint32_t target, struct bytes *ret_scalar)
{
    uint8_t variable = t->set->targets[target].variable;
    *ret_scalar = variable_shapes[variable] == SHAPE_SCALAR ? t->scalars[variable] : (struct bytes){0};
    return t->lists[t->program->prepared.targets[target].source].count;
}

static bool has_changed(const struct waf_transaction *t, uint32_t target, const struct scan_segment *s)
{
    struct bytes scalar;
    size_t listed = measure_target(t, target, &scalar);
    return listed != s->listed || scalar.at != s->scalar.at || scalar.len != s->scalar.len;
}

/* What is no longer as it was in the phase before is gathered again. */
static void forget_changed(struct waf_transaction *t)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < t->made_segment_count; i++) {
        uint32_t number = t->made_segments[i];
        if (has_changed(t, t->program->plan->segments[number], &t->segments[number]))
            t->segments[number] = (struct scan_segment){0};
        else
            t->made_segments[kept++] = number;
    }
    t->made_segment_count = kept;
    t->segments_are_old = false;
}

bool scan_begin(struct waf_transaction *t)
{
    const struct waf_plan *plan = t->program->plan;
    if (t->segments) {
        for (enum text_kind kind = 0; kind < TEXT_KINDS; kind++)
            memset(t->candidates[kind], 0, plan->words * sizeof(uint64_t));
        memset(t->scanned, 0, plan->group_count * sizeof *t->scanned);
        t->segments_are_old = t->made_segment_count;
    } else if (!make_room(t)) {
        return false;
    }
    memcpy(t->visits, plan->visits[t->phase], plan->words * sizeof *t->visits);
    return true;
}

/* Where there is none yet, it is made. False when memory is out. */
static bool take_form(struct waf_transaction *t, struct scan_segment *s, struct waf_form *f, struct bytes value)
{
    if (!f)
        f = form_new(&t->forms, value);
    if (!f)
        return false;
    s->forms[s->count++] = f;
    s->triggered |= f->triggers;
    return true;
}

static bool take_value(struct waf_transaction *t, const struct waf_value *v, bool names, struct scan_segment *s)
{
    return names ? take_form(t, s, v->name_form, v->name) : take_form(t, s, v->form, v->value);
}

static bool take_values(struct waf_transaction *t, const struct waf_values *found, bool names, struct scan_segment *s)
{
    s->forms = found->count ? arena_array(t->arena, found->count, sizeof(struct waf_form *)) : NULL;
    if (found->count && !s->forms)
        return false;
    for (size_t i = 0; i < found->count; i++)
        if (!take_value(t, &found->items[i], names, s))
            return false;
    return true;
}

static bool take_text(struct waf_transaction *t, uint8_t variable, struct scan_segment *s)
{
    struct waf_form *f = variables_form(t, variable);
    s->forms = arena_array(t->arena, 1, sizeof(struct waf_form *));
    return f && s->forms && take_form(t, s, f, f->text);
}

/* What stands in the list under the name: nothing, or one, nearly always. False when memory is out. */
static bool take_selected(struct waf_transaction *t, const struct waf_values *list, const struct selection *name, bool names, struct scan_segment *s)
{
    size_t capacity = 0;
    for (const struct waf_value *v = NULL; (v = values_selected(list, name, v));) {
        struct waf_form **grown = arena_grow(t->arena, s->forms, s->count, &capacity, sizeof *grown);
        if (!grown)
            return false;
        s->forms = grown;
        if (!take_value(t, v, names, s))
            return false;
    }
    return true;
}

/* All that the target names, whatever its exclusions; an expression as selector means every name. False when memory is out. */
static bool take_target(struct waf_transaction *t, uint32_t target, struct scan_segment *s)
{
    const struct prepared_target *p = &t->program->prepared.targets[target];
    const struct selection *name = &t->program->targets[target];
    if (p->way == WAY_LISTED)
        return name->kind == SELECTOR_LITERAL ? take_selected(t, &t->lists[p->source], name, p->is_name, s) : take_values(t, &t->lists[p->source], p->is_name, s);
    if (p->way == WAY_TEXT && p->has_forms)
        return take_text(t, t->set->targets[target].variable, s);
    t->gathered.count = 0;
    return variables_all(t, target, &t->gathered) && take_values(t, &t->gathered, false, s);
}

/* NULL when memory is out. */
static struct scan_segment *segment_get(struct waf_transaction *t, uint32_t number)
{
    struct scan_segment *s = &t->segments[number];
    uint32_t target = t->program->plan->segments[number];
    if (s->there)
        return s;
    s->there = true;
    if (!variable_is_of_request_head(t->set->targets[target].variable)) {
        t->made_segments[t->made_segment_count++] = number;
        s->listed = measure_target(t, target, &s->scalar);
    }
    return take_target(t, target, s) ? s : NULL;
}

/* ---- looking through */

/* One scan. */
struct sweep {
    struct waf_transaction *t;
    const struct plan_group *group;
    const struct plan_database *database;
    uint64_t chains; /* of the text */
    enum text_kind kind;
};

static int take_match(unsigned id, unsigned long long from, unsigned long long to, unsigned flags, void *argument)
{
    const struct sweep *s = argument;
    const struct plan_pattern *p = &s->database->patterns[id];
    if (s->chains >> p->chain & 1)
        bits_add(s->t->candidates[s->kind], p->rule);
    return 0;
}

/* What cannot be scanned is judged rule by rule. */
static void take_all(const struct sweep *s)
{
    const struct waf_plan *plan = s->t->program->plan;
    for (uint32_t i = 0; i < s->t->set->rule_count; i++)
        if (plan->groups_of[i] != NOTHING && &plan->groups[plan->groups_of[i]] == s->group)
            bits_add(s->t->candidates[s->kind], i);
}

/* May something of the database match in a text that triggers this? */
static inline bool may_match(const struct plan_database *d, uint64_t triggered)
{
    uint32_t lacks = (uint32_t)~(triggered >> TRIGGER_SORTS_SHIFT);
    if (triggered & TRIGGER_ODD)
        return true;
    for (uint32_t i = 0; i < d->need_count; i++)
        if (!(d->needs[i] & lacks))
            return true;
    return false;
}

static void scan_text(struct sweep *s, const struct plan_database *d, struct bytes text)
{
    s->database = d;
    if (text.len > UINT32_MAX || hs_scan(d->database, (const char *)text.at, (unsigned)text.len, 0, s->t->scratch->scan, take_match, s) != HS_SUCCESS)
        take_all(s);
}

/* Few short texts of several segments, one after another: a scan costs as much as some hundred bytes. */
#define JOINED_MAX 2048

struct joined {
    const struct scan_text *only; /* as long as there is one, it is not copied */
    size_t len;
    uint64_t triggered;
    uint8_t all[JOINED_MAX];
};

/* One source, of whose views these have texts. */
struct looking {
    struct sweep sweep;
    const struct plan_look *look;
    uint64_t chains; /* that its patterns are behind */
    struct joined joined[TEXT_KINDS]; /* of texts that all of them leave so */
};

/* What the database has that is behind the text's chains. One that is not there has none. */
static inline void look_for(struct looking *l, const struct plan_database *d, struct bytes text, uint64_t triggered)
{
    if (d->chains & l->sweep.chains && text.len && may_match(d, triggered))
        scan_text(&l->sweep, d, text);
}

static inline void look_through(struct looking *l, enum text_kind kind, struct bytes text, uint64_t triggered)
{
    l->sweep.kind = kind;
    look_for(l, &l->look->databases[kind], text, triggered);
    if (kind == TEXT_STRANGE)
        look_for(l, &l->look->own, text, triggered);
}

static void look_through_sort(struct looking *l, const struct scan_sort *sort, uint64_t chains)
{
    l->sweep.chains = chains;
    for (enum text_kind kind = 0; kind < TEXT_KINDS; kind++)
        look_through(l, kind, sort->texts[kind].bytes, sort->texts[kind].triggered);
    for (size_t i = 0; i < sort->large_count; i++)
        look_through(l, kind_of(sort->large[i]->triggers), sort->large[i]->text, sort->large[i]->triggers);
}

static void join_text(struct joined *j, struct bytes text)
{
    memcpy(j->all + j->len, text.at, text.len);
    j->all[j->len + text.len] = SEPARATOR;
    j->len += text.len + 1;
}

/* False: it has no room. */
static bool join(struct joined *j, const struct scan_text *text)
{
    size_t used = j->only ? j->only->bytes.len + 1 : j->len;
    if (used + text->bytes.len >= JOINED_MAX)
        return false;
    j->triggered |= text->triggered;
    if (!used) {
        j->only = text;
        return true;
    }
    if (j->only)
        join_text(j, j->only->bytes);
    j->only = NULL;
    join_text(j, text->bytes);
    return true;
}

static bool join_sort(struct looking *l, const struct scan_sort *sort)
{
    if (sort->large_count)
        return false;
    l->sweep.chains = l->chains;
    for (enum text_kind kind = 0; kind < TEXT_KINDS; kind++)
        if (sort->texts[kind].bytes.len && !join(&l->joined[kind], &sort->texts[kind]))
            look_through(l, kind, sort->texts[kind].bytes, sort->texts[kind].triggered);
    return true;
}

static void look_through_joined(struct looking *l)
{
    l->sweep.chains = l->chains;
    for (enum text_kind kind = 0; kind < TEXT_KINDS; kind++) {
        const struct joined *j = &l->joined[kind];
        look_through(l, kind, j->only ? j->only->bytes : bytes_of(j->all, j->len), j->triggered);
    }
}

/* ---- groups */

static void look_at_view(struct looking *l, const struct scan_view *v)
{
    for (size_t i = 0; i < v->count; i++) {
        uint64_t chains = v->sorts[i].chains & l->chains;
        if (chains && (chains != l->chains || !join_sort(l, &v->sorts[i])))
            look_through_sort(l, &v->sorts[i], chains);
    }
}

/* The look's next view: one of the `*left` of the first ones, then those that are not among these, from the `*at`th on. */
static inline bool next_view(const struct plan_look *l, uint64_t *left, uint32_t *at, uint32_t *ret)
{
    if (*left) {
        *ret = (uint32_t)__builtin_ctzll(*left);
        *left &= *left - 1;
        return true;
    }
    while (l->has_more_views && *at < l->view_count) {
        *ret = l->views[(*at)++];
        if (*ret >= PLAN_FIRST_VIEWS)
            return true;
    }
    return false;
}

/* `full`: the first views that have texts, as bits. */
static void look(struct looking *l, const struct scan_view *views, uint64_t full)
{
    uint64_t left = l->look->first_views & full;
    l->chains = plan_look_chains(l->look);
    for (enum text_kind kind = 0; kind < TEXT_KINDS; kind++) {
        l->joined[kind].only = NULL;
        l->joined[kind].len = 0;
        l->joined[kind].triggered = 0;
    }
    for (uint32_t at = 0, number; next_view(l->look, &left, &at, &number);)
        look_at_view(l, &views[number]);
    look_through_joined(l);
}

/* Candidates are looked at, but for those that the course jumps over; what was to be looked at for the scan alone is not any more. */
static void take_candidates(struct waf_transaction *t, const struct plan_group *g)
{
    const uint64_t *reached = t->on_course ? t->program->course->phases[t->phase].reached : NULL;
    for (size_t i = 0; i < t->program->plan->words; i++)
        t->visits[i] = (t->visits[i] & ~g->due[i]) | (scan_candidates(t, i) & (reached ? reached[i] : UINT64_MAX));
}

static bool scan_group(struct waf_transaction *t, uint32_t group)
{
    const struct plan_group *g = &t->program->plan->groups[group];
    struct scan_view *views = arena_array(t->arena, g->view_count, sizeof *views);
    struct looking l; /* whose buffers are not cleared */
    uint64_t full = 0;
    l.sweep = (struct sweep){.t = t, .group = g};
    t->scanned[group] = true;
    if (t->segments_are_old)
        forget_changed(t);
    for (uint32_t i = 0; i < g->view_count; i++) {
        const struct scan_segment *s = views ? segment_get(t, g->views[i].segment) : NULL;
        if (!s || !sorts_make(t, g, &g->views[i], s->forms, s->count, s->triggered, &views[i]))
            return false;
        full |= i < PLAN_FIRST_VIEWS && views[i].count ? UINT64_C(1) << i : 0;
    }
    for (uint32_t i = 0; i < g->look_count; i++) {
        l.look = &g->looks[i];
        if (l.look->first_views & full || l.look->has_more_views)
            look(&l, views, full);
    }
    take_candidates(t, g);
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

bool scan_rule(struct waf_transaction *t, uint32_t rule)
{
    uint32_t group = t->program->plan->groups_of[rule];
    if (!t->scanned[group] && !scan_measured(t, group))
        return false;
    t->judged = 0;
    for (enum text_kind kind = 0; kind < TEXT_KINDS; kind++)
        t->judged |= (unsigned)bits_have(t->candidates[kind], rule) << kind;
    return true;
}
