/* SPDX-License-Identifier: Apache-2.0 */
/* Who a command runs as: what the host's user database says about a name or number, looked up before the
 * process enters the sandbox. */
#ifndef BULKHEAD_ENFORCE_IDENTITY_H
#define BULKHEAD_ENFORCE_IDENTITY_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "enforce/failure.h"

#define IDENTITY_GROUPS_MAX 256

struct identity {
    uid_t uid;
    gid_t gid;
    gid_t groups[IDENTITY_GROUPS_MAX];
    size_t group_count;
    char name[64];  /* the number when the database has no name */
    char home[256]; /* "/" when it has none */
};

/* user: a name, UID or UID:GID; null is uid 0. A UID without an entry has the GID of the same number. */
bool identity_resolve(const char *user, struct identity *ret_identity, struct failure *f)
    __attribute__((warn_unused_result));

/* Becomes it, for good. */
bool identity_assume(const struct identity *identity, struct failure *f) __attribute__((warn_unused_result));

#endif
