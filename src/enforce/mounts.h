/* SPDX-License-Identifier: Apache-2.0 */
/* The tree that a workload sees, built by the process that will be its PID 1, in namespaces that are already
 * its own. The host's file systems appear through overlays without an upper layer, because a read-only bind
 * is not enough: it lets a process connect to the host's unix sockets and write into the host's FIFOs. An
 * overlay has inodes of its own, so a socket or FIFO of the host, also one made later, is a dead entry. */
#ifndef BULKHEAD_ENFORCE_MOUNTS_H
#define BULKHEAD_ENFORCE_MOUNTS_H

#include <stdbool.h>

#include "enforce/failure.h"
#include "enforce/hosttree.h"

/* Afterwards root and working directory of the process are the new tree and the old one is detached.
 * The caller is in its own mount, PID and network namespaces. hosts: the text of /etc/hosts, or null to leave
 * the host's. File systems of the host that cannot be the lower layer of an overlay, and the silent, are not in the tree. */
bool mounts_build(const char *hosts, const struct hosttree_silent *silent, struct failure *f) __attribute__((warn_unused_result));

/* What is laid over in every workload's tree, ended by null: read-only copies, and nothing at all. A test holds them
 * against a list of its own. */
extern const char *const mounts_read_only[];
extern const char *const mounts_masked[];
extern const char *const mounts_secret[];

#endif
