/* SPDX-License-Identifier: Apache-2.0 */
#include "bed.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "bench/feed.skel.h"
#include "decide/uplink.h"
#include "enforce/links.h"
#include "enforce/netlink.h"
#include "policy/parse.h"
#include "report.h"

#define SEQUENCE 1000 /* of the SYN-ACK */

void die(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    exit(1);
}

void bed_prepare(uint32_t links)
{
    struct failure f;
    if (geteuid() != 0)
        die("needs root");
    if (!datapath_probe(&f))
        die("%s", f.text);
    if (unshare(CLONE_NEWNET))
        die("cannot make a network namespace: %s", strerror(errno));
    int self = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC), socket;
    if (!netlink_open(self, &socket, &f))
        die("%s", f.text);
    for (uint32_t i = 0; i < links; i++) {
        char near[16], far[16];
        snprintf(near, sizeof near, "near%u", i);
        snprintf(far, sizeof far, "far%u", i);
        struct veth_end a = {.ns_fd = self, .name = near, .index = LINK_FIRST + i}, b = {.ns_fd = self, .name = far, .index = 1000 + i};
        if (!veth_create(socket, &a, &b, 1500, &f))
            die("%s", f.text);
    }
    close(socket);
    close(self);
}

struct feed_bpf *feed_load(uint32_t frames, uint32_t bare_entries)
{
    struct feed_bpf *f = feed_bpf__open();
    if (!f || bpf_map__set_max_entries(f->maps.frames, frames) || bpf_map__set_max_entries(f->maps.bare_table_v4, bare_entries) ||
        bpf_map__set_max_entries(f->maps.bare_table_v6, bare_entries) || feed_bpf__load(f))
        die("cannot load the feeding programs: %s", strerror(errno));
    return f;
}

struct feed_frame *feed_frames(struct feed_bpf *f, uint32_t count)
{
    void *at = mmap(NULL, count * sizeof(struct feed_frame), PROT_READ | PROT_WRITE, MAP_SHARED, bpf_map__fd(f->maps.frames), 0);
    if (at == MAP_FAILED)
        die("cannot map the frames: %s", strerror(errno));
    return at;
}

void feed_target(struct feed_bpf *f, uint32_t number, int program)
{
    if (bpf_map_update_elem(bpf_map__fd(f->maps.targets), &number, &program, BPF_ANY))
        die("cannot enter program %u: %s", number, strerror(errno));
}

double feed_run(struct feed_bpf *f, uint32_t target, uint32_t link, uint32_t packets)
{
    static uint8_t in[FRAME_BYTES];
    memset(in, 0, sizeof in);
    in[12] = 8;
    in[14] = 0x45;
    struct __sk_buff skb = {.ifindex = link};
    LIBBPF_OPTS(bpf_test_run_opts, o, .data_in = in, .data_size_in = sizeof in, .ctx_in = &skb, .ctx_size_in = sizeof skb, .repeat = (int)packets);
    f->bss->state.target = target;
    uint64_t start = cpu_ns();
    int error = bpf_prog_test_run_opts(bpf_program__fd(f->progs.feed), &o);
    uint64_t end = cpu_ns();
    if (error)
        die("BPF_PROG_TEST_RUN: %s", strerror(-error));
    if (o.retval != BED_REDIRECT)
        die("target %u did not let the last packet pass: it returned %u", target, o.retval);
    return (double)(end - start) / packets;
}

uint32_t bed_link(uint32_t workload)
{
    return workload == NONE ? BED_UPLINK : BED_WORKLOAD + workload;
}

uint32_t bed_install(struct bed *b)
{
    uint32_t links[RULES_WORKLOADS_MAX], generation;
    for (uint32_t i = 0; i < RULES_WORKLOADS_MAX; i++)
        links[i] = BED_WORKLOAD + i;
    struct failure f;
    struct diags diags = diags_new(b->arena);
    struct arena *tables = arena_create((size_t)16 << 30);
    struct compile_options o = {.compiled = 1790000000, .seed = 4711, .links = links};
    struct compiled *c = compile_policy(b->policy, &o, tables, &diags);
    if (!c)
        die("cannot compile: %s", diags.items[0].message);
    if (!datapath_install(&b->datapath, c, &generation, &f))
        die("%s", f.text);
    arena_destroy(tables);
    return generation;
}

static void set_mac(uint8_t mac[6], uint8_t side, uint32_t link)
{
    uint8_t m[6] = {2, 0, 0, side, (uint8_t)(link >> 8), (uint8_t)link};
    memcpy(mac, m, 6);
}

