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
#include <inttypes.h>
#include <netinet/udp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "enforce/netns.h"
#include "links_bench.h"

static const char *const wide =
    "  - name: r1\n    allow: {from: w1, to: [w0, w2], ports: [any]}\n"
    "  - name: r2\n    deny: {from: w1, to: w2, ports: [8080/tcp, 8080/udp]}\n"
    "  - name: r3\n    allow: {from: w2, to: [w0, w1], ports: [1-9000/tcp, 53/udp, 443/sctp, icmp]}\n";
static const char *const narrow = "  - name: r1\n    deny: {from: [w1, w2], to: any, ports: [1-1023/tcp, 1-8079/udp]}\n"
                                  "  - name: r2\n    allow: {from: w2, to: w1}\n";

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
    if (!bench_try(b, t->from, frame, build(b, t, TCP_SYN, 0, frame)) || !bench_try(b, back.from, frame, build(b, &back, TCP_SYN | TCP_ACK, 0, frame)))
        return false;
    t->sequence++;
    t->acknowledgement++;
    return bench_try(b, t->from, frame, build(b, t, TCP_ACK, 0, frame));
}

/* The phases */

static bool random_frames(struct bench *b, uint64_t count)
{
    struct packet_source source = {.random = &b->random, .policy = b->policy, .links = b->links, .link_count = SPOKES};
    for (uint64_t i = 0; i < count; i++) {
        const struct frame *f = packet_source_next(&source);
        if (!bench_try(b, f->link, f->bytes, f->length))
            return false;
        if (i == count / 3 && !bench_apply(b, narrow, ""))
            return false;
        if (i == count * 2 / 3 && !bench_apply(b, wide, ""))
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
        if (talks[i].protocol == IPPROTO_TCP ? !handshake(b, &talks[i]) : !bench_try(b, talks[i].from, frame, build(b, &talks[i], 0, 20, frame)))
            return false;
    }
    if (!bench_apply(b, narrow, ""))
        return false;
    for (int i = 0; i < 60; i++) {
        static const uint8_t flags[] = {TCP_ACK, TCP_ACK, TCP_ACK | TCP_FIN, TCP_RST, 0, TCP_RST | TCP_ACK};
        struct talk t = i % 4 ? talks[i] : reversed(&talks[i]);
        for (int again = 0; again < 2; again++)
            if (!bench_try(b, t.from, frame, build(b, &t, flags[random_below(&b->random, 6)], random_below(&b->random, 100), frame)))
                return false;
    }
    return bench_apply(b, wide, "");
}

/* Good frames, and such with a VLAN tag, cut behind every byte. */
static bool cut_frames(struct bench *b)
{
    static uint8_t frame[WIRE_MAX];
    for (int kind = 0; kind < 4; kind++)
        for (size_t length = ETHER; length < 100; length++) {
            struct talk t = draw_talk(b, kind & 1 ? IPPROTO_TCP : IPPROTO_UDP);
            t.family = kind & 2 ? 6 : 4;
            size_t whole = build(b, &t, TCP_SYN, 30, frame);
            b->runts += length < ETHER + 40;
            if (length <= whole && !bench_try(b, t.from, frame, length))
                return false;
        }
    for (size_t kind = 0; kind < 2; kind++)
        for (size_t length = ETHER; length < 60; length++) {
            struct talk t = draw_talk(b, IPPROTO_UDP);
            size_t whole = build(b, &t, 0, 30, frame);
            memmove(frame + 16, frame + 12, whole - 12);
            wire_put16(frame + 12, kind ? 0x88a8 : 0x8100);
            wire_put16(frame + 14, 7);
            if (!bench_try(b, t.from, frame, length))
                return false;
        }
    return true;
}

/* Tunnels of which little is there, or nonsense: the kernel looks into them. */
static bool tunnels(struct bench *b)
{
    static const uint8_t protocols[] = {IPPROTO_IPIP, IPPROTO_IPV6, IPPROTO_GRE, IPPROTO_MPLS, 115};
    static uint8_t frame[WIRE_MAX];
    for (size_t i = 0; i < sizeof protocols; i++)
        for (size_t payload = 0; payload < 60; payload++) {
            struct talk t = draw_talk(b, IPPROTO_UDP);
            size_t whole = build(b, &t, 0, payload, frame), at = ETHER + (t.family == 4 ? 20 : 40);
            frame[ETHER + (t.family == 4 ? 9 : 6)] = protocols[i];
            for (size_t k = at; k < whole; k++)
                frame[k] = (uint8_t)random_next(&b->random);
            if (!bench_try(b, t.from, frame, whole))
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
        if (!bench_try(b, t.from, frame, first))
            return false;
        wire_put16(frame + ETHER + 2, 120);
        wire_put16(frame + ETHER + 6, 1008 / 8);
        frame[ETHER + 8] = i % 2 ? 1 : 64;
        if (!bench_try(b, t.from, frame, ETHER + 120))
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
            if (bench_send(b, end, frame, length))
                sent++;
            else
                refused++;
        }
    printf("# shorter than 14 bytes: %" PRIu64 " sent, %" PRIu64 " refused by the socket\n", sent, refused);
    usleep(20000);
    return bench_expect_nothing(b);
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
        if (split ? !bench_try_nonlinear(b, t.from, frame, length, linear) : !bench_try(b, t.from, frame, length))
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
    if (!bench_send_offload(b, t->from, &h, b->frame.bytes, b->frame.length)) {
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
        bench_age(b, v.to_link, b->frame.bytes, b->frame.length, want);
        return bench_expect(b, v.to_link, want, b->frame.length, "the GSO frame that passes") && bench_expect_nothing(b);
    }
    struct packet p;
    if (frame_parse(bytes_of(b->frame.bytes, b->frame.length), &p) != REASONS)
        return bench_complain(b, "the test made a bad GSO frame");
    return bench_check_answer(b, t->from, v.verdict.reason, b->frame.bytes, &p, b->links[t->to].mtu) && bench_expect_nothing(b);
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
                return bench_complain(b, "cannot read a counter");
            kernel += c.packets;
            if (c.packets != b->reasons[i][r]) {
                printf("#   link %u, %s: kernel %llu, reference %" PRIu64 "\n", i, reason_name((enum bulkhead_reason)r), (unsigned long long)c.packets, b->reasons[i][r]);
                return bench_complain(b, "a counter differs");
            }
        }
    return kernel == b->sent || bench_complain(b, "not every frame was counted");
}

