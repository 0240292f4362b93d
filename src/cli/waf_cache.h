/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A file in which what was compiled for rules is kept until the next time (waf/image). What is in it is trusted as the rules
 * are, and so it has to belong to the user or to root, and nobody else may write to it; whatever is wrong with it, the rules
 * are compiled and say the same.
 */
#pragma once

#include "waf/image/image.h"

struct rule_cache {
    const char *path; /* NULL: there is none */
    struct bytes copy; /* file_copy.h; empty: it has nothing of use */
    struct image image;
    bool keeps_out; /* there is something of that name that is not ours to replace */
};

/* Says on standard error what is wrong with the file, unless it is not there yet. `path`, which may be NULL, must live as long. */
void rule_cache_open(const char *path, struct rule_cache *ret);
void rule_cache_close(struct rule_cache *c);
/* With what is in it, in the arena. NULL when memory is out. Freed before the cache is closed. */
struct compiled *rule_cache_compiled(const struct rule_cache *c, struct arena *a) MUST_USE;
/* Writes the file anew when something had to be compiled: readers see the old one or the new one. What fails is said on standard error, and is no failure of anything else. */
void rule_cache_keep(const struct rule_cache *c, const struct compiled *compiled);
