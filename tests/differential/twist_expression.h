/* SPDX-License-Identifier: Apache-2.0 */
/* Random regular expressions, and texts that they are likely to match. */
#pragma once

#include "base/text.h"
#include "tests/differential/random.h"

/* Appends an expression, and what it may match when nothing around it minds. Most expressions compile. */
void expression_make(struct random *random, struct text *expression, struct text *sample);
