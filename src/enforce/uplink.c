/* SPDX-License-Identifier: Apache-2.0 */
/* Making and repairing are one: each step looks whether what it is for is there, and makes what is not. */
#include "enforce/uplink.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "enforce/netlink.h"
#include "enforce/netns.h"
#include "enforce/scope.h"
#include "enforce/uplink_parts.h"

#define LINK_SETTINGS 10

struct work {
    const struct uplink_plan *plan;
    bool repair;
    unsigned differ;
    bool asked, overtaken;     /* whether the plan holds: asked, and it does not */
    char link[UPLINK_NAME_MAX];
    uint32_t index;            /* of the host's end; 0: it is not there */
    int own, host, hub;        /* the host's namespace; route sockets in it and in the hub's */
    struct uplink_record record;
};

void uplink_host_link(const char *network, char out[UPLINK_NAME_MAX])
{
    uint32_t hash = 2166136261U; /* FNV-1a */
    for (const char *c = network; *c; c++)
        hash = (hash ^ (uint8_t)*c) * 16777619U;
    if (strlen(network) <= UPLINK_NAME_MAX - 4)
        snprintf(out, UPLINK_NAME_MAX, "bh-%s", network);
    else
        snprintf(out, UPLINK_NAME_MAX, "bh-%.6s-%05x", network, (hash ^ hash >> 20) & 0xfffffU);
}

static void work_end(struct work *w)
{
    scope_close(&w->own);
    scope_close(&w->host);
    scope_close(&w->hub);
    uplink_record_free(&w->record);
}

static bool work_begin(struct work *w, const struct uplink_plan *plan, bool repair, struct failure *f)
{
    *w = (struct work){.plan = plan, .repair = repair, .own = -1, .host = -1, .hub = -1};
    uplink_host_link(plan->network, w->link);
    return netns_open_own(&w->own, f) && netlink_open(w->own, &w->host, f) && netlink_open(plan->hub_ns_fd, &w->hub, f) && uplink_record_make(plan, &w->record, f);
}

/* Counts differences; whether they are to be put right. */
static bool differ_in(struct work *w, unsigned count)
{
    if (w->repair && !w->asked && w->plan->holds && !w->plan->holds(w->plan->argument)) {
        w->repair = false;
        w->overtaken = true;
    }
    w->asked = true;
    w->differ += count;
    return w->repair;
}

static bool differs(struct work *w)
{
    return differ_in(w, 1);
}

/* ---- the steps ---- */

static bool is_same_interface(const struct work *w, const struct uplink_record *written)
{
    return !written->index || written->index == w->record.index;
}

/* Where the interface is another one than it was, under the same name, the former's own settings go back first. */
static bool record_renew(struct work *w, const struct uplink_record *written, struct failure *f)
{
    struct uplink_record former = {.netns = written->netns, .index = written->index};
    for (size_t i = 0; !is_same_interface(w, written) && i < written->setting_count; i++)
        if (uplink_setting_is_of_interface(written->settings[i]))
            memcpy(former.settings[former.setting_count++], written->settings[i], UPLINK_SETTING_MAX);
    uplink_record_inherit(&w->record, written);
    return uplink_settings_restore(w->plan->network, &former, true, f) && uplink_record_save(w->plan->network, &w->record, f);
}

static bool settle_record(struct work *w, struct failure *f)
{
    struct uplink_record written;
    bool found;
    if (!uplink_record_load(w->plan->network, &written, &found, f))
        return false;
    bool ok = (found && is_same_interface(w, &written)) || !differs(w) || record_renew(w, &written, f);
    uplink_record_free(&written);
    return ok;
}

static bool settle_reserved(struct work *w, struct failure *f)
{
    unsigned missing = 0;
    return uplink_reserved_set(&w->record, false, &missing, f) &&
           (!missing || !differ_in(w, missing) || uplink_reserved_set(&w->record, true, &missing, f));
}

static bool settle_forwarding(struct work *w, struct failure *f)
{
    unsigned off = 0;
    return uplink_settings_set(&w->record, false, &off, f) && (!off || !differ_in(w, off) || uplink_settings_set(&w->record, true, &off, f));
}

static bool settle_table(struct work *w, struct failure *f)
{
    bool same;
    if (!uplink_table_check(w->plan, &same, f))
        return false;
    return same || !differs(w) || uplink_table_write(w->plan, f);
}

/*
 * Where the host forwards, its end would be in the groups of routers (RFC 4291, 2.8) and report that from ::, which the
 * datapath would count as refused. It needs none of them.
 */
static bool quieten(const struct work *w, struct failure *f)
{
    struct link_state link;
    return link_get(w->host, w->link, &link, f) && link_leave_groups(w->host, link.index, link.mtu, f);
}

static bool pair_make(struct work *w, struct failure *f)
{
    const struct uplink_plan *plan = w->plan;
    struct veth_end hub = {plan->hub_ns_fd, plan->hub_link, plan->hub_index, plan->hub_mac};
    struct veth_end host = {w->own, w->link, 0, plan->host_mac};
    /* The hub's end is the near one: the kernel takes a chosen number for the far one only beside a chosen near one. */
    return veth_create(w->hub, &hub, &host, plan->mtu, f) && quieten(w, f) && link_clsact(w->hub, plan->hub_index, f);
}

