/* SPDX-License-Identifier: Apache-2.0 */
/* Links of a network: the veth pair between a workload's namespace and the hub's, its addresses, routes and
 * neighbours. All by rtnetlink, in as few round trips as there are namespaces. It attaches no program: what
 * may pass is decided elsewhere, and until then nothing passes, because the hub forwards nothing. */
#ifndef BULKHEAD_ENFORCE_LINKS_H
#define BULKHEAD_ENFORCE_LINKS_H

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "enforce/failure.h"

#define WORKLOAD_LINK "eth0"
/* Fixed, so that the workload's side needs no look-up. High, because modules may add devices of low index
 * (tunl0, sit0) to every new namespace. */
#define WORKLOAD_LINK_INDEX 1000

/* The hub-side ends are in this group of links ("bk"), so that they can be taken away together. */
#define SPOKE_GROUP 0x626b

struct link_address {
    int family;        /* 4 or 6 */
    uint8_t octets[16]; /* network order; the first 4 for family 4 */
};

struct spoke {
    int hub_ns_fd;     /* the caller's */
    const char *netns;    /* name in /run/netns of the workload's namespace, to be made */
    const char *existing; /* or the path of one that exists and has no other link up; null: none */
    const char *hub_link;
    uint32_t hub_index; /* of the hub-side end, in the hub's namespace; chosen by the caller, > 0 */
    uint8_t hub_mac[6], workload_mac[6];
    uint32_t mtu; /* 0: the kernel's default */
    const struct link_address *addresses; /* the first of each family is the preferred source */
    size_t address_count;
    const struct link_address *hub4, *hub6; /* the hub's own address as next hop; null: no route of that family */
};

struct link_state {
    uint32_t index, mtu, group;
    uint32_t master; /* number of the bridge or bond that it is a part of; 0: none */
    uint32_t peer;   /* number of the other end of a veth pair, or of what it stands upon; 0: none */
    int32_t peer_ns; /* what this namespace calls the other end's (ip-netns(8), nsid); -1: the same one, or none */
    uint8_t mac[6];
    bool up, running;         /* running: and it has a carrier, as far as that can be known */
    bool loopback, ethernet;  /* ethernet: it has a MAC address, of 6 octets */
    char name[IFNAMSIZ];
};

/* Once for a hub's namespace, before its first link: lo up, forwarding off (v4 and v6), and every link made
 * later silent (no IPv6 of its own). A link that must speak IPv6 gets disable_ipv6=0 for itself. */
bool hub_prepare(int hub_ns_fd, struct failure *f) __attribute__((warn_unused_result));

/* Makes namespace and link; when it fails nothing of it is left. In a namespace that exists only the link is added, with its
 * addresses, routes and settings. *ret_ns_fd (may be null) is the caller's to
 * close. The hub-side end has a clsact qdisc, and both ends are up when it returns. */
bool spoke_create(const struct spoke *spoke, int *ret_ns_fd, struct failure *f) __attribute__((warn_unused_result));

/* Makes the link again, to the namespace that the hub calls `ns_id` (-1: whichever is found), and no other that has come to have
 * its name. Another link of the hub that has its number goes, and the far end that may be left. When it fails there is no link. */
bool spoke_relink(const struct spoke *spoke, int32_t ns_id, struct failure *f) __attribute__((warn_unused_result));

/* Takes link and namespace name away, and kills who is inside. What is not there is no failure. */
bool spoke_delete(int hub_ns_fd, uint32_t hub_index, const char *netns, struct failure *f)
    __attribute__((warn_unused_result));

/* Every spoke of the hub at once, links, the namespaces named and who is inside: for 300 the difference between seconds and
 * milliseconds, because the kernel waits for RCU once a request. Goes on after a failure and tells the first. */
bool spokes_delete(int hub_ns_fd, const char *const *netns, size_t count, struct failure *f)
    __attribute__((warn_unused_result));

/* Whether the name can stand in paths, messages and nf_tables commands: 1 to 15 of a-z A-Z 0-9 - _ . @ +, nothing
 * hidden, and not one of the two that /proc/sys/net means otherwise. */
bool link_name_is_sound(const char *name);

/* Single steps, for the uplink and attached interfaces. `socket` is from netlink_open. */
bool link_get(int socket, const char *name, struct link_state *ret_state, struct failure *f)
    __attribute__((warn_unused_result));
bool link_get_by_index(int socket, uint32_t index, struct link_state *ret_state, struct failure *f)
    __attribute__((warn_unused_result));
/* What the namespace of `socket` calls another (nsid; as link_state.peer_ns); -1: it has no name for it, and no link to it. */
bool link_namespace_id(int socket, int ns_fd, int32_t *ret, struct failure *f) __attribute__((warn_unused_result));
bool link_up(int socket, uint32_t index, struct failure *f) __attribute__((warn_unused_result));
bool link_delete(int socket, const char *name, struct failure *f) __attribute__((warn_unused_result));
bool link_delete_by_index(int socket, uint32_t index, struct failure *f) __attribute__((warn_unused_result));
/* Of a link that is down and has no addresses, and its MTU: it is in no group of IPv6 but those of all nodes, and joins none by itself. */
bool link_leave_groups(int socket, uint32_t index, uint32_t mtu, struct failure *f) __attribute__((warn_unused_result));
bool link_clsact(int socket, uint32_t index, struct failure *f) __attribute__((warn_unused_result));

struct veth_end {
    int ns_fd;
    const char *name;
    uint32_t index;     /* 0: the kernel chooses */
    const uint8_t *mac; /* 6 octets, or null: random */
};

/* A veth pair, each end in its namespace and still down. The far one asks for no neighbours, and answers for none:
 * they are entered. `socket` may be in any namespace. */
bool veth_create(int socket, const struct veth_end *near, const struct veth_end *far, uint32_t mtu, struct failure *f)
    __attribute__((warn_unused_result));
bool address_add(int socket, uint32_t index, const struct link_address *address, struct failure *f)
    __attribute__((warn_unused_result));
/* An on-link route to `gateway`/32 or /128, its permanent neighbour entry, and the default route by it. */
bool gateway_add(int socket, uint32_t index, const struct link_address *gateway, const uint8_t mac[6],
                 const struct link_address *source, struct failure *f) __attribute__((warn_unused_result));
/* Takes the place of an entry there is. */
bool neighbour_set(int socket, uint32_t index, const struct link_address *address, const uint8_t mac[6], struct failure *f)
    __attribute__((warn_unused_result));
/* A route in the main table; `via` null: what it leads to is on the link. Takes the place of one to the same prefix. */
bool route_set(int socket, uint32_t index, const struct link_address *prefix, uint8_t length,
               const struct link_address *via, struct failure *f) __attribute__((warn_unused_result));

#endif
