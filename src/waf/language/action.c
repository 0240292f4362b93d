/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "waf/language/choices.h"
#include "waf/language/reading.h"
#include "waf/transform/transform.h"

/* One of a list: NAME or NAME:VALUE. */
struct item {
    struct piece name, value;
    bool has_value;
};

struct list {
    struct draft *draft;
    enum action_place place;
    struct waf_effects *effects;
    struct waf_rule *rule;
    bool transformed; /* a transformation was said */
};

/* The value that begins at `at`: up to the closing ' where it begins with one, else up to a comma. */
static bool value_split(const struct piece *p, size_t at, struct piece *ret, size_t *ret_end)
{
    if (at >= p->text.len || p->text.at[at] != '\'') {
        size_t end = at;
        while (end < p->text.len && p->text.at[end] != ',')
            end++;
        *ret = piece_slice(p, at, end - at);
        *ret_end = end;
        return true;
    }
    for (size_t end = at + 1; end < p->text.len; end++)
        if (p->text.at[end] == '\'' && !is_escaped(p->text, end)) {
            *ret = piece_slice(p, at + 1, end - at - 1);
            *ret_end = end + 1;
            return true;
        }
    struct piece open = piece_slice(p, at, SIZE_MAX);
    return piece_error(&open, "a quote within the text is written \\'", "the quote is not closed");
}

/* Takes the next item off; `*at` is behind it or its comma, and past the end after an error. */
static bool item_next(const struct piece *p, size_t *at, struct item *ret)
{
    struct piece rest = piece_slice(p, *at, SIZE_MAX), trimmed = piece_trim(rest);
    size_t begin = trimmed.text.len ? trimmed.at - p->at : *at, end = begin;
    while (end < p->text.len && (byte_is_alnum(p->text.at[end]) || p->text.at[end] == '_'))
        end++;
    *ret = (struct item){.name = piece_slice(p, begin, end - begin)};
    char shown[40];
    if (end == begin) {
        struct piece what = piece_slice(p, begin, SIZE_MAX);
        size_t comma = begin;
        while (comma < p->text.len && p->text.at[comma] != ',')
            comma++;
        *at = comma;
        if (trimmed.text.len == 0 || comma == begin)
            return piece_error(&what, NULL, "an action is missing");
        return piece_error(&what, NULL, "expected an action, got `%s`", piece_shown(&what, shown, sizeof shown));
    }
    if (end < p->text.len && p->text.at[end] == ':') {
        ret->has_value = true;
        if (!value_split(p, end + 1, &ret->value, &end)) {
            *at = SIZE_MAX;
            return false;
        }
    }
    size_t comma = end;
    while (comma < p->text.len && p->text.at[comma] != ',')
        comma++;
    struct piece after = piece_slice(p, end, comma - end);
    after = piece_trim(after);
    *at = comma;
    return after.text.len == 0 ||
        piece_error(&after, "actions are separated by commas", "unexpected `%s` after the action", piece_shown(&after, shown, sizeof shown));
}

static bool transformation_read(struct list *l, const struct piece *value)
{
    struct piece name = piece_trim(*value);
    enum transformation t;
    if (!transformation_find(name.text, &t))
        return unknown_word(&name, "a transformation", "t:", transformation_names, TRANSFORMATION_COUNT, NULL);
    if (t == TRANSFORM_NONE && l->place == PLACE_DEFAULT)
        return piece_error(&name, NULL, "t:none has no place in SecDefaultAction");
    uint8_t *made = DRAFT_ADD(l->draft, transformations);
    if (made)
        *made = (uint8_t)t;
    return true;
}

static bool phase_read(const struct piece *value, struct waf_rule *rule)
{
    struct piece p = piece_trim(*value);
    static const struct {
        const char *name;
        uint8_t phase;
    } names[] = {{"request", 2}, {"response", 4}, {"logging", 5}};
    rule->phase_given = true;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (word_is(p.text, names[i].name)) {
            rule->phase = names[i].phase;
            return true;
        }
    uint64_t phase;
    if (p.text.len == 1 && p.text.at[0] >= '0' && p.text.at[0] <= '5' && number_read(&p, 5, &phase)) {
        rule->phase = (uint8_t)phase;
        return true;
    }
    char shown[40];
    return piece_error(&p, "0 to 5, request, response or logging", "`%s` is not a phase", piece_shown(&p, shown, sizeof shown));
}

