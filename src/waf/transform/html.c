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

/* At '&'. The length of the entity with its semicolon, or 0. */
static size_t entity(struct bytes in, size_t amp, uint8_t *ret)
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
    if (end == from)
        return 0;
    if (numeric)
        *ret = number(in, from, end, hex ? 16 : 10);
    else if (!name(in, from, end, ret))
        return 0;
    return end + (byte_at(in, end) == ';') - amp;
}

/* The next '&' from `i` on that may begin an entity: one before '#', or before a letter with which a name begins. */
static size_t find_entity(struct bytes in, size_t i)
{
    static const uint32_t first_letters = 1u << ('q' & 31) | 1u << ('a' & 31) | 1u << ('l' & 31) | 1u << ('g' & 31) | 1u << ('n' & 31);
    for (const uint8_t *at; i + 1 < in.len && (at = memchr(in.at + i, '&', in.len - 1 - i)); i++) {
        i = (size_t)(at - in.at);
        if (at[1] == '#' || (at[1] >= 'A' && first_letters >> (at[1] & 31) & 1))
            return i;
    }
    return in.len;
}

size_t same_html_entity_decode(struct bytes in)
{
    uint8_t ignored;
    size_t i = find_entity(in, 0);
    while (i < in.len && !entity(in, i, &ignored))
        i = find_entity(in, i + 1);
    return i;
}

size_t write_html_entity_decode(struct bytes in, const struct unicode_map *map, uint8_t *out)
{
    size_t n = 0;
    for (size_t i = 0; i < in.len;) {
        size_t next = find_entity(in, i);
        memcpy(out + n, in.at + i, next - i);
        n += next - i;
        i = next;
        if (i == in.len)
            break;
        uint8_t byte = '&';
        size_t len = entity(in, i, &byte);
        out[n++] = len ? byte : '&';
        i += len ? len : 1;
    }
    return n;
}
