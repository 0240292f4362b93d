/* SPDX-License-Identifier: Apache-2.0 */
#include "enforce/links.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_addr.h>
#include <linux/if_arp.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/net_namespace.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "enforce/netlink.h"
#include "enforce/netns.h"
#include "enforce/process.h"
#include "enforce/scope.h"
#include "policy/model.h"

#define CREATE ((uint16_t)(NLM_F_CREATE | NLM_F_EXCL))
#define REPLACE ((uint16_t)(NLM_F_CREATE | NLM_F_REPLACE))
#define LOOPBACK_INDEX 1
#define IPV6_LEAST_MTU 1280
#define METRIC_BEFORE_OTHERS 1 /* 0 would be the kernel's own choice for IPv6, 1024 (IP6_RT_PRIO_USER) */

static uint8_t family_of(const struct link_address *address)
{
    return address->family == 4 ? AF_INET : AF_INET6;
}

static uint8_t octets_of(const struct link_address *address)
{
    return address->family == 4 ? 4 : 16;
}

static void attr_address(struct nlmsghdr *request, uint16_t type, const struct link_address *address)
{
    mnl_attr_put(request, type, octets_of(address), address->octets);
}

/* ---- requests, each put into a batch ---- */

static void put_end(struct nlmsghdr *request, const struct veth_end *end, uint32_t mtu)
{
    mnl_attr_put_strz(request, IFLA_IFNAME, end->name);
    mnl_attr_put_u32(request, IFLA_NET_NS_FD, (uint32_t)end->ns_fd);
    if (end->mac)
        mnl_attr_put(request, IFLA_ADDRESS, 6, end->mac);
    if (mtu)
        mnl_attr_put_u32(request, IFLA_MTU, mtu);
}

static void put_header(struct nlmsghdr *request, uint32_t index, unsigned flags)
{
    struct ifinfomsg *header = mnl_nlmsg_put_extra_header(request, sizeof *header);
    header->ifi_family = AF_UNSPEC;
    header->ifi_index = (int)index;
    header->ifi_flags = flags;
    header->ifi_change = flags;
}

/* group 0: none. */
static void put_veth(struct netlink_batch *batch, const struct veth_end *near, const struct veth_end *far, uint32_t mtu,
                     uint32_t group)
{
    struct nlmsghdr *request = netlink_batch_begin(batch, RTM_NEWLINK, CREATE, "make the veth pair");
    if (!request)
        return;
    put_header(request, near->index, 0); /* up only later: a veth end cannot open before it has its peer */
    put_end(request, near, mtu);
    if (group)
        mnl_attr_put_u32(request, IFLA_GROUP, group);
    struct nlattr *info = mnl_attr_nest_start(request, IFLA_LINKINFO);
    mnl_attr_put_strz(request, IFLA_INFO_KIND, "veth");
    struct nlattr *data = mnl_attr_nest_start(request, IFLA_INFO_DATA);
    struct nlattr *peer = mnl_attr_nest_start(request, VETH_INFO_PEER);
    /* Whose MAC is whose stands in permanent entries. So no group of a solicited node is joined (RFC 4861, 7.2.1), and
     * no report of one sent, from ::, which the datapath would count as refused. */
    put_header(request, far->index, IFF_NOARP);
    put_end(request, far, mtu);
    mnl_attr_nest_end(request, peer);
    mnl_attr_nest_end(request, data);
    mnl_attr_nest_end(request, info);
    netlink_batch_end(batch, request);
}

static void put_up(struct netlink_batch *batch, uint32_t index)
{
    struct nlmsghdr *request = netlink_batch_begin(batch, RTM_NEWLINK, 0, "bring the link up");
    if (!request)
        return;
    put_header(request, index, IFF_UP);
    netlink_batch_end(batch, request);
}

static void put_multicast(struct netlink_batch *batch, uint32_t index, bool on)
{
    struct nlmsghdr *request = netlink_batch_begin(batch, RTM_NEWLINK, 0, on ? "give the link multicast" : "take multicast from the link");
    if (!request)
        return;
    put_header(request, index, on ? IFF_MULTICAST : 0);
    struct ifinfomsg *header = mnl_nlmsg_get_payload(request);
    header->ifi_change = IFF_MULTICAST;
    netlink_batch_end(batch, request);
}

