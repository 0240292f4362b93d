/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A rule set while it is being read: its arrays grow. Once memory is out, `failed` stays set and what the
 * functions return points nowhere harmful: a reader may go on and the loader looks once, at the end.
 */
#pragma once

#include "waf/language/model.h"
#include "waf/language/source.h"

#define DRAFT_ARRAY(TYPE) \
    struct { \
        TYPE *items; \
        size_t count, capacity; \
    }

struct draft {
    struct arena *arena;
    struct waf_rule_set set; /* settings, given and defaults; the arrays come last */
    DRAFT_ARRAY(struct waf_rule) rules;
    DRAFT_ARRAY(struct waf_exception) exceptions;
    DRAFT_ARRAY(struct waf_target) targets;
    DRAFT_ARRAY(struct waf_action) actions;
    DRAFT_ARRAY(struct waf_part) parts;
    DRAFT_ARRAY(struct waf_template) templates;
    DRAFT_ARRAY(uint8_t) transformations;
    DRAFT_ARRAY(struct waf_ids) ids;
    DRAFT_ARRAY(uint32_t) action_updates;
    DRAFT_ARRAY(uint32_t) data_uses;
    DRAFT_ARRAY(struct waf_data) data;
    DRAFT_ARRAY(struct waf_text) files;
    DRAFT_ARRAY(struct waf_text) components;
    DRAFT_ARRAY(struct waf_text) response_mime_types;
    DRAFT_ARRAY(struct piece) rule_places; /* of each rule: its directive's word, for what is said later */
    DRAFT_ARRAY(uint8_t) texts;
    bool failed; /* memory is out, or a count passed 32 bits */
};

/* One more entry, zeroed, in the named array: a pointer to it, valid until the next; NULL when memory is out. */
#define DRAFT_ADD(D, ARRAY) \
    ((__typeof__((D)->ARRAY.items))draft_add((D), (void **)&(D)->ARRAY.items, &(D)->ARRAY.count, &(D)->ARRAY.capacity, \
        sizeof *(D)->ARRAY.items))
/* The entries of the named array from `first` on. */
#define DRAFT_SPAN(D, ARRAY, FIRST) ((struct waf_span){(uint32_t)(FIRST), (uint32_t)((D)->ARRAY.count - (FIRST))})

void *draft_add(struct draft *d, void **items, size_t *count, size_t *capacity, size_t size) MUST_USE;
/* A copy in the pool. */
struct waf_text draft_text(struct draft *d, struct bytes text);
static inline struct bytes draft_bytes(const struct draft *d, struct waf_text t)
{
    return bytes_slice(bytes_of(d->texts.items, d->texts.count), t.at, t.len);
}
