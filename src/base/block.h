/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sixteen bytes at once: to find the next byte that means something, and to copy those that mean nothing. Written with
 * the compiler's vectors, which any processor has an answer to; x86-64's are SSE2, which each of them has.
 */
#pragma once

#include "base/bytes.h"

#define BLOCK 16
#define BLOCK_INLINE static inline __attribute__((always_inline))

typedef uint8_t block __attribute__((vector_size(BLOCK)));

BLOCK_INLINE block block_at(const uint8_t *at)
{
    block b;
    memcpy(&b, at, sizeof b);
    return b;
}

BLOCK_INLINE void block_put(uint8_t *at, block b)
{
    memcpy(at, &b, sizeof b);
}

/* The same byte everywhere. */
BLOCK_INLINE block block_of(uint8_t c)
{
    return (block){c, c, c, c, c, c, c, c, c, c, c, c, c, c, c, c};
}

/* 0xff where the byte is `c`, elsewhere 0. */
BLOCK_INLINE block block_is(block b, uint8_t c)
{
    return (block)(b == block_of(c));
}

/* 0xff where the byte is `from`, `to` or between. */
BLOCK_INLINE block block_within(block b, uint8_t from, uint8_t to)
{
    return (block)((block)(b - block_of(from)) <= block_of((uint8_t)(to - from)));
}

/* By byte, whether its top bit is set. */
BLOCK_INLINE uint32_t block_bits(block b)
{
#ifdef __SSE2__
    typedef char vector __attribute__((vector_size(BLOCK)));
    return (uint32_t)__builtin_ia32_pmovmskb128((vector)b);
#else
    uint32_t bits = 0;
    for (unsigned i = 0; i < BLOCK; i++)
        bits |= (uint32_t)(b[i] >> 7) << i;
    return bits;
#endif
}

/* Fewer bytes than a block has, with zeros behind them. Nothing else is read. */
BLOCK_INLINE block block_of_few(const uint8_t *at, size_t len)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    typedef uint64_t halves __attribute__((vector_size(BLOCK)));
    uint64_t low = 0, high = 0;
    uint32_t four, last;
    if (len >= 8) { /* the second eight are read together with what is known of the first */
        memcpy(&low, at, sizeof low);
        memcpy(&high, at + len - 8, sizeof high);
        high = len > 8 ? high >> (8 * (16 - len)) : 0;
    } else if (len >= 4) {
        memcpy(&four, at, sizeof four);
        memcpy(&last, at + len - 4, sizeof last);
        low = four | (uint64_t)last << (8 * (len - 4));
    } else if (len) {
        low = at[0] | (uint64_t)at[len / 2] << (8 * (len / 2)) | (uint64_t)at[len - 1] << (8 * (len - 1));
    }
    return (block)(halves){low, high};
#else
    block b = {0};
    memcpy(&b, at, len);
    return b;
#endif
}

/* Which bytes of a block are looked for, by bit. `*carry`: what the search has to know of the byte before the block, and leaves for the next. */
typedef uint32_t block_search(block b, uint32_t *carry);

/* The first byte from `i` on that is looked for; in.len: none is. */
BLOCK_INLINE size_t block_find(struct bytes in, size_t i, block_search *search, uint32_t carry)
{
    uint32_t bits;
    for (; in.len - i >= BLOCK; i += BLOCK)
        if ((bits = search(block_at(in.at + i), &carry)))
            return i + (size_t)__builtin_ctz(bits);
    if (i == in.len)
        return i;
    bits = search(block_of_few(in.at + i, in.len - i), &carry) | UINT32_C(1) << (in.len - i); /* there it ends */
    return i + (size_t)__builtin_ctz(bits);
}

/* What a byte becomes when it is copied. */
typedef block block_change(block b);

BLOCK_INLINE block block_as_it_is(block b)
{
    return b;
}

/* Copies up to there, and returns how many bytes. `out` has room for them and for a block more, which is overwritten. */
BLOCK_INLINE size_t block_copy(struct bytes in, size_t i, uint8_t *out, block_search *search, uint32_t carry, block_change *change)
{
    uint8_t *from = out;
    uint32_t bits;
    for (; in.len - i >= BLOCK; i += BLOCK, out += BLOCK) {
        block b = block_at(in.at + i);
        block_put(out, change(b));
        if ((bits = search(b, &carry)))
            return (size_t)(out - from) + (size_t)__builtin_ctz(bits);
    }
    if (i == in.len)
        return (size_t)(out - from);
    block b = block_of_few(in.at + i, in.len - i);
    block_put(out, change(b));
    bits = search(b, &carry) | UINT32_C(1) << (in.len - i); /* there it ends */
    return (size_t)(out - from) + (size_t)__builtin_ctz(bits);
}
