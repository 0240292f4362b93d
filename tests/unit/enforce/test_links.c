/* SPDX-License-Identifier: Apache-2.0 */
/* Links as promised by enforce/links.h, read back from the kernel by netlink. Needs root; every namespace it
 * makes has this process's number in its name. */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_addr.h>
#include <linux/neighbour.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "enforce/links.h"
#include "enforce/netlink.h"
#include "enforce/netns.h"
#include "policy/model.h"

/* After failure.h: cmocka has a macro named fail. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define SPOKES 2
#define FIRST_INDEX 2001

static const struct link_address hub4 = {4, {10, 80, 1, 1}};
static const struct link_address hub6 = {6, {0xfd, 0x80, [15] = 1}};
static const struct link_address addresses[SPOKES][2] = {
    {{4, {10, 80, 1, 2}}, {6, {0xfd, 0x80, [15] = 2}}},
    {{4, {10, 80, 1, 3}}, {6, {0xfd, 0x80, [15] = 3}}},
};

struct stage {
    char hub_name[64], spoke_names[SPOKES][64];
    int hub, ns[SPOKES];
    struct spoke spokes[SPOKES];
};

static struct stage stage = {.hub = -1, .ns = {-1, -1}};

static void stage_clear(void)
{
    struct failure f;
    for (int i = 0; i < SPOKES; i++)
        if (!netns_delete(stage.spoke_names[i], &f))
            fprintf(stderr, "%s\n", f.text);
    if (!netns_delete(stage.hub_name, &f))
        fprintf(stderr, "%s\n", f.text);
}

static struct spoke spoke_of(int number)
{
    static const char *const links[SPOKES] = {"spoke0", "spoke1"};
    return (struct spoke){.hub_ns_fd = stage.hub,
                          .netns = stage.spoke_names[number],
                          .hub_link = links[number],
                          .hub_index = (uint32_t)(FIRST_INDEX + number),
                          .hub_mac = {2, 0, 0, 0, 1, (uint8_t)number},
                          .workload_mac = {2, 0, 0, 0, 2, (uint8_t)number},
                          .mtu = 1400,
                          .addresses = addresses[number],
                          .address_count = 2,
                          .hub4 = &hub4,
                          .hub6 = &hub6};
}

static int stage_set(void **state)
{
    struct failure f = {{0}};
    snprintf(stage.hub_name, sizeof stage.hub_name, "bulkhead-test-%d-hub", getpid());
    bool done = netns_create(stage.hub_name, &stage.hub, &f) && hub_prepare(stage.hub, &f);
    for (int i = 0; i < SPOKES; i++) {
        snprintf(stage.spoke_names[i], sizeof stage.spoke_names[i], "bulkhead-test-%d-%d", getpid(), i);
        stage.spokes[i] = spoke_of(i);
        done = done && spoke_create(&stage.spokes[i], &stage.ns[i], &f);
    }
    if (!done)
        fprintf(stderr, "%s\n", f.text);
    return done ? 0 : -1;
}

static int stage_unset(void **state)
{
    for (int i = 0; i < SPOKES; i++)
        close(stage.ns[i]);
    close(stage.hub);
    return 0;
}

/* ---- reading the kernel ---- */

typedef bool (*match_fn)(const struct nlmsghdr *answer, const void *wanted);

/* How many objects of a dump match. */
static int dump_count(int ns, uint16_t type, uint8_t family, match_fn match, const void *wanted)
{
    struct failure f = {{0}};
    int fd, count = 0;
    _Alignas(8) char buffer[32768];
    assert_true(netlink_open(ns, &fd, &f));
    struct nlmsghdr *request = mnl_nlmsg_put_header(buffer);
    request->nlmsg_type = type;
    request->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
    struct tcmsg *header = mnl_nlmsg_put_extra_header(request, sizeof *header); /* the longest; all begin alike */
    header->tcm_family = family;
    assert_true(send(fd, request, request->nlmsg_len, 0) > 0);
    for (bool more = true; more;) {
        int left = (int)recv(fd, buffer, sizeof buffer, 0);
        assert_true(left > 0);
        for (const struct nlmsghdr *answer = (void *)buffer; mnl_nlmsg_ok(answer, left); answer = mnl_nlmsg_next(answer, &left)) {
            assert_int_not_equal(answer->nlmsg_type, NLMSG_ERROR);
            more = answer->nlmsg_type != NLMSG_DONE;
            if (more && match(answer, wanted))
                count++;
        }
    }
    close(fd);
    return count;
}

