/* SPDX-License-Identifier: Apache-2.0 */
/*
 * decide() for many flows at once: for a set of addresses and classes of ports, which rules select them is
 * worked out once, as sets of bits, and a verdict is an intersection. The same answers as decide() at the
 * moment of compilation (tests compare them); used where a question is asked for all pairs.
 */
#pragma once

#include "decide/space.h"

struct reach {
    const struct policy *policy;
    size_t words;            /* 64-bit words in a set of rules */
    uint64_t *from, *to;     /* a set for each address: the rules whose end selects it */
    uint64_t *ports[2];      /* a set for each class; IPv4, IPv6 */
    uint64_t *allow, *tried; /* allow rules; denies that are only observed */
    bool *observed;          /* of each address */
    const struct address *addresses;
};

bool reach_new(const struct policy *p, const struct address *addresses, size_t count,
               const struct port_class *classes, size_t class_count, struct arena *a,
               struct reach *ret) MUST_USE;
/* The rules that hold at `now` (s UTC) as far as their conditions go; `ret` has `words` words. */
void reach_holding(const struct reach *r, int64_t now, uint64_t *ret);

/* Two of the addresses, with the rules that select both, in file order: few, so that all classes are quick. */
struct reach_pair {
    size_t from, to;
    uint32_t *rules;
    size_t count;
};
/* Room for any pair. False when memory is out. */
bool reach_pair_new(const struct reach *r, struct arena *a, struct reach_pair *ret) MUST_USE;
void reach_pair_set(const struct reach *r, size_t from, size_t to, struct reach_pair *pair);
struct verdict reach_verdict(const struct reach *r, const struct reach_pair *pair, size_t port_class,
                             const uint64_t *holding);
