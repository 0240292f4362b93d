/* SPDX-License-Identifier: Apache-2.0 */
/* Between the files of `waf replay`. */
#pragma once

#include "cli/waf_difference.h"

/* One request whose verdict or rules changed, for people and as a line of JSON. */
void difference_print(const struct difference *d, const char *name, bool color, struct text *out);
void difference_json(const struct difference *d, const char *name, struct text *out);
