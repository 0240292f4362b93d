/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the parts of an uplink share: its record, the settings of the host, the nf_tables table, the look-ups in the
 * kernel. For uplink*.c and their tests alone; whoever wants an uplink includes enforce/uplink.h.
 */
#pragma once

#include <net/if.h>
#include <netinet/in.h>

#include "base/text.h"
#include "enforce/uplink.h"

#define UPLINK_SETTINGS 2
#define UPLINK_SETTING_MAX 64 /* "net/ipv4/conf/" + a link's name of at most 15 + "/forwarding" */

/* ---- uplink_record.c: what is written down of a network's uplink, before it is done ---- */

struct uplink_record {
    uint64_t netns; /* inode of the host's network namespace */
    char interface[IFNAMSIZ], link[IFNAMSIZ];
    uint32_t index; /* of the interface, whose name may change; 0: a record that does not say */
    uint8_t mac[6]; /* of the host's end: a link of that name with another one is not ours */
    char settings[UPLINK_SETTINGS][UPLINK_SETTING_MAX];
    size_t setting_count;
    struct uplink_port *ports;
    size_t port_count;
};

bool uplink_record_make(const struct uplink_plan *plan, struct uplink_record *ret, struct failure *f) MUST_USE;
bool uplink_record_save(const char *network, const struct uplink_record *r, struct failure *f) MUST_USE;
/* *ret_found false: nothing is written down. */
bool uplink_record_load(const char *network, struct uplink_record *ret, bool *ret_found, struct failure *f) MUST_USE;
void uplink_record_free(struct uplink_record *r);
void uplink_record_remove(const char *network);
/* Settings of the older record that the newer does not have: they are still to be put back one day. */
void uplink_record_inherit(struct uplink_record *newer, const struct uplink_record *older);
/* A file and what a killed file_write may have left beside it. False with errno; what is not there is no failure. */
bool uplink_file_remove(const char *path) MUST_USE;

/* ---- uplink_settings.c: settings that are the host's, shared by networks ---- */

/* Each setting of the record to 1; what it was before is written down by the first network that changes it. */
bool uplink_settings_set(const struct uplink_record *r, bool repair, unsigned *differ, struct failure *f) MUST_USE;
/* Those that no other network's record names go back, the interface's by its number. `there` false: the host's namespace is gone, only forget them. */
bool uplink_settings_restore(const char *network, const struct uplink_record *r, bool there, struct failure *f) MUST_USE;
/* A lock that all networks share, and the directory of settings; freed by closing the descriptor. */
bool uplink_settings_lock(int *ret_fd, struct failure *f) MUST_USE;
/* The file for what a setting was before, and the directory that they are in. */
void uplink_setting_note(uint64_t netns, const char *setting, char out[512]);
bool uplink_settings_room(struct failure *f) MUST_USE;
/* Whether the setting is of the record's interface alone. */
bool uplink_setting_is_of_interface(const char *setting);

/* ---- uplink_reserved.c: published ports that the host would give its own connections ---- */

struct uplink_range {
    unsigned long first, last;
};
/* The ports that the host gives. */
bool uplink_ports_given(struct uplink_range *ret, struct failure *f) MUST_USE;
/* The record's into those that it does not give. */
bool uplink_reserved_set(const struct uplink_record *r, bool repair, unsigned *differ, struct failure *f) MUST_USE;
/* Those that no network's record names (but that of `without`; null: none's) go back. `there` as above. */
bool uplink_reserved_release(const char *without, uint64_t netns, bool there, struct failure *f) MUST_USE;

/* ---- uplink_quoted.c: addresses in the packets that ICMP errors quote ---- */

/* What stands behind the quoted addresses decides which checksum takes up their change. */
enum uplink_quotation {
    QUOTED_PLAIN,
    QUOTED_UDP,      /* with a checksum */
    QUOTED_FRAGMENT, /* the first of such a packet of UDP over IPv6, behind a fragment header */
    QUOTATIONS,
};
#define UPLINK_QUOTED_MAX ((2 + 3) * 2)

