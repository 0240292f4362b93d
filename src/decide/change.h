/* SPDX-License-Identifier: Apache-2.0 */
/* The change of a policy that would allow a refused flow and opens the least else. A part of why. */
#pragma once

#include "decide/why.h"

/* False when memory is out. */
bool change_find(const struct policy *p, const struct why *w, struct arena *a, struct change *ret) MUST_USE;
