/* SPDX-License-Identifier: Apache-2.0 */
/* Whether the engines agree on a request, and where they are known not to. */
#pragma once

#include <stdio.h>

#include "waf/language/model.h"
#include "waf_case.h"
#include "waf_contender.h"

/* Prints each rule that only one of them fired, with the reason where it is known. False: there is one without a reason. */
bool waf_differences_print(FILE *out, const struct waf_rule_set *set, const struct waf_case *c, const struct fired *ours, const struct fired *peers);
