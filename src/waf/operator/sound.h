/* SPDX-License-Identifier: Apache-2.0 */
/* Whether the library that scans finds what is there: one that does not would let attacks by without a word. */
#pragma once

#include <hs/hs.h>
#include <stdbool.h>

/* Tried once, by the first that asks. */
bool scanner_is_sound(void);
