/* SPDX-License-Identifier: Apache-2.0 */
/* Uplinks as promised by enforce/uplink.h, with real traffic. Needs root. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "enforce/state.h"
#include "uplink_stage.h"

/* ---- traffic ---- */

static socklen_t address_of(const char *text, uint16_t port, struct sockaddr_storage *ret)
{
    memset(ret, 0, sizeof *ret);
    struct sockaddr_in *four = (struct sockaddr_in *)ret;
    struct sockaddr_in6 *six = (struct sockaddr_in6 *)ret;
    if (inet_pton(AF_INET, text, &four->sin_addr) == 1) {
        four->sin_family = AF_INET;
        four->sin_port = htons(port);
        return sizeof *four;
    }
    assert_int_equal(inet_pton(AF_INET6, text, &six->sin6_addr), 1);
    six->sin6_family = AF_INET6;
    six->sin6_port = htons(port);
    return sizeof *six;
}

static int socket_in(int ns, int type, const char *local, uint16_t port)
{
    struct failure f = {{0}};
    struct sockaddr_storage at;
    struct timeval patience = {.tv_sec = 1};
    int fd, on = 1;
    socklen_t length = address_of(local, port, &at);
    sure(netns_socket(ns, at.ss_family, type, 0, &fd, &f), &f);
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    assert_int_equal(bind(fd, (struct sockaddr *)&at, length), 0);
    if (type == SOCK_STREAM && port)
        assert_int_equal(listen(fd, 4), 0);
    return fd;
}

static void name_of(const struct sockaddr_storage *from, char out[INET6_ADDRSTRLEN])
{
    const void *octets = from->ss_family == AF_INET ? (const void *)&((const struct sockaddr_in *)from)->sin_addr
                                                    : (const void *)&((const struct sockaddr_in6 *)from)->sin6_addr;
    assert_non_null(inet_ntop(from->ss_family, octets, out, INET6_ADDRSTRLEN));
}

/* 3,000 octets each way, so that UDP goes in fragments. Whether they came through; *seen: whom the server sees. */
static bool echo_tcp(int server, int client, const struct sockaddr_storage *to, socklen_t length, char seen[INET6_ADDRSTRLEN])
{
    char octets[3000] = {1}, back[3000];
    struct sockaddr_storage from;
    socklen_t from_length = sizeof from;
    if (connect(client, (const struct sockaddr *)to, length))
        return false;
    int accepted = accept(server, (struct sockaddr *)&from, &from_length);
    assert_true(accepted >= 0);
    name_of(&from, seen);
    bool ok = send(client, octets, sizeof octets, 0) == sizeof octets && recv(accepted, back, sizeof back, MSG_WAITALL) == sizeof back &&
              send(accepted, back, sizeof back, 0) == sizeof back && recv(client, back, sizeof back, MSG_WAITALL) == sizeof back;
    close(accepted);
    return ok;
}

static bool echo_udp(int server, int client, const struct sockaddr_storage *to, socklen_t length, char seen[INET6_ADDRSTRLEN])
{
    char octets[3000] = {1}, back[3000];
    struct sockaddr_storage from;
    socklen_t from_length = sizeof from;
    if (connect(client, (const struct sockaddr *)to, length) || send(client, octets, sizeof octets, 0) != sizeof octets ||
        recvfrom(server, back, sizeof back, 0, (struct sockaddr *)&from, &from_length) != sizeof back)
        return false;
    name_of(&from, seen);
    return sendto(server, back, sizeof back, 0, (struct sockaddr *)&from, from_length) == sizeof back &&
           recv(client, back, sizeof back, 0) == sizeof back;
}

struct talk {
    int server_ns, client_ns, type;
    const char *server, *client, *to; /* addresses: bound to, bound to, called */
    uint16_t port;
};

