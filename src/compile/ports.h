/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A list of rules that hold between the same two classes -> intervals of port keys, each with its verdict, and
 * spans of time for the verdicts that change.
 */
#pragma once

#include "base/arena.h"
#include "base/table.h"
#include "bpf/abi.h"
#include "compile/timeline.h"
#include "policy/model.h"

struct span_list {
    struct image_span spans[IMAGE_SPANS];
};
#define SPAN_LINES (sizeof(struct span_list) / LINE_BYTES)

struct port_tables {
    const struct policy *policy;
    struct arena *arena;
    int64_t compiled, tai_offset_ns;
    int64_t until;  /* the end of the span list that ends first, seconds UTC */
    uint8_t *kinds; /* of each rule: enum rule_kind */
    struct timelines timelines;

    struct image_interval *intervals;
    size_t interval_count, interval_capacity;
    struct span_list *spans; /* timed verdicts hold an index into this until the image is laid out */
    size_t span_count, span_capacity;
    struct table known_spans;

    /* scratch, reused */
    struct boundary *boundaries;
    size_t boundary_capacity;
    struct rule_heap {
        uint32_t *items;
        size_t count, capacity;
    } heaps[3];
    uint32_t *active;  /* of each rule: how many of its ports entries hold here */
    uint32_t *timed;   /* timed rules that hold here */
    size_t timed_count, timed_capacity;
};

struct interval_list {
    uint32_t first, count;
};

/* The port keys (bpf/abi.h) of an entry: from *ret_first up to below *ret_end. */
void port_keys(const struct ports *p, uint32_t *ret_first, uint32_t *ret_end);

bool port_tables_begin(struct port_tables *t, const struct policy *p, int64_t compiled, int64_t tai_offset_ns, uint64_t seed, struct arena *arena) MUST_USE;

/* The intervals of the rules in `rules` (ascending). False when memory is out. */
bool port_tables_add(struct port_tables *t, const uint32_t *rules, size_t count, struct interval_list *ret) MUST_USE;
