/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who at the far end of an attached workload's link may do more than a workload may. A process that holds CAP_NET_ADMIN in
 * the user namespace that owns the hub may change the hub's links through the other end of its own (SECURITY.md): no
 * perimeter holds it. One with that capability in a user namespace of its own may not.
 */
#pragma once

#include <sys/types.h>

#include "policy/model.h"

struct administrator {
    const struct workload *workload; /* whose perimeter it is */
    pid_t pid;
    char command[16]; /* its comm, proc(5), with what cannot be printed as '?' */
    unsigned others;  /* how many more there are */
};

typedef void (*administrator_fn)(const struct administrator *a, void *argument);

/* Tells of each attached workload of a network that is up where there is one now; of none where that cannot be seen. */
void administrators_each(const struct policy *p, administrator_fn each, void *argument);
