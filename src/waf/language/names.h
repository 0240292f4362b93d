/* SPDX-License-Identifier: Apache-2.0 */
/* Names of what variables hold: the same whatever their case (ASCII). */
#pragma once

#include "base/bytes.h"

bool names_equal(struct bytes a, struct bytes b);
/* The same for equal names. */
uint32_t name_hash(struct bytes name);