static bool attribute_is(const struct nlmsghdr *answer, size_t header, uint16_t type, const void *value, size_t length)
{
    const struct nlattr *attribute;
    netlink_attr_for_each(attribute, answer, header)
        if (mnl_attr_get_type(attribute) == type && mnl_attr_get_payload_len(attribute) == length &&
            memcmp(mnl_attr_get_payload(attribute), value, length) == 0)
            return true;
    return false;
}

static size_t length_of(const struct link_address *address)
{
    return address->family == 4 ? 4 : 16;
}

static uint8_t family_of(const struct link_address *address)
{
    return address->family == 4 ? AF_INET : AF_INET6;
}

static bool is_address(const struct nlmsghdr *answer, const void *wanted)
{
    const struct ifaddrmsg *header = mnl_nlmsg_get_payload(answer);
    const struct link_address *address = wanted;
    return header->ifa_index == WORKLOAD_LINK_INDEX && header->ifa_prefixlen == 8 * length_of(address) &&
           !(header->ifa_flags & IFA_F_TENTATIVE) &&
           attribute_is(answer, sizeof *header, IFA_ADDRESS, address->octets, length_of(address));
}

static bool is_on_eth0(const struct nlmsghdr *answer, const void *wanted)
{
    const struct ifaddrmsg *header = mnl_nlmsg_get_payload(answer);
    return header->ifa_index == WORKLOAD_LINK_INDEX;
}

static bool is_default_by(const struct nlmsghdr *answer, const void *wanted)
{
    const struct rtmsg *header = mnl_nlmsg_get_payload(answer);
    const struct link_address *gateway = wanted;
    return header->rtm_table == RT_TABLE_MAIN && header->rtm_dst_len == 0 &&
           attribute_is(answer, sizeof *header, RTA_GATEWAY, gateway->octets, length_of(gateway));
}

static bool is_host_route_to(const struct nlmsghdr *answer, const void *wanted)
{
    const struct rtmsg *header = mnl_nlmsg_get_payload(answer);
    const struct link_address *hub = wanted;
    return header->rtm_table == RT_TABLE_MAIN && header->rtm_dst_len == 8 * length_of(hub) &&
           attribute_is(answer, sizeof *header, RTA_DST, hub->octets, length_of(hub));
}

struct neighbour {
    const struct link_address *address;
    const uint8_t *mac;
};

static bool is_permanent(const struct nlmsghdr *answer, const void *wanted)
{
    const struct ndmsg *header = mnl_nlmsg_get_payload(answer);
    const struct neighbour *neighbour = wanted;
    return header->ndm_ifindex == WORKLOAD_LINK_INDEX && header->ndm_state == NUD_PERMANENT &&
           attribute_is(answer, sizeof *header, NDA_DST, neighbour->address->octets, length_of(neighbour->address)) &&
           attribute_is(answer, sizeof *header, NDA_LLADDR, neighbour->mac, 6);
}

static bool is_clsact(const struct nlmsghdr *answer, const void *wanted)
{
    const struct tcmsg *header = mnl_nlmsg_get_payload(answer);
    return header->tcm_ifindex == *(const int *)wanted &&
           attribute_is(answer, sizeof *header, TCA_KIND, "clsact", sizeof "clsact");
}

static bool is_anything(const struct nlmsghdr *answer, const void *wanted)
{
    return true;
}

