/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers that look like chance and are the same in every run of the same seed (Marsaglia's xorshift64*). */
#pragma once

#include <stdint.h>

struct chance {
    uint64_t state; /* never 0 */
};

static inline struct chance chance_new(uint64_t seed)
{
    return (struct chance){seed * 0x9e3779b97f4a7c15 | 1};
}

/* 0 to `end` - 1; 0 of none. */
static inline uint32_t chance_below(struct chance *c, uint32_t end)
{
    c->state ^= c->state >> 12;
    c->state ^= c->state << 25;
    c->state ^= c->state >> 27;
    return end ? (uint32_t)((c->state * 0x2545f4914f6cdd1d) >> 33) % end : 0;
}