static void set_links(struct bed *b)
{
    for (uint32_t link = BED_UPLINK; link < BED_WORKLOAD + b->policy->workload_count; link++) {
        struct link_entry e = {.kind = link == BED_UPLINK ? LINK_UPLINK : LINK_WORKLOAD, .mtu = 1500, .answers_per_second = ANSWERS_PER_SECOND};
        set_mac(e.mac, 1, link);
        set_mac(e.hub_mac, 2, link);
        const struct address *outer4 = uplink_outer_address(b->policy, 4), *outer6 = uplink_outer_address(b->policy, 6);
        if (link == BED_UPLINK && outer4)
            memcpy(&e.hub_v4, outer4->octets, 4);
        if (link == BED_UPLINK && outer6)
            memcpy(e.hub_v6, outer6->octets, 16);
        struct failure f;
        if (!datapath_set_link(&b->datapath, link, &e, &f))
            die("%s", f.text);
    }
}

struct bed *bed_new(char family, uint32_t rules, uint32_t sessions)
{
    struct bed *b = calloc(1, sizeof *b);
    if (!b)
        die("out of memory");
    b->rules = rules_of(family, rules);
    struct text text = text_new(rules_text_limit(&b->rules));
    rules_print(&b->rules, &text);
    b->arena = arena_create(policy_memory_limit(text.len));
    struct diags diags = diags_new(b->arena);
    b->policy = policy_parse(bytes_of(text.at, text.len), 42, NULL, b->arena, &diags);
    text_free(&text);
    if (!b->policy)
        die("%c, %u rules: line %u: %s", family, rules, diags.items[0].place.line, diags.items[0].message);
    struct failure f;
    struct datapath_options o = {.links = datapath_links(b->policy->workload_count), .sessions = sessions, .timeouts = TIMEOUTS_DEFAULT, .uplink = BED_UPLINK, .nat = true};
    if (!datapath_load(&o, &b->datapath, &f))
        die("%s", f.text);
    set_links(b);
    datapath_switch(&b->datapath, bed_install(b), 0);
    return b;
}

void bed_free(struct bed *b)
{
    datapath_close(&b->datapath);
    arena_destroy(b->arena);
    free(b);
}

static void put16(uint8_t *at, uint32_t value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

struct feed_frame bed_frame(const struct rules_flow *f, uint16_t from_port, uint8_t flags, bool reply)
{
    struct feed_frame out = {{0}};
    uint8_t *o = out.bytes;
    const struct address *from = reply ? &f->to : &f->from, *to = reply ? &f->from : &f->to;
    uint32_t link = bed_link(reply ? f->to_workload : f->from_workload);
    set_mac(o, 2, link);
    set_mac(o + 6, 1, link);
    uint8_t *l4;
    if (from->family == 4) {
        put16(o + 12, 0x0800);
        o[14] = 0x45;
        put16(o + 16, FRAME_BYTES - 14);
        o[22] = 64;
        o[23] = 6;
        memcpy(o + 26, from->octets, 4);
        memcpy(o + 30, to->octets, 4);
        l4 = o + 34;
    } else {
        put16(o + 12, 0x86dd);
        o[14] = 0x60;
        put16(o + 18, FRAME_BYTES - 54);
        o[20] = 6;
        o[21] = 64;
        memcpy(o + 22, from->octets, 16);
        memcpy(o + 38, to->octets, 16);
        l4 = o + 54;
    }
    put16(l4, reply ? f->port : from_port);
    put16(l4 + 2, reply ? from_port : f->port);
    put16(l4 + 6, reply ? SEQUENCE : 1);
    put16(l4 + 10, reply ? 1 : SEQUENCE + 1);
    l4[12] = 0x50;
    l4[13] = flags;
    return out;
}

int bed_packet(const struct bed *b, uint32_t link, const struct feed_frame *f)
{
    struct __sk_buff skb = {.ifindex = link};
    LIBBPF_OPTS(bpf_test_run_opts, o, .data_in = f->bytes, .data_size_in = FRAME_BYTES, .ctx_in = &skb, .ctx_size_in = sizeof skb, .repeat = 1);
    int error = bpf_prog_test_run_opts(b->datapath.program, &o);
    return error ? error : (int)o.retval;
}

void bed_establish(struct bed *b, const struct rules_flow *f, uint16_t from_port)
{
    uint32_t source = bed_link(f->from_workload), target = bed_link(f->to_workload);
    struct feed_frame syn = bed_frame(f, from_port, TCP_SYN, false), answer = bed_frame(f, from_port, TCP_SYN | TCP_ACK, true),
                      ack = bed_frame(f, from_port, TCP_ACK, false);
    int first = bed_packet(b, source, &syn), second = bed_packet(b, target, &answer), third = bed_packet(b, source, &ack);
    if (first != BED_REDIRECT || second != BED_REDIRECT || third != BED_REDIRECT)
        die("a session that should be allowed is not: %d %d %d", first, second, third);
}