static void put_mtu(struct netlink_batch *batch, uint32_t index, uint32_t mtu)
{
    struct nlmsghdr *request = netlink_batch_begin(batch, RTM_NEWLINK, 0, "set the link's MTU");
    if (!request)
        return;
    put_header(request, index, 0);
    mnl_attr_put_u32(request, IFLA_MTU, mtu);
    netlink_batch_end(batch, request);
}

static void put_clsact(struct netlink_batch *batch, uint32_t index)
{
    struct nlmsghdr *request = netlink_batch_begin(batch, RTM_NEWQDISC, CREATE, "add the clsact qdisc");
    if (!request)
        return;
    struct tcmsg *header = mnl_nlmsg_put_extra_header(request, sizeof *header);
    header->tcm_ifindex = (int)index;
    header->tcm_handle = TC_H_MAKE(TC_H_CLSACT, 0U);
    header->tcm_parent = TC_H_CLSACT;
    mnl_attr_put_strz(request, TCA_KIND, "clsact");
    netlink_batch_end(batch, request);
    netlink_batch_tolerate(batch, EEXIST);
}

/* Usable at once (no duplicate address detection, which takes 2 s) and no route of its own. */
static void put_address(struct netlink_batch *batch, uint32_t index, const struct link_address *address)
{
    struct nlmsghdr *request = netlink_batch_begin(batch, RTM_NEWADDR, REPLACE, "add the address");
    if (!request)
        return;
    struct ifaddrmsg *header = mnl_nlmsg_put_extra_header(request, sizeof *header);
    header->ifa_family = family_of(address);
    header->ifa_prefixlen = (uint8_t)(8 * octets_of(address));
    header->ifa_scope = RT_SCOPE_UNIVERSE;
    header->ifa_index = index;
    attr_address(request, IFA_LOCAL, address);
    attr_address(request, IFA_ADDRESS, address);
    mnl_attr_put_u32(request, IFA_FLAGS, IFA_F_NODAD | IFA_F_NOPREFIXROUTE | IFA_F_PERMANENT);
    netlink_batch_end(batch, request);
}

static struct nlmsghdr *begin_route(struct netlink_batch *batch, uint32_t index, int family, uint8_t length,
                                    uint8_t scope, const char *what)
{
    struct nlmsghdr *request = netlink_batch_begin(batch, RTM_NEWROUTE, REPLACE, what);
    if (!request)
        return NULL;
    struct rtmsg *header = mnl_nlmsg_put_extra_header(request, sizeof *header);
    header->rtm_family = (uint8_t)family;
    header->rtm_dst_len = length;
    header->rtm_table = RT_TABLE_MAIN;
    header->rtm_protocol = RTPROT_STATIC;
    header->rtm_scope = scope;
    header->rtm_type = RTN_UNICAST;
    mnl_attr_put_u32(request, RTA_OIF, index);
    return request;
}

/* A route like it that is there stays, and is used again when this one has gone with its link. */
static void stand_before(struct nlmsghdr *request, uint8_t family)
{
    request->nlmsg_flags &= (uint16_t)~NLM_F_REPLACE; /* IPv4: of those alike the one that came last is used */
    if (family == AF_INET6)
        mnl_attr_put_u32(request, RTA_PRIORITY, METRIC_BEFORE_OTHERS);
}

/* others_stay: the namespace may have routes of its own to the same. */
static void put_routes(struct netlink_batch *batch, uint32_t index, const struct link_address *gateway,
                       const struct link_address *source, bool others_stay)
{
    uint8_t family = family_of(gateway);
    uint8_t length = (uint8_t)(8 * octets_of(gateway));
    struct nlmsghdr *request =
        begin_route(batch, index, family, length, RT_SCOPE_LINK, "add the route to the hub's address");
    if (!request)
        return;
    attr_address(request, RTA_DST, gateway);
    if (source)
        attr_address(request, RTA_PREFSRC, source);
    if (others_stay)
        stand_before(request, family);
    netlink_batch_end(batch, request);

    request = begin_route(batch, index, family, 0, RT_SCOPE_UNIVERSE, "add the default route");
    if (!request)
        return;
    attr_address(request, RTA_GATEWAY, gateway);
    if (source)
        attr_address(request, RTA_PREFSRC, source);
    if (others_stay)
        stand_before(request, family);
    netlink_batch_end(batch, request);
}

