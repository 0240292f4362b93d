/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the tests of the language lend it: files of the disk, or files that a test wrote as texts.
 */
#pragma once

#include <glob.h>
#include <stdio.h>
#include <stdlib.h>

#include "waf/language/load.h"

struct test_file {
    const char *name, *text;
};

struct test_files {
    const struct test_file *made; /* looked at first; the one without a name ends them */
    char *read[256];              /* what was read from the disk */
    size_t count;
    bool disk;
};

/* `pattern` seen from `from`: beside that file unless it is absolute. */
static inline void test_path(const char *from, const char *pattern, char *out, size_t size)
{
    const char *slash = strrchr(from, '/');
    if (pattern[0] == '/' || !slash)
        snprintf(out, size, "%s", pattern);
    else
        snprintf(out, size, "%.*s/%s", (int)(slash - from), from, pattern);
}

static inline bool test_list(void *context, const char *from, const char *pattern, struct file_names *into)
{
    struct test_files *files = context;
    bool ok = true;
    for (const struct test_file *f = files->made; f && f->name; f++) {
        size_t len = strlen(pattern);
        if (strcmp(f->name, pattern) == 0 || (len && pattern[len - 1] == '*' && strncmp(f->name, pattern, len - 1) == 0))
            ok = file_names_add(into, f->name) && ok;
    }
    if (!files->disk)
        return ok;
    char path[4096];
    glob_t found;
    test_path(from, pattern, path, sizeof path);
    if (glob(path, 0, NULL, &found) == 0) {
        for (size_t i = 0; i < found.gl_pathc; i++)
            ok = file_names_add(into, found.gl_pathv[i]) && ok;
        globfree(&found);
    }
    return ok;
}

static inline bool test_read(void *context, const char *name, struct bytes *ret)
{
    struct test_files *files = context;
    for (const struct test_file *f = files->made; f && f->name; f++)
        if (strcmp(f->name, name) == 0) {
            *ret = bytes_of_text(f->text);
            return true;
        }
    FILE *in = files->disk && files->count < 256 ? fopen(name, "r") : NULL;
    if (!in)
        return false;
    size_t capacity = 8u << 20;
    char *text = malloc(capacity);
    size_t len = fread(text, 1, capacity, in);
    fclose(in);
    files->read[files->count++] = text;
    *ret = bytes_of(text, len);
    return true;
}

static inline struct rule_files test_files_lend(struct test_files *files)
{
    return (struct rule_files){files, test_list, test_read};
}

static inline void test_files_free(struct test_files *files)
{
    for (size_t i = 0; i < files->count; i++)
        free(files->read[i]);
    files->count = 0;
}
