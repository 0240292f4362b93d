/* SPDX-License-Identifier: Apache-2.0 */
/* Randomness that a seed reproduces (SplitMix64, Steele et al. 2014). */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct random {
    uint64_t state;
};

static inline uint64_t random_next(struct random *r)
{
    uint64_t z = (r->state += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

/* 0 .. below - 1 */
static inline uint32_t random_below(struct random *r, uint32_t below)
{
    return below ? (uint32_t)(random_next(r) % below) : 0;
}

/* True in `percent` of a hundred. */
static inline bool random_chance(struct random *r, uint32_t percent)
{
    return random_below(r, 100) < percent;
}
