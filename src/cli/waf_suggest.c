/* SPDX-License-Identifier: Apache-2.0 */
/* waf inspect --suggest: for each rule that fires an exclusion, tried before it is shown; and what then still protects. */
#include "cli/waf_suggest.h"

#include <strings.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/output.h"
#include "cli/waf_show.h"
#include "waf/example/settings.h"
#include "waf/explain/guards.h"
#include "waf/language/print.h"
#include "waf/operator/number.h"

#define SUGGESTION_MEMORY ((size_t)2 << 30)
#define VARIABLES_MAX     16 /* of one rule; with more the rule itself is taken away */
#define FIRST_ID          1000

struct suggesting {
    const struct operands *files;
    const struct rules *rules;
    struct inspected base; /* without any exclusion */
    struct suggestions *all;
    int64_t next_id;
};

/* ---- trying */

/* What fires with the directives. */
struct trial {
    int64_t *ids; /* of each rule that fired, in order */
    size_t count;
    enum waf_decision decision;
};

static bool take_ids(const struct waf_rule_set *set, const struct waf_outcome *o, struct arena *a, struct trial *ret)
{
    ret->decision = o->decision;
    ret->ids = arena_array(a, o->event_count, sizeof *ret->ids);
    for (size_t i = 0; ret->ids && i < o->event_count; i++)
        ret->ids[ret->count++] = set->rules[o->events[i].rule].id;
    return ret->ids != NULL;
}

/* False when it could not be tried: memory, or rules that do not load. */
static bool try_directives(const struct suggesting *s, const char *before, const char *after, struct trial *ret)
{
    struct rules r;
    struct waf_scratch scratch;
    struct inspected i = {.arena = arena_create(SUGGESTION_MEMORY), .request = s->base.request, .response = s->base.response};
    *ret = (struct trial){0};
    bool ok = i.arena && rules_open_between(s->files->items, s->files->count, before, after, false, &r);
    if (ok) {
        ok = r.set && scratch_create(&r.program, &scratch);
        if (ok) {
            ok = waf_inspect_messages(&r, &scratch, NULL, &i) && !i.error && take_ids(r.set, i.outcome, s->all->arena, ret);
            scratch_free(&scratch);
        }
    }
    if (i.arena)
        rules_free(&r);
    arena_destroy(i.arena);
    return ok;
}

static bool has(const struct trial *t, int64_t id)
{
    for (size_t i = 0; i < t->count; i++)
        if (t->ids[i] == id)
            return true;
    return false;
}

/* Is this rule silent, and every other that fired before fires still, but for sums? */
static bool silences_alone(const struct suggesting *s, const struct trial *t, int64_t id)
{
    const struct waf_outcome *o = s->base.outcome;
    if (has(t, id))
        return false;
    for (size_t i = 0; i < o->event_count; i++) {
        uint32_t rule = o->events[i].rule;
        if (s->rules->set->rules[rule].id != id && !rule_is_sum(s->rules->set, rule) && !has(t, s->rules->set->rules[rule].id))
            return false;
    }
    return true;
}

/* Rules that the one silenced kept from running: it had refused the message. */
static bool take_new_ones(const struct suggesting *s, const struct trial *t, struct suggestion *ret)
{
    struct trial before = {0};
    if (!take_ids(s->rules->set, s->base.outcome, s->all->arena, &before))
        return false;
    ret->then_count = 0;
    ret->then = arena_array(s->all->arena, t->count, sizeof *ret->then);
    for (size_t i = 0; ret->then && i < t->count; i++)
        if (!has(&before, t->ids[i]))
            ret->then[ret->then_count++] = t->ids[i];
    return ret->then != NULL;
}

/* ---- what fired, and on what */

/* One more of a list of VARIABLES_MAX, unless it is there. False when the list is full. */
static bool add_variable(struct bytes *list, size_t *count, struct bytes variable)
{
    for (size_t i = 0; i < *count; i++)
        if (bytes_equal(list[i], variable))
            return true;
    if (*count == VARIABLES_MAX)
        return false;
    list[(*count)++] = variable;
    return true;
}

static struct bytes name_of(struct bytes variable)
{
    const uint8_t *colon = memchr(variable.at, ':', variable.len);
    return bytes_slice(variable, 0, colon ? (size_t)(colon - variable.at) : variable.len);
}

/* Of a chain only what its first rule matched can be taken away by id: the others have none. */
static bool is_of_head(const struct waf_rule_set *set, uint32_t head, struct bytes variable)
{
    const struct waf_rule *r = &set->rules[head];
    struct bytes name = name_of(variable);
    for (uint32_t i = r->targets.first; i < r->targets.first + r->targets.count; i++)
        if (!set->targets[i].exclusion && !set->targets[i].count && bytes_equal(name, bytes_of_text(variable_names[set->targets[i].variable])))
            return true;
    return false;
}