static bool talks(const struct talk *t, const char *expected)
{
    struct sockaddr_storage to;
    char seen[INET6_ADDRSTRLEN] = "";
    int server = socket_in(t->server_ns, t->type, t->server, t->port), client = socket_in(t->client_ns, t->type, t->client, 0);
    socklen_t length = address_of(t->to, t->port, &to);
    bool ok = (t->type == SOCK_STREAM ? echo_tcp : echo_udp)(server, client, &to, length, seen);
    close(client);
    close(server);
    if (ok)
        assert_string_equal(seen, expected);
    return ok;
}

static const struct talk published[] = {
    {-1, -1, SOCK_STREAM, "169.254.80.1", "192.0.2.2", "192.0.2.1", 8080},
    {-1, -1, SOCK_STREAM, "fd80::1", "2001:db8:1::2", "2001:db8:1::1", 8080},
    {-1, -1, SOCK_DGRAM, "169.254.80.1", "192.0.2.2", "192.0.2.1", 5353},
    {-1, -1, SOCK_DGRAM, "fd80::1", "2001:db8:1::2", "2001:db8:1::1", 5353},
};
static const struct talk outward[] = {
    {-1, -1, SOCK_STREAM, "192.0.2.2", "169.254.80.1", "192.0.2.2", 7000},
    {-1, -1, SOCK_STREAM, "2001:db8:1::2", "fd80::1", "2001:db8:1::2", 7000},
    {-1, -1, SOCK_DGRAM, "192.0.2.2", "169.254.80.1", "192.0.2.2", 7000},
    {-1, -1, SOCK_DGRAM, "2001:db8:1::2", "fd80::1", "2001:db8:1::2", 7000},
};
#define COUNT(array) (sizeof(array) / sizeof *(array))

static bool comes_in(size_t i)
{
    struct talk t = published[i];
    t.server_ns = hub;
    t.client_ns = world;
    return talks(&t, t.client);
}

static bool goes_out(size_t i)
{
    struct talk t = outward[i];
    t.server_ns = world;
    t.client_ns = hub;
    return talks(&t, i % 2 ? "2001:db8:1::1" : "192.0.2.1");
}

static void published_ports_reach_the_hub_untracked(void **state)
{
    struct uplink_plan plan = plan_shop();
    create(&plan);
    hub_speaks();
    for (size_t i = 0; i < COUNT(published); i++)
        if (!comes_in(i))
            fail_msg("published, case %zu", i);
    assert_int_equal(tracked_published(), 0);
    assert_true(goes_out(0));
    assert_int_not_equal(tracked_to("dport=7000 "), 0); /* so that this test can fail */
    struct talk t = published[0];
    t.server_ns = hub;
    t.client_ns = world;
    t.port = 8081; /* not published */
    assert_false(talks(&t, ""));
    delete("shop");
}

/* A datagram from a published port to a closed one, or to a published one that nobody serves: whether its sender hears so. */
static bool hears_of_the_error(int sender, const char *from, uint16_t from_port, const char *to, uint16_t to_port)
{
    struct sockaddr_storage target;
    char octet = 1;
    int fd = socket_in(sender, SOCK_DGRAM, from, from_port);
    socklen_t length = address_of(to, to_port, &target);
    assert_int_equal(connect(fd, (struct sockaddr *)&target, length), 0);
    assert_int_equal(send(fd, &octet, 1, 0), 1);
    bool heard = recv(fd, &octet, 1, 0) < 0 && errno == ECONNREFUSED;
    close(fd);
    return heard;
}

