/* SPDX-License-Identifier: Apache-2.0 */
/* why --batch: many questions to one policy. */
#pragma once

#include "decide/decide.h"

/*
 * Lines `FROM TO PORT/PROTO` from `in`; for each, in order, one JSON object on standard output, at the latest
 * before the next line is waited for. A name stands for its IPv4 address where both ends have one. A line that
 * cannot be answered gets {"error": "..."}. STATUS_YES when every line was answered, else STATUS_CANNOT.
 */
int batch_answer(const struct policy *p, int in, struct moment m) MUST_USE;
