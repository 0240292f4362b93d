/* SPDX-License-Identifier: Apache-2.0 */
/* What variables hold: named values in the order in which they came, and stores that rules write to. Names are told apart without regard to ASCII case. */
#pragma once

#include "base/arena.h"
#include "waf/engine/forms.h"
#include "waf/engine/known_names.h"
#include "waf/engine/selection.h"
#include "waf/language/names.h"

struct waf_value {
    uint8_t variable;    /* enum variable */
    uint32_t hash;       /* of the name, whatever its case */
    uint32_t next;       /* one more than the index of the next with the same place in the index; 0: none */
    uint32_t known;      /* one more than the number of its name; 0: that has none */
    struct waf_form *form, *name_form; /* of the value and of the name; NULL: none is kept */
    struct bytes name;   /* the part behind the colon; `at` is NULL for a variable that has one value */
    struct bytes value;
};

struct waf_values {
    struct waf_value *items;
    size_t count, capacity;
    /* By hash, once there are many: the first and the last, one more than their indices. Of lists made by values_add. */
    struct {
        uint32_t first, last;
    } *places;
    size_t place_count; /* a power of two, or 0 */
    struct known_values *known; /* of TX; else NULL */
};

/*
 * Values that are not in the list yet, because nobody has asked for them. Each has a name without a number, whose first
 * `front` bytes are those of the others; what stands behind these stands in the value, between `before` and `behind`.
 */
struct waiting_values {
    struct bytes *names;
    size_t count, front;
    struct bytes before, behind;
    size_t at; /* where in the list they belong */
};

/* Of a list of names of which some have a number: each of these is at most once in the list. */
struct known_values {
    const struct known_names *names;
    uint32_t *indices;   /* by number: one more than the index; 0: not there */
    uint64_t *there;     /* bits by number */
    uint32_t *strangers; /* indices of those without a number, in order */
    size_t stranger_count, stranger_capacity;
    struct waiting_values waiting;
    struct arena *arena; /* the list's */
};

static inline bool value_is_named(const struct waf_value *v, struct bytes name, uint32_t hash)
{
    return v->hash == hash && names_equal(v->name, name);
}

/* `value.hash` is made here. False when memory is out. */
bool values_add(struct waf_values *v, struct waf_value value, struct arena *a) MUST_USE;
/* The same, where it was made already. */
bool values_add_hashed(struct waf_values *v, struct waf_value value, struct arena *a) MUST_USE;
/* One that stands in another list already. */
bool values_append(struct waf_values *v, struct waf_value value, struct arena *a) MUST_USE;
/* What waits is put into the list. False when memory is out. */
bool values_settle(struct waf_values *v) MUST_USE;
/* The first of that name, or NULL. */
struct waf_value *values_find(struct waf_values *v, struct bytes name);
/* The one whose name has this number, or NULL. */
static inline struct waf_value *values_known(const struct waf_values *v, uint32_t number)
{
    uint32_t index = v->known->indices[number];
    return index ? &v->items[index - 1] : NULL;
}
/* The next one behind `after`, which is one of them; NULL: the first. `hash` is the name's. */
struct waf_value *values_next(const struct waf_values *v, struct bytes name, uint32_t hash, const struct waf_value *after);
/* The same, of a selection that is a name. */
static inline struct waf_value *values_selected(const struct waf_values *v, const struct selection *s, const struct waf_value *after)
{
    if (!v->known || s->number == NOTHING)
        return v->count ? values_next(v, s->name, s->hash, after) : NULL;
    return after ? NULL : values_known(v, s->number);
}
void values_clear(struct waf_values *v);
/* The value of that name becomes a copy of `value`; false when memory is out. */
bool values_set(struct waf_values *v, uint8_t variable, struct bytes name, struct bytes value, struct arena *a) MUST_USE;
/* The same without copies: both live as long as the list. */
bool values_lend(struct waf_values *v, uint8_t variable, struct bytes name, struct bytes value, struct arena *a) MUST_USE;
/* The first in a list of known names: all of these at once, each of another. False, and nothing is done: it has some, or no room. */
bool values_lend_first(struct waf_values *v, const struct waf_value *items, size_t count);
/* The same for a name that has this number. */
bool values_lend_known(struct waf_values *v, uint8_t variable, uint32_t number, struct bytes name, struct bytes value, struct arena *a) MUST_USE;
/* False when memory is out. */
bool values_remove(struct waf_values *v, struct bytes name) MUST_USE;
/* How many of these numbers are there: bits by number. */
size_t values_count_known(const struct waf_values *v, const uint64_t *numbers);
/* The list is one of names of which some have numbers; it is empty yet. False when memory is out. */
bool values_know(struct waf_values *v, const struct known_names *names, struct arena *a) MUST_USE;

/* A copy in the arena; false when memory is out. */
bool bytes_copy(struct bytes from, struct arena *a, struct bytes *ret) MUST_USE;
/* One behind another, in the arena; false when memory is out. */
bool bytes_join(struct bytes before, struct bytes text, struct bytes behind, struct arena *a, struct bytes *ret) MUST_USE;
/* In decimal; false when memory is out. */
bool bytes_of_number(int64_t n, struct arena *a, struct bytes *ret) MUST_USE;
