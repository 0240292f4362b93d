/* SPDX-License-Identifier: Apache-2.0 */
/* Entities of HTML: numbers, and the five names that the peer knows. */
#include <limits.h>

#include "waf/transform/write.h"

static bool is_alnum(uint8_t c)
{
    return is_digit(c) || (lower(c) >= 'a' && lower(c) <= 'z');
}

/* The digits from `i` to `end`; as strtol(), a number too large is LONG_MAX, of which the low byte is taken. */
static uint8_t number(struct bytes in, size_t i, size_t end, long base)
{
    long value = 0;
    for (; i < end; i++)
        if (__builtin_mul_overflow(value, base, &value) ||
            __builtin_add_overflow(value, (long)hex_digit(in.at[i]), &value))
            return (uint8_t)(LONG_MAX & 0xff);
    return (uint8_t)value;
}

static bool name(struct bytes in, size_t i, size_t end, uint8_t *ret)
{
    static const struct {
        const char *name;
        uint8_t is;
    } names[] = {{"quot", '"'}, {"amp", '&'}, {"lt", '<'}, {"gt", '>'}, {"nbsp", 0xa0}};
    for (size_t n = 0; n < sizeof names / sizeof names[0]; n++)
        if (bytes_equal_caseless(bytes_slice(in, i, end - i), bytes_of_text(names[n].name))) {
            *ret = names[n].is;
            return true;
        }
    return false;
}

/* At '&'. The length of the entity with its semicolon, or 0 and in *ret_copy how much goes through as it is. */
static size_t entity(struct bytes in, size_t amp, uint8_t *ret, size_t *ret_copy)
{
    size_t from = amp + 1, end;
    bool hex = false, numeric = byte_at(in, from) == '#';
    if (numeric) {
        from++;
        hex = lower(byte_at(in, from)) == 'x';
        from += hex;
    }
    for (end = from; end < in.len; end++)
        if (numeric ? !(hex ? is_hex(in.at[end]) : is_digit(in.at[end])) : !is_alnum(in.at[end]))
            break;
    *ret_copy = numeric ? from - amp : end - amp;
    if (end == from)
        return 0;
    if (numeric)
        *ret = number(in, from, end, hex ? 16 : 10);
    else if (!name(in, from, end, ret))
        return 0;
    return end + (byte_at(in, end) == ';') - amp;
}

size_t write_html_entity_decode(struct bytes in, const struct unicode_map *map, uint8_t *out)
{
    size_t n = 0;
    for (size_t i = 0; i < in.len;) {
        uint8_t byte = 0;
        size_t copy = run_without(in, i, '&', '&'), len = copy ? 0 : entity(in, i, &byte, &copy);
        if (len)
            out[n++] = byte;
        else {
            memcpy(out + n, in.at + i, copy);
            n += copy;
        }
        i += len ? len : copy;
    }
    return n;
}
