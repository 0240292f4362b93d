/* SPDX-License-Identifier: Apache-2.0 */
/* What SECURITY.md promises to keep from a workload, written by hand and not from the tables of src/enforce: attacks.c
 * tries every entry from inside, and test_sandbox.c wants each entry of those tables to be here. Knows also how to make
 * what a host lacks, so that nothing is passed over because it was not there. */
#ifndef BULKHEAD_TESTS_ENFORCE_PROMISE_H
#define BULKHEAD_TESTS_ENFORCE_PROMISE_H

#include <stdbool.h>
#include <stddef.h>

/* All end with an entry whose name is null. */
struct promise_secret {
    const char *path;
    bool directory;
};

struct promise_filesystem {
    const char *kind;
    const char *options; /* to mount one with; or null and */
    const char *untried; /* why it cannot be tried here */
};

struct promise_number {
    const char *name;
    unsigned long number;
};

extern const struct promise_secret promise_secrets[];
extern const char *const promise_read_only[], *const promise_masked[];
extern const struct promise_filesystem promise_filesystems[];
extern const struct promise_number promise_calls[], promise_ioctls[], promise_clone_flags[];

/* Where promise_stage mounts one file system of each kind that this kernel has, in folders named for it. */
#define PROMISE_KINDS "/var/kinds"

/* Whether there is nothing to see at the path: no such, an empty directory, a file that cannot be read or is empty. */
bool promise_shows_nothing(const char *path);

/* Moves this process into a mount namespace of its own, in which the host has every one of the secrets and kinds, and
 * `kept` stays. False, having said why, when something of it cannot be made. */
bool promise_stage(const char *kept);

#endif
