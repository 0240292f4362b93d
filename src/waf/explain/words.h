/* SPDX-License-Identifier: Apache-2.0 */
/* Variables, transformations and operators in plain words; one table each. */
#pragma once

#include "base/text.h"
#include "waf/engine/program.h"

/* "the argument `q`", "how many headers there are", "not the cookies whose names match /__utm/" */
void target_in_words(const struct waf_rule_set *set, const struct waf_target *t, struct text *out);
/* "%XX, %uXXXX and + are decoded" */
const char *transformation_in_words(uint8_t transformation);
/* "matches the regular expression"; never NULL. What it is compared with follows, but for those with nothing. */
const char *operator_in_words(uint8_t operator, bool negated);
/* "in phase 2, once the request's body is there" */
const char *phase_in_words(uint8_t phase);
