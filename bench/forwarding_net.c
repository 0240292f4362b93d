/* SPDX-License-Identifier: Apache-2.0 */
#include "forwarding_net.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bed.h"
#include "bench/forwarding_redirect.skel.h"
#include "enforce/links.h"
#include "enforce/netlink.h"
#include "enforce/netns.h"
#include "policy/parse.h"

#define SOURCE "10.79.1.10"
#define TARGET "10.79.2.10"
#define SOURCE_LINK LINK_FIRST
#define TARGET_LINK (LINK_FIRST + 1)
#define MTU 1500
#define SYSFS "/tmp" /* in a mount namespace of our own */
#define MAPS_MAX 32

static struct link_address address_of(const char *text)
{
    struct link_address a = {.family = 4};
    if (inet_pton(AF_INET, text, a.octets) != 1)
        die("%s is no address", text);
    return a;
}

struct sockaddr_in net_target(uint16_t port)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port)};
    inet_pton(AF_INET, TARGET, &a.sin_addr);
    return a;
}

void net_prepare(void)
{
    struct failure f;
    if (geteuid() != 0)
        die("needs root");
    if (!datapath_probe(&f))
        die("%s", f.text);
    if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL))
        die("cannot make a mount namespace: %s", strerror(errno));
}

bool net_has_nft(void)
{
    return access("/usr/sbin/nft", X_OK) == 0 || access("/sbin/nft", X_OK) == 0;
}

/* ---- rules ---- */

/* Source and port of a rule that matches none of the traffic. */
static void print_other(struct text *out, const char *format, uint32_t i)
{
    uint32_t a = 0x80000000u + i * 257;
    char from[INET_ADDRSTRLEN];
    snprintf(from, sizeof from, "%u.%u.%u.%u", a >> 24, a >> 16 & 255, a >> 8 & 255, a & 255);
    unsigned port = 1000 + i % 50000;
    if (strcmp(format, "policy") == 0)
        text_printf(out, "  - {name: r%u, allow: {from: \"cidr:%s/32\", to: target, ports: %u/tcp}}\n", i, from, port);
    else if (strcmp(format, "linear") == 0)
        text_printf(out, "ip saddr %s ip daddr " TARGET " tcp dport %u accept\n", from, port);
    else
        text_printf(out, "%s . " TARGET " . tcp . %u : accept,\n", from, port);
}

static struct text policy_text(uint32_t rules)
{
    struct text out = text_new(((size_t)1 << 20) + (size_t)rules * 160);
    text_puts(&out, "bulkhead: v1\nname: bench\nsegments:\n  hub: {kind: hub, cidr: 10.79.255.0/24}\n"
        "  west: {cidr: 10.79.1.0/24}\n  east: {cidr: 10.79.2.0/24}\nworkloads:\n"
        "  source: {segment: west, address: " SOURCE "}\n  target: {segment: east, address: " TARGET "}\nrules:\n");
    for (uint32_t i = 0; i + 1 < rules; i++)
        print_other(&out, "policy", i);
    text_puts(&out, "  - {name: last, allow: {from: source, to: target, ports: [7000/udp, 7000-7002/tcp]}}\n");
    return out;
}

/* Answers need a rule of their own here: the one before the last. */
static struct text linear_text(uint32_t rules)
{
    struct text out = text_new(((size_t)1 << 20) + (size_t)rules * 160);
    text_puts(&out, "table ip bench {\nchain forward {\ntype filter hook forward priority 0; policy drop;\n");
    for (uint32_t i = 0; i + 2 < rules; i++)
        print_other(&out, "linear", i);
    text_puts(&out, "ip saddr " TARGET " ip daddr " SOURCE " meta l4proto { tcp, udp } th sport 7000-7002 accept\n"
        "ip saddr " SOURCE " ip daddr " TARGET " meta l4proto { tcp, udp } th dport 7000-7002 accept\n}\n}\n");
    return out;
}

static struct text sets_text(uint32_t rules)
{
    struct text out = text_new(((size_t)1 << 20) + (size_t)rules * 160);
    text_puts(&out, "table ip bench {\nmap flows {\ntype ipv4_addr . ipv4_addr . inet_proto . inet_service : verdict\nelements = {\n");
    for (uint32_t i = 0; i + 1 < rules; i++)
        print_other(&out, "sets", i);
    text_puts(&out, SOURCE " . " TARGET " . udp . 7000 : accept,\n" SOURCE " . " TARGET " . tcp . 7001 : accept,\n"
        SOURCE " . " TARGET " . tcp . 7002 : accept\n}\n}\nchain forward {\ntype filter hook forward priority 0; policy drop;\n"
        "ct state vmap { established : accept, related : accept, invalid : drop }\n"
        "ip saddr . ip daddr . meta l4proto . th dport vmap @flows\n}\n}\n");
    return out;
}

