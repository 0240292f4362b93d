/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The attached kernel programs against the reference, over real links: a hub and three workloads in namespaces of
 * their own, frames sent from inside one and captured in all. What arrives is exactly what the reference lets pass,
 * one hop older; what is refused is answered as docs/packets.md and the policy language say, and nothing else is.
 * What BPF_PROG_TEST_RUN cannot do: runts, jumbo frames, GSO, buffers that are not linear.
 *
 *   links [--seed N] [--packets N]
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/if_packet.h>
#include <linux/virtio_net.h>
#include <net/ethernet.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "compile/compile.h"
#include "enforce/datapath.h"
#include "enforce/links.h"
#include "enforce/netns.h"
#include "policy/parse.h"
#include "random_packet.h"
#include "wire.h"

#define SPOKES 3
#define NS 1000000000
#define MTU_LARGE 9000
#define MTU_SMALL 1500
#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif

struct captured {
    size_t length;
    uint8_t bytes[WIRE_MAX];
};

struct spoke_end {
    char netns[64], hub_link[16];
    int ns, capture, plain, offload; /* sockets; `offload` takes a virtio_net_hdr in front of the frame */
    struct wire_end wire;
};

struct bench {
    struct random random;
    struct datapath datapath;
    struct reference *reference;
    struct arena *arena;
    struct policy *policy;
    struct link links[SPOKES];
    struct spoke_end ends[SPOKES];
    struct captured got[SPOKES]; /* scratch */
    uint64_t leaks; /* answers that quote more than the packet */
    uint64_t sent, passed, answered, refused_by_socket, nonlinear, gso, runts;
    uint64_t reasons[SPOKES][REASONS]; /* what the reference counts for each source */
    struct captured frame;             /* that is being sent */
    bool silent;                       /* the policy says `refuse: drop` */
    bool failed;
};

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
static const char *const wide =
    "  - name: r1\n    allow: {from: w1, to: [w0, w2], ports: [any]}\n"
    "  - name: r2\n    deny: {from: w1, to: w2, ports: [8080/tcp, 8080/udp]}\n"
    "  - name: r3\n    allow: {from: w2, to: [w0, w1], ports: [1-9000/tcp, 53/udp, 443/sctp, icmp]}\n";
static const char *const narrow = "  - name: r1\n    deny: {from: [w1, w2], to: any, ports: [1-1023/tcp, 1-8079/udp]}\n"
                                  "  - name: r2\n    allow: {from: w2, to: w1}\n";

static bool complain(struct bench *b, const char *what)
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

static int64_t clock_ns(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (int64_t)t.tv_sec * NS + t.tv_nsec;
}

/* Setting up */

static bool apply(struct bench *b, const char *rules, const char *more)
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
        return complain(b, diags.items[0].message);
    uint32_t links[SPOKES], generation;
    for (uint32_t i = 0; i < SPOKES; i++)
        links[i] = LINK_FIRST + i;
    int64_t now = clock_ns(CLOCK_REALTIME);
    struct compile_options o = {.compiled = now / NS, .seed = random_next(&b->random), .links = links, .tai_offset_ns = clock_ns(CLOCK_TAI) - now};
    struct compiled *c = compile_policy(p, &o, b->arena, &diags);
    if (!c || !datapath_install(&b->datapath, c, &generation, &f))
        return complain(b, c ? f.text : diags.items[0].message);
    datapath_switch(&b->datapath, generation, 0);
    b->policy = p;
    b->silent = p->refuse_drop;
    return reference_apply(b->reference, p, o.compiled, b->links, SPOKES) || complain(b, "the reference is out of memory");
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
        return complain(b, f.text);
    (void)setsockopt(*ret, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room);
    (void)setsockopt(*ret, SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof room);
    if (setsockopt(*ret, SOL_PACKET, PACKET_QDISC_BYPASS, &on, sizeof on) || (offload && setsockopt(*ret, SOL_PACKET, PACKET_VNET_HDR, &on, sizeof on)))
        return complain(b, "cannot set up a packet socket");
    return true;
}

static bool capture_socket(struct bench *b, int ns, int *ret)
{
    struct sockaddr_ll at = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL), .sll_ifindex = WORKLOAD_LINK_INDEX};
    return packet_socket(b, ns, false, ret) && (bind(*ret, (struct sockaddr *)&at, sizeof at) == 0 || complain(b, "cannot capture"));
}

