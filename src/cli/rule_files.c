/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/rule_files.h"

#include <errno.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* As ModSecurity's Include has it, and its @...FromFile. */
bool rule_files_path(const char *from, const char *name, char ret[RULE_PATH_MAX])
{
    const char *slash = from ? strrchr(from, '/') : NULL;
    int len = *name == '/' || !slash ? snprintf(ret, RULE_PATH_MAX, "%s", name) : snprintf(ret, RULE_PATH_MAX, "%.*s/%s", (int)(slash - from), from, name);
    return len >= 0 && len < RULE_PATH_MAX;
}

/* A folder that is not there has no files; one that cannot be read may have. */
static int unreadable(const char *path, int error)
{
    return error != ENOENT && error != ENOTDIR;
}

/* A name without wild cards is a name, also of what is not there: the loader says so where it stands. */
static bool list_files(void *context, const char *from, const char *pattern, struct file_names *into)
{
    char path[RULE_PATH_MAX];
    glob_t found;
    if (!rule_files_path(from, pattern, path))
        return false;
    if (!strpbrk(pattern, "*?["))
        return access(path, F_OK) != 0 || file_names_add(into, path);
    int code = glob(path, 0, unreadable, &found);
    if (code != 0)
        return code == GLOB_NOMATCH;
    bool ok = true;
    for (size_t i = 0; ok && i < found.gl_pathc; i++)
        ok = file_names_add(into, found.gl_pathv[i]);
    globfree(&found);
    return ok;
}

static bool read_file(void *context, const char *name, struct bytes *ret)
{
    struct rule_file_store *store = context;
    for (size_t i = 0; i < sizeof store->made / sizeof *store->made; i++)
        if (texts_equal(store->made[i].name, name)) {
            *ret = bytes_of_text(store->made[i].text);
            return true;
        }
    if (store->count == store->capacity) {
        size_t capacity = store->capacity ? store->capacity * 2 : 64;
        struct input *grown = reallocarray(store->items, capacity, sizeof *grown);
        if (!grown)
            return false;
        store->items = grown;
        store->capacity = capacity;
    }
    const char *why; /* the loader says which file, and where it is named */
    struct input *in = &store->items[store->count];
    if (!input_read(name, RULE_FILE_MAX, in, &why))
        return false;
    store->count++;
    *ret = input_bytes(in);
    return true;
}

struct rule_files rule_files_lend(struct rule_file_store *store)
{
    *store = (struct rule_file_store){0};
    return (struct rule_files){store, list_files, read_file};
}

void rule_files_free(struct rule_file_store *store)
{
    for (size_t i = 0; i < store->count; i++)
        input_free(&store->items[i]);
    free(store->items);
}
