/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where in a value a match of an expression may begin, when that is at few sorts of bytes: found sixteen bytes at a time, so
 * that PCRE2, which tries one place after another, is given no others.
 */
#pragma once

#include "base/bytes.h"

struct begins {
    bool known;   /* false: it may begin anywhere, or at so much that PCRE2 is as quick */
    bool at_line; /* where a line begins, and not only at these bytes */
    /* A byte is one of them where the entries of its lower and upper half share a bit: each upper half from 2 to 7 has its own. */
    uint8_t low[16], high[16];
};

/* From `first` to `last` places close to each other, the value's end may be among them. There is none from there to `next`. */
struct places {
    size_t first, last, next;
};

void begins_read(struct bytes expression, struct begins *ret);
/* The next from `from` on, which is 0 or the `next` of those before. False: there are none. What is asked is known. */
bool begins_next(const struct begins *b, struct bytes value, size_t from, struct places *ret) MUST_USE;
