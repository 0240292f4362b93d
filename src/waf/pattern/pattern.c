/* SPDX-License-Identifier: Apache-2.0 */
/* An expression to its tree. pcre2pattern(3). */
#include "waf/pattern/reader.h"

#define DEPTH_MAX 200
#define NO_END UINT32_MAX

/* [[:<:]] and [[:>:]] look like classes, and are where a word begins and ends. */
static bool take_word_end(struct reader *r)
{
    return take(r, "[[:<:]]") || take(r, "[[:>:]]");
}

static struct node *read_atom(struct reader *r)
{
    struct byte_set s = {0};
    uint8_t c;
    if (!r->quoted && take_word_end(r))
        return node_new(r, NODE_NOTHING);
    if (!cursor_u8(&r->c, &c))
        return NULL;
    if (r->quoted)
        return one_byte(r, c);
    switch (c) {
    case '(':
        return read_group(r);
    case '[':
        return class_read(&r->c, r->options.all_spaced, &s) ? byte_node(r, s) : NULL;
    case '\\':
        return read_escape(r);
    case '^':
        return node_new(r, NODE_LINE);
    case '$':
        return node_new(r, NODE_NOTHING);
    case '.':
        set_add(&s, 0, 255);
        return byte_node(r, s);
    default:
        return one_byte(r, c);
    }
}

/* `{2}`, `{2,}`, `{2,5}`; anything else in braces is itself. */
static bool read_braces(struct reader *r, uint32_t *ret_least, uint32_t *ret_most)
{
    size_t from = r->c.at;
    uint64_t numbers[2] = {0, 0};
    size_t digits[2] = {0, 0}, which = 0;
    uint8_t c = 0;
    if (!take(r, "{"))
        return false;
    while (cursor_u8(&r->c, &c) && c != '}') {
        if (c == ',' && which == 0)
            which = 1;
        else if (c >= '0' && c <= '9' && digits[which] < 6) {
            numbers[which] = numbers[which] * 10 + (uint64_t)(c - '0');
            digits[which]++;
        } else
            digits[0] = SIZE_MAX / 2;
    }
    if (!digits[0] || digits[0] > 6 || c != '}') {
        r->c.at = from;
        return false;
    }
    *ret_least = (uint32_t)numbers[0];
    *ret_most = which == 0 ? *ret_least : digits[1] ? (uint32_t)numbers[1] : NO_END;
    return true;
}

static bool read_quantifier(struct reader *r, uint32_t *ret_least, uint32_t *ret_most)
{
    *ret_least = 0;
    *ret_most = NO_END;
    bool there = take(r, "*");
    if (!there && take(r, "+")) {
        *ret_least = 1;
        there = true;
    }
    if (!there && take(r, "?")) {
        *ret_most = 1;
        there = true;
    }
    if (!there && !read_braces(r, ret_least, ret_most))
        return false;
    (void)(take(r, "?") || take(r, "+")); /* lazy, possessive: how it is searched for */
    return true;
}

/* Up to the comment's end, where there is one. */
static bool take_comment(struct reader *r, const char *begin, uint8_t end)
{
    size_t from = r->c.at;
    struct bytes comment;
    if (take(r, begin) && read_until(r, end, &comment))
        return true;
    r->c.at = from;
    return false;
}

/* A blank or a comment of (?x). The last comment needs no line end. */
static bool take_blank(struct reader *r)
{
    if (!r->options.spaced || !cursor_left(&r->c) || !memchr(" \t\r\n\v\f#", peek(r, 0), 7))
        return false;
    if (peek(r, 0) != '#')
        return cursor_skip(&r->c, 1);
    return take_comment(r, "#", '\n') || cursor_skip(&r->c, cursor_left(&r->c));
}

/* What is nothing, not even between an atom and its quantifier: comments, \Q and \E. */
static void skip_marks(struct reader *r)
{
    for (;;)
        if (take(r, "\\E"))
            r->quoted = false;
        else if (!r->quoted && take(r, "\\Q"))
            r->quoted = true;
        else if (r->quoted || !(take_blank(r) || take_comment(r, "(?#", ')')))
            return;
}

static struct node *read_repeated(struct reader *r)
{
    size_t from = r->c.at;
    struct node *n = read_atom(r);
    uint32_t least, most;
    for (skip_marks(r); n && !r->quoted && read_quantifier(r, &least, &most); skip_marks(r)) {
        struct node *many = node_new(r, NODE_REPEAT);
        if (!many)
            return NULL;
        many->child = n;
        many->least = least;
        many->most = most < least ? least : most;
        many->from = from;
        many->to = r->c.at;
        n = many;
    }
    return n;
}

static struct node *read_sequence(struct reader *r)
{
    struct node *all = node_new(r, NODE_SEQUENCE), **end = all ? &all->child : NULL;
    if (all)
        all->from = r->c.at;
    for (skip_marks(r); end && cursor_left(&r->c) && (r->quoted || (peek(r, 0) != '|' && peek(r, 0) != ')')); skip_marks(r)) {
        *end = read_repeated(r);
        end = *end ? &(*end)->next : NULL;
    }
    if (all)
        all->to = r->c.at;
    return end ? all : NULL;
}

static struct node *read_alternatives(struct reader *r, bool same_numbers)
{
    struct node *all = node_new(r, NODE_CHOICE), **end = all ? &all->child : NULL;
    uint32_t first = r->groups, most = first;
    if (!end)
        return NULL;
    do {
        r->groups = same_numbers ? first : r->groups;
        *end = read_sequence(r);
        end = *end ? &(*end)->next : NULL;
        most = r->groups > most ? r->groups : most;
        all->number++;
    } while (end && take(r, "|"));
    r->groups = most;
    return end ? all : NULL;
}

/* Options that are set in a group end with it. */
struct node *read_choice(struct reader *r, bool same_numbers)
{
    struct read_options outer = r->options;
    if (r->depth == DEPTH_MAX)
        return NULL;
    r->depth++;
    struct node *all = read_alternatives(r, same_numbers);
    r->depth--;
    r->options = outer;
    return all;
}

/* An option x, or ^ for none, of the "(?" behind which this stands. */
static bool changes_blanks(struct bytes options)
{
    size_t i = 0;
    while (i < options.len && (byte_is_alnum(options.at[i]) || options.at[i] == '-') && options.at[i] != 'x')
        i++;
    return i < options.len && (options.at[i] == 'x' || options.at[i] == '^');
}

bool pattern_may_skip_blanks(struct bytes e)
{
    for (size_t i = 0; i + 2 < e.len; i++)
        if (e.at[i] == '(' && e.at[i + 1] == '?' && changes_blanks(bytes_slice(e, i + 2, e.len)))
            return true;
    return false;
}

/* What looks like one of these is taken for one. */
static bool is_inexact(struct bytes e)
{
    static const char *const odd[] = {"(*", "{,", "\\C", "\\Q", "\\E"};
    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++)
        if (e.len && memmem(e.at, e.len, odd[i], 2))
            return true;
    return pattern_may_skip_blanks(e);
}

const struct pattern_tree *pattern_read(struct bytes expression, struct arena *a)
{
    struct reader r = {.c = cursor_over(expression), .arena = a};
    struct pattern_tree *p = arena_alloc(a, sizeof *p);
    if (!p)
        return NULL;
    p->root = read_choice(&r, false);
    p->is_inexact = is_inexact(expression);
    p->is_tied = r.tied;
    p->expression = expression;
    p->front = r.front;
    return p->root && !cursor_left(&r.c) && references_resolve(&r, p->root) ? p : NULL;
}
