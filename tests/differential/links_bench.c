/* SPDX-License-Identifier: Apache-2.0 */
#include "links_bench.h"

#include <fcntl.h>
#include <inttypes.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "compile/compile.h"
#include "enforce/netns.h"
#include "policy/parse.h"

static const char *const segments =
    "bulkhead: v1\nname: wires\n"
    "segments:\n"
    "  hub: {kind: hub, cidr: [10.80.0.0/24, \"fd80::/64\"]}\n"
    "  s1: {cidr: [10.80.1.0/24, \"fd80:0:0:1::/64\"]}\n"
    "  s2: {cidr: [10.80.2.0/24, \"fd80:0:0:2::/64\"]}\n"
    "workloads:\n"
    "  w0: {segment: s1, address: [10.80.1.10, \"fd80:0:0:1::10\"]}\n"
    "  w1: {segment: s1, address: [10.80.1.11, \"fd80:0:0:1::11\"]}\n"
    "  w2: {segment: s2, address: [10.80.2.12, \"fd80:0:0:2::12\"]}\n"
    "rules:\n"
    "  - name: r0\n    allow: {from: w0, to: [w1, w2], ports: [1-65535/tcp, 1-65535/udp, icmp]}\n";

bool bench_complain(struct bench *b, const char *what)
{
    if (!b->failed)
        printf("# seed %" PRIu64 ", frame %" PRIu64 ": %s\n", b->random.state, b->sent, what);
    b->failed = true;
    return false;
}

static void print_bytes(const char *what, const uint8_t *bytes, size_t length)
{
    printf("#   %s, %zu bytes:", what, length);
    for (size_t i = 0; i < length && i < 160; i++)
        printf("%s%02x", i % 16 == 0 ? "\n#     " : " ", bytes[i]);
    printf("%s\n", length > 160 ? " ..." : "");
}

/* Setting up */

bool bench_apply(struct bench *b, const char *rules, const char *more)
{
    struct failure f;
    struct text text = text_new(1 << 16);
    text_puts(&text, segments);
    text_puts(&text, rules);
    text_puts(&text, more);
    struct diags diags = diags_new(b->arena);
    char *copy = arena_text(b->arena, text_cstr(&text), text.len);
    text_free(&text);
    struct policy *p = policy_parse(bytes_of_text(copy), 1, NULL, b->arena, &diags);
    if (!p)
        return bench_complain(b, diags.items[0].message);
    uint32_t links[SPOKES], generation;
    for (uint32_t i = 0; i < SPOKES; i++)
        links[i] = LINK_FIRST + i;
    int64_t now = clock_ns(CLOCK_REALTIME);
    struct compile_options o = {.compiled = now / NS, .seed = random_next(&b->random), .links = links, .tai_offset_ns = clock_ns(CLOCK_TAI) - now};
    struct compiled *c = compile_policy(p, &o, b->arena, &diags);
    if (!c || !datapath_install(&b->datapath, c, &generation, &f))
        return bench_complain(b, c ? f.text : diags.items[0].message);
    datapath_switch(&b->datapath, generation, 0);
    b->policy = p;
    b->silent = p->refuse_drop;
    return reference_apply(b->reference, p, o.compiled, b->links, SPOKES) || bench_complain(b, "the reference is out of memory");
}

static struct link_address link_address_of(const struct address *a)
{
    struct link_address out = {.family = a->family};
    memcpy(out.octets, a->octets, 16);
    return out;
}

static bool end_addresses(struct bench *b, uint32_t i)
{
    static const char *const own[SPOKES][2] = {{"10.80.1.10", "fd80:0:0:1::10"}, {"10.80.1.11", "fd80:0:0:1::11"}, {"10.80.2.12", "fd80:0:0:2::12"}};
    static const char *const hub[SPOKES][2] = {{"10.80.1.1", "fd80:0:0:1::1"}, {"10.80.1.1", "fd80:0:0:1::1"}, {"10.80.2.1", "fd80:0:0:2::1"}};
    struct wire_end *w = &b->ends[i].wire;
    *w = (struct wire_end){.mac = {2, 0x42, 0, 0, 1, (uint8_t)i}, .hub_mac = {2, 0x42, 0, 0, 2, (uint8_t)i}};
    return address_parse(bytes_of_text(own[i][0]), &w->v4) && address_parse(bytes_of_text(own[i][1]), &w->v6) &&
        address_parse(bytes_of_text(hub[i][0]), &w->hub_v4) && address_parse(bytes_of_text(hub[i][1]), &w->hub_v6);
}

