/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An interface that comes back is closed, has the host's default settings, and nothing else. While it gets its
 * settings and addresses the kernel must not make addresses of its own nor try the old ones for duplicates (that takes
 * seconds): addr_gen_mode and accept_dad get their values last, and so does what it overwrites when a link comes up. All of it may be done again, to an interface that has
 * some of it or all.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "enforce/attached_parts.h"
#include "enforce/netlink.h"
#include "enforce/scope.h"

#define ADDR_GEN_MODE "ipv6/conf/addr_gen_mode"
#define ACCEPT_DAD "ipv6/conf/accept_dad"
#define OWN_MTU "ipv6/conf/mtu"
#define STABLE_SECRET "ipv6/conf/stable_secret" /* setting it sets addr_gen_mode too */
#define SETTLE_STEP_US 10000
#define SETTLE_STEPS 300

struct restore {
    const struct attached_record *r;
    int socket;
    uint32_t index;
    unsigned lost;
    char first[384]; /* what was lost first, and why */
};

/* Tells why by `why`, if not null; `what` is cut where it is too long. */
static void lose(struct restore *restore, const char *what, const struct failure *why)
{
    if (restore->lost++ == 0)
        snprintf(restore->first, sizeof restore->first, "%.180s%s%.180s", what, why ? ": " : "", why ? why->text : "");
}

/* ---- the link itself ---- */

static void link_tell(struct restore *restore, struct nlmsghdr *request, const char *what)
{
    struct failure why;
    if (netlink_tell(restore->socket, request, &why))
        lose(restore, what, &why);
}

static struct nlmsghdr *link_request(struct restore *restore, char *buffer, unsigned flags)
{
    struct nlmsghdr *request = netlink_question(buffer, RTM_NEWLINK, false);
    struct ifinfomsg *header = mnl_nlmsg_put_extra_header(request, sizeof *header);
    header->ifi_index = (int)restore->index;
    header->ifi_flags = header->ifi_change = flags;
    return request;
}

static void mtu_and_group(struct restore *restore)
{
    _Alignas(8) char buffer[128];
    struct link_state link;
    struct nlmsghdr *request = link_request(restore, buffer, 0);
    if (link_get_by_index(restore->socket, restore->index, &link, NULL) && link.mtu == restore->r->mtu && link.group == restore->r->group)
        return;
    mnl_attr_put_u32(request, IFLA_MTU, restore->r->mtu);
    mnl_attr_put_u32(request, IFLA_GROUP, restore->r->group);
    link_tell(restore, request, "its MTU and group");
}

/* By rtnetlink: a write to /proc makes an address at once. */
static void addr_gen_mode(struct restore *restore, uint8_t mode)
{
    _Alignas(8) char buffer[128];
    struct nlmsghdr *request = link_request(restore, buffer, 0);
    struct nlattr *families = mnl_attr_nest_start(request, IFLA_AF_SPEC);
    struct nlattr *family = mnl_attr_nest_start(request, AF_INET6);
    mnl_attr_put_u8(request, IFLA_INET6_ADDR_GEN_MODE, mode);
    mnl_attr_nest_end(request, family);
    mnl_attr_nest_end(request, families);
    link_tell(restore, request, "its addr_gen_mode");
}

static void up(struct restore *restore)
{
    _Alignas(8) char buffer[128];
    if (restore->r->up)
        link_tell(restore, link_request(restore, buffer, IFF_UP), "its being up");
}

/* ---- settings ---- */

static void setting(struct restore *restore, const char *name, const char *value)
{
    struct failure why;
    if (!attached_setting_write(restore->r->interface, name, value, &why))
        lose(restore, "a setting", &why);
}

static void settings_before(struct restore *restore)
{
    const struct attached_record *r = restore->r;
    const char *value;
    if (attached_setting(r, STABLE_SECRET, &value))
        setting(restore, STABLE_SECRET, value);
    if (attached_setting(r, ADDR_GEN_MODE, &value))
        addr_gen_mode(restore, IN6_ADDR_GEN_MODE_NONE);
    if (attached_setting(r, ACCEPT_DAD, &value))
        setting(restore, ACCEPT_DAD, "0");
    for (size_t i = 0; i < r->setting_count; i++) {
        const char *name = r->settings[i].name;
        if (strcmp(name, STABLE_SECRET) != 0 && strcmp(name, ADDR_GEN_MODE) != 0 && strcmp(name, ACCEPT_DAD) != 0)
            setting(restore, name, r->settings[i].value);
    }
}

static void settings_after(struct restore *restore)
{
    const char *value;
    if (attached_setting(restore->r, ACCEPT_DAD, &value))
        setting(restore, ACCEPT_DAD, value);
    if (attached_setting(restore->r, OWN_MTU, &value))
        setting(restore, OWN_MTU, value);
    if (attached_setting(restore->r, ADDR_GEN_MODE, &value))
        addr_gen_mode(restore, (uint8_t)strtoul(value, NULL, 10));
}

