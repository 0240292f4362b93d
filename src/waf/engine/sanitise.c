/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the outcome does not show: the sanitise actions say whose values, and at the end each of them, and every text of
 * an event that may hold it, becomes asterisks. Rules see the values as they are.
 */

#include "waf/engine/transaction.h"

/* With more of them nothing is shown at all. */
#define SANITISED_MAX 100
/* Bytes of values that are searched for matched ones; what comes after is not shown. */
#define SEARCHED_MAX ((size_t)64 << 20)

enum sanitised_kind {
    SANITISED_ARGUMENT,
    SANITISED_REQUEST_HEADER,
    SANITISED_RESPONSE_HEADER,
    SANITISED_VARIABLE, /* any other, by NAME or NAME:KEY */
    SANITISED_BYTES,    /* `name` is what is not shown, wherever it stands, less what is kept at its ends */
};

struct sanitised {
    uint8_t kind; /* enum sanitised_kind */
    struct bytes name;
    size_t keep_first, keep_last;
};

static bool mark(struct waf_transaction *t, struct sanitised s)
{
    for (size_t i = 0; i < t->sanitised_count; i++)
        if (t->sanitised[i].kind == s.kind && bytes_equal(t->sanitised[i].name, s.name))
            return true;
    if (t->sanitised_count == SANITISED_MAX) {
        t->sanitised_all = true;
        return true;
    }
    struct sanitised *grown = arena_grow(t->arena, t->sanitised, t->sanitised_count, &t->sanitised_capacity, sizeof *grown);
    if (!grown)
        return false;
    t->sanitised = grown;
    grown[t->sanitised_count++] = s;
    return true;
}

/* NAME and KEY of NAME:KEY. */
static struct bytes split(struct bytes variable, struct bytes *ret_key)
{
    const uint8_t *colon = variable.len ? memchr(variable.at, ':', variable.len) : NULL;
    size_t len = colon ? (size_t)(colon - variable.at) : variable.len;
    *ret_key = bytes_slice(variable, len + 1, variable.len);
    return bytes_slice(variable, 0, len);
}

static bool is_one_of(struct bytes name, const char *const *names)
{
    for (; *names; names++)
        if (names_equal(name, bytes_of_text(*names)))
            return true;
    return false;
}

/* Whose value it is that the variable shows. */
static struct sanitised owner_of(struct bytes variable)
{
    static const char *const arguments[] = {"ARGS", "ARGS_GET", "ARGS_POST", NULL}, *const request[] = {"REQUEST_HEADERS", NULL},
                             *const response[] = {"RESPONSE_HEADERS", NULL}, *const cookies[] = {"REQUEST_COOKIES", NULL}, *const matched[] = {"MATCHED_VARS", NULL};
    struct bytes key, name = split(variable, &key);
    if (is_one_of(name, matched)) /* its keys are names of variables */
        return owner_of(key);
    if (is_one_of(name, arguments))
        return (struct sanitised){.kind = SANITISED_ARGUMENT, .name = key};
    if (is_one_of(name, request))
        return (struct sanitised){.kind = SANITISED_REQUEST_HEADER, .name = key};
    if (is_one_of(name, response))
        return (struct sanitised){.kind = SANITISED_RESPONSE_HEADER, .name = key};
    if (is_one_of(name, cookies))
        return (struct sanitised){.kind = SANITISED_REQUEST_HEADER, .name = bytes_of_text("Cookie")};
    return (struct sanitised){.kind = SANITISED_VARIABLE, .name = variable};
}

bool sanitise_named(struct waf_transaction *t, const struct waf_action *a)
{
    struct sanitised s = {.name = waf_text_bytes(t->set, a->text)};
    switch ((enum action_kind)a->kind) {
    case ACTION_SANITISE_ARG:
        s.kind = SANITISED_ARGUMENT;
        return mark(t, s);
    case ACTION_SANITISE_REQUEST_HEADER:
        s.kind = SANITISED_REQUEST_HEADER;
        return mark(t, s);
    case ACTION_SANITISE_RESPONSE_HEADER:
        s.kind = SANITISED_RESPONSE_HEADER;
        return mark(t, s);
    default:
        return true;
    }
}

/* What the operator found is known where the rule captures it; else the whole value is not shown. */
static bool sanitise_found(struct waf_transaction *t, const struct waf_action *a, bool captured)
{
    const struct waf_value *found = captured ? values_known(&t->lists[VARIABLE_TX], 0) : NULL;
    if (!found || !found->value.len)
        return mark(t, owner_of(variables_matched_name(t)));
    bool keeps = a->number != NOTHING;
    return mark(t, (struct sanitised){SANITISED_BYTES, found->value, keeps ? (size_t)a->number : 0, keeps ? (size_t)a->period : 0});
}

bool sanitise_matched(struct waf_transaction *t, struct waf_span actions, bool captured)
{
    for (uint32_t i = actions.first; i < actions.first + actions.count; i++) {
        const struct waf_action *a = &t->set->actions[i];
        if (a->kind == ACTION_SANITISE_MATCHED && !mark(t, owner_of(variables_matched_name(t))))
            return false;
        if (a->kind == ACTION_SANITISE_MATCHED_BYTES && !sanitise_found(t, a, captured))
            return false;
    }
    return true;
}

/* ---- the outcome */

/* Copies of parts of values: MATCHED_VAR, and what was captured. */
static bool may_be_copy(struct bytes variable)
{
    struct bytes key, name = split(variable, &key);
    if (names_equal(name, bytes_of_text("MATCHED_VAR")))
        return true;
    return names_equal(name, bytes_of_text("TX")) && key.len > 0 && byte_is_digit(key.at[0]);
}

