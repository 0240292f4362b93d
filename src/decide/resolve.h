/* SPDX-License-Identifier: Apache-2.0 */
/* What a person writes to ask about traffic (`orders`, `10.80.3.10`, `5432/tcp`) -> flows. */
#pragma once

#include "decide/decide.h"

/* One flow for each family that both ends have: IPv4 before IPv6. A workload stands for its first address of a
 * family. */
struct flows {
    struct flow items[2];
    uint32_t count;
};

/*
 * `from`, `to`: a workload's name, or an address of either family. `service`: PORT/tcp, PORT/udp, PORT/sctp,
 * icmp, or an IP protocol by number that has no ports here. False with a sentence in `ret_error` (in the
 * arena; NULL when memory is out).
 */
bool resolve_flows(const struct policy *p, struct bytes from, struct bytes to, struct bytes service,
                   struct arena *a, struct flows *ret, const char **ret_error) MUST_USE;
