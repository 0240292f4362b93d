/* SPDX-License-Identifier: Apache-2.0 */
/* The time zones of this machine: Debian's tzdata, under /usr/share/zoneinfo. The only place that reads it. */
#pragma once

#include "policy/zone.h"

/* A zone_finder. TZDIR does not change where it looks: a policy means the same whoever reads it. */
struct zone_file tzdata_find(const char *name, struct arena *arena);