static void errors_about_published_ports_pass_both_ways(void **state)
{
    struct uplink_plan plan = plan_shop();
    create(&plan);
    hub_speaks();
    assert_true(hears_of_the_error(hub, "169.254.80.1", 5353, "192.0.2.2", 7));
    assert_true(hears_of_the_error(hub, "fd80::1", 5353, "2001:db8:1::2", 7));
    assert_true(hears_of_the_error(world, "192.0.2.2", 7, "192.0.2.1", 5353));
    assert_true(hears_of_the_error(world, "2001:db8:1::2", 7, "2001:db8:1::1", 5353));
    /* And about what goes out by masquerading. */
    assert_true(hears_of_the_error(hub, "169.254.80.1", 20000, "192.0.2.2", 7));
    assert_true(hears_of_the_error(hub, "fd80::1", 20000, "2001:db8:1::2", 7));
    /* So that this test can fail. What the chain for UDP with a checksum leaves on its way out, the other one rewrites. */
    must_nft("flush chain inet bulkhead-shop quoted-source-udp\nflush chain inet bulkhead-shop quoted-destination6-udp\n"
             "flush chain inet bulkhead-shop quoted-destination6");
    assert_false(hears_of_the_error(hub, "169.254.80.1", 5353, "192.0.2.2", 7));
    assert_false(hears_of_the_error(world, "2001:db8:1::2", 7, "2001:db8:1::1", 5353));
    assert_int_equal(check(&plan, true), 1);
    assert_true(hears_of_the_error(hub, "169.254.80.1", 5353, "192.0.2.2", 7));
    assert_true(hears_of_the_error(world, "2001:db8:1::2", 7, "2001:db8:1::1", 5353));
    delete("shop");
}

/* The path's MTU as the world sees it once it has sent 1,400 octets that must stay whole to a published port. */
static int path_mtu(const char *from, const char *to)
{
    struct sockaddr_storage target;
    char octets[1400] = {0};
    int fd = socket_in(world, SOCK_DGRAM, from, 0), on = IP_PMTUDISC_DO, mtu = 0;
    socklen_t length = address_of(to, 5353, &target), size = sizeof mtu;
    bool four = target.ss_family == AF_INET;
    assert_int_equal(setsockopt(fd, four ? IPPROTO_IP : IPPROTO_IPV6, four ? IP_MTU_DISCOVER : IPV6_MTU_DISCOVER, &on, sizeof on), 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&target, length), 0);
    assert_int_equal(send(fd, octets, sizeof octets, 0), sizeof octets);
    usleep(50000);
    assert_int_equal(getsockopt(fd, four ? IPPROTO_IP : IPPROTO_IPV6, four ? IP_MTU : IPV6_MTU, &mtu, &size), 0);
    close(fd);
    return mtu;
}

static void the_world_learns_of_a_smaller_mtu_behind_a_published_port(void **state)
{
    struct uplink_plan plan = plan_shop();
    plan.mtu = 1300;
    create(&plan);
    hub_speaks();
    assert_int_equal(path_mtu("192.0.2.2", "192.0.2.1"), 1300);
    assert_int_equal(path_mtu("2001:db8:1::2", "2001:db8:1::1"), 1300);
    delete("shop");
    run("ip -n world route flush cache; ip -n world -6 route flush cache");
}

static void the_hub_goes_out_with_the_hosts_address(void **state)
{
    struct uplink_plan plan = plan_shop();
    create(&plan);
    hub_speaks();
    for (size_t i = 0; i < COUNT(outward); i++)
        if (!goes_out(i))
            fail_msg("outward, case %zu", i);
    delete("shop");
}

static void the_host_itself_reaches_published_ports_by_the_outer_address(void **state)
{
    struct uplink_plan plan = plan_shop();
    create(&plan);
    hub_speaks();
    /* A host that lets in only what belongs to its own connections. */
    must_nft("table inet guard {\nchain input {\ntype filter hook input priority 0; policy accept;\niifname \"bh-shop\" ct state established accept\n"
             "iifname \"bh-shop\" drop\n}\n}\n");
    struct talk t = {hub, host, SOCK_STREAM, "169.254.80.1", "192.0.2.1", "169.254.80.1", 8080};
    bool four = talks(&t, "192.0.2.1");
    struct talk t6 = {hub, host, SOCK_STREAM, "fd80::1", "2001:db8:1::1", "fd80::1", 8080};
    bool six = talks(&t6, "2001:db8:1::1");
    must_nft("delete table inet guard");
    assert_true(four && six);
    delete("shop");
}

