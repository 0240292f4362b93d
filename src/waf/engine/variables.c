/* SPDX-License-Identifier: Apache-2.0 */
/* What targets and macros name, from what is known of the transaction. */
#include "waf/engine/transaction.h"

#include <time.h>

void waf_options_set_local(struct waf_options *o, const struct tm *broken)
{
    int year;
    if (__builtin_add_overflow(broken->tm_year, 1900, &year))
        return;
    o->local.year = year;
    o->local.month = broken->tm_mon + 1;
    o->local.day = broken->tm_mday;
    o->local.hour = broken->tm_hour;
    o->local.minute = broken->tm_min;
    o->local.second = broken->tm_sec;
    o->local.weekday = broken->tm_wday;
}

static struct bytes made_text(struct waf_transaction *t, const char *text)
{
    if (!text)
        t->out_of_memory = true;
    return text ? bytes_of_text(text) : (struct bytes){0};
}

/* Two digits, as TIME_* have them. */
static struct bytes padded(struct waf_transaction *t, int n)
{
    return made_text(t, arena_format(t->arena, "%02d", n));
}

static struct bytes number(struct waf_transaction *t, int64_t n)
{
    struct bytes text = {0};
    if (!bytes_of_number(n, t->arena, &text))
        t->out_of_memory = true;
    return text;
}

static struct bytes clock_time(struct waf_transaction *t)
{
    return made_text(t, arena_format(t->arena, "%02d:%02d:%02d", t->options.local.hour, t->options.local.minute, t->options.local.second));
}

/* Microseconds since the transaction began, by a clock that may be another thread's by now, and behind. */
static int64_t duration(const struct waf_transaction *t)
{
    uint64_t now = t->options.duration ? t->options.duration(t->options.argument) : 0;
    return now > t->time_first ? (int64_t)(now - t->time_first) : 0;
}

/* A variable with one value. */
static struct bytes scalar(struct waf_transaction *t, uint8_t variable)
{
    switch (variable) {
    case VARIABLE_DURATION:
        return number(t, duration(t));
    case VARIABLE_HIGHEST_SEVERITY:
        return number(t, t->highest_severity);
    case VARIABLE_MATCHED_VAR_NAME:
        return variables_matched_name(t);
    case VARIABLE_TIME:
        return clock_time(t);
    case VARIABLE_TIME_DAY:
        return number(t, t->options.local.day);
    case VARIABLE_TIME_EPOCH:
        return number(t, t->options.time);
    case VARIABLE_TIME_HOUR:
        return padded(t, t->options.local.hour);
    case VARIABLE_TIME_MIN:
        return padded(t, t->options.local.minute);
    case VARIABLE_TIME_MON:
        return padded(t, t->options.local.month);
    case VARIABLE_TIME_SEC:
        return padded(t, t->options.local.second);
    case VARIABLE_TIME_WDAY:
        return number(t, t->options.local.weekday);
    case VARIABLE_TIME_YEAR:
        return number(t, t->options.local.year);
    default:
        return t->scalars[variable];
    }
}

/* RULE:id and the like, of the rule that runs. */
static struct bytes rule_fact(struct waf_transaction *t, struct bytes name)
{
    const struct waf_rule *r = &t->set->rules[t->set->rules[t->rule].head];
    struct bytes text = {0};
    if (names_equal(name, bytes_of_text("id")))
        return number(t, r->id);
    if (names_equal(name, bytes_of_text("rev")))
        return waf_text_bytes(t->set, r->rev);
    if (names_equal(name, bytes_of_text("severity")))
        return r->written.severity >= 0 ? number(t, r->written.severity) : text;
    bool msg = names_equal(name, bytes_of_text("msg"));
    if ((msg || names_equal(name, bytes_of_text("logdata"))) && !macros_expand(t, msg ? r->written.msg : r->written.logdata, &text))
        t->out_of_memory = true;
    return text;
}

bool variables_selects(struct waf_transaction *t, const struct selection *s, const struct waf_value *v)
{
    if (s->kind == SELECTOR_NONE)
        return true;
    if (s->kind == SELECTOR_LITERAL)
        return value_is_named(v, s->name, s->hash);
    if (s->known && v->known)
        return bits_have(s->known, v->known - 1);
    return regex_match(s->regex, t->scratch->regex, v->name, NULL, NULL) == REGEX_YES;
}

/* Where the variable is one of names, the name is what it holds. */
static void take_name(struct waf_value *v)
{
    if (variable_source(v->variable) == v->variable)
        return;
    v->value = v->name;
    v->form = v->name_form;
}

/* An item of the list that the variable is made of. */
static bool add_as(struct waf_transaction *t, uint8_t variable, const struct waf_value *item, struct waf_values *ret)
{
    struct waf_value v = *item;
    if (variable == VARIABLE_ENV && !v.value.at) /* setenv took it away */
        return true;
    v.variable = variable;
    take_name(&v);
    return values_append(ret, v, t->arena);
}

