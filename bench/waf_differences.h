/* SPDX-License-Identifier: Apache-2.0 */
/* Whether the engines agree on a request, but for what tests/differential/waf_known.h lists. */
#pragma once

#include <stdio.h>

#include "waf/language/model.h"
#include "waf_case.h"
#include "waf_contender.h"

/* Prints which of the known differences there are, and each rule that fired in one alone for no known reason. False: there is such a rule, or the order is another. */
bool waf_differences_print(FILE *out, const struct waf_rule_set *set, const struct waf_case *c, const struct fired *ours, const struct fired *peers);
