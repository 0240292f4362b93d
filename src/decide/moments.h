/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When rules hold: every different combination of conditions that the following week has, for one or two
 * policies. Rules with the same condition are looked at once.
 */
#pragma once

#include "decide/decide.h"

/* Conditions on time are compared at every moment of this long at which one of them changes. */
#define MOMENTS_SECONDS (7 * 86400)

struct moments {
    uint32_t *condition_of[2]; /* of each rule, by policy; NONE: it always holds */
    uint32_t condition_count;
    uint8_t *holding;       /* for each moment, for each condition: MOMENT_ALLOW, MOMENT_DENY */
    size_t count;           /* at least 1 */
    const char *incomplete; /* why not every moment is there, or NULL */
};

/* Rules of that kind hold: it is not the same where a condition cannot be evaluated. */
#define MOMENT_ALLOW 1
#define MOMENT_DENY  2

/* All combinations from `now` on (s UTC), the first one first. False when memory is out. */
bool moments_find(const struct policy *const *policies, unsigned count, int64_t now, struct arena *a,
                  struct moments *ret) MUST_USE;
/* That of `now` alone. */
bool moments_now(const struct policy *const *policies, unsigned count, int64_t now, struct arena *a,
                 struct moments *ret) MUST_USE;

static inline bool moment_holds(const struct moments *m, size_t moment, uint32_t condition, bool allow)
{
    return condition == NONE ||
           m->holding[moment * m->condition_count + condition] & (allow ? MOMENT_ALLOW : MOMENT_DENY);
}
