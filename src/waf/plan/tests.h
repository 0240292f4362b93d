/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "waf/plan/plan.h"

/* @eq and its like. */
bool plan_compares_numbers(uint8_t operator);
/* Its operator asks somebody outside the engine. */
bool plan_asks_outside(const struct waf_rule *r);
/* The rule as a test of a number; TEST_NONE where it is not one. */
struct plan_test plan_test_of(const struct waf_rule_set *set, const struct waf_rule *r);
/* Are both tests, and the same one? */
bool plan_tests_alike(const struct waf_rule_set *set, const struct plan_test *a, const struct plan_test *b);
/* It sets variables, or jumps, and has nothing to say. */
bool plan_acts_lightly(const struct waf_rule_set *set, const struct waf_effects *e);
/* Is a match of the rule no event, as far as SecDefaultAction and its own log say? */
bool plan_is_unseen(const struct waf_rule_set *set, const struct waf_rule *r);
/* Does a match of the rule, which is no part of a chain, do no more than set variables and jump? */
bool plan_is_light(const struct waf_rule_set *set, const struct waf_rule *r);
/* Is what matches marked, not to be shown? */
bool plan_marks(const struct waf_rule_set *set, const struct waf_effects *e);
/* Does a match do something before it is one of the whole chain: set variables, name collections, mark what is not to be shown? */
bool plan_acts_at_once(const struct waf_rule_set *set, const struct waf_rule *r);
/* Is a match that is none of the whole chain as if the rule had not been asked? */
bool plan_leaves_nothing(const struct waf_rule_set *set, const struct waf_rule *r);
