/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The syntax of a regular expression (PCRE2), read so that something can be said of the texts that it matches. What asserts
 * and takes no byte (anchors, \b, lookaround) is read and asks nothing. What a call of a group takes (recursion) is not asked for.
 */
#pragma once

#include "base/arena.h"
#include "waf/operator/validate.h"

struct pattern_tree;

/* All memory is the arena's. NULL: it has something that is not read here ((*ACCEPT), more depth than 200), or memory is out. */
const struct pattern_tree *pattern_read(struct bytes expression, struct arena *a) MUST_USE;
/* May an option say that blanks in it, and what stands behind a #, mean nothing? */
bool pattern_may_skip_blanks(struct bytes expression);
/*
 * May it match in a value that has bytes of this set alone? No is certain. The set has no byte from 0x80 up and no control, where
 * what \R stands for is not read to the end, and both cases of a letter, or neither.
 */
bool pattern_fits(const struct pattern_tree *p, const struct byte_set *among);
/*
 * The expression without what cannot match in a value that has bytes of this set alone: alternatives, and what may be left out. In such
 * a value it matches just where the whole does. `*ret` is that where nothing can be taken away. False: memory is out.
 */
bool pattern_among(const struct pattern_tree *p, const struct byte_set *among, struct arena *a, struct bytes *ret) MUST_USE;
/*
 * Where can a match begin? True: at one of these bytes, among them all controls and all from 0x7f up, or where a line begins,
 * when `*ret_at_line`. False: anywhere, or it is not known.
 */
bool pattern_begins(const struct pattern_tree *p, struct byte_set *ret, bool *ret_at_line) MUST_USE;
