/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An interface of the host that becomes a link of the hub for the life of a network, because what is to get a perimeter
 * stands behind it. It is moved into the hub's namespace under another name and number, and moved back with its own name,
 * number, state, MTU, addresses, routes and neighbours. "The host" is the network namespace of the calling thread. What
 * it had is written down first, in the network's directory (state_path), so that attached_return works also when its
 * maker was killed half-way. Knows nothing of policies and of the kernel programs.
 */
#ifndef BULKHEAD_ENFORCE_ATTACHED_H
#define BULKHEAD_ENFORCE_ATTACHED_H

#include <stdbool.h>
#include <stdint.h>

#include "enforce/failure.h"
#include "enforce/links.h"

struct attached_plan {
    const char *network, *workload;
    const char *interface;                  /* the host's */
    int hub_ns_fd;                          /* the caller's */
    const char *hub_link;                   /* its name and number there */
    uint32_t hub_index;
    const struct link_address *hub4, *hub6; /* the hub's own addresses in the workload's segment; null: none */
};

/*
 * Whether the interface can be taken, before anything is changed: it is there, not the loopback, not a part of a bridge
 * or bond, nothing is stacked upon it (VLANs, macvlans), no other network has it or leaves by it, and the host's default route (either family) does not go
 * by it, because whoever works on the host over it would lose it. Each refusal says what to do. Changes nothing.
 */
bool attached_preflight(const struct attached_plan *plan, struct failure *f) __attribute__((warn_unused_result));

/*
 * Moves it: written down, moved, named and numbered as the plan says, clsact on it, the hub's addresses (/32, /128, and a
 * link-local one where hub6 is given, for neighbour discovery), up. *ret_mac and *ret_mtu are what it has. When it fails, the
 * interface is back as it was.
 */
bool attached_take(const struct attached_plan *plan, uint8_t ret_mac[6], uint32_t *ret_mtu, struct failure *f)
    __attribute__((warn_unused_result));

/* The hub's addresses on the interface again: IPv6 takes them away with the link that goes down. */
bool attached_readdress(const struct attached_plan *plan, struct failure *f) __attribute__((warn_unused_result));

/*
 * Moves it back and makes all of it as it was; what cannot be made again (a route by a gateway that is gone) is named in
 * the failure after the rest was done, and the record is then gone all the same. Nothing written down is no failure, nor an interface that is gone
 * from the machine. `hub_ns_fd` -1: the hub is gone; then what is written down is put back where the interface is in
 * the host again. Fails, before anything is changed, when it was taken from another network namespace that still lives.
 */
bool attached_return(const char *network, const char *workload, int hub_ns_fd, struct failure *f) __attribute__((warn_unused_result));

/* attached_return for every workload that the network's directory has a record of. */
bool attached_return_all(const char *network, int hub_ns_fd, struct failure *f) __attribute__((warn_unused_result));

#endif