/* Nothing of what waits has a name that the expression selects. */
static bool leaves_waiting(const struct waiting_values *w, const struct regex *r)
{
    for (size_t i = 0; i < w->count; i++)
        if (regex_glance(r, w->names[i]) != WORDS_NO)
            return false;
    return true;
}

bool variables_settle(struct waf_values *list, const struct selection *s)
{
    bool wait = !list->known || !list->known->waiting.count || (s->kind == SELECTOR_LITERAL && s->number != NOTHING) ||
        (s->kind == SELECTOR_REGEX && leaves_waiting(&list->known->waiting, s->regex));
    return wait || values_settle(list);
}

/* The values of a collection that are selected, each as `variable`. */
static bool add_list(struct waf_transaction *t, uint8_t variable, const struct selection *s, struct waf_values *ret)
{
    struct waf_values *list = &t->lists[variable_source(variable)];
    if (!variables_settle(list, s))
        return false;
    if (s->kind == SELECTOR_LITERAL) {
        for (const struct waf_value *v = NULL; (v = values_selected(list, s, v));)
            if (!add_as(t, variable, v, ret))
                return false;
        return true;
    }
    bool strangers = t->program->plan && s->known && !values_count_known(list, s->known); /* no others are selected */
    for (size_t i = 0; i < (strangers ? list->known->stranger_count : list->count); i++) {
        const struct waf_value *v = &list->items[strangers ? list->known->strangers[i] : i];
        if (variables_selects(t, s, v) && !add_as(t, variable, v, ret))
            return false;
    }
    return true;
}

static bool add_single(struct waf_transaction *t, uint8_t variable, struct bytes name, struct bytes value, struct waf_values *ret)
{
    return values_append(ret, (struct waf_value){.variable = variable, .name = name, .value = value}, t->arena);
}

/* Made anew where the variable has become another text. */
struct waf_form *variables_form(struct waf_transaction *t, uint8_t variable)
{
    struct waf_form **f = &t->scalar_forms[variable];
    if (!*f || (*f)->text.at != t->scalars[variable].at || (*f)->text.len != t->scalars[variable].len)
        *f = form_new(&t->forms, t->scalars[variable]);
    return *f;
}

static bool add_scalar(struct waf_transaction *t, uint8_t variable, struct waf_values *ret)
{
    struct waf_value v = {.variable = variable, .value = scalar(t, variable)};
    if (variable_is_of_message(variable) && !(v.form = variables_form(t, variable)))
        return false;
    return values_append(ret, v, t->arena);
}

/* MATCHED_VARS is made when a rule asks for it. */
static bool list_matches(struct waf_transaction *t)
{
    for (; t->matches_listed < t->match_count; t->matches_listed++) {
        struct waf_value v = {.variable = VARIABLE_MATCHED_VARS, .value = t->matches[t->matches_listed].value};
        if (!variables_full_name(t, &t->matches[t->matches_listed].of, &v.name) || !values_add(&t->lists[VARIABLE_MATCHED_VARS], v, t->arena))
            return false;
    }
    return true;
}

static bool resolve(struct waf_transaction *t, uint8_t variable, const struct selection *s, struct waf_values *ret)
{
    if (variable_source(variable) == VARIABLE_MATCHED_VARS && !list_matches(t))
        return false;
    if (variable == VARIABLE_RULE)
        return add_single(t, variable, s->name, rule_fact(t, s->name), ret);
    if (variable == VARIABLE_ENV && s->kind == SELECTOR_LITERAL && !values_selected(&t->lists[VARIABLE_ENV], s, NULL)) {
        struct bytes value = t->options.environment ? t->options.environment(s->name, t->options.argument) : (struct bytes){0};
        return !value.len || add_single(t, variable, s->name, value, ret);
    }
    if (variable_shapes[variable] == SHAPE_SCALAR)
        return add_scalar(t, variable, ret);
    struct bytes fact;
    if (s->kind == SELECTOR_LITERAL && collection_is_open(t, variable) && !values_selected(&t->lists[variable], s, NULL) && collection_fact(t, variable, s->name, &fact))
        return add_single(t, variable, s->name, fact, ret);
    return add_list(t, variable, s, ret);
}

/* Does an exclusion take `v` away? One of a whole variable, or of a name in it. */
static bool is_taken(struct waf_transaction *t, const struct waf_target *by, const struct selection *s, const struct waf_value *v)
{
    return by->variable == v->variable && variables_selects(t, s, v);
}

