/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The traffic: each kind runs for a while between the two workloads of a network and says how much came through and
 * what processor time it took, the sender's and the receiver's threads and the kernel's ksoftirqd together.
 */
#pragma once

#include "forwarding_net.h"

struct load {
    double per_second; /* packets, octets, connections */
    double cpu;        /* nanoseconds for each; of all when there was none */
};

struct load_options {
    uint64_t warm_ns, run_ns;
    bool one_way; /* UDP: no answer ever comes back, so that no session is confirmed */
    bool drained; /* UDP: the receiver takes what arrives */
};

void load_prepare(void); /* once */
void load_udp(const struct net *n, const struct load_options *o, struct load *ret);
void load_bulk(const struct net *n, const struct load_options *o, struct load *ret);
void load_connections(const struct net *n, const struct load_options *o, struct load *ret);
