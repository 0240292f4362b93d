/* SPDX-License-Identifier: Apache-2.0 */
/* Random rule sets of few rules, and requests and responses that are made of what these rules look for. */
#pragma once

#include "base/text.h"
#include "tests/differential/random.h"

#define TWIST_DIRECTIVES_MAX 64
#define TWIST_SAMPLES_MAX 64

struct twist_rules {
    struct text directives[TWIST_DIRECTIVES_MAX]; /* each with all of its chain */
    size_t count;
    struct text samples[TWIST_SAMPLES_MAX]; /* what the operators may match */
    size_t sample_count;
};

void twist_rules_make(struct random *random, struct twist_rules *ret);
void twist_rules_free(struct twist_rules *rules);
/* Raw HTTP/1.1. */
void twist_request_make(struct random *random, const struct twist_rules *rules, struct text *out);
void twist_response_make(struct random *random, const struct twist_rules *rules, struct text *out);