static void put_neighbour(struct netlink_batch *batch, uint32_t index, const struct link_address *address,
                          const uint8_t mac[6])
{
    struct nlmsghdr *request = netlink_batch_begin(batch, RTM_NEWNEIGH, REPLACE, "add the neighbour entry");
    if (!request)
        return;
    struct ndmsg *header = mnl_nlmsg_put_extra_header(request, sizeof *header);
    header->ndm_family = family_of(address);
    header->ndm_ifindex = (int)index;
    header->ndm_state = NUD_PERMANENT;
    attr_address(request, NDA_DST, address);
    mnl_attr_put(request, NDA_LLADDR, 6, mac);
    netlink_batch_end(batch, request);
}

/* By its name, or, where that is NULL, by its number. */
static void put_delete(struct netlink_batch *batch, const char *name, uint32_t index)
{
    struct nlmsghdr *request = netlink_batch_begin(batch, RTM_DELLINK, 0, "delete the link");
    if (!request)
        return;
    put_header(request, index, 0);
    if (name)
        mnl_attr_put_strz(request, IFLA_IFNAME, name);
    netlink_batch_end(batch, request);
    netlink_batch_tolerate(batch, ENODEV);
}

/* All links of the group at once: the kernel then waits for its grace periods once, not once a link. */
static void put_delete_group(struct netlink_batch *batch, uint32_t group)
{
    struct nlmsghdr *request = netlink_batch_begin(batch, RTM_DELLINK, 0, "delete the spokes' links");
    if (!request)
        return;
    struct ifinfomsg *header = mnl_nlmsg_put_extra_header(request, sizeof *header);
    header->ifi_family = AF_UNSPEC;
    mnl_attr_put_u32(request, IFLA_GROUP, group);
    netlink_batch_end(batch, request);
    netlink_batch_tolerate(batch, ENODEV);
}

/* ---- reading ---- */

static void state_read(const struct nlmsghdr *answer, struct link_state *state)
{
    const struct ifinfomsg *header = mnl_nlmsg_get_payload(answer);
    *state = (struct link_state){.index = (uint32_t)header->ifi_index, .peer_ns = -1};
    state->up = (header->ifi_flags & IFF_UP) != 0;
    state->running = (header->ifi_flags & IFF_RUNNING) != 0;
    state->loopback = (header->ifi_flags & IFF_LOOPBACK) != 0;
    const struct nlattr *attribute;
    netlink_attr_for_each(attribute, answer, sizeof *header) {
        uint16_t type = mnl_attr_get_type(attribute);
        size_t length = mnl_attr_get_payload_len(attribute);
        if (type == IFLA_IFNAME && length <= sizeof state->name)
            memcpy(state->name, mnl_attr_get_payload(attribute), length);
        else if (type == IFLA_MTU && length == sizeof(uint32_t))
            state->mtu = mnl_attr_get_u32(attribute);
        else if (type == IFLA_GROUP && length == sizeof(uint32_t))
            state->group = mnl_attr_get_u32(attribute);
        else if (type == IFLA_MASTER && length == sizeof(uint32_t))
            state->master = mnl_attr_get_u32(attribute);
        else if (type == IFLA_LINK && length == sizeof(uint32_t))
            state->peer = mnl_attr_get_u32(attribute);
        else if (type == IFLA_LINK_NETNSID && length == sizeof(uint32_t))
            state->peer_ns = (int32_t)mnl_attr_get_u32(attribute);
        else if (type == IFLA_ADDRESS && length == sizeof state->mac) {
            memcpy(state->mac, mnl_attr_get_payload(attribute), length);
            state->ethernet = header->ifi_type == ARPHRD_ETHER;
        }
    }
}

