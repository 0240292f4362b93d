/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A hash table from byte strings to 64-bit numbers, in an arena, keyed with SipHash-2-4 so that nobody
 * who writes the keys can make it slow. Entries are never removed.
 */
#pragma once

#include "base/arena.h"

struct table {
    struct arena *arena;
    uint64_t seed[2];
    struct table_slot *slots;
    size_t count, capacity;
};

/* SipHash-2-4 (Aumasson and Bernstein, 2012). */
uint64_t siphash(const uint64_t seed[2], struct bytes in);

/* `seed` comes from the caller: engines have no randomness of their own. */
struct table table_new(struct arena *arena, uint64_t seed);
/* The value under `key`, or NULL. Valid until the next put. */
uint64_t *table_get(const struct table *t, struct bytes key);
/*
 * The place of `key`'s value, made with `initial` where there was none (`ret_new`, may be NULL, says which).
 * The key's bytes are not copied and must outlive the table. NULL when memory is out.
 */
uint64_t *table_put(struct table *t, struct bytes key, uint64_t initial, bool *ret_new) MUST_USE;
