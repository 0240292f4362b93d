/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A network on this machine: built from a policy, changed, taken down. Every step that fails is rolled back; what a
 * killed `up` left is found by its state and taken away. Nothing here needs a daemon. preflight.c asks what there must be,
 * network.c builds and takes down, change.c changes, processes.c starts and stops what `run:` says.
 */
#pragma once

#include "enforce/datapath.h"
#include "enforce/progress.h"
#include "enforce/state.h"

/* A policy with the text it came from. */
struct policy_source {
    const struct policy *policy;
    struct bytes text;
};

struct network_result {
    bool invalid;          /* the failure is the policy's, in `diags` or in the failure's text */
    bool went_back;        /* apply failed after it had switched: what it cut is in the receipt, and the policy before in force again */
    struct compile_sizes sizes;
    uint32_t generation;
    unsigned relinked;     /* of a network that was up: links that were gone, and are made again */
    struct failure broken; /* of a network that was up: what of it is not there any more and could not be made again; empty: nothing */
};

/* What a change of policy cut. */
struct receipt {
    uint64_t at;         /* CLOCK_MONOTONIC ns: the store that put the new policy in force */
    double compile_ms, install_ms, sweep_ms;
    struct sweep sweep;
    struct event *cuts;  /* EVENT_CUT; the first RECEIPT_CUTS_MAX of them */
    size_t cut_count;    /* kept */
    uint64_t cut_total;
};
#define RECEIPT_CUTS_MAX 1000
void receipt_free(struct receipt *r);

/* Everything that must be there before anything is changed: root and capabilities, room, programs that load, bpffs. */
bool network_preflight(const struct policy *p, struct failure *f) __attribute__((warn_unused_result));

/* An interface that the policy speaks of and that is not there; NULL: all are. */
const char *network_interface_missing(const struct policy *p) __attribute__((warn_unused_result));

/* The datapath of a network that is up: by its pins, or when they are gone by what is attached, which is pinned again. */
bool network_open(const char *name, const struct state *s, struct datapath *ret, struct failure *f) __attribute__((warn_unused_result));

/* Build it. The lock is held. On failure nothing is left of it. */
bool network_up(const struct policy_source *source, const struct progress *progress, struct arena *scratch, struct diags *diags, struct network_result *ret,
    struct failure *f) __attribute__((warn_unused_result));

/* Take it down, whatever state it is in. `ret_was_up` is false when there was nothing. */
bool network_down(const char *name, bool *ret_was_up, struct failure *f) __attribute__((warn_unused_result));

/* Windows of time are compiled for a day, and not again while a change waits to be confirmed. */
#define CONFIRM_HOURS_MAX 12
struct apply_options {
    uint64_t confirm_ns; /* 0: for good; up to CONFIRM_HOURS_MAX */
};
bool network_apply(const struct policy_source *old, const struct policy_source *source, const struct apply_options *o, struct arena *scratch,
    struct diags *diags, struct network_result *ret, struct receipt *receipt, struct failure *f) __attribute__((warn_unused_result));

/* Compile the same policy again, from now on: windows of time reach another day. */
bool network_renew(const char *name, const struct policy_source *source, struct datapath *d, const struct state *s, struct arena *scratch,
    struct diags *diags, struct failure *f) __attribute__((warn_unused_result));

/* The namespace of a workload: a name in /run/netns, or the path of one that it is attached to. */
#define NETNS_PATH_MAX 512
void workload_netns(const struct policy *p, const struct workload *w, char out[NETNS_PATH_MAX]);

/* The text of /etc/hosts inside: every workload by name. */
bool network_hosts(const struct policy *p, struct text *out);

/* What is there of a network, and what is to be. */
struct network_realised {
    const struct datapath *datapath;
    const struct state *state;
    const struct policy *policy; /* in force; NULL: not known, then the host's part of the uplink is not looked at */
    const struct policy *back;   /* comes back unless the one in force is confirmed; NULL: not known, then it is not either meanwhile */
    uint32_t as_of; /* of who does not hold the network's lock: the generation that the policy is of; 0: it is held */
};

/* How many things are not as they must be, or were not. */
struct network_drift {
    unsigned differ;
    unsigned gone; /* of these, links of workloads that are not there, or another link in their place: network_relink's to mend */
    unsigned nameless; /* of these, namespaces of workloads that /run/netns does not have by their names; network_bind_names' to mend */
    char nameless_first[128]; /* the name of one */
    unsigned mended; /* of all that differ, what was put right */
};

/*
 * Whether every link is there and up with the program on it, and the host's part of the uplink is as it must be; repairs
 * what is not when `repair`, but for links that are gone. Where something cannot be put right, the rest is. Of the uplink
 * nothing differs while another changes the network, or has since `as_of`.
 */
bool network_check(const struct network_realised *n, bool repair, struct network_drift *ret, struct failure *f) __attribute__((warn_unused_result));

/* Makes the links that are gone again, each to the namespace it was to. The lock is held. *ret_made: how many. */
bool network_relink(const struct policy *p, const struct datapath *d, struct state *s, unsigned *ret_made, struct failure *f)
    __attribute__((warn_unused_result));

/* Binds the names that namespaces have lost again, where a process is in them. The lock is held. *ret_bound: how many. */
bool network_bind_names(const struct policy *p, const struct state *s, unsigned *ret_bound, struct failure *f) __attribute__((warn_unused_result));

struct network_contents {
    uint64_t lines, lines_differ; /* of the compiled policy */
    uint64_t links_differ;        /* entries of the table of links */
};
/* What is inside the kernel's tables beside what the policy in force compiles to. Reads all of it. */
bool network_compare(const struct network_realised *n, struct arena *scratch, struct diags *diags, struct network_contents *ret, struct failure *f)
    __attribute__((warn_unused_result));

/* Whether a `run:` process is to be started. */
bool network_wants_processes(const struct policy *p, const struct state *s);
/* Start the `run:` processes that do not run. `patience_ms` with each; 0: as much as there is. */
bool network_start_processes(const struct policy *p, struct state *s, int patience_ms, struct failure *f) __attribute__((warn_unused_result));
