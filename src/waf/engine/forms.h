/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A text of a transaction and what transformations make of it, each made once, whoever asks for it. It knows neither
 * rules nor variables.
 */
#pragma once

#include "base/arena.h"
#include "waf/plan/plan.h"
#include "waf/transform/transform.h"

struct waf_form {
    struct bytes text;
    uint64_t triggers; /* what it may trigger (plan.h); no longer what was tried and changed nothing */
    uint64_t seen;     /* the same with that */
    struct waf_form *made, *next; /* what single steps made of it, and the next of those */
    uint8_t step;      /* enum transformation that made it */
};

/* Where forms are made. */
struct form_maker {
    const struct waf_plan *plan; /* NULL: nothing is known of a text until it was tried */
    const struct unicode_map *unicode;
    struct arena *arena;
};

struct waf_form form_of(const struct form_maker *m, struct bytes text);
/* The same in the arena. NULL when memory is out. */
struct waf_form *form_new(const struct form_maker *m, struct bytes text) MUST_USE;
/* What the transformation makes of it: `f` itself where it changes nothing. NULL when memory is out. */
struct waf_form *form_step(const struct form_maker *m, struct waf_form *f, uint8_t step) MUST_USE;
struct waf_form *form_steps(const struct form_maker *m, struct waf_form *f, const uint8_t *steps, uint32_t count) MUST_USE;