static struct link_state state_of(int ns, const char *name)
{
    struct failure f = {{0}};
    struct link_state state, again;
    int fd;
    assert_true(netlink_open(ns, &fd, &f));
    if (!link_get(fd, name, &state, &f))
        fail_msg("%s", f.text);
    assert_true(link_get_by_index(fd, state.index, &again, &f));
    assert_string_equal(again.name, name);
    close(fd);
    return state;
}

/* ---- what a spoke is ---- */

static void hub_side_has_the_chosen_number_and_mac(void **state)
{
    for (int i = 0; i < SPOKES; i++) {
        struct link_state link = state_of(stage.hub, stage.spokes[i].hub_link);
        assert_int_equal(link.index, FIRST_INDEX + i);
        assert_memory_equal(link.mac, stage.spokes[i].hub_mac, 6);
        assert_int_equal(link.mtu, 1400);
        assert_true(link.up);
        int index = FIRST_INDEX + i;
        assert_int_equal(dump_count(stage.hub, RTM_GETQDISC, AF_UNSPEC, is_clsact, &index), 1);
    }
}

static void hub_side_has_no_address(void **state)
{
    /* Loopback's own, 127.0.0.1 and ::1, are all there are. */
    assert_int_equal(dump_count(stage.hub, RTM_GETADDR, AF_UNSPEC, is_anything, NULL), 2);
}

static void workload_side_is_eth0_with_its_addresses_alone(void **state)
{
    for (int i = 0; i < SPOKES; i++) {
        struct link_state link = state_of(stage.ns[i], WORKLOAD_LINK);
        assert_int_equal(link.index, WORKLOAD_LINK_INDEX);
        assert_memory_equal(link.mac, stage.spokes[i].workload_mac, 6);
        assert_int_equal(link.mtu, 1400);
        assert_true(link.up);
        assert_true(state_of(stage.ns[i], "lo").up);
        for (int a = 0; a < 2; a++)
            assert_int_equal(dump_count(stage.ns[i], RTM_GETADDR, AF_UNSPEC, is_address, &addresses[i][a]), 1);
        assert_int_equal(dump_count(stage.ns[i], RTM_GETADDR, AF_UNSPEC, is_on_eth0, NULL), 2);
    }
}

static void hub_is_next_hop_and_permanent_neighbour(void **state)
{
    const struct link_address *const hubs[] = {&hub4, &hub6};
    for (int i = 0; i < SPOKES; i++)
        for (int h = 0; h < 2; h++) {
            struct neighbour neighbour = {hubs[h], stage.spokes[i].hub_mac};
            uint8_t family = family_of(hubs[h]);
            assert_int_equal(dump_count(stage.ns[i], RTM_GETROUTE, family, is_default_by, hubs[h]), 1);
            assert_int_equal(dump_count(stage.ns[i], RTM_GETROUTE, family, is_host_route_to, hubs[h]), 1);
            assert_int_equal(dump_count(stage.ns[i], RTM_GETNEIGH, family, is_permanent, &neighbour), 1);
        }
}

/* ---- what passes ---- */

static socklen_t socket_address(const struct link_address *address, uint16_t port, struct sockaddr_storage *ret)
{
    memset(ret, 0, sizeof *ret);
    if (address->family == 4) {
        struct sockaddr_in *four = (struct sockaddr_in *)ret;
        four->sin_family = AF_INET;
        four->sin_port = htons(port);
        memcpy(&four->sin_addr, address->octets, 4);
        return sizeof *four;
    }
    struct sockaddr_in6 *six = (struct sockaddr_in6 *)ret;
    six->sin6_family = AF_INET6;
    six->sin6_port = htons(port);
    memcpy(&six->sin6_addr, address->octets, 16);
    return sizeof *six;
}

