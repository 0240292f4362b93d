/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The syntax of a regular expression (PCRE2), read so that texts can be made from it. What asserts and takes no byte
 * (anchors, \b, lookaround) is read and asks nothing: who makes texts tries them on the expression itself.
 */
#pragma once

#include "base/arena.h"
#include "base/text.h"
#include "waf/example/chance.h"

struct pattern;

/* Bytes of one text that is made. */
#define PATTERN_TEXT_MAX 4000

/* All memory is the arena's. NULL: it has something that is not read here (conditions, recursion), or memory is out. */
const struct pattern *pattern_read(struct bytes expression, struct arena *a) MUST_USE;
/* One text, by chance: alternatives any, quantifiers mostly at their least. Appended; at most PATTERN_TEXT_MAX bytes. */
void pattern_make(const struct pattern *p, struct chance *c, struct text *out);