struct uplink_quoted {
    const char *chain;
    struct link_address old, new; /* what stands there, and what is to be written ... */
    bool source;                  /* ... over the quoted source, else over the quoted destination */
    enum uplink_quotation kind;
};

/* A rule at the end of each chain, for packets that have been found to be ICMP errors with a quotation of that family. */
bool uplink_quoted_add(const char *network, const struct uplink_quoted *quoted, size_t count, struct failure *f) MUST_USE;

/* ---- uplink_rules.c: what the nf_tables table is to be ---- */

#define UPLINK_RULES_MAX ((size_t)16 << 20) /* 65,535 published ports, 22 times named, some 8 octets each */

struct uplink_family {
    const char *name;                               /* nft's word */
    struct link_address outer_at, host_at;
    char outer[INET6_ADDRSTRLEN];                   /* the hub's */
    char host[INET6_ADDRSTRLEN];                    /* the interface's; "" while it has none: nothing is published in this family */
    enum uplink_quotation last; /* the last kind of quotation that there is */
    const char *quoted_source[QUOTATIONS], *quoted_destination[QUOTATIONS]; /* the chains that rewrite them */
};

struct uplink_rules {
    const struct uplink_plan *plan;
    char link[UPLINK_NAME_MAX];
    struct uplink_family families[2];
    size_t family_count;
    struct text text; /* commands; the caller frees it, also after a failure */
    struct uplink_quoted quoted[UPLINK_QUOTED_MAX];
    size_t quoted_count;
};

/* For the addresses that the interface has now. */
bool uplink_rules_make(const struct uplink_plan *plan, struct uplink_rules *ret, struct failure *f) MUST_USE;

/* ---- uplink_table.c: the table in the kernel ---- */

/* Runs libnftables commands in one transaction. *ret_output (may be null) is the caller's to free. */
bool uplink_nft(const char *commands, char **ret_output, struct failure *f) MUST_USE;
/* Whatever was there is replaced. */
bool uplink_table_write(const struct uplink_plan *plan, struct failure *f) MUST_USE;
/* Whether the table is what uplink_table_write would make it. */
bool uplink_table_check(const struct uplink_plan *plan, bool *ret_same, struct failure *f) MUST_USE;
bool uplink_table_delete(const char *network, struct failure *f) MUST_USE;

/* ---- uplink_firewall.c ---- */

/* Whether the host's own forward chains let pass what comes from and goes to the link. */
bool uplink_firewall_check(const struct uplink_plan *plan, const char *link, struct failure *f) MUST_USE;
struct uplink_firewall_question {
    const char *link, *uplink; /* the host's end of the way to the hub; the interface */
    bool with4, with6;
    bool publishes; /* sessions come in, too */
};
/* The same for a ruleset in nft's own words. */
bool uplink_firewall_judge(const char *ruleset, const struct uplink_firewall_question *question, struct failure *f) MUST_USE;

/* ---- uplink_lookup.c: what the kernel has ---- */

/* The interface's first address of the family of global scope; *ret_found false: it has none. */
bool uplink_address(int socket, uint32_t index, int family, struct link_address *ret, bool *ret_found, struct failure *f) MUST_USE;
/* Whether the main table's route to exactly this prefix leads to the link (`via`: by that address). */
bool uplink_route_is_there(int socket, uint32_t index, const struct link_address *prefix, uint8_t length, const struct link_address *via);
bool uplink_neighbour_is_there(int socket, uint32_t index, const struct link_address *address, const uint8_t mac[6]);
/* The name of an interface that has an IPv6 default route by router advertisement and would lose it to forwarding; "" for none. */
bool uplink_advertised_route(int socket, char ret_interface[IFNAMSIZ], struct failure *f) MUST_USE;

/* ---- uplink_listener.c ---- */

/*
 * Refuses when a process of the host listens on a published port at the wildcard or one of these (null: none), or has a
 * connection from such a port that the host gave it.
 */
bool uplink_listeners_check(const struct uplink_port *ports, size_t count, const struct link_address *host4,
    const struct link_address *host6, const char *interface, struct failure *f) MUST_USE;
