/* SPDX-License-Identifier: Apache-2.0 */
#include "enforce/administrator.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "enforce/file.h"
#include "enforce/links.h"
#include "enforce/network_parts.h"
#include "enforce/scope.h"
#include "enforce/state.h"

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

struct search {
    struct stat home, user; /* the host's namespaces */
    int hub;                /* a route socket in it */
    const struct state *state;
    struct administrator *found; /* one a link of the state */
};

static void take(const char *pid, const char *status, int32_t ns, const struct search *s)
{
    for (size_t i = 0; i < s->state->count; i++) {
        struct administrator *a = &s->found[i];
        if (!a->workload || s->state->links[i].peer_ns != ns)
            continue;
        a->others += a->pid != 0;
        if (a->pid)
            continue;
        a->pid = (pid_t)strtol(pid, NULL, 10);
        take_command(status, a->command);
    }
}

/* It may end while it is looked at: then it is not there. */
static void look_at(const char *pid, const struct search *s)
{
    char path[64];
    char *status;
    size_t size;
    int32_t ns;
    snprintf(path, sizeof path, "/proc/%.16s/ns/user", pid);
    if (!same_namespace(path, &s->user))
        return;
    snprintf(path, sizeof path, "/proc/%.16s/status", pid);
    if (!file_read(path, 65536, &status, &size, NULL))
        return;
    snprintf(path, sizeof path, "/proc/%.16s/ns/net", pid);
    SCOPED_FD net = may_administer(status) && !same_namespace(path, &s->home) ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (net >= 0 && link_namespace_id(s->hub, net, &ns, NULL) && ns >= 0)
        take(pid, status, ns, s);
    free(status);
}

static void look_at_all(const struct search *s)
{
    DIR *d = opendir("/proc");
    for (struct dirent *e; d && (e = readdir(d));)
        if (e->d_name[0] >= '0' && e->d_name[0] <= '9')
            look_at(e->d_name, s);
    if (d)
        closedir(d);
}

/* Which links lead to what others own; whether any does. */
static bool choose(const struct policy *p, const struct search *s)
{
    bool any = false;
    for (size_t i = 0; i < s->state->count; i++) {
        const struct state_link *l = &s->state->links[i];
        uint32_t w = policy_find_workload(p, bytes_of_text(l->workload));
        if (w == NONE || !l->peer_known || l->peer_ns < 0 || !(p->workloads[w].attach_netns || p->workloads[w].attach_interface))
            continue;
        s->found[i].workload = &p->workloads[w];
        any = true;
    }
    return any;
}

static void search(const struct policy *p, struct search *s)
{
    SCOPED_FD hub = -1;
    SCOPED_FD socket = -1;
    if (!choose(p, s) || stat("/proc/self/ns/net", &s->home) || stat("/proc/self/ns/user", &s->user) || !network_open_hub(p->name, &hub, &socket, NULL))
        return;
    s->hub = socket;
    look_at_all(s);
}

void administrators_each(const struct policy *p, administrator_fn each, void *argument)
{
    struct state state;
    if (!state_load(p->name, &state, NULL))
        return;
    SCOPED_MEMORY struct administrator *found = calloc(state.count ? state.count : 1, sizeof *found);
    struct search s = {.state = &state, .found = found};
    if (found)
        search(p, &s);
    for (size_t i = 0; found && i < state.count; i++)
        if (found[i].pid)
            each(&found[i], argument);
    state_free(&state);
}
