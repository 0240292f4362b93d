/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attached interfaces as promised by enforce/attached.h. The host has att0 (a veth pair to "far"), alone0 (an ifb: a
 * device without a peer), tap0 (a device without a carrier) and other0, by which it goes out. All of it, /run too, is
 * this process's own and goes with it. Needs root.
 */
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "enforce/attached.h"
#include "enforce/attached_parts.h"
#include "enforce/file.h"
#include "enforce/netlink.h"
#include "enforce/netns.h"
#include "enforce/state.h"

/* After failure.h: cmocka has a macro named fail. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define RECORD STATE_ROOT "/shop/attached-web"
#define HUB_INDEX 907

static const struct link_address hub4 = {4, {10, 80, 0, 1}};
static const struct link_address hub6 = {6, {0xfd, 0x80, [15] = 1}};

static int host = -1, far = -1, elsewhere = -1, hub = -1;

/* ---- the stage ---- */

static void run(const char *command)
{
    if (system(command) != 0)
        fail_msg("failed: %s", command);
}

static void runf(const char *format, ...)
{
    char command[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(command, sizeof command, format, arguments);
    va_end(arguments);
    run(command);
}

static void sure(bool done, const struct failure *f)
{
    if (!done)
        fail_msg("%s", f->text);
}

/* A call that must fail, and what it must say. */
static void refuses(bool done, const struct failure *f, const char *word, const char *other)
{
    assert_false(done);
    if (!strstr(f->text, word) || !strstr(f->text, other))
        fail_msg("neither '%s' nor '%s' may be missing in: %s", word, other, f->text);
}

static struct attached_plan plan_of(const char *interface)
{
    return (struct attached_plan){.network = "shop", .workload = "web", .interface = interface, .hub_ns_fd = hub, .hub_link = "w7",
        .hub_index = HUB_INDEX, .hub4 = &hub4, .hub6 = &hub6};
}

static bool stage_make(struct failure *f)
{
    if (unshare(CLONE_NEWNS) || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) || mount("tmpfs", "/run", "tmpfs", 0, NULL))
        return fail_errno(f, errno, "make a mount namespace");
    (void)mkdir(STATE_ROOT, 0700);
    (void)mkdir(STATE_ROOT "/shop", 0700);
    (void)mkdir(STATE_ROOT "/bank", 0700);
    return netns_create("host", &host, f) && netns_create("far", &far, f) && netns_create("elsewhere", &elsewhere, f) &&
           netns_create("hub", &hub, f) && hub_prepare(hub, f) && netns_enter(host, f);
}

static int stage_set(void **state)
{
    struct failure f = {{0}};
    if (!stage_make(&f)) {
        fprintf(stderr, "%s\n", f.text);
        return -1;
    }
    run("ip netns exec far sh -c 'echo 1 >/proc/sys/net/ipv6/conf/default/disable_ipv6'; echo 1 >/proc/sys/net/ipv6/conf/default/addr_gen_mode");
    run("ip link set lo up; ip link add other0 type veth peer name o0 netns far; ip link set other0 up; ip -n far link set o0 up");
    run("ip addr add 172.16.0.1/24 dev other0; ip route add default via 172.16.0.2; ip addr add 2001:db8:f::1/64 dev other0 nodad; "
        "ip -6 route add default via 2001:db8:f::2");
    run("echo 0 >/proc/sys/net/ipv6/conf/default/addr_gen_mode"); /* what an interface that comes back finds */
    return 0;
}

/* Gives the interface a bit of all that there is. */
static void dress(const char *i)
{
    runf("ip link set %s mtu 1400 group 7 alias 'to the wall'; cd /proc/sys/net/ipv6/conf/%s; echo 0 >accept_dad; echo 1 >addr_gen_mode; ip link set %s up", i, i, i);
    runf("ip addr add 192.0.2.1/24 brd + dev %s label %s:a; ip addr add 192.0.2.5/24 dev %s; ip addr add 198.51.100.1/24 dev %s noprefixroute", i, i, i, i);
    runf("ip addr add 10.9.9.1 peer 10.9.9.2/32 dev %s; ip addr add 203.0.113.7/24 dev %s valid_lft 3600 preferred_lft 1800", i, i);
    runf("ip addr add 2001:db8:1::1/64 dev %s; ip addr add 2001:db8:1::2/64 dev %s; ip addr add 2001:db8:2::1/64 dev %s noprefixroute", i, i, i);
    runf("ip addr add 2001:db8:3::1 peer 2001:db8:3::2/128 dev %s; ip addr add 2001:db8:4::1/64 dev %s valid_lft 4000 preferred_lft 0", i, i);
    runf("ip addr add fe80::7/64 dev %s; ip addr add 2001:db8:5::1/64 dev %s nodad", i, i);
    runf("while ip -6 addr show dev %s | grep -q tentative; do sleep 0.01; done", i);
    /* As NetworkManager does it. */
    runf("ip route add 198.51.100.0/24 dev %s proto kernel scope link src 198.51.100.1 metric 100; ip -6 route add 2001:db8:2::/64 dev %s proto kernel metric 100", i, i);
    runf("ip route add 10.2.0.0/16 via 192.0.2.9; ip route add 10.1.0.0/16 dev %s; ip route add 10.5.0.0/16 via 192.0.2.9 metric 200", i);
    runf("ip route add 10.3.0.0/16 metric 50 nexthop via 192.0.2.9 weight 1 nexthop via 192.0.2.10 weight 3; "
         "ip route add 10.4.0.0/16 nexthop via 192.0.2.9 dev %s nexthop via 172.16.0.2 dev other0", i);
    runf("ip route add 10.6.0.0/16 via 192.0.2.9 table 100 src 192.0.2.5 mtu 1300 proto static; ip route add default via 192.0.2.9 table 100");
    runf("ip route add 10.7.0.0/16 via 10.7.7.7 dev %s onlink; ip route add 10.10.0.0/16 via 10.20.0.1 dev %s onlink; ip route add 10.20.0.1 dev %s", i, i, i);
    run("ip route add 10.0.8.0/24 via 10.20.0.1; ip route append 10.11.0.0/16 via 192.0.2.11; ip route append 10.11.0.0/16 via 192.0.2.10");
    runf("ip route add 10.12.0.0/16 dev %s scope link src 10.9.9.1 metric 3 initcwnd 20; ip route add local 10.13.0.0/16 dev %s table local proto static", i, i);
    runf("ip -6 route add 2001:db8:11::/48 via 2001:db8:1::9; ip -6 route add 2001:db8:10::/48 dev %s; ip -6 route add 2001:db8:12::/48 via fe80::9 dev %s metric 77 pref high", i, i);
    runf("ip -6 route add 2001:db8:13::/48 nexthop via 2001:db8:1::9 weight 1 nexthop via 2001:db8:1::a weight 2; "
         "ip -6 route add 2001:db8:14::/48 nexthop via 2001:db8:1::9 dev %s nexthop via 2001:db8:f::2 dev other0", i);
    runf("ip -6 route add 2001:db8:15::/48 via 2001:db8:1::9 src 2001:db8:1::2 table 100 mtu 1290; ip -6 route add 2001:db8:16::/48 dev %s expires 500", i);
    runf("ip -6 route add 2001:db8:17::/48 via 2001:db8:10::1; ip -6 route add default via fe80::9 dev %s table 100", i);
    runf("ip neigh add 192.0.2.9 lladdr 02:00:00:00:01:09 nud permanent dev %s; ip neigh add 2001:db8:1::9 lladdr 02:00:00:00:01:0a nud permanent dev %s router", i, i);
    runf("ip neigh add proxy 192.0.2.77 dev %s; ip neigh add proxy 2001:db8:1::77 dev %s", i, i);
    runf("cd /proc/sys/net/ipv4/conf/%s; echo 2 >rp_filter; echo 0 >accept_redirects; echo 1 >arp_ignore; echo 1 >proxy_arp; echo 1 >forwarding; echo 77 >../../neigh/%s/gc_stale_time", i, i);
    runf("cd /proc/sys/net/ipv6/conf/%s; echo 0 >accept_ra; echo 2 >use_tempaddr; echo 1 >accept_dad; echo 1 >forwarding; echo 1390 >mtu; "
         "echo fe00:1:2:3:4:5:6:7 >stable_secret; ip link set %s addrgenmode stable_secret", i, i);
}

