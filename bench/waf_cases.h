/* SPDX-License-Identifier: Apache-2.0 */
/* The benchmark's own requests, the same on every machine, and the answer to all of them. */
#pragma once

#include "waf_case.h"

void waf_cases_make(struct waf_cases *ret);
/* 200 with a short page. */
struct waf_case waf_answer_make(void);
