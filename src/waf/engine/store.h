/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where collections that outlast a transaction are kept: IP, SESSION, USER, GLOBAL and RESOURCE. The engine knows this
 * table of functions alone. Whoever keeps collections does the arithmetic, so that two transactions that add 1 at the
 * same time add 2.
 *
 * A collection is made by the first change to it. It is gone when its timeout has passed since the last change; a
 * variable when the time that expirevar gave has come. Time is the caller's, in seconds since 1970-01-01 UTC.
 */
#pragma once

#include "waf/engine/values.h"

struct waf_collection_key {
    struct bytes application; /* SecWebAppId: each has collections of its own */
    uint8_t collection;       /* enum variable */
    struct bytes key;         /* what initcol, setsid, setuid or setrsc say; compared byte by byte */
};

/* What rules can ask of a collection besides its variables. */
struct waf_collection_facts {
    bool is_new;              /* it is not there: the rest is 0 */
    int64_t created, updated;
    int64_t timeout;          /* seconds from a change to its end */
    uint64_t updates;         /* transactions that changed it */
};

enum waf_change_kind {
    CHANGE_SET,       /* the variable becomes `value` */
    CHANGE_ADD,       /* `number` is added to what it is as a number (number_of_32); 0 where it is not there */
    CHANGE_REMOVE,
    CHANGE_EXPIRE,    /* it is gone from the second `number` on, whatever is set until then */
    /* Lowered by `number` in `period` seconds: evenly with the time since it was set or last lowered, no lower than 0.
     * What is added to a positive variable does not begin that time anew. */
    CHANGE_DEPRECATE,
    CHANGE_TIMEOUT,   /* the collection's becomes `number` seconds; no variable is meant */
};

struct waf_change {
    uint8_t kind;             /* enum waf_change_kind */
    bool first;               /* of its transaction: counts as an update */
    struct bytes name, value;
    int64_t number, period;   /* period > 0 */
    int64_t timeout;          /* of the collection, when this change makes it */
};

/* The variable as it is now. */
struct waf_changed {
    bool exists;
    struct bytes value; /* in the arena */
};

enum waf_store_result {
    STORE_DONE,
    STORE_NO_ROOM, /* nothing was changed: the collection, or all of them, would be too large */
    STORE_FAILED,  /* it cannot be known: the store does not answer */
    STORE_MEMORY,  /* the arena is full */
};

struct waf_store {
    void *context;
    /* What there is of the collection, appended to `ret` as values of k->collection, in the order in which they came. */
    enum waf_store_result (*read)(void *context, const struct waf_collection_key *k, int64_t now, struct arena *a, struct waf_values *ret,
        struct waf_collection_facts *ret_facts) MUST_USE;
    /* One change, as a whole or not at all. */
    enum waf_store_result (*change)(void *context, const struct waf_collection_key *k, const struct waf_change *c, int64_t now, struct arena *a,
        struct waf_changed *ret) MUST_USE;
};