/* Real sockets: the workloads' own stacks take part. */

static bool open_socket(struct bench *b, uint32_t end, int domain, int type, int *ret)
{
    struct failure f;
    int on = 1;
    if (!netns_socket(b->ends[end].ns, domain, type, 0, ret, &f))
        return bench_complain(b, f.text);
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
            return bench_complain(b, "the bulk of a TCP connection stopped");
        if (n == 0)
            break;
        for (ssize_t i = 0; i < n; i++)
            if (buffer[i] != bulk_byte(at + (size_t)i))
                return bench_complain(b, "the bulk of a TCP connection arrived changed");
        at += (size_t)n;
    }
    return at == BULK || bench_complain(b, "the bulk of a TCP connection arrived in part");
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
        return bench_complain(b, "cannot listen");
    bool ok = datapath_counter(&b->datapath, LINK_FIRST, COUNTER_SOURCE, REASON_RULE, &before);
    if (connect(client, (struct sockaddr *)&at, size) || (server = accept(listener, NULL, NULL)) < 0)
        return bench_complain(b, "cannot connect");
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
        return bench_complain(b, "fewer bytes counted than sent");
    if (ok && packets && bytes / packets <= MTU_LARGE)
        return bench_complain(b, "no packet was larger than the MTU: segmentation offload was not in use");
    return (ok && status == 0) || bench_complain(b, "the bulk of a TCP connection was not sent");
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
        return bench_complain(b, "cannot bind");
    bool supported = setsockopt(sender, SOL_UDP, UDP_SEGMENT, &segment, sizeof segment) == 0;
    bool ok = supported ? send(sender, large, 42000, 0) == 42000 || bench_complain(b, "cannot send segments") : true;
    for (; ok && supported && count < 30; count++)
        if (recv(receiver, large, sizeof large, 0) != 1400)
            ok = bench_complain(b, "a segment of UDP did not arrive");
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
            return bench_complain(b, "a refused TCP caller is not told");
        char none;
        if (connect(udp, (struct sockaddr *)&at, size) || send(udp, "x", 1, 0) != 1 || recv(udp, &none, 1, 0) >= 0 || (errno != EHOSTUNREACH && errno != EACCES))
            return bench_complain(b, "a refused UDP caller is not told");
        if (clock_ns(CLOCK_MONOTONIC) - begun > NS)
            return bench_complain(b, "a refused caller waits");
        close(tcp);
        close(udp);
    }
    return true;
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
    bench_drain(b);
    for (uint32_t i = 0; i < SPOKES; i++)
        for (uint32_t r = 0; r < REASONS; r++) { /* which was counted */
            struct counter c = {0};
            (void)datapath_counter(&b->datapath, LINK_FIRST + i, COUNTER_SOURCE, r, &c);
            b->reasons[i][r] = c.packets;
            b->sent += c.packets;
        }
    return phase(b, random_frames(b, packets), "random frames arrive, are answered or vanish as the reference says") &&
        phase(b, bench_apply(b, wide, "refuse: drop\n") && random_frames(b, packets / 10), "refuse: drop is silent, but for delivery") &&
        phase(b, bench_apply(b, wide, "") && cut_frames(b), "frames that are cut short are refused") &&
        phase(b, tunnels(b), "a tunnel is a protocol like any other") &&
        phase(b, late_fragments(b), "the rest of a packet follows its first fragment, and is never answered") &&
        phase(b, revoked_sessions(b), "a session that is revoked is told at both ends") &&
        phase(b, jumbo_frames(b), "jumbo frames and buffers in pieces are as any others") &&
        phase(b, gso_frames(b), "a large packet is judged by its segments") &&
        phase(b, bench_apply(b, wide, "") && check_counters(b), "the counters of every reason are the reference's") &&
        phase(b, tiny_frames(b), "frames shorter than an Ethernet header go nowhere") &&
        phase(b, bench_silence(b, false) && bulk(b, 4, 9000) && bulk(b, 6, 9001), "bulk over TCP with segmentation offload arrives whole") &&
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
    bool ok = bench_start(&b, wide) && all_phases(&b, packets);
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
    bench_end(&b);
    return ok ? 0 : 1;
}
