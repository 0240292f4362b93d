/* SPDX-License-Identifier: Apache-2.0 */
/* The only part of the library that reads files: rules from the disk, for the loader that reads none itself. */
#include <errno.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "bulkhead/waf.h"
#include "waf/api/sized.h"

#define PATH_MOST 4096
#define FILE_MOST ((size_t)64 << 20)
#define ROOM_LEAST ((size_t)64 << 10)

/* What was read, until the rules are loaded. */
struct texts {
    char **items;
    size_t count, capacity;
};

static void texts_free(struct texts *t)
{
    for (size_t i = 0; i < t->count; i++)
        free(t->items[i]);
    free(t->items);
}

/* Takes `text` over, also when memory is out. */
static int texts_keep(struct texts *t, char *text)
{
    if (t->count == t->capacity) {
        size_t capacity = t->capacity ? t->capacity * 2 : 64;
        char **grown = reallocarray(t->items, capacity, sizeof *grown);
        if (!grown) {
            free(text);
            return 0;
        }
        t->items = grown;
        t->capacity = capacity;
    }
    t->items[t->count++] = text;
    return 1;
}

/* As ModSecurity's Include has it: a name is seen from the folder of the file that names it. */
static int path_of(const char *from, const char *name, char ret[PATH_MOST])
{
    const char *slash = from ? strrchr(from, '/') : NULL;
    int len = *name == '/' || !slash ? snprintf(ret, PATH_MOST, "%s", name) : snprintf(ret, PATH_MOST, "%.*s/%s", (int)(slash - from), from, name);
    return len >= 0 && len < PATH_MOST;
}

/* A folder that is not there has no files; one that cannot be read may have. */
static int unreadable(const char *path, int error)
{
    (void)path;
    return error != ENOENT && error != ENOTDIR;
}

static int list_files(void *context, const char *from, const char *pattern, bh_waf_add_name *add, void *into)
{
    char path[PATH_MOST];
    glob_t found;
    (void)context;
    if (!path_of(from, pattern, path))
        return 0;
    if (!strpbrk(pattern, "*?["))
        return access(path, F_OK) != 0 || add(into, path);
    int code = glob(path, 0, unreadable, &found);
    if (code != 0)
        return code == GLOB_NOMATCH;
    int ok = 1;
    for (size_t i = 0; ok && i < found.gl_pathc; i++)
        ok = add(into, found.gl_pathv[i]);
    globfree(&found);
    return ok;
}

/* All that is in it; NULL: it cannot be read, or is too large. */
static char *read_all(FILE *in, size_t *ret_len)
{
    size_t room = ROOM_LEAST, len = 0, more;
    char *text = malloc(room);
    while (text && (more = fread(text + len, 1, room - len, in)) > 0) {
        len += more;
        if (len < room)
            continue;
        char *grown = room < FILE_MOST ? realloc(text, room * 2) : NULL;
        if (!grown)
            break;
        text = grown;
        room *= 2;
    }
    *ret_len = len;
    if (text && feof(in) && !ferror(in))
        return text;
    free(text);
    return NULL;
}

static int read_file(void *context, const char *name, struct bh_waf_bytes *ret)
{
    FILE *in = fopen(name, "rbe");
    size_t len = 0;
    char *text = in ? read_all(in, &len) : NULL;
    if (in)
        (void)fclose(in);
    if (!text || !texts_keep(context, text))
        return 0;
    *ret = (struct bh_waf_bytes){text, len};
    return 1;
}

/* Done already is as well. */
static int seed(void)
{
    uint64_t chance[2];
    if (getrandom(chance, sizeof chance, 0) != (ssize_t)sizeof chance)
        return 0;
    (void)bh_waf_seed(chance[0], chance[1]);
    return 1;
}

enum bh_waf_result bh_waf_rules_load_files(const char *const *names, size_t count, const struct bh_waf_rules_options *options, struct bh_waf_rules **ret,
    struct bh_waf_report **ret_report)
{
    struct texts texts = {0};
    struct bh_waf_rules_options ours = {0};
    if (!names || !count || (options && !sized_read(options, &ours, sizeof ours)))
        return BH_WAF_MISUSE;
    ours.size = sizeof ours;
    ours.list = list_files;
    ours.read = read_file;
    ours.context = &texts;
    struct bh_waf_file *files = calloc(count, sizeof *files);
    if (!files || !seed()) {
        free(files);
        if (ret_report)
            *ret_report = NULL;
        return BH_WAF_NO_MEMORY;
    }
    for (size_t i = 0; i < count; i++)
        files[i].name = names[i];
    enum bh_waf_result result = bh_waf_rules_load(files, count, &ours, ret, ret_report);
    free(files);
    texts_free(&texts);
    return result;
}