static bool link_ask(int socket, const char *name, uint32_t index, struct link_state *ret_state, struct failure *f)
{
    _Alignas(8) char buffer[16384];
    struct nlmsghdr *request = mnl_nlmsg_put_header(buffer);
    request->nlmsg_type = RTM_GETLINK;
    request->nlmsg_flags = NLM_F_REQUEST;
    struct ifinfomsg *header = mnl_nlmsg_put_extra_header(request, sizeof *header);
    header->ifi_family = AF_UNSPEC;
    header->ifi_index = (int)index;
    if (name)
        mnl_attr_put_strz(request, IFLA_IFNAME, name);
    char number[16];
    (void)snprintf(number, sizeof number, "number %u", index);
    const char *who = name ? name : number;

    if (send(socket, request, request->nlmsg_len, 0) < 0)
        return fail_errno(f, errno, "cannot ask for the link %s", who);
    ssize_t length;
    do
        length = recv(socket, buffer, sizeof buffer, 0);
    while (length < 0 && errno == EINTR);
    const struct nlmsghdr *answer = (void *)buffer;
    if (length < 0 || !mnl_nlmsg_ok(answer, (int)length))
        return fail_errno(f, length < 0 ? errno : EPROTO, "cannot read about the link %s", who);
    if (answer->nlmsg_type == NLMSG_ERROR) {
        const struct nlmsgerr *error = mnl_nlmsg_get_payload(answer);
        return fail_errno(f, -error->error, "there is no link %s", who);
    }
    state_read(answer, ret_state);
    return true;
}

bool link_get(int socket, const char *name, struct link_state *ret_state, struct failure *f)
{
    return link_ask(socket, name, 0, ret_state, f);
}

bool link_get_by_index(int socket, uint32_t index, struct link_state *ret_state, struct failure *f)
{
    return link_ask(socket, NULL, index, ret_state, f);
}

static bool take_namespace_id(const struct nlmsghdr *answer, void *argument)
{
    int32_t *id = argument;
    const struct nlattr *attribute;
    netlink_attr_for_each(attribute, answer, sizeof(struct rtgenmsg))
        if (mnl_attr_get_type(attribute) == NETNSA_NSID && mnl_attr_get_payload_len(attribute) == sizeof *id)
            *id = (int32_t)mnl_attr_get_u32(attribute);
    return true;
}

bool link_namespace_id(int socket, int ns_fd, int32_t *ret, struct failure *f)
{
    _Alignas(8) char buffer[256];
    struct nlmsghdr *question = netlink_question(buffer, RTM_GETNSID, false);
    struct rtgenmsg *header = mnl_nlmsg_put_extra_header(question, sizeof *header);
    header->rtgen_family = AF_UNSPEC;
    mnl_attr_put_u32(question, NETNSA_FD, (uint32_t)ns_fd);
    *ret = -1;
    return netlink_ask(socket, question, take_namespace_id, ret, NULL, f);
}

/* ---- single steps ---- */

/* A '*' at the end of a name would mean to nf_tables all that begin so. */
bool link_name_is_sound(const char *name)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.@+";
    size_t length = strlen(name);
    return length > 0 && length < IFNAMSIZ && strspn(name, plain) == length && name[0] != '.' &&
           strcmp(name, "all") != 0 && strcmp(name, "default") != 0;
}

bool link_up(int socket, uint32_t index, struct failure *f)
{
    struct netlink_batch batch;
    netlink_batch_reset(&batch);
    put_up(&batch, index);
    return netlink_batch_send(socket, &batch, "a link", f);
}

bool link_delete(int socket, const char *name, struct failure *f)
{
    struct netlink_batch batch;
    netlink_batch_reset(&batch);
    put_delete(&batch, name, 0);
    return netlink_batch_send(socket, &batch, name, f);
}

bool link_delete_by_index(int socket, uint32_t index, struct failure *f)
{
    struct netlink_batch batch;
    netlink_batch_reset(&batch);
    put_delete(&batch, NULL, index);
    return netlink_batch_send(socket, &batch, "a link", f);
}

