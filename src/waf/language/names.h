/* SPDX-License-Identifier: Apache-2.0 */
/* Names of what variables hold: the same whatever their case (ASCII). */
#pragma once

#include "base/bytes.h"

bool names_equal(struct bytes a, struct bytes b);
/*
 * Chance, so that nobody can choose names that are slow to find. To be called before any rule set is compiled, and by one
 * thread; the first call counts.
 */
void names_seed(const uint64_t seed[2]);
/* The same for equal names. Keyed by chance: products of secret factors folded (as mum-hash, V. Makarov 2016), not a cryptographic hash. */
uint32_t name_hash(struct bytes name);