/* Rules made TX; a match of a match is told of by the first. */
static bool is_of_message(struct bytes variable)
{
    struct bytes name = name_of(variable);
    return !bytes_equal(name, bytes_of_text("TX")) && memcmp(variable.at, "MATCHED", variable.len < 7 ? variable.len : 7) != 0;
}

static void add_variables(const struct suggesting *s, const struct waf_event *e, struct suggestion *ret)
{
    for (size_t i = 0; i < e->matched_count; i++) {
        struct bytes variable = e->matched[i].variable;
        if (!variable.len)
            continue;
        if (is_of_message(variable))
            (void)add_variable(ret->looked, &ret->looked_count, variable);
        if (is_of_head(s->rules->set, e->rule, variable) && !add_variable(ret->variables, &ret->variable_count, variable))
            ret->whole = true;
    }
}

/* Is each target of the chain's first rule one of those that are taken from it? */
static bool becomes_blind(const struct waf_rule_set *set, const struct suggestion *s)
{
    const struct waf_rule *r = &set->rules[s->rule];
    for (uint32_t i = r->targets.first; i < r->targets.first + r->targets.count; i++) {
        struct text name = text_new(1 << 20);
        bool taken = set->targets[i].exclusion;
        target_print(set, &set->targets[i], &name);
        for (size_t k = 0; k < s->variable_count && !taken; k++)
            taken = name.len == s->variables[k].len && strncasecmp(text_cstr(&name), (const char *)s->variables[k].at, name.len) == 0;
        text_free(&name);
        if (!taken)
            return false;
    }
    return true;
}

static struct suggestion *suggestion_of(struct suggesting *s, const struct waf_event *e)
{
    for (size_t i = 0; i < s->all->count; i++)
        if (s->all->items[i].rule == e->rule)
            return &s->all->items[i];
    struct suggestion *made = &s->all->items[s->all->count];
    *made = (struct suggestion){.rule = e->rule, .id = s->rules->set->rules[e->rule].id, .message = e->msg, .sum = rule_is_sum(s->rules->set, e->rule)};
    made->variables = arena_array(s->all->arena, VARIABLES_MAX, sizeof *made->variables);
    made->looked = arena_array(s->all->arena, VARIABLES_MAX, sizeof *made->looked);
    if (!made->variables || !made->looked)
        return NULL;
    s->all->count++;
    return made;
}

static bool take_events(struct suggesting *s)
{
    const struct waf_outcome *o = s->base.outcome;
    s->all->items = arena_array(s->all->arena, o->event_count, sizeof *s->all->items);
    if (!s->all->items)
        return false;
    for (size_t i = 0; i < o->event_count; i++) {
        struct suggestion *one = suggestion_of(s, &o->events[i]);
        if (!one)
            return false;
        add_variables(s, &o->events[i], one);
    }
    return true;
}

/* ---- directives */

static bool try_narrow(struct suggesting *s, struct suggestion *one)
{
    struct trial t;
    const char *directive;
    if (!exclusion_narrow(one, s->all->path, s->next_id, s->all->arena, &directive))
        return false;
    if (!directive || !try_directives(s, directive, NULL, &t) || !silences_alone(s, &t, one->id))
        return true;
    one->narrow = directive;
    s->next_id = rules_free_id(s->rules->set, s->next_id + 1);
    return take_new_ones(s, &t, one);
}

static bool try_wide(struct suggesting *s, struct suggestion *one)
{
    struct trial t;
    const char *directive;
    if (!exclusion_wide(one, s->all->arena, &directive))
        return false;
    if (directive && try_directives(s, NULL, directive, &t) && silences_alone(s, &t, one->id)) {
        one->wide = directive;
        return one->narrow || take_new_ones(s, &t, one);
    }
    return true;
}

/* First without the named targets; where that does not help (it counts, or a chained rule matched), without the rule. */
static bool suggest(struct suggesting *s, struct suggestion *one)
{
    one->whole = one->whole || !one->variable_count;
    one->blind = becomes_blind(s->rules->set, one);
    if (!try_narrow(s, one) || !try_wide(s, one))
        return false;
    if (one->narrow || one->wide || one->whole)
        return true;
    one->whole = true;
    return try_narrow(s, one) && try_wide(s, one);
}

/* ---- what that opens */