/* A datagram from the hub to the network behind mgmt0. */
static bool reaches_the_other_network(void)
{
    struct sockaddr_storage to;
    char octet = 1;
    int server = socket_in(other, SOCK_DGRAM, "198.51.100.2", 7000), client = socket_in(hub, SOCK_DGRAM, "169.254.80.1", 0);
    socklen_t length = address_of("198.51.100.2", 7000, &to);
    assert_int_equal(sendto(client, &octet, 1, 0, (struct sockaddr *)&to, length), 1);
    bool arrived = recv(server, &octet, 1, 0) == 1;
    close(client);
    close(server);
    return arrived;
}

static void the_hub_goes_out_by_no_other_interface(void **state)
{
    struct uplink_plan plan = plan_shop();
    create(&plan);
    hub_speaks();
    assert_false(reaches_the_other_network());
    must_nft("flush chain inet bulkhead-shop passing"); /* so that this test can fail */
    assert_true(reaches_the_other_network());
    assert_int_equal(check(&plan, true), 1);
    assert_false(reaches_the_other_network());
    delete("shop");
}

/* ---- changing, breaking, repairing ---- */

static void an_update_publishes_other_ports(void **state)
{
    struct failure f = {{0}};
    struct uplink_plan plan = plan_shop();
    create(&plan);
    hub_speaks();
    assert_true(comes_in(0));
    plan.ports = ports + 1;
    plan.port_count = 1;
    assert_int_equal(check(&plan, false), 1);
    sure(uplink_update(&plan, &f), &f);
    assert_int_equal(check(&plan, false), 0);
    assert_false(comes_in(0));
    struct talk t = {hub, world, SOCK_STREAM, "169.254.80.1", "192.0.2.2", "192.0.2.1", 2222};
    assert_true(talks(&t, "192.0.2.2"));
    delete("shop");
}

static void an_update_may_change_the_families(void **state)
{
    struct failure f = {{0}};
    char *before = host_looks();
    struct uplink_plan plan = plan_shop();
    create(&plan);
    plan.outer6 = NULL;
    sure(uplink_update(&plan, &f), &f);
    assert_int_equal(check(&plan, false), 0);
    plan.outer6 = &outer6;
    sure(uplink_update(&plan, &f), &f);
    hub_speaks();
    assert_true(comes_in(0) && comes_in(1));
    plan.outer6 = NULL;
    sure(uplink_update(&plan, &f), &f);
    plan.interface = "mgmt0";
    assert_false(uplink_update(&plan, &f));
    assert_non_null(strstr(f.text, "another interface"));
    delete("shop");
    host_looks_as(before); /* IPv6 forwarding too */
}

static void what_is_broken_is_seen_and_repaired(void **state)
{
    static const char *const breaks[] = {
        "echo 0 >/proc/sys/net/ipv4/conf/uplink0/forwarding",
        "echo 0 >/proc/sys/net/ipv6/conf/all/forwarding",
        "echo 0 >/proc/sys/net/ipv4/conf/bh-shop/forwarding",
        "ip route del 169.254.80.1/32",
        "ip -6 route del fd80::1/128",
        "ip neigh del 169.254.80.1 dev bh-shop",
        "ip neigh replace fd80::1 dev bh-shop lladdr 02:00:00:00:00:07 nud permanent",
        "ip link set bh-shop down",
        "ip -n hub link set up0 down; ip -n hub route show >/dev/null",
        "rm " STATE_ROOT "/shop/uplink-table.listed",
        "rm " STATE_ROOT "/shop/uplink",
        "ip addr del 192.0.2.1/24 dev uplink0; ip addr add 192.0.2.9/24 dev uplink0",
        "ip addr del 192.0.2.9/24 dev uplink0; ip addr add 192.0.2.1/24 dev uplink0",
        "ip link del bh-shop",
    };
    static const char *const commands[] = {
        "delete table inet bulkhead-shop",
        "flush chain inet bulkhead-shop arriving",
        "add rule inet bulkhead-shop passing accept",
        "flush ruleset",
    };
    struct uplink_plan plan = plan_shop();
    create(&plan);
    assert_int_equal(check(&plan, true), 0);
    for (size_t i = 0; i < COUNT(breaks) + COUNT(commands); i++) {
        const char *how = i < COUNT(breaks) ? breaks[i] : commands[i - COUNT(breaks)];
        i < COUNT(breaks) ? run(how) : must_nft(how);
        if (check(&plan, false) == 0)
            fail_msg("not seen: %s", how);
        assert_int_not_equal(check(&plan, true), 0);
        if (check(&plan, false) != 0)
            fail_msg("not repaired: %s", how);
    }
    hub_speaks();
    assert_true(comes_in(0) && comes_in(1) && goes_out(0) && goes_out(1));
    delete("shop");
}

