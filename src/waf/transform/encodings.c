/* SPDX-License-Identifier: Apache-2.0 */
/* Base64 (RFC 4648), strict and forgiving, and hexadecimal. */
#include "waf/transform/write.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* What each digit stands for, shifted to where it goes as the first to the fourth of four; NO_DIGIT of what is none. */
#define NO_DIGIT (UINT32_C(1) << 31)
#define ONE(c, value, shift) [c] = (uint32_t)(value) << (shift)
#define FOUR(c, v, s) ONE(c, v, s), ONE((c) + 1, (v) + 1, s), ONE((c) + 2, (v) + 2, s), ONE((c) + 3, (v) + 3, s)
#define DIGITS(s)                                                                                                        \
    [0 ... '+' - 1] = NO_DIGIT, ONE('+', 62, s), ['+' + 1 ... '/' - 1] = NO_DIGIT, ONE('/', 63, s), FOUR('0', 52, s),     \
    FOUR('4', 56, s), ONE('8', 60, s), ONE('9', 61, s), ['9' + 1 ... 'A' - 1] = NO_DIGIT, FOUR('A', 0, s), FOUR('E', 4, s), \
    FOUR('I', 8, s), FOUR('M', 12, s), FOUR('Q', 16, s), FOUR('U', 20, s), ONE('Y', 24, s), ONE('Z', 25, s),              \
    ['Z' + 1 ... 'a' - 1] = NO_DIGIT, FOUR('a', 26, s), FOUR('e', 30, s), FOUR('i', 34, s), FOUR('m', 38, s),             \
    FOUR('q', 42, s), FOUR('u', 46, s), ONE('y', 50, s), ONE('z', 51, s), ['z' + 1 ... 255] = NO_DIGIT

static const uint32_t digits_at[4][256] = {{DIGITS(18)}, {DIGITS(12)}, {DIGITS(6)}, {DIGITS(0)}};

static int sextet(uint8_t c)
{
    uint32_t value = digits_at[3][c];
    return value == NO_DIGIT ? -1 : (int)value;
}

size_t write_base64_encode(struct bytes in, const struct unicode_map *map, uint8_t *out)
{
    size_t n = 0;
    for (size_t i = 0; i < in.len; i += 3) {
        uint32_t x = (uint32_t)in.at[i] << 16 | (uint32_t)byte_at(in, i + 1) << 8 | byte_at(in, i + 2);
        out[n++] = (uint8_t)alphabet[x >> 18];
        out[n++] = (uint8_t)alphabet[x >> 12 & 63];
        out[n++] = i + 1 < in.len ? (uint8_t)alphabet[x >> 6 & 63] : '=';
        out[n++] = i + 2 < in.len ? (uint8_t)alphabet[x & 63] : '=';
    }
    return n;
}

/* Only digits, then at most two '='; line ends anywhere, spaces only before a line end or at the very end. */
static bool is_base64(struct bytes in)
{
    size_t pads = 0;
    for (size_t i = 0; i < in.len; i++) {
        bool spaces = false;
        for (; i < in.len && in.at[i] == ' '; i++)
            spaces = true;
        if (i == in.len)
            return true;
        if (in.at[i] == '\n' || (in.at[i] == '\r' && byte_at(in, i + 1) == '\n'))
            continue;
        if (spaces || (in.at[i] == '=' ? ++pads > 2 : sextet(in.at[i]) < 0 || pads))
            return false;
    }
    return true;
}

/* As many whole fours of digits as there are at the beginning, each to three bytes at `out`; returns how many digits. */
static size_t decode_fours(struct bytes in, uint8_t *out)
{
    size_t i = 0;
    for (; in.len - i >= 4; i += 4, out += 3) {
        uint32_t x = digits_at[0][in.at[i]] | digits_at[1][in.at[i + 1]] | digits_at[2][in.at[i + 2]] | digits_at[3][in.at[i + 3]];
        if (x & NO_DIGIT)
            break;
        out[0] = (uint8_t)(x >> 16);
        out[1] = (uint8_t)(x >> 8);
        out[2] = (uint8_t)x;
    }
    return i;
}

