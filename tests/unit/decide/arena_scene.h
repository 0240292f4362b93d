/* SPDX-License-Identifier: Apache-2.0 */
/* What tests of all traffic at once begin with: an arena of their own, and random numbers from a seed. */
#pragma once

#include <stdint.h>

#include "base/arena.h"

struct scene {
    struct arena *arena;
};

/* cmocka's set-up and tear-down: *state is a struct scene. */
int set_up(void **state);
int tear_down(void **state);

/* xorshift64*; not 0. */
extern uint64_t random_state;
void seed_random(uint64_t seed);
uint32_t random_below(uint32_t n);