static void run_nft(const struct net *n, struct text *rules)
{
    FILE *file = tmpfile();
    if (!file || fwrite(rules->at, 1, rules->len, file) != rules->len || fflush(file))
        die("cannot write the rules for nft");
    rewind(file);
    pid_t child = fork();
    if (child == 0) {
        if (netns_enter(n->hub, NULL) && dup2(fileno(file), 0) == 0)
            execlp("nft", "nft", "-f", "-", (char *)NULL);
        _exit(127);
    }
    int status;
    if (child < 0 || waitpid(child, &status, 0) != child || status != 0)
        die("nft does not take the rules");
    fclose(file);
    text_free(rules);
}

/* ---- hubs ---- */

static void mac_of(uint8_t mac[6], uint32_t link, uint8_t side)
{
    uint8_t m[6] = {2, 0x62, 0x6b, 0, (uint8_t)link, side};
    memcpy(mac, m, 6);
}

static void make_spoke(struct net *n, uint32_t link, const char *own, const char *gateway, int *ret_ns)
{
    struct failure f;
    struct link_address address = address_of(own), hub = address_of(gateway);
    char name[32], hub_link[16];
    snprintf(name, sizeof name, "bench-fwd-%d-%u", (int)getpid(), link);
    snprintf(hub_link, sizeof hub_link, "w%u", link);
    struct spoke s = {.hub_ns_fd = n->hub, .netns = name, .hub_link = hub_link, .hub_index = link, .mtu = MTU, .addresses = &address,
        .address_count = 1, .hub4 = &hub};
    mac_of(s.workload_mac, link, 1);
    mac_of(s.hub_mac, link, 2);
    if (!spoke_create(&s, ret_ns, &f) || !netns_delete(name, &f))
        die("%s", f.text);
}

/* The kernel's forwarding, with routes and neighbours that need no asking. */
static void forward_by_kernel(const struct net *n)
{
    struct failure f;
    static const char *const gateways[] = {"10.79.1.1", "10.79.2.1"}, *const ends[] = {SOURCE, TARGET};
    int socket;
    if (!netns_sysctl(n->hub, "net/ipv4/ip_forward", "1", &f) || !netlink_open(n->hub, &socket, &f))
        die("%s", f.text);
    for (uint32_t i = 0; i < 2; i++) {
        struct link_address gateway = address_of(gateways[i]), end = address_of(ends[i]);
        uint8_t mac[6];
        mac_of(mac, LINK_FIRST + i, 1);
        if (!address_add(socket, LINK_FIRST + i, &gateway, &f) || !gateway_add(socket, LINK_FIRST + i, &end, mac, NULL, &f))
            die("%s", f.text);
    }
    close(socket);
}

/* Loads the other programs over the maps of the shipped ones, and takes their place. */
static void replace_program(struct datapath *d)
{
    struct forwarding_redirect_bpf *s = forwarding_redirect_bpf__open();
    uint32_t ids[MAPS_MAX];
    struct bpf_prog_info info = {.nr_map_ids = MAPS_MAX, .map_ids = (uintptr_t)ids};
    uint32_t size = sizeof info;
    if (!s || bpf_obj_get_info_by_fd(d->program, &info, &size))
        die("cannot look at the programs: %s", strerror(errno));
    for (uint32_t i = 0; i < info.nr_map_ids; i++) {
        struct bpf_map_info map = {0};
        size = sizeof map;
        int fd = bpf_map_get_fd_by_id(ids[i]);
        if (fd < 0 || bpf_obj_get_info_by_fd(fd, &map, &size))
            die("cannot look at map %u: %s", ids[i], strerror(errno));
        struct bpf_map *own = strstr(map.name, ".rodata") ? s->maps.rodata : bpf_object__find_map_by_name(s->obj, map.name);
        if (own && bpf_map__reuse_fd(own, fd))
            die("cannot use map %s: %s", map.name, strerror(errno));
        close(fd);
    }
    if (forwarding_redirect_bpf__load(s))
        die("cannot load the programs with bpf_redirect: %s", strerror(errno));
    close(d->program);
    d->program = fcntl(bpf_program__fd(s->progs.bulkhead_packet), F_DUPFD_CLOEXEC, 3);
    forwarding_redirect_bpf__destroy(s);
}

static bool attach(void *argument, struct failure *f)
{
    const struct net *n = argument;
    return datapath_attach(&n->datapath, SOURCE_LINK, f) && datapath_attach(&n->datapath, TARGET_LINK, f);
}

