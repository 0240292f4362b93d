/* SPDX-License-Identifier: Apache-2.0 */
/* A network that is up, as the verbs see it: its state, the kernel's maps, and the policy in force. */
#pragma once

#include <pthread.h>

#include "cli/load.h"
#include "enforce/network.h"

struct running {
    struct state state;
    struct datapath datapath;
    uint32_t generation; /* in force */
    struct arena *arena;
    char *text; /* of the policy in force */
    size_t size;
    const struct policy *policy;
};

/*
 * The running network `name`, or the only one when that is NULL. False: return `*ret_status`; it has complained.
 * `none`: the status when nothing is up. Freed by running_close in every case.
 */
bool running_open(const char *name, int none, struct running *ret, int *ret_status) MUST_USE;
void running_close(struct running *r);
/* Its policy in force alone, however whole the rest is: nothing is repaired and nothing said. Freed by running_close in every case. */
bool running_read(const char *name, struct running *ret) MUST_USE;
/* The same network as it is now. `before` is closed; its policy goes on being used where it is the one in force. */
bool running_again(struct running *before, int none, struct running *ret, int *ret_status) MUST_USE;

/*
 * The policy in force of the one network that is up, read by a thread of its own while the caller reads another
 * policy: of 100,000 rules that takes tenths of a second. A guess: which network is meant is not known yet.
 */
struct reading {
    pthread_t thread;
    bool started;
    struct running running; /* `policy` is NULL when nothing was read */
};
void reading_start(struct reading *r);
/* The thread has ended: before any process is started. */
void reading_wait(struct reading *r);
void reading_free(struct reading *r);
/* As running_open; what `r`, waited for, has read is taken when it is the policy in force of that network. */
bool running_open_read(const char *name, struct reading *r, struct running *ret, int *ret_status) MUST_USE;

/* Names of all networks that are remembered, sorted; the caller frees the array. */
struct network_names {
    char (*items)[STATE_NAME_MAX];
    size_t count;
};
bool network_names(struct network_names *ret) MUST_USE;

/* 60, 60s, 5m, 2h, 1d; up to a year. */
bool wait_parse(const char *text, uint64_t *ret_ns) MUST_USE;

/* Complains about a policy that is valid but does not fit the tables; nothing has changed. Returns STATUS_NO. */
int policy_unfit(const struct diags *d, const struct loaded *l, const struct failure *f);

/* A line about the kernel's tables, where they are larger than usual; nothing else. */
void print_table_size(const struct compile_sizes *s, struct text *out);

/*
 * The work of `apply`, for a network that is up; the lock is held. `l` is the new policy, `old` what was read of the one in
 * force. *ret_whole false: some of the network is gone and could not be made again, as was said.
 */
int apply_policy(const struct loaded *l, struct reading *old, uint64_t confirm_ns, bool json, bool *ret_whole);

/* On standard error, who in attached namespaces may reach past their perimeter (enforce/administrator.h). */
void warn_of_administrators(const struct policy *p);

/* Its `up` ended, and there was no `down`. */
bool network_is_up(const char *name);
/* `up FILE` without an agent, for the agent itself; the policy must be that of the network `name`. */
int up_from(const char *file, const char *name);
