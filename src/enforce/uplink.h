/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The host's part of a network's way out and in: the veth pair between the hub and the host, the host's routes, its
 * forwarding settings, and an nf_tables table of the network's own. "The host" is the network namespace of the calling
 * thread. What is changed is written down first, in the network's directory (state_path), so that uplink_delete can
 * take back all of it also when its maker was killed half-way. Knows nothing of policies and of the kernel programs.
 *
 * What the table does. A published port of the interface's first address is the hub's outer address under the same
 * port, both ways, ICMP errors too, and the host's connection tracking sees nothing of it; from the host itself the
 * port is reached by the outer address. With `nat` the outer address goes out as the interface's. What comes out of
 * the hub is forwarded by `interface` only, and what goes to the hub is forwarded from there only. What the hub sends
 * to the host's own addresses is not dropped: `world` is everything that is outside, a policy that allows it allows
 * that, and the host's own firewall has its say.
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
    const char *const *attached;                /* interfaces of the host that go into the hub: what they have is no longer the host's */
    size_t attached_count;

    int hub_ns_fd;
    const char *hub_link; /* name and number of the pair's end in the hub's namespace */
    uint32_t hub_index;
    uint8_t hub_mac[6], host_mac[6];
    uint32_t mtu;

    /* Asked by uplink_check before it changes the first thing: whether the plan holds still. Null: it does. */
    bool (*holds)(const void *argument);
    const void *argument;
};

#define UPLINK_NAME_MAX 16
/* The host's end of the pair: "bh-NETWORK", cut and marked with a hash where that is longer than 15 characters. */
void uplink_host_link(const char *network, char out[UPLINK_NAME_MAX]);

/*
 * Whether the host is as it must be, before anything is changed: the interface is there and leads out, what is to lead
 * to the hub takes nothing from the host (uplink_overlap_check), and the host's end of the pair is not somebody else's; nf_tables works; no published port is one that a process of the host listens on at that
 * interface, or that another network publishes there; switching IPv6 forwarding on would not cost the host a route
 * that it has by router advertisement; no forward chain of the host drops what this network forwards (Docker's,
 * firewalld's, another's). Each refusal says what to do. Changes nothing; also for before an uplink_update.
 */
bool uplink_preflight(const struct uplink_plan *plan, struct failure *f) __attribute__((warn_unused_result));

/*
 * Whether the host goes on to reach what it reaches: neither an outer address nor, without `nat`, a segment overlaps a
 * network on one of its interfaces, holds a gateway of its routes, or has a route of the host's already. What leads to
 * the hub already is not asked about.
 */
bool uplink_overlap_check(const struct uplink_plan *plan, struct failure *f) __attribute__((warn_unused_result));

/*
 * Makes it all, after taking back what an earlier one of this network has left. The network's directory is there
 * already; the pair's hub end is made, up, and has a clsact qdisc, and no address and no program. On failure
 * uplink_delete takes away what was made.
 */
bool uplink_create(const struct uplink_plan *plan, struct failure *f) __attribute__((warn_unused_result));

/*
 * Brings the host from an earlier plan of the network to this one: other published ports, another address of the
 * interface, another family. The table changes in one transaction (a second one adds what rewrites quotations in ICMP
 * errors) and only where it differs; connections that are masqueraded go on. Routes to segments that are no longer in
 * the plan stay until uplink_delete. Another interface is refused.
 */
bool uplink_update(const struct uplink_plan *plan, struct failure *f) __attribute__((warn_unused_result));

/*
 * Whether record, table, pair, its settings, routes, neighbours and the host's settings are as the plan says; puts
 * right what is not when `repair`. *ret_differ counts what differ(ed). A pair that was gone is made again with the
 * same number, without a program: the caller attaches it. Where the plan turns out to hold no longer, nothing is changed
 * and nothing differs. Fails while the interface is gone.
 */
bool uplink_check(const struct uplink_plan *plan, bool repair, unsigned *ret_differ, struct failure *f)
    __attribute__((warn_unused_result));

/*
 * Takes back what is written down of the network's uplink; nothing there is no failure. Settings that another
 * network's uplink still needs stay, and the last one puts the value back that was there before the first. Fails when
 * the uplink was made in another network namespace that still lives; what was in one that is gone is only forgotten.
 */
bool uplink_delete(const char *network, struct failure *f) __attribute__((warn_unused_result));

#endif
