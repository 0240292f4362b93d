/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/nexthop.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "enforce/attached_parts.h"
#include "enforce/netlink.h"

#define DUMPS_MAX 5 /* of one kind, when what is dumped changes all the time */

const struct nlattr *attached_attribute(const struct nlmsghdr *message, size_t header, uint16_t type, size_t length)
{
    const struct nlattr *attribute;
    netlink_attr_for_each(attribute, message, header)
        if (mnl_attr_get_type(attribute) == type && mnl_attr_get_payload_len(attribute) >= length)
            return attribute;
    return NULL;
}

static uint32_t attribute_u32(const struct nlmsghdr *message, size_t header, uint16_t type, uint32_t otherwise)
{
    const struct nlattr *attribute = attached_attribute(message, header, type, sizeof(uint32_t));
    return attribute ? mnl_attr_get_u32(attribute) : otherwise;
}

struct rtnexthop *attached_next_hop(const struct nlattr *multipath, struct rtnexthop *previous)
{
    char *begin = mnl_attr_get_payload(multipath), *end = begin + mnl_attr_get_payload_len(multipath);
    char *at = previous ? (char *)previous + RTNH_ALIGN(previous->rtnh_len) : begin;
    if (at > end || (size_t)(end - at) < sizeof(struct rtnexthop))
        return NULL;
    struct rtnexthop *hop = (struct rtnexthop *)at;
    return hop->rtnh_len >= sizeof *hop && hop->rtnh_len <= end - at ? hop : NULL;
}

static bool route_is_of(const struct nlmsghdr *message, uint32_t index)
{
    const struct nlattr *multipath = attached_attribute(message, sizeof(struct rtmsg), RTA_MULTIPATH, 0);
    if (attribute_u32(message, sizeof(struct rtmsg), RTA_OIF, 0) == index)
        return true;
    for (struct rtnexthop *hop = NULL; multipath && (hop = attached_next_hop(multipath, hop));)
        if ((uint32_t)hop->rtnh_ifindex == index)
            return true;
    return false;
}

bool attached_is_of(const struct nlmsghdr *message, uint32_t index)
{
    const void *header = mnl_nlmsg_get_payload(message);
    uint8_t family = *(const uint8_t *)header; /* the first field of all three */
    if (family != AF_INET && family != AF_INET6)
        return false;
    if (message->nlmsg_type == RTM_NEWADDR)
        return ((const struct ifaddrmsg *)header)->ifa_index == index;
    if (message->nlmsg_type == RTM_NEWNEIGH)
        return (uint32_t)((const struct ndmsg *)header)->ndm_ifindex == index;
    return message->nlmsg_type == RTM_NEWROUTE && route_is_of(message, index);
}

/* ---- what is to be written down ---- */

struct notes {
    struct text *text;
    uint32_t index;
};

static void note(const struct notes *notes, const char *word, const struct nlmsghdr *answer, const void *more, size_t more_length)
{
    if (mnl_nlmsg_get_payload_len(answer) + more_length > ATTACHED_ITEM_MAX)
        notes->text->failed = true;
    attached_record_line(notes->text, word, mnl_nlmsg_get_payload(answer), mnl_nlmsg_get_payload_len(answer), more, more_length);
}

static bool address_note(const struct nlmsghdr *answer, void *argument)
{
    struct notes *notes = argument;
    if (answer->nlmsg_type == RTM_NEWADDR && attached_is_of(answer, notes->index))
        note(notes, "address", answer, NULL, 0);
    return true;
}

static bool neighbour_note(const struct nlmsghdr *answer, void *argument)
{
    struct notes *notes = argument;
    const struct ndmsg *header = mnl_nlmsg_get_payload(answer);
    if (answer->nlmsg_type == RTM_NEWNEIGH && attached_is_of(answer, notes->index) &&
        ((header->ndm_state & NUD_PERMANENT) || (header->ndm_flags & NTF_PROXY)))
        note(notes, "neighbour", answer, NULL, 0);
    return true;
}

