/* SPDX-License-Identifier: Apache-2.0 */
/* Does a message fire a rule? The engine says; of a rule that keeps silent too, in a copy of the set in which it speaks. */
#pragma once

#include "waf/example/example.h"

struct probe {
    struct waf_program program; /* as given, but its set is `set` */
    struct waf_rule_set set;
    uint32_t rule;
};

/* False when memory is out. */
bool probe_open(const struct waf_program *p, uint32_t rule, struct arena *a, struct probe *ret) MUST_USE;
/* `*ret` as far as it has come: request, response and client are set; `found` and the rest are filled. All that is kept is the arena's. */
bool probe_run(const struct probe *p, const struct example_search *s, struct arena *a, struct example *ret) MUST_USE;
