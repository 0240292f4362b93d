/* SPDX-License-Identifier: Apache-2.0 */
/* A plan while it is made: this room's own. */
#pragma once

#include "waf/plan/patterns.h"
#include "waf/plan/plan.h"

/* One group while it is made. */
struct draft {
    struct plan_group group;
    struct patterns patterns;
    size_t look_capacity;
    uint32_t segment; /* between two markers: where its scan was last due */
};

struct planning {
    const struct waf_rule_set *set;
    const struct phrases *const *phrases;
    const uint64_t *const *reached; /* by phase: rules that every message reaches */
    struct compiled *compiled;
    struct arena *arena;
    struct waf_plan *plan;
    struct draft *drafts;
    size_t draft_count, draft_capacity, source_capacity, segment_capacity;
    bool skips[WAF_PHASES]; /* a rule counts those that it passes over: any may be where it lands */
    bool out_of_memory;
};

/* ---- sources.c */

#define SOURCES_MAX 2
struct rule_sources {
    uint32_t items[SOURCES_MAX];
    size_t count; /* 0: one of the rule's targets is never scanned */
};
/* All that the rule's targets name: a message's body, and the rest. False when memory is out. */
bool sources_of(struct planning *p, const struct waf_rule *r, struct rule_sources *ret) MUST_USE;

/* ---- databases.c */

/* The groups of all drafts, with their databases. Rules that Hyperscan does not take are then of no group. False when memory is out. */
bool compile_groups(struct planning *p) MUST_USE;
