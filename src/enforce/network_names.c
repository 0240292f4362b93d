/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The names of workloads' namespaces in /run/netns, by which commands go into them: whether each is there, and bound again
 * where it is not. Which namespace is a workload's own is told by its link: it is where the other end of that is.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "enforce/links.h"
#include "enforce/netns.h"
#include "enforce/network_parts.h"
#include "enforce/scope.h"

/* `socket`: a route socket in the hub. */
static bool is_where_link_ends(int socket, const struct state_link *l, int ns_fd)
{
    int32_t id;
    return l->peer_known && l->peer_ns >= 0 && link_namespace_id(socket, ns_fd, &id, NULL) && id == l->peer_ns;
}

/* A namespace that Bulkhead made, of a link that is there: where the link is gone, so may be the namespace. */
static bool is_to_have_name(int socket, const struct policy *p, const struct state_link *l)
{
    struct link_state link;
    uint32_t w = policy_find_workload(p, bytes_of_text(l->workload));
    return w != NONE && !p->workloads[w].attach_netns && !p->workloads[w].attach_interface && l->peer_known && l->peer_ns >= 0 &&
        link_get_by_index(socket, l->link, &link, NULL) && link.peer == l->peer && link.peer_ns == l->peer_ns;
}

static bool is_named(int socket, const char *netns, const struct state_link *l)
{
    int fd;
    if (!netns_open(netns, &fd, NULL))
        return false;
    SCOPED_FD there = fd;
    return is_where_link_ends(socket, l, there);
}

/* `netns`: its name in /run/netns. */
static bool lacks_name(int socket, const char *netns, const struct policy *p, const struct state_link *l)
{
    return !is_named(socket, netns, l) && is_to_have_name(socket, p, l);
}

void network_check_names(const struct policy *p, const struct state *s, int socket, struct network_drift *drift)
{
    for (size_t i = 0; i < s->count; i++) {
        char netns[128];
        state_netns(s->name, s->links[i].workload, netns);
        if (!lacks_name(socket, netns, p, &s->links[i]))
            continue;
        if (drift->nameless++ == 0)
            snprintf(drift->nameless_first, sizeof drift->nameless_first, "%s", netns);
        drift->differ++;
    }
}

/* By a process that is in it: its own `run:` process, or any other. */
static bool find_namespace(int socket, const struct state_link *l, int *ret_fd)
{
    struct stat own, other;
    DIR *proc = opendir("/proc");
    bool found = false;
    for (struct dirent *e; proc && !found && (e = readdir(proc));) {
        char path[300];
        snprintf(path, sizeof path, "/proc/%s/ns/net", e->d_name);
        if (e->d_name[0] < '1' || e->d_name[0] > '9' || stat(path, &other) || (stat("/proc/self/ns/net", &own) == 0 && own.st_ino == other.st_ino))
            continue;
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        found = fd >= 0 && is_where_link_ends(socket, l, fd);
        if (found)
            *ret_fd = fd;
        else if (fd >= 0)
            close(fd);
    }
    if (proc)
        closedir(proc);
    return found;
}

static bool bind_again(const char *network, int socket, const struct state_link *l, struct failure *f)
{
    char netns[128];
    int fd;
    struct failure why = {""};
    state_netns(network, l->workload, netns);
    if (netns_exists(netns))
        return fail(f, "workload %s: another namespace has its name " NETNS_DIRECTORY "/%s: remove that (ip netns del %s)", l->workload, netns, netns);
    if (!find_namespace(socket, l, &fd))
        return fail(f, "workload %s: its namespace has no name " NETNS_DIRECTORY "/%s any more, and no process is in it by which it could be found: `bulkhead down %s` and `up`",
            l->workload, netns, network);
    SCOPED_FD found = fd;
    return netns_bind(netns, found, &why) || fail(f, "workload %s: %s", l->workload, why.text);
}

bool network_bind_names(const struct policy *p, const struct state *s, unsigned *ret_bound, struct failure *f)
{
    SCOPED_FD hub = -1;
    SCOPED_FD socket = -1;
    *ret_bound = 0;
    if (!network_open_hub(s->name, &hub, &socket, f))
        return false;
    bool ok = true;
    for (size_t i = 0; i < s->count; i++) {
        char netns[128];
        state_netns(s->name, s->links[i].workload, netns);
        if (!lacks_name(socket, netns, p, &s->links[i]))
            continue;
        bool bound = bind_again(s->name, socket, &s->links[i], ok ? f : NULL);
        *ret_bound += bound;
        ok = bound && ok;
    }
    return ok;
}
