/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Many values are scanned as one buffer, with a separator behind each. An expression that says where a value begins or
 * ends has to say so of separators too. A line end would need no change of expressions, since `@rx` means lines by `^`
 * and `$`; but what looks for line ends would match between any two values.
 */
#pragma once

#include "base/arena.h"

#define SEPARATOR 0xff

enum ends_result {
    ENDS_OK,
    ENDS_NONE, /* not known how to say it */
    ENDS_MEMORY,
};

/*
 * The expression with `^` as (?:^|\xff) and `$` as (?:$|\xff). Each takes the separator with it, so that on no way through the
 * expression may there be two of one kind, a `^` behind a `$`, or a word boundary on the separator's far side.
 */
enum ends_result ends_mark(struct bytes expression, struct arena *a, const char **ret) MUST_USE;