static void make_veth(void)
{
    run("ip link add att0 index 40 type veth peer name p0 netns far; ip -n far link set p0 up");
}

static void make_alone(void)
{
    run("ip link add alone0 index 41 type ifb");
}

static void make_tap(void)
{
    run("ip tuntap add mode tap name tap0");
}

static void unmake(const char *interface)
{
    runf("ip link delete %s", interface);
}

/* All of the host that an attached interface could leave changed, as one text: without the number of the link and what passes by itself. */
static char *host_looks(void)
{
    char *text = NULL;
    size_t size;
    struct failure f = {{0}};
    usleep(150000); /* the state of a carrier comes late */
    run("{ ip -o -d link; ip -o addr; for f in -4 -6; do ip $f route show table all; ip $f neigh show nud permanent; ip $f neigh show proxy; done; "
        "grep -rs . /proc/sys/net/ipv4/conf /proc/sys/net/ipv6/conf /proc/sys/net/ipv4/neigh /proc/sys/net/ipv6/neigh | sort; ls -A " STATE_ROOT "/shop; } | "
        "sed -E 's/^[0-9]+: //; s/(valid_lft|preferred_lft|expires) [0-9]+sec/\\1 N/g' >/run/looks");
    sure(file_read("/run/looks", 1 << 20, &text, &size, &f), &f);
    return text;
}

/* Frees the text. */
static void host_looks_as(char *before)
{
    char *after = host_looks();
    struct failure f = {{0}};
    bool same = strcmp(before, after) == 0;
    if (!same) {
        sure(file_write("/run/before", bytes_of_text(before), &f) && file_write("/run/after", bytes_of_text(after), &f), &f);
        (void)!system("diff /run/before /run/after");
    }
    free(before);
    free(after);
    assert_true(same);
}

static void take(const struct attached_plan *plan)
{
    struct failure f = {{0}};
    uint8_t mac[6];
    uint32_t mtu;
    sure(attached_preflight(plan, &f), &f);
    sure(attached_take(plan, mac, &mtu, &f), &f);
}

static void give_back(int hub_ns_fd)
{
    struct failure f = {{0}};
    sure(attached_return("shop", "web", hub_ns_fd, &f), &f);
}

static bool take_fails(const struct attached_plan *plan, struct failure *f)
{
    uint8_t mac[6];
    uint32_t mtu;
    return attached_take(plan, mac, &mtu, f);
}

static bool is_recorded(void)
{
    return access(RECORD, F_OK) == 0;
}