/* Would a gate pass over the rule, as the variables of the transaction are? */
static bool is_higher(const struct suggesting *s, uint32_t rule)
{
    const struct waf_rule_set *set = s->rules->set;
    for (uint32_t gate = 0; gate_next(set, rule, gate, &gate); gate++) {
        const struct waf_rule *g = &set->rules[gate];
        const struct waf_target *t = g->targets.count ? &set->targets[g->targets.first] : NULL;
        if (!t || g->operator != OPERATOR_LT || g->operand_macros || t->variable != VARIABLE_TX || t->count || !t->text.len)
            continue;
        struct bytes name = waf_text_bytes(set, t->text);
        char *text = arena_text(s->all->arena, name.at, name.len);
        if (text && transaction_number(s->base.transaction, text) < number_of(waf_text_bytes(set, g->operand_text)))
            return true;
    }
    return false;
}

/* What fired too is to be silenced too: it protects no more. */
static bool has_fired(const struct suggesting *s, uint32_t rule)
{
    for (size_t i = 0; i < s->all->count; i++)
        if (s->all->items[i].rule == rule)
            return true;
    return false;
}

static bool add_protection(const struct suggesting *s, struct suggestion *one, struct bytes variable, struct bytes class)
{
    struct guards g;
    struct protection *p = &one->protections[one->protection_count++];
    *p = (struct protection){.variable = variable, .class = class};
    if (!guards_find(s->rules->set, class, variable, one->rule, s->all->arena, &g))
        return false;
    p->ids = arena_array(s->all->arena, g.count, sizeof *p->ids);
    for (size_t i = 0; p->ids && i < g.count; i++)
        if (has_fired(s, g.rules[i]))
            continue;
        else if (is_higher(s, g.rules[i]))
            p->higher++;
        else
            p->ids[p->count++] = s->rules->set->rules[g.rules[i]].id;
    return p->ids != NULL;
}

static bool find_protections(const struct suggesting *s, struct suggestion *one)
{
    size_t classes = 0;
    while (guards_class(s->rules->set, one->rule, classes).len)
        classes++;
    one->protections = arena_array(s->all->arena, classes * one->looked_count, sizeof *one->protections);
    if (!one->protections)
        return false;
    for (size_t i = 0; i < one->looked_count; i++)
        for (size_t n = 0; n < classes; n++)
            if (!add_protection(s, one, one->looked[i], guards_class(s->rules->set, one->rule, n)))
                return false;
    return true;
}

/* ---- all together */

static bool try_all(struct suggesting *s)
{
    struct text before = text_new(ANSWER_MAX);
    struct trial t;
    for (size_t i = 0; i < s->all->count; i++)
        if (s->all->items[i].narrow)
            text_printf(&before, "%s\n", s->all->items[i].narrow);
    bool any = before.len != 0, ok = !before.failed;
    if (any && ok && try_directives(s, text_cstr(&before), NULL, &t)) {
        s->all->all_tried = true;
        s->all->with_all = t.decision;
        s->all->left = t.ids;
        s->all->left_count = t.count;
    }
    text_free(&before);
    return ok;
}

static bool suggest_all(struct suggesting *s)
{
    if (!exclusion_path(s->base.request, s->all->arena, &s->all->path) || !take_events(s))
        return false;
    for (size_t i = 0; i < s->all->count; i++)
        if (!s->all->items[i].sum && (!suggest(s, &s->all->items[i]) || !find_protections(s, &s->all->items[i])))
            return false;
    return try_all(s);
}

static int answer(const struct suggestions *all, bool json)
{
    struct text out = text_new(ANSWER_MAX);
    bool found = true;
    for (size_t i = 0; i < all->count; i++)
        found = found && (all->items[i].sum || all->items[i].narrow || all->items[i].wide);
    if (json)
        waf_suggestions_json(all, &out);
    else
        waf_suggestions_print(all, color_wanted(STDOUT_FILENO), &out);
    return output_text(&out, found ? STATUS_YES : STATUS_NO);
}

int waf_suggest(const struct operands *files, struct rules *r, struct bytes request, struct bytes response, bool json)
{
    struct suggestions all = {.arena = arena_create(SUGGESTION_MEMORY)};
    struct suggesting s = {.files = files, .rules = r, .base = {.arena = all.arena, .request = request, .response = response}, .all = &all,
        .next_id = rules_free_id(r->set, FIRST_ID)};
    struct waf_scratch scratch;
    int status;
    if (!all.arena || !scratch_create(&r->program, &scratch)) {
        arena_destroy(all.arena);
        return complain_in(json, "out of memory");
    }
    if (!waf_inspect_messages(r, &scratch, NULL, &s.base))
        status = complain_in(json, "out of memory");
    else if (s.base.error)
        status = complain_in(json, "the request is no HTTP, and no rule was asked: %s", s.base.error);
    else if (!suggest_all(&s))
        status = complain_in(json, "out of memory");
    else
        status = answer(&all, json);
    scratch_free(&scratch);
    arena_destroy(all.arena);
    return status;
}
