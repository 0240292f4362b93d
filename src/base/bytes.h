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
