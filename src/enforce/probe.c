/* SPDX-License-Identifier: Apache-2.0 */
#include "enforce/probe.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/capability.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/table.h"
#include "enforce/capabilities.h"
#include "enforce/clock.h"
#include "enforce/netns.h"
#include "enforce/network.h"
#include "enforce/scope.h"
#include "enforce/state.h"

#define QUIET_MS 250 /* nothing has arrived for so long: nothing more will */
#define WAIT_MS 3000
#define BATCH 256 /* packets between two looks at what has arrived: far less than a capture holds */
#define HELD 512  /* sockets that stay open behind what they sent: the other side finds somebody there when it answers */
#define TRIES 3   /* while frames are lost, anybody's, before they can be seen: what has not arrived is sent again */
#define ECHO_IDENTIFIER 0x4268
#define RECEIVE_BYTES (4 << 20)

struct lab {
    const struct policy *policy;
    int *captures; /* of each workload; -1: none */
    struct arena *arena;
    struct table wanted; /* key -> probe + 1 */
    struct probe *probes;
    int held[HELD];
    size_t next; /* in `held`, counted on */
};

/* How a packet is known again: both addresses, protocol, port. */
struct key {
    uint8_t from[16], to[16];
    uint16_t port;
    uint8_t protocol, family;
};

static struct key probe_key(const struct probe *p)
{
    struct key k = {.port = p->port, .protocol = p->protocol, .family = p->from_address.family};
    memcpy(k.from, p->from_address.octets, 16);
    memcpy(k.to, p->to_address.octets, 16);
    return k;
}

static void lab_close(struct lab *l)
{
    for (uint32_t i = 0; l->captures && i < l->policy->workload_count; i++)
        if (l->captures[i] >= 0)
            close(l->captures[i]);
    for (size_t i = 0; i < HELD; i++)
        if (l->held[i] >= 0)
            close(l->held[i]);
    free(l->captures);
    arena_destroy(l->arena);
}

static bool open_netns(const struct policy *p, uint32_t workload, int *ret, struct failure *f)
{
    char netns[NETNS_PATH_MAX];
    workload_netns(p, &p->workloads[workload], netns);
    return netns_open(netns, ret, f);
}

static bool open_capture(const struct policy *p, uint32_t workload, int *ret, struct failure *f)
{
    SCOPED_FD netns = -1;
    int size = RECEIVE_BYTES, on = 1;
    if (!open_netns(p, workload, &netns, f) || !netns_socket(netns, AF_PACKET, SOCK_RAW | SOCK_NONBLOCK, htons(ETH_P_ALL), ret, f))
        return false;
    (void)setsockopt(*ret, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size);
    (void)setsockopt(*ret, SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, sizeof on);
    return true;
}

static bool lab_open(const struct policy *p, struct probe *probes, size_t count, struct lab *ret, struct failure *f)
{
    *ret = (struct lab){.policy = p, .probes = probes, .arena = arena_create((size_t)1 << 30), .captures = calloc(p->workload_count + 1, sizeof *ret->captures)};
    for (size_t i = 0; i < HELD; i++)
        ret->held[i] = -1;
    if (!ret->arena || !ret->captures)
        return fail(f, "out of memory");
    for (uint32_t i = 0; i < p->workload_count; i++)
        ret->captures[i] = -1;
    ret->wanted = table_new(ret->arena, (uint64_t)(uintptr_t)ret);
    for (size_t i = 0; i < count; i++) {
        struct key *k = arena_alloc(ret->arena, sizeof *k);
        if (!k)
            return fail(f, "out of memory");
        *k = probe_key(&probes[i]);
        if (!table_put(&ret->wanted, bytes_of(k, sizeof *k), i + 1, NULL))
            return fail(f, "out of memory");
    }
    for (uint32_t i = 0; i < p->workload_count; i++)
        if (!p->workloads[i].attach_interface && !open_capture(p, i, &ret->captures[i], f))
            return false;
    return true;
}

