/* SPDX-License-Identifier: Apache-2.0 */
/* Which rules look for an attack in a variable: what still protects there when one of them no longer does. */
#pragma once

#include "base/arena.h"
#include "waf/language/model.h"

struct guards {
    uint32_t *rules; /* indexes, in file order */
    size_t count, capacity;
};

/* The n-th tag of the rule that names a class of attacks ("attack-sqli"); an empty text when there are no more. */
struct bytes guards_class(const struct waf_rule_set *set, uint32_t rule, size_t n);
/* Rules but `but` that have the class among their tags and look at `variable`, which is NAME or NAME:KEY. False when memory is out. */
bool guards_find(const struct waf_rule_set *set, struct bytes class, struct bytes variable, uint32_t but, struct arena *a, struct guards *ret) MUST_USE;
/* Do all that the chain looks at come from rules before it (TX, what matched)? It is then a sum of what they found. */
bool rule_is_sum(const struct waf_rule_set *set, uint32_t head);
