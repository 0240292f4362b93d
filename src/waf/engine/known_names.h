/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The names of TX that a rule set writes out, and those that the engine gives: each has a number, so that no text is
 * compared while a transaction runs. Names that are made of macros then have none. Captures 0 to 99 are numbers 0 to 99.
 */
#pragma once

#include "base/arena.h"
#include "waf/language/model.h"

#define CAPTURES_KNOWN 100

/* The engine's own, behind the captures. */
#define KNOWN_MATCH_LIMIT 100      /* MSC_PCRE_LIMITS_EXCEEDED */
#define KNOWN_COLLECTION_LIMIT 101 /* MSC_COLLECTION_LIMITS_EXCEEDED */

struct known_name {
    struct bytes text;
    uint32_t hash;
};

struct known_names {
    struct known_name *items;
    uint32_t count;
    uint32_t *places; /* by hash: one more than the number; 0: free */
    uint32_t place_mask;
};

/* All in `a`; false when memory is out. The texts are the rule set's. */
bool known_names_gather(const struct waf_rule_set *set, struct arena *a, struct known_names *ret) MUST_USE;
/* NOTHING where it is none of them. */
uint32_t known_names_find(const struct known_names *k, struct bytes name, uint32_t hash);
