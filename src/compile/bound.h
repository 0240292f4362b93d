/* SPDX-License-Identifier: Apache-2.0 */
/* How large the image of a policy is at the most, from counting what its rules name: cheap, and often far too high. */
#pragma once

#include "base/arena.h"
#include "policy/model.h"

/*
 * Bytes, but for a hash table that has to be doubled (compile/place.h). UINT64_MAX: very many, or memory is out, or there may be
 * more cells (compile/groups.h) than `cells`, where there is no image.
 */
uint64_t image_bound(const struct policy *p, uint64_t cells, struct arena *arena) MUST_USE;
