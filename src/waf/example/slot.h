/* SPDX-License-Identifier: Apache-2.0 */
/* Where in a message a variable has its value from: a value is put there. */
#pragma once

#include "waf/example/sketch.h"
#include "waf/language/words.h"

struct slot {
    uint8_t variable;  /* enum variable */
    struct bytes name; /* the part behind the colon; empty: any */
    unsigned way;      /* a variable may be filled in more than one */
};

/* In how many ways; 0: no message fills the variable. */
unsigned slot_ways(uint8_t variable);
/* Is the value in a line that not every byte may stand in? */
bool slot_is_narrow(uint8_t variable);
/* False where it cannot stand there, or that way. */
bool slot_put(struct sketch *d, const struct slot *p, struct bytes value) MUST_USE;
/* As many of the variable as `count` says. */
bool slot_count(struct sketch *d, const struct slot *p, size_t count) MUST_USE;
