/* SPDX-License-Identifier: Apache-2.0 */
/* The host's file systems as detached, read-only overlays, ready to be attached to a workload's tree: one for
 * the root and one for every mount below it that is worth showing. Knows which are not: kernel interfaces,
 * and places that are private to each workload. */
#ifndef BULKHEAD_ENFORCE_HOSTTREE_H
#define BULKHEAD_ENFORCE_HOSTTREE_H

#include <stdbool.h>
#include <stddef.h>

#include "enforce/failure.h"

/* Each costs a mount and a descriptor. Of a host with more, the ones mounted last are not shown. */
#define HOSTTREE_MAX 256

/* Kinds of file systems that no workload sees, ended by null. A test holds them against a list of its own. */
extern const char *const hosttree_hidden[];

struct hosttree {
    struct {
        char *path; /* "/" first */
        int fd;     /* a detached mount */
    } parts[HOSTTREE_MAX];
    size_t count;
};

/* Where mounts are that do not answer, as those of a server that is gone: whoever asks one waits, and cannot always be killed. */
struct hosttree_silent {
    char *paths[HOSTTREE_MAX];
    size_t count;
};

/* Asks those that a process or another machine answers for, all at once and for a second. Outside of the sandbox: what asks
 * may never end, and would keep its PID namespace from ending. hosttree_silent_free frees it. */
void hosttree_ask(struct hosttree_silent *ret);
void hosttree_silent_free(struct hosttree_silent *silent);

/* What is `silent`, or below it, is left out. `empty` is an empty directory in the caller's mount namespace, on a file system of its own: an overlay
 * without an upper layer needs two lower ones. Zero the struct before; hosttree_close frees it. */
bool hosttree_take(const char *empty, const struct hosttree_silent *silent, struct hosttree *tree, struct failure *f)
    __attribute__((warn_unused_result));
bool hosttree_attach_root(struct hosttree *tree, const char *target, struct failure *f)
    __attribute__((warn_unused_result));
/* After the root has been changed to the overlay of "/". */
bool hosttree_attach_rest(struct hosttree *tree, struct failure *f) __attribute__((warn_unused_result));
void hosttree_close(struct hosttree *tree);

#endif
