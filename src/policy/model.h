/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The checked model of a policy: what the language means once the text is gone. Everything is in the
 * arena it was parsed into, names are resolved to indexes, addresses are assigned. Immutable after
 * policy_parse.
 */
#pragma once

#include "base/address.h"
#include "base/arena.h"
#include "base/diag.h"

#define NONE UINT32_MAX /* "no index" */

struct condition; /* policy/condition.h */
struct zone;      /* policy/zone.h */

enum selector_kind {
    SELECT_WORKLOAD, /* index: workload */
    SELECT_SEGMENT,  /* index: segment */
    SELECT_LABEL,    /* key, value; index: the label's id */
    SELECT_CIDR,     /* prefix */
    SELECT_WORLD,
    SELECT_ANY,
};

struct selector {
    enum selector_kind kind;
    bool negated; /* `not:` */
    uint32_t index;
    const char *key, *value;
    struct prefix prefix;
    struct place place;
};

/* A list of selectors: the union of the plain ones less the union of the negated ones. */
struct end {
    struct selector *items;
    uint32_t count;
};

/* Protocols of a `ports` entry besides IP protocol numbers. */
#define PORTS_ANY 0x100  /* every IP protocol, every port */
#define PORTS_ICMP 0x101 /* ICMP over IPv4 and ICMPv6 over IPv6 */

struct ports {
    uint16_t protocol;    /* IPPROTO_TCP, IPPROTO_UDP, IPPROTO_SCTP, PORTS_ICMP or PORTS_ANY */
    uint16_t first, last; /* inclusive; 0..65535 for PORTS_ANY and PORTS_ICMP; user's ports are 1..65535 */
    struct place place;
};

struct rule {
    const char *name;
    struct place place; /* of its name */
    bool allow;         /* else deny */
    bool observe;       /* `enforce: observe`; on a deny only */
    struct end from, to;
    struct ports *ports; /* at least one: left out in the file means one PORTS_ANY */
    uint32_t port_count;
    const struct condition *when; /* NULL: always */
    struct place when_place;
};

struct segment {
    const char *name;
    struct place place;
    bool hub;
    bool observe;
    struct prefix *cidrs;
    struct address *hub_addresses; /* one for each cidr: its first usable address, the hub's own */
    uint32_t cidr_count;
    const char *classification; /* or NULL */
};

struct label {
    const char *key, *value;
    uint32_t id; /* the same for the same key and value in all of one policy */
};

enum restart_policy {
    RESTART_POLICY_NEVER,
    RESTART_POLICY_ON_FAILURE,
    RESTART_POLICY_ALWAYS,
};

struct run {
    const char **command; /* NULL-terminated; NULL when there is no `run` */
    const char *user;     /* or NULL: uid 0 in the workload */
    const char *directory; /* or NULL: / */
    const char **environment; /* NULL-terminated NAME=VALUE, or NULL */
    enum restart_policy restart;
};

/* Each is a request to the kernel when the workload's link is made, and all of them go at once. */
#define WORKLOAD_ADDRESSES_MAX 64

struct workload {
    const char *name;
    struct place place;
    uint32_t segment;
    bool observe;
    struct label *labels;
    uint32_t label_count;
    struct address *addresses; /* given, else the next free one of each family of the segment */
    bool address_given;        /* they stand in the file, and so in the canonical print */
    uint32_t address_count;
    struct run run;
    const char *attach_netns;     /* path, or NULL */
    const char *attach_interface; /* name, or NULL */
    uint32_t adopt_seconds;       /* 0: none */
};

/* A port of the uplink that leads to a workload's. */
struct publish {
    uint8_t protocol;
    uint16_t port;
    uint32_t workload;
    uint16_t workload_port;
    struct place place;
};

struct uplink {
    const char *interface; /* NULL: no uplink */
    bool nat;              /* source NAT for what leaves; default true */
    struct publish *publish;
    uint32_t publish_count;
    struct place place;
};

/* Seconds. */
struct timeouts {
    uint32_t tcp, tcp_closing, other, icmp, unconfirmed, fragment;
};
#define TIMEOUTS_DEFAULT ((struct timeouts){.tcp = 86400, .tcp_closing = 60, .other = 180, .icmp = 30, .unconfirmed = 30, .fragment = 30})

struct policy {
    const char *name;
    struct segment *segments;
    uint32_t segment_count;
    uint32_t hub; /* index of the hub's segment */
    struct workload *workloads;
    uint32_t workload_count;
    struct rule *rules;
    uint32_t rule_count;
    bool observe;     /* `enforce: observe` for the whole network */
    bool refuse_drop; /* `refuse: drop`: refusals are not answered */
    const char *timezone;    /* as given; NULL: UTC */
    const struct zone *zone; /* that one's; NULL: UTC */
    struct uplink uplink;
    struct timeouts timeouts;
    uint8_t digest[32]; /* SHA-256 of the canonical print; filled by policy_parse */
    const struct policy_index *index; /* model.c's own: names and addresses -> segments and workloads */
};

/* The segment whose cidr holds the address, or NONE (the world). */
uint32_t policy_segment_of(const struct policy *p, const struct address *a);
/* The workload that has the address, or NONE. */
uint32_t policy_workload_of(const struct policy *p, const struct address *a);
/* The hub's own address of a family in the segment; NULL: the segment has no cidr of it. */
const struct address *segment_hub_address(const struct segment *s, uint8_t family);
bool workload_has_label(const struct workload *w, const char *key, const char *value);
uint32_t policy_find_workload(const struct policy *p, struct bytes name);
uint32_t policy_find_segment(const struct policy *p, struct bytes name);
