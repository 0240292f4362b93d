/* SPDX-License-Identifier: Apache-2.0 */
#include "attached_stage.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "enforce/file.h"

static const struct link_address hub4 = {4, {10, 80, 0, 1}};
const struct link_address hub6 = {6, {0xfd, 0x80, [15] = 1}};

int host = -1, far = -1, elsewhere = -1, hub = -1;

void runf(const char *format, ...)
{
    char command[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(command, sizeof command, format, arguments);
    va_end(arguments);
    run(command);
}

/* A call that must fail, and what it must say. */
void refuses(bool done, const struct failure *f, const char *word, const char *other)
{
    assert_false(done);
    if (!strstr(f->text, word) || !strstr(f->text, other))
        fail_msg("neither '%s' nor '%s' may be missing in: %s", word, other, f->text);
}

struct attached_plan plan_of(const char *interface)
{
    return (struct attached_plan){.network = "shop", .workload = "web", .interface = interface, .hub_ns_fd = hub, .hub_link = "w7",
        .hub_index = HUB_INDEX, .hub4 = &hub4, .hub6 = &hub6};
}

static bool stage_make(struct failure *f)
{
    return stage_mounts(f) && netns_create("host", &host, f) && netns_create("far", &far, f) && netns_create("elsewhere", &elsewhere, f) &&
           netns_create("hub", &hub, f) && hub_prepare(hub, f) && netns_enter(host, f);
}

int stage_set(void **state)
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
void dress(const char *i)
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

void make_veth(void)
{
    run("ip link add att0 index 40 type veth peer name p0 netns far; ip -n far link set p0 up");
}

void make_alone(void)
{
    run("ip link add alone0 index 41 type ifb");
}

void make_tap(void)
{
    run("ip tuntap add mode tap name tap0");
}

void unmake(const char *interface)
{
    runf("ip link delete %s", interface);
}

/* All of the host that an attached interface could leave changed, as one text: without the number of the link and what passes by itself. */
char *host_looks(void)
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

void take(const struct attached_plan *plan)
{
    struct failure f = {{0}};
    uint8_t mac[6];
    uint32_t mtu;
    sure(attached_preflight(plan, &f), &f);
    sure(attached_take(plan, mac, &mtu, &f), &f);
}

void give_back(int hub_ns_fd)
{
    struct failure f = {{0}};
    sure(attached_return("shop", "web", hub_ns_fd, &f), &f);
}

bool take_fails(const struct attached_plan *plan, struct failure *f)
{
    uint8_t mac[6];
    uint32_t mtu;
    return attached_take(plan, mac, &mtu, f);
}

bool is_recorded(void)
{
    return access(RECORD, F_OK) == 0;
}

/* Runs the step in a process that dies right after it. */
void die_after(void (*step)(const struct attached_plan *plan), const struct attached_plan *plan)
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

void step_record(const struct attached_plan *plan)
{
    struct attached_host here;
    struct link_state link;
    struct failure f = {{0}};
    sure(attached_host_open(&here, &f), &f);
    sure(attached_record_save(plan, here.socket, &link, &f), &f);
    attached_host_close(&here);
}

/* Whatever a test that failed has left. */
int clear_up(void **state)
{
    struct failure f;
    (void)!netns_enter(host, &f);
    return system("{ for i in att0 alone0 tap0 w7 dev907 rival0; do ip link delete $i; done; for i in w7 w8 x7 att0; do ip -n hub link delete $i; done; "
                  "rm -f " STATE_ROOT "/*/attached-* " STATE_ROOT "/bank/*; ip -6 route del 2001:db8:14::/48; } >/dev/null 2>&1; true");
}