/* ---- addresses, neighbours, routes ---- */

/* The interface may have another number than it had. */
static void renumber(const struct restore *restore, uint32_t *index)
{
    if (*index == restore->r->index)
        *index = restore->index;
}

/* Of what the kernel told of a route it takes back one flag only. */
static void route_adapt(const struct restore *restore, struct nlmsghdr *message)
{
    struct rtmsg *header = mnl_nlmsg_get_payload(message);
    header->rtm_flags &= RTNH_F_ONLINK;
    const struct nlattr *interface = attached_attribute(message, sizeof *header, RTA_OIF, sizeof(uint32_t));
    const struct nlattr *multipath = attached_attribute(message, sizeof *header, RTA_MULTIPATH, 0);
    if (interface)
        renumber(restore, mnl_attr_get_payload(interface));
    for (struct rtnexthop *hop = NULL; multipath && (hop = attached_next_hop(multipath, hop));) {
        hop->rtnh_flags &= RTNH_F_ONLINK;
        if ((uint32_t)hop->rtnh_ifindex == restore->r->index)
            hop->rtnh_ifindex = (int)restore->index;
    }
}

/*
 * A route beside others of its prefix and metric stays beside them, whoever made them in the meantime. Only of an IPv6
 * route with several next hops the kernel has kept those of other interfaces, and the whole takes the place of that.
 */
static uint16_t flags_for(const struct nlmsghdr *message)
{
    const struct rtmsg *header = mnl_nlmsg_get_payload(message);
    if (message->nlmsg_type != RTM_NEWROUTE)
        return NLM_F_CREATE | NLM_F_REPLACE;
    bool whole = header->rtm_family == AF_INET6 && attached_attribute(message, sizeof *header, RTA_MULTIPATH, 0);
    return whole ? NLM_F_CREATE | NLM_F_REPLACE : NLM_F_CREATE | NLM_F_APPEND;
}

/* What is there already, because the kernel has made it, is no failure. */
static bool item_tell(const struct restore *restore, const struct attached_item *item, struct failure *why)
{
    _Alignas(8) char buffer[ATTACHED_MESSAGE_BYTES];
    struct nlmsghdr *message = attached_item_message(item, buffer);
    void *header = mnl_nlmsg_get_payload(message);
    message->nlmsg_flags = flags_for(message);
    if (item->type == RTM_NEWADDR)
        ((struct ifaddrmsg *)header)->ifa_index = restore->index;
    else if (item->type == RTM_NEWNEIGH)
        ((struct ndmsg *)header)->ndm_ifindex = (int)restore->index;
    else
        route_adapt(restore, message);
    int error = netlink_tell(restore->socket, message, why);
    return error == 0 || error == EEXIST;
}

/* "the route 10.1.0.0/16 by 10.0.0.9" */
static void item_name(const struct attached_item *item, char out[192])
{
    _Alignas(8) char buffer[ATTACHED_MESSAGE_BYTES];
    struct nlmsghdr *message = attached_item_message(item, buffer);
    const uint8_t *header = mnl_nlmsg_get_payload(message);
    char to[INET6_ADDRSTRLEN] = "0", by[INET6_ADDRSTRLEN] = "";
    size_t octets = header[0] == AF_INET ? 4 : 16;
    bool route = item->type == RTM_NEWROUTE, address = item->type == RTM_NEWADDR;
    const struct nlattr *attribute = address ? attached_attribute(message, sizeof(struct ifaddrmsg), IFA_LOCAL, octets)
                                             : attached_attribute(message, sizeof(struct rtmsg), RTA_GATEWAY, octets);
    if (address && !attribute)
        attribute = attached_attribute(message, sizeof(struct ifaddrmsg), IFA_ADDRESS, octets);
    else if (route && attribute)
        (void)inet_ntop(header[0], mnl_attr_get_payload(attribute), by, sizeof by);
    if (route) /* RTA_DST and NDA_DST are both 1, and both headers have 12 octets */
        attribute = attached_attribute(message, sizeof(struct rtmsg), RTA_DST, octets);
    else if (!address)
        attribute = attached_attribute(message, sizeof(struct ndmsg), NDA_DST, octets);
    if (attribute)
        (void)inet_ntop(header[0], mnl_attr_get_payload(attribute), to, sizeof to);
    if (item->type == RTM_NEWNEIGH)
        snprintf(out, 192, "the neighbour %s", to);
    else /* the second octet of both headers is the prefix's length */
        snprintf(out, 192, "the %s %s/%u%s%s", route ? "route" : "address", to, header[1], by[0] ? " by " : "", by);
}

static void item_restore(struct restore *restore, const struct attached_item *item)
{
    struct failure why;
    char name[192];
    if (item_tell(restore, item, &why))
        return;
    item_name(item, name);
    lose(restore, name, &why);
}

enum address_kind { ADDRESS_SETTLED, ADDRESS_UNSETTLED, ADDRESS_TEMPORARY };

