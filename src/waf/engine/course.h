/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the rules do whatever the message is: defaults that they set, paranoia levels that they compare. Such rules read nothing
 * but values of TX that only others of their kind write, and so they are run once, when rules are loaded; a transaction takes
 * what they set from here, and looks neither at them nor at the rules that they jump over, for as long as nothing happens
 * that the course does not reckon with (planned.c). Immutable.
 */
#pragma once

#include "base/arena.h"
#include "waf/engine/program.h"
#include "waf/engine/values.h"

struct rule_match;

/* Sets of rules, of one phase. */
struct course_phase {
    uint64_t *visits;   /* to be looked at: what the course does not know, where scans are due, and blocks */
    uint64_t *reached;  /* no rule of the course jumps over them; markers too */
    uint64_t *known;    /* rules of the course */
    uint64_t *blocks;   /* the first that writes, of rules of the course that no other stands between */
    uint64_t *clears;   /* conditions that are reached, but for those that the course knows to match: passed over, they leave no match */
    uint64_t *matches;  /* conditions that the course knows to match */
    uint64_t *preceded; /* rules directly behind one of these */
    uint64_t *lands;    /* rules that may jump, and then pass over nothing that the course relies on */
    bool writes;        /* in some block */
};

struct course {
    struct course_phase phases[WAF_PHASES];
    struct waf_span *writes_of;  /* by rule, of writes: where a block begins, what it sets */
    struct waf_span *matches_of; /* by rule, of matches: what it leaves where it matches */
    struct waf_value *writes;    /* of TX, each of a known name */
    struct rule_match *matches;
    size_t write_count, match_count, write_capacity, match_capacity;
};

/* Of a program whose plan has no groups yet. NULL when memory is out. */
struct course *course_find(const struct waf_program *p, struct arena *a) MUST_USE;
/* What there is to be looked at, once the plan has its groups. */
void course_settle(struct course *c, const struct waf_plan *plan);
