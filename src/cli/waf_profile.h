/* SPDX-License-Identifier: Apache-2.0 */
/* waf inspect --profile: what each rule cost. */
#pragma once

#include "base/text.h"
#include "cli/rules.h"
#include "waf/engine/engine.h"

/* Room for the costs of all rules, and the clock. False when memory is out. */
bool profile_begin(const struct rules *r, struct waf_profile *ret) MUST_USE;
/* The dearest rules first, and what they come to beside the whole: `nanoseconds` for `messages`. */
void profile_print(const struct rules *r, const struct waf_profile *p, uint64_t nanoseconds, uint64_t messages, struct text *out);
