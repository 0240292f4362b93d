/* SPDX-License-Identifier: Apache-2.0 */
/* Attached interfaces as promised by enforce/attached.h: there and back, and back from wherever it went wrong. Needs root. */
#include <fcntl.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "attached_stage.h"

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
    };
    return cmocka_run_group_tests(tests, stage_set, NULL);
}
