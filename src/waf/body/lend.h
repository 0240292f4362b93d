/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory for libraries that free as they go, out of an arena, which frees nothing alone. Blocks have sizes of powers of
 * two, and what is given back is lent again: all of it together stays within a small factor of the most that was held at
 * one time.
 */
#pragma once

#include "base/arena.h"

#define LEND_CLASSES 64

struct lent;

struct lender {
    struct arena *arena;
    struct lent *back[LEND_CLASSES]; /* given back, by the power */
    bool out_of_memory;
};

/* As libraries call them; `lender` is a struct lender. NULL when memory is out; what was there before is still in it. */
void *lend(void *lender, size_t size) MUST_USE;
/* NULL is fine. */
void give_back(void *lender, void *block);
