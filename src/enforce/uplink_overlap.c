/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the host would reach no more when a prefix leads to the hub: its own networks, gateways and routes. More narrow
 * routes take from wider ones, so what only lies in a route by a gateway, the default route above all, is no trouble.
 */
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/address.h"
#include "enforce/netlink.h"
#include "enforce/scope.h"
#include "enforce/uplink_parts.h"

/* A shorter prefix on a link stands for all that is outside, as 0.0.0.0/1 and 2000::/3 on tunnels do. */
#define NETWORK_BITS 8

struct wanted {
    struct prefix prefix; /* is to lead to the hub */
    bool outer;
};

struct overlap {
    const struct uplink_plan *plan;
    uint32_t own; /* the host's end of the pair; 0: it is not there */
    struct wanted *wanted;
    size_t count;
    struct failure *f;
    bool refused;
};

static uint8_t family_of(uint8_t family)
{
    return family == AF_INET ? 4 : family == AF_INET6 ? 6 : 0;
}

/* Of octets that the kernel tells. False: they are not an address. */
static bool prefix_make(uint8_t family, const void *octets, size_t length, uint8_t bits, struct prefix *ret)
{
    *ret = (struct prefix){.address.family = family_of(family), .length = bits};
    if (!ret->address.family || length != address_octets(&ret->address) || bits > address_bits(&ret->address))
        return false;
    memcpy(ret->address.octets, octets, length);
    return true;
}

static bool address_make(uint8_t family, const struct nlattr *attribute, struct prefix *ret)
{
    uint8_t bits = family == AF_INET ? 32 : 128;
    return prefix_make(family, mnl_attr_get_payload(attribute), mnl_attr_get_payload_len(attribute), bits, ret);
}

/* The network's own link, and what goes into the hub. */
static bool is_ours(const struct overlap *o, uint32_t index)
{
    char name[IFNAMSIZ];
    if (index && index == o->own)
        return true;
    if (!index || !if_indextoname(index, name))
        return false;
    for (size_t i = 0; i < o->plan->attached_count; i++)
        if (strcmp(o->plan->attached[i], name) == 0)
            return true;
    return false;
}

static bool refuse(struct overlap *o, const struct wanted *w, const char *what)
{
    char text[ADDRESS_TEXT_MAX];
    o->refused = true;
    if (w->outer)
        return fail(o->f, "%s, the hub's first address, which is to lead to the network, overlaps %s: the host would reach that no more; give the hub another cidr",
            address_print(&w->prefix.address, text), what);
    return fail(o->f, "%s, which is to lead to the network because of `nat: none`, overlaps %s: the host would reach that no more; give the segment another cidr",
        prefix_print(&w->prefix, text), what);
}

/* `link` 0: it is nowhere, as a gateway's address. False: refused. */
static bool network_is_free(struct overlap *o, const struct prefix *p, uint32_t link)
{
    for (size_t i = 0; i < o->count; i++) {
        char name[IFNAMSIZ] = "?", text[ADDRESS_TEXT_MAX], what[ADDRESS_TEXT_MAX + IFNAMSIZ + 64];
        if (!prefix_overlaps(&o->wanted[i].prefix, p) || is_ours(o, link))
            continue;
        (void)if_indextoname(link, name);
        snprintf(what, sizeof what, "%s of the host's interface %s", prefix_print(p, text), name);
        return refuse(o, &o->wanted[i], what);
    }
    return true;
}

/* ---- addresses of the host ---- */

/* Of a point-to-point link IFA_ADDRESS is the other side's, with the prefix; IFA_LOCAL is its own. */
static bool address_take(const struct nlmsghdr *answer, void *argument)
{
    struct overlap *o = argument;
    const struct ifaddrmsg *header = mnl_nlmsg_get_payload(answer);
    const struct nlattr *attribute;
    struct prefix network, own;
    bool has_network = false, has_own = false;
    if (answer->nlmsg_type != RTM_NEWADDR)
        return true;
    netlink_attr_for_each(attribute, answer, sizeof *header) {
        if (mnl_attr_get_type(attribute) == IFA_ADDRESS)
            has_network = prefix_make(header->ifa_family, mnl_attr_get_payload(attribute), mnl_attr_get_payload_len(attribute), header->ifa_prefixlen, &network);
        if (mnl_attr_get_type(attribute) == IFA_LOCAL)
            has_own = address_make(header->ifa_family, attribute, &own);
    }
    return (!has_network || network_is_free(o, &network, header->ifa_index)) && (!has_own || network_is_free(o, &own, header->ifa_index));
}