static void without_translation_the_segments_have_routes(void **state)
{
    struct uplink_plan plan = plan_shop();
    plan.nat = false;
    create(&plan);
    run("ip route show dev bh-shop | grep -q '10.80.0.0/16 via 169.254.80.1'");
    run("ip -6 route show dev bh-shop | grep -q 'fd81::/32 via fd80::1'");
    assert_int_equal(check(&plan, false), 0);
    run("ip route del 10.80.0.0/16");
    assert_int_equal(check(&plan, true), 1);
    hub_speaks();
    int before = tracked_published(); /* of the host's own connections, above */
    for (size_t i = 0; i < COUNT(published); i++)
        assert_true(comes_in(i));
    assert_int_equal(tracked_published(), before);
    delete("shop");
}

/* ---- the way back ---- */

static void deletion_leaves_the_host_as_it_was(void **state)
{
    char *before = host_looks();
    struct uplink_plan plan = plan_shop();
    create(&plan);
    assert_true(table_is_there(table_shop));
    delete("shop");
    delete("shop");
    assert_false(table_is_there(table_shop));
    host_looks_as(before);
    assert_int_equal(setting("ipv6/conf/mgmt0/forwarding"), '1');
}

static void the_last_of_two_networks_puts_settings_back(void **state)
{
    char *before = host_looks();
    struct uplink_plan shop = plan_shop(), bank = plan_bank();
    create(&shop);
    create(&bank);
    hub_speaks();
    assert_true(goes_out(0));
    delete("bank");
    assert_int_equal(setting("ipv4/conf/uplink0/forwarding"), '1');
    assert_true(goes_out(0) && comes_in(0));
    create(&bank);
    delete("shop");
    assert_int_equal(setting("ipv4/conf/uplink0/forwarding"), '1');
    assert_int_equal(setting("ipv6/conf/all/forwarding"), '0'); /* the other carries no IPv6 */
    delete("bank");
    host_looks_as(before);
}

static void a_setting_that_was_on_stays_on(void **state)
{
    struct uplink_plan plan = plan_bank();
    run("echo 1 >/proc/sys/net/ipv4/conf/uplink0/forwarding");
    create(&plan);
    delete("bank");
    assert_int_equal(setting("ipv4/conf/uplink0/forwarding"), '1');
    run("echo 0 >/proc/sys/net/ipv4/conf/uplink0/forwarding");
}

static void a_creation_that_fails_is_taken_back(void **state)
{
    struct failure f = {{0}};
    char *before = host_looks();
    struct uplink_plan plan = plan_shop();
    run("ip -n hub link add up0 type veth peer name up1");
    assert_false(uplink_create(&plan, &f));
    run("ip -n hub link del up0");
    delete("shop");
    host_looks_as(before);
}

/* Killed after 0, 1, 2 ... ms, for as long as creation takes. */
static void a_creation_that_is_killed_is_taken_back(void **state)
{
    char *before = host_looks();
    struct uplink_plan plan = plan_shop();
    bool ended = false;
    int kills = 0;
    for (useconds_t patience = 0; !ended && patience < 8000000; patience += 1500 + patience / 8) {
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0)
            _exit(uplink_create(&plan, NULL) ? 0 : 1);
        usleep(patience);
        (void)kill(child, SIGKILL);
        int status;
        assert_int_equal(waitpid(child, &status, 0), child);
        ended = WIFEXITED(status);
        if (ended)
            assert_int_equal(WEXITSTATUS(status), 0);
        kills += !ended;
        delete("shop");
        host_looks_as(strdup(before));
    }
    assert_true(ended && kills > 2);
    free(before);
}

