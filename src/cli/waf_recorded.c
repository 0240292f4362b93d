/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/waf_recorded.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#define ENDING    ".http"
#define ANSWER    ".response"
#define PATH_ROOM 8192

static bool is_request(const char *name)
{
    size_t len = strlen(name), ending = strlen(ENDING);
    return len > ending && strcmp(name + len - ending, ENDING) == 0;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* NULL, or why not all names could be taken. */
static const char *take_names(DIR *d, struct arena *a, struct recorded_names *ret)
{
    size_t capacity = 0;
    for (;;) {
        errno = 0;
        const struct dirent *entry = readdir(d);
        if (!entry)
            return errno ? strerror(errno) : NULL;
        if (!is_request(entry->d_name))
            continue;
        const char **grown = arena_grow(a, ret->items, ret->count, &capacity, sizeof *ret->items);
        const char *name = arena_text(a, entry->d_name, strlen(entry->d_name));
        if (!grown || !name)
            return strerror(ENOMEM);
        ret->items = grown;
        ret->items[ret->count++] = name;
    }
}

bool recorded_list(const char *folder, struct arena *a, struct recorded_names *ret, const char **ret_error)
{
    *ret = (struct recorded_names){0};
    DIR *d = opendir(folder);
    *ret_error = d ? take_names(d, a, ret) : strerror(errno);
    if (d)
        closedir(d);
    if (*ret_error)
        return false;
    if (ret->count)
        qsort(ret->items, ret->count, sizeof *ret->items, compare_names);
    return true;
}

/* Whatever else has such a name may never end, or never begin. */
static const char *read_file(const char *path, size_t limit, struct input *ret)
{
    struct stat about;
    const char *error = NULL;
    if (stat(path, &about) < 0)
        return strerror(errno);
    if (!S_ISREG(about.st_mode))
        return "is no regular file";
    if (!input_read(path, limit, ret, &error))
        return error;
    return ret->len ? NULL : "is empty";
}

bool recorded_read(const char *folder, const char *name, size_t limit, struct recorded_pair *ret, const char **ret_error)
{
    static char said[512];
    char path[PATH_ROOM];
    struct stat about;
    *ret = (struct recorded_pair){0};
    int stem = (int)(strlen(name) - strlen(ENDING));
    int len = snprintf(path, sizeof path, "%s/%.*s" ANSWER, folder, stem, name);
    *ret_error = len < 0 || (size_t)len >= sizeof path ? strerror(ENAMETOOLONG) : NULL;
    if (*ret_error)
        return false;
    bool answered = lstat(path, &about) == 0;
    if (answered && (*ret_error = read_file(path, limit, &ret->response))) {
        snprintf(said, sizeof said, "its response: %s", *ret_error);
        *ret_error = said;
        return false;
    }
    snprintf(path, sizeof path, "%s/%s", folder, name);
    *ret_error = read_file(path, limit, &ret->request);
    return !*ret_error;
}

void recorded_free(struct recorded_pair *pair)
{
    input_free(&pair->request);
    input_free(&pair->response);
}
