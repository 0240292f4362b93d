/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether the image of a policy is larger than usual, told without making it, in memory that may be little. Its pairs are
 * counted class by class, its intervals once for each list of rules that hold together.
 */
#pragma once

#include "compile/compile.h"

enum forecast_size {
    FORECAST_USUAL,
    FORECAST_LARGE,   /* `bytes` or more */
    FORECAST_REFUSED, /* compile_policy refuses it for its product of classes */
    FORECAST_UNKNOWN, /* memory, or the work that is done for it, was used up; it may be larger than usual */
};

struct forecast {
    enum forecast_size size;
    uint64_t bytes; /* counted so far: all of them where it is FORECAST_USUAL and was counted to the end */
    uint64_t cells; /* (class, class, group of rules): of all of them, where known */
    const struct rule *rule; /* one of those whose ends have the most cells, or NULL */
    uint32_t from_classes, to_classes; /* of its ends */
};

/*
 * `usual`: bytes from which on an image is larger than usual. Never FORECAST_LARGE or FORECAST_REFUSED when what
 * compile_policy makes is not; FORECAST_USUAL when it is larger only where one of its hash tables had to be doubled.
 */
struct forecast forecast(const struct policy *p, const struct compile_options *o, uint64_t usual, struct arena *arena);
/* The same, always by counting: `forecast` does not where a bound (compile/bound.h) is below `usual`. */
struct forecast forecast_count(const struct policy *p, const struct compile_options *o, uint64_t usual, struct arena *arena);
