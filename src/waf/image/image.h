/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What was compiled for a rule set as one piece of bytes, which can lie in a file or be shared by processes, and is used where
 * it lies. Who reads one takes it from somebody whom they would let write the rules: every offset and length is checked, and
 * a digest finds what was damaged, but a database that was made to do harm does it.
 */
#pragma once

#include "waf/image/compiled.h"

struct image {
    struct bytes whole;
    size_t records;
};

/*
 * False where it cannot be used, and `*ret_why` says so behind "it": "was made for another processor". Nothing is copied: the
 * bytes must stay as they are for as long as anything is used that was compiled from them. Where they do not begin at a
 * multiple of 64, databases are copied one by one when they are asked for.
 */
bool image_read(struct bytes from, struct image *ret, const char **ret_why) MUST_USE;

/* All that was asked for and may be asked for again. False when memory is out. The caller frees `*ret`. */
bool image_write(const struct compiled *c, uint8_t **ret, size_t *ret_len) MUST_USE;
