/* SPDX-License-Identifier: Apache-2.0 */
/* Requests and responses for the rules: what browsers send, what attackers send, and both broken. */
#pragma once

#include "base/text.h"
#include "tests/differential/random.h"

/* Raw HTTP/1.1; the same `*random` is the same request. */
void request_make(struct random *random, struct text *out);
void response_make(struct random *random, struct text *out);
