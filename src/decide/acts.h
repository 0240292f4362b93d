/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What rules do, apart from their ends and names: allow or deny, on which services, under which condition.
 * Rules that do the same have the same number, in both of two policies.
 */
#pragma once

#include "decide/moments.h"
#include "decide/services.h"

struct act {
    bool allow, observe;
    uint32_t services;  /* number of the set */
    uint32_t condition; /* of the moments, or NONE */
};

struct acts {
    struct range_table services;
    struct act *items;
    size_t count, capacity;
    uint32_t *of_rule[2]; /* by policy */
};
/* False when memory is out. */
bool acts_find(const struct policy *const *policies, unsigned count, const struct moments *m, struct arena *a,
               struct acts *ret) MUST_USE;
