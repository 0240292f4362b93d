/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Each setting that a network has changed has a file SETTINGS/NETNS:net:ipv4:conf:#3:forwarding with the value from
 * before (3 is the interface's number, as its name may change meanwhile; ':' and '#' occur in no name of an uplink's
 * interface). For IPv6's `all`, which overwrites the setting of every interface, the interfaces that had it on follow,
 * name and number, one a line.
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
#define V4_CONF "net/ipv4/conf/"
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

void uplink_setting_note(uint64_t netns, const char *setting, char out[512])
{
    int length = snprintf(out, 512, SETTINGS "/%" PRIu64 ":", netns);
    snprintf(out + length, 512 - (size_t)length, "%s", setting);
    for (char *c = out + length; *c; c++)
        if (*c == '/')
            *c = ':';
}

bool uplink_settings_room(struct failure *f)
{
    return mkdir(SETTINGS, 0700) == 0 || errno == EEXIST || fail_errno(f, errno, "make " SETTINGS);
}

bool uplink_setting_is_of_interface(const char *setting)
{
    return strncmp(setting, V4_CONF, strlen(V4_CONF)) == 0;
}

/* The setting with the interface's number in place of its name: two that are one have the same. */
static void setting_key(const struct uplink_record *r, const char *setting, char out[UPLINK_SETTING_MAX])
{
    if (r->index && uplink_setting_is_of_interface(setting))
        snprintf(out, UPLINK_SETTING_MAX, V4_CONF "#%u/forwarding", r->index);
    else
        snprintf(out, UPLINK_SETTING_MAX, "%s", setting);
}

/* The setting of the interface under the name that it has now. False: it is gone. */
static bool setting_now(const struct uplink_record *r, const char *setting, char out[UPLINK_SETTING_MAX])
{
    char name[IFNAMSIZ];
    snprintf(out, UPLINK_SETTING_MAX, "%s", setting);
    if (!r->index || !uplink_setting_is_of_interface(setting))
        return true;
    if (!if_indextoname(r->index, name))
        return false;
    snprintf(out, UPLINK_SETTING_MAX, V4_CONF "%s/forwarding", name);
    return true;
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
            text_printf(t, "%s %u\n", e->d_name, if_nametoindex(e->d_name));
    }
    closedir(d);
}

/* Before the change. What another network has noted stays: it saw the value from before. */
static bool setting_note(const struct uplink_record *r, const char *setting, char value, struct failure *f)
{
    char path[512], key[UPLINK_SETTING_MAX];
    setting_key(r, setting, key);
    uplink_setting_note(r->netns, key, path);
    if (!uplink_settings_room(f))
        return false;
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
        if (repair && (!setting_note(r, r->settings[i], value, f) || !setting_write(r->settings[i], "1", false, f)))
            return false;
    }
    return true;
}

/* ---- the way back ---- */

struct need {
    const char *network, *key;
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
    for (size_t i = 0; found && r.netns == need->netns && i < r.setting_count; i++) {
        char key[UPLINK_SETTING_MAX];
        setting_key(&r, r.settings[i], key);
        need->needed |= strcmp(key, need->key) == 0;
    }
    uplink_record_free(&r);
    return !need->needed;
}

/* "NAME NUMBER": by the number, as far as that is still an interface. */
static bool forwarding_put_back(char *line, struct failure *f)
{
    char setting[512], now[IFNAMSIZ], *number = strchr(line, ' ');
    if (number)
        *number++ = 0;
    uint32_t index = number ? (uint32_t)strtoul(number, NULL, 10) : 0;
    conf_forwarding(index && if_indextoname(index, now) ? now : line, setting);
    return setting_write(setting, "1", true, f);
}

static bool values_write(const char *setting, char *text, struct failure *f)
{
    bool ok = true, first = true;
    for (char *line = text, *end; ok && *line; line = end, first = false) {
        end = line + strcspn(line, "\n");
        if (*end)
            *end++ = 0;
        ok = first ? setting_write(setting, line, true, f) : forwarding_put_back(line, f);
    }
    return ok;
}

static bool setting_restore(const struct uplink_record *r, const char *setting, const char *key, bool there, struct failure *f)
{
    char path[512], now[UPLINK_SETTING_MAX], *text;
    size_t size;
    uplink_setting_note(r->netns, key, path);
    if (there && access(path, F_OK) == 0 && setting_now(r, setting, now)) { /* else nobody changed it, or it is gone */
        if (!file_read(path, VALUE_MAX, &text, &size, f))
            return false;
        bool ok = values_write(now, text, f);
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
        char key[UPLINK_SETTING_MAX];
        setting_key(r, r->settings[i], key);
        struct need need = {.network = network, .key = key, .netns = r->netns};
        (void)state_each(needs_it, &need);
        if (!need.needed)
            ok = setting_restore(r, r->settings[i], key, there, ok ? f : NULL) && ok;
    }
    (void)rmdir(SETTINGS); /* when it was the last */
    return ok;
}
