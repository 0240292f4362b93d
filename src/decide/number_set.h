/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A set of numbers below a fixed size of which the least is wanted often: the rules that hold at one point,
 * where the first in the file is named. A bit for each number, and above each 64 of them one bit that says
 * whether there are any: every operation takes as many steps as there are levels.
 */
#pragma once

#include "base/arena.h"

#define NUMBER_SET_LEVELS 6 /* 64^6 is more than 2^32 */

struct number_set {
    uint64_t *levels[NUMBER_SET_LEVELS];
    unsigned depth;
};

/* For numbers below `size`. False when memory is out. */
bool number_set_new(struct arena *a, size_t size, struct number_set *ret) MUST_USE;

static inline void number_set_add(struct number_set *s, uint32_t n)
{
    for (unsigned level = 0; level < s->depth; level++, n /= 64)
        s->levels[level][n / 64] |= (uint64_t)1 << (n % 64);
}

static inline void number_set_remove(struct number_set *s, uint32_t n)
{
    for (unsigned level = 0; level < s->depth; level++, n /= 64) {
        s->levels[level][n / 64] &= ~((uint64_t)1 << (n % 64));
        if (s->levels[level][n / 64])
            return;
    }
}

/* UINT32_MAX: there is none. */
static inline uint32_t number_set_first(const struct number_set *s)
{
    uint32_t n = 0;
    if (!s->levels[s->depth - 1][0])
        return UINT32_MAX;
    for (unsigned level = s->depth; level-- > 0;)
        n = n * 64 + (uint32_t)__builtin_ctzll(s->levels[level][n]);
    return n;
}

/* The least number above `n`, or UINT32_MAX. */
uint32_t number_set_next(const struct number_set *s, uint32_t n);