static bool packet_socket(struct bench *b, int ns, bool offload, int *ret)
{
    struct failure f;
    int on = 1, room = 16 << 20;
    if (!netns_socket(ns, AF_PACKET, SOCK_RAW, 0, ret, &f))
        return bench_complain(b, f.text);
    (void)setsockopt(*ret, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room);
    (void)setsockopt(*ret, SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof room);
    if (setsockopt(*ret, SOL_PACKET, PACKET_QDISC_BYPASS, &on, sizeof on) || (offload && setsockopt(*ret, SOL_PACKET, PACKET_VNET_HDR, &on, sizeof on)))
        return bench_complain(b, "cannot set up a packet socket");
    return true;
}

static bool capture_socket(struct bench *b, int ns, int *ret)
{
    struct sockaddr_ll at = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL), .sll_ifindex = WORKLOAD_LINK_INDEX};
    return packet_socket(b, ns, false, ret) && (bind(*ret, (struct sockaddr *)&at, sizeof at) == 0 || bench_complain(b, "cannot capture"));
}

static bool make_spoke(struct bench *b, int hub, uint32_t i)
{
    struct failure f;
    struct spoke_end *e = &b->ends[i];
    if (!end_addresses(b, i))
        return bench_complain(b, "addresses");
    snprintf(e->netns, sizeof e->netns, "bulkhead-test-%d-%u", (int)getpid(), i);
    snprintf(e->hub_link, sizeof e->hub_link, "spoke%u", i);
    struct link_address own[2] = {link_address_of(&e->wire.v4), link_address_of(&e->wire.v6)};
    struct link_address hub4 = link_address_of(&e->wire.hub_v4), hub6 = link_address_of(&e->wire.hub_v6);
    uint32_t mtu = i == 2 ? MTU_SMALL : MTU_LARGE;
    struct spoke s = {.hub_ns_fd = hub, .netns = e->netns, .hub_link = e->hub_link, .hub_index = LINK_FIRST + i, .mtu = mtu, .addresses = own, .address_count = 2, .hub4 = &hub4, .hub6 = &hub6};
    memcpy(s.hub_mac, e->wire.hub_mac, 6);
    memcpy(s.workload_mac, e->wire.mac, 6);
    if (!spoke_create(&s, &e->ns, &f))
        return bench_complain(b, f.text);
    b->links[i] = (struct link){.workload = i, .mtu = mtu};
    memcpy(b->links[i].mac, e->wire.mac, 6);
    memcpy(b->links[i].hub_mac, e->wire.hub_mac, 6);
    struct link_entry entry = {.kind = LINK_WORKLOAD, .mtu = mtu, .answers_per_second = UINT32_MAX};
    memcpy(entry.mac, e->wire.mac, 6);
    memcpy(entry.hub_mac, e->wire.hub_mac, 6);
    memcpy(&entry.hub_v4, e->wire.hub_v4.octets, 4);
    memcpy(entry.hub_v6, e->wire.hub_v6.octets, 16);
    if (!datapath_set_link(&b->datapath, LINK_FIRST + i, &entry, &f) || !datapath_attach(&b->datapath, LINK_FIRST + i, &f))
        return bench_complain(b, f.text);
    return capture_socket(b, e->ns, &e->capture) && packet_socket(b, e->ns, false, &e->plain) && packet_socket(b, e->ns, true, &e->offload);
}

