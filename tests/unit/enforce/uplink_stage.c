/* SPDX-License-Identifier: Apache-2.0 */
#include "uplink_stage.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "enforce/file.h"
#include "enforce/state.h"

static const struct link_address outer4 = {4, {169, 254, 80, 1}};
const struct link_address outer6 = {6, {0xfd, 0x80, [15] = 1}};
static const struct uplink_prefix segments[] = {{{4, {10, 80, 0, 0}}, 16}, {{6, {0xfd, 0x81}}, 32}};
const struct uplink_port ports[PORTS] = {{IPPROTO_TCP, 8080}, {IPPROTO_TCP, 2222}, {IPPROTO_UDP, 5353}};

int host = -1, world = -1, other = -1, hub = -1;
static int hub2 = -1;

const char table_shop[] = "list table inet bulkhead-shop";

void must_nft(const char *commands)
{
    struct failure f = {{0}};
    sure(uplink_nft(commands, NULL, &f), &f);
}

struct uplink_plan plan_shop(void)
{
    return (struct uplink_plan){.network = "shop", .interface = "uplink0", .nat = true, .outer4 = &outer4, .outer6 = &outer6,
        .segments = segments, .segment_count = 2, .ports = ports, .port_count = 3, .hub_ns_fd = hub, .hub_link = "up0",
        .hub_index = 900, .hub_mac = {2, 0, 0, 0, 9, 1}, .host_mac = {2, 0, 0, 0, 9, 2}};
}

static const struct link_address bank4 = {4, {169, 254, 80, 5}};

struct uplink_plan plan_bank(void)
{
    struct uplink_plan plan = plan_shop();
    plan.network = "bank";
    plan.hub_ns_fd = hub2;
    plan.outer4 = &bank4;
    plan.outer6 = NULL;
    plan.port_count = 0;
    plan.host_mac[5] = 3;
    return plan;
}

static bool stage_make(struct failure *f)
{
    return stage_mounts(f) && netns_create("host", &host, f) && netns_create("world", &world, f) && netns_create("other", &other, f) &&
           netns_create("hub", &hub, f) && netns_create("hub2", &hub2, f) && hub_prepare(hub, f) && hub_prepare(hub2, f) &&
           netns_enter(host, f);
}

int stage_set(void **state)
{
    struct failure f = {{0}};
    if (!stage_make(&f)) {
        fprintf(stderr, "%s\n", f.text);
        return -1;
    }
    run("for n in host world other; do ip netns exec $n sh -c 'echo 1 >/proc/sys/net/ipv6/conf/default/addr_gen_mode'; done"); /* what comes late would look like a change */
    run("ip link set lo up; ip link add uplink0 type veth peer name w0 netns world; ip link add mgmt0 type veth peer name m0 netns other");
    run("ip addr add 192.0.2.1/24 dev uplink0; ip addr add 2001:db8:1::1/64 dev uplink0 nodad; ip link set uplink0 up");
    run("ip -n world link set lo up; ip -n world addr add 192.0.2.2/24 dev w0; ip -n world addr add 2001:db8:1::2/64 dev w0 nodad; ip -n world link set w0 up");
    run("ip addr add 198.51.100.1/24 dev mgmt0; ip link set mgmt0 up");
    run("ip -n other addr add 198.51.100.2/24 dev m0; ip -n other link set m0 up; ip -n other route add default via 198.51.100.1");
    /* Strict, and both families off: what the uplink needs it must see to itself. */
    run("echo 0 >/proc/sys/net/ipv4/ip_forward; echo 0 >/proc/sys/net/ipv6/conf/all/forwarding");
    run("for r in all default uplink0; do echo 1 >/proc/sys/net/ipv4/conf/$r/rp_filter; done; echo 1 >/proc/sys/net/ipv6/conf/mgmt0/forwarding");
    return 0;
}

/* The outer addresses on a plain stack in the hub, in place of Bulkhead's programs. */
void hub_speaks(void)
{
    struct failure f = {{0}};
    sure(netns_sysctl(hub, "net/ipv6/conf/up0/disable_ipv6", "0", &f), &f);
    sure(netns_sysctl(hub, "net/ipv6/conf/up0/accept_dad", "0", &f), &f);
    run("ip -n hub addr add 169.254.80.1/32 dev up0; ip -n hub addr add fd80::1/128 dev up0 nodad");
    run("ip -n hub route add 169.254.80.2 dev up0; ip -n hub neigh add 169.254.80.2 lladdr 02:00:00:00:09:02 dev up0");
    run("ip -n hub route add default via 169.254.80.2 src 169.254.80.1");
    run("ip -n hub route add fd80::2 dev up0; ip -n hub neigh add fd80::2 lladdr 02:00:00:00:09:02 dev up0");
    run("ip -n hub route add default via fd80::2 src fd80::1");
}

/*
 * A link is up at once, but a worker of the kernel says so to IPv6 and takes NO-CARRIER away: some time later, where the
 * machine is busy. The multicast route is the last that comes of it.
 */
void shop_settles(void)
{
    run("for i in $(seq 500); do ip -6 route show table local dev bh-shop | grep -q ff00::/8 && exit; sleep 0.01; done; exit 1");
}

/* Everything of the host that an uplink could leave changed, as one text. */
char *host_looks(void)
{
    char *text = NULL;
    size_t size;
    struct failure f = {{0}};
    run("{ ip -o link | sed 's/state.*//'; ip route show table all; ip -6 route show table all | sed 's/ expires.*//'; ip neigh show nud permanent; "
        "grep -H . /proc/sys/net/ipv4/conf/*/forwarding /proc/sys/net/ipv6/conf/*/forwarding /proc/sys/net/ipv4/conf/*/rp_filter; "
        "ls -A " STATE_ROOT " " STATE_ROOT "/shop; } >/run/looks");
    sure(file_read("/run/looks", 1 << 20, &text, &size, &f), &f);
    return text;
}

bool table_is_there(const char *list)
{
    char *text = NULL;
    bool is = uplink_nft(list, &text, NULL);
    free(text);
    return is;
}

char setting(const char *name)
{
    char path[256], value = 0;
    snprintf(path, sizeof path, "/proc/sys/net/%s", name);
    FILE *file = fopen(path, "re");
    if (file && fread(&value, 1, 1, file) != 1)
        value = 0;
    if (file)
        (void)fclose(file);
    return value;
}

/* How many entries of the host's connection tracking have this destination port. */
int tracked_to(const char *dport)
{
    int count = 0;
    char line[512];
    FILE *file = fopen("/proc/thread-self/net/nf_conntrack", "re");
    assert_non_null(file);
    while (fgets(line, sizeof line, file))
        count += strstr(line, dport) != NULL;
    (void)fclose(file);
    return count;
}

int tracked_published(void)
{
    return tracked_to("dport=8080 ") + tracked_to("dport=5353 ");
}

void create(const struct uplink_plan *plan)
{
    struct failure f = {{0}};
    sure(uplink_preflight(plan, &f), &f);
    sure(uplink_create(plan, &f), &f);
}

void delete(const char *network)
{
    struct failure f = {{0}};
    sure(uplink_delete(network, &f), &f);
}

unsigned check(const struct uplink_plan *plan, bool repair)
{
    struct failure f = {{0}};
    unsigned differ = 0;
    sure(uplink_check(plan, repair, &differ, &f), &f);
    return differ;
}
