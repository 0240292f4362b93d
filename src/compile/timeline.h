/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When rules with windows of time hold: each rule's changes, found once and in order, since the same rules are asked about
 * for many pairs of classes and intervals of ports.
 */
#pragma once

#include "base/arena.h"
#include "policy/model.h"

struct timeline; /* of one rule */

struct timelines {
    const struct policy *policy;
    struct arena *arena;
    int64_t begin, end; /* seconds UTC: nothing is asked outside */
    struct timeline **rules; /* by rule; NULL: not asked about yet */
    size_t kept; /* changes that are remembered, of all rules */
};

bool timelines_begin(struct timelines *t, const struct policy *p, int64_t begin, int64_t end, struct arena *arena) MUST_USE;
/* Does the rule hold at `now`, and when does it change next? `end` when it does not. False when memory is out. */
bool timelines_at(struct timelines *t, uint32_t rule, int64_t now, bool *ret_holds, int64_t *ret_next) MUST_USE;
