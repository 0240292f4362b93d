/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "enforce/attached_parts.h"
#include "enforce/netns.h"
#include "enforce/state.h"
#include "enforce/uplink_parts.h"

#define IPV6_LEAST_MTU 1280 /* RFC 8200, section 5 */

/* ---- other networks ---- */

struct claims {
    const struct attached_plan *plan;
    uint64_t netns;
    const char *network; /* whose records are read */
    struct failure *f;
};

/* A record that cannot be read is its own network's trouble. */
static bool attaches_it_not(const char *workload, void *argument)
{
    const struct claims *c = argument;
    struct attached_record r;
    bool found;
    if (strcmp(c->network, c->plan->network) == 0 && strcmp(workload, c->plan->workload) == 0)
        return true;
    if (!attached_record_load(c->network, workload, &r, &found, NULL))
        return true;
    bool same = found && r.netns == c->netns && strcmp(r.interface, c->plan->interface) == 0;
    attached_record_free(&r);
    return !same || fail(c->f, "the interface %s is attached to the network %s already, as its workload %s; attach another one, or first: bulkhead down %s",
                        c->plan->interface, c->network, workload, c->network);
}

static bool has_it_not(const char *network, void *argument)
{
    struct claims *c = argument;
    struct uplink_record r;
    bool found;
    c->network = network;
    if (!attached_record_each(network, attaches_it_not, c))
        return false;
    if (strcmp(network, c->plan->network) == 0 || !uplink_record_load(network, &r, &found, NULL))
        return true;
    bool same = found && r.netns == c->netns && (strcmp(r.interface, c->plan->interface) == 0 || strcmp(r.link, c->plan->interface) == 0);
    uplink_record_free(&r);
    return !same || fail(c->f, "the interface %s is the uplink of the network %s; attach another one, or first: bulkhead down %s",
                        c->plan->interface, network, network);
}

static bool nobody_has_it(const struct attached_plan *plan, struct failure *f)
{
    struct claims claims = {.plan = plan, .f = f};
    return netns_inode(&claims.netns, f) && state_each(has_it_not, &claims);
}

/* ---- the interface ---- */

static bool link_is_fit(const struct attached_plan *plan, const struct link_state *link, struct failure *f)
{
    if (strcmp(link->name, plan->interface) != 0)
        return fail(f, "%s is another name of the interface %s; use that one", plan->interface, link->name);
    if (link->loopback)
        return fail(f, "%s is the loopback, by which the host speaks to itself; attach another interface", plan->interface);
    if (!link->ethernet)
        return fail(f, "%s has no MAC address (it is a tunnel or the like), and only Ethernet can be attached; attach another interface", plan->interface);
    if (link->master)
        return fail(f, "%s is a part of a bridge or bond, which would lose it; take it out first: ip link set %s nomaster", plan->interface, plan->interface);
    if (plan->hub6 && link->mtu < IPV6_LEAST_MTU)
        return fail(f, "%s has an MTU of %u, too small for IPv6; raise it (ip link set %s mtu %d) or give the workload IPv4 only", plan->interface,
            link->mtu, plan->interface, IPV6_LEAST_MTU);
    return true;
}

static bool nothing_stands_on_it(const struct attached_plan *plan, int socket, uint32_t index, struct failure *f)
{
    char upper[IFNAMSIZ];
    if (!attached_stacked(socket, index, upper, f))
        return false;
    return !upper[0] || fail(f, "the interface %s stands upon %s and would be a way around its perimeter; remove it first: ip link delete %s", upper,
                            plan->interface, upper);
}

bool attached_preflight(const struct attached_plan *plan, struct failure *f)
{
    struct link_state link;
    if (!link_name_is_sound(plan->interface))
        return fail(f, "'%s' cannot be an interface: 1 to %d of a-z A-Z 0-9 - _ . @ +", plan->interface, IFNAMSIZ - 1);
    if (!nobody_has_it(plan, f))
        return false;
    if (!if_nametoindex(plan->interface))
        return fail(f, "the interface %s is not there; `ip link` lists those that are", plan->interface);
    struct attached_host host;
    bool ok = attached_host_open(&host, f) && link_get(host.socket, plan->interface, &link, f) && link_is_fit(plan, &link, f) &&
              nothing_stands_on_it(plan, host.socket, link.index, f) && attached_routes_check(host.socket, plan->interface, link.index, f);
    attached_host_close(&host);
    return ok;
}