/* A workload whose own stack hears and says nothing: captures come before this, PACKET_QDISC_BYPASS goes around it. */
static bool silence(void *argument, struct failure *f)
{
    const int *program = argument;
    LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = WORKLOAD_LINK_INDEX, .attach_point = BPF_TC_INGRESS | BPF_TC_EGRESS);
    if (*program < 0)
        return bpf_tc_hook_destroy(&hook) == 0 || fail(f, "cannot unsilence a workload");
    int error = bpf_tc_hook_create(&hook);
    for (int side = 0; side < 2 && !error; side++) {
        LIBBPF_OPTS(bpf_tc_opts, options, .prog_fd = *program, .handle = 1, .priority = 1);
        hook.attach_point = side ? BPF_TC_EGRESS : BPF_TC_INGRESS;
        error = bpf_tc_attach(&hook, &options);
    }
    return error == 0 || fail_errno(f, -error, "cannot silence a workload");
}

bool bench_silence(struct bench *b, bool on)
{
    struct bpf_insn drop[] = {{.code = 0xb7, .dst_reg = 0, .imm = 2 /* TC_ACT_SHOT */}, {.code = 0x95}};
    struct failure f;
    int program = on ? bpf_prog_load(BPF_PROG_TYPE_SCHED_CLS, "drop", "GPL", drop, 2, NULL) : -1;
    for (int i = 0; i < SPOKES; i++)
        if (!netns_run_in(b->ends[i].ns, silence, &program, &f))
            return bench_complain(b, f.text);
    if (program >= 0)
        close(program);
    return true;
}

/* Sending and capturing */

/* One captured frame, not our own; false when there is none within `wait_ms`. */
bool bench_receive(struct bench *b, uint32_t end, int wait_ms, struct captured *ret)
{
    int64_t until = clock_ns(CLOCK_MONOTONIC) + (int64_t)wait_ms * 1000000;
    for (;;) {
        struct sockaddr_ll from;
        socklen_t size = sizeof from;
        ssize_t n = recvfrom(b->ends[end].capture, ret->bytes, sizeof ret->bytes, MSG_DONTWAIT, (struct sockaddr *)&from, &size);
        if (n >= 0 && from.sll_pkttype == PACKET_OUTGOING)
            continue;
        if (n >= 0) {
            ret->length = (size_t)n;
            return true;
        }
        if (clock_ns(CLOCK_MONOTONIC) >= until)
            return false;
        struct pollfd p = {.fd = b->ends[end].capture, .events = POLLIN};
        (void)poll(&p, 1, 1);
    }
}

/*
 * An answer that is right but for what it quotes behind the packet's end, with a checksum that says so. Counted, so
 * that the other checks go on; the last case fails for it.
 */
static bool is_leak(const struct captured *got, const uint8_t *want, size_t length)
{
    size_t ip = wire_get16(want + 12) == 0x0800 ? 20 : 40, quoted = ETHER + ip + 8;
    uint8_t protocol = want[ETHER + (ip == 20 ? 9 : 6)];
    if (got->length != length || length < quoted + ip || !protocol_is_icmp(ip == 20 ? 4 : 6, protocol))
        return false;
    size_t packet = ip == 20 ? wire_get16(want + quoted + 2) : 40 + wire_get16(want + quoted + 4), end = quoted + packet;
    static uint8_t fixed[256];
    if (end >= length || length > sizeof fixed)
        return false;
    memcpy(fixed, got->bytes, length);
    memset(fixed + end, 0, length - end);
    uint32_t sum = 0; /* of what was zeroed: ICMP begins at an even offset */
    for (size_t i = end; i < length; i++)
        sum += (i - quoted) % 2 ? got->bytes[i] : (uint32_t)got->bytes[i] << 8;
    sum += wire_get16(got->bytes + quoted - 6);
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    wire_put16(fixed + quoted - 6, sum);
    return memcmp(fixed, want, length) == 0;
}

bool bench_expect(struct bench *b, uint32_t end, const uint8_t *bytes, size_t length, const char *what)
{
    struct captured *got = &b->got[end];
    if (!bench_receive(b, end, 1000, got)) {
        print_bytes("sent", b->frame.bytes, b->frame.length);
        print_bytes(what, bytes, length);
        return bench_complain(b, "did not arrive");
    }
    if (got->length == length && memcmp(got->bytes, bytes, length) == 0)
        return true;
    if (is_leak(got, bytes, length)) {
        if (b->leaks++ == 0)
            print_bytes("an answer that quotes more than the packet", got->bytes, got->length);
        return true;
    }
    print_bytes("sent", b->frame.bytes, b->frame.length);
    print_bytes(what, bytes, length);
    print_bytes("arrived", got->bytes, got->length);
    return bench_complain(b, what);
}