bool removal_is_of(struct waf_transaction *t, const struct removal *r, const struct waf_rule *rule)
{
    if (!r->text.len)
        return rule->id && r->ids.first <= rule->id && rule->id <= r->ids.last;
    uint32_t running = t->rule;
    t->rule = (uint32_t)(rule - t->set->rules); /* whose RULE:id a macro of its own means */
    bool is = r->by_message ? rule_has_message(t, rule, r->text) : rule_has_tag(t, rule, r->text);
    t->rule = running;
    return is;
}

bool variables_takes_away(struct waf_transaction *t, const struct waf_rule *rule, const struct waf_value *v)
{
    struct waf_span all = rule->targets;
    for (uint32_t i = all.first; i < all.first + all.count; i++)
        if (t->set->targets[i].exclusion && is_taken(t, &t->set->targets[i], &t->program->targets[i], v))
            return true;
    for (size_t i = 0; i < t->removals.count; i++) {
        const struct removal *r = &t->removals.items[i];
        if (r->target && is_taken(t, r->target, r->selection, v) && removal_is_of(t, r, rule))
            return true;
    }
    return false;
}

bool variables_resolve(struct waf_transaction *t, const struct waf_rule *rule, uint32_t target, struct waf_values *ret)
{
    const struct waf_target *w = &t->set->targets[target];
    size_t before = ret->count;
    if (!resolve(t, w->variable, &t->program->targets[target], ret))
        return false;
    size_t kept = before;
    for (size_t i = before; i < ret->count; i++)
        if (!variables_takes_away(t, rule, &ret->items[i]))
            ret->items[kept++] = ret->items[i];
    ret->count = kept;
    if (!w->count)
        return true;
    ret->count = before;
    return add_single(t, w->variable, waf_text_bytes(t->set, w->text), number(t, (int64_t)(kept - before)), ret);
}

bool variables_all(struct waf_transaction *t, uint32_t target, struct waf_values *ret)
{
    static const struct selection every = {.kind = SELECTOR_NONE, .number = NOTHING};
    const struct selection *s = &t->program->targets[target];
    return resolve(t, t->set->targets[target].variable, s->kind == SELECTOR_LITERAL ? s : &every, ret);
}

size_t variables_count(struct waf_transaction *t, uint32_t target)
{
    const struct selection *s = &t->program->targets[target];
    struct waf_values *list = &t->lists[t->program->prepared.targets[target].source];
    size_t count = 0;
    if (!variables_settle(list, s))
        t->out_of_memory = true;
    if (s->kind == SELECTOR_NONE)
        return list->count;
    if (s->kind == SELECTOR_LITERAL) {
        for (const struct waf_value *v = NULL; (v = values_selected(list, s, v));)
            count++;
        return count;
    }
    if (!s->known) {
        for (size_t i = 0; i < list->count; i++)
            count += variables_selects(t, s, &list->items[i]);
        return count;
    }
    for (size_t i = 0; i < list->known->stranger_count; i++)
        count += variables_selects(t, s, &list->items[list->known->strangers[i]]);
    return count + values_count_known(list, s->known);
}

struct bytes variables_first(struct waf_transaction *t, uint8_t variable, const struct selection *s)
{
    struct waf_values found = {0};
    if (variable_shapes[variable] == SHAPE_SCALAR)
        return scalar(t, variable);
    if (variable_source(variable) == VARIABLE_MATCHED_VARS && !list_matches(t))
        t->out_of_memory = true;
    if (s->kind == SELECTOR_LITERAL && variable != VARIABLE_RULE && variable != VARIABLE_ENV) {
        const struct waf_value *v = values_selected(&t->lists[variable_source(variable)], s, NULL); /* the common case, without a copy */
        struct bytes fact;
        if (!v)
            return collection_fact(t, variable, s->name, &fact) ? fact : (struct bytes){0};
        return variable_source(variable) == variable ? v->value : v->name;
    }
    if (!resolve(t, variable, s, &found))
        t->out_of_memory = true;
    return found.count ? found.items[0].value : (struct bytes){0};
}

struct bytes variables_matched_name(struct waf_transaction *t)
{
    struct bytes name = {0};
    if (t->match_count && !variables_full_name(t, &t->matches[t->match_count - 1].of, &name))
        t->out_of_memory = true;
    return name;
}

bool variables_full_name(struct waf_transaction *t, const struct waf_value *v, struct bytes *ret)
{
    struct bytes variable = bytes_of_text(variable_names[v->variable]);
    *ret = variable;
    if (!v->name.at && v->name.len == 0)
        return true;
    uint8_t *whole = arena_alloc(t->arena, variable.len + 1 + v->name.len);
    if (!whole)
        return false;
    memcpy(whole, variable.at, variable.len);
    whole[variable.len] = ':';
    if (v->name.len)
        memcpy(whole + variable.len + 1, v->name.at, v->name.len);
    *ret = bytes_of(whole, variable.len + 1 + v->name.len);
    return true;
}