/* Whether a datagram from spoke 0 arrives at spoke 1 within 0.3 s. */
static bool datagram_arrives(int which)
{
    struct failure f = {{0}};
    struct sockaddr_storage to;
    socklen_t length = socket_address(&addresses[1][which], 7777, &to);
    int from_fd, to_fd;
    struct timeval patience = {.tv_usec = 300000};
    char byte;
    assert_true(netns_socket(stage.ns[1], to.ss_family, SOCK_DGRAM, 0, &to_fd, &f));
    assert_int_equal(bind(to_fd, (struct sockaddr *)&to, length), 0);
    assert_int_equal(setsockopt(to_fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience), 0);
    assert_true(netns_socket(stage.ns[0], to.ss_family, SOCK_DGRAM, 0, &from_fd, &f));
    ssize_t sent = sendto(from_fd, "x", 1, 0, (struct sockaddr *)&to, length);
    assert_int_equal(sent, 1);
    bool arrived = recv(to_fd, &byte, 1, 0) == 1;
    close(from_fd);
    close(to_fd);
    return arrived;
}

static void nothing_passes_between_spokes_without_a_program(void **state)
{
    struct failure f = {{0}};
    int fd;
    /* The hub is even told the way: only forwarding being off holds it back. */
    assert_true(netlink_open(stage.hub, &fd, &f));
    for (int i = 0; i < SPOKES; i++)
        if (!gateway_add(fd, FIRST_INDEX + (uint32_t)i, &addresses[i][0], stage.spokes[i].workload_mac, NULL, &f))
            fail_msg("%s", f.text);
    close(fd);
    assert_false(datagram_arrives(0));
    assert_false(datagram_arrives(1));
    /* That this test can fail: */
    assert_true(netns_sysctl(stage.hub, "net/ipv4/ip_forward", "1", &f));
    bool open_now = datagram_arrives(0);
    assert_true(netns_sysctl(stage.hub, "net/ipv4/ip_forward", "0", &f));
    assert_true(open_now);
    assert_false(datagram_arrives(0));
}

/* ---- failures and the end ---- */

static void a_leftover_is_named(void **state)
{
    struct failure f = {{0}};
    assert_false(spoke_create(&stage.spokes[0], NULL, &f));
    assert_non_null(strstr(f.text, stage.spoke_names[0]));
    assert_non_null(strstr(f.text, "ip netns delete"));

    char name[80];
    snprintf(name, sizeof name, "bulkhead-test-%d-x", getpid());
    struct spoke twin = stage.spokes[0];
    twin.netns = name;
    assert_false(spoke_create(&twin, NULL, &f));
    assert_non_null(strstr(f.text, "spoke0"));
    assert_non_null(strstr(f.text, "exists already"));
    assert_false(netns_exists(name));
    twin.hub_link = "twin"; /* the number alone is taken */
    assert_false(spoke_create(&twin, NULL, &f));
    assert_non_null(strstr(f.text, "exists already"));
    assert_int_equal(state_of(stage.hub, "spoke0").index, FIRST_INDEX); /* the other's link was not touched */
}

/* As many addresses as a policy may give, of both families. */
static void the_most_addresses_of_a_policy_fit(void **state)
{
    struct failure f = {{0}};
    struct link_address all[WORKLOAD_ADDRESSES_MAX];
    for (unsigned i = 0; i < WORKLOAD_ADDRESSES_MAX; i++)
        all[i] = i % 2 ? (struct link_address){.family = 6, .octets = {0xfd, [14] = 7, [15] = (uint8_t)(16 + i)}}
                             : (struct link_address){.family = 4, .octets = {10, 99, 7, (uint8_t)(16 + i)}};
    char name[80];
    snprintf(name, sizeof name, "bulkhead-test-%d-many", getpid());
    struct spoke many = stage.spokes[0];
    many.netns = name;
    many.hub_link = "many";
    many.hub_index = 99;
    many.addresses = all;
    many.address_count = WORKLOAD_ADDRESSES_MAX;
    int ns;
    if (!spoke_create(&many, &ns, &f))
        fail_msg("%s", f.text);
    int count = dump_count(ns, RTM_GETADDR, AF_UNSPEC, is_anything, NULL);
    close(ns);
    assert_true(spoke_delete(stage.hub, many.hub_index, name, &f));
    assert_true(count >= WORKLOAD_ADDRESSES_MAX);
}

