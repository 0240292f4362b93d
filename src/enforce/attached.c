/* SPDX-License-Identifier: Apache-2.0 */
/* The way out is: written down, moved, set up. The way back is one for all cases: found, moved, restored, forgotten. */
#include "enforce/attached.h"

#include <fcntl.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <string.h>

#include "enforce/attached_parts.h"
#include "enforce/netlink.h"
#include "enforce/netns.h"
#include "enforce/scope.h"

bool attached_host_open(struct attached_host *ret, struct failure *f)
{
    *ret = (struct attached_host){-1, -1};
    return netns_open_own(&ret->ns_fd, f) && netlink_open(ret->ns_fd, &ret->socket, f);
}

void attached_host_close(struct attached_host *host)
{
    scope_close(&host->ns_fd);
    scope_close(&host->socket);
}

#define SCOPED_HOST __attribute__((cleanup(attached_host_close))) struct attached_host

/* ---- the moves ---- */

struct move {
    uint32_t index;
    int to_ns_fd; /* -1: where it is */
    const char *name;
    uint32_t new_index; /* 0: the kernel chooses, its own if that is free */
};

/* The name is looked at by the kernel before the move only where the old one is taken; else it renames behind it. */
static bool link_move(int socket, const struct move *m, struct failure *f)
{
    struct netlink_batch batch;
    netlink_batch_reset(&batch);
    struct nlmsghdr *request = netlink_batch_begin(&batch, RTM_NEWLINK, 0, m->to_ns_fd < 0 ? "rename the interface" : "move the interface");
    struct ifinfomsg *header = mnl_nlmsg_put_extra_header(request, sizeof *header);
    header->ifi_index = (int)m->index;
    mnl_attr_put_strz(request, IFLA_IFNAME, m->name);
    if (m->to_ns_fd >= 0)
        mnl_attr_put_u32(request, IFLA_NET_NS_FD, (uint32_t)m->to_ns_fd);
    if (m->to_ns_fd >= 0 && m->new_index)
        mnl_attr_put_u32(request, IFLA_NEW_IFINDEX, m->new_index);
    netlink_batch_end(&batch, request);
    return netlink_batch_send(socket, &batch, m->name, f);
}

bool attached_move_out(const struct attached_plan *plan, uint32_t index, int socket, struct failure *f)
{
    struct move out = {index, plan->hub_ns_fd, plan->hub_link, plan->hub_index};
    return link_move(socket, &out, f);
}

static bool number_is_free(int socket, uint32_t index)
{
    struct link_state other;
    return !link_get_by_index(socket, index, &other, NULL);
}

static bool name_is_free(int socket, const char *name, struct failure *f)
{
    struct link_state other;
    if (!link_get(socket, name, &other, NULL))
        return true;
    return fail(f, "the host has another interface %s now, so that the attached one cannot have its name back; rename or remove it "
                   "(ip link set %s name ...) and try again", name, name);
}

/* Under its own name first: whoever watches the host's interfaces sees it come under no other. */
static bool hub_move_back(const struct attached_record *r, int hub_socket, const struct attached_host *host, uint32_t *ret_index, struct failure *f)
{
    struct move name = {r->hub_index, -1, r->interface, 0}, name_again = {r->hub_index, -1, r->hub_link, 0};
    struct move back = {r->hub_index, host->ns_fd, r->interface, number_is_free(host->socket, r->index) ? r->index : 0};
    struct link_state link;
    if (!name_is_free(host->socket, r->interface, f))
        return false;
    (void)!link_move(hub_socket, &name, NULL); /* not where the hub has a link of that name */
    if (!link_move(hub_socket, &back, f)) {
        (void)!link_move(hub_socket, &name_again, NULL);
        return false;
    }
    if (!link_get(host->socket, r->interface, &link, f))
        return false;
    *ret_index = link.index;
    return true;
}

static bool is_it(const struct attached_record *r, const struct link_state *link)
{
    return link->ethernet && memcmp(link->mac, r->mac, sizeof r->mac) == 0;
}

/* Where the hub is gone the kernel has put a device that is no virtual one into the initial namespace, under the name it
 * had in the hub, or "dev" and its number where that was taken (default_device_exit_net). */
