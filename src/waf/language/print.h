/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rules as text, in one canonical way. What is printed is what was written: read again, it gives the same set,
 * but for files and lines, which are then those of the printed text.
 */
#pragma once

#include "waf/language/model.h"
#include "base/text.h"

void rule_print(const struct waf_rule_set *set, const struct waf_rule *rule, struct text *out);
void rule_set_print(const struct waf_rule_set *set, struct text *out);
/* [!&]NAME[:SELECTOR] */
void target_print(const struct waf_rule_set *set, const struct waf_target *target, struct text *out);
void template_print(const struct waf_rule_set *set, struct waf_template t, struct text *out);
/* NAME or NAME:VALUE. */
void action_print(const struct waf_rule_set *set, const struct waf_action *action, struct text *out);
