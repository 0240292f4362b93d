/* SPDX-License-Identifier: Apache-2.0 */
#include "waf/detect/sql_token.h"

enum { SPACE = 1, LETTER = 2, DIGIT = 4, HEX = 8, WORD = LETTER | DIGIT, INSIDE = 16, MAYBE = 32 };
/* INSIDE: always part of the word that it stands in; MAYBE: where it depends on what is beside it, or on the dialect. */

static const uint8_t kinds[256] = {
    [0 ... ' '] = SPACE,
    ['0' ... '9'] = DIGIT | HEX | INSIDE,
    ['A' ... 'F'] = LETTER | HEX | INSIDE,
    ['G' ... 'Z'] = LETTER | INSIDE,
    ['a' ... 'f'] = LETTER | HEX | INSIDE,
    ['g' ... 'z'] = LETTER | INSIDE,
    ['_'] = LETTER | INSIDE,
    ['$'] = INSIDE,
    [0x7f] = SPACE,
    [0x80 ... 0xff] = LETTER | MAYBE,
    ['.'] = MAYBE,
    ['#'] = MAYBE,
};

struct sql_tokens sql_tokens_over(struct bytes value, enum sql_dialect dialect)
{
    return (struct sql_tokens){.left = cursor_over(value), .dialect = dialect};
}

/* Asked only where the answer decides. */
static bool is_read_as(struct sql_tokens *t, enum sql_dialect dialect)
{
    t->differs = true;
    return t->dialect == dialect;
}

/* The byte `ahead` of the cursor; NUL, which is white space, behind the end. */
static uint8_t peek(const struct sql_tokens *t, size_t ahead)
{
    return ahead < cursor_left(&t->left) ? t->left.all.at[t->left.at + ahead] : 0;
}

static void advance(struct sql_tokens *t, size_t n)
{
    if (!cursor_skip(&t->left, n))
        t->left.at = t->left.all.len;
}

static size_t span(const struct sql_tokens *t, size_t from, uint8_t kind)
{
    const uint8_t *at = t->left.all.at + t->left.at;
    size_t left = cursor_left(&t->left);
    while (from < left && kinds[at[from]] & kind)
        from++;
    return from;
}

/* How far the first `end` is, and behind it; false when there is none. */
static bool find(const struct sql_tokens *t, size_t from, struct bytes end, size_t *ret)
{
    if (from > cursor_left(&t->left))
        return false;
    struct bytes rest = bytes_slice(t->left.all, t->left.at + from, SIZE_MAX);
    const uint8_t *found = rest.len ? memmem(rest.at, rest.len, end.at, end.len) : NULL;
    if (!found)
        return false;
    *ret = from + (size_t)(found - rest.at) + end.len;
    return true;
}

static struct sql_token take(struct sql_tokens *t, enum sql_class class, size_t len)
{
    size_t left = cursor_left(&t->left);
    struct sql_token token = {.class = class, .word = SQL_W_NONE, .at = t->left.at, .len = len < left ? len : left};
    t->left.at += token.len;
    return token;
}

/* Behind the quote that ends the string; a doubled one is part of it, and an escaped one in MySQL. */
static struct sql_token quoted(struct sql_tokens *t, size_t from, uint8_t quote, enum sql_class class)
{
    size_t left = cursor_left(&t->left);
    for (size_t i = from; i < left; i++) {
        uint8_t c = peek(t, i);
        if (c == '\\' && quote != '`' && is_read_as(t, SQL_MYSQL))
            i++;
        else if (c == quote && i + 1 < left && peek(t, i + 1) == quote)
            i++;
        else if (c == quote)
            return take(t, class, i + 1);
    }
    struct sql_token token = take(t, class, left);
    token.open = true;
    return token;
}

bool sql_tokens_close_string(struct sql_tokens *t, char quote, struct sql_token *ret)
{
    *ret = quoted(t, 0, (uint8_t)quote, SQL_STRING);
    return !ret->open;
}

/* U+00A0 and its Latin-1 byte are white space for MySQL; within a word the byte belongs to a longer character. */
static bool no_break_space(const struct sql_tokens *t, size_t at)
{
    return peek(t, at) == 0xa0 || (peek(t, at) == 0xc2 && peek(t, at + 1) == 0xa0);
}

static size_t word_length(struct sql_tokens *t, size_t from)
{
    size_t i = from;
    for (;; i++) {
        i = span(t, i, INSIDE);
        uint8_t c = peek(t, i);
        if (!(kinds[c] & MAYBE))
            return i;
        bool inside = kinds[c] & WORD || c == '#' || (c == '.' && i > from && kinds[peek(t, i + 1)] & LETTER);
        if (i >= cursor_left(&t->left) || !inside)
            return i;
        if (c >= 0x80 && no_break_space(t, i) && i > from && peek(t, i - 1) < 0x80)
            return i;
        if (c == '#' && !is_read_as(t, SQL_ANSI))
            return i;
    }
}

