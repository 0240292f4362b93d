/* SPDX-License-Identifier: Apache-2.0 */
/* Requests and responses for the rules: what browsers send, what attackers send, and both broken. */
#pragma once

#include "base/text.h"

/* Raw HTTP/1.1; the same `*random` is the same request. */
void request_make(uint64_t *random, struct text *out);
void response_make(uint64_t *random, struct text *out);
