/* SPDX-License-Identifier: Apache-2.0 */
/* Inside the room: the table of what was compiled. */
#pragma once

#include "waf/image/compiled.h"
#include "waf/image/image.h"
#include "waf/image/layout.h"

enum entry_kind {
    ENTRY_FACT = 1,
    ENTRY_DATABASE = 2,
};

struct entry {
    struct key key;
    enum entry_kind kind;
    uint32_t fact;  /* of a database: 0, or which of its expressions was refused, counted from 1 */
    uint32_t probe; /* of a database: what it finds in the probe (probe.h) */
    const hs_database_t *database;
    hs_database_t *owned; /* the same, where it is ours to free */
    struct regex *regex;  /* of a fact about one */
    bool passing;         /* it may be otherwise the next time, and is not kept */
    bool recalled;        /* the image had it */
};

struct compiled {
    struct arena *arena;
    struct image image; /* without bytes: none */
    struct keying *keying;
    struct job_runner runner;
    hs_scratch_t *scratch; /* serves all databases; cloned for who scans */
    struct entry **slots;  /* by the key's first bytes; NULL: free */
    size_t slot_count, count;
    _Atomic size_t warmed; /* slots whose expressions were seen to by compiled_warm */
};

/* NULL: it is not there. */
struct entry *entry_find(const struct compiled *c, const struct key *key);
/* A new one, which must not be there yet. NULL when memory is out. */
struct entry *entry_add(struct compiled *c, const struct key *key, enum entry_kind kind);
/* The same, for a fact that may be in the image; `*ret_known` says whether it was. */
struct entry *entry_add_fact(struct compiled *c, const struct key *key, bool *ret_known);

bool image_find(const struct image *i, const struct key *key, struct image_record *ret);
/* The record's database to its entry, from where it lies or, where that cannot be, from a copy. False: it cannot be used. */
bool database_recall(struct compiled *c, const struct image_record *record, struct entry *e);
