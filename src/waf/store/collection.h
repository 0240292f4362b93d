/* SPDX-License-Identifier: Apache-2.0 */
/* One collection in memory: its variables, what changes them, when they end. The store around it holds the lock. */
#pragma once

#include "waf/engine/store.h"

/* Memory from the system, counted. */
struct room {
    size_t used, most;
    uint64_t asked, fail_at; /* for tests: from the allocation fail_at on all fail; 0: none does */
};

/* NULL when that would be more than there is room for. */
void *room_take(struct room *r, size_t size) MUST_USE;
void room_give(struct room *r, void *at, size_t size);

struct kept_variable; /* of collection.c */

struct kept_collection {
    struct kept_collection *chain;           /* the next of its bucket */
    struct kept_collection *newer, *older;   /* by use */
    uint64_t hash;
    int64_t created, updated, timeout, expires;
    uint64_t updates;
    struct kept_variable *variables;         /* in the order in which they came */
    size_t variable_count, bytes;            /* bytes: of all its memory */
    size_t application_len, key_len;
    uint8_t kind;
    uint8_t text[];                          /* application, key */
};

/* NULL when there is no room. */
struct kept_collection *collection_new(const struct waf_collection_key *k, uint64_t hash, int64_t timeout, int64_t now, struct room *room) MUST_USE;
void collection_free(struct kept_collection *c, struct room *room);
bool collection_is(const struct kept_collection *c, const struct waf_collection_key *k);

/* Bytes that a collection, or what a change adds to one, may need. */
size_t collection_size(const struct waf_collection_key *k);
size_t change_size(const struct waf_change *change);

struct collection_limits {
    size_t variables, bytes; /* of one collection */
};

/* False when the arena is full. */
bool collection_read(struct kept_collection *c, int64_t now, struct room *room, struct arena *a, struct waf_values *ret) MUST_USE;
enum waf_store_result collection_change(struct kept_collection *c, const struct waf_change *change, int64_t now, const struct collection_limits *limits,
    struct room *room, struct arena *a, struct waf_changed *ret) MUST_USE;
