/* SPDX-License-Identifier: Apache-2.0 */
/* An expression to its tree. pcre2pattern(3). */
#include "waf/pattern/node.h"

#define DEPTH_MAX 200
#define NO_END UINT32_MAX

struct reader {
    struct cursor c;
    struct arena *arena;
    uint32_t groups, depth;
    bool spaced; /* (?x): blanks mean nothing */
};

static struct node *node_new(struct reader *r, uint8_t kind)
{
    struct node *n = arena_alloc(r->arena, sizeof *n);
    if (n)
        n->kind = kind;
    return n;
}

static uint8_t peek(const struct reader *r, size_t ahead)
{
    return cursor_left(&r->c) > ahead ? r->c.all.at[r->c.at + ahead] : 0;
}

static bool take(struct reader *r, const char *text)
{
    struct bytes rest = bytes_slice(r->c.all, r->c.at, strlen(text));
    return bytes_equal(rest, bytes_of_text(text)) && cursor_skip(&r->c, strlen(text));
}

/* To behind `end`. */
static bool skip_past(struct reader *r, uint8_t end)
{
    uint8_t c;
    while (cursor_u8(&r->c, &c))
        if (c == end)
            return true;
    return false;
}

static struct node *read_choice(struct reader *r);

/* Letters of `(?i-s)` or `(?i:`; true when a group follows them. */
static bool read_flags(struct reader *r, bool *ret_group)
{
    uint8_t c;
    for (bool on = true; cursor_u8(&r->c, &c);) {
        if (c == ')' || c == ':') {
            *ret_group = c == ':';
            return true;
        }
        if (c == '-')
            on = false;
        else if (c == 'x')
            r->spaced = on;
        else if (c != '^' && (c < 'A' || c > 'z'))
            return false;
    }
    return false;
}

/* What stands behind `(?`; `*ret_kind` is how the group counts. False: not read here. */
static bool read_group_kind(struct reader *r, uint8_t *ret_kind, bool *ret_group)
{
    *ret_kind = NODE_SEQUENCE;
    *ret_group = true;
    if (take(r, "=") || take(r, "!") || take(r, "<=") || take(r, "<!")) {
        *ret_kind = NODE_NOTHING;
        return true;
    }
    if (take(r, ":") || take(r, ">") || take(r, "|"))
        return true;
    if (take(r, "#")) {
        *ret_group = false;
        return skip_past(r, ')');
    }
    if (take(r, "P<") || take(r, "<")) {
        *ret_kind = NODE_GROUP;
        return skip_past(r, '>');
    }
    if (take(r, "'")) {
        *ret_kind = NODE_GROUP;
        return skip_past(r, '\'');
    }
    return peek(r, 0) != '(' && peek(r, 0) != 'R' && peek(r, 0) != '&' && peek(r, 0) != 'P' && read_flags(r, ret_group);
}

/* Behind the bracket that opens it. */
static struct node *read_group(struct reader *r)
{
    uint8_t kind = NODE_GROUP;
    bool group = true;
    if (take(r, "*")) /* a verb: (*UTF) */
        return skip_past(r, ')') ? node_new(r, NODE_NOTHING) : NULL;
    if (take(r, "?") && !read_group_kind(r, &kind, &group))
        return NULL;
    struct node *n = node_new(r, kind);
    if (!group || !n)
        return n;
    if (kind == NODE_GROUP)
        n->number = ++r->groups;
    struct node *inside = read_choice(r);
    if (!inside || !take(r, ")"))
        return NULL;
    if (kind != NODE_NOTHING)
        n->child = inside;
    return n;
}

static struct node *byte_node(struct reader *r, struct byte_set set)
{
    struct node *n = node_new(r, NODE_BYTE);
    if (n)
        n->set = set;
    return n;
}

static struct node *one_byte(struct reader *r, uint8_t c)
{
    struct byte_set s = {0};
    set_add(&s, c, c);
    return byte_node(r, s);
}

/* \Q...\E */
static struct node *read_quoted(struct reader *r)
{
    struct node *all = node_new(r, NODE_SEQUENCE), **end = all ? &all->child : NULL;
    uint8_t c;
    while (end && !take(r, "\\E") && cursor_u8(&r->c, &c)) {
        *end = one_byte(r, c);
        end = *end ? &(*end)->next : NULL;
    }
    return end ? all : NULL;
}

