/* SPDX-License-Identifier: Apache-2.0 */
/* What a change makes of one variable of a collection, wherever that is kept. */
#pragma once

#include "waf/engine/store.h"

#define VARIABLE_DIGITS 24 /* of a number of 64 bits, with its sign and NUL */
#define VARIABLE_STAYS  INT64_MAX

struct variable_state {
    bool exists;
    struct bytes value;
    int64_t expires; /* gone from this second on */
    int64_t since;   /* CHANGE_DEPRECATE has been done until then */
    int64_t rest;    /* what it has not taken yet, in parts of its period */
};

/* `a` plus `b`, the largest or smallest number where that does not fit. */
int64_t saturating_add(int64_t a, int64_t b);

/*
 * The variable as it is from now on; its new value is the change's, or in `digits`. True: the collection counts as changed.
 * CHANGE_TIMEOUT does, and leaves the variable as it is.
 */
bool variable_change(struct variable_state *v, const struct waf_change *change, int64_t now, char digits[VARIABLE_DIGITS]);