static bool delete_shop(void *argument, struct failure *f)
{
    return uplink_delete("shop", f);
}

static void deletion_from_another_namespace_touches_nothing(void **state)
{
    struct failure f = {{0}};
    struct uplink_plan plan = plan_shop();
    create(&plan);
    assert_false(netns_run_in(world, delete_shop, NULL, &f));
    assert_non_null(strstr(f.text, "another network namespace"));
    assert_int_equal(check(&plan, false), 0);
    delete("shop");
}

static bool create_bank(void *argument, struct failure *f)
{
    run("ip link add uplink0 type veth peer name w0; ip link set uplink0 up");
    struct uplink_plan plan = plan_bank();
    return uplink_create(&plan, f);
}

static void an_uplink_whose_namespace_is_gone_is_forgotten(void **state)
{
    struct failure f = {{0}};
    char *before = host_looks();
    int gone;
    sure(netns_create("gone", &gone, &f), &f);
    sure(netns_run_in(gone, create_bank, NULL, &f), &f);
    close(gone);
    sure(netns_delete("gone", &f), &f);
    delete("bank");
    host_looks_as(before);
}

/* ---- refusals ---- */

static void refused(const struct uplink_plan *plan, const char *saying, const char *and)
{
    struct failure f = {{0}};
    char *before = host_looks();
    assert_false(uplink_preflight(plan, &f));
    if (!strstr(f.text, saying) || !strstr(f.text, and))
        fail_msg("said: %s", f.text);
    host_looks_as(before);
}

static void accepted(const struct uplink_plan *plan)
{
    struct failure f = {{0}};
    sure(uplink_preflight(plan, &f), &f);
}

static void an_interface_that_is_not_there_is_refused(void **state)
{
    struct uplink_plan plan = plan_shop();
    plan.interface = "uplink7";
    refused(&plan, "uplink7", "not there");
    plan.interface = "eth*";
    refused(&plan, "eth*", "cannot be");
    plan.interface = "../../x";
    refused(&plan, "cannot be", "");
}

static void a_foreign_interface_of_the_name_is_refused(void **state)
{
    struct failure f = {{0}};
    struct uplink_plan plan = plan_shop();
    run("ip link add bh-shop type veth peer name x0");
    refused(&plan, "bh-shop", "ip link delete");
    assert_false(uplink_create(&plan, &f));
    delete("shop");
    run("ip link del bh-shop"); /* it was left */
    create(&plan);
    accepted(&plan); /* ours */
    delete("shop");
}

static void a_port_that_the_host_listens_on_is_refused(void **state)
{
    static const struct {
        int type;
        const char *address;
        uint16_t port;
        bool refused;
    } cases[] = {
        {SOCK_STREAM, "0.0.0.0", 2222, true},    {SOCK_STREAM, "::", 2222, true},          {SOCK_STREAM, "192.0.2.1", 8080, true},
        {SOCK_STREAM, "2001:db8:1::1", 8080, true}, {SOCK_STREAM, "::ffff:192.0.2.1", 8080, true}, {SOCK_DGRAM, "0.0.0.0", 5353, true},
        {SOCK_DGRAM, "::", 5353, true},          {SOCK_STREAM, "127.0.0.1", 8080, false},  {SOCK_STREAM, "198.51.100.1", 8080, false},
        {SOCK_DGRAM, "0.0.0.0", 8080, false},    {SOCK_STREAM, "0.0.0.0", 8081, false},    {SOCK_STREAM, "::1", 8080, false},
    };
    struct uplink_plan plan = plan_shop();
    char port[16];
    for (size_t i = 0; i < COUNT(cases); i++) {
        int fd = socket_in(host, cases[i].type, cases[i].address, cases[i].port);
        snprintf(port, sizeof port, "port %u", cases[i].port);
        if (cases[i].refused)
            refused(&plan, port, "listens");
        else
            accepted(&plan);
        close(fd);
    }
}

