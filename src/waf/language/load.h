/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SecLang to a checked, immutable rule set: the language of ModSecurity 3.0.9 and its Core Rule Set. All that is
 * wrong is said in one run, file by file. The room reads no file itself: the caller lends it two functions.
 */
#pragma once

#include "waf/language/model.h"
#include "waf/language/source.h"

struct file_names; /* what `list` fills */

struct rule_files {
    void *context;
    /* The files that `pattern` stands for (it may hold * ? and [...]), seen from the file `from`, in the order in
     * which they are to be read: file_names_add each. False when the answer cannot be known; none is an answer. */
    bool (*list)(void *context, const char *from, const char *pattern, struct file_names *into);
    /* The text of the file of that name, which stays as it is while rules are loaded. False when there is none. */
    bool (*read)(void *context, const char *name, struct bytes *ret);
};

bool file_names_add(struct file_names *names, const char *name);

/* Includes within Includes, and files in all, each time one is read. */
#define INCLUDE_DEPTH_MAX 16
#define INCLUDED_FILES_MAX 4096

/*
 * Reads the files of these names, as if one included them all. `ret_sources` gets what there is to say, also when
 * all is well: warnings. True, and a set in the arena, only when there is no error.
 */
bool rules_load(const char *const *names, size_t count, const struct rule_files *files, struct arena *arena,
    struct sources *ret_sources, const struct waf_rule_set **ret) MUST_USE;
