/* SPDX-License-Identifier: Apache-2.0 */
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "waf/language/reading.h"

static bool in_name(uint8_t c)
{
    return byte_is_alnum(c) || c == '_';
}

bool variable_read(const struct piece *p, enum variable *ret, size_t *ret_len)
{
    size_t len = 0, index;
    while (len < p->text.len && in_name(p->text.at[len]))
        len++;
    struct piece name = piece_slice(p, 0, len);
    if (len == 0)
        return piece_error(p, NULL, "a variable is missing");
    if (!word_find(name.text, variable_names, VARIABLE_COUNT, &index))
        return unknown_word(&name, "a variable", "", variable_names, VARIABLE_COUNT, refused_variables);
    if (len < p->text.len && p->text.at[len] != ':' && p->text.at[len] != '.') {
        struct piece rest = piece_slice(p, len, SIZE_MAX);
        char shown[40];
        return piece_error(&rest, NULL, "unexpected `%s` after %s", piece_shown(&rest, shown, sizeof shown), variable_names[index]);
    }
    *ret = (enum variable)index;
    *ret_len = len;
    return true;
}

/* Selectors are searched without regard to case, . and $ as everywhere in ModSecurity 3. */
static bool regex_check(const struct piece *p, struct draft *d)
{
    int code;
    size_t offset;
    pcre2_code *compiled = pcre2_compile(p->text.at, p->text.len, PCRE2_CASELESS | PCRE2_DOTALL | PCRE2_MULTILINE | PCRE2_NEVER_UTF, &code, &offset, NULL);
    if (compiled) {
        pcre2_code_free(compiled);
        return true;
    }
    if (code == PCRE2_ERROR_NOMEMORY || code == PCRE2_ERROR_HEAP_FAILED) {
        d->failed = true;
        return false;
    }
    char message[128];
    pcre2_get_error_message(code, (uint8_t *)message, sizeof message);
    struct piece at = piece_slice(p, offset, 1);
    return piece_error(&at, NULL, "the selector is not a regular expression: %s", message);
}

/* What ends a regular expression, and a name, without quotes. */
static bool ends_regex(uint8_t c)
{
    return c == ' ' || c == '=' || c == '|' || c == '\t' || c == '"';
}

static bool ends_literal(uint8_t c)
{
    return c == '"' || c == '|' || c == ',' || c == ' ' || c == '\t' || c == '\n' || c == '}';
}

/* Bytes of a selector /REGEX/ that `text` begins with, 0 when it begins with none. */
static size_t bare_regex(struct bytes text)
{
    size_t found = 0;
    if (text.len == 0 || text.at[0] != '/')
        return 0;
    for (size_t i = 1; i < text.len && !ends_regex(text.at[i]); i++)
        if (text.at[i] == '/' && i > 1)
            found = i + 1;
    return found;
}

/* The same of '/REGEX/', in which | may stand. */
static size_t quoted_regex(struct bytes text)
{
    if (text.len < 5 || text.at[0] != '\'' || text.at[1] != '/')
        return 0;
    for (size_t i = 3; i + 1 < text.len && text.at[i] != '"'; i++)
        if (text.at[i] == '/' && text.at[i + 1] == '\'')
            return i + 2;
    return 0;
}

static size_t literal_length(struct bytes text)
{
    size_t len = 0;
    while (len < text.len && !ends_literal(text.at[len]))
        len++;
    return len;
}

