/* SPDX-License-Identifier: Apache-2.0 */
#include "arena_scene.h"

uint64_t random_state;

int set_up(void **state)
{
    static struct scene s;
    s.arena = arena_create((size_t)1 << 30);
    *state = &s;
    return 0;
}

int tear_down(void **state)
{
    arena_destroy(((struct scene *)*state)->arena);
    return 0;
}

void seed_random(uint64_t seed)
{
    random_state = seed * 0x9e3779b97f4a7c15u;
}

uint32_t random_below(uint32_t n)
{
    random_state ^= random_state >> 12, random_state ^= random_state << 25, random_state ^= random_state >> 27;
    return (uint32_t)((random_state * 0x2545f4914f6cdd1du) >> 33) % n;
}