static bool make_spoke(struct bench *b, int hub, uint32_t i)
{
    struct failure f;
    struct spoke_end *e = &b->ends[i];
    if (!end_addresses(b, i))
        return complain(b, "addresses");
    snprintf(e->netns, sizeof e->netns, "bulkhead-test-%d-%u", (int)getpid(), i);
    snprintf(e->hub_link, sizeof e->hub_link, "spoke%u", i);
    struct link_address own[2] = {link_address_of(&e->wire.v4), link_address_of(&e->wire.v6)};
    struct link_address hub4 = link_address_of(&e->wire.hub_v4), hub6 = link_address_of(&e->wire.hub_v6);
    uint32_t mtu = i == 2 ? MTU_SMALL : MTU_LARGE;
    struct spoke s = {.hub_ns_fd = hub, .netns = e->netns, .hub_link = e->hub_link, .hub_index = LINK_FIRST + i, .mtu = mtu, .addresses = own, .address_count = 2, .hub4 = &hub4, .hub6 = &hub6};
    memcpy(s.hub_mac, e->wire.hub_mac, 6);
    memcpy(s.workload_mac, e->wire.mac, 6);
    if (!spoke_create(&s, &e->ns, &f))
        return complain(b, f.text);
    b->links[i] = (struct link){.workload = i, .mtu = mtu};
    memcpy(b->links[i].mac, e->wire.mac, 6);
    memcpy(b->links[i].hub_mac, e->wire.hub_mac, 6);
    struct link_entry entry = {.kind = LINK_WORKLOAD, .mtu = mtu, .answers_per_second = UINT32_MAX};
    memcpy(entry.mac, e->wire.mac, 6);
    memcpy(entry.hub_mac, e->wire.hub_mac, 6);
    memcpy(&entry.hub_v4, e->wire.hub_v4.octets, 4);
    memcpy(entry.hub_v6, e->wire.hub_v6.octets, 16);
    if (!datapath_set_link(&b->datapath, LINK_FIRST + i, &entry, &f) || !datapath_attach(&b->datapath, LINK_FIRST + i, &f))
        return complain(b, f.text);
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

static bool silence_all(struct bench *b, bool on)
{
    struct bpf_insn drop[] = {{.code = 0xb7, .dst_reg = 0, .imm = 2 /* TC_ACT_SHOT */}, {.code = 0x95}};
    struct failure f;
    int program = on ? bpf_prog_load(BPF_PROG_TYPE_SCHED_CLS, "drop", "GPL", drop, 2, NULL) : -1;
    for (int i = 0; i < SPOKES; i++)
        if (!netns_run_in(b->ends[i].ns, silence, &program, &f))
            return complain(b, f.text);
    if (program >= 0)
        close(program);
    return true;
}

/* Sending and capturing */

/* One captured frame, not our own; false when there is none within `wait_ms`. */
static bool receive(struct bench *b, uint32_t end, int wait_ms, struct captured *ret)
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

static bool expect(struct bench *b, uint32_t end, const uint8_t *bytes, size_t length, const char *what)
{
    struct captured *got = &b->got[end];
    if (!receive(b, end, 1000, got)) {
        print_bytes("sent", b->frame.bytes, b->frame.length);
        print_bytes(what, bytes, length);
        return complain(b, "did not arrive");
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
    return complain(b, what);
}

static bool expect_nothing(struct bench *b)
{
    for (uint32_t i = 0; i < SPOKES; i++)
        if (receive(b, i, 0, &b->got[i])) {
            print_bytes("sent", b->frame.bytes, b->frame.length);
            print_bytes("arrived", b->got[i].bytes, b->got[i].length);
            return complain(b, "something arrived that nobody sent");
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
        return expect(b, end, want, length, what);
    struct captured *got = &b->got[end];
    if (!receive(b, end, 1000, got)) {
        print_bytes("sent", b->frame.bytes, b->frame.length);
        print_bytes(what, want, length);
        return complain(b, "did not arrive");
    }
    /* The kernel does not cut a packet in front of its layer 4: the rest of the sender's own packet is padding. */
    bool padded = got->length >= length && got->length <= b->frame.length &&
        memcmp(got->bytes + length, b->frame.bytes + length, got->length - length) == 0;
    if (padded && memcmp(got->bytes, want, length) == 0)
        return true;
    print_bytes(what, want, length);
    print_bytes("arrived", got->bytes, got->length);
    return complain(b, what);
}

/*
 * To the other end nothing of the refused packet may go, not even as padding: where the kernel does not cut it (what it
 * takes for layer 4 may lie behind extension headers), there is no answer.
 */
static bool expect_forwarded_answer(struct bench *b, uint32_t end, const uint8_t *want, size_t length, size_t l4, const char *what)
{
    struct pollfd p = {.fd = b->ends[end].capture, .events = POLLIN};
    return (l4 > length && poll(&p, 1, 20) == 0) || expect(b, end, want, length, what);
}

/* What a refused packet is answered with, and where. */
static bool check_answer(struct bench *b, uint32_t end, enum bulkhead_reason reason, const uint8_t *frame, const struct packet *p, uint32_t target_mtu)
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
        return expect_answer(b, end, want, wire_icmp(want, w, frame, p, reason, target_mtu), p->fragment == FRAGMENT_LATER ? 0 : l4_at(frame, p), "the ICMP error that should come back");
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
static void age(struct bench *b, uint32_t end, const uint8_t *frame, size_t length, uint8_t *out)
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
        age(b, v.to_link, frame, length, want);
        return expect(b, v.to_link, want, length, "the frame that passes") && expect_nothing(b);
    }
    struct packet p;
    if (frame_parse(bytes_of(judged_bytes, judged), &p) != REASONS)
        return expect_nothing(b);
    uint32_t target = policy_workload_of(b->policy, &p.to);
    return check_answer(b, end, v.verdict.reason, frame, &p, target == NONE ? 0 : b->links[target].mtu) && expect_nothing(b);
}

static bool send_plain(struct bench *b, uint32_t end, const uint8_t *frame, size_t length)
{
    struct sockaddr_ll to = {.sll_family = AF_PACKET, .sll_ifindex = WORKLOAD_LINK_INDEX, .sll_protocol = htons(ETH_P_ALL), .sll_halen = 6};
    return sendto(b->ends[end].plain, frame, length, 0, (struct sockaddr *)&to, sizeof to) == (ssize_t)length;
}

static bool send_offload(struct bench *b, uint32_t end, const struct virtio_net_hdr *h, const uint8_t *frame, size_t length)
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

static bool try_plain(struct bench *b, uint32_t end, const uint8_t *frame, size_t length)
{
    keep_frame(b, frame, length);
    if (length >= 14 && length < 18 && wire_get16(b->frame.bytes + 12) == 0x8100)
        return true; /* half a VLAN tag: the kernel drops it before anybody sees it */
    if (!send_plain(b, end, b->frame.bytes, length)) {
        b->refused_by_socket++;
        return true;
    }
    b->sent++;
    return judge(b, end, b->frame.bytes, length, length, b->frame.bytes);
}

/* In a buffer that holds only `linear` bytes in one piece: the kernel does so from a page (4096) on. */
static bool try_nonlinear(struct bench *b, uint32_t end, const uint8_t *frame, size_t length, size_t linear)
{
    struct virtio_net_hdr h = {.hdr_len = (uint16_t)linear};
    keep_frame(b, frame, length);
    if (!send_offload(b, end, &h, b->frame.bytes, length)) {
        b->refused_by_socket++;
        return true;
    }
    b->sent++;
    b->nonlinear += length > 4096;
    return judge(b, end, b->frame.bytes, length, length, b->frame.bytes);
}

/* Frames of one conversation */

struct talk {
    uint32_t from, to;
    uint8_t family, protocol;
    uint16_t from_port, to_port;
    uint32_t sequence, acknowledgement;
};

static size_t build(const struct bench *b, const struct talk *t, uint8_t flags, size_t payload, uint8_t *out)
{
    const struct wire_end *from = &b->ends[t->from].wire, *to = &b->ends[t->to].wire;
    size_t header = t->protocol == IPPROTO_TCP ? 20 : 8;
    size_t at = wire_headers(out, from->hub_mac, from->mac, t->family == 4 ? &from->v4 : &from->v6, t->family == 4 ? &to->v4 : &to->v6, t->protocol, header + payload);
    uint8_t *l4 = out + at;
    if (t->family == 4 && payload % 8 == 3) { /* an identification that makes the header's checksum carry when the TTL changes */
        uint32_t others = wire_get16(out + ETHER + 10) ^ 0xffffu; /* the sum of the rest: the identification is still 0 */
        wire_put16(out + ETHER + 4, (others <= 0x0100 ? 0x0100 : 0x0100 + 0xffff) - others);
    }
    memset(l4, 0, header);
    wire_put16(l4, t->from_port);
    wire_put16(l4 + 2, t->to_port);
    if (t->protocol == IPPROTO_TCP) {
        wire_put32(l4 + 4, t->sequence);
        wire_put32(l4 + 8, t->acknowledgement);
        l4[12] = 0x50;
        l4[13] = flags;
    } else {
        wire_put16(l4 + 4, (uint32_t)(8 + payload));
    }
    for (size_t i = 0; i < payload; i++)
        l4[header + i] = (uint8_t)(i * 7 + payload);
    return at + header + payload;
}

static struct talk reversed(const struct talk *t)
{
    struct talk r = *t;
    r.from = t->to;
    r.to = t->from;
    r.from_port = t->to_port;
    r.to_port = t->from_port;
    r.sequence = t->acknowledgement;
    r.acknowledgement = t->sequence;
    return r;
}

static struct talk draw_talk(struct bench *b, uint8_t protocol)
{
    static const uint32_t ways[][2] = {{0, 1}, {0, 1}, {0, 2}, {1, 0}, {1, 2}, {2, 0}, {2, 1}};
    static const uint16_t ports[] = {8080, 53, 443, 5432, 9100};
    const uint32_t *way = ways[random_below(&b->random, 7)];
    return (struct talk){.from = way[0], .to = way[1], .family = random_chance(&b->random, 50) ? 4 : 6, .protocol = protocol, .from_port = (uint16_t)(20000 + random_below(&b->random, 20000)),
        .to_port = ports[random_below(&b->random, 5)], .sequence = (uint32_t)random_next(&b->random), .acknowledgement = (uint32_t)random_next(&b->random)};
}

static bool handshake(struct bench *b, struct talk *t)
{
    static uint8_t frame[WIRE_MAX];
    struct talk back = reversed(t);
    back.acknowledgement = t->sequence + 1;
    if (!try_plain(b, t->from, frame, build(b, t, TCP_SYN, 0, frame)) || !try_plain(b, back.from, frame, build(b, &back, TCP_SYN | TCP_ACK, 0, frame)))
        return false;
    t->sequence++;
    t->acknowledgement++;
    return try_plain(b, t->from, frame, build(b, t, TCP_ACK, 0, frame));
}

/* The phases */

static bool random_frames(struct bench *b, uint64_t count)
{
    struct packet_source source = {.random = &b->random, .policy = b->policy, .links = b->links, .link_count = SPOKES};
    for (uint64_t i = 0; i < count; i++) {
        const struct frame *f = packet_source_next(&source);
        if (!try_plain(b, f->link, f->bytes, f->length))
            return false;
        if (i == count / 3 && !apply(b, narrow, ""))
            return false;
        if (i == count * 2 / 3 && !apply(b, wide, ""))
            return false;
        source.policy = b->policy;
    }
    return true;
}

/* Sessions in full swing, and then their policy goes. */
static bool revoked_sessions(struct bench *b)
{
    static uint8_t frame[WIRE_MAX];
    struct talk talks[60];
    for (int i = 0; i < 60; i++) {
        talks[i] = draw_talk(b, i % 3 ? IPPROTO_TCP : IPPROTO_UDP);
        if (talks[i].protocol == IPPROTO_TCP ? !handshake(b, &talks[i]) : !try_plain(b, talks[i].from, frame, build(b, &talks[i], 0, 20, frame)))
            return false;
    }
    if (!apply(b, narrow, ""))
        return false;
    for (int i = 0; i < 60; i++) {
        static const uint8_t flags[] = {TCP_ACK, TCP_ACK, TCP_ACK | TCP_FIN, TCP_RST, 0, TCP_RST | TCP_ACK};
        struct talk t = i % 4 ? talks[i] : reversed(&talks[i]);
        for (int again = 0; again < 2; again++)
            if (!try_plain(b, t.from, frame, build(b, &t, flags[random_below(&b->random, 6)], random_below(&b->random, 100), frame)))
                return false;
    }
    return apply(b, wide, "");
}

/* Good frames, cut behind every byte. */
static bool cut_frames(struct bench *b)
{
    static uint8_t frame[WIRE_MAX];
    for (int kind = 0; kind < 4; kind++)
        for (size_t length = ETHER; length < 100; length++) {
            struct talk t = draw_talk(b, kind & 1 ? IPPROTO_TCP : IPPROTO_UDP);
            t.family = kind & 2 ? 6 : 4;
            size_t whole = build(b, &t, TCP_SYN, 30, frame);
            b->runts += length < ETHER + 40;
            if (length <= whole && !try_plain(b, t.from, frame, length))
                return false;
        }
    return true;
}

/* The rest of a packet whose first fragment passed; half of them with a hop limit that is used up, which nobody is told. */
static bool late_fragments(struct bench *b)
{
    static uint8_t frame[WIRE_MAX];
    for (uint32_t i = 0; i < 60; i++) {
        struct talk t = draw_talk(b, IPPROTO_UDP);
        t.family = 4;
        size_t first = build(b, &t, 0, 1000, frame);
        wire_put16(frame + ETHER + 4, i);
        wire_put16(frame + ETHER + 6, 0x2000);
        if (!try_plain(b, t.from, frame, first))
            return false;
        wire_put16(frame + ETHER + 2, 120);
        wire_put16(frame + ETHER + 6, 1008 / 8);
        frame[ETHER + 8] = i % 2 ? 1 : 64;
        if (!try_plain(b, t.from, frame, ETHER + 120))
            return false;
    }
    return true;
}

/* Shorter than an Ethernet header: sockets and links may refuse them or make them longer; nothing arrives. */
static bool tiny_frames(struct bench *b)
{
    uint8_t frame[16] = {0};
    uint64_t sent = 0, refused = 0;
    for (uint32_t end = 0; end < SPOKES; end++)
        for (size_t length = 1; length < ETHER; length++) {
            memcpy(frame, b->ends[end].wire.hub_mac, 6);
            memcpy(frame + 6, b->ends[end].wire.mac, 6);
            if (send_plain(b, end, frame, length))
                sent++;
            else
                refused++;
        }
    printf("# shorter than 14 bytes: %" PRIu64 " sent, %" PRIu64 " refused by the socket\n", sent, refused);
    usleep(20000);
    return expect_nothing(b);
}

static bool jumbo_frames(struct bench *b)
{
    static uint8_t frame[WIRE_MAX];
    static const size_t edges[] = {1472, 1473, 1452, 1453, 4000, 4096, 8952, 8953, 8972, 8973, 8960, 8940, 8941};
    for (int i = 0; i < 700; i++) {
        struct talk t = draw_talk(b, random_chance(&b->random, 30) ? IPPROTO_TCP : IPPROTO_UDP);
        bool tcp = t.protocol == IPPROTO_TCP;
        size_t payload = random_chance(&b->random, 50) ? edges[random_below(&b->random, sizeof edges / sizeof edges[0])] : random_below(&b->random, 8973);
        if (tcp && random_chance(&b->random, 60) && !handshake(b, &t))
            return false;
        size_t length = build(b, &t, tcp ? TCP_ACK : 0, payload, frame);
        if (random_chance(&b->random, 10))
            length -= random_below(&b->random, 60); /* cut: the IP length says more */
        if (random_chance(&b->random, 8))
            frame[t.family == 4 ? ETHER + 8 : ETHER + 7] = 1;
        bool split = random_chance(&b->random, 60);
        size_t linear = random_chance(&b->random, 50) ? ETHER + random_below(&b->random, 60) : ETHER;
        if (split ? !try_nonlinear(b, t.from, frame, length, linear) : !try_plain(b, t.from, frame, length))
            return false;
    }
    return true;
}

/* One large packet that the kernel will cut into segments; the reference is asked about the first of them. */
static bool try_gso(struct bench *b, const struct talk *t, size_t payload, uint16_t segment)
{
    static uint8_t first[WIRE_MAX];
    bool tcp = t->protocol == IPPROTO_TCP;
    size_t l4 = t->family == 4 ? ETHER + 20 : ETHER + 40;
    b->frame.length = build(b, t, tcp ? TCP_ACK : 0, payload, b->frame.bytes);
    wire_fix_ip(b->frame.bytes, b->frame.length);
    size_t judged = build(b, t, tcp ? TCP_ACK : 0, segment, first);
    struct virtio_net_hdr h = {.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM, .gso_type = !tcp ? 5 /* UDP_L4 */ : t->family == 4 ? VIRTIO_NET_HDR_GSO_TCPV4 : VIRTIO_NET_HDR_GSO_TCPV6,
        .gso_size = segment, .csum_start = (uint16_t)l4, .csum_offset = tcp ? 16 : 6, .hdr_len = (uint16_t)(l4 + (tcp ? 20 : 8))};
    if (!send_offload(b, t->from, &h, b->frame.bytes, b->frame.length)) {
        b->refused_by_socket++;
        return true;
    }
    b->sent++;
    b->gso++;
    /* What is quoted is the large packet's own header: the reference's verdict, the frame's bytes. */
    static uint8_t want[WIRE_MAX];
    struct packet_verdict v = reference_packet(b->reference, t->from, bytes_of(first, judged), clock_ns(CLOCK_REALTIME));
    b->reasons[t->from][v.verdict.reason]++;
    if (v.passes) {
        b->passed++;
        age(b, v.to_link, b->frame.bytes, b->frame.length, want);
        return expect(b, v.to_link, want, b->frame.length, "the GSO frame that passes") && expect_nothing(b);
    }
    struct packet p;
    if (frame_parse(bytes_of(b->frame.bytes, b->frame.length), &p) != REASONS)
        return complain(b, "the test made a bad GSO frame");
    return check_answer(b, t->from, v.verdict.reason, b->frame.bytes, &p, b->links[t->to].mtu) && expect_nothing(b);
}

static bool gso_frames(struct bench *b)
{
    for (int i = 0; i < 500; i++) {
        struct talk t = draw_talk(b, random_chance(&b->random, 50) ? IPPROTO_TCP : IPPROTO_UDP);
        uint16_t headers = (uint16_t)((t.family == 4 ? 20 : 40) + (t.protocol == IPPROTO_TCP ? 20 : 8));
        uint16_t most = (uint16_t)((t.from == 2 || random_chance(&b->random, 60) ? MTU_SMALL : MTU_LARGE) - headers);
        uint16_t segment = random_chance(&b->random, 50) ? most : (uint16_t)(500 + random_below(&b->random, most - 500u));
        if (t.protocol == IPPROTO_TCP && random_chance(&b->random, 75) && !handshake(b, &t))
            return false;
        if (!try_gso(b, &t, (size_t)segment * (2 + random_below(&b->random, 60000u / segment - 2)), segment))
            return false;
    }
    return true;
}

/* The kernel's counters say what the reference counted. */
static bool check_counters(struct bench *b)
{
    uint64_t kernel = 0;
    for (uint32_t i = 0; i < SPOKES; i++)
        for (uint32_t r = 0; r < REASONS; r++) {
            struct counter c;
            if (!datapath_counter(&b->datapath, LINK_FIRST + i, COUNTER_SOURCE, r, &c))
                return complain(b, "cannot read a counter");
            kernel += c.packets;
            if (c.packets != b->reasons[i][r]) {
                printf("#   link %u, %s: kernel %llu, reference %" PRIu64 "\n", i, reason_name((enum bulkhead_reason)r), (unsigned long long)c.packets, b->reasons[i][r]);
                return complain(b, "a counter differs");
            }
        }
    return kernel == b->sent || complain(b, "not every frame was counted");
}

/* Real sockets: the workloads' own stacks take part. */

static bool open_socket(struct bench *b, uint32_t end, int domain, int type, int *ret)
{
    struct failure f;
    int on = 1;
    if (!netns_socket(b->ends[end].ns, domain, type, 0, ret, &f))
        return complain(b, f.text);
    struct timeval patience = {.tv_sec = 5};
    (void)setsockopt(*ret, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    (void)setsockopt(*ret, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    (void)setsockopt(*ret, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    return true;
}

static struct sockaddr_storage socket_address(const struct address *a, uint16_t port, socklen_t *ret_size)
{
    struct sockaddr_storage s = {0};
    if (a->family == 4) {
        struct sockaddr_in *in = (void *)&s;
        in->sin_family = AF_INET;
        in->sin_port = htons(port);
        memcpy(&in->sin_addr, a->octets, 4);
        *ret_size = sizeof *in;
    } else {
        struct sockaddr_in6 *in = (void *)&s;
        in->sin6_family = AF_INET6;
        in->sin6_port = htons(port);
        memcpy(&in->sin6_addr, a->octets, 16);
        *ret_size = sizeof *in;
    }
    return s;
}

#define BULK ((size_t)48 << 20)

static uint8_t bulk_byte(size_t at)
{
    return (uint8_t)(at * 2654435761u >> 13);
}

/* In a child: everything, from a file, by sendfile (pages, not copies: buffers are not linear). */
static void send_bulk(int socket)
{
    int file = memfd_create("bulk", MFD_CLOEXEC);
    uint8_t *at = ftruncate(file, BULK) ? MAP_FAILED : mmap(NULL, BULK, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (at == MAP_FAILED)
        _exit(1);
    for (size_t i = 0; i < BULK; i++)
        at[i] = bulk_byte(i);
    for (size_t left = BULK; left;) {
        ssize_t n = sendfile(socket, file, NULL, left);
        if (n <= 0)
            _exit(2);
        left -= (size_t)n;
    }
    shutdown(socket, SHUT_WR);
    _exit(0);
}

static bool read_bulk(struct bench *b, int socket)
{
    static uint8_t buffer[1 << 18];
    size_t at = 0;
    for (;;) {
        ssize_t n = recv(socket, buffer, sizeof buffer, 0);
        if (n < 0)
            return complain(b, "the bulk of a TCP connection stopped");
        if (n == 0)
            break;
        for (ssize_t i = 0; i < n; i++)
            if (buffer[i] != bulk_byte(at + (size_t)i))
                return complain(b, "the bulk of a TCP connection arrived changed");
        at += (size_t)n;
    }
    return at == BULK || complain(b, "the bulk of a TCP connection arrived in part");
}

static bool bulk(struct bench *b, uint8_t family, uint16_t port)
{
    int listener = -1, client = -1, server = -1, domain = family == 4 ? AF_INET : AF_INET6;
    const struct wire_end *to = &b->ends[1].wire;
    socklen_t size;
    struct sockaddr_storage at = socket_address(family == 4 ? &to->v4 : &to->v6, port, &size);
    struct counter before = {0}, after = {0};
    if (!open_socket(b, 1, domain, SOCK_STREAM, &listener) || !open_socket(b, 0, domain, SOCK_STREAM, &client))
        return false;
    if (bind(listener, (struct sockaddr *)&at, size) || listen(listener, 1))
        return complain(b, "cannot listen");
    bool ok = datapath_counter(&b->datapath, LINK_FIRST, COUNTER_SOURCE, REASON_RULE, &before);
    if (connect(client, (struct sockaddr *)&at, size) || (server = accept(listener, NULL, NULL)) < 0)
        return complain(b, "cannot connect");
    struct timeval patience = {.tv_sec = 5};
    (void)setsockopt(server, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    pid_t child = fork();
    if (child == 0)
        send_bulk(client);
    close(client);
    int status = -1;
    ok = ok && read_bulk(b, server);
    close(server);
    close(listener);
    waitpid(child, &status, 0);
    ok = ok && datapath_counter(&b->datapath, LINK_FIRST, COUNTER_SOURCE, REASON_RULE, &after);
    uint64_t packets = after.packets - before.packets, bytes = after.bytes - before.bytes;
    printf("# TCP bulk over IPv%u: %zu MiB in %" PRIu64 " packets, %" PRIu64 " bytes each\n", family, BULK >> 20, packets, packets ? bytes / packets : 0);
    if (ok && status == 0 && bytes < BULK)
        return complain(b, "fewer bytes counted than sent");
    if (ok && packets && bytes / packets <= MTU_LARGE)
        return complain(b, "no packet was larger than the MTU: segmentation offload was not in use");
    return (ok && status == 0) || complain(b, "the bulk of a TCP connection was not sent");
}

static bool segmented_udp(struct bench *b, uint8_t family)
{
    static uint8_t large[60000];
    int sender = -1, receiver = -1, domain = family == 4 ? AF_INET : AF_INET6, segment = 1400, count = 0;
    const struct wire_end *to = &b->ends[1].wire;
    socklen_t size;
    struct sockaddr_storage at = socket_address(family == 4 ? &to->v4 : &to->v6, 7000, &size);
    if (!open_socket(b, 1, domain, SOCK_DGRAM, &receiver) || !open_socket(b, 0, domain, SOCK_DGRAM, &sender))
        return false;
    if (bind(receiver, (struct sockaddr *)&at, size) || connect(sender, (struct sockaddr *)&at, size))
        return complain(b, "cannot bind");
    bool supported = setsockopt(sender, SOL_UDP, UDP_SEGMENT, &segment, sizeof segment) == 0;
    bool ok = supported ? send(sender, large, 42000, 0) == 42000 || complain(b, "cannot send segments") : true;
    for (; ok && supported && count < 30; count++)
        if (recv(receiver, large, sizeof large, 0) != 1400)
            ok = complain(b, "a segment of UDP did not arrive");
    close(sender);
    close(receiver);
    return ok;
}

/* What a caller sees of a refusal: at once, and the right error. */
static bool refused_callers(struct bench *b)
{
    for (int family = 4; family <= 6; family += 2) {
        int tcp = -1, udp = -1, domain = family == 4 ? AF_INET : AF_INET6;
        const struct wire_end *to = &b->ends[2].wire;
        socklen_t size;
        struct sockaddr_storage at = socket_address(family == 4 ? &to->v4 : &to->v6, 8080, &size);
        if (!open_socket(b, 1, domain, SOCK_STREAM, &tcp) || !open_socket(b, 1, domain, SOCK_DGRAM, &udp))
            return false;
        int64_t begun = clock_ns(CLOCK_MONOTONIC);
        if (connect(tcp, (struct sockaddr *)&at, size) == 0 || errno != ECONNREFUSED)
            return complain(b, "a refused TCP caller is not told");
        char none;
        if (connect(udp, (struct sockaddr *)&at, size) || send(udp, "x", 1, 0) != 1 || recv(udp, &none, 1, 0) >= 0 || (errno != EHOSTUNREACH && errno != EACCES))
            return complain(b, "a refused UDP caller is not told");
        if (clock_ns(CLOCK_MONOTONIC) - begun > NS)
            return complain(b, "a refused caller waits");
        close(tcp);
        close(udp);
    }
    return true;
}

static void drain(struct bench *b)
{
    for (uint32_t i = 0; i < SPOKES; i++)
        while (receive(b, i, 1, &b->got[i]))
            ;
}

/* Alone on the machine */

static bool start(struct bench *b)
{
    struct failure f;
    int hub = -1;
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(0, &one);
    (void)sched_setaffinity(0, sizeof one, &one); /* frames are seen in the order in which they were sent */
    if (unshare(CLONE_NEWNET) || (hub = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC)) < 0)
        return complain(b, "cannot make the hub's namespace");
    struct datapath_options o = {.links = LINK_FIRST + SPOKES + 1, .sessions = 20000, .timeouts = TIMEOUTS_DEFAULT};
    if (!hub_prepare(hub, &f) || !datapath_load(&o, &b->datapath, &f))
        return complain(b, f.text);
    for (uint32_t i = 0; i < SPOKES; i++)
        if (!make_spoke(b, hub, i))
            return false;
    b->arena = arena_create((size_t)512 << 20);
    b->reference = reference_create(&(struct reference_options){.sessions_max = 20000});
    return apply(b, wide, "") && silence_all(b, true);
}

static void end(struct bench *b)
{
    for (uint32_t i = 0; i < SPOKES; i++)
        if (b->ends[i].netns[0] && !netns_delete(b->ends[i].netns, NULL))
            printf("# %s is left\n", b->ends[i].netns);
    reference_destroy(b->reference);
    arena_destroy(b->arena);
    datapath_close(&b->datapath);
}

static uint64_t number_option(int argc, char **argv, const char *name, uint64_t otherwise)
{
    for (int i = 1; i + 1 < argc; i++)
        if (strcmp(argv[i], name) == 0)
            return strtoull(argv[i + 1], NULL, 0);
    return otherwise;
}

static int number;

static bool phase(struct bench *b, bool ok, const char *says)
{
    printf("%s %d - %s\n", ok && !b->failed ? "ok" : "not ok", ++number, says);
    return ok && !b->failed;
}

static bool all_phases(struct bench *b, uint64_t packets)
{
    usleep(300000); /* what the stacks had to say before they were silenced is over */
    drain(b);
    for (uint32_t i = 0; i < SPOKES; i++)
        for (uint32_t r = 0; r < REASONS; r++) { /* which was counted */
            struct counter c = {0};
            (void)datapath_counter(&b->datapath, LINK_FIRST + i, COUNTER_SOURCE, r, &c);
            b->reasons[i][r] = c.packets;
            b->sent += c.packets;
        }
    return phase(b, random_frames(b, packets), "random frames arrive, are answered or vanish as the reference says") &&
        phase(b, apply(b, wide, "refuse: drop\n") && random_frames(b, packets / 10), "refuse: drop is silent, but for delivery") &&
        phase(b, apply(b, wide, "") && cut_frames(b), "frames that are cut short are refused") &&
        phase(b, late_fragments(b), "the rest of a packet follows its first fragment, and is never answered") &&
        phase(b, revoked_sessions(b), "a session that is revoked is told at both ends") &&
        phase(b, jumbo_frames(b), "jumbo frames and buffers in pieces are as any others") &&
        phase(b, gso_frames(b), "a large packet is judged by its segments") &&
        phase(b, apply(b, wide, "") && check_counters(b), "the counters of every reason are the reference's") &&
        phase(b, tiny_frames(b), "frames shorter than an Ethernet header go nowhere") &&
        phase(b, silence_all(b, false) && bulk(b, 4, 9000) && bulk(b, 6, 9001), "bulk over TCP with segmentation offload arrives whole") &&
        phase(b, segmented_udp(b, 4) && segmented_udp(b, 6), "segmented UDP arrives whole") &&
        phase(b, refused_callers(b), "a refused caller is told at once") &&
        phase(b, b->leaks == 0, "an answer quotes the packet and nothing behind its end");
}

int main(int argc, char **argv)
{
    static struct bench b;
    struct failure f;
    uint64_t seed = number_option(argc, argv, "--seed", (uint64_t)time(NULL)), packets = number_option(argc, argv, "--packets", 4500) /* more, and unconfirmed sessions push each other out */;
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (geteuid() != 0 || !datapath_probe(&f)) {
        printf("1..0 # SKIP %s\n", geteuid() != 0 ? "needs root" : f.text);
        return 77;
    }
    b.random.state = seed;
    datapath_init(&b.datapath);
    printf("# seed %" PRIu64 "\n", seed);
    bool ok = start(&b) && all_phases(&b, packets);
    if (!ok && !number)
        phase(&b, false, "load: the bench stands");
    uint64_t total[REASONS] = {0};
    for (uint32_t i = 0; i < SPOKES; i++)
        for (uint32_t r = 0; r < REASONS; r++)
            total[r] += b.reasons[i][r];
    printf("# %" PRIu64 " frames: %" PRIu64 " passed, %" PRIu64 " answered, %" PRIu64 " not linear, %" PRIu64 " GSO, %" PRIu64 " runts, %" PRIu64 " refused by the socket\n", b.sent, b.passed,
        b.answered, b.nonlinear, b.gso, b.runts, b.refused_by_socket);
    for (int r = 0; r < REASONS; r++)
        if (total[r])
            printf("# %-22s %8" PRIu64 "\n", reason_name((enum bulkhead_reason)r), total[r]);
    printf("1..%d\n", number);
    end(&b);
    return ok ? 0 : 1;
}
