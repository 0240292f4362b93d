/* SPDX-License-Identifier: Apache-2.0 */
/* flows --pcap: what is refused from now on, packet by packet, until the user ends it. */
#pragma once

#include "cli/live.h"

/* `file`: a path, or `-`. Returns the status to exit with. */
int capture(struct running *r, const char *file) MUST_USE;
