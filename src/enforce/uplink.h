/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The host's part of a network's way out and in: the veth pair between the hub and the host, the host's routes, its
 * forwarding settings, and an nf_tables table of the network's own. "The host" is the network namespace of the calling
 * thread. What is changed is written down first, in the network's directory (state_path), so that uplink_delete can take back all of it also
 * when its maker was killed half-way. Knows nothing of policies and of the kernel programs.
 */
#ifndef BULKHEAD_ENFORCE_UPLINK_H
#define BULKHEAD_ENFORCE_UPLINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "enforce/failure.h"
#include "enforce/links.h"

struct uplink_port {
    uint8_t protocol; /* IPPROTO_TCP or IPPROTO_UDP */
    uint16_t port;    /* of the host's interface; the hub gets it at its outer address, under the same number */
};

struct uplink_prefix {
    struct link_address address;
    uint8_t length;
};

struct uplink_plan {
    const char *network;
    const char *interface;                      /* the host's, that leads out */
    bool nat;                                   /* false: segments are routed, nothing is masqueraded */
    const struct link_address *outer4, *outer6; /* the hub's addresses on the pair; null: the family is not carried */
    const struct uplink_prefix *segments;       /* routed to the hub where `nat` is false */
    size_t segment_count;
    const struct uplink_port *ports; /* published */
    size_t port_count;

    int hub_ns_fd;
    const char *hub_link; /* name and number of the pair's end in the hub's namespace */
    uint32_t hub_index;
    uint8_t hub_mac[6], host_mac[6];
    uint32_t mtu;
};

#define UPLINK_NAME_MAX 16
/* The host's end of the pair: "bh-NETWORK", cut and marked with a hash where that is longer than 15 characters. */
void uplink_host_link(const char *network, char out[UPLINK_NAME_MAX]);

/*
 * Whether the host is as it must be, before anything is changed: the interface is there; nf_tables works; no
 * published port is one that a process of the host listens on at that interface; switching IPv6 forwarding on would not cost the host a route that it
 * has by router advertisement; no forward chain of the host drops what this network forwards (Docker's, firewalld's, another's). Each says what to do.
 */
bool uplink_preflight(const struct uplink_plan *plan, struct failure *f) __attribute__((warn_unused_result));

/* Makes it all. On failure uplink_delete takes away what was made. */
bool uplink_create(const struct uplink_plan *plan, struct failure *f) __attribute__((warn_unused_result));

/* Writes the table anew, in one transaction: other published ports, or the interface's address has changed. */
bool uplink_update(const struct uplink_plan *plan, struct failure *f) __attribute__((warn_unused_result));

/* Whether table, routes, neighbours and settings are as the plan says; puts right what is not when `repair`. *ret_differ counts what differ(ed). */
bool uplink_check(const struct uplink_plan *plan, bool repair, unsigned *ret_differ, struct failure *f)
    __attribute__((warn_unused_result));

/* Takes back what is written down of the network's uplink; nothing there is no failure. Settings that another network's uplink still needs stay,
 * and the last one puts the value back that was there before the first. */
bool uplink_delete(const char *network, struct failure *f) __attribute__((warn_unused_result));

#endif
