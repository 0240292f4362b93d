/* SPDX-License-Identifier: Apache-2.0 */
#include "waf/language/reading.h"

/* Behind the newline that ends the logical line holding `at`; lines that end in a backslash go on. */
static size_t logical_end(struct bytes text, size_t at)
{
    for (; at < text.len; at++) {
        if (text.at[at] != '\n')
            continue;
        size_t before = at;
        if (before && text.at[before - 1] == '\r')
            before--;
        if (!before || text.at[before - 1] != '\\')
            return at + 1;
    }
    return text.len;
}

static size_t skip_blanks(struct bytes text, size_t at)
{
    while (at < text.len && (text.at[at] == ' ' || text.at[at] == '\t' || text.at[at] == '\r'))
        at++;
    return at;
}

/* A rule that was commented out by one # goes with all its lines; any other comment ends with its line. */
static size_t comment_end(struct bytes text, size_t at)
{
    size_t word = skip_blanks(text, at + 1);
    bool rule = bytes_equal(bytes_slice(text, word, 7), bytes_of_text("SecRule")) ||
        bytes_equal(bytes_slice(text, word, 9), bytes_of_text("SecAction"));
    if (rule)
        return logical_end(text, at);
    const uint8_t *newline = memchr(text.at + at, '\n', text.len - at);
    return newline ? (size_t)(newline - text.at) + 1 : text.len;
}

/* The end of a directive: a line that begins with a quote belongs to the one before it. */
static size_t directive_end(struct bytes text, size_t at)
{
    for (;;) {
        at = logical_end(text, at);
        size_t next = skip_blanks(text, at);
        if (next >= text.len || text.at[next] != '"')
            return at;
        at = next;
    }
}

enum argument argument_next(struct piece *rest, struct piece *ret)
{
    *rest = piece_trim(*rest);
    struct bytes t = rest->text;
    if (t.len == 0 || t.at[0] == '#')
        return ARGUMENT_NONE;
    size_t end = 1;
    uint8_t quote = t.at[0];
    if (quote != '"' && quote != '\'') {
        while (end < t.len && !byte_is_space(t.at[end]) && t.at[end] != '"' &&
            !(t.at[end] == '\\' && end + 1 < t.len && (t.at[end + 1] == '\n' || t.at[end + 1] == '\r')))
            end++;
        *ret = piece_slice(rest, 0, end);
        if (end < t.len && t.at[end] == '"') {
            struct piece bad = piece_slice(rest, end, 1);
            piece_error(&bad, "put the whole argument into quotes", "a quote within an argument");
            return ARGUMENT_BAD;
        }
        if (is_escaped(t, end)) {
            piece_error(ret, "put the whole argument into quotes", "an argument that ends in a backslash");
            return ARGUMENT_BAD;
        }
        *rest = piece_slice(rest, end, SIZE_MAX);
        return ARGUMENT_BARE;
    }
    while (end < t.len && (t.at[end] != quote || is_escaped(t, end)))
        end++;
    if (end == t.len) {
        piece_error(rest, "a quote within the text is written with a backslash before it, and so is a line's end",
            "the quote is not closed");
        return ARGUMENT_BAD;
    }
    *ret = piece_slice(rest, 1, end - 1);
    *rest = piece_slice(rest, end + 1, SIZE_MAX);
    for (size_t i = 0; quote == '\'' && i < ret->text.len; i++)
        if (ret->text.at[i] == '"' && !is_escaped(ret->text, i)) {
            struct piece bad = piece_slice(ret, i, 1);
            piece_error(&bad, "write \\\"", "a double quote within single quotes");
            return ARGUMENT_BAD;
        }
    if (rest->text.len && !byte_is_space(rest->text.at[0]) && rest->text.at[0] != '\\' && rest->text.at[0] != '"') {
        char shown[40];
        piece_error(rest, "a quote within the text is written \\\"", "unexpected `%s` after the closing quote", piece_shown(rest, shown, sizeof shown));
        return ARGUMENT_BAD;
    }
    return ARGUMENT_QUOTED;
}

bool argument_take(const struct piece *word, struct piece *rest, const char *what, struct piece *ret)
{
    char shown[60];
    enum argument a = argument_next(rest, ret);
    if (a == ARGUMENT_NONE)
        return piece_error(word, NULL, "%s needs %s", piece_shown(word, shown, sizeof shown), what);
    return a != ARGUMENT_BAD;
}

bool argument_end(struct piece *rest)
{
    struct piece extra;
    char shown[40];
    enum argument a = argument_next(rest, &extra);
    if (a == ARGUMENT_BARE || a == ARGUMENT_QUOTED)
        return piece_error(&extra, NULL, "unexpected `%s`: nothing more belongs here", piece_shown(&extra, shown, sizeof shown));
    return a == ARGUMENT_NONE;
}

/* A block of Apache's, or a line that is nothing at all. */
static void not_a_directive(const struct piece *line)
{
    char shown[60];
    struct piece p = piece_trim(*line);
    if (p.text.at[0] == '<')
        piece_error(&p, "the lines within it are read as if it were not there", "`%s`: Apache's blocks are not part of the language",
            piece_shown(&p, shown, sizeof shown));
    else
        piece_error(&p, NULL, "expected a directive, got `%s`", piece_shown(&p, shown, sizeof shown));
}

void directives_scan(struct reading *r)
{
    struct source *s = r->source;
    struct bytes text = s->text;
    const uint8_t *nul = text.len ? memchr(text.at, 0, text.len) : NULL;
    if (nul) {
        struct piece at = {.source = s, .at = (size_t)(nul - text.at), .text = bytes_of(nul, 1)};
        piece_error(&at, NULL, "a file of rules is text, and this one holds a NUL");
        return;
    }
    for (size_t at = 0; at < text.len;) {
        at = skip_blanks(text, at);
        if (at >= text.len || r->included > INCLUDED_FILES_MAX)
            break;
        uint8_t c = text.at[at];
        if (c == '\n') {
            at++;
            continue;
        }
        if (c == '#') {
            at = comment_end(text, at);
            continue;
        }
        size_t end = directive_end(text, at), len = 0;
        while (at + len < end && (byte_is_alnum(text.at[at + len]) || text.at[at + len] == '_'))
            len++;
        struct piece all = {.source = s, .at = at, .text = bytes_slice(text, at, end - at)};
        struct piece word = piece_slice(&all, 0, len);
        bool continued_blank = len == 0 && piece_trim(all).text.len == 0;
        if (len)
            directive_read(r, &word, piece_slice(&all, len, SIZE_MAX));
        else if (!continued_blank)
            not_a_directive(&all);
        r->source = s; /* an Include changed it */
        at = end;
    }
}