/* The kernel tells what is left of a route's time in RTA_CACHEINFO, and wants to be told in RTA_EXPIRES. */
static bool route_note(const struct nlmsghdr *answer, void *argument)
{
    struct notes *notes = argument;
    const struct rtmsg *header = mnl_nlmsg_get_payload(answer);
    if (answer->nlmsg_type != RTM_NEWROUTE || !attached_is_of(answer, notes->index) || (header->rtm_flags & RTM_F_CLONED) ||
        (attribute_u32(answer, sizeof *header, RTA_TABLE, header->rtm_table) == RT_TABLE_LOCAL && header->rtm_protocol == RTPROT_KERNEL))
        return true;
    const struct nlattr *cache = attached_attribute(answer, sizeof *header, RTA_CACHEINFO, sizeof(struct rta_cacheinfo));
    int32_t ticks = cache ? (int32_t)((const struct rta_cacheinfo *)mnl_attr_get_payload(cache))->rta_expires : 0;
    struct {
        struct nlattr header;
        uint32_t seconds;
    } expires = {{sizeof expires, RTA_EXPIRES}, 0};
    if (header->rtm_family == AF_INET6 && ticks > 0)
        expires.seconds = (uint32_t)(ticks / sysconf(_SC_CLK_TCK)) + 1;
    note(notes, "route", answer, &expires, expires.seconds ? sizeof expires : 0);
    return true;
}

/* Every question begins with the family, of 8 bits; the rest of each header has room. */
static struct nlmsghdr *ask_all(char *buffer, uint16_t type, size_t header, uint8_t family)
{
    struct nlmsghdr *question = netlink_question(buffer, type, true);
    *(uint8_t *)mnl_nlmsg_put_extra_header(question, header) = family;
    return question;
}

/* Again from where it began, until nothing has changed under way. */
static bool note_all(int socket, const struct nlmsghdr *question, netlink_answer_fn each, struct notes *notes, struct failure *f)
{
    size_t begin = notes->text->len;
    for (int i = 0; i < DUMPS_MAX; i++) {
        bool torn;
        notes->text->len = begin;
        if (!netlink_ask(socket, question, each, notes, &torn, f))
            return false;
        if (!torn)
            return true;
    }
    return fail(f, "the host's routes or addresses change all the time; try again");
}

bool attached_note_items(int socket, uint32_t index, struct text *t, struct failure *f)
{
    _Alignas(8) char address[128], neighbour[128], proxy[128], route[2][128];
    struct notes notes = {.text = t, .index = index};
    struct nlmsghdr *proxies = ask_all(proxy, RTM_GETNEIGH, sizeof(struct ndmsg), AF_UNSPEC);
    ((struct ndmsg *)mnl_nlmsg_get_payload(proxies))->ndm_flags = NTF_PROXY;
    return note_all(socket, ask_all(address, RTM_GETADDR, sizeof(struct ifaddrmsg), AF_UNSPEC), address_note, &notes, f) &&
           note_all(socket, ask_all(neighbour, RTM_GETNEIGH, sizeof(struct ndmsg), AF_UNSPEC), neighbour_note, &notes, f) &&
           note_all(socket, proxies, neighbour_note, &notes, f) &&
           note_all(socket, ask_all(route[0], RTM_GETROUTE, sizeof(struct rtmsg), AF_INET), route_note, &notes, f) &&
           note_all(socket, ask_all(route[1], RTM_GETROUTE, sizeof(struct rtmsg), AF_INET6), route_note, &notes, f);
}

/* ---- what cannot be taken ---- */

struct host_address {
    uint32_t index;
    uint8_t family, octets[16];
};

struct route_check {
    const char *interface;
    uint32_t index;
    size_t routes;
    struct host_address *addresses; /* of all interfaces */
    size_t count;
    bool ok;
    struct failure *f;
};

static size_t octets_of(uint8_t family)
{
    return family == AF_INET ? 4 : 16;
}

static bool address_collect(const struct nlmsghdr *answer, void *argument)
{
    struct route_check *c = argument;
    const struct ifaddrmsg *header = mnl_nlmsg_get_payload(answer);
    if (answer->nlmsg_type != RTM_NEWADDR || (header->ifa_family != AF_INET && header->ifa_family != AF_INET6))
        return true;
    size_t octets = octets_of(header->ifa_family);
    const struct nlattr *own = attached_attribute(answer, sizeof *header, IFA_LOCAL, octets);
    if (!own)
        own = attached_attribute(answer, sizeof *header, IFA_ADDRESS, octets);
    if (!own)
        return true;
    if (c->count % 64 == 0) {
        struct host_address *larger = reallocarray(c->addresses, c->count + 64, sizeof *larger);
        if (!larger)
            return c->ok = fail(c->f, "out of memory");
        c->addresses = larger;
    }
    struct host_address *a = &c->addresses[c->count++];
    *a = (struct host_address){.index = header->ifa_index, .family = header->ifa_family};
    memcpy(a->octets, mnl_attr_get_payload(own), octets);
    return true;
}