/* The key of a frame that starts something: a SYN, a datagram, an echo request. */
static bool frame_key(struct bytes frame, struct key *ret)
{
    struct cursor c = cursor_over(frame);
    uint16_t type, port = 0, ignored;
    uint8_t first, kind;
    struct bytes from, to, rest;
    *ret = (struct key){0};
    if (!cursor_skip(&c, 12) || !cursor_u16(&c, &type))
        return false;
    bool v4 = type == ETH_P_IP;
    if (v4) {
        if (!cursor_skip(&c, 9) || !cursor_u8(&c, &ret->protocol) || !cursor_u16(&c, &ignored) || !cursor_read(&c, 4, &from) || !cursor_read(&c, 4, &to))
            return false;
    } else if (type != ETH_P_IPV6 || !cursor_skip(&c, 6) || !cursor_u8(&c, &ret->protocol) || !cursor_skip(&c, 1) || !cursor_read(&c, 16, &from) ||
        !cursor_read(&c, 16, &to)) {
        return false;
    }
    ret->family = v4 ? 4 : 6;
    memcpy(ret->from, from.at, from.len);
    memcpy(ret->to, to.at, to.len);
    if (ret->protocol == (v4 ? IPPROTO_ICMP : IPPROTO_ICMPV6))
        return cursor_u8(&c, &kind) && kind == (v4 ? 8 : 128);
    if (!cursor_u16(&c, &ignored) || !cursor_u16(&c, &port))
        return false;
    ret->port = port;
    if (ret->protocol != IPPROTO_TCP)
        return ret->protocol == IPPROTO_UDP;
    return cursor_skip(&c, 9) && cursor_u8(&c, &first) && cursor_read(&c, 0, &rest) && (first & 0x12) == 0x02;
}

/* Everything that has arrived at one workload; true when there was anything of ours. */
static bool collect_from(struct lab *l, int capture)
{
    uint8_t frame[2048];
    bool any = false;
    for (;;) {
        struct sockaddr_ll at = {0};
        socklen_t size = sizeof at;
        ssize_t got = recvfrom(capture, frame, sizeof frame, 0, (struct sockaddr *)&at, &size);
        if (got < 0)
            return any;
        struct key k;
        if (at.sll_pkttype == PACKET_OUTGOING || !frame_key(bytes_of(frame, (size_t)got), &k))
            continue;
        uint64_t *number = table_get(&l->wanted, bytes_of(&k, sizeof k));
        if (number) {
            l->probes[*number - 1].reached = true;
            any = true;
        }
    }
}

static bool collect(struct lab *l)
{
    bool any = false;
    for (uint32_t i = 0; i < l->policy->workload_count; i++)
        any |= l->captures[i] >= 0 && collect_from(l, l->captures[i]);
    return any;
}

static void wait_for_arrivals(struct lab *l)
{
    int64_t begin = clock_milliseconds(), last = begin;
    for (int64_t now = begin; now - last < QUIET_MS && now - begin < WAIT_MS; now = clock_milliseconds()) {
        if (collect(l))
            last = now;
        usleep(5000);
    }
}

static socklen_t socket_address(const struct address *a, uint16_t port, struct sockaddr_storage *ret)
{
    *ret = (struct sockaddr_storage){0};
    if (a->family == 4) {
        struct sockaddr_in *in = (void *)ret;
        in->sin_family = AF_INET;
        in->sin_port = htons(port);
        memcpy(&in->sin_addr, a->octets, 4);
        return sizeof *in;
    }
    struct sockaddr_in6 *in6 = (void *)ret;
    in6->sin6_family = AF_INET6;
    in6->sin6_port = htons(port);
    memcpy(&in6->sin6_addr, a->octets, 16);
    return sizeof *in6;
}

/* RFC 1071, for the echo request (ICMPv6's the kernel fills in). */
static uint16_t checksum(const uint8_t *at, size_t len)
{
    uint32_t sum = 0;
    for (size_t i = 0; i + 1 < len; i += 2)
        sum += (uint32_t)(at[i] << 8 | at[i + 1]);
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)~sum;
}

static void send_echo(int socket, const struct probe *p, const struct sockaddr *to, socklen_t size)
{
    uint8_t echo[16] = {p->from_address.family == 4 ? 8 : 128, 0, 0, 0, ECHO_IDENTIFIER >> 8, ECHO_IDENTIFIER & 0xff, 0, 1};
    uint16_t sum = checksum(echo, sizeof echo);
    echo[2] = (uint8_t)(sum >> 8);
    echo[3] = (uint8_t)sum;
    (void)!sendto(socket, echo, sizeof echo, 0, to, size);
}

/* What one workload sends between two looks, with the thread inside its namespace. */
struct sender {
    struct lab *lab;
    const struct probe *probes;
    size_t count;
    int datagrams[2], echoes[2]; /* sockets for all of them, of IPv4 and IPv6; -1: none yet */
};

static void hold(struct lab *l, int socket)
{
    int *place = &l->held[l->next++ % HELD];
    if (*place >= 0)
        close(*place);
    *place = socket;
}

static bool open_sender(const struct sender *s, const struct probe *p, int type, int *ret, struct failure *f)
{
    struct sockaddr_storage from;
    socklen_t size = socket_address(&p->from_address, 0, &from);
    *ret = socket(p->from_address.family == 4 ? AF_INET : AF_INET6, type | SOCK_NONBLOCK | SOCK_CLOEXEC, p->protocol);
    if (*ret >= 0)
        hold(s->lab, *ret);
    if (*ret < 0 || bind(*ret, (struct sockaddr *)&from, size))
        return fail_errno(f, errno, "send from workload %s", s->lab->policy->workloads[p->from].name);
    return true;
}

