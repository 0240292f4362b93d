/* SPDX-License-Identifier: Apache-2.0 */
/* Backslash escapes: of CSS, of JavaScript, of ANSI C. */
#include "waf/transform/write.h"

/* One to six digits from `i` on: the byte that CSS's escape becomes. */
static uint8_t css_byte(struct bytes in, size_t i, size_t digits)
{
    if (digits == 1)
        return (uint8_t)hex_digit(in.at[i]);
    uint8_t low = hex_pair(in, i + digits - 2);
    bool leading_zeros = digits == 4 || (digits == 5 && in.at[i] == '0') ||
        (digits == 6 && in.at[i] == '0' && in.at[i + 1] == '0');
    return leading_zeros ? full_width(in, i + digits - 4, low) : low;
}

/* The peer takes the result for a C string: it ends at its first NUL. */
BLOCK_INLINE uint32_t find_backslash_nul(block b, uint32_t *carry)
{
    return block_bits(block_is(b, '\\') | block_is(b, 0));
}

size_t same_css_decode(struct bytes in)
{
    return block_find(in, 0, find_backslash_nul, 0);
}

/* `*i` is behind a backslash. False where nothing more is to come; `*ret_none`: a line end, of which nothing stays. */
static bool css_escape(struct bytes in, size_t *i, uint8_t *ret, bool *ret_none)
{
    if (*i == in.len)
        return false;
    size_t digits = hex_run(in, *i, 6);
    *ret_none = digits == 0 && in.at[*i] == '\n';
    *ret = digits ? css_byte(in, *i, digits) : in.at[*i];
    *i += digits ? digits : 1;
    if (digits && is_space(byte_at(in, *i)))
        (*i)++;
    return *ret != 0;
}

size_t write_css_decode(struct bytes in, const struct unicode_map *map, uint8_t *out)
{
    size_t n = 0;
    for (size_t i = 0; i < in.len;) {
        size_t run = block_copy(in, i, out + n, find_backslash_nul, 0, block_as_it_is);
        bool none;
        n += run;
        i += run + 1;
        if (i > in.len || in.at[i - 1] == 0 || !css_escape(in, &i, out + n, &none))
            break;
        n += !none;
    }
    return n;
}

/* `i` is behind the backslash, with a byte there; returns how many bytes belong to the escape. */
static size_t js_escape(struct bytes in, size_t i, uint8_t *ret)
{
    uint8_t c = in.at[i];
    if (c == 'u' && hex_run(in, i + 1, 4) == 4) {
        *ret = full_width(in, i + 1, hex_pair(in, i + 3));
        return 5;
    }
    if (c == 'x' && hex_run(in, i + 1, 2) == 2) {
        *ret = hex_pair(in, i + 1);
        return 3;
    }
    if (is_octal(c)) {
        size_t digits = octal_run(in, i, c > '3' ? 2 : 3); /* \400 and more is no byte */
        *ret = octal_value(in, i, digits);
        return digits;
    }
    *ret = control_escape(c) ? control_escape(c) : c;
    return 1;
}

static size_t c_escape(struct bytes in, size_t i, uint8_t *ret)
{
    uint8_t c = in.at[i];
    if (lower(c) == 'x' && hex_run(in, i + 1, 2) == 2) {
        *ret = hex_pair(in, i + 1);
        return 3;
    }
    if (is_octal(c)) {
        size_t digits = octal_run(in, i, 3);
        *ret = octal_value(in, i, digits);
        return digits;
    }
    *ret = control_escape(c) ? control_escape(c) : c;
    return 1;
}

/* A backslash at the very end stays. */
static size_t same_unescape(struct bytes in)
{
    size_t i = block_find(in, 0, find_backslash, 0);
    return i + 1 < in.len ? i : in.len;
}

BLOCK_INLINE size_t unescape(struct bytes in, size_t (*escape)(struct bytes in, size_t i, uint8_t *ret), uint8_t *out)
{
    size_t n = 0;
    for (size_t i = 0; i < in.len;) {
        size_t run = block_copy(in, i, out + n, find_backslash, 0, block_as_it_is);
        n += run;
        i += run;
        if (i + 1 < in.len)
            i += 1 + escape(in, i + 1, &out[n++]);
        else if (i < in.len)
            out[n++] = in.at[i++];
    }
    return n;
}

size_t same_js_decode(struct bytes in)
{
    return same_unescape(in);
}

size_t write_js_decode(struct bytes in, const struct unicode_map *map, uint8_t *out)
{
    return unescape(in, js_escape, out);
}

size_t same_escape_seq_decode(struct bytes in)
{
    return same_unescape(in);
}

size_t write_escape_seq_decode(struct bytes in, const struct unicode_map *map, uint8_t *out)
{
    return unescape(in, c_escape, out);
}
