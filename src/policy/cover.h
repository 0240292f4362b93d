/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which selectors hold which others, soundly (a yes is a yes; a no may be a "cannot tell cheaply"). Private
 * to the search for suspicious rules.
 */
#pragma once

#include "policy/reading.h"

/* What suspicion is raised over, and dense numbers for all selectors but prefixes. */
struct suspecting {
    const struct policy *p;
    struct reading *r;
    uint32_t id_count;
    uint8_t *reached;      /* by id: some allow has it as an end */
    uint8_t *families;     /* by id: of its addresses, once worked out */
    struct table denies;   /* see shadow.c */
    struct list pairs;
    uint8_t *denied_from, *denied_to; /* by id: some deny has it there */
    uint32_t wide[16];     /* denies that are looked at for every rule */
    uint32_t wide_count;
    struct list prefixes;  /* struct prefix: ends of allows */
    uint64_t steps_left;   /* of evaluations of conditions, to find those that are never true */
    uint64_t often_left;   /* the same, to find those that change often */
};

/* The dense number of a selector, NONE for a prefix. */
uint32_t selector_id(const struct suspecting *s, const struct selector *of);
uint32_t any_id(const struct suspecting *s);
const struct label_use *selector_label(const struct suspecting *s, const struct selector *of);
/* Every address of `inner` is in `outer`; `not:` of either is not looked at. */
bool selector_covers(const struct suspecting *s, const struct selector *outer, const struct selector *inner);
/* All of the prefix is addresses that no selector has / some of it is. */
bool prefix_is_special(const struct prefix *p);
bool prefix_holds_special(const struct prefix *p);

/* shadow.c: file the denies, then ask for the one that takes all of a rule's traffic (NONE: not found). */
bool shadows_prepare(struct suspecting *s) MUST_USE;
uint32_t shadowing_deny(const struct suspecting *s, uint32_t rule);
