/* SPDX-License-Identifier: Apache-2.0 */
#include "enforce/administrator.h"

#include <dirent.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "enforce/file.h"
#include "enforce/netns.h"
#include "enforce/scope.h"

static bool same_namespace(const char *path, const struct stat *wanted)
{
    struct stat there;
    return stat(path, &there) == 0 && there.st_ino == wanted->st_ino && there.st_dev == wanted->st_dev;
}

static bool may_administer(const char *status)
{
    const char *line = strstr(status, "\nCapPrm:");
    return line && (strtoull(line + sizeof "\nCapPrm:" - 1, NULL, 16) >> CAP_NET_ADMIN & 1);
}

/* The first line of a process's status is "Name:", a tab and its comm. */
static void take_command(const char *status, char out[16])
{
    const char *name = strchr(status, '\t');
    size_t length = name ? strcspn(name + 1, "\n") : 0;
    for (size_t i = 0; i < 16; i++) {
        char c = i < length && i < 15 ? name[1 + i] : '\0';
        out[i] = c == '\0' || (c >= ' ' && c <= '~') ? c : '?';
    }
}

/* It may end while it is looked at: then it is not there. */
static void look_at(const char *pid, const struct stat *net, const struct stat *user, struct administrator *ret)
{
    char path[64];
    char *status;
    size_t size;
    snprintf(path, sizeof path, "/proc/%.16s/ns/net", pid);
    if (!same_namespace(path, net))
        return;
    snprintf(path, sizeof path, "/proc/%.16s/ns/user", pid);
    if (!same_namespace(path, user))
        return;
    snprintf(path, sizeof path, "/proc/%.16s/status", pid);
    if (!file_read(path, 65536, &status, &size, NULL))
        return;
    if (may_administer(status) && ret->pid)
        ret->others++;
    else if (may_administer(status)) {
        ret->pid = (pid_t)strtol(pid, NULL, 10);
        take_command(status, ret->command);
    }
    free(status);
}

bool administrator_find(const char *netns, struct administrator *ret)
{
    struct stat net, user;
    int fd;
    *ret = (struct administrator){0};
    if (!netns_open(netns, &fd, NULL))
        return false;
    SCOPED_FD there = fd;
    DIR *d = fstat(there, &net) || stat("/proc/self/ns/user", &user) ? NULL : opendir("/proc");
    for (struct dirent *e; d && (e = readdir(d));)
        if (e->d_name[0] >= '0' && e->d_name[0] <= '9')
            look_at(e->d_name, &net, &user, ret);
    if (d)
        closedir(d);
    return ret->pid != 0;
}