/* The selector that `p` begins with; the longer reading counts, as it does in ModSecurity 3. */
static bool selector_read(struct draft *d, const struct piece *p, struct waf_target *t, size_t *ret_len)
{
    size_t quoted = quoted_regex(p->text), bare = bare_regex(p->text), literal = literal_length(p->text);
    struct piece inside;
    if (quoted) {
        inside = piece_slice(p, 2, quoted - 4);
        *ret_len = quoted;
    } else if (bare && bare >= literal) {
        inside = piece_slice(p, 1, bare - 2);
        *ret_len = bare;
    } else {
        inside = piece_slice(p, 0, literal);
        *ret_len = literal;
        if (literal == 0)
            return piece_error(p, NULL, "the selector is missing");
        bool slashes = literal > 2 && inside.text.at[0] == '/' && inside.text.at[literal - 1] == '/';
        if (slashes || inside.text.at[0] == '\'')
            piece_warning(&inside, "a regular expression is written /.../ without | or =, or '/.../'",
                "the selector is taken as a name, %s and all", slashes ? "slashes" : "quotes");
        t->selector = SELECTOR_LITERAL;
        t->text = draft_text(d, inside.text);
        return true;
    }
    t->selector = SELECTOR_REGEX;
    t->text = draft_text(d, inside.text);
    return regex_check(&inside, d);
}

/* The target that `p` begins with. */
static bool target_begin(struct draft *d, const struct piece *p, struct waf_target *ret, size_t *ret_len)
{
    struct waf_target t = {0};
    size_t at = 0, len;
    enum variable variable;
    while (at < p->text.len && (p->text.at[at] == '!' || p->text.at[at] == '&')) {
        if (at)
            return piece_error(p, NULL, "a target is counted (&) or left out (!), once");
        t.exclusion = p->text.at[at] == '!';
        t.count = !t.exclusion;
        at++;
    }
    /* variable_read looks no further than this target. */
    size_t end = at;
    while (end < p->text.len && !ends_literal(p->text.at[end]))
        end++;
    struct piece head = piece_slice(p, at, end - at);
    if (!variable_read(&head, &variable, &len))
        return false;
    t.variable = (uint8_t)variable;
    at += len;
    if (at < p->text.len && (p->text.at[at] == ':' || p->text.at[at] == '.')) {
        struct piece rest = piece_slice(p, at + 1, SIZE_MAX);
        if (variable_shapes[variable] == SHAPE_SCALAR)
            return piece_error(&head, NULL, "%s is one value and takes no selector", variable_names[variable]);
        if (!selector_read(d, &rest, &t, &len))
            return false;
        at += 1 + len;
    }
    *ret = t;
    *ret_len = at;
    return true;
}

bool target_read(struct draft *d, const struct piece *p, struct waf_target *ret)
{
    size_t len = 0;
    if (!target_begin(d, p, ret, &len))
        return false;
    struct piece rest = piece_slice(p, len, SIZE_MAX);
    char shown[40];
    return rest.text.len == 0 || piece_error(&rest, NULL, "unexpected `%s` after the target", piece_shown(&rest, shown, sizeof shown));
}

static bool is_separator(uint8_t c)
{
    return c == '|' || c == ',';
}

/* After a target that could not be read, the next one is looked for behind the next |. */
static size_t skip_target(struct bytes text, size_t at)
{
    while (at < text.len && text.at[at] != '|')
        at++;
    return at;
}

bool targets_read(struct draft *d, const struct piece *p, struct waf_span *ret)
{
    size_t first = d->targets.count, at = 0;
    bool ok = true;
    for (;;) {
        struct piece rest = piece_slice(p, at, SIZE_MAX), trimmed = piece_trim(rest);
        at = trimmed.at - p->at;
        struct waf_target t;
        size_t len = 0;
        if (target_begin(d, &trimmed, &t, &len)) {
            struct waf_target *made = DRAFT_ADD(d, targets);
            if (made)
                *made = t;
            at += len;
        } else {
            ok = false;
            at = skip_target(p->text, at);
        }
        struct piece after = piece_slice(p, at, SIZE_MAX);
        after = piece_trim(after);
        if (after.text.len == 0)
            break;
        if (!is_separator(after.text.at[0])) {
            char shown[40];
            ok = piece_error(&after, "targets are separated by |", "unexpected `%s` after a target", piece_shown(&after, shown, sizeof shown));
            break;
        }
        at = after.at - p->at + 1;
    }
    *ret = DRAFT_SPAN(d, targets, first);
    return ok;
}
