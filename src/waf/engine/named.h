/* SPDX-License-Identifier: Apache-2.0 */
/* Which variables a rule set reads: what no rule asks for need not be kept, or made. */
#pragma once

#include "waf/language/model.h"

struct named_variables {
    uint64_t words[VARIABLE_COUNT / 64 + 1];
};

static inline bool variable_is_named(const struct named_variables *n, uint8_t variable)
{
    return n->words[variable / 64] >> variable % 64 & 1;
}

/* As targets, and in macros. */
struct named_variables named_gather(const struct waf_rule_set *set);
