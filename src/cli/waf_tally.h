/* SPDX-License-Identifier: Apache-2.0 */
/* What came of all requests of `waf replay`: how many of each kind, and by rule how many gained or lost it. */
#pragma once

#include "cli/waf_difference.h"

struct tally_rule {
    int64_t id;
    size_t gained, lost; /* requests on which it fires only under the new rules, only under the old */
    const char *message; /* as written, macros too; "" where it has none */
};

struct tally {
    struct arena *arena;
    size_t requests, errors; /* errors: requests that could not be replayed */
    size_t kinds[DIFFERENCE_OTHER + 1];
    struct tally_rule *rules; /* by id */
    size_t count, capacity;
};

/* "newly_refused", as JSON has it; by enum difference_kind. */
extern const char *const difference_names[];

/* False when memory is out. */
bool tally_take(struct tally *t, const struct difference *d) MUST_USE;
void tally_print(const struct tally *t, struct text *out);
void tally_json(const struct tally *t, struct text *out);
