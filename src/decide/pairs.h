/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who talks to whom: sessions, or refusals, brought together by initiator, target, service and verdict, and put in order.
 * Knows nothing of where they were seen. Pure.
 */
#pragma once

#include "base/table.h"
#include "base/text.h"
#include "decide/decide.h"

/* An end, as it is brought together with others: a workload with all of its addresses, the world, or one address. */
struct party {
    uint32_t workload; /* or NONE */
    bool world;
    struct address address; /* where it is neither; else all zero */
};

#define PAIR_KINDS 3

/* One session or refusal. */
struct sighting {
    struct flow flow;
    bool earlier;  /* decided by another policy than the one in force: `rule` is not looked at */
    uint8_t reason; /* enum bulkhead_reason */
    uint32_t rule;  /* index in the policy, or NONE; what lies past its rules is NONE */
    unsigned kind; /* which of the pair's counts it is one of: what they mean is the caller's */
    uint64_t idle; /* nanoseconds since its last packet */
};

struct pair {
    struct party from, to;
    struct flow service; /* protocol and port alone count; ICMP of both families is IPv4's */
    bool earlier;
    uint8_t reason;
    uint32_t rule;
    uint64_t counts[PAIR_KINDS];
    uint64_t idle; /* the least */
};

struct pairs {
    const struct policy *policy;
    struct arena *arena;
    struct table table;
    struct pair **items;
    size_t count, capacity, most;
    bool addresses;              /* the world is told apart by address */
    uint64_t counts[PAIR_KINDS]; /* of all */
    uint64_t beyond;             /* sightings of pairs past `most`, or past the arena's ceiling */
};

struct pairs pairs_new(const struct policy *p, struct arena *a, uint64_t seed, size_t most, bool addresses);
void pairs_add(struct pairs *p, const struct sighting *s);
/* Most sightings first; of as many, the one that was seen last. The order is the same for the same pairs. */
void pairs_sort(struct pairs *p);

uint64_t pair_total(const struct pair *p);
void party_print(const struct policy *p, const struct party *party, struct text *out);
