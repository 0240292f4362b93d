/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What building a network (network.c), changing it (change.c), its uplink (network_uplink.c) and its processes
 * (processes.c) have in common. For these alone: whoever uses a network includes enforce/network.h.
 */
#pragma once

#include "enforce/network.h"

/* Patience, in milliseconds, with a process that was asked to end. */
#define STOP_MS 3000
/* Of every link, bytes of IP packet. */
#define NETWORK_MTU 1500

/* The network's hub, and a route socket in it. Both are the caller's to close, also after a failure: they are -1 before. */
bool network_open_hub(const char *name, int *ret_hub, int *ret_socket, struct failure *f) __attribute__((warn_unused_result));

/* The cidrs of another network on this machine must not overlap. */
bool network_check_overlap(const struct policy *p, struct failure *f) __attribute__((warn_unused_result));

/*
 * Compile for the links that the state gives, put it into a slot and remember its text; datapath_switch puts it in
 * force. `receipt` gets the times; NULL: nobody asks.
 */
bool network_install(const struct policy_source *source, const struct state *s, struct datapath *d, struct arena *scratch, struct diags *diags,
    struct network_result *ret, struct receipt *receipt, struct failure *f) __attribute__((warn_unused_result));

/* Link numbers of the policy's workloads, in its order; NULL: out of memory. */
uint32_t *network_link_numbers(const struct policy *p, const struct state *s, struct arena *arena) __attribute__((warn_unused_result));

/* What the datapath is to know of a link that has the network's own MACs; the hub's addresses may be NULL. */
struct link_entry network_entry_of(enum bulkhead_link_kind kind, uint32_t link, const struct address *hub4, const struct address *hub6);
/* What the datapath is to know of a workload's link, if it is a veth pair. */
struct link_entry network_link_entry(const struct policy *p, const struct workload *w, const struct state_link *l);
/* The same of the uplink's. False: the host cannot be asked for the MTU. */
bool network_uplink_entry(const struct policy *p, uint32_t link, struct link_entry *ret, struct failure *f) __attribute__((warn_unused_result));

/* Whether no namespace is called as the workload's own: one that is there may be somebody else's, and `down` would take it away. */
bool network_name_is_free(const struct policy *p, const struct workload *w, struct failure *f) __attribute__((warn_unused_result));

/*
 * The place of workload `index` in the datapath, then its namespace and link; the program on it is for later. Until when
 * it adopts goes to `l`, which is for the caller to save.
 */
bool network_add_workload(const struct policy *p, uint32_t index, struct state_link *l, int hub, struct datapath *d, struct failure *f)
    __attribute__((warn_unused_result));

/* Whether the host's interfaces can be taken that the policy attaches and `old` does not (NULL: all). */
bool network_attached_preflight(const struct policy *p, const struct policy *old, struct failure *f) __attribute__((warn_unused_result));

/*
 * The program on every link of the state that is there and has not got it, and the other end of each noted in the state,
 * which is for the caller to save. `hub`: descriptor of the hub's namespace.
 */
bool network_attach(int hub, const struct datapath *d, struct state *s, struct failure *f) __attribute__((warn_unused_result));

/* The part of network_check that is about names; `socket`: a route socket in the hub. */
void network_check_names(const struct policy *p, const struct state *s, int socket, struct network_drift *drift);

struct link_address network_link_address(const struct address *a);
/* The same into `room`, which is returned; NULL for NULL: there is none. */
const struct link_address *network_maybe_address(const struct address *a, struct link_address *room);

/* The MACs of both ends of a link: the far one (a workload's, the host's) and the hub's. */
void network_link_macs(uint32_t link, uint8_t far[6], uint8_t hub[6]);

/*
 * The uplink of a policy; where it has none, all of this does nothing. "The host" is the network namespace of the
 * calling thread.
 */
struct network_uplink {
    const struct policy *policy;
    const struct policy *also; /* one that may come back: what it publishes is published too; NULL: none */
    uint32_t link;
    int hub; /* descriptor of its namespace */
    bool (*holds)(const void *argument); /* as in struct uplink_plan */
    const void *argument;
};
bool network_uplink_preflight(const struct policy *p, struct failure *f) __attribute__((warn_unused_result));
/* The link's place in the datapath, and the host's part; the program on the link is for later. */
bool network_uplink_create(const struct network_uplink *u, struct datapath *d, struct failure *f) __attribute__((warn_unused_result));
bool network_uplink_update(const struct network_uplink *u, struct failure *f) __attribute__((warn_unused_result));
/* As uplink_check: a pair that was made again has no program. */
bool network_uplink_check(const struct network_uplink *u, bool repair, unsigned *ret_differ, struct failure *f) __attribute__((warn_unused_result));
/* Whether a running network can change from one to the other, on this host. */
bool network_uplink_may_become(const struct policy *old, const struct policy *p, struct failure *f) __attribute__((warn_unused_result));

/* Stop all processes. */
bool network_stop_processes(const struct state *s, struct failure *f) __attribute__((warn_unused_result));

/* Whether each process that this change starts would start; the namespaces of new workloads are there. */
bool network_try_processes(const struct policy *old, const struct policy *p, const struct state *s, struct failure *f) __attribute__((warn_unused_result));

/* Stop those whose `run:` differs; network_start_processes starts the new ones. */
bool network_stop_changed_processes(const struct policy *old, const struct policy *p, struct state *s, struct failure *f)
    __attribute__((warn_unused_result));
