/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Everything a packet can ask for, on one line of numbers: the ports of TCP, of UDP, of SCTP, then ICMP, then
 * all other protocols together, which rules reach by `any` alone. A rule's `ports` are then ranges on that
 * line.
 */
#pragma once

#include "decide/ranges.h"
#include "decide/space.h"

#define SERVICE_PORTS 65535u /* 1 to 65535 */
#define SERVICE_ICMP  (3 * SERVICE_PORTS)
#define SERVICE_OTHER (SERVICE_ICMP + 1)
#define SERVICES      (SERVICE_OTHER + 1)

/* Where a protocol's services begin, ascending. */
#define SERVICE_BEGINNINGS 5
extern const uint32_t service_beginnings[SERVICE_BEGINNINGS];

/* The services of a list of ports, normalized, in place of what is in `out`. False when memory is out. */
bool services_of_ports(const struct ports *list, uint32_t count, struct range_list *out) MUST_USE;
/* The part of the range from `*at` on that belongs to one protocol, as ports; moves `*at` behind it. */
struct port_class services_next(const struct range *r, uint32_t *at);
/* "8080/tcp, 1-79/udp, icmp"; "any" for all. The lists are cut off at `most` bytes, with a count of the rest.
 */
void services_print(struct ranges services, size_t most, struct text *out);
