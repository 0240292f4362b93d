/* SPDX-License-Identifier: Apache-2.0 */
/* What a policy says about its uplink: the network's outer addresses, and where published ports lead. Pure. */
#pragma once

#include "decide/decide.h"

/* The network's address at the uplink; NULL: there is no uplink, or it does not carry the family. */
const struct address *uplink_outer_address(const struct policy *p, uint8_t family);

/* The workload's first address of the family, to which published ports lead; NULL: it has none. */
const struct address *workload_first_address(const struct workload *w, uint8_t family);

/* The entry of a published port, or NULL. */
const struct publish *uplink_published(const struct policy *p, uint8_t protocol, uint16_t port);
/* The first entry that leads to exactly this address and port, or NULL. */
const struct publish *uplink_published_to(const struct policy *p, uint8_t protocol, const struct address *to,
                                          uint16_t port);
