/* SPDX-License-Identifier: Apache-2.0 */
/* Named network namespaces, bound in /run/netns as iproute2 does it, so that `ip netns` sees them too. A
 * thread visits a namespace and comes back; no process is forked and other threads never notice. Links and
 * addresses inside are links.h's. */
#ifndef BULKHEAD_ENFORCE_NETNS_H
#define BULKHEAD_ENFORCE_NETNS_H

#include <stdbool.h>
#include <stdint.h>

#include "enforce/failure.h"

#define NETNS_DIRECTORY "/run/netns"

/* Makes the namespace and binds it as NETNS_DIRECTORY/name. An existing name is a failure: it may be somebody
 * else's. *ret_fd (CLOEXEC) is the caller's to close. */
bool netns_create(const char *name, int *ret_fd, struct failure *f) __attribute__((warn_unused_result));

/* Binds one that lives, and has lost its name. */
bool netns_bind(const char *name, int fd, struct failure *f) __attribute__((warn_unused_result));

/* Whether a thread that goes into a namespace may come back to its own: a seccomp filter may refuse setns(2). */
bool netns_return_probe(struct failure *f) __attribute__((warn_unused_result));

/* name_or_path: with a '/' a path (for instance /proc/PID/ns/net), else a name in NETNS_DIRECTORY. */
bool netns_open(const char *name_or_path, int *ret_fd, struct failure *f) __attribute__((warn_unused_result));

/* The calling thread's own; *ret_fd (CLOEXEC) is the caller's to close. */
bool netns_open_own(int *ret_fd, struct failure *f) __attribute__((warn_unused_result));

/* Takes the name away; the namespace goes when its last process and descriptor are gone. A name that is not
 * there is no failure. */
bool netns_delete(const char *name, struct failure *f) __attribute__((warn_unused_result));

bool netns_exists(const char *name);

/* Whether anything has the name, a namespace or not. */
bool netns_name_is_taken(const char *name);

/* Whether name_or_path leads to that namespace, now. */
bool netns_is_at(int fd, const char *name_or_path);

/* The inode of the calling thread's network namespace: by it a namespace is written down. */
bool netns_inode(uint64_t *ret, struct failure *f) __attribute__((warn_unused_result));

/* Whether a namespace of that inode has a process or a name in NETNS_DIRECTORY. */
bool netns_lives(uint64_t inode);

/* Moves the calling thread into the namespace for good. */
bool netns_enter(int fd, struct failure *f) __attribute__((warn_unused_result));

/* Calls `visit` with the calling thread inside the namespace and returns what it returns, thread back home.
 * If the way back fails, which the kernel has no ordinary reason for, the process is aborted: to go on in the
 * wrong network would be worse. */
bool netns_run_in(int fd, bool (*visit)(void *argument, struct failure *f), void *argument, struct failure *f)
    __attribute__((warn_unused_result));

/* A socket (CLOEXEC) that belongs to the namespace for its whole life, whoever uses it. */
bool netns_socket(int fd, int domain, int type, int protocol, int *ret_socket, struct failure *f)
    __attribute__((warn_unused_result));

/* name is relative to /proc/sys, for instance "net/ipv4/ip_forward". */
bool netns_sysctl(int fd, const char *name, const char *value, struct failure *f)
    __attribute__((warn_unused_result));

struct sysctl {
    const char *name;
    const char *value;
    bool optional; /* a kernel that does not have it is no failure: IPv6 may be switched off at boot */
};

/* Several in one visit, in order; stops at the first failure. */
bool netns_sysctls(int fd, const struct sysctl *settings, unsigned count, struct failure *f)
    __attribute__((warn_unused_result));

#endif
