/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers by which sets are told apart: the identity of one is the XOR of its members'. */
#pragma once

#include <stdint.h>

/* splitmix64 (Steele, Lea, Flood 2014): a fixed sequence from a fixed state, which the caller draws at random. */
static inline uint64_t splitmix(uint64_t *state)
{
    uint64_t z = (*state += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}
