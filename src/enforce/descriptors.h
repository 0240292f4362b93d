/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How many files this process may have open. A service manager's or a shell's soft limit is for programs that use
 * select(2); this one takes the hard limit, and what it starts gets back what it was started with.
 */
#pragma once

#include <stdbool.h>

#include "enforce/failure.h"

void descriptors_raise(void);
/* Asked before anything begins. What a network needs does not grow with its workloads. */
bool descriptors_suffice(struct failure *f) __attribute__((warn_unused_result));
/* In a child, before it becomes another program. */
void descriptors_give_back(void);