static bool host_find(const struct attached_record *r, int socket, uint32_t *ret_index, struct failure *f)
{
    char fallback[IFNAMSIZ];
    struct link_state link;
    snprintf(fallback, sizeof fallback, "dev%u", r->hub_index);
    if (link_get(socket, r->interface, &link, NULL) && is_it(r, &link)) {
        *ret_index = link.index;
        return true;
    }
    if (!(link_get(socket, r->hub_link, &link, NULL) && is_it(r, &link)) && !(link_get(socket, fallback, &link, NULL) && is_it(r, &link)))
        return true;
    struct move name = {link.index, -1, r->interface, 0};
    if (!name_is_free(socket, r->interface, f) || !link_move(socket, &name, f))
        return false;
    *ret_index = link.index;
    return true;
}

bool attached_move_back(const struct attached_record *r, int hub_ns_fd, const struct attached_host *host, uint32_t *ret_index, struct failure *f)
{
    struct link_state link;
    SCOPED_FD hub = -1;
    *ret_index = 0;
    if (!host_find(r, host->socket, ret_index, f))
        return false;
    if (*ret_index || hub_ns_fd < 0)
        return true;
    if (!netlink_open(hub_ns_fd, &hub, f))
        return false;
    if (!link_get_by_index(hub, r->hub_index, &link, NULL))
        return true;
    /* Better a way back that waits than a veth that is destroyed with the hub. */
    if (!is_it(r, &link))
        return fail(f, "the hub's link %s has another MAC address than %s had, which cannot be told to be it; give it back the address "
                       "%02x:%02x:%02x:%02x:%02x:%02x (ip link set %s address ...) or remove it, and try again", link.name, r->interface, r->mac[0],
            r->mac[1], r->mac[2], r->mac[3], r->mac[4], r->mac[5], link.name);
    return hub_move_back(r, hub, host, ret_index, f);
}

/* ---- the way out ---- */

/* Before it is up. What the program does not answer itself, nobody answers; what IPv6 says of its own is little. */
static bool hub_settings(const struct attached_plan *plan, struct failure *f)
{
    static const struct {
        const char *family, *name, *value;
    } settings[] = {
        {"ipv4", "forwarding", "0"}, {"ipv4", "accept_redirects", "0"}, {"ipv4", "send_redirects", "0"}, {"ipv4", "arp_notify", "0"},
        {"ipv6", "forwarding", "0"}, {"ipv6", "accept_redirects", "0"}, {"ipv6", "accept_ra", "0"}, {"ipv6", "autoconf", "0"},
        {"ipv6", "addr_gen_mode", "1"}, {"ipv6", "accept_dad", "0"}, {"ipv6", "dad_transmits", "0"}, {"ipv6", "router_solicitations", "0"},
        {"ipv6", "ndisc_notify", "0"}, {"ipv6", "disable_ipv6", "1"}, /* the last one is changed below */
    };
    enum { COUNT = sizeof settings / sizeof *settings };
    char names[COUNT][96];
    struct sysctl list[COUNT];
    for (size_t i = 0; i < COUNT; i++) {
        snprintf(names[i], sizeof names[i], "net/%s/conf/%s/%s", settings[i].family, plan->hub_link, settings[i].name);
        list[i] = (struct sysctl){names[i], settings[i].value, settings[i].family[3] == '6' && !plan->hub6};
    }
    if (plan->hub6)
        list[COUNT - 1].value = "0";
    return netns_sysctls(plan->hub_ns_fd, list, COUNT, f);
}

/* RFC 4291, appendix A. */
static struct link_address link_local(const uint8_t mac[6])
{
    return (struct link_address){6, {0xfe, 0x80, 0, 0, 0, 0, 0, 0, mac[0] ^ 2, mac[1], mac[2], 0xff, 0xfe, mac[3], mac[4], mac[5]}};
}

static bool hub_address(const struct attached_plan *plan, int hub, const uint8_t mac[6], struct failure *f)
{
    struct link_address local6 = link_local(mac);
    return (!plan->hub4 || address_add(hub, plan->hub_index, plan->hub4, f)) &&
           (!plan->hub6 || (address_add(hub, plan->hub_index, &local6, f) && address_add(hub, plan->hub_index, plan->hub6, f)));
}

static bool hub_set_up(const struct attached_plan *plan, const uint8_t mac[6], struct failure *f)
{
    SCOPED_FD hub = -1;
    return netlink_open(plan->hub_ns_fd, &hub, f) && hub_settings(plan, f) && link_clsact(hub, plan->hub_index, f) &&
           hub_address(plan, hub, mac, f) && link_up(hub, plan->hub_index, f);
}