/* The host's end and what is behind it: whoever may make links in the hub cannot make this one end elsewhere unseen. */
static bool pair_is_whole(const struct work *w, const struct link_state *host)
{
    struct link_state hub;
    int32_t hub_ns;
    return link_namespace_id(w->host, w->plan->hub_ns_fd, &hub_ns, NULL) && host->peer == w->plan->hub_index && host->peer_ns == hub_ns &&
           link_get_by_index(w->hub, w->plan->hub_index, &hub, NULL);
}

static bool settle_pair(struct work *w, struct failure *f)
{
    struct link_state link;
    bool there = link_get(w->host, w->link, &link, NULL);
    if (there && memcmp(link.mac, w->plan->host_mac, sizeof link.mac) != 0)
        return fail(f, "the host's interface %s is not the one that this network's uplink had; remove it: ip link delete %s", w->link, w->link);
    if (!there || !pair_is_whole(w, &link)) {
        if (!differs(w))
            return true;
        if ((there && !link_delete(w->host, w->link, f)) || !link_delete_by_index(w->hub, w->plan->hub_index, f) || !pair_make(w, f) ||
            !link_get(w->host, w->link, &link, f))
            return false;
    }
    w->index = link.index;
    return true;
}

struct link_setting {
    const char *name, *value;
};

/* Written to before the link is up: it says nothing of its own, learns nothing, and takes no way around. */
static unsigned link_settings(const struct uplink_plan *plan, struct link_setting out[LINK_SETTINGS])
{
    unsigned count = 0;
    out[count++] = (struct link_setting){"ipv4/conf/%s/forwarding", plan->outer4 ? "1" : "0"};
    out[count++] = (struct link_setting){"ipv4/conf/%s/accept_redirects", "0"};
    out[count++] = (struct link_setting){"ipv4/conf/%s/accept_source_route", "0"};
    out[count++] = (struct link_setting){"ipv4/conf/%s/route_localnet", "0"};
    out[count++] = (struct link_setting){"ipv6/conf/%s/accept_ra", "0"};
    out[count++] = (struct link_setting){"ipv6/conf/%s/accept_redirects", "0"};
    out[count++] = (struct link_setting){"ipv6/conf/%s/addr_gen_mode", "1"};
    out[count++] = (struct link_setting){"ipv6/conf/%s/dad_transmits", "0"};
    out[count++] = (struct link_setting){"ipv6/conf/%s/router_solicitations", "0"};
    out[count++] = (struct link_setting){"ipv6/conf/%s/disable_ipv6", plan->outer6 ? "0" : "1"};
    return count;
}

static void link_setting_path(const char *link, const char *name, char out[512])
{
    const char *place = strstr(name, "%s");
    snprintf(out, 512, "/proc/sys/net/%.*s%s%s", (int)(place - name), name, link, place + 2);
}

static bool settle_link_setting(struct work *w, const struct link_setting *s, struct failure *f)
{
    char path[512], value = 0;
    link_setting_path(w->link, s->name, path);
    SCOPED_FD fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT && strncmp(s->name, "ipv6/", 5) == 0 && !w->plan->outer6)
        return true; /* a kernel without IPv6 */
    if (fd < 0 || read(fd, &value, 1) != 1)
        return fail_errno(f, errno, "cannot read %s", path);
    if (value == s->value[0] || !differs(w))
        return true;
    return pwrite(fd, s->value, 1, 0) == 1 || fail_errno(f, errno, "cannot set %s to %s", path, s->value);
}

static bool settle_link_settings(struct work *w, struct failure *f)
{
    struct link_setting settings[LINK_SETTINGS];
    unsigned count = link_settings(w->plan, settings);
    for (unsigned i = 0; i < count; i++)
        if (!settle_link_setting(w, &settings[i], f))
            return false;
    return true;
}

static bool settle_up(struct work *w, int socket, const char *name, struct failure *f)
{
    struct link_state link;
    if (!link_get(socket, name, &link, f))
        return false;
    return link.up || !differs(w) || link_up(socket, link.index, f);
}

static bool settle_route(struct work *w, const struct link_address *prefix, uint8_t length, const struct link_address *via, struct failure *f)
{
    if (uplink_route_is_there(w->host, w->index, prefix, length, via) || !differs(w))
        return true;
    return route_set(w->host, w->index, prefix, length, via, f);
}

static bool settle_outer(struct work *w, const struct link_address *outer, struct failure *f)
{
    const struct uplink_plan *plan = w->plan;
    if (!outer)
        return true;
    if (!uplink_neighbour_is_there(w->host, w->index, outer, plan->hub_mac) && differs(w) &&
        !neighbour_set(w->host, w->index, outer, plan->hub_mac, f))
        return false;
    if (!settle_route(w, outer, outer->family == 4 ? 32 : 128, NULL, f))
        return false;
    for (size_t i = 0; !plan->nat && i < plan->segment_count; i++) {
        const struct uplink_prefix *segment = &plan->segments[i];
        if (segment->address.family == outer->family && !settle_route(w, &segment->address, segment->length, outer, f))
            return false;
    }
    return true;
}

