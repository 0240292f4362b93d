/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A set of phrases looked for all at once, whatever their case (ASCII): @pm, @pmFromFile. The database belongs to what was
 * compiled (waf/image); immutable, and used by many threads, each with a scratch of its own.
 */
#pragma once

#include <hs/hs.h>

#include "base/arena.h"
#include "waf/image/compiled.h"
#include "waf/operator/match.h"

struct phrases {
    struct bytes *items; /* in the order of the text; each once */
    size_t count;
    const hs_database_t *database; /* NULL when there are none */
};

enum phrases_result {
    PHRASES_OK,
    PHRASES_MEMORY,
    PHRASES_TOO_MANY, /* Hyperscan does not take them */
    PHRASES_UNSOUND,  /* the library does not find what is there (sound.h) */
};

/* @pm: words separated by blanks; `|68 65 78|` within a word are bytes in hexadecimal (Snort's notation). */
enum phrases_result phrases_of_words(struct bytes argument, struct compiled *c, struct arena *a, struct phrases *ret) MUST_USE;
/* @pmFromFile: one a line; blank lines and those that begin with # are passed over. */
enum phrases_result phrases_of_lines(struct bytes text, struct compiled *c, struct arena *a, struct phrases *ret) MUST_USE;

/* The phrase that ends first, of those that end there the longest; `*ret_phrase` as it stands in the list. */
bool phrases_find(const struct phrases *p, hs_scratch_t *scratch, struct bytes value, struct match *ret, struct bytes *ret_phrase) MUST_USE;
