/* SPDX-License-Identifier: Apache-2.0 */
/* The operators that compare bytes with bytes: no case folding, no character sets. ModSecurity v3 reference manual, "Operators". */
#pragma once

#include "waf/operator/match.h"

/* All: true when it matches, and then `*ret` says where in `value`. An empty argument is found at once, where a manual's silence leaves it. */
bool text_begins_with(struct bytes value, struct bytes argument, struct match *ret) MUST_USE;
bool text_ends_with(struct bytes value, struct bytes argument, struct match *ret) MUST_USE;
/* @contains, @strmatch. */
bool text_contains(struct bytes value, struct bytes argument, struct match *ret) MUST_USE;
/* Found where no ASCII letter stands directly before or behind it. */
bool text_contains_word(struct bytes value, struct bytes argument, struct match *ret) MUST_USE;
bool text_equals(struct bytes value, struct bytes argument, struct match *ret) MUST_USE;
/* The value is found in the argument; an empty value is in every one. */
bool text_within(struct bytes value, struct bytes argument, struct match *ret) MUST_USE;
