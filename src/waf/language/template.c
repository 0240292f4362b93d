/* SPDX-License-Identifier: Apache-2.0 */
#include "waf/language/reading.h"

bool is_escaped(struct bytes text, size_t at)
{
    size_t backslashes = 0;
    while (backslashes < at && text.at[at - 1 - backslashes] == '\\')
        backslashes++;
    return backslashes % 2 == 1;
}

static size_t macro_begin(struct bytes text, size_t from)
{
    for (size_t i = from; i + 1 < text.len; i++)
        if (text.at[i] == '%' && text.at[i + 1] == '{' && !is_escaped(text, i))
            return i;
    return text.len;
}

/*
 * Before and behind a macro a part that is nothing but a continuation does not count; where there is other text
 * too, the continuation is part of it, backslash and all. That is how ModSecurity 3 reads it.
 */
static bool only_continues(const struct piece *p)
{
    return p->text.len && memchr(p->text.at, '\n', p->text.len) && piece_trim(*p).text.len == 0;
}

static void add_literal(struct draft *d, const struct piece *p)
{
    if (p->text.len == 0 || only_continues(p))
        return;
    struct waf_text text = draft_text(d, p->text);
    struct waf_part *part = DRAFT_ADD(d, parts);
    if (part)
        part->text = text;
}

/* What stands between %{ and }. */
static bool macro_read(struct draft *d, const struct piece *p)
{
    enum variable variable;
    size_t len;
    if (p->text.len == 0)
        return piece_error(p, "write %{NAME} or %{NAME.KEY}", "the macro is empty");
    if (!variable_read(p, &variable, &len))
        return false;
    struct waf_part made = {.macro = true, .variable = (uint8_t)variable};
    if (len < p->text.len) {
        struct piece selector = piece_slice(p, len + 1, SIZE_MAX);
        if (variable_shapes[variable] == SHAPE_SCALAR)
            return piece_error(&selector, NULL, "%s is one value and takes no key", variable_names[variable]);
        if (selector.text.len == 0)
            return piece_error(p, NULL, "the macro's key is missing");
        size_t n = selector.text.len;
        bool regex = n > 2 && selector.text.at[0] == '/' && selector.text.at[n - 1] == '/';
        made.selector = regex ? SELECTOR_REGEX : SELECTOR_LITERAL;
        made.text = draft_text(d, regex ? bytes_slice(selector.text, 1, n - 2) : selector.text);
    }
    struct waf_part *part = DRAFT_ADD(d, parts);
    if (part)
        *part = made;
    return true;
}

bool template_read(struct draft *d, const struct piece *p, struct waf_template *ret, bool *ret_macros)
{
    size_t first = d->parts.count, at = 0;
    bool ok = true, macros = false;
    while (at < p->text.len) {
        size_t begin = macro_begin(p->text, at);
        struct piece literal = piece_slice(p, at, begin - at);
        add_literal(d, &literal);
        if (begin == p->text.len)
            break;
        struct bytes rest = bytes_slice(p->text, begin + 2, SIZE_MAX);
        const uint8_t *end = rest.len ? memchr(rest.at, '}', rest.len) : NULL;
        if (!end) {
            struct piece all = piece_slice(p, begin, SIZE_MAX);
            ok = piece_error(&all, "where %{ is meant as it stands, write \\%{", "the macro is not closed by a }");
            break;
        }
        size_t len = (size_t)(end - rest.at);
        struct piece inside = piece_slice(p, begin + 2, len);
        ok = macro_read(d, &inside) && ok;
        macros = true;
        at = begin + 2 + len + 1;
    }
    *ret = (struct waf_template){(uint32_t)first, (uint32_t)(d->parts.count - first)};
    if (ret_macros)
        *ret_macros = macros;
    return ok;
}
