/* SPDX-License-Identifier: Apache-2.0 */
#include "waf/detect/html_token.h"

enum { SPACE = 1, NAME_END = 2, LETTER = 4 };

static const uint8_t kinds[256] = {
    ['\t'] = SPACE | NAME_END,
    ['\n'] = SPACE | NAME_END,
    ['\f'] = SPACE | NAME_END,
    ['\r'] = SPACE | NAME_END,
    [' '] = SPACE | NAME_END,
    ['/'] = NAME_END,
    ['>'] = NAME_END,
    ['A' ... 'Z'] = LETTER,
    ['a' ... 'z'] = LETTER,
};

static uint8_t peek(const struct html_tokens *t, size_t ahead)
{
    return ahead < cursor_left(&t->left) ? t->left.all.at[t->left.at + ahead] : 0;
}

static bool is(const struct html_tokens *t, size_t ahead, uint8_t kind)
{
    return kinds[peek(t, ahead)] & kind;
}

/* The next `n` bytes, or all there are. */
static struct bytes take(struct html_tokens *t, size_t n)
{
    struct bytes b = bytes_slice(t->left.all, t->left.at, n);
    t->left.at += b.len;
    return b;
}

/* The bytes up to `end`, which is skipped; all that is left when there is none. */
static struct bytes take_until(struct html_tokens *t, const char *end)
{
    struct bytes rest = bytes_slice(t->left.all, t->left.at, SIZE_MAX);
    size_t len = strlen(end);
    const uint8_t *found = rest.len ? memmem(rest.at, rest.len, end, len) : NULL;
    if (!found)
        return take(t, SIZE_MAX);
    struct bytes b = take(t, (size_t)(found - rest.at));
    take(t, len);
    return b;
}

static struct bytes take_unquoted(struct html_tokens *t)
{
    size_t n = 0;
    while (n < cursor_left(&t->left) && !is(t, n, SPACE) && peek(t, n) != '>')
        n++;
    return take(t, n);
}

struct html_tokens html_tokens_over(struct bytes value, enum html_state state)
{
    struct html_tokens t = {.left = cursor_over(value), .in_tag = state != HTML_DATA};
    switch (state) {
    case HTML_UNQUOTED:
        take_unquoted(&t);
        break;
    case HTML_SINGLE:
        take_until(&t, "'");
        break;
    case HTML_DOUBLE:
        take_until(&t, "\"");
        break;
    case HTML_BACKQUOTED:
        take_until(&t, "`");
        break;
    case HTML_DATA:
    case HTML_IN_TAG:
        break;
    }
    return t;
}

/* Behind "<!" */
static struct html_token markup_declaration(struct html_tokens *t)
{
    struct html_token token = {.kind = HTML_DECLARATION};
    if (peek(t, 0) != '-' || peek(t, 1) != '-') {
        token.name = take_until(t, ">");
        return token;
    }
    take(t, 2);
    token.kind = HTML_COMMENT;
    if (peek(t, 0) == '>')
        take(t, 1);
    else if (peek(t, 0) == '-' && peek(t, 1) == '>')
        take(t, 2);
    else {
        size_t from = t->left.at;
        token.name = take_until(t, "-->");
        const uint8_t *bang = token.name.len ? memmem(token.name.at, token.name.len, "--!>", 4) : NULL;
        if (bang) { /* ends one too */
            token.name.len = (size_t)(bang - token.name.at);
            t->left.at = from + token.name.len + 4;
        }
    }
    return token;
}

static struct html_token tag(struct html_tokens *t)
{
    struct html_token token = {.kind = HTML_TAG};
    if (peek(t, 0) == '/') {
        take(t, 1);
        token.end_tag = true;
    }
    size_t n = 0;
    while (n < cursor_left(&t->left) && !is(t, n, NAME_END))
        n++;
    token.name = take(t, n);
    token.bare = peek(t, 0) == '>';
    t->in_tag = true;
    t->in_end_tag = token.end_tag;
    return token;
}

/* True when the tag goes on with an attribute. */
static bool attribute(struct html_tokens *t, struct html_token *ret)
{
    while (is(t, 0, SPACE) || (peek(t, 0) == '/' && cursor_left(&t->left)))
        take(t, 1);
    if (peek(t, 0) == '>' || cursor_left(&t->left) == 0) {
        take(t, 1);
        t->in_tag = false;
        return false;
    }
    size_t n = 1; /* a name may begin with an equals sign */
    while (n < cursor_left(&t->left) && !is(t, n, NAME_END) && peek(t, n) != '=')
        n++;
    *ret = (struct html_token){.kind = HTML_ATTRIBUTE, .at = t->left.at, .end_tag = t->in_end_tag};
    ret->name = take(t, n);
    n = 0;
    while (is(t, n, SPACE))
        n++;
    if (peek(t, n) == '=') {
        ret->has_value = true;
        take(t, n + 1);
        while (is(t, 0, SPACE))
            take(t, 1);
        uint8_t quote = peek(t, 0);
        if (quote == '"' || quote == '\'') {
            take(t, 1);
            ret->value = take_until(t, quote == '"' ? "\"" : "'");
        } else
            ret->value = take_unquoted(t);
    } else
        take(t, n);
    ret->len = t->left.at - ret->at;
    return true;
}

struct html_token html_tokens_next(struct html_tokens *t)
{
    struct html_token token = {0};
    if (t->in_tag && attribute(t, &token))
        return token;
    for (;;) {
        take_until(t, "<");
        if (cursor_left(&t->left) == 0)
            return (struct html_token){.kind = HTML_END, .at = t->left.at};
        size_t at = t->left.at - 1;
        uint8_t c = peek(t, 0);
        if (c == '!') {
            take(t, 1);
            token = markup_declaration(t);
        } else if (c == '?') {
            take(t, 1);
            token = (struct html_token){.kind = HTML_INSTRUCTION};
            token.name = take_until(t, ">");
        } else if (c == '/' && !is(t, 1, LETTER)) {
            take_until(t, ">"); /* a bogus comment */
            continue;
        } else if (c == '/' || is(t, 0, LETTER))
            token = tag(t);
        else
            continue;
        token.at = at;
        token.len = t->left.at - at;
        return token;
    }
}
