/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Collections in this process's memory: bounded in number and bytes, for any number of threads. When there is no room
 * left, what was not used for longest gives way. What one call does is bounded by the size of one collection.
 */
#pragma once

#include "waf/engine/store.h"

struct memory_store;

struct memory_store_limits {
    size_t collections;      /* of all together, at least 1 */
    size_t bytes;            /* of all together, the table of them not counted */
    size_t variables;        /* of one collection */
    size_t collection_bytes; /* of one collection, with its key */
    uint64_t seed[2];        /* by chance: who writes keys must not know where they are kept */
};

/* NULL when memory is out. Of many collections each sixteenth has its share of the room, and a lock of its own. */
struct memory_store *memory_store_create(const struct memory_store_limits *l);
void memory_store_destroy(struct memory_store *s);
/* For struct waf_options; valid until the store is destroyed. */
struct waf_store memory_store_lend(struct memory_store *s);

struct memory_store_state {
    size_t collections, bytes;
    uint64_t gave_way; /* collections that were dropped for others before their time */
};
struct memory_store_state memory_store_look(struct memory_store *s);

/* For tests: in each part of the store the nth allocation from now (1 is the next) and all after it fail; 0: none. */
void memory_store_fail_at(struct memory_store *s, uint64_t nth);
