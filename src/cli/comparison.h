/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What access a change of policy gains and loses, found while the change is being made: by a process of its own,
 * which has a copy of both policies, may use the other processor, and writes its answer into a file without a name.
 */
#pragma once

#include <sys/types.h>

#include "base/text.h"
#include "policy/model.h"

struct comparison {
    pid_t process; /* 0: none */
    int answer;    /* -1: none */
};

/* Starts it; that it could not shows in comparison_end. */
void comparison_start(const struct policy *old, const struct policy *new, bool json, struct comparison *ret);
/* Waits, and appends what was found: for people, or one JSON object. False: the policies are too large to compare here. */
bool comparison_end(struct comparison *c, struct text *out);
/* Stops it; nobody asks any more. */
void comparison_stop(struct comparison *c);
