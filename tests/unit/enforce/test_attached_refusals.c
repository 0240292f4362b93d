/* SPDX-License-Identifier: Apache-2.0 */
/* Which interfaces are not attached, and which records are not believed. Needs root. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "enforce/file.h"
#include "attached_stage.h"

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

int main(void)
{
    if (geteuid() != 0) {
        printf("skipped: network namespaces need root\n");
        return 77;
    }
#define TEST(name) cmocka_unit_test_teardown(name, clear_up)
    const struct CMUnitTest tests[] = {
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
