/* SPDX-License-Identifier: Apache-2.0 */
/* Requests and responses for the rules: what browsers and programs send, what attackers send, and both broken. */
#pragma once

#include "base/text.h"
#include "tests/differential/random.h"
#include "tests/differential/waf_setups.h"

/* Raw HTTP/1.1, most of it; the same `*random` is the same message. What is broken may be no HTTP at all. */
void request_make(struct random *random, struct text *out);
void response_make(struct random *random, struct text *out);
/* Both, as one client's, whose rules are set up as is returned; where that is for an application, many go to its own paths. */
enum setup traffic_make(struct random *random, struct text *request, struct text *response);

/*
 * All attacks that rules know by name, each in every place that rules look at: some to a request. The answers are those that
 * let something out, each once. False: there are no more.
 */
bool sweep_make(size_t number, struct text *request, struct text *response);

size_t leak_count(void);
void leak_make(size_t index, struct text *out);