/* ---- its routes ---- */

static bool gateway_is_free(struct overlap *o, const struct prefix *gateway, uint32_t link)
{
    for (size_t i = 0; i < o->count; i++) {
        char text[ADDRESS_TEXT_MAX], what[ADDRESS_TEXT_MAX + 64];
        if (!prefix_covers(&o->wanted[i].prefix, gateway) || is_ours(o, link))
            continue;
        snprintf(what, sizeof what, "%s, a gateway of the host's routes", address_print(&gateway->address, text));
        return refuse(o, &o->wanted[i], what);
    }
    return true;
}

/* RTA_GATEWAY, or RTA_VIA: a number of a family, then an address of that. *ret_any: there is one. */
static bool gateway_take(struct overlap *o, const struct nlattr *attribute, uint8_t family, uint32_t link, bool *ret_any)
{
    struct prefix gateway;
    uint16_t of;
    size_t length = mnl_attr_get_payload_len(attribute);
    const uint8_t *payload = mnl_attr_get_payload(attribute);
    bool is = false;
    if (mnl_attr_get_type(attribute) == RTA_GATEWAY)
        is = address_make(family, attribute, &gateway);
    if (mnl_attr_get_type(attribute) == RTA_VIA && length > sizeof of) {
        memcpy(&of, payload, sizeof of);
        is = of <= UINT8_MAX && prefix_make((uint8_t)of, payload + sizeof of, length - sizeof of, of == AF_INET ? 32 : 128, &gateway);
    }
    *ret_any |= is;
    return !is || gateway_is_free(o, &gateway, link);
}

static bool hops_take(struct overlap *o, const struct nlattr *hops, uint8_t family)
{
    const uint8_t *at = mnl_attr_get_payload(hops);
    size_t left = mnl_attr_get_payload_len(hops);
    struct rtnexthop hop;
    while (left >= sizeof hop) {
        memcpy(&hop, at, sizeof hop);
        if (hop.rtnh_len < sizeof hop || hop.rtnh_len > left)
            return true;
        const struct nlattr *attribute = (const struct nlattr *)(const void *)(at + sizeof hop);
        bool any = false;
        for (size_t inner = hop.rtnh_len - sizeof hop; mnl_attr_ok(attribute, (int)inner);) {
            if (!gateway_take(o, attribute, family, (uint32_t)hop.rtnh_ifindex, &any))
                return false;
            size_t whole = MNL_ALIGN(attribute->nla_len);
            inner -= whole < inner ? whole : inner;
            attribute = mnl_attr_next(attribute);
        }
        size_t whole = RTNH_ALIGN(hop.rtnh_len);
        left -= whole < left ? whole : left;
        at += whole;
    }
    return true;
}

/* One to just the same prefix would be replaced, and `down` does not know it. */
static bool route_is_free(struct overlap *o, const struct prefix *to, uint32_t link)
{
    for (size_t i = 0; i < o->count; i++) {
        char text[ADDRESS_TEXT_MAX], what[ADDRESS_TEXT_MAX + 64];
        if (o->wanted[i].prefix.length != to->length || !prefix_covers(&o->wanted[i].prefix, to) || is_ours(o, link))
            continue;
        snprintf(what, sizeof what, "the host's own route to %s", prefix_print(to, text));
        return refuse(o, &o->wanted[i], what);
    }
    return true;
}

