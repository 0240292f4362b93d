/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What was compiled for a rule set, by what it was compiled of: databases of Hyperscan and what was found out about
 * expressions, and the expressions. Whoever asks for the same twice gets what is there. While a rule set is loaded one thread
 * asks; afterwards nothing is added any more, and any number of threads may use what they got.
 */
#pragma once

#include <hs/hs.h>

#include "base/arena.h"

struct compiled;

/* Does each of `count` jobs once, on as many threads as it likes, and returns when all are done. */
struct job_runner {
    void (*run)(void *context, void (*job)(void *argument, size_t which), void *argument, size_t count); /* NULL: one after another */
    void *context;
};

struct image;

/*
 * What is in the image (image.h; NULL: none) is taken from there when it is asked for. Its memory counts as that of `a`, which
 * lives longer, besides what the libraries allocate. NULL when memory is out.
 */
struct compiled *compiled_create(struct arena *a, const struct image *from, struct job_runner runner) MUST_USE;
/* With all databases and expressions: whatever uses them must be gone. */
void compiled_free(struct compiled *c);
/* Was something asked for that the image did not have, and another one would? */
bool compiled_is_new(const struct compiled *c);

/* ---- databases */

enum database_result {
    DATABASE_OK,
    DATABASE_REFUSED, /* Hyperscan does not take it */
};

/* The database of these expressions, in this order; the numbers that it reports are `ids`. */
struct database_wanted {
    const char *const *texts;
    const size_t *lengths; /* NULL: they are expressions that end with NUL; else literals, of any bytes */
    const unsigned *flags, *ids;
    unsigned count;
    /* What came of it. */
    enum database_result result;
    const hs_database_t *database;
    int wrong; /* which of the expressions was refused; -1: it is not known which */
};

/* Compiles what is not there. False when memory is out. */
bool compiled_databases(struct compiled *c, struct database_wanted *items, size_t count) MUST_USE;
/* A scratch that serves every database asked for so far; NULL where there is none. False when memory is out. */
bool compiled_scratch(const struct compiled *c, hs_scratch_t **ret) MUST_USE;

/* ---- expressions */

struct regex;
struct regex_error;

/* regex.h; the same for the same text, and compiled only where it is not known to be one. NULL: what is wrong with it. */
const struct regex *compiled_regex(struct compiled *c, struct bytes pattern, bool caseless, struct regex_error *ret_error) MUST_USE;
/*
 * Compiles those that wait for their first use, once nothing is asked for any more. May be done while others use them, and by
 * several threads at once, which share the work: it is done when all of them have returned.
 */
void compiled_warm(const struct compiled *c);

/* ---- facts */

/* What `find` says of `text`, asked once for each text, `kind` and `about`; `find` says FACT_MEMORY when memory is out, as this does. */
#define FACT_MEMORY UINT32_MAX
struct fact_wanted {
    const char *kind; /* what is asked */
    struct bytes text;
    uint64_t about; /* such as flags */
    uint32_t (*find)(void *context);
    void *context;
};
uint32_t compiled_fact(struct compiled *c, const struct fact_wanted *wanted) MUST_USE;
