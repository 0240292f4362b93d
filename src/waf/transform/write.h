/* SPDX-License-Identifier: Apache-2.0 */
/* The writers behind transform(), and what they share: reading with a NUL behind the end, hexadecimal, classes. */
#pragma once

#include "base/block.h"
#include "waf/transform/transform.h"

/* Writes at `out`, which has the room that TRANSFORMATIONS states and a block more; returns the length, or WRITE_FAILED (memory). */
#define WRITE_FAILED SIZE_MAX
#define X(name, text, writer, triggers, times, plus) \
    size_t write_##writer(struct bytes in, const struct unicode_map *map, uint8_t *out);
TRANSFORMATIONS(X)
#undef X

/* Those that look for the first change before anything is written. */
#define TRANSFORMATIONS_THAT_LOOK(X)                                                                                     \
    X(CMD_LINE, cmd_line) X(COMPRESS_WHITESPACE, compress_whitespace) X(CSS_DECODE, css_decode)                           \
    X(ESCAPE_SEQ_DECODE, escape_seq_decode) X(HTML_ENTITY_DECODE, html_entity_decode) X(JS_DECODE, js_decode)             \
    X(LOWERCASE, lowercase) X(NORMALISE_PATH, normalise_path) X(NORMALISE_PATH_WIN, normalise_path_win)                   \
    X(REMOVE_COMMENTS, remove_comments) X(REMOVE_COMMENTS_CHAR, remove_comments_char) X(REMOVE_NULLS, remove_nulls)       \
    X(REMOVE_WHITESPACE, remove_whitespace) X(REPLACE_COMMENTS, replace_comments) X(REPLACE_NULLS, replace_nulls)         \
    X(TRIM, trim) X(TRIM_LEFT, trim_left) X(TRIM_RIGHT, trim_right) X(UPPERCASE, uppercase) X(URL_DECODE, url_decode)     \
    X(URL_DECODE_UNI, url_decode_uni) X(UTF8_TO_UNICODE, utf8_to_unicode)

/*
 * How many bytes at the beginning are their own output; all of them: nothing changes. What follows becomes what it would
 * become alone.
 */
#define X(name, writer) size_t same_##writer(struct bytes in);
TRANSFORMATIONS_THAT_LOOK(X)
#undef X

/* Searches that several have. */
BLOCK_INLINE uint32_t find_backslash(block b, uint32_t *carry)
{
    return block_bits(block_is(b, '\\'));
}

BLOCK_INLINE uint32_t find_nul(block b, uint32_t *carry)
{
    return block_bits(block_is(b, 0));
}

BLOCK_INLINE block lower_block(block b)
{
    return b | (block_within(b, 'A', 'Z') & block_of(0x20));
}

/* The peer reads C strings: what is behind the end is NUL. */
static inline uint8_t byte_at(struct bytes in, size_t i)
{
    return i < in.len ? in.at[i] : 0;
}

static inline bool is_space(uint8_t c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static inline bool is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

static inline bool is_octal(uint8_t c)
{
    return c >= '0' && c <= '7';
}

static inline uint8_t lower(uint8_t c)
{
    return c >= 'A' && c <= 'Z' ? (uint8_t)(c | 0x20) : c;
}

static inline bool is_hex(uint8_t c)
{
    return is_digit(c) || (lower(c) >= 'a' && lower(c) <= 'f');
}

/* Of any byte: hexDecode does not look whether it is a digit. */
static inline unsigned hex_digit(uint8_t c)
{
    return c >= 'A' ? (c & 0xdfu) - 'A' + 10u : c - (unsigned)'0';
}

static inline uint8_t hex_pair(struct bytes in, size_t i)
{
    return (uint8_t)(hex_digit(byte_at(in, i)) * 16u + hex_digit(byte_at(in, i + 1)));
}

/* What two hexadecimal digits at `i` stand for; -1 where they are not there. */
static inline int hex_byte(struct bytes in, size_t i)
{
    return i + 1 < in.len && is_hex(in.at[i]) && is_hex(in.at[i + 1]) ? hex_pair(in, i) : -1;
}

/* How many of the bytes from `i` on are hexadecimal digits, `most` at most. */
static inline size_t hex_run(struct bytes in, size_t i, size_t most)
{
    size_t n = 0;
    while (n < most && is_hex(byte_at(in, i + n)))
        n++;
    return n;
}

static inline size_t octal_run(struct bytes in, size_t i, size_t most)
{
    size_t n = 0;
    while (n < most && is_octal(byte_at(in, i + n)))
        n++;
    return n;
}

static inline uint8_t octal_value(struct bytes in, size_t i, size_t n)
{
    unsigned value = 0;
    for (size_t k = 0; k < n; k++)
        value = value * 8u + (byte_at(in, i + k) - (unsigned)'0');
    return (uint8_t)value;
}

/* The ASCII twin of a full-width form U+FF01..U+FF5E, of which `low` is the low byte; `i` is at its high byte. */
static inline uint8_t full_width(struct bytes in, size_t i, uint8_t low)
{
    bool high = lower(byte_at(in, i)) == 'f' && lower(byte_at(in, i + 1)) == 'f';
    return high && low > 0 && low < 0x5f ? (uint8_t)(low + 0x20) : low;
}

/* The control character that \C stands for in C and JavaScript, or 0. */
static inline uint8_t control_escape(uint8_t c)
{
    switch (c) {
    case 'a': return '\a';
    case 'b': return '\b';
    case 'f': return '\f';
    case 'n': return '\n';
    case 'r': return '\r';
    case 't': return '\t';
    case 'v': return '\v';
    default: return 0;
    }
}
