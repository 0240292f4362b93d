/* SPDX-License-Identifier: Apache-2.0 */
/* Questions to the kernel by rtnetlink. One entry is asked for where that is possible: a host may have a million routes.
 * A dump that changed under way is good enough here, and is asked again 2 s later. */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_addr.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>

#include "enforce/netlink.h"
#include "enforce/uplink_parts.h"

static uint8_t family_of(int family)
{
    return family == 4 ? AF_INET : AF_INET6;
}

static size_t length_of(int family)
{
    return family == 4 ? 4 : 16;
}

static bool attribute_is(const struct nlmsghdr *answer, size_t header, uint16_t type, const void *value, size_t length)
{
    const struct nlattr *attribute;
    netlink_attr_for_each(attribute, answer, header)
        if (mnl_attr_get_type(attribute) == type)
            return mnl_attr_get_payload_len(attribute) == length && memcmp(mnl_attr_get_payload(attribute), value, length) == 0;
    return false;
}

/* ---- addresses ---- */

struct address_wish {
    uint32_t index;
    int family;
    struct link_address *ret;
    bool found;
};

#define UNUSABLE (IFA_F_SECONDARY | IFA_F_TENTATIVE | IFA_F_DADFAILED | IFA_F_DEPRECATED)

static uint32_t address_flags(const struct nlmsghdr *answer)
{
    const struct ifaddrmsg *header = mnl_nlmsg_get_payload(answer);
    const struct nlattr *attribute;
    netlink_attr_for_each(attribute, answer, sizeof *header)
        if (mnl_attr_get_type(attribute) == IFA_FLAGS && mnl_attr_get_payload_len(attribute) == 4)
            return mnl_attr_get_u32(attribute);
    return header->ifa_flags;
}

/* IFA_LOCAL is the interface's own where it is told; of a point-to-point link IFA_ADDRESS is the other side's. */
static bool address_take(const struct nlmsghdr *answer, void *argument)
{
    struct address_wish *wish = argument;
    const struct ifaddrmsg *header = mnl_nlmsg_get_payload(answer);
    if (answer->nlmsg_type != RTM_NEWADDR || header->ifa_index != wish->index || header->ifa_family != family_of(wish->family) ||
        header->ifa_scope != RT_SCOPE_UNIVERSE || (address_flags(answer) & UNUSABLE))
        return true;
    const struct nlattr *attribute;
    bool local = false;
    netlink_attr_for_each(attribute, answer, sizeof *header) {
        uint16_t type = mnl_attr_get_type(attribute);
        if ((type != IFA_LOCAL && (type != IFA_ADDRESS || local)) || mnl_attr_get_payload_len(attribute) != length_of(wish->family))
            continue;
        wish->ret->family = wish->family;
        memcpy(wish->ret->octets, mnl_attr_get_payload(attribute), length_of(wish->family));
        wish->found = true;
        local = type == IFA_LOCAL;
    }
    return !wish->found;
}

bool uplink_address(int socket, uint32_t index, int family, struct link_address *ret, bool *ret_found, struct failure *f)
{
    _Alignas(8) char buffer[256];
    struct address_wish wish = {.index = index, .family = family, .ret = ret};
    struct nlmsghdr *request = netlink_question(buffer, RTM_GETADDR, true);
    struct ifaddrmsg *header = mnl_nlmsg_put_extra_header(request, sizeof *header);
    header->ifa_family = family_of(family);
    memset(ret, 0, sizeof *ret);
    bool ok = netlink_ask(socket, request, address_take, &wish, NULL, f);
    *ret_found = wish.found;
    return ok;
}

/* ---- routes ---- */

struct route_wish {
    uint32_t index;
    uint8_t length;
    const struct link_address *prefix, *via;
    bool found;
};

static bool route_compare(const struct nlmsghdr *answer, void *argument)
{
    struct route_wish *wish = argument;
    const struct rtmsg *header = mnl_nlmsg_get_payload(answer);
    size_t octets = length_of(wish->prefix->family);
    wish->found = header->rtm_dst_len == wish->length && header->rtm_type == RTN_UNICAST &&
                  attribute_is(answer, sizeof *header, RTA_DST, wish->prefix->octets, octets) &&
                  attribute_is(answer, sizeof *header, RTA_OIF, &wish->index, sizeof wish->index) &&
                  (!wish->via || attribute_is(answer, sizeof *header, RTA_GATEWAY, wish->via->octets, octets));
    return true;
}

