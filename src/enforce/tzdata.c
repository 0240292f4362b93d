/* SPDX-License-Identifier: Apache-2.0 */
#include "enforce/tzdata.h"

#include <stdio.h>
#include <unistd.h>

#include "base/diag.h"
#include "enforce/file.h"
#include "enforce/scope.h"

#define ZONES "/usr/share/zoneinfo"
#define ZONE_SIZE_MAX ((size_t)64 << 10) /* the largest of tzdata has 4 KiB */
/* tzdata's own source in one file, about 110 KB: the names stand in it. */
#define NAMES ZONES "/tzdata.zi"
#define NAMES_SIZE_MAX ((size_t)1 << 20)

/* `localtime` is a link to what this machine's clock shows: no name, and not the same elsewhere. */
static bool may_be_name(const char *name)
{
    return *name && *name != '/' && !strchr(name, '.') && strcmp(name, "localtime") != 0;
}

/* "Z NAME ..." is a zone, "L TARGET NAME" another name of one. */
static const char *name_in_line(char *line)
{
    char *rest = line + 2, *name = rest;
    if ((line[0] != 'Z' && line[0] != 'L') || line[1] != ' ')
        return NULL;
    (void)strsep(&rest, " ");
    if (line[0] == 'L') {
        name = rest;
        (void)strsep(&rest, " ");
    }
    return name;
}

/* The name that is closest to the wrong one, or NULL. */
static const char *closest_zone(const char *wrong, struct arena *arena)
{
    SCOPED_MEMORY char *text = NULL;
    size_t size, capacity = 0, count = 0;
    const char **names = NULL;
    if (!file_read(NAMES, NAMES_SIZE_MAX, &text, &size, NULL))
        return NULL;
    for (char *rest = text, *line; (line = strsep(&rest, "\n"));) {
        const char *name = *line ? name_in_line(line) : NULL;
        if (!name)
            continue;
        const char **grown = arena_grow(arena, names, count, &capacity, sizeof *names);
        if (!grown)
            return NULL;
        names = grown;
        names[count++] = name;
    }
    const char *close = closest_name(wrong, names, count);
    return close ? arena_text(arena, close, strlen(close)) : NULL;
}

static struct zone_file not_found(const char *name, struct arena *arena)
{
    if (access(ZONES "/UTC", R_OK))
        return (struct zone_file){.found = ZONE_NO_DATA};
    const char *closest = closest_zone(name, arena);
    if (closest && strcmp(closest, name) == 0) /* there should be a file: what is read of it is no TZif */
        return (struct zone_file){.found = ZONE_FOUND};
    return (struct zone_file){.found = ZONE_UNKNOWN, .closest = closest};
}

struct zone_file tzdata_find(const char *name, struct arena *arena)
{
    char path[256];
    SCOPED_MEMORY char *text = NULL;
    size_t size;
    int length = snprintf(path, sizeof path, ZONES "/%s", name);
    if (!may_be_name(name) || length < 0 || (size_t)length >= sizeof path || !file_read(path, ZONE_SIZE_MAX, &text, &size, NULL))
        return not_found(name, arena);
    char *kept = arena_text(arena, text, size);
    if (!kept)
        return (struct zone_file){.found = ZONE_NO_MEMORY};
    return (struct zone_file){.found = ZONE_FOUND, .tzif = bytes_of(kept, size)};
}
