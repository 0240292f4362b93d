/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the parts of attached interfaces share: the record, what the kernel has of an interface, its settings, and the
 * two moves. For attached*.c and their tests alone; whoever attaches an interface includes enforce/attached.h.
 */
#pragma once

#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>
#include <net/if.h>

#include "base/text.h"
#include "enforce/attached.h"

#define ATTACHED_ROUTES_MAX 20000
#define ATTACHED_RECORD_MAX ((size_t)64 << 20)
#define ATTACHED_ITEM_MAX 32768 /* octets of one address, route or neighbour; the kernel's dumps come in as much */
#define ATTACHED_MESSAGE_BYTES (ATTACHED_ITEM_MAX + 64)

/* ---- attached_record.c: what is written down before anything is done ---- */

/* An address, route or neighbour as the kernel told it: what follows the header of its message. */
struct attached_item {
    uint16_t type;       /* RTM_NEWADDR, RTM_NEWROUTE, RTM_NEWNEIGH */
    const void *payload; /* as unaligned as it happens to be */
    size_t length;       /* at least that of the type's own header, at most ATTACHED_ITEM_MAX */
};

struct attached_setting {
    const char *name; /* "ipv4/conf/rp_filter": without the interface */
    const char *value;
};

struct attached_record {
    uint64_t netns; /* inode of the host's network namespace */
    char interface[IFNAMSIZ], hub_link[IFNAMSIZ];
    uint32_t index, hub_index, mtu, group;
    uint8_t mac[6]; /* by it the interface is known again */
    bool up, running;
    struct attached_setting *settings;
    size_t setting_count;
    struct attached_item *items;
    size_t item_count;
    char *text; /* into which settings and items point */
};

/* The item as a request, in a buffer of ATTACHED_MESSAGE_BYTES that is aligned to 8. */
struct nlmsghdr *attached_item_message(const struct attached_item *item, char *buffer);

/* Writes down where the interface is, and is to be, and all that it has. `socket` is the host's; *ret_link is what it is. */
bool attached_record_save(const struct attached_plan *plan, int socket, struct link_state *ret_link, struct failure *f) MUST_USE;
/* *ret_found false: nothing is written down. */
bool attached_record_load(const char *network, const char *workload, struct attached_record *ret, bool *ret_found, struct failure *f) MUST_USE;
void attached_record_free(struct attached_record *r);
bool attached_record_remove(const char *network, const char *workload, struct failure *f) MUST_USE;
/* Calls `each` with every workload that the network has a record of; stops when it returns false. */
bool attached_record_each(const char *network, bool (*each)(const char *workload, void *argument), void *argument);
/* One line of a record: the word, and the octets in hexadecimal digits. */
void attached_record_line(struct text *t, const char *word, const void *octets, size_t length, const void *more, size_t more_length);

/* ---- attached_lookup.c: what the kernel has ---- */

/* Whether this address, route or neighbour is the interface's; a route is when one of its next hops is. */
bool attached_is_of(const struct nlmsghdr *message, uint32_t index);
/* The next hop behind `previous` (null: the first) in an RTA_MULTIPATH; null: there is no more. */
struct rtnexthop *attached_next_hop(const struct nlattr *multipath, struct rtnexthop *previous);
/* Null: the message has none that is at least so long. */
const struct nlattr *attached_attribute(const struct nlmsghdr *message, size_t header, uint16_t type, size_t length);

/* Addresses, permanent and proxied neighbours, routes but those of table `local` that the kernel makes: lines of a record. */
bool attached_note_items(int socket, uint32_t index, struct text *t, struct failure *f) MUST_USE;
/* Refuses an interface by which the host's default route goes, and one with routes that could not be made again. */
bool attached_routes_check(int socket, const char *interface, uint32_t index, struct failure *f) MUST_USE;
/* The name of a link that stands upon this one: a VLAN, macvlan, tunnel; "" for none. */
bool attached_stacked(int socket, uint32_t index, char ret_name[IFNAMSIZ], struct failure *f) MUST_USE;
/* Whether one of its addresses still waits for duplicate address detection. */
bool attached_is_tentative(int socket, uint32_t index);

/* ---- attached_settings.c: /proc/sys/net of one interface, in the calling thread's namespace ---- */

/* All that can be written, as lines of a record. */
void attached_note_settings(const char *interface, struct text *t);
/* False: the record has no such setting. */
bool attached_setting(const struct attached_record *r, const char *name, const char **ret_value);
/* Whether "ipv4/conf/NAME" or the like is one that attached_note_settings may have written. */
bool attached_setting_is_sound(const char *name, const char *value);
/* Writes it where it has another value. One that is not there is no failure. */
bool attached_setting_write(const char *interface, const char *name, const char *value, struct failure *f) MUST_USE;

/* ---- attached_restore.c ---- */

/*
 * Gives the interface, which has its name again, the rest of what is written down. Goes on where something cannot be
 * made again, and names it in the end.
 */
bool attached_restore(const struct attached_record *r, int socket, uint32_t index, struct failure *f) MUST_USE;

/* ---- attached.c: the two moves, single ---- */

struct attached_host {
    int ns_fd, socket; /* the calling thread's namespace, and a route socket in it */
};

bool attached_host_open(struct attached_host *ret, struct failure *f) MUST_USE;
void attached_host_close(struct attached_host *host);

/* To the hub, named and numbered as the plan says; the kernel closes it first. */
bool attached_move_out(const struct attached_plan *plan, uint32_t index, int socket, struct failure *f) MUST_USE;
/* Finds it, and has it in the host under its own name and number; *ret_index 0: it is gone from the machine. */
bool attached_move_back(const struct attached_record *r, int hub_ns_fd, const struct attached_host *host, uint32_t *ret_index, struct failure *f) MUST_USE;
