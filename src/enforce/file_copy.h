/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a file held at one moment, in memory of this process alone that not even it can change by mistake: what is checked in it
 * once stays as it was, whatever is written to the file. A child has it too.
 */
#pragma once

#include "base/bytes.h"
#include "enforce/failure.h"

/* The first `size` bytes of an open file, which begin at a page; false where it has fewer, or `size` is 0. Freed by file_copy_free. */
bool file_copy(int file, size_t size, struct bytes *ret, struct failure *f) MUST_USE;
void file_copy_free(struct bytes copy);
