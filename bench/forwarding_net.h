/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The networks that forwarding is measured in: two workloads in different segments, a hub between them, and in the
 * hub either Bulkhead's programs or the kernel's own forwarding with or without nftables. All by links.h, so that the
 * links are the same. Their names are taken away at once: a network goes with the process, however it ends.
 */
#pragma once

#include <netinet/in.h>

#include "enforce/datapath.h"

#define UDP_PORT 7000
#define BULK_PORT 7001
#define CONNECT_PORT 7002

enum net_hub {
    HUB_PLAIN,    /* forwards everything */
    HUB_LINEAR,   /* nftables, no state, one rule after the other, the matching one last */
    HUB_SETS,     /* nftables, established first, then one verdict map of concatenations */
    HUB_BULKHEAD, /* the shipped programs */
    HUB_REDIRECT, /* the same with bpf_redirect in place of bpf_redirect_peer */
};

enum net_steering {
    STEER_NOT,
    STEER_HUB,      /* RPS: what comes in on the hub's links goes to the receiver's processor */
    STEER_WORKLOAD, /* the same, on the receiving workload's link */
};

struct net {
    enum net_hub kind;
    enum net_steering steering;
    uint32_t size; /* rules */
    int hub, source, target; /* namespaces */
    struct datapath datapath;
};

/* These end the process with a message when they fail. */
void net_prepare(void); /* once: mounts of our own */
void net_create(struct net *n);
bool net_has_nft(void);

/* Packets and octets that the target's interface has received; datagrams that reached its UDP sockets, full or not. */
struct net_received {
    uint64_t packets, datagrams;
};
struct net_received net_received(const struct net *n);

struct sockaddr_in net_target(uint16_t port);
