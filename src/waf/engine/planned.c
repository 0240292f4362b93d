/* SPDX-License-Identifier: Apache-2.0 */
/* The rules of a phase where there is a plan: what is known not to match is passed over, what is known to do little is done at once. */
#include "waf/engine/course.h"
#include "waf/engine/naming.h"
#include "waf/engine/transaction.h"

/* The rule at which the jump ends, or the end of the phase. */
static uint32_t land(struct waf_transaction *t, uint32_t from)
{
    if (t->landing != NOTHING && t->landing >= from) {
        t->jumping = false;
        return t->landing;
    }
    for (uint32_t i = from; i < t->set->rule_count; i++)
        if (t->set->rules[i].kind == RULE_MARKER && passes_over(t, i) && !t->jumping)
            return i;
    return t->set->rule_count;
}

/* One of the rules from `from` to before `to` is run, and known not to match. */
static bool one_was_passed(struct waf_transaction *t, uint32_t from, uint32_t to)
{
    const struct waf_plan *plan = t->program->plan;
    for (uint32_t i = bits_next(plan->heads[t->phase], plan->words, from); i < to; i = bits_next(plan->heads[t->phase], plan->words, i + 1))
        if (!t->set->rules[i].removed && !is_removed(t, &t->set->rules[i], false))
            return true;
    return false;
}

/* ---- the course: what happens whatever the message is */

/* Whether it can be kept in this phase: all before went as it says, but for phases that are not run and of which it has nothing. */
static bool may_keep_course(const struct waf_transaction *t)
{
    bool may = !t->off_course && !t->options.profile && !t->removals.count && t->skip == 0 && !t->jumping;
    for (uint8_t phase = t->course_phase + 1; phase < t->phase; phase++)
        may = may && !t->program->course->phases[phase].writes;
    return may;
}

static void begin_course(struct waf_transaction *t)
{
    t->on_course = may_keep_course(t);
    t->off_course = !t->on_course;
    if (t->on_course)
        memcpy(t->visits, t->program->course->phases[t->phase].visits, t->program->plan->words * sizeof *t->visits);
}

/* From here on rules are looked at as if there were none. */
static void leave_course(struct waf_transaction *t)
{
    const struct waf_plan *plan = t->program->plan;
    t->on_course = false;
    t->off_course = true;
    for (size_t i = 0; i < plan->words; i++)
        t->visits[i] = plan->visits[t->phase][i] | scan_candidates(t, i);
}

/* What has just been done by `rule` is nothing that the course reckons with. */
static bool strays(const struct waf_transaction *t, uint32_t rule)
{
    return t->skip > 0 || t->removals.count || (t->jumping && !bits_have(t->program->course->phases[t->phase].lands, rule));
}

/* MATCHED_VAR and its like, of rules from `from` to before `to`, none of which is run. False when memory is out. */
static bool follow_matches(struct waf_transaction *t, uint32_t from, uint32_t to)
{
    const struct course *c = t->program->course;
    const struct course_phase *p = &c->phases[t->phase];
    uint32_t cleared = bits_last(p->clears, from, to);
    if (cleared != NOTHING) {
        forget_matches(t);
        from = cleared + 1;
    }
    uint32_t first = bits_next(p->matches, t->program->plan->words, from), last = first < to ? bits_last(p->matches, first, to) : NOTHING;
    if (last == NOTHING)
        return true;
    uint32_t begin = c->matches_of[first].first, end = c->matches_of[last].first + c->matches_of[last].count;
    return remember_matches(t, c->matches + begin, end - begin); /* those of a phase stand one behind another */
}

/* False when memory is out. */
static bool write_block(struct waf_transaction *t, uint32_t rule)
{
    const struct course *c = t->program->course;
    struct waf_values *tx = &t->lists[VARIABLE_TX];
    struct waf_span span = c->writes_of[rule];
    if (values_lend_first(tx, c->writes + span.first, span.count))
        return true;
    for (uint32_t i = span.first; i < span.first + span.count; i++) {
        const struct waf_value *w = &c->writes[i];
        if (!values_lend_known(tx, VARIABLE_TX, w->known - 1, w->name, w->value, t->arena))
            return false;
    }
    return true;
}

