/* SPDX-License-Identifier: Apache-2.0 */
#include "waf/operator/text.h"

#include "base/find.h"

static bool matched(size_t offset, size_t length, struct match *ret)
{
    *ret = (struct match){offset, length};
    return true;
}

/* Offset of `needle` in `b` at or after `from`; false when there is none. */
static bool find(struct bytes b, struct bytes needle, size_t from, size_t *ret)
{
    if (from > b.len || needle.len > b.len - from)
        return false;
    size_t at = needle.len ? bytes_find(bytes_slice(b, from, b.len), needle) : 0;
    *ret = from + at;
    return at != FOUND_NOWHERE;
}

bool text_begins_with(struct bytes value, struct bytes argument, struct match *ret)
{
    return bytes_equal(bytes_slice(value, 0, argument.len), argument) && matched(0, argument.len, ret);
}

bool text_ends_with(struct bytes value, struct bytes argument, struct match *ret)
{
    if (argument.len > value.len)
        return false;
    size_t at = value.len - argument.len;
    return bytes_equal(bytes_slice(value, at, argument.len), argument) && matched(at, argument.len, ret);
}

bool text_contains(struct bytes value, struct bytes argument, struct match *ret)
{
    size_t at;
    return find(value, argument, 0, &at) && matched(at, argument.len, ret);
}

static bool is_letter(uint8_t c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

bool text_contains_word(struct bytes value, struct bytes argument, struct match *ret)
{
    if (argument.len == 0)
        return matched(0, 0, ret);
    for (size_t at = 0; find(value, argument, at, &at); at++) {
        size_t end = at + argument.len;
        if ((at == 0 || !is_letter(value.at[at - 1])) && (end == value.len || !is_letter(value.at[end])))
            return matched(at, argument.len, ret);
    }
    return false;
}

bool text_equals(struct bytes value, struct bytes argument, struct match *ret)
{
    return bytes_equal(value, argument) && matched(0, value.len, ret);
}

bool text_within(struct bytes value, struct bytes argument, struct match *ret)
{
    size_t at;
    return find(argument, value, 0, &at) && matched(0, value.len, ret);
}
