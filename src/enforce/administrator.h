/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who inside an attached namespace may do more than a workload may. A process that holds CAP_NET_ADMIN in the user
 * namespace that owns the hub may change the hub's links through the other end of its own (SECURITY.md): no perimeter
 * holds it. One with that capability in a user namespace of its own may not.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

struct administrator {
    pid_t pid;
    char command[16]; /* its comm, proc(5), with what cannot be printed as '?' */
    unsigned others;  /* how many more there are */
};

/* Whether one is in the network namespace of that name or path now; false also where that cannot be seen. */
bool administrator_find(const char *netns, struct administrator *ret) __attribute__((warn_unused_result));