/* Below IPv6's smallest MTU (RFC 8200, 5) the kernel takes IPv6 from a link with all groups that it is in, silently. */
bool link_leave_groups(int socket, uint32_t index, uint32_t mtu, struct failure *f)
{
    struct netlink_batch batch;
    netlink_batch_reset(&batch);
    put_mtu(&batch, index, IPV6_LEAST_MTU - 1);
    put_multicast(&batch, index, false);
    put_mtu(&batch, index, mtu);
    return netlink_batch_send(socket, &batch, "a link", f);
}

bool link_clsact(int socket, uint32_t index, struct failure *f)
{
    struct netlink_batch batch;
    netlink_batch_reset(&batch);
    put_clsact(&batch, index);
    return netlink_batch_send(socket, &batch, "a link", f);
}

bool veth_create(int socket, const struct veth_end *near, const struct veth_end *far, uint32_t mtu, struct failure *f)
{
    struct netlink_batch batch;
    netlink_batch_reset(&batch);
    put_veth(&batch, near, far, mtu, 0);
    return netlink_batch_send(socket, &batch, near->name, f);
}

bool address_add(int socket, uint32_t index, const struct link_address *address, struct failure *f)
{
    struct netlink_batch batch;
    netlink_batch_reset(&batch);
    put_address(&batch, index, address);
    return netlink_batch_send(socket, &batch, "a link", f);
}

bool gateway_add(int socket, uint32_t index, const struct link_address *gateway, const uint8_t mac[6],
                 const struct link_address *source, struct failure *f)
{
    struct netlink_batch batch;
    netlink_batch_reset(&batch);
    put_neighbour(&batch, index, gateway, mac);
    put_routes(&batch, index, gateway, source, false);
    return netlink_batch_send(socket, &batch, "a link", f);
}

bool neighbour_set(int socket, uint32_t index, const struct link_address *address, const uint8_t mac[6], struct failure *f)
{
    struct netlink_batch batch;
    netlink_batch_reset(&batch);
    put_neighbour(&batch, index, address, mac);
    return netlink_batch_send(socket, &batch, "a link", f);
}

bool route_set(int socket, uint32_t index, const struct link_address *prefix, uint8_t length,
               const struct link_address *via, struct failure *f)
{
    struct netlink_batch batch;
    netlink_batch_reset(&batch);
    struct nlmsghdr *request = begin_route(&batch, index, family_of(prefix), length,
                                           via ? RT_SCOPE_UNIVERSE : RT_SCOPE_LINK, "add the route");
    if (!request)
        return fail(f, "a route does not fit into a request");
    attr_address(request, RTA_DST, prefix);
    if (via) {
        struct rtmsg *header = mnl_nlmsg_get_payload(request);
        header->rtm_flags |= RTNH_F_ONLINK; /* the link has no address that `via` could be a neighbour of */
        attr_address(request, RTA_GATEWAY, via);
    }
    netlink_batch_end(&batch, request);
    return netlink_batch_send(socket, &batch, "a link", f);
}

/* ---- hub and spoke ---- */

#define COUNT(array) ((unsigned)(sizeof(array) / sizeof((array)[0])))

bool hub_prepare(int hub_ns_fd, struct failure *f)
{
    static const struct sysctl settings[] = {
        {"net/ipv4/ip_forward", "0", false},
        {"net/ipv6/conf/all/forwarding", "0", true},
        {"net/ipv6/conf/default/forwarding", "0", true},
        {"net/ipv6/conf/default/disable_ipv6", "1", true},
        {"net/ipv6/conf/default/addr_gen_mode", "1", true},
        {"net/ipv6/conf/default/accept_ra", "0", true},
        {"net/ipv4/conf/all/accept_redirects", "0", false},
        {"net/ipv4/conf/all/send_redirects", "0", false},
    };
    SCOPED_FD socket = -1;
    return netns_sysctls(hub_ns_fd, settings, COUNT(settings), f) && netlink_open(hub_ns_fd, &socket, f) &&
           link_up(socket, LOOPBACK_INDEX, f);
}