static uint8_t lower(uint8_t c)
{
    return c >= 'A' && c <= 'Z' ? (uint8_t)(c | 0x20) : c;
}

/* q'[...]' of Oracle. */
static struct sql_token oracle_string(struct sql_tokens *t, size_t open)
{
    uint8_t c = peek(t, open + 1);
    uint8_t end[2] = {c == '[' ? ']' : c == '(' ? ')' : c == '{' ? '}' : c == '<' ? '>' : c, '\''};
    size_t len;
    if (find(t, open + 2, bytes_of(end, 2), &len))
        return take(t, SQL_STRING, len);
    struct sql_token token = take(t, SQL_STRING, SIZE_MAX);
    token.open = true;
    return token;
}

static struct sql_token word(struct sql_tokens *t)
{
    size_t len = word_length(t, 0);
    uint8_t first = lower(peek(t, 0));
    if (peek(t, len) == '\'') { /* N'', X'', B'', E'', _utf8'', Q'[]' */
        if (len == 1 && first == 'q')
            return oracle_string(t, len);
        if ((len == 1 && memchr("nxbe", first, 4)) || first == '_')
            return quoted(t, len + 1, '\'', SQL_STRING);
    }
    enum sql_class class;
    enum sql_word word = sql_word_find(bytes_slice(t->left.all, t->left.at, len), &class);
    struct sql_token token = take(t, class, len);
    token.word = word;
    return token;
}

/* A number, or a name that begins with a digit (as MySQL has them) unless a keyword touches the number. */
static struct sql_token number(struct sql_tokens *t)
{
    size_t len;
    uint8_t second = lower(peek(t, 1));
    if (peek(t, 0) == '0' && second == 'x')
        len = span(t, 2, HEX);
    else {
        len = span(t, 0, DIGIT);
        if (peek(t, len) == '.')
            len = span(t, len + 1, DIGIT);
        if (lower(peek(t, len)) == 'e') {
            size_t sign = peek(t, len + 1) == '+' || peek(t, len + 1) == '-';
            if (kinds[peek(t, len + 1 + sign)] & DIGIT)
                len = span(t, len + 1 + sign, DIGIT);
        }
    }
    if (kinds[peek(t, len)] & LETTER && !no_break_space(t, len)) {
        enum sql_class class;
        size_t end = word_length(t, len);
        sql_word_find(bytes_slice(t->left.all, t->left.at + len, end - len), &class);
        if (class != SQL_LOGIC && class != SQL_UNION && class != SQL_COMPARE && class != SQL_CLAUSE)
            return take(t, SQL_NAME, end);
    }
    return take(t, SQL_NUMBER, len);
}

/* $1, $$...$$, $tag$...$tag$ */
static struct sql_token dollar(struct sql_tokens *t)
{
    size_t tag = span(t, 1, WORD);
    if (peek(t, tag) == '$' && !(kinds[peek(t, 1)] & DIGIT)) {
        size_t len;
        struct bytes end = bytes_slice(t->left.all, t->left.at, tag + 1);
        if (find(t, tag + 1, end, &len))
            return take(t, SQL_STRING, len);
        struct sql_token token = take(t, SQL_STRING, SIZE_MAX);
        token.open = true;
        return token;
    }
    if (kinds[peek(t, 1)] & DIGIT)
        return take(t, SQL_NUMBER, peek(t, span(t, 1, DIGIT)) == '.' ? span(t, span(t, 1, DIGIT) + 1, DIGIT) : span(t, 1, DIGIT));
    return take(t, tag > 1 ? SQL_NAME : SQL_OTHER, tag);
}

/* @name, @`name`, @'name', and the bare @ that MySQL reads as a variable without a name */
static struct sql_token variable(struct sql_tokens *t)
{
    size_t at = peek(t, 1) == '@' ? 2 : 1;
    uint8_t quote = peek(t, at);
    if (quote == '`' || quote == '\'' || quote == '"')
        return quoted(t, at + 1, quote, SQL_VARIABLE);
    return take(t, SQL_VARIABLE, word_length(t, at));
}

static struct sql_token bracketed(struct sql_tokens *t)
{
    size_t len;
    if (find(t, 1, bytes_of("]", 1), &len))
        return take(t, SQL_NAME, len);
    return take(t, SQL_OTHER, 1);
}

/* Those of one character, and what two or three of them make. */
static const uint8_t single_operators[256] = {
    ['='] = SQL_COMPARE, ['<'] = SQL_COMPARE, ['>'] = SQL_COMPARE, ['+'] = SQL_SIGN, ['-'] = SQL_SIGN, ['*'] = SQL_STAR,
    ['/'] = SQL_ARITHMETIC, ['%'] = SQL_ARITHMETIC, ['^'] = SQL_ARITHMETIC, ['|'] = SQL_ARITHMETIC, ['&'] = SQL_ARITHMETIC,
    ['#'] = SQL_ARITHMETIC, ['!'] = SQL_PREFIX, ['~'] = SQL_PREFIX, ['('] = SQL_OPEN, [')'] = SQL_CLOSE, [','] = SQL_COMMA,
    [';'] = SQL_SEMICOLON, ['.'] = SQL_DOT, ['{'] = SQL_BRACE, ['}'] = SQL_BRACE_END,
};

