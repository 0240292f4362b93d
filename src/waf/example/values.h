/* SPDX-License-Identifier: Apache-2.0 */
/* Values that one rule of a chain matches, as far as can be said without a transaction. */
#pragma once

#include "waf/engine/program.h"
#include "waf/example/chance.h"
#include "waf/example/settings.h"

#define VALUES_MAX 24

struct values {
    struct bytes items[VALUES_MAX]; /* as the operator is to see them: after the transformations */
    size_t count;
    const char *why_none; /* in words, when there are none */
};

/* False when memory is out. */
bool values_make(const struct waf_program *p, struct waf_scratch *scratch, uint32_t rule, const struct settings *settings, struct chance *c, struct arena *a,
    struct values *ret) MUST_USE;
