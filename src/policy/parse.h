/* SPDX-License-Identifier: Apache-2.0 */
/* Text -> checked model. The only way to get a `struct policy`. */
#pragma once

#include "policy/model.h"
#include "policy/zone.h"

/* Bytes of memory that a policy of `size` bytes may take: 16 MiB + 20 times the file. */
static inline size_t policy_memory_limit(size_t size)
{
    return ((size_t)16 << 20) + 20 * size;
}

/*
 * Parse and check the YAML in `source` into `arena`. Every error and warning of the file goes into
 * `diags`. NULL when there was any error; what is returned is complete and checked.
 * `seed`: random, for the hash tables. `find_zone`: asked for the zone of `timezone:`, unless it is UTC; NULL
 * where no zones are known, and then that is an error.
 */
struct policy *policy_parse(struct bytes source, uint64_t seed, zone_finder *find_zone, struct arena *arena, struct diags *diags) MUST_USE;