static bool severity_read(const struct piece *value, struct waf_effects *e)
{
    struct piece p = piece_trim(*value);
    uint8_t severity = p.text.len == 1 ? (uint8_t)(p.text.at[0] - '0') : UINT8_MAX;
    if (severity > 7 && !choice_read(&p, severity_choices, "a severity (0 to 7, or its name)", &severity))
        return false;
    e->severity = (int8_t)severity;
    return true;
}

static bool allow_read(const struct item *i, struct waf_effects *e)
{
    struct piece p = piece_trim(i->value);
    if (!i->has_value)
        e->disruptive = DISRUPTIVE_ALLOW;
    else if (word_is(p.text, "phase"))
        e->disruptive = DISRUPTIVE_ALLOW_PHASE;
    else if (word_is(p.text, "request"))
        e->disruptive = DISRUPTIVE_ALLOW_REQUEST;
    else
        return piece_error(&p, NULL, "allow may be limited to `phase` or `request`");
    return true;
}

static bool small_number_read(const struct piece *value, int16_t *ret)
{
    struct piece p = piece_trim(*value);
    uint64_t n;
    if (!number_read(&p, INT16_MAX, &n))
        return false;
    *ret = (int16_t)n;
    return true;
}

static bool id_read(const struct piece *value, struct waf_rule *rule)
{
    struct piece p = piece_trim(*value);
    uint64_t n;
    if (!number_read(&p, RULE_ID_MAX, &n))
        return false;
    if (n == 0)
        return piece_error(&p, NULL, "0 is no id");
    rule->id = (int64_t)n;
    return true;
}

static bool status_read(const struct piece *value, struct waf_effects *e)
{
    struct piece p = piece_trim(*value);
    uint64_t n;
    if (!number_read(&p, 999, &n))
        return false;
    if (n < 100)
        return piece_error(&p, NULL, "a status has three digits");
    e->status = (int16_t)n;
    return true;
}

static bool tag_read(struct draft *d, const struct piece *value)
{
    struct waf_template tag;
    if (!template_read(d, value, &tag, NULL))
        return false;
    struct waf_template *made = DRAFT_ADD(d, templates);
    if (made)
        *made = tag;
    return true;
}

/*
 * What log, nolog, auditlog and noauditlog leave behind, in the order in which they stand. noauditlog is about the audit log
 * alone (reference manual); libmodsecurity 3.0.9 takes it for nolog, so that nobody sees the sums that rule 980130 tells.
 */
static void logging_read(enum action_kind kind, struct waf_effects *e)
{
    bool yes = kind == ACTION_LOG || kind == ACTION_AUDITLOG;
    if (kind != ACTION_NOAUDITLOG)
        e->log = yes ? YES : NO;
    if (kind == ACTION_AUDITLOG || kind == ACTION_NOAUDITLOG)
        e->audit = yes ? YES : NO;
}

static bool run_time_read(struct list *l, enum action_kind kind, const struct piece *value)
{
    struct waf_action a = {.kind = (uint8_t)kind, .jump = NOTHING};
    if (!action_value_read(l->draft, value, &a))
        return false;
    struct waf_action *made = DRAFT_ADD(l->draft, actions);
    if (made)
        *made = a;
    return true;
}