bool bench_expect_nothing(struct bench *b)
{
    for (uint32_t i = 0; i < SPOKES; i++)
        if (bench_receive(b, i, 0, &b->got[i])) {
            print_bytes("sent", b->frame.bytes, b->frame.length);
            print_bytes("arrived", b->got[i].bytes, b->got[i].length);
            return bench_complain(b, "something arrived that nobody sent");
        }
    return true;
}

static bool is_answered(const struct bench *b, enum bulkhead_reason r)
{
    if (r == REASON_TOO_BIG || r == REASON_TTL)
        return true;
    return !b->silent && (r == REASON_REVOKED || r == REASON_DENY_RULE || r == REASON_WINDOW_CLOSED || r == REASON_DEFAULT_DENY || r == REASON_NO_SESSION || r == REASON_SESSION_TABLE_FULL);
}

/* Where layer 4 begins: behind the extension headers, which the parser found sound. */
static size_t l4_at(const uint8_t *frame, const struct packet *p)
{
    if (p->from.family == 4)
        return ETHER + 20;
    size_t at = ETHER + 40;
    for (uint8_t next = frame[ETHER + 6]; next == 0 || next == 43 || next == 44 || next == 60;) {
        uint8_t kind = next;
        next = frame[at];
        at += kind == 44 ? 8 : (frame[at + 1] + 1u) * 8;
    }
    return at;
}

/*
 * Where layer 4 begins for the kernel, whose flow dissector looks into tunnels, however little of one there is: up to the
 * packet's end.
 */
static size_t kernel_l4_at(const uint8_t *frame, const struct packet *p)
{
    bool tunnel = p->protocol == IPPROTO_IPIP || p->protocol == IPPROTO_IPV6 || p->protocol == IPPROTO_GRE || p->protocol == IPPROTO_MPLS || p->protocol == 115 /* L2TP */;
    return tunnel ? ETHER + p->length : l4_at(frame, p);
}

/* Length of the TCP segment in sequence numbers. */
static uint32_t tcp_length(const uint8_t *frame, const struct packet *p)
{
    size_t at = l4_at(frame, p);
    uint32_t header = (uint32_t)(frame[at + 12] >> 4) * 4;
    return (uint32_t)(ETHER + p->length - at) - header + !!(p->tcp_flags & TCP_SYN) + !!(p->tcp_flags & TCP_FIN);
}

/*
 * bpf_skb_change_tail makes no packet shorter than the offset of its layer 4: where extension headers reach further
 * than the answer, there may be none. Counted, so that the other checks go on; the last case but one fails for it.
 */
static bool expect_answer(struct bench *b, uint32_t end, const uint8_t *want, size_t length, size_t l4, const char *what)
{
    if (l4 <= length)
        return bench_expect(b, end, want, length, what);
    struct captured *got = &b->got[end];
    if (!bench_receive(b, end, 1000, got)) {
        print_bytes("sent", b->frame.bytes, b->frame.length);
        print_bytes(what, want, length);
        return bench_complain(b, "did not arrive");
    }
    /* The kernel does not cut a packet in front of its layer 4: the rest of the sender's own packet is padding. */
    bool padded = got->length >= length && got->length <= b->frame.length &&
        memcmp(got->bytes + length, b->frame.bytes + length, got->length - length) == 0;
    if (padded && memcmp(got->bytes, want, length) == 0)
        return true;
    print_bytes(what, want, length);
    print_bytes("arrived", got->bytes, got->length);
    return bench_complain(b, what);
}

/*
 * To the other end nothing of the refused packet may go, not even as padding: where the kernel does not cut it (what it
 * takes for layer 4 may lie behind extension headers), there is no answer.
 */
static bool expect_forwarded_answer(struct bench *b, uint32_t end, const uint8_t *want, size_t length, size_t l4, const char *what)
{
    struct pollfd p = {.fd = b->ends[end].capture, .events = POLLIN};
    return (l4 > length && poll(&p, 1, 20) == 0) || bench_expect(b, end, want, length, what);
}

