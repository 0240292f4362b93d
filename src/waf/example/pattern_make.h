/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/text.h"
#include "waf/example/chance.h"
#include "waf/pattern/pattern.h"

/* Bytes of one text that is made. */
#define PATTERN_TEXT_MAX 4000

/* One text, by chance: alternatives any, quantifiers mostly at their least. Appended; at most PATTERN_TEXT_MAX bytes. Who wants
 * what the expression matches tries it on the expression itself. */
void pattern_make(const struct pattern_tree *p, struct chance *c, struct text *out);
