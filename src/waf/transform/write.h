/* SPDX-License-Identifier: Apache-2.0 */
/* The writers behind transform(), and what they share: reading with a NUL behind the end, hexadecimal, classes. */
#pragma once

#include "waf/transform/transform.h"

/* Writes at `out`, which has the room that TRANSFORMATIONS states; returns the length, or WRITE_FAILED (memory). */
#define WRITE_FAILED SIZE_MAX
#define X(name, text, writer, triggers, times, plus) \
    size_t write_##writer(struct bytes in, const struct unicode_map *map, uint8_t *out);
TRANSFORMATIONS(X)
#undef X

/* The input is its own output; nothing was written that matters. */
#define WRITE_SAME (SIZE_MAX - 1)

#define EIGHT(byte) (UINT64_C(0x0101010101010101) * (byte))
/* Has the word a byte that is zero? (Hacker's Delight, 6-1) */
static inline bool has_zero(uint64_t word)
{
    return (word - EIGHT(1)) & ~word & EIGHT(0x80);
}

/* How many bytes from `i` on are neither `a` nor `b`. */
static inline size_t run_without(struct bytes in, size_t i, uint8_t a, uint8_t b)
{
    size_t from = i;
    for (uint64_t word; in.len - i >= sizeof word; i += sizeof word) {
        memcpy(&word, in.at + i, sizeof word);
        if (has_zero(word ^ EIGHT(a)) || has_zero(word ^ EIGHT(b)))
            break;
    }
    while (i < in.len && in.at[i] != a && in.at[i] != b)
        i++;
    return i - from;
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