/* What a refused packet is answered with, and where. */
bool bench_check_answer(struct bench *b, uint32_t end, enum bulkhead_reason reason, const uint8_t *frame, const struct packet *p, uint32_t target_mtu)
{
    static uint8_t want[256];
    bool about_delivery = reason == REASON_TOO_BIG || reason == REASON_TTL;
    bool tcp = p->protocol == IPPROTO_TCP && p->fragment != FRAGMENT_LATER, icmp = protocol_is_icmp(p->from.family, p->protocol);
    if (!is_answered(b, reason) || p->fragment == FRAGMENT_LATER || (tcp && p->tcp_flags & TCP_RST))
        return true;
    if (icmp && icmp_kind_of(p->from.family, p->icmp_type, p->icmp_code) == ICMP_ERROR)
        return true;
    const struct wire_end *w = &b->ends[end].wire;
    b->answered++;
    if (!tcp || about_delivery)
        return expect_answer(b, end, want, wire_icmp(want, w, frame, p, reason, target_mtu), p->fragment == FRAGMENT_LATER ? 0 : kernel_l4_at(frame, p), "the ICMP error that should come back");
    bool ack = p->tcp_flags & TCP_ACK;
    size_t n = wire_rst(want, w, &p->to, p->to_port, &p->from, p->from_port, ack ? p->tcp_acknowledgement : 0, !ack, ack ? 0 : p->tcp_sequence + tcp_length(frame, p));
    if (!expect_answer(b, end, want, n, l4_at(frame, p), "the RST that should come back"))
        return false;
    if (reason != REASON_REVOKED)
        return true;
    uint32_t other = policy_workload_of(b->policy, &p->to);
    n = wire_rst(want, &b->ends[other].wire, &p->from, p->from_port, &p->to, p->to_port, p->tcp_sequence, ack, p->tcp_acknowledgement);
    return expect_forwarded_answer(b, other, want, n, l4_at(frame, p), "the RST that should go on");
}

/* The frame as it should arrive: other MACs, a hop less. */
void bench_age(struct bench *b, uint32_t end, const uint8_t *frame, size_t length, uint8_t *out)
{
    memcpy(out, frame, length);
    memcpy(out, b->ends[end].wire.mac, 6);
    memcpy(out + 6, b->ends[end].wire.hub_mac, 6);
    if (wire_get16(frame + 12) == 0x0800) {
        out[ETHER + 8]--;
        wire_fix_ip(out, length);
    } else {
        out[ETHER + 7]--;
    }
}

/* What the reference says of the frame, and that this is what happens. `judged`: the bytes for the reference. */
static bool judge(struct bench *b, uint32_t end, const uint8_t *frame, size_t length, size_t judged, const uint8_t *judged_bytes)
{
    static uint8_t want[WIRE_MAX];
    struct packet_verdict v = reference_packet(b->reference, end, bytes_of(judged_bytes, judged), clock_ns(CLOCK_REALTIME));
    b->reasons[end][v.verdict.reason]++;
    if (v.passes) {
        b->passed++;
        bench_age(b, v.to_link, frame, length, want);
        return bench_expect(b, v.to_link, want, length, "the frame that passes") && bench_expect_nothing(b);
    }
    struct packet p;
    if (frame_parse(bytes_of(judged_bytes, judged), &p) != REASONS)
        return bench_expect_nothing(b);
    uint32_t target = policy_workload_of(b->policy, &p.to);
    return bench_check_answer(b, end, v.verdict.reason, frame, &p, target == NONE ? 0 : b->links[target].mtu) && bench_expect_nothing(b);
}

bool bench_send(struct bench *b, uint32_t end, const uint8_t *frame, size_t length)
{
    struct sockaddr_ll to = {.sll_family = AF_PACKET, .sll_ifindex = WORKLOAD_LINK_INDEX, .sll_protocol = htons(ETH_P_ALL), .sll_halen = 6};
    return sendto(b->ends[end].plain, frame, length, 0, (struct sockaddr *)&to, sizeof to) == (ssize_t)length;
}

