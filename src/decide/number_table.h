/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A table whose keys are a few numbers, the first of them small and in most keys another. Which key came first with
 * each of these stands in an array, where it is found without a hash; the others are in a table. Nothing is removed.
 */
#pragma once

#include "base/table.h"

struct number_table {
    size_t words;     /* of a key */
    uint32_t *firsts; /* for each first number its value plus 1, or 0, and the rest of the key */
    size_t capacity;  /* of these */
    struct table others;
};

/* `words`: numbers of a key. */
static inline struct number_table number_table_new(struct arena *a, size_t words, uint64_t seed)
{
    return (struct number_table){.words = words, .others = table_new(a, seed)};
}

/* False: the key is not there. */
bool number_table_get(const struct number_table *t, const uint32_t *key, uint32_t *ret) MUST_USE;
/* Adds a key that is not there; its first number is UINT32_MAX or takes an array of that size. False when memory is out. */
bool number_table_put(struct number_table *t, const uint32_t *key, uint32_t value) MUST_USE;
