/* SPDX-License-Identifier: Apache-2.0 */
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "enforce/netlink.h"
#include "enforce/netns.h"
#include "enforce/scope.h"
#include "enforce/state.h"
#include "enforce/uplink_parts.h"

/* The name becomes part of commands and paths. */
static bool interface_is_sound(const struct uplink_plan *plan, struct failure *f)
{
    if (!link_name_is_sound(plan->interface))
        return fail(f, "'%s' cannot be an uplink's interface: 1 to %d of a-z A-Z 0-9 - _ . @ +", plan->interface, IFNAMSIZ - 1);
    if (!if_nametoindex(plan->interface))
        return fail(f, "the uplink's interface %s is not there; `ip link` lists those that are", plan->interface);
    return true;
}

static bool interface_leads_out(const struct uplink_plan *plan, int socket, struct failure *f)
{
    struct link_state link;
    if (!link_get(socket, plan->interface, &link, f))
        return false;
    return !link.loopback || fail(f, "%s leads nowhere but to the host itself: an uplink needs an interface that leads out", plan->interface);
}

/* A link of the name that the record does not know is somebody else's. */
static bool link_is_free(const struct uplink_plan *plan, const char *link, struct failure *f)
{
    struct uplink_record r;
    bool found;
    if (!if_nametoindex(link))
        return true;
    if (!uplink_record_load(plan->network, &r, &found, f))
        return false;
    bool ours = found && strcmp(r.link, link) == 0;
    uplink_record_free(&r);
    return ours || fail(f, "the host has an interface %s already, which this network's uplink needs and did not make; "
                           "remove it (ip link delete %s) or give the network another name", link, link);
}

/* ---- published ports ---- */

struct rivals {
    const struct uplink_plan *plan;
    uint64_t netns;
    struct failure *f;
};

static bool publishes_too(const struct uplink_record *r, const struct uplink_port *p)
{
    for (size_t i = 0; i < r->port_count; i++)
        if (r->ports[i].protocol == p->protocol && r->ports[i].port == p->port)
            return true;
    return false;
}

static bool is_no_rival(const char *network, void *argument)
{
    const struct rivals *rivals = argument;
    const struct uplink_plan *plan = rivals->plan;
    struct uplink_record r;
    bool found, ok = true;
    if (strcmp(network, plan->network) == 0 || !uplink_record_load(network, &r, &found, NULL))
        return true;
    bool same_place = found && r.netns == rivals->netns && strcmp(r.interface, plan->interface) == 0;
    for (size_t i = 0; ok && same_place && i < plan->port_count; i++)
        if (publishes_too(&r, &plan->ports[i]))
            ok = fail(rivals->f, "the network %s publishes %s port %u of %s already; publish another port", network,
                plan->ports[i].protocol == IPPROTO_TCP ? "TCP" : "UDP", plan->ports[i].port, plan->interface);
    uplink_record_free(&r);
    return ok;
}

static bool ports_are_free(const struct uplink_plan *plan, int socket, struct failure *f)
{
    struct rivals rivals = {.plan = plan, .f = f};
    struct link_address host4, host6;
    bool found4, found6;
    uint32_t index = if_nametoindex(plan->interface);
    if (!netns_inode(&rivals.netns, f) || !state_each(is_no_rival, &rivals))
        return false;
    return uplink_address(socket, index, 4, &host4, &found4, f) && uplink_address(socket, index, 6, &host6, &found6, f) &&
           uplink_listeners_check(plan->ports, plan->port_count, plan->outer4 && found4 ? &host4 : NULL,
               plan->outer6 && found6 ? &host6 : NULL, plan->interface, f);
}

/* ---- IPv6 ---- */

/* A host that forwards is a router, and a router takes no advertised routes unless accept_ra is 2 (ip-sysctl.rst). */
static bool advertised_routes_stay(const struct uplink_plan *plan, int socket, struct failure *f)
{
    char interface[IFNAMSIZ];
    if (!plan->outer6)
        return true;
    if (!uplink_advertised_route(socket, interface, f))
        return false;
    return !interface[0] || fail(f, "switching IPv6 forwarding on would take away the default route that %s has by router advertisement; "
                                    "first: sysctl net.ipv6.conf.%s.accept_ra=2", interface, interface);
}

bool uplink_preflight(const struct uplink_plan *plan, struct failure *f)
{
    char link[UPLINK_NAME_MAX];
    uplink_host_link(plan->network, link);
    SCOPED_FD socket = -1;
    return interface_is_sound(plan, f) && netlink_open_own(&socket, f) && interface_leads_out(plan, socket, f) && link_is_free(plan, link, f) &&
           uplink_overlap_check(plan, f) && ports_are_free(plan, socket, f) && advertised_routes_stay(plan, socket, f) && uplink_firewall_check(plan, link, f);
}
