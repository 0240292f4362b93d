/* SPDX-License-Identifier: Apache-2.0 */
/* A user's file given other contents: all of them or none, and nothing of the user's lost unasked. */
#pragma once

#include <stdbool.h>

#include "cli/load.h"

/*
 * Replaces the contents of a regular file at once: written beside it, synced, renamed over it. Symbolic links
 * stay, and so do mode and, where that is allowed, owner. False after a complaint; the file is as it was.
 */
bool file_replace(const char *path, struct bytes contents) MUST_USE;

/* Whether the policy's file has comments. True when that cannot be found out. `l` is valid. */
bool policy_has_comments(const struct loaded *l);
/* Whether the text parses to the same policy as `l`, which is valid. */
bool policy_same(const struct loaded *l, struct bytes text);
