/* SPDX-License-Identifier: Apache-2.0 */
/* Case, white space, NULs, parity bits and the length. */
#include <stdio.h>

#include "waf/transform/write.h"

size_t write_none(struct bytes in, const struct unicode_map *map, uint8_t *out)
{
    if (in.len)
        memcpy(out, in.at, in.len);
    return in.len;
}

size_t write_length(struct bytes in, const struct unicode_map *map, uint8_t *out)
{
    char text[21];
    int n = snprintf(text, sizeof text, "%zu", in.len);
    memcpy(out, text, (size_t)n);
    return (size_t)n;
}

size_t write_lowercase(struct bytes in, const struct unicode_map *map, uint8_t *out)
{
    for (size_t i = 0; i < in.len; i++)
        out[i] = lower(in.at[i]);
    return in.len;
}

size_t write_uppercase(struct bytes in, const struct unicode_map *map, uint8_t *out)
{
    for (size_t i = 0; i < in.len; i++)
        out[i] = in.at[i] >= 'a' && in.at[i] <= 'z' ? in.at[i] & 0xdf : in.at[i];
    return in.len;
}

size_t write_compress_whitespace(struct bytes in, const struct unicode_map *map, uint8_t *out)
{
    size_t n = 0;
    bool after_space = false;
    for (size_t i = 0; i < in.len; i++) {
        bool space = is_space(in.at[i]);
        out[n] = space ? ' ' : in.at[i]; /* overwritten where it is one too many: no branch that text makes unpredictable */
        n += !(space && after_space);
        after_space = space;
    }
    return n;
}

/* Both bytes of U+00A0 in UTF-8 go, wherever they stand. */
size_t write_remove_whitespace(struct bytes in, const struct unicode_map *map, uint8_t *out)
{
    size_t n = 0;
    for (size_t i = 0; i < in.len; i++)
        if (!is_space(in.at[i]) && in.at[i] != 0xa0 && in.at[i] != 0xc2)
            out[n++] = in.at[i];
    return n;
}

size_t write_remove_nulls(struct bytes in, const struct unicode_map *map, uint8_t *out)
{
    size_t n = 0;
    for (size_t i = 0; i < in.len; i++)
        if (in.at[i])
            out[n++] = in.at[i];
    return n;
}

size_t write_replace_nulls(struct bytes in, const struct unicode_map *map, uint8_t *out)
{
    for (size_t i = 0; i < in.len; i++)
        out[i] = in.at[i] ? in.at[i] : ' ';
    return in.len;
}

static size_t trimmed(struct bytes in, bool left, bool right, uint8_t *out)
{
    size_t from = 0, to = in.len;
    while (right && to > 0 && is_space(in.at[to - 1]))
        to--;
    while (left && from < to && is_space(in.at[from]))
        from++;
    if (to > from)
        memcpy(out, in.at + from, to - from);
    return to - from;
}

size_t write_trim(struct bytes in, const struct unicode_map *map, uint8_t *out)
{
    return trimmed(in, true, true, out);
}

size_t write_trim_left(struct bytes in, const struct unicode_map *map, uint8_t *out)
{
    return trimmed(in, true, false, out);
}

size_t write_trim_right(struct bytes in, const struct unicode_map *map, uint8_t *out)
{
    return trimmed(in, false, true, out);
}

/*
 * The peer counts the parity of all eight bits, not of the seven that stay: a byte whose top bit is set gets the
 * opposite bit of its twin.
 */
static size_t parity(struct bytes in, unsigned odd, uint8_t *out)
{
    for (size_t i = 0; i < in.len; i++) {
        unsigned ones = (unsigned)__builtin_popcount(in.at[i]);
        out[i] = (uint8_t)((in.at[i] & 0x7fu) | (((ones & 1u) ^ odd) << 7));
    }
    return in.len;
}

size_t write_parity_even_7bit(struct bytes in, const struct unicode_map *map, uint8_t *out)
{
    return parity(in, 0, out);
}

size_t write_parity_odd_7bit(struct bytes in, const struct unicode_map *map, uint8_t *out)
{
    return parity(in, 1, out);
}

size_t write_parity_zero_7bit(struct bytes in, const struct unicode_map *map, uint8_t *out)
{
    for (size_t i = 0; i < in.len; i++)
        out[i] = in.at[i] & 0x7f;
    return in.len;
}