/* Runs the step in a process that dies right after it. */
static void die_after(void (*step)(const struct attached_plan *plan), const struct attached_plan *plan)
{
    int status;
    pid_t child = fork();
    if (child == 0) {
        step(plan);
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

/* ---- there and back ---- */

static void there_and_back(const char *interface, uint32_t index)
{
    char *before = host_looks();
    struct attached_plan plan = plan_of(interface);
    take(&plan);
    assert_int_equal(if_nametoindex(interface), 0);
    runf("! ip route show table all | grep -q 10.1.0.0; ip -n hub link show w7 >/dev/null");
    give_back(hub);
    assert_int_equal(if_nametoindex(interface), index);
    host_looks_as(before);
}

static void a_veth_gets_back_all_that_it_had(void **state)
{
    make_veth();
    dress("att0");
    there_and_back("att0", 40);
    there_and_back("att0", 40);
    unmake("att0");
}

static void a_device_without_a_peer_gets_back_all_that_it_had(void **state)
{
    make_alone();
    dress("alone0");
    there_and_back("alone0", 41);
    unmake("alone0");
}

static void a_device_without_a_carrier_gets_back_all_that_it_had(void **state)
{
    make_tap();
    dress("tap0");
    run("ip neigh del proxy 192.0.2.77 dev tap0; ip neigh del proxy 2001:db8:1::77 dev tap0"); /* the kernel forgets them some time after there is no carrier */
    there_and_back("tap0", if_nametoindex("tap0"));
    unmake("tap0");
}

static void an_interface_with_the_kernels_own_link_local_address_gets_it_back(void **state)
{
    make_veth();
    run("ip link set att0 up; until ip -6 addr show dev att0 | grep -q fe80; do sleep 0.01; done; while ip -6 addr show dev att0 | grep -q tentative; do sleep 0.1; done");
    there_and_back("att0", 40);
    unmake("att0");
}

static void an_interface_whose_link_local_address_was_deleted_gets_none(void **state)
{
    make_veth();
    run("ip link set att0 up; until ip -6 addr show dev att0 | grep -q fe80; do sleep 0.01; done; while ip -6 addr show dev att0 | grep -q tentative; do sleep 0.1; done");
    run("ip -6 addr flush dev att0");
    there_and_back("att0", 40);
    unmake("att0");
}

static void an_interface_that_is_down_stays_down(void **state)
{
    make_veth();
    run("ip addr add 192.0.2.1/24 dev att0; ip addr add 2001:db8:1::1/64 dev att0");
    there_and_back("att0", 40);
    run("ip -o link show att0 | grep -q 'state DOWN'");
    unmake("att0");
}

static void an_interface_without_ipv6_stays_without(void **state)
{
    make_veth();
    run("echo 1 >/proc/sys/net/ipv6/conf/att0/disable_ipv6; ip link set att0 up; ip addr add 192.0.2.1/24 dev att0");
    there_and_back("att0", 40);
    unmake("att0");
}

static void what_is_left_of_lifetimes_is_kept(void **state)
{
    struct attached_plan plan = plan_of("att0");
    make_veth();
    dress("att0");
    take(&plan);
    give_back(hub);
    run("ip addr show att0 | grep -Eq 'valid_lft 3[56][0-9][0-9]sec preferred_lft 1[78][0-9][0-9]sec'");
    run("ip addr show att0 | grep -Eq 'valid_lft (39[0-9]{2}|4000)sec preferred_lft 0sec'; ip -6 route show 2001:db8:16::/48 | grep -Eq 'expires (4[89][0-9]|50[01])sec'");
    unmake("att0");
}

static void temporary_addresses_are_made_anew(void **state)
{
    struct attached_plan plan = plan_of("att0");
    make_veth();
    run("ip link set att0 up; echo 2 >/proc/sys/net/ipv6/conf/att0/use_tempaddr; ip addr add 2001:db8:1:0:1::1/64 dev att0 nodad mngtmpaddr valid_lft 4000 preferred_lft 3000");
    run("until ip -6 addr show dev att0 temporary | grep -q 2001:db8:1; do sleep 0.05; done");
    take(&plan);
    give_back(hub);
    run("test $(ip -6 -o addr show dev att0 temporary | wc -l) = 1; test $(ip -6 -o addr show dev att0 mngtmpaddr | wc -l) = 1");
    unmake("att0");
}

static void an_address_that_is_somebody_elses_is_tried_again(void **state)
{
    struct attached_plan plan = plan_of("att0");
    make_veth();
    run("ip netns exec far sh -c 'echo 0 >/proc/sys/net/ipv6/conf/p0/disable_ipv6'; ip -n far addr add 2001:db8:1::1/64 dev p0 nodad");
    run("ip link set att0 up; ip addr add 2001:db8:1::1/64 dev att0; for i in $(seq 500); do ip -6 addr show dev att0 | grep -q dadfailed && exit; sleep 0.01; done; exit 1");
    take(&plan);
    give_back(hub);
    run("for i in $(seq 500); do ip -6 addr show dev att0 | grep -q dadfailed && exit; sleep 0.01; done; exit 1");
    unmake("att0");
}

static void routes_that_came_in_the_meantime_stay(void **state)
{
    struct attached_plan plan = plan_of("att0");
    make_veth();
    dress("att0");
    take(&plan);
    run("ip route add 10.1.0.0/16 via 172.16.0.9; ip route add 192.0.2.0/24 via 172.16.0.9; ip -6 route add 2001:db8:10::/48 dev other0; ip -6 route add 2001:db8:11::/48 via 2001:db8:f::9");
    give_back(hub);
    run("test $(ip route show 10.1.0.0/16 | wc -l) = 2; test $(ip route show 192.0.2.0/24 | wc -l) = 2; test $(ip -6 route show 2001:db8:10::/48 | wc -l) = 2");
    run("ip route show 10.1.0.0/16 | grep -q other0; ip -6 route show 2001:db8:11::/48 | grep -q other0; ip -6 route show 2001:db8:11::/48 | grep -q att0");
    run("ip route del 10.1.0.0/16 via 172.16.0.9; ip route del 192.0.2.0/24 via 172.16.0.9; ip -6 route del 2001:db8:10::/48 dev other0; "
        "ip -6 route del 2001:db8:11::/48 via 2001:db8:f::9");
    unmake("att0");
    run("ip -6 route del 2001:db8:14::/48"); /* what is left of it */
}

static void many_routes_come_back_soon(void **state)
{
    make_veth();
    run("ip link set att0 up; ip addr add 192.0.2.1/24 dev att0; for i in $(seq 0 15); do for j in $(seq 0 255); do echo route add 10.$i.$j.0/24 via 192.0.2.9; done; done | ip -batch -");
    there_and_back("att0", 40);
    unmake("att0");
}

/* ---- in the hub ---- */

static void the_hub_has_it_as_planned(void **state)
{
    struct attached_plan plan = plan_of("att0");
    struct failure f = {{0}};
    uint8_t mac[6];
    uint32_t mtu;
    make_veth();
    run("ip link set att0 address 02:00:00:aa:bb:cc mtu 1400");
    sure(attached_take(&plan, mac, &mtu, &f), &f);
    assert_memory_equal(mac, ((const uint8_t[6]){2, 0, 0, 0xaa, 0xbb, 0xcc}), 6);
    assert_int_equal(mtu, 1400);
    run("ip -n hub -o link show w7 | grep '^907:' | grep -q ',UP'; ip netns exec hub tc qdisc show dev w7 | grep -q clsact");
    run("ip -n hub -o addr show dev w7 | sed 's/ *scope.*//; s/.*inet/inet/' | sort >/run/has; "
        "printf 'inet 10.80.0.1/32\\ninet6 fd80::1/128\\ninet6 fe80::ff:feaa:bbcc/128\\n' | diff - /run/has");
    run("! ip -n hub -6 addr show dev w7 | grep -q tentative; ip netns exec hub sh -c 'cd /proc/sys/net/ipv6/conf/w7; grep -qx 0 accept_ra && grep -qx 0 forwarding && grep -qx 0 autoconf'");
    run("ip -n hub -6 route show table local | grep -q 'fd80::1 dev w7'; ip -n hub route show table all dev w7 | grep -vE 'table local|multicast'; test $? = 1");
    give_back(hub);
    unmake("att0");
}

static void nothing_is_said_in_the_hub_by_the_kernel_itself(void **state)
{
    struct attached_plan plan = plan_of("att0");
    make_veth();
    run("ip link set att0 up; echo 0 >/proc/sys/net/ipv6/conf/att0/router_solicitations");
    plan.hub6 = NULL;
    usleep(100000);
    run("ip -n far -s -o link show p0 | grep -oE 'RX:.*TX' | awk '{print $8}' >/run/heard");
    take(&plan);
    usleep(300000);
    run("ip -n far -s -o link show p0 | grep -oE 'RX:.*TX' | awk '{print $8}' | diff - /run/heard && test -s /run/heard");
    run("test $(ip netns exec hub cat /proc/sys/net/ipv6/conf/w7/disable_ipv6) = 1");
    give_back(hub);
    unmake("att0");
}

static void deleting_the_spokes_leaves_it(void **state)
{
    struct attached_plan plan = plan_of("att0");
    struct failure f = {{0}};
    make_veth();
    take(&plan);
    sure(spokes_delete(hub, NULL, 0, &f), &f);
    give_back(hub);
    assert_int_equal(if_nametoindex("att0"), 40);
    unmake("att0");
}

/* ---- killed half-way ---- */

static void step_record(const struct attached_plan *plan)
{
    struct attached_host here;
    struct link_state link;
    struct failure f = {{0}};
    sure(attached_host_open(&here, &f), &f);
    sure(attached_record_save(plan, here.socket, &link, &f), &f);
    attached_host_close(&here);
}

static void step_move_out(const struct attached_plan *plan)
{
    struct attached_host here;
    struct failure f = {{0}};
    step_record(plan);
    sure(attached_host_open(&here, &f), &f);
    sure(attached_move_out(plan, if_nametoindex(plan->interface), here.socket, &f), &f);
    attached_host_close(&here);
}

static void step_take(const struct attached_plan *plan)
{
    take(plan);
}

static void step_move_back(const struct attached_plan *plan)
{
    struct attached_host here;
    struct attached_record r;
    struct failure f = {{0}};
    uint32_t index;
    bool found;
    take(plan);
    sure(attached_host_open(&here, &f) && attached_record_load(plan->network, plan->workload, &r, &found, &f), &f);
    sure(attached_move_back(&r, hub, &here, &index, &f), &f);
    assert_int_equal(index, 40);
    attached_record_free(&r);
    attached_host_close(&here);
}

static void (*const deaths[])(const struct attached_plan *plan) = {step_record, step_move_out, step_take, step_move_back};
#define DEATHS (sizeof deaths / sizeof *deaths)

static void whoever_is_killed_half_way_is_mended_by_a_return(void **state)
{
    struct attached_plan plan = plan_of("att0");
    make_veth();
    dress("att0");
    for (size_t i = 0; i < DEATHS; i++) {
        char *before = host_looks();
        die_after(deaths[i], &plan);
        assert_true(is_recorded());
        give_back(hub);
        host_looks_as(before);
    }
    unmake("att0");
}

/* Where the first record is lost, so is what the interface had. */
static void whoever_is_killed_half_way_is_mended_by_taking_it_again(void **state)
{
    struct attached_plan plan = plan_of("att0");
    struct failure f = {{0}};
    make_veth();
    dress("att0");
    for (size_t i = 0; i < DEATHS; i++) {
        char *before = host_looks();
        die_after(deaths[i], &plan);
        sure(take_fails(&plan, &f), &f);
        give_back(hub);
        host_looks_as(before);
    }
    unmake("att0");
}

static void a_file_half_written_is_no_record(void **state)
{
    struct attached_plan plan = plan_of("att0");
    make_veth();
    char *before = host_looks();
    run("echo half >" RECORD ".new");
    give_back(hub);
    take(&plan);
    run("echo half >" RECORD ".new");
    give_back(hub);
    host_looks_as(before);
    unmake("att0");
}

/* ---- the way back is not as it was ---- */

static void a_second_return_is_no_failure(void **state)
{
    struct attached_plan plan = plan_of("att0");
    struct failure f = {{0}};
    make_veth();
    take(&plan);
    give_back(hub);
    give_back(hub);
    give_back(-1);
    sure(attached_return_all("shop", hub, &f) && attached_return_all("nowhere", hub, &f), &f);
    unmake("att0");
}

static void all_of_a_network_come_back_together(void **state)
{
    struct attached_plan web = plan_of("att0"), db = plan_of("alone0");
    struct failure f = {{0}};
    make_veth();
    make_alone();
    dress("att0");
    char *before = host_looks();
    db.workload = "db";
    db.hub_link = "w8";
    db.hub_index = 908;
    take(&web);
    take(&db);
    sure(attached_return_all("shop", hub, &f), &f);
    host_looks_as(before);
    unmake("att0");
    unmake("alone0");
}

static void an_interface_that_is_gone_with_the_hub_is_forgotten(void **state)
{
    struct attached_plan plan = plan_of("att0");
    struct failure f = {{0}};
    make_veth();
    dress("att0");
    sure(netns_create("hub2", &plan.hub_ns_fd, &f) && hub_prepare(plan.hub_ns_fd, &f), &f);
    take(&plan);
    close(plan.hub_ns_fd);
    sure(netns_delete("hub2", &f), &f);
    run("while ip -n far link show p0 >/dev/null 2>&1; do sleep 0.01; done");
    give_back(-1);
    assert_false(is_recorded());
    run("ip -6 route del 2001:db8:14::/48");
}

static void an_interface_that_is_gone_from_the_hub_is_forgotten(void **state)
{
    struct attached_plan plan = plan_of("att0");
    make_veth();
    take(&plan);
    run("ip -n hub link delete w7");
    give_back(hub);
    assert_false(is_recorded());
}

/* As the kernel does it with a device that is no virtual one. */
static void an_interface_that_fell_back_by_itself_gets_what_it_had(void **state)
{
    static const char *const names[] = {"w7", "dev907"};
    struct attached_plan plan = plan_of("att0");
    struct failure f = {{0}};
    for (size_t i = 0; i < 2; i++) {
        make_veth();
        dress("att0");
        char *before = host_looks();
        take(&plan);
        runf("ip -n hub link set w7 netns host name %s", names[i]);
        refuses(attached_return("shop", "web", -1, &f), &f, "its number, 40: it has 907 now", "1 lost");
        assert_int_equal(if_nametoindex("att0"), HUB_INDEX);
        host_looks_as(before);
        unmake("att0");
        run("ip -6 route del 2001:db8:14::/48");
    }
}

static void a_name_that_is_taken_keeps_it_in_the_hub_until_it_is_free(void **state)
{
    struct attached_plan plan = plan_of("att0");
    struct failure f = {{0}};
    make_veth();
    dress("att0");
    char *before = host_looks();
    take(&plan);
    run("ip link add att0 type ifb");
    refuses(attached_return("shop", "web", hub, &f), &f, "another interface att0", "rename or remove it");
    run("ip -n hub -o link show w7 | grep -q '^907:.*,UP'");
    assert_true(is_recorded());
    unmake("att0");
    /* Also where it fell back. */
    run("ip -n hub link set w7 netns host; ip link add att0 type ifb");
    refuses(attached_return("shop", "web", -1, &f), &f, "another interface att0", "rename or remove it");
    unmake("att0");
    run("ip link set w7 netns hub; ip -n hub link set w7 netns elsewhere; ip -n elsewhere link add link-907 index 907 type ifb 2>/dev/null; "
        "ip -n elsewhere link delete link-907 2>/dev/null; ip -n elsewhere link set w7 netns hub");
    give_back(hub);
    assert_int_equal(if_nametoindex("att0"), 40);
    host_looks_as(before);
    unmake("att0");
}

static void a_number_that_is_taken_is_named_and_the_rest_comes_back(void **state)
{
    struct attached_plan plan = plan_of("att0");
    struct failure f = {{0}};
    make_veth();
    dress("att0");
    char *before = host_looks();
    take(&plan);
    run("ip link add rival0 index 40 type ifb");
    refuses(attached_return("shop", "web", hub, &f), &f, "its number, 40", "1 lost");
    assert_false(is_recorded());
    unmake("rival0");
    host_looks_as(before);
    unmake("att0");
}

static void a_link_of_another_mac_address_is_not_taken_for_it(void **state)
{
    struct attached_plan plan = plan_of("att0");
    struct failure f = {{0}};
    make_veth();
    run("ip link set att0 address 02:00:00:aa:bb:cc");
    char *before = host_looks();
    take(&plan);
    run("ip -n hub link set w7 address 02:00:00:aa:bb:cd");
    refuses(attached_return("shop", "web", hub, &f), &f, "another MAC address", "02:00:00:aa:bb:cc");
    assert_true(is_recorded());
    run("ip -n hub link set w7 address 02:00:00:aa:bb:cc");
    give_back(hub);
    host_looks_as(before);
    unmake("att0");
}

static void what_cannot_be_made_again_is_named(void **state)
{
    struct attached_plan plan = plan_of("att0");
    struct failure f = {{0}};
    make_veth();
    dress("att0");
    take(&plan);
    run("ip link set other0 down");
    refuses(attached_return("shop", "web", hub, &f), &f, "the route 10.4.0.0/16", "att0 is back");
    assert_false(is_recorded());
    run("ip route show 10.1.0.0/16 | grep -q att0; ip -6 route show 2001:db8:11::/48 | grep -q att0; ip -o link show att0 | grep -q ,UP");
    unmake("att0");
    run("ip link set other0 up; ip route add default via 172.16.0.2; ip addr replace 2001:db8:f::1/64 dev other0 nodad; ip -6 route replace default via 2001:db8:f::2");
}

static void a_return_from_another_namespace_touches_nothing(void **state)
{
    struct attached_plan plan = plan_of("att0");
    struct failure f = {{0}};
    make_veth();
    take(&plan);
    sure(netns_enter(elsewhere, &f), &f);
    refuses(attached_return("shop", "web", hub, &f), &f, "another network namespace", "att0");
    refuses(attached_return_all("shop", hub, &f), &f, "another network namespace", "att0");
    sure(netns_enter(host, &f), &f);
    assert_true(is_recorded());
    run("ip -n hub link show w7 >/dev/null");
    give_back(hub);
    unmake("att0");
}

static void what_was_taken_from_a_namespace_that_is_gone_is_forgotten(void **state)
{
    struct attached_plan plan = plan_of("gone0");
    struct failure f = {{0}};
    int gone = -1;
    sure(netns_create("gone", &gone, &f) && netns_enter(gone, &f), &f);
    run("ip link add gone0 type ifb");
    take(&plan);
    sure(netns_enter(host, &f) && netns_delete("gone", &f), &f);
    close(gone);
    give_back(hub);
    assert_false(is_recorded());
    run("ip -n hub link delete w7");
}

/* ---- a taking that fails ---- */

static void a_taking_that_fails_leaves_all_as_it_was(void **state)
{
    static const struct link_address no_family = {6, {0xff, 2, [15] = 1}}; /* no unicast address: the kernel refuses it late */
    struct attached_plan plan = plan_of("att0");
    struct failure f = {{0}};
    make_veth();
    dress("att0");
    char *before = host_looks();
    run("ip -n hub link add w7 type ifb");
    refuses(take_fails(&plan, &f), &f, "the hub has a link w7 already", "take the network shop down");
    run("ip -n hub link delete w7; ip -n hub link add x7 index 907 type ifb");
    refuses(take_fails(&plan, &f), &f, "number 907", "x7");
    run("ip -n hub link delete x7");
    plan.hub6 = &no_family;
    refuses(take_fails(&plan, &f), &f, "add the address", "");
    plan = plan_of("att0");
    plan.interface = "nothing0";
    refuses(take_fails(&plan, &f), &f, "nothing0", "");
    plan.interface = "lo";
    refuses(take_fails(&plan, &f), &f, "lo cannot be attached", "");
    plan = plan_of("att0");
    plan.workload = "../x";
    refuses(take_fails(&plan, &f), &f, "../x", "");
    host_looks_as(before);
    unmake("att0");
}

/* The kernel looks at numbers first, and at a name only behind the move where the old name is free. */
static void a_move_that_fails_half_way_is_taken_back(void **state)
{
    struct attached_plan plan = plan_of("att0");
    struct attached_host here;
    struct failure f = {{0}};
    make_veth();
    dress("att0");
    char *before = host_looks();
    sure(attached_host_open(&here, &f), &f);
    run("ip -n hub link add w7 type ifb");
    step_record(&plan);
    assert_false(attached_move_out(&plan, 40, here.socket, &f));
    assert_int_equal(if_nametoindex("att0"), 0);
    give_back(hub);
    run("ip -n hub link delete w7; ip -n hub link add x7 index 907 type ifb");
    step_record(&plan);
    assert_false(attached_move_out(&plan, 40, here.socket, &f));
    assert_int_equal(if_nametoindex("att0"), 40);
    give_back(hub);
    run("ip -n hub link show x7 >/dev/null; ip -n hub link delete x7");
    host_looks_as(before);
    attached_host_close(&here);
    unmake("att0");
}

/* ---- refusals ---- */

static void refused(const struct attached_plan *plan, const char *word, const char *advice)
{
    struct failure f = {{0}};
    refuses(attached_preflight(plan, &f), &f, word, advice);
    assert_false(is_recorded());
}

static void accepted(const struct attached_plan *plan)
{
    struct failure f = {{0}};
    sure(attached_preflight(plan, &f), &f);
}

static void what_is_no_fit_interface_is_refused(void **state)
{
    struct attached_plan plan = plan_of("nothing0");
    refused(&plan, "nothing0 is not there", "ip link");
    static const char *const unsound[] = {"", "a/b", "..", "all", "default", "a b", "a123456789012345"};
    for (size_t i = 0; i < sizeof unsound / sizeof *unsound; i++) {
        plan.interface = unsound[i];
        refused(&plan, "cannot be an interface", unsound[i]);
    }
    plan.interface = "lo";
    refused(&plan, "loopback", "attach another");
    run("ip tuntap add mode tun name tun0");
    plan.interface = "tun0";
    refused(&plan, "no MAC address", "attach another");
    run("ip tuntap del mode tun name tun0");
    make_veth();
    run("ip link property add dev att0 altname thewall");
    plan.interface = "thewall";
    refused(&plan, "another name of the interface att0", "use that one");
    plan.interface = "att0";
    run("ip link set att0 mtu 1000");
    refused(&plan, "too small for IPv6", "ip link set att0 mtu 1280");
    plan.hub6 = NULL;
    accepted(&plan);
    unmake("att0");
}

static void a_part_of_a_bridge_is_refused(void **state)
{
    struct attached_plan plan = plan_of("att0");
    make_veth();
    run("ip link add br0 type bridge; ip link set att0 master br0");
    refused(&plan, "bridge or bond", "ip link set att0 nomaster");
    run("ip link delete br0");
    accepted(&plan);
    unmake("att0");
}

static void what_others_stand_upon_is_refused(void **state)
{
    struct attached_plan plan = plan_of("att0");
    make_veth();
    run("ip link add upper0 link att0 type macvlan");
    refused(&plan, "upper0 stands upon att0", "ip link delete upper0");
    unmake("upper0");
    run("ip link add upper0 type vxlan id 5 dev att0 dstport 4789");
    refused(&plan, "upper0 stands upon att0", "ip link delete upper0");
    unmake("upper0");
    accepted(&plan);
    unmake("att0");
    run("ip link add att0 type veth peer name peer0");
    accepted(&plan);
    unmake("att0");
}

static void the_hosts_way_out_is_refused(void **state)
{
    struct attached_plan plan = plan_of("att0");
    refused(&(struct attached_plan){.network = "shop", .workload = "web", .interface = "other0"}, "IPv4 default route goes by other0", "ip route replace default");
    make_veth();
    run("ip link set att0 up; ip addr add 192.0.2.1/24 dev att0; ip addr add 2001:db8:1::1/64 dev att0 nodad");
    run("ip route add default via 192.0.2.9 table 100");
    accepted(&plan);
    run("ip route add default via 192.0.2.9 metric 500");
    refused(&plan, "IPv4 default route goes by att0", "ip route replace default");
    run("ip route del default metric 500; ip route add default metric 500 nexthop via 172.16.0.2 dev other0 nexthop via 192.0.2.9 dev att0");
    refused(&plan, "IPv4 default route goes by att0", "ip route replace default");
    run("ip route del default metric 500; ip -6 route add default via fe80::1 dev att0 proto ra metric 2000");
    refused(&plan, "IPv6 default route goes by att0", "ip -6 route replace default");
    run("ip -6 route del default metric 2000");
    accepted(&plan);
    unmake("att0");
}

static void routes_that_could_not_be_put_back_are_refused(void **state)
{
    struct attached_plan plan = plan_of("att0");
    make_veth();
    run("ip link set att0 up; ip addr add 192.0.2.1/24 dev att0; ip addr add 2001:db8:1::1/64 dev att0 nodad");
    run("ip route add 10.99.0.0/16 dev other0 src 192.0.2.1");
    refused(&plan, "source address 192.0.2.1", "ip route show src 192.0.2.1");
    run("ip addr add 192.0.2.1/32 dev other0");
    accepted(&plan);
    run("ip route del 10.99.0.0/16; ip addr del 192.0.2.1/32 dev other0; ip -6 route add 2001:db8:99::/48 dev other0 src 2001:db8:1::1");
    refused(&plan, "source address 2001:db8:1::1", "ip route show src");
    run("ip -6 route del 2001:db8:99::/48; ip nexthop add id 5 via 192.0.2.9 dev att0");
    refused(&plan, "nexthop objects", "ip nexthop flush dev att0");
    run("ip route add 10.99.0.0/16 nhid 5");
    refused(&plan, "nexthop objects", "ip nexthop");
    run("ip nexthop flush dev att0");
    accepted(&plan);
    run("for i in $(seq 0 79); do for j in $(seq 0 255); do echo route add 10.$i.$j.0/24 dev att0; done; done | ip -batch -");
    refused(&plan, "more than 20000 routes", "attach another");
    unmake("att0");
}

static void what_another_network_has_is_refused(void **state)
{
    struct attached_plan plan = plan_of("att0"), bank = plan_of("att0");
    bank.network = "bank";
    make_veth();
    step_record(&bank); /* by a process that was killed after it */
    struct failure f = {{0}};
    refuses(attached_preflight(&plan, &f), &f, "attached to the network bank already, as its workload web", "bulkhead down bank");
    accepted(&bank);
    sure(attached_return("bank", "web", hub, &f), &f);
    accepted(&plan);
    take(&bank);
    refuses(attached_preflight(&plan, &f), &f, "attached to the network bank already", "bulkhead down bank");
    sure(attached_return("bank", "web", hub, &f), &f);
    step_record(&plan);
    plan.workload = "db";
    refuses(attached_preflight(&plan, &f), &f, "attached to the network shop already, as its workload web", "attach another");
    give_back(hub);
    struct stat own;
    assert_int_equal(stat("/proc/thread-self/ns/net", &own), 0);
    for (int i = 0; i < 2; i++) {
        runf("printf 'bulkhead-uplink 1\\nnetns %llu\\ninterface %s\\nlink %s\\n' >" STATE_ROOT "/bank/uplink", (unsigned long long)own.st_ino, i ? "att0" : "x0", i ? "x0" : "att0");
        refuses(attached_preflight(&plan, &f), &f, "uplink of the network bank", "bulkhead down bank");
    }
    runf("printf 'bulkhead-uplink 1\\nnetns 1\\ninterface att0\\nlink x0\\n' >" STATE_ROOT "/bank/uplink");
    accepted(&plan);
    run("rm " STATE_ROOT "/bank/uplink");
    unmake("att0");
}

/* ---- garbage in the record ---- */

static void damaged(const char *text, size_t length)
{
    struct failure f = {{0}};
    sure(file_write(RECORD, bytes_of(text, length), &f), &f);
    refuses(attached_return("shop", "web", hub, &f), &f, "attached-web is damaged", "remove the file");
    refuses(attached_return_all("shop", hub, &f), &f, "attached-web is damaged", "remove the file");
}

static void a_record_that_is_cut_short_or_changed_is_refused(void **state)
{
    struct attached_plan plan = plan_of("att0");
    struct failure f = {{0}};
    char *text;
    size_t size;
    make_veth();
    dress("att0");
    char *before = host_looks();
    step_record(&plan);
    sure(file_read(RECORD, ATTACHED_RECORD_MAX, &text, &size, &f), &f);
    for (size_t cut = 0; cut < size; cut += 1 + cut / 100)
        damaged(text, cut);
    damaged(text, size - 1);
    char *changed = malloc(size + 1);
    assert_non_null(changed);
    memcpy(changed, text, size + 1);
    changed[size - 2] = 0;
    damaged(changed, size);
    /* Whatever octet is wrong: never a crash, and all that the interface loses is what the record no longer says. */
    for (size_t i = 0; i < size; i += 7) {
        struct attached_record r;
        bool found;
        memcpy(changed, text, size + 1);
        changed[i] ^= (char)(1 << i % 8);
        sure(file_write(RECORD, bytes_of(changed, size), &f), &f);
        if (attached_record_load("shop", "web", &r, &found, &f))
            attached_record_free(&r);
    }
    sure(file_write(RECORD, bytes_of(text, size), &f), &f);
    give_back(hub);
    host_looks_as(before);
    free(changed);
    free(text);
    unmake("att0");
}

static const char head[] = "bulkhead-attached 1\nnetns 5\ninterface att0\nindex 40\nhub-link w7\nhub-index 907\nmac 020000000001\nmtu 1500\ngroup 0\nup 1\nrunning 0\n";

static void hostile_lines_are_refused(void **state)
{
    static const char *const lines[] = {
        "bulkhead-attached 2\nend\n", "interface ../x\nend\n", "interface all\nend\n", "mac 02000000000\nend\n", "mac 02000000000g\nend\n",
        "index 4294967296\nend\n", "index -1\nend\n", "index \nend\n", "up 2\nend\n", "setting ipv4/conf/../../../kernel/hostname x\nend\n",
        "setting kernel/hostname x\nend\n", "setting ipv4/conf/rp_filter\nend\n", "setting ipv4/conf/ x\nend\n", "setting ipv4/conf/rp_filter \x01\nend\n",
        "word\nend\n", "word x\nend\n", "address \nend\n", "address 02\nend\n", "address 0218000029000000\nend\n", "address 1118000028000000\nend\n",
        "route 02100000fe0300010000000\nend\n", "route 021000000000000000000000\nend\n", "route 0210000000000000000000000800040029000000\nend\n",
        "route 02100000000000000000000008000900ffff000028000000\nend\n", "neighbour 020000002900000080000000\nend\n", "end\nmore\n", "end", "",
    };
    char text[1024];
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        snprintf(text, sizeof text, "%s%s", head, lines[i]);
        damaged(text, strlen(text));
    }
    damaged("end\n", 4);
    damaged("", 0);
    snprintf(text, sizeof text, "%.*send\n", (int)(strstr(head, "mtu") - head), head);
    damaged(text, strlen(text));
    /* So that this test can fail: these are as they must be, and nothing has the MAC. */
    struct failure f = {{0}};
    snprintf(text, sizeof text, "%ssetting ipv4/conf/rp_filter 1\naddress 0218000028000000\nroute 0210000000000000000000000800040028000000\n"
                                "neighbour 020000002800000080000000\nend\n", head);
    sure(file_write(RECORD, bytes_of_text(text), &f), &f);
    give_back(hub);
    assert_false(is_recorded());
}

static void a_record_that_only_the_kernel_refuses_loses_that_only(void **state)
{
    struct failure f = {{0}};
    struct stat own;
    make_veth();
    run("ip link set att0 address 02:00:00:00:00:01");
    assert_int_equal(stat("/proc/thread-self/ns/net", &own), 0);
    runf("printf '%s' | sed 's/^netns .*/netns %llu/' >" RECORD, head, (unsigned long long)own.st_ino);
    run("printf 'setting ipv4/conf/rp_filter many\naddress 0218000028000000\nend\n' >>" RECORD);
    refuses(attached_return("shop", "web", hub, &f), &f, "2 lost", "rp_filter");
    run("ip -o link show att0 | grep -q ',UP'");
    unmake("att0");
}

/* Whatever a test that failed has left. */
static int clear_up(void **state)
{
    struct failure f;
    (void)!netns_enter(host, &f);
    return system("{ for i in att0 alone0 tap0 w7 dev907 rival0; do ip link delete $i; done; for i in w7 w8 x7 att0; do ip -n hub link delete $i; done; "
                  "rm -f " STATE_ROOT "/*/attached-* " STATE_ROOT "/bank/*; ip -6 route del 2001:db8:14::/48; } >/dev/null 2>&1; true");
}

int main(void)
{
    if (geteuid() != 0) {
        printf("skipped: network namespaces need root\n");
        return 77;
    }
#define TEST(name) cmocka_unit_test_teardown(name, clear_up)
    const struct CMUnitTest tests[] = {
        TEST(a_veth_gets_back_all_that_it_had),
        TEST(a_device_without_a_peer_gets_back_all_that_it_had),
        TEST(a_device_without_a_carrier_gets_back_all_that_it_had),
        TEST(an_interface_with_the_kernels_own_link_local_address_gets_it_back),
        TEST(an_interface_whose_link_local_address_was_deleted_gets_none),
        TEST(an_interface_that_is_down_stays_down),
        TEST(an_interface_without_ipv6_stays_without),
        TEST(what_is_left_of_lifetimes_is_kept),
        TEST(temporary_addresses_are_made_anew),
        TEST(an_address_that_is_somebody_elses_is_tried_again),
        TEST(routes_that_came_in_the_meantime_stay),
        TEST(many_routes_come_back_soon),
        TEST(the_hub_has_it_as_planned),
        TEST(nothing_is_said_in_the_hub_by_the_kernel_itself),
        TEST(deleting_the_spokes_leaves_it),
        TEST(whoever_is_killed_half_way_is_mended_by_a_return),
        TEST(whoever_is_killed_half_way_is_mended_by_taking_it_again),
        TEST(a_file_half_written_is_no_record),
        TEST(a_second_return_is_no_failure),
        TEST(all_of_a_network_come_back_together),
        TEST(an_interface_that_is_gone_with_the_hub_is_forgotten),
        TEST(an_interface_that_is_gone_from_the_hub_is_forgotten),
        TEST(an_interface_that_fell_back_by_itself_gets_what_it_had),
        TEST(a_name_that_is_taken_keeps_it_in_the_hub_until_it_is_free),
        TEST(a_number_that_is_taken_is_named_and_the_rest_comes_back),
        TEST(a_link_of_another_mac_address_is_not_taken_for_it),
        TEST(what_cannot_be_made_again_is_named),
        TEST(a_return_from_another_namespace_touches_nothing),
        TEST(what_was_taken_from_a_namespace_that_is_gone_is_forgotten),
        TEST(a_taking_that_fails_leaves_all_as_it_was),
        TEST(a_move_that_fails_half_way_is_taken_back),
        TEST(what_is_no_fit_interface_is_refused),
        TEST(a_part_of_a_bridge_is_refused),
        TEST(what_others_stand_upon_is_refused),
        TEST(the_hosts_way_out_is_refused),
        TEST(routes_that_could_not_be_put_back_are_refused),
        TEST(what_another_network_has_is_refused),
        TEST(a_record_that_is_cut_short_or_changed_is_refused),
        TEST(hostile_lines_are_refused),
        TEST(a_record_that_only_the_kernel_refuses_loses_that_only),
    };
    return cmocka_run_group_tests(tests, stage_set, NULL);
}
