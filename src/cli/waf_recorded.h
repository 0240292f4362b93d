/* SPDX-License-Identifier: Apache-2.0 */
/* A folder of recorded requests: NAME.http each, NAME.response beside it where the answer is known. */
#pragma once

#include "base/arena.h"
#include "cli/input.h"

struct recorded_names {
    const char **items; /* with .http, in the order of their bytes */
    size_t count;
};

/* False: `*ret_error` says why, for "FOLDER: WHY". */
bool recorded_list(const char *folder, struct arena *a, struct recorded_names *ret, const char **ret_error) MUST_USE;

/* A response of no bytes: there is none. */
struct recorded_pair {
    struct input request, response;
};

/* At most `limit` bytes each. False: `*ret_error` says why, for "NAME: WHY"; it lives until the next call. Freed by recorded_free in every case. */
bool recorded_read(const char *folder, const char *name, size_t limit, struct recorded_pair *ret, const char **ret_error) MUST_USE;
void recorded_free(struct recorded_pair *pair);
