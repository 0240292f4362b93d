/* SPDX-License-Identifier: Apache-2.0 */
/* flows --suggest: rules that would allow what was refused for want of one. */
#pragma once

#include "policy/model.h"

/* Prints them for the records of the network, whose policy is `p`. Returns the exit status. */
int suggest(const struct policy *p, const char *network, bool json);