bool attached_readdress(const struct attached_plan *plan, struct failure *f)
{
    struct link_state link;
    SCOPED_FD hub = -1;
    return netlink_open(plan->hub_ns_fd, &hub, f) && link_get_by_index(hub, plan->hub_index, &link, f) && hub_address(plan, hub, link.mac, f);
}

static bool hub_has_room(const struct attached_plan *plan, struct failure *f)
{
    struct link_state other;
    SCOPED_FD hub = -1;
    if (!netlink_open(plan->hub_ns_fd, &hub, f))
        return false;
    if (link_get(hub, plan->hub_link, &other, NULL))
        return fail(f, "the hub has a link %s already, left by another run; take the network %s down first", plan->hub_link, plan->network);
    if (link_get_by_index(hub, plan->hub_index, &other, NULL))
        return fail(f, "the hub has a link of the number %u already (%s), left by another run; take the network %s down first", plan->hub_index,
            other.name, plan->network);
    return true;
}

/* After a failure, whose text stays. One that the kernel has not moved has lost nothing. */
static bool take_back(const struct attached_plan *plan, const struct link_state *link, int socket)
{
    struct link_state now;
    if (link_get_by_index(socket, link->index, &now, NULL) && strcmp(now.name, plan->interface) == 0)
        (void)!attached_record_remove(plan->network, plan->workload, NULL);
    else
        (void)!attached_return(plan->network, plan->workload, plan->hub_ns_fd, NULL);
    return false;
}

bool attached_take(const struct attached_plan *plan, uint8_t ret_mac[6], uint32_t *ret_mtu, struct failure *f)
{
    struct link_state link;
    SCOPED_HOST host;
    if (!attached_host_open(&host, f))
        return false;
    /* What an `up` that was killed has left. */
    if (!attached_return(plan->network, plan->workload, plan->hub_ns_fd, f))
        return false;
    if (!hub_has_room(plan, f) || !attached_record_save(plan, host.socket, &link, f))
        return false;
    if (!attached_move_out(plan, link.index, host.socket, f) || !hub_set_up(plan, link.mac, f))
        return take_back(plan, &link, host.socket);
    memcpy(ret_mac, link.mac, sizeof link.mac);
    *ret_mtu = link.mtu;
    return true;
}

/* ---- the way back ---- */

/* *ret_here false: the namespace that it was taken from is gone, and there is nowhere to put it back. */
static bool host_is_here(const struct attached_record *r, const char *network, bool *ret_here, struct failure *f)
{
    uint64_t own;
    if (!netns_inode(&own, f))
        return false;
    *ret_here = own == r->netns;
    if (!*ret_here && netns_lives(r->netns))
        return fail(f, "%s was attached to %s from another network namespace (net:[%llu]) than this one: take the network down from there", r->interface,
            network, (unsigned long long)r->netns);
    return true;
}

static bool put_back(const struct attached_record *r, const char *network, const char *workload, int hub_ns_fd, struct failure *f)
{
    uint32_t index;
    bool here;
    SCOPED_HOST host;
    if (!attached_host_open(&host, f) || !host_is_here(r, network, &here, f))
        return false;
    if (!here)
        return attached_record_remove(network, workload, f);
    if (!attached_move_back(r, hub_ns_fd, &host, &index, f))
        return false;
    bool ok = !index || attached_restore(r, host.socket, index, f);
    return attached_record_remove(network, workload, ok ? f : NULL) && ok;
}

bool attached_return(const char *network, const char *workload, int hub_ns_fd, struct failure *f)
{
    struct attached_record r;
    bool found;
    if (!attached_record_load(network, workload, &r, &found, f))
        return false;
    bool ok = !found || put_back(&r, network, workload, hub_ns_fd, f);
    attached_record_free(&r);
    return ok;
}

struct all {
    const char *network;
    int hub_ns_fd;
    bool ok;
    struct failure *f;
};

static bool return_one(const char *workload, void *argument)
{
    struct all *all = argument;
    all->ok = attached_return(all->network, workload, all->hub_ns_fd, all->ok ? all->f : NULL) && all->ok;
    return true;
}

bool attached_return_all(const char *network, int hub_ns_fd, struct failure *f)
{
    struct all all = {.network = network, .hub_ns_fd = hub_ns_fd, .ok = true, .f = f};
    return attached_record_each(network, return_one, &all) && all.ok;
}
