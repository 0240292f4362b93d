/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel programs and their maps: loading, pinning, finding them again, writing a compiled policy into a spare
 * slot and switching to it. Knows nothing of namespaces and processes.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "bpf/abi.h"
#include "compile/compile.h"
#include "enforce/failure.h"

#define LINK_FIRST 16 /* numbers below belong to interfaces that the kernel puts into every namespace */

struct datapath {
    int program, sweep, ask;
    int images, control, links, counters, sessions, session_tags, pendings, translations, fragments, events, events_by_right, receipts, captures, event_cells, budgets, sweeps, heard;
    uint32_t link_capacity;
    struct control *shared; /* the control map's value, mapped */
};

struct datapath_options {
    uint32_t links;        /* links are numbered below this */
    uint32_t sessions;     /* confirmed ones that there is room for */
    struct timeouts timeouts;
    uint32_t uplink;       /* the uplink's link; 0: none */
    bool nat;              /* room for the translations of what leaves by it */
    uint32_t outer_ports;  /* of each link; 0: as many as there are. For tests */
    bool test_clock;       /* time is control.test_now: for tests only */
};

/* How many links a network of so many workloads is given: with an uplink, and some for workloads that come by `apply`. */
static inline uint32_t datapath_links(uint32_t workloads)
{
    return LINK_FIRST + workloads + 1 + workloads / 4 + 16;
}

void datapath_init(struct datapath *d); /* all closed */
void datapath_close(struct datapath *d);

/* Whether this kernel can do what the datapath needs: false with what is missing. */
bool datapath_probe(struct failure *f) __attribute__((warn_unused_result));

bool datapath_load(const struct datapath_options *o, struct datapath *ret, struct failure *f) __attribute__((warn_unused_result));
/* Pin everything in `directory` (made, 0700) / find it again there / take it away. */
bool datapath_pin(const struct datapath *d, const char *directory, struct failure *f) __attribute__((warn_unused_result));
bool datapath_open(const char *directory, struct datapath *ret, struct failure *f) __attribute__((warn_unused_result));
/* Find it again when the pins are gone, by the program that is attached: its maps, and the other programs anew. */
bool datapath_adopt(uint32_t program_id, struct datapath *ret, struct failure *f) __attribute__((warn_unused_result));
bool datapath_unpin(const char *directory, struct failure *f) __attribute__((warn_unused_result));

/* Write the image into a spare slot; it is in force only after datapath_switch. */
bool datapath_install(struct datapath *d, const struct compiled *c, uint32_t *ret_generation, struct failure *f) __attribute__((warn_unused_result));
/*
 * One store. With `fallback_ns` > 0 the generation before comes back by itself after that time: where that one is still to
 * be confirmed, the one before it, which nobody has to confirm.
 */
void datapath_switch(struct datapath *d, uint32_t generation, uint64_t fallback_ns);
/* Keep what is in force. */
void datapath_confirm(struct datapath *d);
/* What is in force, and what comes back at the deadline (CLOCK_MONOTONIC ns; 0: nothing does): to be restored exactly. */
struct in_force {
    uint32_t generation, fallback;
    uint64_t deadline;
};
struct in_force datapath_in_force(const struct datapath *d);
void datapath_restore(struct datapath *d, const struct in_force *was);
/* A change waits to be confirmed. */
bool datapath_waits(const struct datapath *d);
/* The generation in force now. */
uint32_t datapath_generation(const struct datapath *d);

/* Of a link, where nothing else is wanted. */
#define ANSWERS_PER_SECOND 1000
bool datapath_set_link(struct datapath *d, uint32_t link, const struct link_entry *entry, struct failure *f) __attribute__((warn_unused_result));
bool datapath_get_link(const struct datapath *d, uint32_t link, struct link_entry *ret, struct failure *f) __attribute__((warn_unused_result));

/* Attach the program to the ingress of an interface of the namespace that the calling thread is in. */
bool datapath_attach(const struct datapath *d, uint32_t ifindex, struct failure *f) __attribute__((warn_unused_result));
/* The id of the program attached there; 0: none. */
uint32_t datapath_attached(uint32_t ifindex);
uint32_t datapath_program_id(const struct datapath *d);

/* What the programs were loaded with. */
bool datapath_config(const struct datapath *d, struct config *ret, struct failure *f) __attribute__((warn_unused_result));

/* Summed over the processors. */
bool datapath_counter(const struct datapath *d, uint32_t link, uint32_t side, uint32_t reason, struct counter *ret);

/* Whether the attached programs came from the same build as this process; another's may lack what was mended since. */
bool datapath_is_of_this_build(const struct datapath *d);

/* What the policy in force was compiled from, as the kernel's own tables say. */
bool datapath_origin(const struct datapath *d, struct image_origin *ret);
/* How many lines of the image in force are not those of `c`, compiled from the same. */
bool datapath_compare(const struct datapath *d, const struct compiled *c, uint64_t *ret_differ, struct failure *f) __attribute__((warn_unused_result));

/* Ask the tables in force; the question's fields are set, the answer's are filled in. */
bool datapath_ask(struct datapath *d, struct ask *question, struct failure *f) __attribute__((warn_unused_result));

/* Decide every confirmed session again. */
bool datapath_sweep(struct datapath *d, struct sweep *ret, struct failure *f) __attribute__((warn_unused_result));
