/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is remembered of a running network, under /run/bulkhead/NAME: which workload has which link, until when it
 * adopts, which processes run, and the text of the policy of each generation that may be in force. Everything else is
 * asked of the kernel.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "enforce/failure.h"
#include "policy/model.h"

#define STATE_ROOT "/run/bulkhead"
#define STATE_VERSION 3
#define PIN_ROOT "/sys/fs/bpf/bulkhead"
#define STATE_NAME_MAX 32
/* The uplink's link stands beside those of workloads, under a name that no workload can have. */
#define STATE_UPLINK "world"

struct state_link {
    uint32_t link;
    char workload[STATE_NAME_MAX];
    pid_t init; /* of its `run:` process on the host; 0: none */
    uint64_t init_start;
    uint64_t adopt_until; /* as it stands in the link's entry (bpf/abi.h), since the link was made */
    bool peer_known;      /* which other end the link has: as in struct link_state, in the hub */
    uint32_t peer;
    int32_t peer_ns;
};

struct state {
    char name[STATE_NAME_MAX];
    bool complete; /* false: an `up` that has not ended, or was killed */
    struct state_link *links;
    size_t count, capacity;
};

struct state_lock {
    int fd;
    char name[STATE_NAME_MAX], path[512];
};

void state_free(struct state *s);
bool state_valid_name(const char *name);
/* Only one process changes a network at a time: fails at once when another does; one that was killed is waited for. */
bool state_lock(const char *name, struct state_lock *ret, struct failure *f) __attribute__((warn_unused_result));
/* Where there is no such network, the lock's file goes too. */
void state_unlock(struct state_lock *l);

/* Whether anything is remembered of the network. */
bool state_exists(const char *name);
bool state_load(const char *name, struct state *ret, struct failure *f) __attribute__((warn_unused_result));
/* Written whole and renamed. */
bool state_save(const struct state *s, struct failure *f) __attribute__((warn_unused_result));
/* Marks what is stored as not complete, in place: a full disk has room for that. What cannot be marked stays as it is. */
void state_mark_begun(const char *name);
bool state_remove(const char *name, struct failure *f) __attribute__((warn_unused_result));

bool state_add(struct state *s, const char *workload, uint32_t link, struct failure *f) __attribute__((warn_unused_result));
void state_drop(struct state *s, const char *workload);
struct state_link *state_find(const struct state *s, const char *workload);
bool state_is_uplink(const struct state_link *l);
struct state_link *state_find_link(const struct state *s, uint32_t link);

/* The text of the policy that generation `g` was compiled from. */
bool state_save_policy(const char *name, uint32_t generation, struct bytes text, struct failure *f) __attribute__((warn_unused_result));
bool state_load_policy(const char *name, uint32_t generation, char **ret_text, size_t *ret_size, struct failure *f) __attribute__((warn_unused_result));
/* When that was, s of CLOCK_REALTIME; 0: not known. */
int64_t state_policy_written(const char *name, uint32_t generation);
/* Remove the texts of all generations but these two. */
void state_keep_policies(const char *name, uint32_t generation, uint32_t other);

/* PATH_MAX-sized names. */
void state_path(const char *name, const char *file, char out[512]);
void state_pins(const char *name, char out[512]);
void state_netns(const char *name, const char *workload, char out[128]);

/* Calls `each` for every network that is remembered, and for nothing else that is there; stops when it returns false. */
bool state_each(bool (*each)(const char *name, void *argument), void *argument);
