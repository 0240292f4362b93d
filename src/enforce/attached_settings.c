/* SPDX-License-Identifier: Apache-2.0 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "enforce/attached_parts.h"
#include "enforce/scope.h"

#define NAME_LONGEST 64
#define VALUE_MAX 128

static const char *const groups[] = {"ipv4/conf", "ipv4/neigh", "ipv6/conf", "ipv6/neigh"};
#define GROUPS (sizeof groups / sizeof *groups)

/* Several values stand apart by blanks or tabs. */
static bool value_is_sound(const char *value)
{
    size_t length = 0;
    for (; value[length]; length++)
        if (!isprint((unsigned char)value[length]) && value[length] != '\t')
            return false;
    return length > 0 && length < VALUE_MAX;
}

bool attached_setting_is_sound(const char *name, const char *value)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";
    for (size_t i = 0; i < GROUPS; i++) {
        size_t length = strlen(groups[i]);
        if (strncmp(name, groups[i], length) != 0 || name[length] != '/')
            continue;
        const char *last = name + length + 1;
        return *last && strlen(last) < NAME_LONGEST && strspn(last, plain) == strlen(last) && value_is_sound(value);
    }
    return false;
}

static bool value_read(int fd, char ret[VALUE_MAX])
{
    ssize_t length = read(fd, ret, VALUE_MAX - 1);
    if (length <= 0)
        return false; /* a stable_secret that was never set says EIO */
    ret[length] = 0;
    ret[strcspn(ret, "\n")] = 0;
    return true;
}

static void note_group(const char *interface, const char *group, struct text *t)
{
    char path[512], value[VALUE_MAX];
    snprintf(path, sizeof path, "/proc/sys/net/%s/%s", group, interface);
    DIR *d = opendir(path);
    for (struct dirent *e; d && (e = readdir(d));) {
        char name[NAME_LONGEST + 32];
        struct stat kind;
        SCOPED_FD fd = openat(dirfd(d), e->d_name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
        snprintf(name, sizeof name, "%s/%.64s", group, e->d_name);
        if (fd >= 0 && fstat(fd, &kind) == 0 && S_ISREG(kind.st_mode) && (kind.st_mode & S_IWUSR) && value_read(fd, value) &&
            attached_setting_is_sound(name, value))
            text_printf(t, "setting %s %s\n", name, value);
    }
    if (d)
        closedir(d);
}

void attached_note_settings(const char *interface, struct text *t)
{
    for (size_t i = 0; i < GROUPS; i++)
        note_group(interface, groups[i], t);
}

bool attached_setting(const struct attached_record *r, const char *name, const char **ret_value)
{
    for (size_t i = 0; i < r->setting_count; i++)
        if (strcmp(r->settings[i].name, name) == 0) {
            *ret_value = r->settings[i].value;
            return true;
        }
    return false;
}

bool attached_setting_write(const char *interface, const char *name, const char *value, struct failure *f)
{
    char path[512], now[VALUE_MAX];
    const char *last = strrchr(name, '/');
    snprintf(path, sizeof path, "/proc/sys/net/%.*s/%s%s", (int)(last - name), name, interface, last);
    SCOPED_FD fd = open(path, O_RDWR | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 && errno == ENOENT)
        return true;
    if (fd < 0)
        return fail_errno(f, errno, "cannot open %s", path);
    if (value_read(fd, now) && strcmp(now, value) == 0)
        return true;
    return pwrite(fd, value, strlen(value), 0) == (ssize_t)strlen(value) || fail_errno(f, errno, "cannot set %s to %s", path, value);
}