static bool send_probe(struct sender *s, const struct probe *p, struct failure *f)
{
    bool tcp = p->protocol == IPPROTO_TCP, udp = p->protocol == IPPROTO_UDP;
    struct sockaddr_storage to;
    socklen_t size = socket_address(&p->to_address, tcp || udp ? p->port : 0, &to);
    int own = -1, *from = tcp ? &own : &(udp ? s->datagrams : s->echoes)[p->from_address.family == 6];
    if (*from < 0 && !open_sender(s, p, tcp ? SOCK_STREAM : udp ? SOCK_DGRAM : SOCK_RAW, from, f))
        return false;
    if (tcp)
        (void)!connect(*from, (struct sockaddr *)&to, size);
    else if (udp)
        (void)!sendto(*from, "", 0, 0, (struct sockaddr *)&to, size);
    else
        send_echo(*from, p, (struct sockaddr *)&to, size);
    return true;
}

static bool send_all(void *argument, struct failure *f)
{
    struct sender *s = argument;
    for (size_t i = 0; i < s->count; i++)
        if (!s->probes[i].reached && !send_probe(s, &s->probes[i], f))
            return false;
    return true;
}

/* How many of the probes go together: those of one workload, from the first on. */
static size_t batch_size(const struct probe *probes, size_t count)
{
    size_t size = 1;
    while (size < count && size < BATCH && probes[size].from == probes[0].from)
        size++;
    return size;
}

static bool run_batch(struct lab *l, const struct probe *probes, size_t count, struct failure *f)
{
    struct sender s = {.lab = l, .probes = probes, .count = count, .datagrams = {-1, -1}, .echoes = {-1, -1}};
    SCOPED_FD netns = -1;
    bool ok = open_netns(l->policy, probes[0].from, &netns, f) && netns_run_in(netns, send_all, &s, f);
    (void)collect(l);
    return ok;
}

/* Frames that the machine's queue for them (net.core.netdev_max_backlog) had no room for, since it began: the second number of
 * each processor's line, in hexadecimal. */
static uint64_t queue_losses(void)
{
    FILE *file = fopen("/proc/net/softnet_stat", "re");
    char line[512];
    uint64_t lost = 0;
    while (file && fgets(line, sizeof line, file)) {
        char *second;
        (void)strtoull(line, &second, 16);
        lost += strtoull(second, NULL, 16);
    }
    if (file)
        (void)fclose(file);
    return lost;
}

/* Frames that the captures had no room for, since this was asked last. */
static uint64_t capture_losses(const struct lab *l)
{
    uint64_t lost = 0;
    for (uint32_t i = 0; i < l->policy->workload_count; i++) {
        struct tpacket_stats stats = {0};
        socklen_t size = sizeof stats;
        if (l->captures[i] >= 0 && getsockopt(l->captures[i], SOL_PACKET, PACKET_STATISTICS, &stats, &size) == 0)
            lost += stats.tp_drops;
    }
    return lost;
}

/* Sends what has not arrived yet. *ret_lost: frames that nobody saw, among which one of ours may have been. */
static bool try_once(struct lab *l, size_t count, const struct progress *progress, uint64_t *ret_lost, struct failure *f)
{
    uint64_t before = queue_losses();
    for (size_t i = 0, size; i < count; i += size) {
        size = batch_size(&l->probes[i], count - i);
        if (!run_batch(l, &l->probes[i], size, f))
            return false;
        progress_tell(progress, i, count);
    }
    wait_for_arrivals(l);
    *ret_lost = queue_losses() - before + capture_losses(l);
    return true;
}

bool probes_run(const struct policy *p, struct probe *probes, size_t count, const struct progress *progress, uint64_t *ret_lost, struct failure *f)
{
    static const int wanted[] = {CAP_SYS_ADMIN, CAP_NET_RAW};
    char lacking[CAPABILITIES_TEXT_MAX];
    struct lab l;
    uint64_t lost = 1;
    if (capabilities_lacking(wanted, sizeof wanted / sizeof wanted[0], lacking))
        return fail(f, "sending from workloads, and seeing what arrives, needs %s, which this process lacks; a container needs --privileged", lacking);
    bool ok = lab_open(p, probes, count, &l, f);
    for (unsigned i = 0; ok && lost && i < TRIES; i++)
        ok = try_once(&l, count, progress, &lost, f);
    *ret_lost = lost;
    lab_close(&l);
    return ok;
}
