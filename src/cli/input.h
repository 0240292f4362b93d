/* SPDX-License-Identifier: Apache-2.0 */
/* A file, or standard input, as bytes in memory, with a ceiling. */
#pragma once

#include <stdbool.h>

#include "base/bytes.h"

struct input {
    uint8_t *at; /* malloc */
    size_t len;
};

static inline struct bytes input_bytes(const struct input *in)
{
    return bytes_of(in->at, in->len);
}
void input_free(struct input *in);

/* "-" is standard input. False: `ret_error` says why ("No such file or directory"), for "FILE: WHY". */
bool input_read(const char *path, size_t limit, struct input *ret, const char **ret_error) MUST_USE;
/* How a file is called in messages: its path, or "stdin". */
const char *input_name(const char *path);