/* Does the variable hold the value of `s`, perhaps among others? */
static bool holds(struct bytes variable, const struct sanitised *s)
{
    static const char *const with_arguments[] = {"QUERY_STRING", "REQUEST_URI", "REQUEST_URI_RAW", "REQUEST_LINE", "REQUEST_BODY", "FULL_REQUEST", NULL},
                             *const with_headers[] = {"FULL_REQUEST", NULL};
    if (s->kind == SANITISED_BYTES)
        return false;
    struct sanitised owner = owner_of(variable);
    if ((owner.kind == s->kind && names_equal(owner.name, s->name)) || may_be_copy(variable))
        return true;
    return (s->kind == SANITISED_ARGUMENT && is_one_of(variable, with_arguments)) || (s->kind == SANITISED_REQUEST_HEADER && is_one_of(variable, with_headers));
}

static bool is_hidden(const struct waf_transaction *t, struct bytes variable)
{
    for (size_t i = 0; i < t->sanitised_count && !t->sanitised_all; i++)
        if (holds(variable, &t->sanitised[i]))
            return true;
    return t->sanitised_all;
}

static void hide(struct bytes *text)
{
    static const char stars[] = "****************************************************************";
    *text = bytes_of(stars, text->len < sizeof stars - 1 ? text->len : sizeof stars - 1);
}

/* Asterisks over what stands at `at`, but for what is kept. */
static void cover(uint8_t *at, const struct sanitised *s)
{
    size_t len = s->name.len, first = s->keep_first, last = s->keep_last;
    if (first >= len || last >= len - first) /* it would be shown whole */
        first = last = 0;
    memset(at + first, '*', len - first - last);
}

/* The text without what sanitiseMatchedBytes names. */
static bool cover_bytes(struct waf_transaction *t, struct bytes *text, size_t *searched)
{
    uint8_t *copy = NULL;
    for (size_t i = 0; i < t->sanitised_count; i++) {
        const struct sanitised *s = &t->sanitised[i];
        if (s->kind != SANITISED_BYTES)
            continue;
        if (text->len > SEARCHED_MAX - *searched) {
            *searched = SEARCHED_MAX;
            hide(text);
            return true;
        }
        *searched += text->len;
        for (size_t at = 0; at + s->name.len <= text->len;) {
            const uint8_t *found = memmem(text->at + at, text->len - at, s->name.at, s->name.len);
            if (!found)
                break;
            at = (size_t)(found - text->at);
            if (!copy) {
                copy = arena_alloc(t->arena, text->len);
                if (!copy)
                    return false;
                memcpy(copy, text->at, text->len);
                *text = bytes_of(copy, text->len);
            }
            cover(copy + at, s);
            at += s->name.len;
        }
    }
    return true;
}

/* Was the text written so in the rules, without a macro? */
static bool is_literal(const struct waf_transaction *t, struct waf_template written, struct bytes text)
{
    if (!waf_template_is_literal(t->set, written))
        return false;
    return bytes_equal(text, written.count ? waf_text_bytes(t->set, t->set->parts[written.first].text) : (struct bytes){0});
}

/* Message, data and tags of an event that had something to hide: what macros may have put there. */
static void hide_texts(const struct waf_transaction *t, struct waf_event *e)
{
    const struct waf_effects *written = &t->set->rules[e->rule].written;
    if (!is_literal(t, written->msg, e->msg))
        hide(&e->msg);
    if (!is_literal(t, written->logdata, e->data))
        hide(&e->data);
    for (size_t i = 0; i < e->tag_count; i++)
        if (i >= written->tags.count || !is_literal(t, t->set->templates[written->tags.first + i], e->tags[i]))
            hide(&e->tags[i]);
}

static bool sanitise_event(struct waf_transaction *t, struct waf_event *e, size_t *searched)
{
    bool hidden = t->sanitised_all;
    for (size_t i = 0; i < e->matched_count; i++) {
        struct waf_matched *m = &e->matched[i];
        if (is_hidden(t, m->variable)) {
            hide(&m->value);
            hidden = true;
        } else if (!cover_bytes(t, &m->value, searched))
            return false;
    }
    if (hidden) {
        hide_texts(t, e);
        return true;
    }
    for (size_t i = 0; i < e->tag_count; i++)
        if (!cover_bytes(t, &e->tags[i], searched))
            return false;
    return cover_bytes(t, &e->msg, searched) && cover_bytes(t, &e->data, searched);
}

_Static_assert(ACTION_SANITISE_RESPONSE_HEADER - ACTION_SANITISE_ARG == 4, "the sanitise actions stand together");

static bool set_sanitises(const struct waf_rule_set *set)
{
    for (uint32_t i = 0; i < set->action_count; i++)
        if (set->actions[i].kind >= ACTION_SANITISE_ARG && set->actions[i].kind <= ACTION_SANITISE_RESPONSE_HEADER)
            return true;
    return false;
}

void sanitise_outcome(struct waf_transaction *t)
{
    size_t searched = 0;
    if (t->out_of_memory) /* what was to be said of it may not have been */
        t->sanitised_all = set_sanitises(t->set);
    for (size_t i = 0; (t->sanitised_count || t->sanitised_all) && i < t->outcome.event_count; i++)
        if (!sanitise_event(t, &t->outcome.events[i], &searched)) {
            t->out_of_memory = t->sanitised_all = true;
            (void)sanitise_event(t, &t->outcome.events[i], &searched); /* needs no memory now */
        }
}
