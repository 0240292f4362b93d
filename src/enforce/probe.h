/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Trying it: packets really sent from one workload to another, and what the receiver saw of them. Knows nothing of
 * rules and does not read the datapath's own counters.
 */
#pragma once

#include "enforce/failure.h"
#include "enforce/progress.h"
#include "policy/model.h"

struct probe {
    uint32_t from, to; /* workloads */
    struct address from_address, to_address;
    uint8_t protocol; /* TCP: a connection is attempted; UDP: an empty datagram; ICMP, ICMPv6: an echo request */
    uint16_t port;
    bool reached; /* the receiver's link got it */
};

/* Sends all, one after another (about 16 us each; those of one workload stand together and have one source address a family),
 * and waits once until nothing arrives any more (a quarter of a second). While the machine loses frames, what did not arrive
 * is sent again, twice at most; *ret_lost: how many it lost the last time, of anybody's. */
bool probes_run(const struct policy *p, struct probe *probes, size_t count, const struct progress *progress, uint64_t *ret_lost, struct failure *f) __attribute__((warn_unused_result));