static bool item_apply(struct list *l, enum action_kind kind, const struct item *i)
{
    struct waf_effects *e = l->effects;
    struct draft *d = l->draft;
    const struct piece *value = &i->value;
    switch (kind) {
    case ACTION_ID:
        return id_read(value, l->rule);
    case ACTION_PHASE:
        return phase_read(value, l->rule);
    case ACTION_CHAIN:
        l->rule->chain = true;
        return true;
    case ACTION_VER:
        l->rule->ver = draft_text(d, value->text);
        return true;
    case ACTION_REV:
        l->rule->rev = draft_text(d, value->text);
        return true;
    case ACTION_MATURITY:
        return small_number_read(value, &l->rule->maturity);
    case ACTION_ACCURACY:
        return small_number_read(value, &l->rule->accuracy);
    case ACTION_T:
        return transformation_read(l, value);
    case ACTION_TAG:
        return tag_read(d, value);
    case ACTION_SEVERITY:
        return severity_read(value, e);
    case ACTION_MSG:
        e->has_msg = true;
        return template_read(d, value, &e->msg, NULL);
    case ACTION_LOGDATA:
        e->has_logdata = true;
        return template_read(d, value, &e->logdata, NULL);
    case ACTION_CAPTURE:
        e->capture = true;
        return true;
    case ACTION_MULTIMATCH:
        e->multi_match = true;
        return true;
    case ACTION_BLOCK:
        e->block = true;
        return true;
    case ACTION_PASS:
        e->disruptive = DISRUPTIVE_PASS;
        return true;
    case ACTION_DENY:
        e->disruptive = DISRUPTIVE_DENY;
        return true;
    case ACTION_DROP:
        e->disruptive = DISRUPTIVE_DROP;
        return true;
    case ACTION_REDIRECT:
        e->disruptive = DISRUPTIVE_REDIRECT;
        return template_read(d, value, &e->redirect, NULL);
    case ACTION_ALLOW:
        return allow_read(i, e);
    case ACTION_STATUS:
        return status_read(value, e);
    case ACTION_LOG:
    case ACTION_NOLOG:
    case ACTION_AUDITLOG:
    case ACTION_NOAUDITLOG:
        logging_read(kind, e);
        return true;
    default:
        return run_time_read(l, kind, value);
    }
}

static bool item_placed(const struct list *l, enum action_kind kind, const struct piece *name)
{
    const char *action = action_names[kind];
    if (action_places[kind] & l->place)
        return true;
    if (l->place == PLACE_CHAINED)
        return piece_error(name, "the first rule of a chain says what happens when all of it matches",
            "`%s` is disruptive and has no place in a chained rule", action);
    return piece_error(name, NULL, "`%s` has no place in %s", action,
        l->place == PLACE_DEFAULT ? "SecDefaultAction" : "SecRuleUpdateActionById");
}

static bool item_read(struct list *l, const struct item *i)
{
    size_t kind;
    if (!word_find(i->name.text, action_names, ACTION_COUNT, &kind))
        return unknown_word(&i->name, "an action", "", action_names, ACTION_COUNT, refused_actions);
    if (!item_placed(l, (enum action_kind)kind, &i->name))
        return false;
    if (i->has_value && action_values[kind] == VALUE_NONE)
        return piece_error(&i->name, NULL, "`%s` takes no value", action_names[kind]);
    if (!i->has_value && action_values[kind] == VALUE_NEEDED)
        return piece_error(&i->name, NULL, "`%s` needs a value", action_names[kind]);
    return item_apply(l, (enum action_kind)kind, i);
}

bool actions_read(struct draft *d, const struct piece *p, enum action_place place, struct waf_effects *effects, struct waf_rule *rule)
{
    struct list l = {.draft = d, .place = place, .effects = effects, .rule = rule};
    size_t actions = d->actions.count, transformations = d->transformations.count, tags = d->templates.count;
    *effects = (struct waf_effects){.severity = -1};
    bool ok = true;
    for (size_t at = 0;; at++) { /* over the comma */
        struct item i;
        if (item_next(p, &at, &i))
            ok = item_read(&l, &i) && ok;
        else
            ok = false;
        if (at >= p->text.len)
            break;
    }
    effects->actions = DRAFT_SPAN(d, actions, actions);
    effects->transformations = DRAFT_SPAN(d, transformations, transformations);
    effects->tags = DRAFT_SPAN(d, templates, tags);
    return ok;
}
