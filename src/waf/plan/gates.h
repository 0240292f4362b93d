/* SPDX-License-Identifier: Apache-2.0 */
/* Rules that compare a TX value and jump over what follows: what lies behind the same ones is run, or passed over, together. */
#pragma once

#include "waf/language/model.h"

#define GATES_MAX 64 /* what lies behind more counts as behind these */

struct gates {
    const struct waf_rule_set *set;
    uint32_t rules[GATES_MAX]; /* the first of each that compares so */
    uint32_t count;
    uint32_t ends[WAF_PHASES][GATES_MAX]; /* the marker that the last one of its phase leads to; 0: none */
};

/* Take the next rule of the set, in file order. Returns the gates that it stands behind, as bits. */
uint64_t gates_pass(struct gates *g, uint32_t rule);