/* Of a namespace that was made for the workload, before the link exists: a link takes `default` when it is made, and nothing may
 * talk in between. */
static bool namespace_quieten(int ns_fd, struct failure *f)
{
    static const struct sysctl settings[] = {
        {"net/ipv4/ip_forward", "0", false},
        {"net/ipv4/conf/all/accept_redirects", "0", false},
        {"net/ipv4/conf/default/accept_redirects", "0", false},
        {"net/ipv6/conf/all/forwarding", "0", true},
        {"net/ipv6/conf/default/addr_gen_mode", "1", true},
        {"net/ipv6/conf/default/accept_ra", "0", true},
        {"net/ipv6/conf/default/accept_redirects", "0", true},
        {"net/ipv6/conf/default/autoconf", "0", true},
        {"net/ipv6/conf/default/accept_dad", "0", true},
        {"net/ipv6/conf/default/dad_transmits", "0", true},
        {"net/ipv6/conf/default/router_solicitations", "0", true},
    };
    return netns_sysctls(ns_fd, settings, COUNT(settings), f);
}

/*
 * The same of the link alone, in a namespace that is somebody else's, while it is still down. No more is needed: a packet that
 * is forwarded has a source that is not the workload's, unless the namespace translates it and speaks for it; and redirects and advertisements are in no session, so the hub takes
 * neither. Where the namespace forwards IPv6 the link is made a member of the groups of routers (RFC 4291, 2.8), and would
 * report even that it has left them, from ::, which counts as refused: it leaves silently, and then has multicast again.
 */
static bool workload_link_quieten(int ns_fd, struct failure *f)
{
    static const struct sysctl settings[] = {
        {"net/ipv4/conf/" WORKLOAD_LINK "/forwarding", "0", false},
        {"net/ipv4/conf/" WORKLOAD_LINK "/accept_redirects", "0", false},
        {"net/ipv6/conf/" WORKLOAD_LINK "/forwarding", "0", true},
        {"net/ipv6/conf/" WORKLOAD_LINK "/addr_gen_mode", "1", true},
        {"net/ipv6/conf/" WORKLOAD_LINK "/accept_ra", "0", true},
        {"net/ipv6/conf/" WORKLOAD_LINK "/accept_redirects", "0", true},
        {"net/ipv6/conf/" WORKLOAD_LINK "/autoconf", "0", true},
        {"net/ipv6/conf/" WORKLOAD_LINK "/accept_dad", "0", true},
        {"net/ipv6/conf/" WORKLOAD_LINK "/dad_transmits", "0", true},
        {"net/ipv6/conf/" WORKLOAD_LINK "/router_solicitations", "0", true},
    };
    SCOPED_FD socket = -1;
    struct link_state link;
    if (!netlink_open(ns_fd, &socket, f) || !link_get(socket, WORKLOAD_LINK, &link, f) || !link_leave_groups(socket, link.index, link.mtu, f) ||
        !netns_sysctls(ns_fd, settings, COUNT(settings), f))
        return false;
    struct netlink_batch batch;
    netlink_batch_reset(&batch);
    put_multicast(&batch, link.index, true);
    return netlink_batch_send(socket, &batch, "a link", f);
}

static const struct link_address *first_of(const struct spoke *spoke, int family)
{
    for (size_t i = 0; i < spoke->address_count; i++)
        if (spoke->addresses[i].family == family)
            return &spoke->addresses[i];
    return NULL;
}

static bool spoke_is_sound(const struct spoke *spoke, struct failure *f)
{
    size_t length = strlen(spoke->hub_link);
    if (length == 0 || length >= IFNAMSIZ)
        return fail(f, "'%s' cannot be the name of a link: 1 to %d characters", spoke->hub_link, IFNAMSIZ - 1);
    for (size_t i = 0; i < spoke->address_count; i++)
        if (spoke->addresses[i].family != 4 && spoke->addresses[i].family != 6)
            return fail(f, "address %zu of %s has family %d: 4 or 6 is possible", i, spoke->netns,
                        spoke->addresses[i].family);
    return true;
}

