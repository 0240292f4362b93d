/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers as rules compare them: what stands at the beginning of a text, 0 where none does. */
#pragma once

#include "base/bytes.h"

/* Blanks, a sign, decimal digits (as strtoll(3)); beyond 64 bits the nearest that fits. @ge @gt @le @lt, and setvar's arithmetic. */
int64_t number_of(struct bytes text);
/* As @eq reads it: a number that does not fit into 32 bits is 0. */
int64_t number_of_32(struct bytes text);
