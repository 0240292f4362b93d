/* SPDX-License-Identifier: Apache-2.0 */
/* What a rule is switched by: gates that pass over it, and variables of the transaction that it asks for and no message fills. */
#pragma once

#include "base/arena.h"
#include "waf/language/model.h"

/* `setvar:tx.NAME=VALUE` */
struct setting {
    struct bytes name, value;
};

struct settings {
    struct setting *items;
    size_t count, capacity;
};

/* A rule that, when it matches, passes over `rule`: its skipAfter leads behind it. Starts the search at `from`; false when there is none. */
bool gate_next(const struct waf_rule_set *set, uint32_t rule, uint32_t from, uint32_t *ret_gate) MUST_USE;
/* What lets the rule run, were it set: what its gates and conditions ask of TX. False when memory is out. */
bool settings_find(const struct waf_rule_set *set, uint32_t rule, struct arena *a, struct settings *ret) MUST_USE;
/* The variable as it is set: in `settings`, else where a setvar of the rules has a text for it; NULL: neither. */
const struct bytes *settings_value(const struct waf_rule_set *set, const struct settings *settings, struct bytes name, struct bytes *hold);
/* Is it only ever set, and not counted with? */
bool settings_is_fixed(const struct waf_rule_set *set, struct bytes name) MUST_USE;
/* The rule's operand, its macros replaced by what is set. False when memory is out. */
bool settings_operand(const struct waf_rule_set *set, const struct settings *settings, const struct waf_rule *rule, struct arena *a, struct bytes *ret) MUST_USE;