static bool spoke_hub_side(const struct spoke *spoke, int ns_fd, struct failure *f)
{
    SCOPED_FD socket = -1;
    if (!netlink_open(spoke->hub_ns_fd, &socket, f))
        return false;
    struct veth_end near = {spoke->hub_ns_fd, spoke->hub_link, spoke->hub_index, spoke->hub_mac};
    struct veth_end far = {ns_fd, WORKLOAD_LINK, WORKLOAD_LINK_INDEX, spoke->workload_mac};
    struct netlink_batch batch;
    netlink_batch_reset(&batch);
    put_veth(&batch, &near, &far, spoke->mtu, SPOKE_GROUP);
    put_clsact(&batch, spoke->hub_index);
    put_up(&batch, spoke->hub_index);
    return netlink_batch_send(socket, &batch, spoke->hub_link, f);
}

static bool delete_by_number(int ns_fd, uint32_t index, struct failure *f)
{
    SCOPED_FD socket = -1;
    return netlink_open(ns_fd, &socket, f) && link_delete_by_index(socket, index, f);
}

/* After a failure, whose text stays: what cannot be removed either is met again, and named, by the next try. */
static bool spoke_abandon(const struct spoke *spoke, bool link_made)
{
    bool gone = link_made ? spoke_delete(spoke->hub_ns_fd, spoke->hub_index, spoke->netns, NULL)
                          : netns_delete(spoke->netns, NULL);
    (void)gone;
    return false;
}

/* Two links up, and for each family a neighbour and two routes. */
#define REQUESTS_BESIDE_ADDRESSES 8
_Static_assert(WORKLOAD_ADDRESSES_MAX + REQUESTS_BESIDE_ADDRESSES <= NETLINK_BATCH_REQUESTS, "a policy's addresses fit");

static bool spoke_workload_side(const struct spoke *spoke, int ns_fd, struct failure *f)
{
    SCOPED_FD socket = -1;
    if (!netlink_open(ns_fd, &socket, f))
        return false;
    struct netlink_batch batch;
    netlink_batch_reset(&batch);
    if (!spoke->existing)
        put_up(&batch, LOOPBACK_INDEX);
    put_up(&batch, WORKLOAD_LINK_INDEX);
    for (size_t i = 0; i < spoke->address_count; i++)
        put_address(&batch, WORKLOAD_LINK_INDEX, &spoke->addresses[i]);
    const struct link_address *const gateways[] = {spoke->hub4, spoke->hub6};
    for (unsigned i = 0; i < COUNT(gateways); i++) {
        if (!gateways[i])
            continue;
        put_neighbour(&batch, WORKLOAD_LINK_INDEX, gateways[i], spoke->hub_mac);
        put_routes(&batch, WORKLOAD_LINK_INDEX, gateways[i], first_of(spoke, gateways[i]->family), spoke->existing != NULL);
    }
    return netlink_batch_send(socket, &batch, spoke->netns, f);
}

static bool is_up(int socket, const char *name)
{
    struct ifreq request = {0};
    memcpy(request.ifr_name, name, strnlen(name, IFNAMSIZ - 1));
    return ioctl(socket, SIOCGIFFLAGS, &request) == 0 && (request.ifr_flags & IFF_UP);
}

/* In the namespace: another way out of it would be a way around its perimeter. */
static bool check_no_other_way(void *path, struct failure *f)
{
    SCOPED_FD flags_socket = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    struct if_nameindex *links = if_nameindex();
    if (flags_socket < 0 || !links) {
        if (links)
            if_freenameindex(links);
        return fail_errno(f, errno, "list the links of %s", (const char *)path);
    }
    bool alone = true;
    for (const struct if_nameindex *l = links; alone && l->if_index; l++)
        if (strcmp(l->if_name, "lo") != 0 && is_up(flags_socket, l->if_name))
            alone = fail(f, "%s has the link %s up, a way around its perimeter: take it down (ip link set %s down) or attach another namespace",
                         (const char *)path, l->if_name, l->if_name);
    if_freenameindex(links);
    return alone;
}