static bool route_take(const struct nlmsghdr *answer, void *argument)
{
    struct overlap *o = argument;
    const struct rtmsg *header = mnl_nlmsg_get_payload(answer);
    const struct nlattr *attribute, *to = NULL;
    struct prefix prefix;
    uint32_t link = 0, table = header->rtm_table;
    bool by_gateway = false;
    if (answer->nlmsg_type != RTM_NEWROUTE || (header->rtm_flags & RTM_F_CLONED))
        return true;
    netlink_attr_for_each(attribute, answer, sizeof *header) {
        uint16_t type = mnl_attr_get_type(attribute);
        if (type == RTA_DST)
            to = attribute;
        if (type == RTA_OIF && mnl_attr_get_payload_len(attribute) == 4)
            link = mnl_attr_get_u32(attribute);
        if (type == RTA_TABLE && mnl_attr_get_payload_len(attribute) == 4)
            table = mnl_attr_get_u32(attribute);
    }
    netlink_attr_for_each(attribute, answer, sizeof *header) {
        if (mnl_attr_get_type(attribute) == RTA_MULTIPATH && !hops_take(o, attribute, header->rtm_family))
            return false;
        by_gateway |= mnl_attr_get_type(attribute) == RTA_MULTIPATH;
        if (!gateway_take(o, attribute, header->rtm_family, link, &by_gateway))
            return false;
    }
    if (!to || table != RT_TABLE_MAIN ||
        !prefix_make(header->rtm_family, mnl_attr_get_payload(to), mnl_attr_get_payload_len(to), header->rtm_dst_len, &prefix))
        return true;
    bool on_link = header->rtm_type == RTN_UNICAST && !by_gateway && link && header->rtm_dst_len >= NETWORK_BITS;
    return (!on_link || network_is_free(o, &prefix, link)) && route_is_free(o, &prefix, link);
}

/* ---- what is wanted ---- */

/* What leads there already was asked about then. */
static void want(struct overlap *o, int socket, const struct link_address *a, uint8_t length, bool outer)
{
    struct wanted *new = &o->wanted[o->count];
    if (o->own && uplink_route_is_there(socket, o->own, a, length, NULL))
        return;
    *new = (struct wanted){{.address.family = (uint8_t)a->family, .length = length}, outer};
    memcpy(new->prefix.address.octets, a->octets, address_octets(&new->prefix.address));
    o->count++;
}

static bool want_all(struct overlap *o, int socket)
{
    const struct uplink_plan *plan = o->plan;
    o->wanted = calloc(2 + plan->segment_count, sizeof *o->wanted);
    if (!o->wanted)
        return fail(o->f, "out of memory");
    if (plan->outer4)
        want(o, socket, plan->outer4, 32, true);
    if (plan->outer6)
        want(o, socket, plan->outer6, 128, true);
    for (size_t i = 0; !plan->nat && i < plan->segment_count; i++)
        if (plan->segments[i].address.family == 4 ? plan->outer4 != NULL : plan->outer6 != NULL)
            want(o, socket, &plan->segments[i].address, plan->segments[i].length, false);
    return true;
}

/* All of both families. */
static bool addresses_ask(struct overlap *o, int socket)
{
    _Alignas(8) char buffer[256];
    struct nlmsghdr *question = netlink_question(buffer, RTM_GETADDR, true);
    (void)mnl_nlmsg_put_extra_header(question, sizeof(struct ifaddrmsg));
    return netlink_ask(socket, question, address_take, o, NULL, o->f) && !o->refused;
}

static bool routes_ask(struct overlap *o, int socket)
{
    _Alignas(8) char buffer[256];
    struct nlmsghdr *question = netlink_question(buffer, RTM_GETROUTE, true);
    (void)mnl_nlmsg_put_extra_header(question, sizeof(struct rtmsg));
    return netlink_ask(socket, question, route_take, o, NULL, o->f) && !o->refused;
}

bool uplink_overlap_check(const struct uplink_plan *plan, struct failure *f)
{
    char link[UPLINK_NAME_MAX];
    SCOPED_FD socket = -1;
    uplink_host_link(plan->network, link);
    struct overlap o = {.plan = plan, .own = if_nametoindex(link), .f = f};
    bool ok = netlink_open_own(&socket, f) && want_all(&o, socket) && (!o.count || (addresses_ask(&o, socket) && routes_ask(&o, socket)));
    free(o.wanted);
    return ok;
}
