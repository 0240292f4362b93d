/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The texts of a segment as a group of rules looks at them: each that the group's chains of transformations make of one, told
 * apart by the chains that make it, those behind the same chains one after another with a separator behind each.
 */
#pragma once

#include "waf/engine/forms.h"
#include "waf/plan/plan.h"

struct waf_transaction;

/* Texts of one kind, one after another. */
struct scan_text {
    struct bytes bytes;
    uint64_t triggered; /* by any of them */
    size_t count;
};

struct scan_sort {
    uint64_t chains;
    struct scan_text texts[TEXT_KINDS];
    const struct waf_form **large; /* not among these */
    size_t large_count;
};

static inline enum text_kind kind_of(uint64_t triggers)
{
    return triggers & TRIGGER_STRANGE ? TEXT_STRANGE : TEXT_PLAIN;
}

/* A segment as a group looks at it. */
struct scan_view {
    struct scan_sort *sorts;
    size_t count;
};

/* `triggered`: by any of the texts. False when memory is out. */
bool sorts_make(struct waf_transaction *t, const struct plan_group *g, const struct plan_view *view, struct waf_form *const *forms, size_t count, uint64_t triggered,
    struct scan_view *ret) MUST_USE;