/* Whether the interface has this address and no other has it too. */
static bool address_goes(const struct route_check *c, uint8_t family, const struct nlattr *address)
{
    bool own = false, others = false;
    for (size_t i = 0; i < c->count; i++) {
        const struct host_address *a = &c->addresses[i];
        if (a->family != family || memcmp(a->octets, mnl_attr_get_payload(address), octets_of(family)) != 0)
            continue;
        own |= a->index == c->index;
        others |= a->index != c->index;
    }
    return own && !others;
}

/* The kernel takes away, or changes, other interfaces' routes whose preferred source goes. */
static bool foreign_route_check(struct route_check *c, const struct nlmsghdr *answer)
{
    const struct rtmsg *header = mnl_nlmsg_get_payload(answer);
    char text[INET6_ADDRSTRLEN];
    const struct nlattr *source = attached_attribute(answer, sizeof *header, RTA_PREFSRC, octets_of(header->rtm_family));
    if (!source || !address_goes(c, header->rtm_family, source))
        return true;
    (void)inet_ntop(header->rtm_family, mnl_attr_get_payload(source), text, sizeof text);
    return fail(c->f, "a route by another interface has the source address %s, which is %s's: it would be lost; change it first "
                      "(ip route show src %s)", text, c->interface, text);
}

static bool own_route_check(struct route_check *c, const struct nlmsghdr *answer)
{
    const struct rtmsg *header = mnl_nlmsg_get_payload(answer);
    const char *family = header->rtm_family == AF_INET ? "IPv4" : "IPv6", *flag = header->rtm_family == AF_INET ? "" : " -6";
    if (header->rtm_dst_len == 0 && attribute_u32(answer, sizeof *header, RTA_TABLE, header->rtm_table) == RT_TABLE_MAIN)
        return fail(c->f, "the host's %s default route goes by %s: whoever works on the host over it would lose it; attach another interface, "
                          "or give the host another default route first (ip%s route replace default ...)", family, c->interface, flag);
    if (attached_attribute(answer, sizeof *header, RTA_NH_ID, sizeof(uint32_t)))
        return fail(c->f, "%s has routes by nexthop objects, which cannot be put back; give them next hops of their own first (ip nexthop, ip%s route)",
            c->interface, flag);
    if (++c->routes > ATTACHED_ROUTES_MAX)
        return fail(c->f, "%s has more than %d routes, too many to be put back; attach another interface", c->interface, ATTACHED_ROUTES_MAX);
    return true;
}

static bool route_check(const struct nlmsghdr *answer, void *argument)
{
    struct route_check *c = argument;
    const struct rtmsg *header = mnl_nlmsg_get_payload(answer);
    if (answer->nlmsg_type != RTM_NEWROUTE || (header->rtm_family != AF_INET && header->rtm_family != AF_INET6) || (header->rtm_flags & RTM_F_CLONED))
        return true;
    return c->ok = attached_is_of(answer, c->index) ? own_route_check(c, answer) : foreign_route_check(c, answer);
}

/* Nexthop objects that no route uses yet would be lost too. */
static bool nexthop_check(const struct nlmsghdr *answer, void *argument)
{
    struct route_check *c = argument;
    if (answer->nlmsg_type != RTM_NEWNEXTHOP || attribute_u32(answer, sizeof(struct nhmsg), NHA_OIF, 0) != c->index)
        return true;
    return c->ok = fail(c->f, "%s has nexthop objects, which cannot be put back; remove them first (ip nexthop flush dev %s)", c->interface, c->interface);
}

bool attached_routes_check(int socket, const char *interface, uint32_t index, struct failure *f)
{
    _Alignas(8) char address[128], route[2][128], nexthop[128];
    struct route_check c = {.interface = interface, .index = index, .ok = true, .f = f};
    bool asked = netlink_ask(socket, ask_all(address, RTM_GETADDR, sizeof(struct ifaddrmsg), AF_UNSPEC), address_collect, &c, NULL, f);
    for (int i = 0; asked && c.ok && i < 2; i++)
        asked = netlink_ask(socket, ask_all(route[i], RTM_GETROUTE, sizeof(struct rtmsg), i ? AF_INET6 : AF_INET), route_check, &c, NULL, f);
    /* Kernels before 5.3 have none and say so. */
    if (asked && c.ok)
        (void)!netlink_ask(socket, ask_all(nexthop, RTM_GETNEXTHOP, sizeof(struct nhmsg), AF_UNSPEC), nexthop_check, &c, NULL, NULL);
    free(c.addresses);
    return asked && c.ok;
}

