/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names and values of a query string or of an application/x-www-form-urlencoded body. It needs all of it at once,
 * and copies nothing but what percent or plus encoding changed.
 */
#pragma once

#include "waf/body/report.h"

/* An argument for each piece between separators: also empty ones, but none for an empty piece at the very end. BODY_FLAG
 * URLENCODED_ERROR when a percent is not followed by two hexadecimal digits; it stays as it is then. */
enum body_status urlencoded_split(struct bytes text, const struct body_limits *limits, struct body_sink sink,
                                  struct arena *arena) MUST_USE;
void urlencoded_report(struct report *r, struct bytes text);