/* Behind the backslash. */
static struct node *read_escape(struct reader *r)
{
    struct byte_set s;
    uint8_t c = peek(r, 0);
    if (c && strchr("bBAzZGKE", c))
        return cursor_skip(&r->c, 1) ? node_new(r, NODE_NOTHING) : NULL;
    if (take(r, "Q"))
        return read_quoted(r);
    if (c >= '1' && c <= '9') {
        struct node *n = node_new(r, NODE_AGAIN);
        if (n && cursor_skip(&r->c, 1))
            n->number = (uint32_t)(c - '0');
        return n;
    }
    /* properties of Unicode, names of groups, other ways to write a byte */
    if ((c && strchr("pPXkgoc", c)) || (c == 'N' && peek(r, 1) == '{'))
        return NULL;
    if (class_of_letter(c, &s))
        return cursor_skip(&r->c, 1) ? byte_node(r, s) : NULL;
    return escaped_byte(&r->c, &c) ? one_byte(r, c) : NULL;
}

static struct node *read_atom(struct reader *r)
{
    struct byte_set s = {0};
    uint8_t c;
    if (!cursor_u8(&r->c, &c))
        return NULL;
    switch (c) {
    case '(':
        return read_group(r);
    case '[':
        return class_read(&r->c, &s) ? byte_node(r, s) : NULL;
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
    if (!take(r, "{"))
        return false;
    for (uint8_t c; cursor_u8(&r->c, &c) && c != '}';) {
        if (c == ',' && which == 0)
            which = 1;
        else if (c >= '0' && c <= '9' && digits[which] < 6) {
            numbers[which] = numbers[which] * 10 + (uint64_t)(c - '0');
            digits[which]++;
        } else
            digits[0] = SIZE_MAX / 2;
    }
    if (!digits[0] || digits[0] > 6) {
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

static void skip_blanks(struct reader *r)
{
    while (r->spaced && cursor_left(&r->c) && (strchr(" \t\r\n", peek(r, 0)) || peek(r, 0) == '#'))
        if (take(r, "#"))
            (void)skip_past(r, '\n');
        else
            r->c.at++;
}

static struct node *read_repeated(struct reader *r)
{
    struct node *n = read_atom(r);
    uint32_t least, most;
    for (skip_blanks(r); n && read_quantifier(r, &least, &most); skip_blanks(r)) {
        struct node *many = node_new(r, NODE_REPEAT);
        if (!many)
            return NULL;
        many->child = n;
        many->least = least;
        many->most = most < least ? least : most;
        n = many;
    }
    return n;
}

static struct node *read_sequence(struct reader *r)
{
    struct node *all = node_new(r, NODE_SEQUENCE), **end = all ? &all->child : NULL;
    for (skip_blanks(r); end && cursor_left(&r->c) && peek(r, 0) != '|' && peek(r, 0) != ')'; skip_blanks(r)) {
        *end = read_repeated(r);
        end = *end ? &(*end)->next : NULL;
    }
    return end ? all : NULL;
}

static struct node *read_choice(struct reader *r)
{
    struct node *all = node_new(r, NODE_CHOICE), **end = all ? &all->child : NULL;
    bool spaced = r->spaced;
    if (++r->depth > DEPTH_MAX || !end)
        return NULL;
    do {
        *end = read_sequence(r);
        end = *end ? &(*end)->next : NULL;
        all->number++;
    } while (end && take(r, "|"));
    r->depth--;
    r->spaced = spaced;
    return end ? all : NULL;
}

/* An option x, or ^ for none, of the "(?" behind which this stands. */
static bool changes_blanks(struct bytes options)
{
    size_t i = 0;
    while (i < options.len && (byte_is_alnum(options.at[i]) || options.at[i] == '-') && options.at[i] != 'x')
        i++;
    return i < options.len && (options.at[i] == 'x' || options.at[i] == '^');
}

/* What looks like one of these is taken for one. */
static bool is_inexact(struct bytes e)
{
    static const char *const odd[] = {"(*", "{,", "\\C", "\\Q", "\\E"};
    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++)
        if (e.len && memmem(e.at, e.len, odd[i], 2))
            return true;
    for (size_t i = 0; i + 2 < e.len; i++)
        if (e.at[i] == '(' && e.at[i + 1] == '?' && changes_blanks(bytes_slice(e, i + 2, e.len)))
            return true;
    return false;
}

const struct pattern_tree *pattern_read(struct bytes expression, struct arena *a)
{
    struct reader r = {.c = cursor_over(expression), .arena = a};
    struct pattern_tree *p = arena_alloc(a, sizeof *p);
    if (!p)
        return NULL;
    p->root = read_choice(&r);
    p->is_inexact = is_inexact(expression);
    return p->root && !cursor_left(&r.c) ? p : NULL;
}