static void a_port_that_another_network_publishes_is_refused(void **state)
{
    struct uplink_plan shop = plan_shop(), bank = plan_bank();
    create(&shop);
    shop_settles(); /* refused() looks at the host twice */
    bank.ports = ports + 2;
    bank.port_count = 1;
    refused(&bank, "shop", "UDP port 5353");
    accepted(&shop);
    delete("shop");
    accepted(&bank);
}

static void an_advertised_route_is_not_lost(void **state)
{
    struct uplink_plan plan = plan_shop();
    run("echo 1 >/proc/sys/net/ipv6/conf/uplink0/accept_ra; ip -6 route add default via 2001:db8:1::2 dev uplink0 proto ra");
    refused(&plan, "uplink0", "sysctl net.ipv6.conf.uplink0.accept_ra=2");
    plan.outer6 = NULL;
    accepted(&plan);
    plan.outer6 = &outer6;
    run("echo 2 >/proc/sys/net/ipv6/conf/uplink0/accept_ra");
    accepted(&plan);
    run("ip -6 route del default; echo 1 >/proc/sys/net/ipv6/conf/uplink0/accept_ra");
}

static void a_firewall_that_drops_is_refused_until_it_does_not(void **state)
{
    struct uplink_plan plan = plan_shop();
    must_nft("table ip filter {\nchain DOCKER-USER {\n}\nchain FORWARD {\ntype filter hook forward priority 0; policy drop;\njump DOCKER-USER\n}\n}\n");
    refused(&plan, "Docker", "iptables -I DOCKER-USER -i bh-shop -j ACCEPT");
    must_nft("insert rule ip filter DOCKER-USER iifname bh-shop counter accept\ninsert rule ip filter DOCKER-USER oifname bh-shop counter accept\n");
    create(&plan);
    hub_speaks();
    assert_true(comes_in(0) && goes_out(0));
    delete("shop");
    must_nft("delete table ip filter");
    accepted(&plan);
}

int main(void)
{
    if (geteuid() != 0) {
        printf("skipped: network namespaces need root\n");
        return 77;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(published_ports_reach_the_hub_untracked),
        cmocka_unit_test(errors_about_published_ports_pass_both_ways),
        cmocka_unit_test(the_world_learns_of_a_smaller_mtu_behind_a_published_port),
        cmocka_unit_test(the_hub_goes_out_with_the_hosts_address),
        cmocka_unit_test(the_host_itself_reaches_published_ports_by_the_outer_address),
        cmocka_unit_test(the_hub_goes_out_by_no_other_interface),
        cmocka_unit_test(an_update_publishes_other_ports),
        cmocka_unit_test(an_update_may_change_the_families),
        cmocka_unit_test(what_is_broken_is_seen_and_repaired),
        cmocka_unit_test(without_translation_the_segments_have_routes),
        cmocka_unit_test(deletion_leaves_the_host_as_it_was),
        cmocka_unit_test(the_last_of_two_networks_puts_settings_back),
        cmocka_unit_test(a_setting_that_was_on_stays_on),
        cmocka_unit_test(a_creation_that_fails_is_taken_back),
        cmocka_unit_test(a_creation_that_is_killed_is_taken_back),
        cmocka_unit_test(deletion_from_another_namespace_touches_nothing),
        cmocka_unit_test(an_uplink_whose_namespace_is_gone_is_forgotten),
        cmocka_unit_test(an_interface_that_is_not_there_is_refused),
        cmocka_unit_test(a_foreign_interface_of_the_name_is_refused),
        cmocka_unit_test(a_port_that_the_host_listens_on_is_refused),
        cmocka_unit_test(a_port_that_another_network_publishes_is_refused),
        cmocka_unit_test(an_advertised_route_is_not_lost),
        cmocka_unit_test(a_firewall_that_drops_is_refused_until_it_does_not),
    };
    return cmocka_run_group_tests(tests, stage_set, NULL);
}