/* The table before the pair: from the first packet on, nothing passes untranslated or by another interface. */
static bool settle(struct work *w, struct failure *f)
{
    if (!if_nametoindex(w->plan->interface))
        return fail(f, "the uplink's interface %s is gone", w->plan->interface);
    if (!settle_record(w, f) || !settle_reserved(w, f) || !settle_table(w, f) || !settle_pair(w, f))
        return false;
    bool ok = !w->index || (settle_link_settings(w, f) && settle_up(w, w->hub, w->plan->hub_link, f) && settle_up(w, w->host, w->link, f) &&
                               settle_outer(w, w->plan->outer4, f) && settle_outer(w, w->plan->outer6, f));
    return ok && settle_forwarding(w, f);
}

/* ---- what the header promises ---- */

static bool create_recorded(struct work *w, struct failure *f)
{
    if (if_nametoindex(w->link))
        return fail(f, "the host has an interface %s already, which this network's uplink needs and did not make; "
                       "remove it: ip link delete %s", w->link, w->link);
    return uplink_record_save(w->plan->network, &w->record, f) && settle(w, f);
}

bool uplink_create(const struct uplink_plan *plan, struct failure *f)
{
    struct work w;
    SCOPED_FD lock = -1;
    /* What an `up` that was killed has left. */
    bool ok = uplink_delete(plan->network, f) && uplink_settings_lock(&lock, f);
    if (!ok)
        return false;
    ok = work_begin(&w, plan, true, f) && create_recorded(&w, f);
    work_end(&w);
    return ok;
}

static bool update_recorded(struct work *w, struct failure *f)
{
    struct uplink_record before;
    bool found;
    if (!uplink_record_load(w->plan->network, &before, &found, f))
        return false;
    bool same_place = !found || strcmp(before.interface, w->record.interface) == 0;
    bool ok = same_place ? record_renew(w, &before, f) : fail(f, "another interface for the uplink needs a network that is brought down and up again");
    uplink_record_free(&before);
    return ok && settle(w, f) && uplink_reserved_release(NULL, w->record.netns, true, f);
}

bool uplink_update(const struct uplink_plan *plan, struct failure *f)
{
    struct work w;
    SCOPED_FD lock = -1;
    if (!uplink_settings_lock(&lock, f))
        return false;
    bool ok = work_begin(&w, plan, true, f) && update_recorded(&w, f);
    work_end(&w);
    return ok;
}

bool uplink_check(const struct uplink_plan *plan, bool repair, unsigned *ret_differ, struct failure *f)
{
    struct work w;
    SCOPED_FD lock = -1;
    if (!uplink_settings_lock(&lock, f))
        return false;
    bool ok = work_begin(&w, plan, repair, f) && settle(&w, f);
    ok |= w.overtaken;
    *ret_differ = w.overtaken ? 0 : w.differ;
    work_end(&w);
    return ok;
}

/* ---- the way back ---- */

/* *ret_there: whether the caller is in the namespace that the uplink was made in. One that lives elsewhere cannot be
 * put right from here; one that is gone has taken all of it along. */
static bool host_is_here(const struct uplink_record *r, const char *network, bool *ret_there, struct failure *f)
{
    uint64_t own;
    if (!netns_inode(&own, f))
        return false;
    *ret_there = own == r->netns;
    if (!*ret_there && netns_lives(r->netns))
        return fail(f, "the uplink of %s was made in another network namespace (net:[%llu]) than this one: take the network down from there",
            network, (unsigned long long)r->netns);
    return true;
}

static bool link_remove(const struct uplink_record *r, struct failure *f)
{
    struct link_state link;
    SCOPED_FD socket = -1;
    if (!netlink_open_own(&socket, f))
        return false;
    if (!link_get(socket, r->link, &link, NULL) || memcmp(link.mac, r->mac, sizeof link.mac) != 0)
        return true; /* gone with the hub, or another's */
    return link_delete(socket, r->link, f);
}

static bool host_restore(const char *network, const struct uplink_record *r, bool there, struct failure *f)
{
    SCOPED_FD lock = -1;
    if (!uplink_settings_lock(&lock, f))
        return false;
    bool ok = !there || (link_remove(r, f) && uplink_table_delete(network, f));
    ok = uplink_reserved_release(network, r->netns, there, ok ? f : NULL) && ok;
    ok = uplink_settings_restore(network, r, there, ok ? f : NULL) && ok;
    if (ok)
        uplink_record_remove(network);
    return ok;
}

bool uplink_delete(const char *network, struct failure *f)
{
    struct uplink_record r;
    bool found, there;
    if (!uplink_record_load(network, &r, &found, f))
        return false;
    bool ok = !found || (host_is_here(&r, network, &there, f) && host_restore(network, &r, there, f));
    uplink_record_free(&r);
    return ok;
}
