/* SPDX-License-Identifier: Apache-2.0 */
#include "waf/plan/ends.h"

#define BEGIN_TEXT "(?:^|\\xff)"
#define END_TEXT "(?:$|\\xff)"
#define MARK_LEN (sizeof BEGIN_TEXT - 1)
#define DEPTH_MAX 100

enum {
    SEEN_BEGIN = 1,
    SEEN_END = 2,
    SEEN_BOUNDARY = 4,
    SEEN_ENDS = SEEN_BEGIN | SEEN_END,
};

/* What stands on the way to here, of one group: from outside, in this alternative, and in any. */
struct way {
    unsigned before, now, any;
};

struct marking {
    struct bytes e;
    size_t at; /* of what is to be read next */
    char *out;
    size_t len;
    struct way ways[DEPTH_MAX];
    unsigned depth;
};

static uint8_t peek(const struct marking *m, size_t further)
{
    struct bytes rest = bytes_slice(m->e, m->at + further, 1);
    return rest.len ? rest.at[0] : 0;
}

static void copy(struct marking *m, size_t count)
{
    struct bytes piece = bytes_slice(m->e, m->at, count);
    if (piece.len)
        memcpy(m->out + m->len, piece.at, piece.len);
    m->len += piece.len;
    m->at += piece.len;
}

/* The length of the class that begins here: up to the bracket that ends it. */
static size_t class_length(const struct marking *m)
{
    size_t i = 1 + (peek(m, 1) == '^');
    for (i += peek(m, i) == ']'; m->at + i < m->e.len && peek(m, i) != ']'; i++) {
        if (peek(m, i) == '\\') {
            i++;
        } else if (peek(m, i) == '[' && peek(m, i + 1) == ':') {
            struct bytes rest = bytes_slice(m->e, m->at + i, m->e.len);
            const uint8_t *end = memmem(rest.at, rest.len, ":]", 2);
            if (end)
                i += (size_t)(end - rest.at) + 1;
        }
    }
    return i + 1;
}

/* The options of "(?" that begins here have an x, or it is a comment or a condition. */
static bool is_strange_group(const struct marking *m)
{
    if (peek(m, 1) != '?')
        return false;
    if (peek(m, 2) == '#' || peek(m, 2) == '(')
        return true;
    for (size_t i = 2; peek(m, i) >= 'a' && peek(m, i) <= 'z'; i++)
        if (peek(m, i) == 'x')
            return true;
    return false;
}

static bool open_group(struct marking *m)
{
    if (is_strange_group(m) || m->depth + 1 == DEPTH_MAX)
        return false;
    unsigned before = m->ways[m->depth].now;
    m->ways[++m->depth] = (struct way){before, before, 0};
    /* What is behind "(?" is no quantifier, and a letter of it no escape. */
    copy(m, peek(m, 1) == '?' ? 2 : 1);
    return true;
}

static bool close_group(struct marking *m)
{
    if (!m->depth)
        return false;
    struct way *w = &m->ways[m->depth--];
    unsigned in = w->any | w->now;
    m->ways[m->depth].now |= in;
    copy(m, 1);
    return !(in & ~w->before & SEEN_ENDS) || peek(m, 0) != '{';
}

static bool mark(struct marking *m, const char *text, unsigned kind, unsigned not_behind)
{
    struct way *w = &m->ways[m->depth];
    m->at++;
    if (w->now & not_behind || memchr("*+?{", peek(m, 0), 4))
        return false;
    w->now |= kind;
    memcpy(m->out + m->len, text, MARK_LEN);
    m->len += MARK_LEN;
    return true;
}

static bool take_escape(struct marking *m)
{
    struct way *w = &m->ways[m->depth];
    bool boundary = peek(m, 1) == 'b' || peek(m, 1) == 'B';
    if (boundary && w->now & SEEN_END)
        return false;
    if (boundary)
        w->now |= SEEN_BOUNDARY;
    copy(m, 2);
    return true;
}

static bool take_next(struct marking *m)
{
    struct way *w = &m->ways[m->depth];
    switch (peek(m, 0)) {
    case '\\':
        return take_escape(m);
    case '[':
        copy(m, class_length(m));
        return true;
    case '(':
        return open_group(m);
    case ')':
        return close_group(m);
    case '|':
        w->any |= w->now;
        w->now = w->before;
        copy(m, 1);
        return true;
    case '^':
        return mark(m, BEGIN_TEXT, SEEN_BEGIN, SEEN_BEGIN | SEEN_END | SEEN_BOUNDARY);
    case '$':
        return mark(m, END_TEXT, SEEN_END, SEEN_END);
    default:
        copy(m, 1);
        return true;
    }
}

static size_t count_of(struct bytes text, uint8_t byte)
{
    size_t count = 0;
    for (const uint8_t *at = text.at, *end = text.at + text.len; at < end && (at = memchr(at, byte, (size_t)(end - at))); at++)
        count++;
    return count;
}

enum ends_result ends_mark(struct bytes expression, struct arena *a, const char **ret)
{
    struct marking m = {.e = expression};
    size_t marks = count_of(expression, '^') + count_of(expression, '$'), room; /* at most: in a class, or behind a backslash, it is none */
    if (__builtin_mul_overflow(marks, MARK_LEN, &room) || __builtin_add_overflow(room, expression.len, &room) || !(m.out = arena_alloc(a, room + 1)))
        return ENDS_MEMORY;
    *ret = m.out;
    if (!marks) {
        copy(&m, expression.len);
        return ENDS_OK;
    }
    while (m.at < m.e.len)
        if (!take_next(&m))
            return ENDS_NONE;
    return m.depth ? ENDS_NONE : ENDS_OK;
}