static void names_that_leave_the_directory_are_refused(void **state)
{
    struct failure f = {{0}};
    int fd = -1;
    assert_false(netns_create("../x", &fd, &f));
    assert_false(netns_create("", &fd, &f));
    assert_false(netns_create(".x", &fd, &f));
    assert_false(netns_delete("..", &f));
    assert_false(netns_open("bulkhead-test-none", &fd, &f));
    assert_false(netns_open("/etc/passwd", &fd, &f));
}

static void the_caller_stays_in_its_namespace(void **state)
{
    struct stat before, after;
    struct failure f = {{0}};
    assert_int_equal(stat("/proc/self/ns/net", &before), 0);
    assert_true(netns_sysctl(stage.hub, "net/ipv4/ip_forward", "0", &f));
    assert_false(netns_sysctl(stage.hub, "net/ipv4/no_such_setting", "0", &f));
    assert_non_null(strstr(f.text, "no_such_setting"));
    assert_int_equal(stat("/proc/self/ns/net", &after), 0);
    assert_int_equal(before.st_ino, after.st_ino);
}

static void all_spokes_go_at_once(void **state)
{
    struct failure f = {{0}};
    const char *const names[] = {stage.spoke_names[0], stage.spoke_names[1]};
    for (int twice = 0; twice < 2; twice++)
        if (!spokes_delete(stage.hub, names, SPOKES, &f))
            fail_msg("%s", f.text);
    assert_int_equal(dump_count(stage.hub, RTM_GETLINK, AF_UNSPEC, is_anything, NULL), 1);
    for (int i = 0; i < SPOKES; i++) {
        assert_false(netns_exists(stage.spoke_names[i]));
        close(stage.ns[i]);
        if (!spoke_create(&stage.spokes[i], &stage.ns[i], &f)) /* and can come back at once */
            fail_msg("%s", f.text);
    }
}

static void deletion_leaves_nothing(void **state)
{
    struct failure f = {{0}};
    char path[128];
    struct stat there;
    for (int i = 0; i < SPOKES; i++) {
        for (int twice = 0; twice < 2; twice++)
            if (!spoke_delete(stage.hub, stage.spokes[i].hub_index, stage.spokes[i].netns, &f))
                fail_msg("%s", f.text);
        snprintf(path, sizeof path, NETNS_DIRECTORY "/%s", stage.spoke_names[i]);
        assert_int_equal(stat(path, &there), -1);
        assert_false(netns_exists(stage.spoke_names[i]));
    }
    /* Loopback alone. */
    assert_int_equal(dump_count(stage.hub, RTM_GETLINK, AF_UNSPEC, is_anything, NULL), 1);
}

int main(void)
{
    if (geteuid() != 0) {
        printf("skipped: network namespaces need root\n");
        return 77;
    }
    atexit(stage_clear);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hub_side_has_the_chosen_number_and_mac),
        cmocka_unit_test(hub_side_has_no_address),
        cmocka_unit_test(workload_side_is_eth0_with_its_addresses_alone),
        cmocka_unit_test(hub_is_next_hop_and_permanent_neighbour),
        cmocka_unit_test(nothing_passes_between_spokes_without_a_program),
        cmocka_unit_test(a_leftover_is_named),
        cmocka_unit_test(the_most_addresses_of_a_policy_fit),
        cmocka_unit_test(names_that_leave_the_directory_are_refused),
        cmocka_unit_test(the_caller_stays_in_its_namespace),
        cmocka_unit_test(all_spokes_go_at_once),
        cmocka_unit_test(deletion_leaves_nothing),
    };
    return cmocka_run_group_tests(tests, stage_set, stage_unset);
}
