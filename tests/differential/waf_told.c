/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/differential/waf_told.h"

#include <ctype.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/differential/waf_harness.h"

#define FILE_MAX ((size_t)8 << 20)

static bool read_file(const char *path, struct text *out)
{
    char piece[4096];
    size_t len;
    FILE *in = fopen(path, "r");
    if (!in)
        return false;
    while ((len = fread(piece, 1, sizeof piece, in)))
        text_append(out, piece, len);
    fclose(in);
    return !out->failed;
}

/* The word `nolog` or `noauditlog`, not a part of one. The second silences the peer too. */
static bool is_silent(const char *text, const char *at)
{
    static const char *const words[] = {"nolog", "noauditlog"};
    for (size_t i = 0; i < 2; i++) {
        size_t len = strlen(words[i]);
        if (strncmp(at, words[i], len) == 0 && !isalnum((unsigned char)at[len]) && (at == text || !isalnum((unsigned char)at[-1])))
            return true;
    }
    return false;
}

static bool write_told(const char *text, const char *path)
{
    FILE *out = fopen(path, "w");
    if (!out)
        return false;
    for (const char *c = text; *c; c++) {
        if (is_silent(text, c))
            c += 2;
        fputc(*c, out);
    }
    return fclose(out) == 0;
}

static bool copy(const char *name, const char *folder)
{
    char from[512], to[512];
    struct text text = text_new(FILE_MAX);
    size_t len = strlen(name);
    snprintf(from, sizeof from, "%s/%s", HARNESS_RULES, name);
    snprintf(to, sizeof to, "%s/%s", folder, name);
    bool rules = len > 5 && strcmp(name + len - 5, ".conf") == 0;
    bool ok = rules ? read_file(from, &text) && write_told(text_cstr(&text), to) : symlink(from, to) == 0;
    text_free(&text);
    return ok;
}

bool told_make(char path[TOLD_PATH_MAX])
{
    snprintf(path, TOLD_PATH_MAX, "/tmp/bulkhead-told-XXXXXX");
    DIR *d = mkdtemp(path) ? opendir(HARNESS_RULES) : NULL;
    bool ok = d != NULL;
    for (const struct dirent *e; ok && (e = readdir(d));)
        if (e->d_name[0] != '.')
            ok = copy(e->d_name, path);
    if (d)
        closedir(d);
    return ok;
}

void told_remove(const char *path)
{
    char name[512];
    DIR *d = opendir(path);
    for (const struct dirent *e; d && (e = readdir(d));) {
        snprintf(name, sizeof name, "%s/%s", path, e->d_name);
        if (e->d_name[0] != '.')
            unlink(name);
    }
    if (d)
        closedir(d);
    rmdir(path);
}