static uint32_t install(struct net *n)
{
    struct text text = policy_text(n->size);
    struct arena *arena = arena_create(policy_memory_limit(text.len)), *tables = arena_create((size_t)4 << 30);
    struct diags diags = diags_new(arena);
    struct policy *p = policy_parse(bytes_of(text.at, text.len), 42, NULL, arena, &diags);
    if (!p)
        die("line %u: %s", diags.items[0].place.line, diags.items[0].message);
    uint32_t links[2] = {SOURCE_LINK, TARGET_LINK}, generation;
    struct compile_options o = {.compiled = 1790000000, .seed = 4711, .links = links};
    struct failure f;
    struct compiled *c = compile_policy(p, &o, tables, &diags);
    if (!c || !datapath_install(&n->datapath, c, &generation, &f))
        die("cannot install: %s", c ? f.text : diags.items[0].message);
    arena_destroy(tables);
    arena_destroy(arena);
    text_free(&text);
    return generation;
}

static void forward_by_bulkhead(struct net *n)
{
    struct failure f;
    struct datapath_options o = {.links = LINK_FIRST + 18, .sessions = 131072, .timeouts = TIMEOUTS_DEFAULT};
    if (!datapath_load(&o, &n->datapath, &f))
        die("%s", f.text);
    datapath_switch(&n->datapath, install(n), 0);
    for (uint32_t link = SOURCE_LINK; link <= TARGET_LINK; link++) {
        struct link_entry e = {.kind = LINK_WORKLOAD, .mtu = MTU, .answers_per_second = ANSWERS_PER_SECOND};
        mac_of(e.mac, link, 1);
        mac_of(e.hub_mac, link, 2);
        if (!datapath_set_link(&n->datapath, link, &e, &f))
            die("%s", f.text);
    }
    if (n->kind == HUB_REDIRECT)
        replace_program(&n->datapath);
    if (!netns_run_in(n->hub, attach, n, &f))
        die("%s", f.text);
}

/* ---- steering ---- */

static bool steer(void *argument, struct failure *f)
{
    const char *link = argument;
    char path[128];
    snprintf(path, sizeof path, SYSFS "/class/net/%s/queues/rx-0/rps_cpus", link);
    if (mount("sysfs", SYSFS, "sysfs", 0, NULL))
        return fail_errno(f, errno, "mount sysfs");
    FILE *out = fopen(path, "we");
    bool ok = out && fputs("2\n", out) >= 0;
    ok = out && fclose(out) == 0 && ok;
    int error = errno;
    umount(SYSFS);
    return ok || fail_errno(f, error, "write %s", path);
}

void net_create(struct net *n)
{
    struct failure f;
    char name[32];
    snprintf(name, sizeof name, "bench-fwd-%d-hub", (int)getpid());
    if (!netns_create(name, &n->hub, &f) || !netns_delete(name, &f) || !hub_prepare(n->hub, &f))
        die("%s", f.text);
    make_spoke(n, SOURCE_LINK, SOURCE, "10.79.1.1", &n->source);
    make_spoke(n, TARGET_LINK, TARGET, "10.79.2.1", &n->target);
    if (n->kind == HUB_BULKHEAD || n->kind == HUB_REDIRECT)
        forward_by_bulkhead(n);
    else
        forward_by_kernel(n);
    struct text rules;
    if (n->kind == HUB_LINEAR || n->kind == HUB_SETS) {
        rules = n->kind == HUB_LINEAR ? linear_text(n->size) : sets_text(n->size);
        run_nft(n, &rules);
    }
    if (n->steering != STEER_NOT &&
        !netns_run_in(n->steering == STEER_HUB ? n->hub : n->target, steer, n->steering == STEER_HUB ? "w16" : WORKLOAD_LINK, &f))
        die("%s", f.text);
}

/* ---- counts ---- */

static bool read_counts(void *argument, struct failure *f)
{
    struct net_received *r = argument;
    char line[512];
    FILE *in = fopen("/proc/thread-self/net/snmp", "re");
    if (!in)
        return fail_errno(f, errno, "read the counters of UDP");
    while (fgets(line, sizeof line, in)) {
        if (strncmp(line, "Udp: ", 5) != 0 || line[5] < '0' || line[5] > '9')
            continue;
        char *at = line + 5;
        uint64_t in_datagrams = strtoull(at, &at, 10), no_ports = strtoull(at, &at, 10), in_errors = strtoull(at, &at, 10);
        r->datagrams = in_datagrams + no_ports + in_errors;
    }
    fclose(in);
    in = fopen("/proc/thread-self/net/dev", "re");
    if (!in)
        return fail_errno(f, errno, "read the interface's counters");
    while (fgets(line, sizeof line, in)) {
        char *at = strstr(line, WORKLOAD_LINK ":");
        if (at) {
            (void)strtoull(at + strlen(WORKLOAD_LINK ":"), &at, 10);
            r->packets = strtoull(at, NULL, 10);
        }
    }
    fclose(in);
    return true;
}

struct net_received net_received(const struct net *n)
{
    struct net_received r = {0};
    struct failure f;
    if (!netns_run_in(n->target, read_counts, &r, &f))
        die("%s", f.text);
    return r;
}