static enum address_kind address_kind(const struct attached_item *item, uint8_t *ret_family)
{
    _Alignas(8) char buffer[ATTACHED_MESSAGE_BYTES];
    const struct nlmsghdr *message = attached_item_message(item, buffer);
    const struct ifaddrmsg *header = mnl_nlmsg_get_payload(message);
    const struct nlattr *attribute = attached_attribute(message, sizeof *header, IFA_FLAGS, sizeof(uint32_t));
    uint32_t flags = attribute ? mnl_attr_get_u32(attribute) : header->ifa_flags;
    *ret_family = header->ifa_family;
    if (header->ifa_family == AF_INET6 && (flags & IFA_F_TEMPORARY))
        return ADDRESS_TEMPORARY; /* the kernel makes a new one beside the address that it belongs to */
    return header->ifa_family == AF_INET6 && (flags & (IFA_F_TENTATIVE | IFA_F_DADFAILED)) ? ADDRESS_UNSETTLED : ADDRESS_SETTLED;
}

/* The kernel puts a new IPv4 address behind the others, a new IPv6 address before them. */
static void addresses(struct restore *restore, enum address_kind kind)
{
    const struct attached_record *r = restore->r;
    uint8_t family;
    for (size_t i = 0; i < r->item_count; i++)
        if (r->items[i].type == RTM_NEWADDR && address_kind(&r->items[i], &family) == kind && family == AF_INET)
            item_restore(restore, &r->items[i]);
    for (size_t i = r->item_count; i-- > 0;)
        if (r->items[i].type == RTM_NEWADDR && address_kind(&r->items[i], &family) == kind && family == AF_INET6)
            item_restore(restore, &r->items[i]);
}

static bool is_settled(const struct restore *restore)
{
    struct link_state link;
    bool runs = link_get_by_index(restore->socket, restore->index, &link, NULL) && link.running;
    return (runs || !restore->r->running) && !attached_is_tentative(restore->socket, restore->index);
}

/* The kernel notices a carrier in its own time, and then does what addr_gen_mode says and overwrites the IPv6 MTU. In
 * its own time too it makes addresses such as may be preferred sources. */
static void settle(const struct restore *restore)
{
    for (int i = 0; restore->r->up && i < SETTLE_STEPS && !is_settled(restore); i++)
        usleep(SETTLE_STEP_US);
}

static bool is_on_link(const struct attached_item *item)
{
    _Alignas(8) char buffer[ATTACHED_MESSAGE_BYTES];
    const struct nlmsghdr *message = attached_item_message(item, buffer);
    return !attached_attribute(message, sizeof(struct rtmsg), RTA_GATEWAY, 0) && !attached_attribute(message, sizeof(struct rtmsg), RTA_VIA, 0) &&
           !attached_attribute(message, sizeof(struct rtmsg), RTA_MULTIPATH, 0);
}

/* One that leads by a gateway needs the one that leads to it. */
static void routes(struct restore *restore)
{
    const struct attached_record *r = restore->r;
    struct failure why;
    size_t left = 0, before;
    SCOPED_MEMORY bool *waits = calloc(r->item_count + 1, sizeof *waits);
    if (!waits) {
        lose(restore, "its routes: out of memory", NULL);
        return;
    }
    for (size_t i = 0; i < r->item_count; i++)
        if (r->items[i].type == RTM_NEWROUTE && !(is_on_link(&r->items[i]) && item_tell(restore, &r->items[i], &why))) {
            waits[i] = true;
            left++;
        }
    do {
        before = left;
        for (size_t i = 0; i < r->item_count; i++)
            if (waits[i] && item_tell(restore, &r->items[i], &why)) {
                waits[i] = false;
                left--;
            }
    } while (left && left < before);
    for (size_t i = 0; i < r->item_count; i++)
        if (waits[i])
            item_restore(restore, &r->items[i]);
}

static void neighbours(struct restore *restore)
{
    for (size_t i = 0; i < restore->r->item_count; i++)
        if (restore->r->items[i].type == RTM_NEWNEIGH)
            item_restore(restore, &restore->r->items[i]);
}

bool attached_restore(const struct attached_record *r, int socket, uint32_t index, struct failure *f)
{
    struct restore restore = {.r = r, .socket = socket, .index = index};
    if (index != r->index) {
        char what[96];
        snprintf(what, sizeof what, "its number, %u: it has %u now", r->index, index);
        lose(&restore, what, NULL);
    }
    mtu_and_group(&restore);
    settings_before(&restore);
    up(&restore);
    addresses(&restore, ADDRESS_SETTLED);
    settle(&restore);
    neighbours(&restore);
    routes(&restore);
    settings_after(&restore);
    addresses(&restore, ADDRESS_UNSETTLED);
    return restore.lost == 0 ||
           fail(f, "%s is back, but could not be made all that it was; %u lost, the first is %s", r->interface, restore.lost, restore.first);
}