static bool spoke_namespace(const struct spoke *spoke, int *ret_ns_fd, struct failure *f)
{
    if (!spoke->existing)
        return netns_create(spoke->netns, ret_ns_fd, f);
    return netns_open(spoke->existing, ret_ns_fd, f) &&
           netns_run_in(*ret_ns_fd, check_no_other_way, (void *)(uintptr_t)spoke->existing, f);
}

static bool spoke_far_side(const struct spoke *spoke, int ns_fd, struct failure *f)
{
    return (!spoke->existing || workload_link_quieten(ns_fd, f)) && spoke_workload_side(spoke, ns_fd, f);
}

bool spoke_create(const struct spoke *spoke, int *ret_ns_fd, struct failure *f)
{
    SCOPED_FD ns_fd = -1;
    if (!spoke_is_sound(spoke, f) || !spoke_namespace(spoke, &ns_fd, f))
        return false;
    /* A failed pair may be somebody else's link of that name: it is not deleted. */
    if ((!spoke->existing && !namespace_quieten(ns_fd, f)) || !spoke_hub_side(spoke, ns_fd, f))
        return spoke_abandon(spoke, false);
    if (!spoke_far_side(spoke, ns_fd, f))
        return spoke_abandon(spoke, true);
    if (ret_ns_fd)
        *ret_ns_fd = scope_keep(&ns_fd);
    return true;
}

/* What is left of the link that was: by its MAC, since its number may be another's by now. */
static bool far_end_delete(const struct spoke *spoke, int ns_fd, struct failure *f)
{
    struct link_state link;
    SCOPED_FD socket = -1;
    if (!netlink_open(ns_fd, &socket, f))
        return false;
    bool left = link_get_by_index(socket, WORKLOAD_LINK_INDEX, &link, NULL) && memcmp(link.mac, spoke->workload_mac, sizeof link.mac) == 0;
    return !left || link_delete_by_index(socket, WORKLOAD_LINK_INDEX, f);
}

static bool is_the_namespace(const struct spoke *spoke, int ns_fd, int32_t ns_id, struct failure *f)
{
    int32_t found;
    SCOPED_FD socket = -1;
    if (!netlink_open(spoke->hub_ns_fd, &socket, f) || !link_namespace_id(socket, ns_fd, &found, f))
        return false;
    return ns_id < 0 || found == ns_id ||
        fail(f, "%s is another namespace than the one that the link was made to", spoke->existing ? spoke->existing : spoke->netns);
}

bool spoke_relink(const struct spoke *spoke, int32_t ns_id, struct failure *f)
{
    SCOPED_FD ns_fd = -1;
    if (!spoke_is_sound(spoke, f) || !netns_open(spoke->existing ? spoke->existing : spoke->netns, &ns_fd, f) ||
        !is_the_namespace(spoke, ns_fd, ns_id, f) || !delete_by_number(spoke->hub_ns_fd, spoke->hub_index, f) || !far_end_delete(spoke, ns_fd, f))
        return false;
    if (spoke->existing && !netns_run_in(ns_fd, check_no_other_way, (void *)(uintptr_t)spoke->existing, f))
        return false;
    if (!spoke_hub_side(spoke, ns_fd, f))
        return false;
    if (spoke_far_side(spoke, ns_fd, f))
        return true;
    (void)!delete_by_number(spoke->hub_ns_fd, spoke->hub_index, NULL);
    return false;
}

bool spoke_delete(int hub_ns_fd, uint32_t hub_index, const char *netns, struct failure *f)
{
    bool link_gone = delete_by_number(hub_ns_fd, hub_index, f);
    return netns_end(&netns, 1, link_gone ? f : NULL) && link_gone;
}

bool spokes_delete(int hub_ns_fd, const char *const *netns, size_t count, struct failure *f)
{
    SCOPED_FD socket = -1;
    struct netlink_batch batch;
    netlink_batch_reset(&batch);
    put_delete_group(&batch, SPOKE_GROUP);
    bool done = netlink_open(hub_ns_fd, &socket, f) && netlink_batch_send(socket, &batch, "the hub", f);
    return netns_end(netns, count, done ? f : NULL) && done;
}
