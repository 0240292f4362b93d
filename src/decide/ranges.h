/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sets of numbers as sorted ranges that neither overlap nor touch, so that equal sets have equal ranges:
 * parties by number, services on their line. Equal sets can be kept once, under one number.
 */
#pragma once

#include "base/table.h"

struct range {
    uint32_t first, last; /* inclusive */
};

struct ranges {
    const struct range *items;
    size_t count;
};

/* A list that grows in its arena. */
struct range_list {
    struct arena *arena;
    struct range *items;
    size_t count, capacity;
};
/* At the end, joined with the last range where it continues that one. False when memory is out. */
bool range_list_add(struct range_list *l, uint32_t first, uint32_t last) MUST_USE;
/* Sorts, and joins what overlaps or touches. */
void range_list_normalize(struct range_list *l);
static inline struct ranges range_list_all(const struct range_list *l)
{
    return (struct ranges){l->items, l->count};
}

/* What is in `a` and not in `b`, or in both, at the end of `out`. False when memory is out. */
bool ranges_subtract(struct ranges a, struct ranges b, struct range_list *out) MUST_USE;
bool ranges_intersect(struct ranges a, struct ranges b, struct range_list *out) MUST_USE;
/* Whether some number is in both; quick where `a` has few ranges. */
bool ranges_overlap(struct ranges a, struct ranges b);

/* Each different set once, numbered from 0; number 0 is the empty set. */
struct range_table {
    struct arena *arena;
    struct table known;
    struct ranges *items;
    size_t count, capacity;
};
/* False when memory is out. */
bool range_table_new(struct arena *a, uint64_t seed, struct range_table *ret) MUST_USE;
/* The number of a normalized set; UINT32_MAX: it is not there. */
uint32_t range_table_get(const struct range_table *t, struct ranges r);
/* The same; where it is new, it is copied. */
bool range_table_put(struct range_table *t, struct ranges r, uint32_t *ret) MUST_USE;