/* ---- rules */

/* False when memory is out. `*ret_next`: the rule to go on with. */
static bool run_candidate(struct waf_transaction *t, uint32_t rule, uint32_t *ret_next)
{
    enum foreseen foreseen = foresee(t, rule);
    if (foreseen == FORESEEN_FAILS || foreseen == FORESEEN_FAILS_LATER) {
        uint32_t behind = foreseen == FORESEEN_FAILS ? t->program->plan->behind[rule] : 0;
        *ret_next = behind ? behind : rule + 1;
        forget_matches(t);
        return true;
    }
    if (naming_passes(t, rule)) {
        forget_matches(t);
        return true;
    }
    bool known = foreseen == FORESEEN_MATCHES || t->set->rules[rule].kind == RULE_ACTION;
    return known && bits_have(t->program->plan->light, rule) && !t->options.profile ? do_light(t, rule) : start_rule(t, rule);
}

/* The same. */
static bool visit(struct waf_transaction *t, uint32_t rule, uint32_t *ret_next)
{
    bool scanned = t->program->plan->groups_of[rule] != NOTHING;
    t->judged = TEXT_ANY;
    if (scanned && !scan_rule(t, rule))
        return false;
    if (!t->on_course && passes_over(t, rule))
        return true;
    if (t->options.profile)
        t->options.profile->rules[rule].candidates += scanned && t->judged;
    if (t->judged)
        return run_candidate(t, rule, ret_next);
    forget_matches(t);
    return true;
}

/* What lies between the rule that was looked at last and the next. False when memory is out. */
static bool pass(struct waf_transaction *t, uint32_t from, uint32_t to)
{
    if (!t->on_course) {
        if (t->match_count && one_was_passed(t, from, to))
            forget_matches(t);
        return true;
    }
    bool follows = t->match_count || to == t->set->rule_count || bits_have(t->program->course->phases[t->phase].preceded, to);
    return !follows || follow_matches(t, from, to);
}

/* The next rule to be looked at; as many as there are when there is none. */
static uint32_t next_visit(const struct waf_transaction *t, uint32_t from)
{
    const struct waf_plan *plan = t->program->plan;
    uint32_t next = bits_next(t->skip > 0 ? plan->heads[t->phase] : t->visits, plan->words, from);
    return next < t->set->rule_count ? next : t->set->rule_count;
}

static bool is_block(const struct waf_transaction *t, uint32_t rule)
{
    return t->on_course && bits_have(t->program->course->phases[t->phase].blocks, rule);
}

/* False when memory is out. */
static bool look_at(struct waf_transaction *t, uint32_t rule, uint32_t *ret_next)
{
    if (!visit(t, rule, ret_next))
        return false;
    if (t->on_course && strays(t, rule))
        leave_course(t);
    return true;
}

static bool goes_on(const struct waf_transaction *t, enum waf_decision before)
{
    return !t->out_of_memory && t->allowed == ALLOWED_NOTHING && t->outcome.decision == before;
}

void run_planned(struct waf_transaction *t)
{
    enum waf_decision before = t->outcome.decision;
    uint32_t count = t->set->rule_count, i = 0, from = 0; /* from: where what was passed over begins */
    begin_course(t);
    while (i < count && goes_on(t, before)) {
        if (t->jumping) {
            from = i = land(t, i);
            continue;
        }
        uint32_t next = next_visit(t, i);
        if (next < count && is_block(t, next)) {
            t->out_of_memory |= !write_block(t, next);
            i = next + 1;
            continue;
        }
        i = next + 1;
        t->out_of_memory |= !pass(t, from, next) || (next < count && !look_at(t, next, &i));
        from = i;
    }
    if (goes_on(t, before) && from < count && !pass(t, from, count))
        t->out_of_memory = true;
    if (t->on_course && goes_on(t, before))
        t->course_phase = t->phase;
    else
        t->off_course = true;
    /* What lets the rest by may also jump, or skip: what is left of that is left to the next phase. */
    for (; i < count && t->outcome.decision == before && (t->jumping || t->skip > 0); i++)
        (void)passes_over(t, i);
}
