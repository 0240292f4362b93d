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
/* The same for equal names (SipHash, Aumasson and Bernstein 2012). */
uint32_t name_hash(struct bytes name);