bool bench_send_offload(struct bench *b, uint32_t end, const struct virtio_net_hdr *h, const uint8_t *frame, size_t length)
{
    struct sockaddr_ll to = {.sll_family = AF_PACKET, .sll_ifindex = WORKLOAD_LINK_INDEX, .sll_protocol = htons(ETH_P_ALL), .sll_halen = 6};
    struct iovec parts[2] = {{(void *)(uintptr_t)h, sizeof *h}, {(void *)(uintptr_t)frame, length}};
    struct msghdr m = {.msg_name = &to, .msg_namelen = sizeof to, .msg_iov = parts, .msg_iovlen = 2};
    return sendmsg(b->ends[end].offload, &m, 0) == (ssize_t)(sizeof *h + length);
}

static void keep_frame(struct bench *b, const uint8_t *frame, size_t length)
{
    if (frame != b->frame.bytes)
        memcpy(b->frame.bytes, frame, length);
    b->frame.length = length;
    wire_fix_ip(b->frame.bytes, length);
}

/* Before anybody sees it the kernel takes a VLAN tag off, and drops what has less than the tag and two bytes behind
 * it (net/core/skbuff.c, skb_vlan_untag). */
static bool dropped_with_its_tag(const uint8_t *frame, size_t length)
{
    return length >= 14 && length < 20 && (wire_get16(frame + 12) == 0x8100 || wire_get16(frame + 12) == 0x88a8);
}

bool bench_try(struct bench *b, uint32_t end, const uint8_t *frame, size_t length)
{
    keep_frame(b, frame, length);
    if (dropped_with_its_tag(b->frame.bytes, length))
        return true;
    if (!bench_send(b, end, b->frame.bytes, length)) {
        b->refused_by_socket++;
        return true;
    }
    b->sent++;
    return judge(b, end, b->frame.bytes, length, length, b->frame.bytes);
}

/* In a buffer that holds only `linear` bytes in one piece: the kernel does so from a page (4096) on. */
bool bench_try_nonlinear(struct bench *b, uint32_t end, const uint8_t *frame, size_t length, size_t linear)
{
    struct virtio_net_hdr h = {.hdr_len = (uint16_t)linear};
    keep_frame(b, frame, length);
    if (!bench_send_offload(b, end, &h, b->frame.bytes, length)) {
        b->refused_by_socket++;
        return true;
    }
    b->sent++;
    b->nonlinear += length > 4096;
    return judge(b, end, b->frame.bytes, length, length, b->frame.bytes);
}

void bench_drain(struct bench *b)
{
    for (uint32_t i = 0; i < SPOKES; i++)
        while (bench_receive(b, i, 1, &b->got[i]))
            ;
}

/* Alone on the machine */

bool bench_start(struct bench *b, const char *rules)
{
    struct failure f;
    int hub = -1;
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(0, &one);
    (void)sched_setaffinity(0, sizeof one, &one); /* frames are seen in the order in which they were sent */
    if (unshare(CLONE_NEWNET) || (hub = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC)) < 0)
        return bench_complain(b, "cannot make the hub's namespace");
    struct datapath_options o = {.links = LINK_FIRST + SPOKES + 1, .sessions = 20000, .timeouts = TIMEOUTS_DEFAULT};
    if (!hub_prepare(hub, &f) || !datapath_load(&o, &b->datapath, &f))
        return bench_complain(b, f.text);
    for (uint32_t i = 0; i < SPOKES; i++)
        if (!make_spoke(b, hub, i))
            return false;
    b->arena = arena_create((size_t)512 << 20);
    b->reference = reference_create(&(struct reference_options){.sessions_max = 20000});
    return bench_apply(b, rules, "") && bench_silence(b, true);
}

void bench_end(struct bench *b)
{
    for (uint32_t i = 0; i < SPOKES; i++)
        if (b->ends[i].netns[0] && !netns_delete(b->ends[i].netns, NULL))
            printf("# %s is left\n", b->ends[i].netns);
    reference_destroy(b->reference);
    arena_destroy(b->arena);
    datapath_close(&b->datapath);
}
