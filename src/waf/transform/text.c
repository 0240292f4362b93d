/* SPDX-License-Identifier: Apache-2.0 */
/* Case, white space, NULs, parity bits and the length. */
#include "base/digits.h"
#include "waf/transform/write.h"

size_t write_none(struct bytes in, const struct unicode_map *map, uint8_t *out)
{
    if (in.len)
        memcpy(out, in.at, in.len);
    return in.len;
}

size_t write_length(struct bytes in, const struct unicode_map *map, uint8_t *out)
{
    return digits_put(out, in.len);
}

BLOCK_INLINE uint32_t find_upper(block b, uint32_t *carry)
{
    return block_bits(block_within(b, 'A', 'Z'));
}

BLOCK_INLINE uint32_t find_lower(block b, uint32_t *carry)
{
    return block_bits(block_within(b, 'a', 'z'));
}

BLOCK_INLINE uint32_t find_nothing(block b, uint32_t *carry)
{
    return 0;
}

size_t same_lowercase(struct bytes in)
{
    return block_find(in, 0, find_upper, 0);
}

size_t write_lowercase(struct bytes in, const struct unicode_map *map, uint8_t *out)
{
    return block_copy(in, 0, out, find_nothing, 0, lower_block);
}

size_t same_uppercase(struct bytes in)
{
    return block_find(in, 0, find_lower, 0);
}

BLOCK_INLINE block upper_block(block b)
{
    return b & ~(block_within(b, 'a', 'z') & block_of(0x20));
}

size_t write_uppercase(struct bytes in, const struct unicode_map *map, uint8_t *out)
{
    return block_copy(in, 0, out, find_nothing, 0, upper_block);
}

/* White space that does not stay: other than a blank, or behind one. */
BLOCK_INLINE uint32_t find_superfluous(block b, uint32_t *carry)
{
    uint32_t blanks = block_bits(block_is(b, ' ')), behind = blanks << 1 | *carry;
    *carry = blanks >> (BLOCK - 1);
    return block_bits(block_within(b, '\t', '\r')) | (blanks & behind);
}

size_t same_compress_whitespace(struct bytes in)
{
    size_t from = block_find(in, 0, find_superfluous, 0);
    return from < in.len && from > 0 && in.at[from - 1] == ' ' ? from - 1 : from;
}

size_t write_compress_whitespace(struct bytes in, const struct unicode_map *map, uint8_t *out)
{
    size_t n = 0;
    for (size_t i = 0; i < in.len;) {
        size_t run = block_copy(in, i, out + n, find_superfluous, 0, block_as_it_is);
        bool after_blank = run && in.at[i + run - 1] == ' ';
        n += run;
        i += run;
        if (i < in.len && !after_blank)
            out[n++] = ' ';
        while (i < in.len && is_space(in.at[i]))
            i++;
    }
    return n;
}

/* Both bytes of U+00A0 in UTF-8 go, wherever they stand. */
BLOCK_INLINE uint32_t find_whitespace(block b, uint32_t *carry)
{
    return block_bits(block_is(b, ' ') | block_within(b, '\t', '\r') | block_is(b, 0xa0) | block_is(b, 0xc2));
}

size_t same_remove_whitespace(struct bytes in)
{
    return block_find(in, 0, find_whitespace, 0);
}

/* Leaves out what is found. */
BLOCK_INLINE size_t leave_out(struct bytes in, block_search *search, uint8_t *out)
{
    size_t n = 0;
    for (size_t i = 0; i < in.len; i++) {
        size_t run = block_copy(in, i, out + n, search, 0, block_as_it_is);
        n += run;
        i += run;
    }
    return n;
}

size_t write_remove_whitespace(struct bytes in, const struct unicode_map *map, uint8_t *out)
{
    return leave_out(in, find_whitespace, out);
}

size_t same_remove_nulls(struct bytes in)
{
    return block_find(in, 0, find_nul, 0);
}

size_t write_remove_nulls(struct bytes in, const struct unicode_map *map, uint8_t *out)
{
    return leave_out(in, find_nul, out);
}

size_t same_replace_nulls(struct bytes in)
{
    return block_find(in, 0, find_nul, 0);
}

BLOCK_INLINE block blank_for_nul(block b)
{
    return b | (block_is(b, 0) & block_of(' '));
}

size_t write_replace_nulls(struct bytes in, const struct unicode_map *map, uint8_t *out)
{
    return block_copy(in, 0, out, find_nothing, 0, blank_for_nul);
}

static size_t not_to_trim(struct bytes in, bool left, bool right)
{
    bool stays = !in.len || ((!left || !is_space(in.at[0])) && (!right || !is_space(in.at[in.len - 1])));
    return stays ? in.len : 0;
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

size_t same_trim(struct bytes in)
{
    return not_to_trim(in, true, true);
}

size_t write_trim(struct bytes in, const struct unicode_map *map, uint8_t *out)
{
    return trimmed(in, true, true, out);
}

size_t same_trim_left(struct bytes in)
{
    return not_to_trim(in, true, false);
}

size_t write_trim_left(struct bytes in, const struct unicode_map *map, uint8_t *out)
{
    return trimmed(in, true, false, out);
}

size_t same_trim_right(struct bytes in)
{
    return not_to_trim(in, false, true);
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