static const struct {
    char text[4];
    char class;
} longer_operators[] = { /* longer ones first */
    {"<=>", SQL_COMPARE}, {"!~*", SQL_COMPARE}, {"->>", SQL_ARITHMETIC}, {"||", SQL_LOGIC}, {"&&", SQL_LOGIC},
    {"<>", SQL_COMPARE}, {"!=", SQL_COMPARE}, {"<=", SQL_COMPARE}, {">=", SQL_COMPARE}, {"!<", SQL_COMPARE},
    {"!>", SQL_COMPARE}, {"==", SQL_COMPARE}, {"^=", SQL_COMPARE}, {":=", SQL_COMPARE}, {"!~", SQL_COMPARE},
    {"~*", SQL_COMPARE}, {"<<", SQL_ARITHMETIC}, {">>", SQL_ARITHMETIC}, {"->", SQL_ARITHMETIC}, {"::", SQL_ARITHMETIC},
};

static struct sql_token operator(struct sql_tokens *t)
{
    uint8_t c = peek(t, 0), second = peek(t, 1);
    if (second == ':' || second == '|' || second == '&' || single_operators[second] == SQL_COMPARE || second == '~' || second == '*') {
        for (size_t i = 0; i < sizeof longer_operators / sizeof longer_operators[0]; i++) {
            size_t len = strlen(longer_operators[i].text);
            if (c == (uint8_t)longer_operators[i].text[0] && len <= cursor_left(&t->left) &&
                memcmp(t->left.all.at + t->left.at, longer_operators[i].text, len) == 0)
                return take(t, (enum sql_class)longer_operators[i].class, len);
        }
    }
    return take(t, single_operators[c] ? (enum sql_class)single_operators[c] : SQL_OTHER, 1);
}

/* A path or \N: no database has more to say of it than that it is a name. */
static struct sql_token backslashed(struct sql_tokens *t)
{
    size_t i = 0;
    while (peek(t, i) == '\\')
        i++;
    return take(t, kinds[peek(t, i)] & LETTER ? SQL_NAME : SQL_OTHER, word_length(t, i));
}

static struct sql_token comment(struct sql_tokens *t)
{
    struct sql_token token = take(t, SQL_COMMENT, SIZE_MAX);
    token.open = true;
    return token;
}

/* White space and comments; true when a comment runs to the end of the value, and is the next token. */
static bool skip_space(struct sql_tokens *t)
{
    for (;;) {
        t->left.at += span(t, 0, SPACE);
        uint8_t c = peek(t, 0), next = peek(t, 1);
        size_t len;
        if (kinds[c] & (INSIDE | SPACE)) /* most tokens; or the end */
            return false;
        if (c >= 0x80 && no_break_space(t, 0))
            advance(t, c == 0xa0 ? 1 : 2);
        else if (c == '/' && next == '*') {
            if (peek(t, 2) == '!' && !is_read_as(t, SQL_ANSI))
                advance(t, span(t, 3, DIGIT)); /* code, for versions from the number on */
            else if (find(t, 2, bytes_of("*/", 2), &len))
                advance(t, len);
            else
                return true;
            t->commented = true;
        } else if (c == '*' && next == '/' && t->commented && !is_read_as(t, SQL_ANSI))
            advance(t, 2); /* the end of such code */
        else if ((c == '-' && next == '-' && (kinds[peek(t, 2)] & SPACE || is_read_as(t, SQL_ANSI))) ||
            (c == '#' && !is_read_as(t, SQL_ANSI))) {
            if (!find(t, 1, bytes_of("\n", 1), &len) || span(t, len, SPACE) == cursor_left(&t->left))
                return true;
            advance(t, len); /* the statement goes on in the next line */
            t->commented = true;
        } else
            return false;
    }
}

struct sql_token sql_tokens_next(struct sql_tokens *t)
{
    if (skip_space(t))
        return comment(t);
    if (cursor_left(&t->left) == 0)
        return take(t, SQL_END, 0);
    uint8_t c = peek(t, 0);
    if (kinds[c] & LETTER)
        return word(t);
    if (kinds[c] & DIGIT || (c == '.' && kinds[peek(t, 1)] & DIGIT))
        return number(t);
    switch (c) {
    case '\'':
    case '"':
        return quoted(t, 1, c, SQL_STRING);
    case '`':
        return quoted(t, 1, c, SQL_NAME);
    case '$':
        return dollar(t);
    case '@':
        return variable(t);
    case '[':
        return bracketed(t);
    case '\\':
        return backslashed(t);
    default:
        return operator(t);
    }
}