struct stacked_search {
    uint32_t index;
    char *name;
};

static const struct nlattr *nested(const struct nlattr *outer, uint16_t type, size_t length)
{
    int left = outer ? mnl_attr_get_payload_len(outer) : 0;
    for (const struct nlattr *a = outer ? mnl_attr_get_payload(outer) : NULL; mnl_attr_ok(a, left); a = mnl_attr_next(a)) {
        if (mnl_attr_get_type(a) == type && mnl_attr_get_payload_len(a) >= length)
            return a;
        left -= (int)MNL_ALIGN(mnl_attr_get_len(a));
    }
    return NULL;
}

static bool is_of_kind(const struct nlattr *info, const char *kind)
{
    const struct nlattr *own = nested(info, IFLA_INFO_KIND, 1);
    return own && mnl_attr_validate(own, MNL_TYPE_NUL_STRING) >= 0 && strcmp(mnl_attr_get_str(own), kind) == 0;
}

/* The other end of a veth pair says that it is linked to this one, and is free of it. A VXLAN that is bound to the
 * interface does not say so, and the kernel deletes it when the interface goes. */
static bool stands_on(const struct nlmsghdr *answer, uint32_t index)
{
    const struct nlattr *info = attached_attribute(answer, sizeof(struct ifinfomsg), IFLA_LINKINFO, 0);
    const struct nlattr *bound = is_of_kind(info, "vxlan") ? nested(nested(info, IFLA_INFO_DATA, 0), IFLA_VXLAN_LINK, sizeof(uint32_t)) : NULL;
    if (bound && mnl_attr_get_u32(bound) == index)
        return true;
    return attribute_u32(answer, sizeof(struct ifinfomsg), IFLA_LINK, 0) == index && !is_of_kind(info, "veth") &&
           !attached_attribute(answer, sizeof(struct ifinfomsg), IFLA_LINK_NETNSID, 0);
}

static bool stacked_compare(const struct nlmsghdr *answer, void *argument)
{
    struct stacked_search *search = argument;
    const struct ifinfomsg *header = mnl_nlmsg_get_payload(answer);
    if (answer->nlmsg_type != RTM_NEWLINK || (uint32_t)header->ifi_index == search->index || !stands_on(answer, search->index))
        return true;
    const struct nlattr *name = attached_attribute(answer, sizeof *header, IFLA_IFNAME, 1);
    snprintf(search->name, IFNAMSIZ, "%.15s", name && mnl_attr_validate(name, MNL_TYPE_NUL_STRING) >= 0 ? mnl_attr_get_str(name) : "?");
    return false;
}

bool attached_stacked(int socket, uint32_t index, char ret_name[IFNAMSIZ], struct failure *f)
{
    _Alignas(8) char buffer[128];
    struct stacked_search search = {index, ret_name};
    struct nlmsghdr *question = ask_all(buffer, RTM_GETLINK, sizeof(struct ifinfomsg), AF_UNSPEC);
    mnl_attr_put_u32(question, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
    ret_name[0] = 0;
    return netlink_ask(socket, question, stacked_compare, &search, NULL, f);
}

struct tentative_search {
    uint32_t index;
    bool found;
};

static bool tentative_compare(const struct nlmsghdr *answer, void *argument)
{
    struct tentative_search *search = argument;
    const struct ifaddrmsg *header = mnl_nlmsg_get_payload(answer);
    uint32_t flags = attribute_u32(answer, sizeof *header, IFA_FLAGS, header->ifa_flags);
    search->found |= answer->nlmsg_type == RTM_NEWADDR && attached_is_of(answer, search->index) && (flags & IFA_F_TENTATIVE) && !(flags & IFA_F_DADFAILED);
    return true;
}

bool attached_is_tentative(int socket, uint32_t index)
{
    _Alignas(8) char buffer[128];
    struct tentative_search search = {.index = index};
    return netlink_ask(socket, ask_all(buffer, RTM_GETADDR, sizeof(struct ifaddrmsg), AF_INET6), tentative_compare, &search, NULL, NULL) && search.found;
}
