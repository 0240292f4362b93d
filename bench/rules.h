/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Policies for benchmarks: the fixed families of rules, of any size, as text that policy_parse reads; and traffic
 * that their rules allow. The same (family, rules) is the same policy on every machine.
 */
#pragma once

#include "base/text.h"
#include "policy/model.h"

/*
 * 'a' workload to workload, one port; 'b' labels and segments; 'c' nine in ten rules allow one prefix of the world,
 * nearly all distinct, to one target (a feed), the rest as 'a'; 'd' overlapping ranges of ports, one in ten a deny;
 * 'e' an even mix of the four.
 */
#define RULES_FAMILIES "abcde"

/* Every network has as many as these at most, so that a link for each fits into the datapath's tables. */
#define RULES_WORKLOADS_MAX 200

struct rules {
    char family;
    uint32_t rules;
    uint32_t workloads, segments, labels; /* segments besides the hub's */
};

struct rules_flow {
    struct address from, to;
    uint32_t from_workload; /* NONE: from the world; then `to` is the outer address, and `port` the published one */
    uint32_t to_workload;
    uint16_t port; /* TCP */
};

struct rules rules_of(char family, uint32_t count);
/* Room that the text needs at most. */
static inline size_t rules_text_limit(const struct rules *r)
{
    return ((size_t)1 << 20) + (size_t)r->rules * 160;
}
void rules_print(const struct rules *r, struct text *out);

/*
 * A flow that the policy allows, drawn from its rules, of IP version `ip`: from workload 0 to others, or with `world`
 * (family 'c' only) from the feed's prefixes to its target. One source, because BPF_PROG_TEST_RUN takes one
 * interface a call.
 */
struct rules_flow rules_draw(const struct rules *r, const struct policy *p, int ip, bool world, uint64_t *random);

/* splitmix64: a fixed sequence from a fixed state. */
uint64_t rules_random(uint64_t *state);
