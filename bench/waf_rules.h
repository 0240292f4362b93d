/* SPDX-License-Identifier: Apache-2.0 */
/* Rules for the benchmark, as texts that both engines read. */
#pragma once

#include "base/text.h"

/* Room for as many rules as are asked for here. */
#define WAF_RULES_TEXT_MAX ((size_t)64 << 20)

/*
 * The Core Rule Set at that paranoia level, on nginx's base configuration, both where Debian installs them. Changed are
 * the audit log, which would measure the disk, and SecRequestBodyNoFilesLimit, so that bodies above 128 KB are inspected.
 */
void waf_rules_core(int level, struct text *out);
/* More rules of a site's own, with ids of their own: @rx, @pm, @contains and @streq on arguments, headers and the URI. None fires. */
void waf_rules_custom(size_t count, struct text *out);
/* The rules of a file; without an audit log too. False: it is not there, and standard error says so. */
bool waf_rules_file(const char *path, struct text *out) MUST_USE;
