/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bed that the datapath is measured in: a network namespace with an interface for each link, the shipped programs
 * with a compiled policy in force, and bench/feed.bpf.c in front of them.
 */
#pragma once

#include "enforce/datapath.h"
#include "feed.h"
#include "rules.h"

#define BED_UPLINK LINK_FIRST
#define BED_WORKLOAD (BED_UPLINK + 1) /* the link of the first */
#define BED_INTERFACES (1 + RULES_WORKLOADS_MAX)
#define BED_REDIRECT 7 /* TC_ACT_REDIRECT: the packet is delivered */

struct feed_bpf;

/* One network: a policy that is in force. */
struct bed {
    struct rules rules;
    struct arena *arena;
    struct policy *policy;
    struct datapath datapath;
};

/* Every function here ends the process with a message when it fails: nothing can be measured then. */

/* For the whole process; `links`: how many interfaces. */
void bed_prepare(uint32_t links);
struct feed_bpf *feed_load(uint32_t frames, uint32_t bare_entries);
/* The frames, mapped. */
struct feed_frame *feed_frames(struct feed_bpf *f, uint32_t count);
void feed_target(struct feed_bpf *f, uint32_t number, int program);
/* Run frames through the target; nanoseconds of processor time for each. The last one must have passed. */
double feed_run(struct feed_bpf *f, uint32_t target, uint32_t link, uint32_t packets);

struct bed *bed_new(char family, uint32_t rules, uint32_t sessions);
void bed_free(struct bed *b);
/* Compile the bed's policy and put it into a spare slot. */
uint32_t bed_install(struct bed *b);
uint32_t bed_link(uint32_t workload); /* NONE: the uplink */

#define TCP_SYN 0x02
#define TCP_ACK 0x10
/* A frame of the flow as it comes in, or with `reply` the other way round. */
struct feed_frame bed_frame(const struct rules_flow *f, uint16_t from_port, uint8_t flags, bool reply);
/* SYN, SYN and ACK, ACK: what a session needs to be confirmed. */
void bed_establish(struct bed *b, const struct rules_flow *f, uint16_t from_port);
/* One packet by itself; what the program answers. */
int bed_packet(const struct bed *b, uint32_t link, const struct feed_frame *f);
void die(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));