/* What is not Base64 becomes nothing, and so do digits behind the last four. A NUL ends the input. */
size_t write_base64_decode(struct bytes in, const struct unicode_map *map, uint8_t *out)
{
    size_t fours = decode_fours(in, out);
    struct bytes rest = bytes_slice(in, fours, in.len);
    const uint8_t *nul = rest.len ? memchr(rest.at, 0, rest.len) : NULL;
    if (nul)
        rest.len = (size_t)(nul - rest.at);
    if (!is_base64(rest))
        return 0;
    uint32_t x = 0;
    size_t n = fours / 4 * 3, have = 0, whole = 3;
    for (size_t i = 0; i < rest.len; i++) {
        uint8_t c = rest.at[i];
        if (c == '\r' || c == '\n' || c == ' ')
            continue;
        whole -= c == '=';
        x = x << 6 | (c == '=' ? 0 : (uint32_t)sextet(c));
        if (++have < 4)
            continue;
        have = 0;
        for (size_t k = 0; k < whole; k++)
            out[n++] = (uint8_t)(x >> (16 - 8 * k));
    }
    return n;
}

/*
 * Skips what is no digit. One digit of four before a single '=' is nothing at all; so is a last digit '9' that is the
 * first of four, since the peer confuses its value with the code of '='.
 */
size_t write_base64_decode_ext(struct bytes in, const struct unicode_map *map, uint8_t *out)
{
    uint32_t x = 0;
    size_t n = 0, digits = 0;
    for (size_t i = 0; i < in.len; i++) {
        int value = sextet(in.at[i]);
        if (in.at[i] == '=' && digits % 4 == 1 && byte_at(in, i + 1) != '=')
            return 0;
        if (value < 0)
            continue;
        x = x << 6 | (uint32_t)value;
        if (digits % 4)
            out[n++] = (uint8_t)(x >> (6 - 2 * (digits % 4 - 1) - 2));
        digits++;
    }
    if (digits % 4 == 1 && (in.at[in.len - 1] == '=' || in.at[in.len - 1] == '9'))
        return 0;
    return n;
}

size_t write_hex_encode(struct bytes in, const struct unicode_map *map, uint8_t *out)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < in.len; i++) {
        out[2 * i] = (uint8_t)digits[in.at[i] >> 4];
        out[2 * i + 1] = (uint8_t)digits[in.at[i] & 15];
    }
    return 2 * in.len;
}

/* Any two bytes make one, an odd one at the end is lost. */
size_t write_hex_decode(struct bytes in, const struct unicode_map *map, uint8_t *out)
{
    for (size_t i = 0; i < in.len / 2; i++)
        out[i] = hex_pair(in, 2 * i);
    return in.len / 2;
}

BLOCK_INLINE uint32_t find_zero_nul(block b, uint32_t *carry)
{
    return block_bits(block_is(b, '0') | block_is(b, 0));
}

/*
 * 0xHH.. of SQL. As the peer: what follows the digits is copied unseen, the last byte of the input is lost unless a
 * digit, and the result ends at its first NUL.
 */
size_t write_sql_hex_decode(struct bytes in, const struct unicode_map *map, uint8_t *out)
{
    size_t n = 0;
    struct bytes but_last = bytes_slice(in, 0, in.len ? in.len - 1 : 0);
    for (size_t i = 0; i < but_last.len;) {
        size_t run = block_copy(but_last, i, out + n, find_zero_nul, 0, block_as_it_is);
        n += run;
        i += run;
        if (i == but_last.len)
            break;
        if (in.at[i] == '0' && lower(in.at[i + 1]) == 'x' && hex_run(in, i + 2, 2) == 2)
            for (i += 2; hex_run(in, i, 2) == 2; i += 2) {
                if (!(out[n] = hex_pair(in, i)))
                    return n;
                n++;
            }
        uint8_t c = byte_at(in, i++);
        if (c == 0)
            break;
        out[n++] = c;
    }
    return n;
}
