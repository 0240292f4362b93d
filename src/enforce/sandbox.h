/* SPDX-License-Identifier: Apache-2.0 */
/* Commands that Bulkhead runs as a workload. Each gets its own mount, PID, IPC, UTS and cgroup namespaces in
 * the workload's network namespace, a read-only view of the host's tree (mounts.h), few capabilities and a
 * system call filter (confine.h), and a small init as PID 1 (init.h).
 *
 * There is no user namespace: uid 0 inside is the host's uid 0, confined by the above. Standard input, output
 * and error of sandbox_exec are the caller's own open files and give what they give: do not hand a workload a
 * descriptor that it should not have. A directory is refused, because paths could be walked from it. */
#ifndef BULKHEAD_ENFORCE_SANDBOX_H
#define BULKHEAD_ENFORCE_SANDBOX_H

#include <stdbool.h>
#include <sys/types.h>

#include "enforce/failure.h"
#include "enforce/hosttree.h"

enum restart { RESTART_NEVER, RESTART_ON_FAILURE, RESTART_ALWAYS };

struct sandbox {
    const char *workload;   /* becomes the host name */
    const char *netns_path; /* a name in /run/netns or a path */
    const char *hosts;      /* the text of /etc/hosts; null: the host's */
    char *const *argv;      /* null-terminated; argv[0] is looked for in the sandbox's PATH */
    char *const *env;       /* "NAME=VALUE", null-terminated, over the defaults; may be null */
    const char *user;       /* name, UID or UID:GID of the host; null: uid 0 */
    const char *directory;  /* null: "/" */
    enum restart restart;   /* sandbox_start only */
    const char *log_path;   /* sandbox_start only: its output is appended here; null: thrown away */
    const struct hosttree_silent *silent; /* sandbox_start only; null: it asks */
    int patience_ms;        /* until the command is executed; 0: SANDBOX_PATIENCE_MS */
};

/* What hangs in a file system that does not answer is given up after that; much longer than a start takes on a busy machine. */
#define SANDBOX_PATIENCE_MS 10000

/* Own failures, as env(1) has them. */
#define SANDBOX_FAILED 125
#define SANDBOX_CANNOT_EXECUTE 126
#define SANDBOX_NOT_FOUND 127

/* Runs it in the foreground and returns its exit status, 128+N if signal N ended it, or 125 to 127 with the
 * text filled in. INT TERM HUP QUIT USR1 USR2 WINCH CONT TSTP sent to the caller reach the command. The death
 * of the calling thread ends the command. When input and output are the caller's terminal, the command is its
 * foreground group while it runs. */
int sandbox_exec(const struct sandbox *sandbox, struct failure *f) __attribute__((warn_unused_result));

/* Starts it as a service under its own init, which is a child of the host's PID 1, restarts it as asked and
 * survives the caller. Returns when the command has been executed for the first time, or could not be. *ret_init
 * is the init's number on the host: SIGTERM to it ends the service (see process_stop). */
bool sandbox_start(const struct sandbox *sandbox, pid_t *ret_init, struct failure *f)
    __attribute__((warn_unused_result));

/* Whether sandbox_start would succeed, as far as that can be known without executing the command: does all else of it,
 * in a sandbox that ends at once. */
bool sandbox_try(const struct sandbox *sandbox, struct failure *f) __attribute__((warn_unused_result));

#endif
