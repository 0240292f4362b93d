/* SPDX-License-Identifier: Apache-2.0 */
/* What variables hold: named values in the order in which they came, and stores that rules write to. Names are told apart without regard to ASCII case. */
#pragma once

#include "base/table.h"

struct waf_value {
    uint8_t variable;    /* enum variable */
    struct bytes name;   /* the part behind the colon; `at` is NULL for a variable that has one value */
    struct bytes value;
};

struct waf_values {
    struct waf_value *items;
    size_t count, capacity;
    uint64_t seed;        /* for `index`: not known to who writes the names */
    struct table *index;  /* of a store that has grown large: digests of names, to places; else NULL */
    size_t next_index;    /* as many as there must be before there is one again; 0: not put off */
};

bool names_equal(struct bytes a, struct bytes b);

/* False when memory is out. */
bool values_add(struct waf_values *v, struct waf_value value, struct arena *a) MUST_USE;
/* The first of that name, or NULL. */
struct waf_value *values_find(const struct waf_values *v, struct bytes name);
/* The value of that name becomes a copy of `value`; false when memory is out. */
bool values_set(struct waf_values *v, uint8_t variable, struct bytes name, struct bytes value, struct arena *a) MUST_USE;
void values_remove(struct waf_values *v, struct bytes name);

/* A copy in the arena; false when memory is out. */
bool bytes_copy(struct bytes from, struct arena *a, struct bytes *ret) MUST_USE;
/* In decimal; false when memory is out. */
bool bytes_of_number(int64_t n, struct arena *a, struct bytes *ret) MUST_USE;
