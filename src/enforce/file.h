/* SPDX-License-Identifier: Apache-2.0 */
/* Files whole: read up to a ceiling, written so that a reader sees the old one or the new one. */
#pragma once

#include "base/bytes.h"
#include "enforce/failure.h"

/* A whole file, at most `ceiling` bytes. The caller frees. */
bool file_read(const char *path, size_t ceiling, char **ret_text, size_t *ret_size, struct failure *f) MUST_USE;
/* Written beside and renamed, mode 0600. */
bool file_write(const char *path, struct bytes text, struct failure *f) MUST_USE;
/* Bytes to a descriptor, all of them, whatever signals arrive. False with errno. */
bool write_all(int fd, struct bytes text) MUST_USE;
