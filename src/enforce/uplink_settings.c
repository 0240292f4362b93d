/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Each setting that a network has changed has a file SETTINGS/NETNS:net:ipv4:conf:eth0:forwarding with the value from
 * before (':' occurs in no name of a link). For IPv6's `all`, which overwrites the setting of every interface, the
 * interfaces that had it on follow, one a line.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "enforce/file.h"
#include "enforce/scope.h"
#include "enforce/state.h"
#include "enforce/uplink_parts.h"

#define SETTINGS STATE_ROOT "/.settings" /* no network's name begins with a dot */
#define V6_CONF "net/ipv6/conf"
#define VALUE_MAX ((size_t)1 << 20)

bool uplink_settings_lock(int *ret_fd, struct failure *f)
{
    SCOPED_FD fd = open(STATE_ROOT, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || flock(fd, LOCK_EX))
        return fail_errno(f, errno, "cannot lock " STATE_ROOT);
    *ret_fd = scope_keep(&fd);
    return true;
}

static void key_path(uint64_t netns, const char *setting, char out[512])
{
    int length = snprintf(out, 512, SETTINGS "/%" PRIu64 ":", netns);
    snprintf(out + length, 512 - (size_t)length, "%s", setting);
    for (char *c = out + length; *c; c++)
        if (*c == '/')
            *c = ':';
}

/* The first character is enough: all of them are 0 or 1. */
static bool setting_read(const char *setting, char *ret, struct failure *f)
{
    char path[512];
    snprintf(path, sizeof path, "/proc/sys/%s", setting);
    SCOPED_FD fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || read(fd, ret, 1) != 1)
        return fail_errno(f, errno, "cannot read %s", path);
    return true;
}

/* A setting that is gone, with its interface, is no failure where `gone` is tolerated. */
static bool setting_write(const char *setting, const char *value, bool gone, struct failure *f)
{
    char path[512];
    snprintf(path, sizeof path, "/proc/sys/%s", setting);
    SCOPED_FD fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT && gone)
        return true;
    if (fd < 0 || write(fd, value, strlen(value)) < 0)
        return fail_errno(f, errno, "cannot set %s to %s", path, value);
    return true;
}

static void conf_forwarding(const char *interface, char out[512])
{
    snprintf(out, 512, V6_CONF "/%s/forwarding", interface);
}

static void note_interfaces_that_forward(struct text *t)
{
    DIR *d = opendir("/proc/sys/" V6_CONF);
    if (!d)
        return;
    for (struct dirent *e; (e = readdir(d));) {
        char setting[512], value = '0';
        conf_forwarding(e->d_name, setting);
        if (e->d_name[0] != '.' && strcmp(e->d_name, "all") != 0 && setting_read(setting, &value, NULL) && value == '1')
            text_printf(t, "%s\n", e->d_name);
    }
    closedir(d);
}

/* Before the change. What another network has noted stays: it saw the value from before. */
static bool setting_note(uint64_t netns, const char *setting, char value, struct failure *f)
{
    char path[512];
    key_path(netns, setting, path);
    if (mkdir(SETTINGS, 0700) && errno != EEXIST)
        return fail_errno(f, errno, "make " SETTINGS);
    if (access(path, F_OK) == 0)
        return true;
    struct text t = text_new(VALUE_MAX);
    text_printf(&t, "%c\n", value);
    if (strncmp(setting, V6_CONF, strlen(V6_CONF)) == 0)
        note_interfaces_that_forward(&t);
    bool ok = t.failed ? fail(f, "out of memory") : file_write(path, bytes_of(t.at, t.len), f);
    text_free(&t);
    return ok;
}

bool uplink_settings_set(const struct uplink_record *r, bool repair, unsigned *differ, struct failure *f)
{
    for (size_t i = 0; i < r->setting_count; i++) {
        char value;
        if (!setting_read(r->settings[i], &value, f))
            return false;
        if (value == '1')
            continue;
        ++*differ;
        if (repair && (!setting_note(r->netns, r->settings[i], value, f) || !setting_write(r->settings[i], "1", false, f)))
            return false;
    }
    return true;
}

/* ---- the way back ---- */

struct need {
    const char *network, *setting;
    uint64_t netns;
    bool needed;
};

/* A record that cannot be read may name the setting: what is on stays on. */
static bool needs_it(const char *network, void *argument)
{
    struct need *need = argument;
    struct uplink_record r;
    bool found;
    if (strcmp(network, need->network) == 0)
        return true;
    if (!uplink_record_load(network, &r, &found, NULL)) {
        need->needed = true;
        return false;
    }
    for (size_t i = 0; found && r.netns == need->netns && i < r.setting_count; i++)
        need->needed |= strcmp(r.settings[i], need->setting) == 0;
    uplink_record_free(&r);
    return !need->needed;
}

static bool values_write(const char *setting, char *text, struct failure *f)
{
    bool ok = true, first = true;
    for (char *line = text, *end; ok && *line; line = end, first = false) {
        char other[512];
        end = line + strcspn(line, "\n");
        if (*end)
            *end++ = 0;
        conf_forwarding(line, other);
        ok = first ? setting_write(setting, line, true, f) : setting_write(other, "1", true, f);
    }
    return ok;
}

static bool setting_restore(uint64_t netns, const char *setting, bool there, struct failure *f)
{
    char path[512], *text;
    size_t size;
    key_path(netns, setting, path);
    if (there && access(path, F_OK) == 0) { /* else nobody changed it */
        if (!file_read(path, VALUE_MAX, &text, &size, f))
            return false;
        bool ok = values_write(setting, text, f);
        free(text);
        if (!ok)
            return false;
    }
    return uplink_file_remove(path) || fail_errno(f, errno, "remove %s", path);
}

bool uplink_settings_restore(const char *network, const struct uplink_record *r, bool there, struct failure *f)
{
    bool ok = true;
    for (size_t i = 0; i < r->setting_count; i++) {
        struct need need = {.network = network, .setting = r->settings[i], .netns = r->netns};
        (void)state_each(needs_it, &need);
        if (!need.needed)
            ok = setting_restore(r->netns, r->settings[i], there, ok ? f : NULL) && ok;
    }
    (void)rmdir(SETTINGS); /* when it was the last */
    return ok;
}
