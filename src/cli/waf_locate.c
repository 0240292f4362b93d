/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/waf_locate.h"

#include <strings.h>

static uint8_t small(uint8_t c)
{
    return c >= 'A' && c <= 'Z' ? (uint8_t)(c + 32) : c;
}

/* Does one byte of the value stand at `at`, encoded or not, in any case? In how many bytes; 0: it does not. */
static size_t byte_at(struct bytes b, size_t at, uint8_t wanted)
{
    if (at >= b.len)
        return 0;
    int high = b.at[at] == '%' && at + 2 < b.len ? hex_value(b.at[at + 1]) : -1, low = high >= 0 ? hex_value(b.at[at + 2]) : -1;
    if (low >= 0 && small((uint8_t)(high << 4 | low)) == small(wanted))
        return 3;
    return small(b.at[at]) == small(wanted) || (wanted == ' ' && b.at[at] == '+');
}

/* Does all of `wanted` stand at `at`? `*ret` is where the part from `offset` on, `length` long, does. */
static bool value_at(struct bytes b, size_t at, struct bytes wanted, size_t offset, size_t length, struct located *ret)
{
    *ret = (struct located){at, at};
    for (size_t i = 0; i < wanted.len; i++) {
        if (i == offset)
            ret->from = at;
        size_t len = byte_at(b, at, wanted.at[i]);
        if (!len)
            return false;
        at += len;
        if (i + 1 == offset + length)
            ret->to = at;
    }
    if (offset >= wanted.len)
        ret->from = at;
    if (ret->to < ret->from || length > wanted.len)
        ret->to = length ? at : ret->from;
    return true;
}

static bool find(struct bytes b, size_t from, size_t to, struct bytes wanted, size_t offset, size_t length, struct located *ret)
{
    for (size_t at = from; at < to; at++)
        if (value_at(b, at, wanted, offset, length, ret))
            return true;
    return false;
}

/* Where the value begins whose name ends at `at`; the end when that is no name. */
static size_t behind_name(struct bytes b, size_t at, size_t to)
{
    bool header = b.at[at] == ':';
    if (!header && b.at[at] != '=')
        return b.len;
    for (at++; header && at < to && (b.at[at] == ' ' || b.at[at] == '\t');)
        at++;
    return at;
}

/* Behind `name` and the byte that divides it from its value. */
static bool find_named(struct bytes b, size_t from, size_t to, struct bytes name, struct bytes wanted, size_t offset, size_t length, struct located *ret)
{
    struct located whole;
    for (size_t at = from; name.len && at < to; at++)
        if ((at == 0 || strchr("?&; \n", b.at[at - 1])) && value_at(b, at, name, 0, name.len, &whole) && whole.to < to &&
            value_at(b, behind_name(b, whole.to, to), wanted, offset, length, ret))
            return true;
    return false;
}

/* ---- where to look */

struct region {
    size_t from, to;
    bool named; /* a value stands behind its name, or it is none: a count */
};

static bool has_prefix(struct bytes b, const char *prefix)
{
    return b.len >= strlen(prefix) && memcmp(b.at, prefix, strlen(prefix)) == 0;
}

static size_t end_of(struct bytes message, const char *what, size_t otherwise)
{
    const uint8_t *found = message.len ? memmem(message.at, message.len, what, strlen(what)) : NULL;
    return found ? (size_t)(found - message.at) : otherwise;
}

enum part {
    PART_LINE = 1, /* the first */
    PART_HEAD = 2, /* the headers: a value has a name there */
    PART_BODY = 4,
};

/* The first that a variable's name begins with. */
static const struct {
    const char *prefix;
    unsigned in; /* enum part, one or several */
} parts[] = {
    {"REQUEST_HEADERS", PART_HEAD}, {"REQUEST_COOKIES", PART_HEAD}, {"RESPONSE_HEADERS", PART_HEAD}, {"RESPONSE_CONTENT_TYPE", PART_HEAD},
    {"AUTH_TYPE", PART_HEAD}, {"SERVER_NAME", PART_HEAD}, {"ARGS_GET", PART_LINE}, {"ARGS_POST", PART_BODY}, {"REQUEST_BODY", PART_BODY},
    {"RESPONSE_BODY", PART_BODY}, {"FILES", PART_BODY}, {"MULTIPART_", PART_BODY}, {"XML", PART_BODY}, {"ARGS", PART_LINE | PART_BODY},
    {"QUERY_STRING", PART_LINE}, {"PATH_INFO", PART_LINE}, {"REQUEST_", PART_LINE}, {"RESPONSE_", PART_LINE}, {"STATUS", PART_LINE},
};

static bool region_of(struct bytes message, struct bytes variable, struct region *ret)
{
    size_t line = end_of(message, "\n", message.len), head = end_of(message, "\n\r\n", end_of(message, "\n\n", message.len));
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        if (!has_prefix(variable, parts[i].prefix))
            continue;
        ret->from = parts[i].in & PART_LINE ? 0 : parts[i].in & PART_HEAD ? line : head;
        ret->to = parts[i].in & PART_BODY ? message.len : parts[i].in & PART_HEAD ? head : line;
        ret->named = (parts[i].in & PART_HEAD) && memchr(variable.at, ':', variable.len) && !memmem(variable.at, variable.len, "_NAMES", 6);
        return true;
    }
    return false;
}

static struct bytes key_of(struct bytes variable)
{
    const uint8_t *colon = memchr(variable.at, ':', variable.len);
    return colon ? bytes_slice(variable, (size_t)(colon - variable.at) + 1, SIZE_MAX) : (struct bytes){0};
}

/* Arguments, cookies and headers have a key, unless they are counted. */
static bool is_count(struct bytes variable)
{
    static const char *const collections[] = {"ARGS", "ARGS_GET", "ARGS_POST", "ARGS_NAMES", "REQUEST_HEADERS", "RESPONSE_HEADERS", "REQUEST_COOKIES", "FILES"};
    for (size_t i = 0; i < sizeof collections / sizeof *collections; i++)
        if (bytes_equal(variable, bytes_of_text(collections[i])))
            return true;
    return false;
}

static bool find_in(struct bytes b, const struct region *r, struct bytes key, struct bytes wanted, size_t offset, size_t length, struct located *ret)
{
    return find_named(b, r->from, r->to, key, wanted, offset, length, ret) || (!r->named && find(b, r->from, r->to, wanted, offset, length, ret));
}

bool waf_locate(struct bytes message, struct bytes variable, struct bytes value, size_t offset, size_t length, struct located *ret)
{
    struct region r;
    if (!value.len || !variable.len || is_count(variable) || !region_of(message, variable, &r))
        return false;
    struct bytes key = key_of(variable), matched = bytes_slice(value, offset, length);
    if (find_in(message, &r, key, value, offset, length, ret))
        return true;
    return matched.len && find_in(message, &r, key, matched, 0, matched.len, ret);
}
