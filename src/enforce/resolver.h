/* SPDX-License-Identifier: Apache-2.0 */
/* The host's /etc/resolv.conf, where it is a link into /run (systemd-resolved, NetworkManager): a workload has
 * a /run of its own, in which the link would lead nowhere, so the text is laid there again. */
#ifndef BULKHEAD_ENFORCE_RESOLVER_H
#define BULKHEAD_ENFORCE_RESOLVER_H

#include <limits.h>
#include <stdbool.h>

#include "enforce/failure.h"

#define RESOLVER_TEXT_MAX 16384

struct resolver {
    char path[PATH_MAX]; /* empty: nothing has to be done */
    char text[RESOLVER_TEXT_MAX];
};

/* On the host's tree. A file that is missing, too long or unreadable is left out: no failure. */
void resolver_read(struct resolver *ret_resolver);

/* On the workload's, when /run is there. */
bool resolver_place(const struct resolver *resolver, struct failure *f) __attribute__((warn_unused_result));

#endif
