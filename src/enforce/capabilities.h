/* SPDX-License-Identifier: Apache-2.0 */
/* Which capabilities this process lacks, by name. Knows nothing of what they are for. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* Names with ", " between. Room for all that Linux has. */
#define CAPABILITIES_TEXT_MAX 1024

/*
 * Those of the list that are not in the effective set of the calling thread, or not in its bounding set, so that what it
 * executes would be without. True when there are any.
 */
bool capabilities_lacking(const int *wanted, size_t count, char ret[CAPABILITIES_TEXT_MAX]) __attribute__((warn_unused_result));
