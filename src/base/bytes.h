/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bounded views of input and a cursor that only moves forward over them. This is the only way the
 * project reads bytes that came from outside: every read is checked, and a failed read moves nothing.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define MUST_USE __attribute__((warn_unused_result))

struct bytes {
    const uint8_t *at;
    size_t len;
};

struct cursor {
    struct bytes all;
    size_t at; /* offset of the next unread byte, <= all.len */
};

static inline struct bytes bytes_of(const void *at, size_t len)
{
    return (struct bytes){.at = at, .len = len};
}

static inline struct bytes bytes_of_text(const char *text)
{
    return bytes_of(text, strlen(text));
}

static inline bool bytes_equal(struct bytes a, struct bytes b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.at, b.at, a.len) == 0);
}

/* ASCII, as the protocols have it: what <ctype.h> and <strings.h> say changes with the locale of the process. */
static inline bool byte_is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

static inline bool byte_is_alnum(uint8_t c)
{
    return byte_is_digit(c) || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
}

static inline bool byte_is_space(uint8_t c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static inline uint8_t byte_lower(uint8_t c)
{
    return c >= 'A' && c <= 'Z' ? c | 0x20 : c;
}

/* byte_lower of eight at once: sums reach the top bit from `A` on and from behind `Z` on, and no byte carries into the next. */
static inline uint64_t eight_lower(uint64_t word)
{
    const uint64_t each = UINT64_C(0x0101010101010101);
    uint64_t seven = word & 0x7f * each, from_a = seven + (0x80 - 'A') * each, behind_z = seven + (0x7f - 'Z') * each;
    return word | (((from_a ^ behind_z) & ~word & 0x80 * each) >> 2);
}

/* Up to seven bytes, each at least once; where each stands goes by `len` alone. */
static inline uint64_t few_bytes(const uint8_t *at, size_t len)
{
    uint32_t first, last;
    if (len == 0)
        return 0;
    if (len < sizeof first)
        return (uint64_t)at[0] << 16 | (uint64_t)at[len / 2] << 8 | at[len - 1];
    memcpy(&first, at, sizeof first);
    memcpy(&last, at + len - sizeof last, sizeof last);
    return (uint64_t)first << 32 | last;
}

static inline bool eight_equal_caseless(const uint8_t *a, const uint8_t *b)
{
    uint64_t one, other;
    memcpy(&one, a, sizeof one);
    memcpy(&other, b, sizeof other);
    return one == other || eight_lower(one) == eight_lower(other);
}

/* The same but for the case of ASCII letters. The last eight of a longer text are looked at together, some of them again. */
static inline bool bytes_equal_caseless(struct bytes a, struct bytes b)
{
    if (a.len != b.len)
        return false;
    if (a.len < 8)
        return eight_lower(few_bytes(a.at, a.len)) == eight_lower(few_bytes(b.at, b.len));
    for (size_t i = 0; i < a.len - 8; i += 8)
        if (!eight_equal_caseless(a.at + i, b.at + i))
            return false;
    return eight_equal_caseless(a.at + a.len - 8, b.at + b.len - 8);
}

static inline bool bytes_begin_caseless(struct bytes b, struct bytes prefix)
{
    return b.len >= prefix.len && bytes_equal_caseless((struct bytes){.at = b.at, .len = prefix.len}, prefix);
}

/* What a hexadecimal digit stands for; -1 for any other byte. */
static inline int hex_value(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* NULL equals only itself. */
static inline bool texts_equal(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

/* The part of `b` from `from` on, `len` bytes of it; clamped to what there is. */
static inline struct bytes bytes_slice(struct bytes b, size_t from, size_t len)
{
    if (from > b.len)
        from = b.len;
    if (len > b.len - from)
        len = b.len - from;
    return (struct bytes){.at = len ? b.at + from : NULL, .len = len};
}

static inline struct cursor cursor_over(struct bytes b)
{
    return (struct cursor){.all = b, .at = 0};
}

static inline size_t cursor_left(const struct cursor *c)
{
    return c->all.len - c->at;
}

/* The next `n` bytes; false, and nothing moves, when fewer are left. */
static inline bool MUST_USE cursor_read(struct cursor *c, size_t n, struct bytes *ret)
{
    if (cursor_left(c) < n)
        return false;
    *ret = (struct bytes){.at = n ? c->all.at + c->at : NULL, .len = n};
    c->at += n;
    return true;
}

static inline bool MUST_USE cursor_skip(struct cursor *c, size_t n)
{
    struct bytes ignored;
    return cursor_read(c, n, &ignored);
}

static inline bool MUST_USE cursor_u8(struct cursor *c, uint8_t *ret)
{
    struct bytes b;
    if (!cursor_read(c, 1, &b))
        return false;
    *ret = b.at[0];
    return true;
}

/* Two and four octets in network order (big endian). */
static inline bool MUST_USE cursor_u16(struct cursor *c, uint16_t *ret)
{
    struct bytes b;
    if (!cursor_read(c, 2, &b))
        return false;
    *ret = (uint16_t)((b.at[0] << 8) | b.at[1]);
    return true;
}

static inline bool MUST_USE cursor_u32(struct cursor *c, uint32_t *ret)
{
    struct bytes b;
    if (!cursor_read(c, 4, &b))
        return false;
    *ret = ((uint32_t)b.at[0] << 24) | ((uint32_t)b.at[1] << 16) | ((uint32_t)b.at[2] << 8) | b.at[3];
    return true;
}
