/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Equivalence classes of addresses: two addresses are in one class when no `from` (or no `to`) of the policy tells
 * them apart. Found by walking the tree of all prefixes that the policy names.
 */
#pragma once

#include "base/arena.h"
#include "bpf/abi.h"
#include "policy/model.h"

/* The `from` ends or the `to` ends of the rules, each distinct one once. */
struct ends {
    const struct end **items;
    uint32_t count;
    uint32_t *of_rule; /* number of the end of each rule */
};

/* Classes are numbered from 1. */
struct class_set {
    uint32_t count; /* classes 1..count */
    /* classes_of_end[first_of_end[e] .. first_of_end[e + 1]): the classes that end e selects */
    uint32_t *first_of_end, *classes_of_end;
};

struct class_prefix {
    struct prefix prefix;
    uint32_t from_class, to_class; /* with the flags of bpf/abi.h */
};

struct class_endpoint {
    struct address address;
    uint32_t workload;
    uint32_t from_class, to_class;
};

struct classes {
    struct ends from_ends, to_ends;
    struct class_set from, to;
    struct class_prefix *prefixes[2]; /* by family: 0 IPv4, 1 IPv6; with the markers that the search needs */
    size_t prefix_count[2];
    uint8_t lengths[2][129]; /* ascending */
    size_t length_count[2];
    struct class_endpoint *endpoints;
    size_t endpoint_count;
};

/* Prefixes are listed, or only counted, for which less memory does. False when memory is out. */
bool classes_find(const struct policy *p, uint64_t seed, bool list_prefixes, struct arena *arena, struct classes *ret) MUST_USE;
