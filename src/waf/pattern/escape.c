/* SPDX-License-Identifier: Apache-2.0 */
/* What a backslash begins, outside of classes. pcre2pattern(3), "Backslash", "Backreferences". */
#include "waf/pattern/reader.h"

/* A number: of a group, when there are as many or it can be nothing else; in base 8 that of a byte. */
static struct node *read_number(struct reader *r)
{
    uint32_t n = 0;
    size_t digits = 0;
    uint8_t first = peek(r, 0), byte;
    for (uint8_t c; digits < 6 && (c = peek(r, digits)) >= '0' && c <= '9'; digits++)
        n = n * 10 + (uint32_t)(c - '0');
    if (n >= 10 && first < '8' && n > r->groups)
        return escaped_byte(&r->c, &byte) ? one_byte(r, byte) : NULL;
    struct bytes number;
    return cursor_read(&r->c, digits, &number) ? read_reference(r, NODE_AGAIN, number) : NULL;
}

/* Behind \k or \g, what brackets of the kind hold. */
static bool read_bracketed(struct reader *r, const char *open, uint8_t close, struct bytes *ret)
{
    return take(r, open) && read_until(r, close, ret);
}

/* \k{name} \k<name> \k'name' */
static struct node *read_named(struct reader *r)
{
    struct bytes name;
    bool ok = read_bracketed(r, "{", '}', &name) || read_bracketed(r, "<", '>', &name) || read_bracketed(r, "'", '\'', &name);
    return ok ? read_reference(r, NODE_AGAIN, name) : NULL;
}

/* \g1 \g{-1} \g{name} are what a group was; \g<1> \g'name' call it. */
static struct node *read_general(struct reader *r)
{
    struct bytes group;
    if (read_bracketed(r, "<", '>', &group) || read_bracketed(r, "'", '\'', &group))
        return read_reference(r, NODE_CALL, group);
    if (read_bracketed(r, "{", '}', &group))
        return read_reference(r, NODE_AGAIN, group);
    size_t len = peek(r, 0) == '-' || peek(r, 0) == '+';
    while (peek(r, len) >= '0' && peek(r, len) <= '9')
        len++;
    return cursor_read(&r->c, len, &group) ? read_reference(r, NODE_AGAIN, group) : NULL;
}

struct node *read_escape(struct reader *r)
{
    struct byte_set s;
    uint8_t c = peek(r, 0);
    if (c && strchr("bBAzZGK", c))
        return cursor_skip(&r->c, 1) ? node_new(r, NODE_NOTHING) : NULL;
    if (take(r, "k"))
        return read_named(r);
    if (take(r, "g"))
        return read_general(r);
    if (c >= '1' && c <= '9')
        return read_number(r);
    if (c == 'p' || c == 'P')
        return class_of_property(&r->c, &s) ? byte_node(r, s) : NULL;
    if (c == 'N' && peek(r, 1) == '{') /* a character by its number: of texts in UTF-8 alone */
        return NULL;
    if (class_of_letter(c, &s))
        return cursor_skip(&r->c, 1) ? byte_node(r, s) : NULL;
    return escaped_byte(&r->c, &c) ? one_byte(r, c) : NULL;
}
