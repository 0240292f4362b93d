/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Model -> image: the tables that the kernel programs read (bpf/abi.h). Addresses become classes, ports become
 * intervals, conditions become spans of time. Pure; the result is written into memory that the caller provides
 * (the mapped kernel map).
 */
#pragma once

#include "base/arena.h"
#include "base/diag.h"
#include "policy/model.h"

struct compile_options {
    int64_t compiled;       /* the moment that spans start at, seconds UTC */
    int64_t tai_offset_ns;  /* CLOCK_TAI minus CLOCK_REALTIME, nanoseconds */
    uint64_t seed;          /* random: hashes and class identities are made with it */
    const uint32_t *links;  /* link number of each workload of the policy; 0: it has none */
    uint64_t product_limit; /* most (class, class, group of rules) cells; 0: COMPILE_PRODUCT_DEFAULT */
};
#define COMPILE_PRODUCT_DEFAULT ((uint64_t)48 << 20)

/* From here on an image is larger than usual. Some thousands of rules stay far below; twice that is kept while a policy changes. */
#define COMPILE_USUAL_BYTES ((uint64_t)64 << 20)

struct compile_sizes {
    uint64_t lines; /* of 64 bytes, the whole image */
    uint64_t from_classes, to_classes, pairs, intervals, spans, prefixes, endpoints;
};

struct compiled; /* in the arena it was compiled in */

/*
 * Compile into `arena` (give it a generous ceiling: about 1 KiB a rule). Errors: the classes' product is past the
 * limit (says which rules), too many rules for the tables, out of memory. NULL then.
 */
struct compiled *compile_policy(const struct policy *p, const struct compile_options *o, struct arena *arena, struct diags *diags) MUST_USE;

/*
 * The first second, UTC, at which some flow is refused with window-closed because the image knows no more of it: a day
 * behind the moment of compilation, or sooner where a verdict changes more often than an image holds spans.
 */
int64_t compiled_until(const struct compiled *c);
struct compile_sizes compiled_sizes(const struct compiled *c);
/* Write the image: compiled_sizes().lines * 64 zeroed bytes, aligned to 8. */
void compiled_write(const struct compiled *c, void *lines);