/* RTM_F_FIB_MATCH: the entry itself, not the answer for one packet. */
bool uplink_route_is_there(int socket, uint32_t index, const struct link_address *prefix, uint8_t length, const struct link_address *via)
{
    _Alignas(8) char buffer[256];
    struct route_wish wish = {.index = index, .length = length, .prefix = prefix, .via = via};
    struct nlmsghdr *request = netlink_question(buffer, RTM_GETROUTE, false);
    struct rtmsg *header = mnl_nlmsg_put_extra_header(request, sizeof *header);
    header->rtm_family = family_of(prefix->family);
    header->rtm_dst_len = (uint8_t)(8 * length_of(prefix->family));
    header->rtm_flags = RTM_F_FIB_MATCH;
    mnl_attr_put(request, RTA_DST, length_of(prefix->family), prefix->octets);
    return netlink_ask(socket, request, route_compare, &wish, NULL, NULL) && wish.found;
}

static bool conf_is(const char *interface, const char *name, char wanted)
{
    char path[128], value = 0;
    snprintf(path, sizeof path, "/proc/sys/net/ipv6/conf/%s/%s", interface, name);
    FILE *file = fopen(path, "re");
    if (!file)
        return false;
    bool is = fread(&value, 1, 1, file) == 1 && value == wanted;
    (void)fclose(file);
    return is;
}

static bool advertised_take(const struct nlmsghdr *answer, void *argument)
{
    char *interface = argument, name[IFNAMSIZ];
    const struct rtmsg *header = mnl_nlmsg_get_payload(answer);
    if (header->rtm_dst_len != 0 || header->rtm_protocol != RTPROT_RA)
        return true;
    const struct nlattr *attribute;
    netlink_attr_for_each(attribute, answer, sizeof *header) {
        if (mnl_attr_get_type(attribute) != RTA_OIF || mnl_attr_get_payload_len(attribute) != 4)
            continue;
        if (if_indextoname(mnl_attr_get_u32(attribute), name) && conf_is(name, "accept_ra", '1'))
            memcpy(interface, name, IFNAMSIZ);
    }
    return interface[0] == 0;
}

bool uplink_advertised_route(int socket, char ret_interface[IFNAMSIZ], struct failure *f)
{
    _Alignas(8) char buffer[256];
    ret_interface[0] = 0;
    if (conf_is("all", "forwarding", '1'))
        return true;
    struct nlmsghdr *request = netlink_question(buffer, RTM_GETROUTE, true);
    struct rtmsg *header = mnl_nlmsg_put_extra_header(request, sizeof *header);
    header->rtm_family = AF_INET6;
    return netlink_ask(socket, request, advertised_take, ret_interface, NULL, f);
}

/* ---- neighbours ---- */

struct neighbour_wish {
    const uint8_t *mac;
    bool found;
};

static bool neighbour_compare(const struct nlmsghdr *answer, void *argument)
{
    struct neighbour_wish *wish = argument;
    const struct ndmsg *header = mnl_nlmsg_get_payload(answer);
    wish->found = (header->ndm_state & NUD_PERMANENT) && attribute_is(answer, sizeof *header, NDA_LLADDR, wish->mac, 6);
    return true;
}

bool uplink_neighbour_is_there(int socket, uint32_t index, const struct link_address *address, const uint8_t mac[6])
{
    _Alignas(8) char buffer[256];
    struct neighbour_wish wish = {.mac = mac};
    struct nlmsghdr *request = netlink_question(buffer, RTM_GETNEIGH, false);
    struct ndmsg *header = mnl_nlmsg_put_extra_header(request, sizeof *header);
    header->ndm_family = family_of(address->family);
    header->ndm_ifindex = (int)index;
    mnl_attr_put(request, NDA_DST, length_of(address->family), address->octets);
    return netlink_ask(socket, request, neighbour_compare, &wish, NULL, NULL) && wish.found;
}
