/* SPDX-License-Identifier: Apache-2.0 */
/* docs/waf-differential.md: what came of comparing the engine with libmodsecurity, as text that changes with the result alone. */
#pragma once

#include "tests/differential/waf_pair.h"
#include "tests/differential/waf_stories.h"

#define LEVELS 4

struct waf_result {
    unsigned long requests;
    uint64_t seed;
    struct pair_tally levels[LEVELS + 1]; /* by level; 0: messages that are meant for single rules */
    size_t ids[LEVELS + 1];               /* rules that fired there, those that do not log too */
    struct pair_tally told[LEVELS + 1];   /* of those messages that went to rules that all say when they fire */
    size_t rules, fired, fired_in_peer;   /* of the whole set */
};

void waf_report_print(const struct waf_result *r, struct text *out);
