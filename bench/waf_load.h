/* SPDX-License-Identifier: Apache-2.0 */
/* What it costs until rules are ready when all that is compiled is in a file, as `--cache` keeps it. */
#pragma once

#include "waf_ours.h"

struct waf_load {
    double ms, cpu_ms;     /* from opening the file to a scratch: medians */
    double first_ms, first_cpu_ms; /* the same, and the first use of each expression, on all processors */
    size_t bytes;          /* of the image */
};

/* Loads `text` anew several times by the image of `cold`, which was loaded from it. False, and it is said why. */
bool waf_load_measure(const struct waf_ours *cold, struct bytes text, struct waf_load *ret) MUST_USE;
