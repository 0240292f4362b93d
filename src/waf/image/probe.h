/* SPDX-License-Identifier: Apache-2.0 */
/* What a database finds in a text that is always the same: one that was damaged, or misplaced in memory, finds something else. */
#pragma once

#include <hs/hs.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"

/* Makes `*scratch` serve the database, too. False: it cannot be scanned with, or memory is out. */
bool database_probe(const hs_database_t *database, hs_scratch_t **scratch, uint32_t *ret) MUST_USE;
