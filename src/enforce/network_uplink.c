/* SPDX-License-Identifier: Apache-2.0 */
/* A network's way out and in: what its policy wants of the host (enforce/uplink.h), and the uplink's link. */
#include <stdlib.h>
#include <string.h>

#include "decide/uplink.h"
#include "enforce/netlink.h"
#include "enforce/network_parts.h"
#include "enforce/scope.h"
#include "enforce/uplink.h"

#define HUB_LINK "uplink"

/* A plan and what it points to; not to be copied. */
struct planned {
    struct uplink_plan plan;
    struct link_address outer4, outer6;
    struct uplink_prefix *segments;
    struct uplink_port *ports;
    const char **attached;
};

static void planned_free(struct planned *w)
{
    free(w->segments);
    free(w->ports);
    free(w->attached);
}

static bool take_segments(const struct policy *p, struct planned *w, struct failure *f)
{
    size_t count = 0;
    for (uint32_t s = 0; s < p->segment_count; s++)
        count += p->segments[s].cidr_count;
    w->segments = calloc(count ? count : 1, sizeof *w->segments);
    if (!w->segments)
        return fail(f, "out of memory");
    for (uint32_t s = 0; s < p->segment_count; s++)
        for (uint32_t c = 0; c < p->segments[s].cidr_count; c++) {
            const struct prefix *cidr = &p->segments[s].cidrs[c];
            w->segments[w->plan.segment_count++] = (struct uplink_prefix){network_link_address(&cidr->address), cidr->length};
        }
    w->plan.segments = w->segments;
    return true;
}

static void add_ports(const struct policy *p, const struct policy *except, struct planned *w)
{
    for (uint32_t i = 0; i < p->uplink.publish_count; i++) {
        const struct publish *e = &p->uplink.publish[i];
        if (!except || !uplink_published(except, e->protocol, e->port))
            w->ports[w->plan.port_count++] = (struct uplink_port){e->protocol, e->port};
    }
}

static bool take_ports(const struct policy *p, const struct policy *also, struct planned *w, struct failure *f)
{
    size_t count = (size_t)p->uplink.publish_count + (also ? also->uplink.publish_count : 0);
    w->ports = calloc(count ? count : 1, sizeof *w->ports);
    if (!w->ports)
        return fail(f, "out of memory");
    add_ports(p, NULL, w);
    if (also)
        add_ports(also, p, w);
    w->plan.ports = w->ports;
    return true;
}

static bool take_attached(const struct policy *p, struct planned *w, struct failure *f)
{
    w->attached = calloc(p->workload_count ? p->workload_count : 1, sizeof *w->attached);
    if (!w->attached)
        return fail(f, "out of memory");
    for (uint32_t i = 0; i < p->workload_count; i++)
        if (p->workloads[i].attach_interface)
            w->attached[w->plan.attached_count++] = p->workloads[i].attach_interface;
    w->plan.attached = w->attached;
    return true;
}

/* The host's interface may take less than a veth pair would. */
static bool interface_mtu(const char *interface, uint32_t *ret, struct failure *f)
{
    struct link_state link;
    SCOPED_FD socket = -1;
    if (!netlink_open_own(&socket, f))
        return false;
    bool less = link_get(socket, interface, &link, NULL) && link.mtu < NETWORK_MTU;
    *ret = less ? link.mtu : NETWORK_MTU;
    return true;
}

static bool plan_make(const struct network_uplink *u, struct planned *w, struct failure *f)
{
    const struct policy *p = u->policy;
    *w = (struct planned){0};
    w->plan = (struct uplink_plan){
        .network = p->name,
        .interface = p->uplink.interface,
        .nat = p->uplink.nat,
        .outer4 = network_maybe_address(uplink_outer_address(p, 4), &w->outer4),
        .outer6 = network_maybe_address(uplink_outer_address(p, 6), &w->outer6),
        .hub_ns_fd = u->hub,
        .hub_link = HUB_LINK,
        .hub_index = u->link,
        .holds = u->holds,
        .argument = u->argument,
    };
    network_link_macs(u->link, w->plan.host_mac, w->plan.hub_mac);
    return interface_mtu(p->uplink.interface, &w->plan.mtu, f) && take_ports(p, u->also, w, f) && take_attached(p, w, f) &&
           (p->uplink.nat || take_segments(p, w, f));
}

/* Does with the host what the policy wants of it; nothing where it wants nothing. */
static bool carry_out(const struct network_uplink *u, bool (*act)(const struct uplink_plan *, struct failure *), struct failure *f)
{
    struct planned w;
    if (!u->policy->uplink.interface)
        return true;
    bool ok = plan_make(u, &w, f) && act(&w.plan, f);
    planned_free(&w);
    return ok;
}

bool network_uplink_preflight(const struct policy *p, struct failure *f)
{
    return carry_out(&(struct network_uplink){.policy = p, .hub = -1}, uplink_preflight, f);
}

bool network_uplink_update(const struct network_uplink *u, struct failure *f)
{
    return carry_out(u, uplink_update, f);
}

bool network_uplink_entry(const struct policy *p, uint32_t link, struct link_entry *ret, struct failure *f)
{
    *ret = network_entry_of(LINK_UPLINK, link, uplink_outer_address(p, 4), uplink_outer_address(p, 6));
    return interface_mtu(p->uplink.interface, &ret->mtu, f);
}

bool network_uplink_create(const struct network_uplink *u, struct datapath *d, struct failure *f)
{
    struct link_entry entry;
    if (!u->policy->uplink.interface)
        return true;
    return network_uplink_entry(u->policy, u->link, &entry, f) && datapath_set_link(d, u->link, &entry, f) && carry_out(u, uplink_create, f);
}

bool network_uplink_check(const struct network_uplink *u, bool repair, unsigned *ret_differ, struct failure *f)
{
    struct planned w;
    *ret_differ = 0;
    if (!u->policy->uplink.interface)
        return true;
    bool ok = plan_make(u, &w, f) && uplink_check(&w.plan, repair, ret_differ, f);
    planned_free(&w);
    return ok;
}

static bool same_outer(const struct policy *a, const struct policy *b, uint8_t family)
{
    const struct address *x = uplink_outer_address(a, family), *y = uplink_outer_address(b, family);
    return x && y ? address_equal(x, y) : x == y;
}

bool network_uplink_may_become(const struct policy *old, const struct policy *p, struct failure *f)
{
    const char *what = !texts_equal(old->uplink.interface, p->uplink.interface) ? "interface"
        : p->uplink.interface && old->uplink.nat != p->uplink.nat              ? "nat"
        : !same_outer(old, p, 4) || !same_outer(old, p, 6)                      ? "address (the first of the hub's cidr)"
                                                                                : NULL;
    if (!what) /* segments may be new, which without nat lead to the hub */
        return carry_out(&(struct network_uplink){.policy = p, .hub = -1}, uplink_overlap_check, f);
    return fail(f, "the uplink changes its %s, which apply does not do on a running network: `bulkhead down %s` and `up` again", what, p->name);
}
