/* SPDX-License-Identifier: Apache-2.0 */
#include "enforce/probe.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/table.h"
#include "enforce/clock.h"
#include "enforce/netns.h"
#include "enforce/network.h"
#include "enforce/scope.h"
#include "enforce/state.h"

#define QUIET_MS 250 /* nothing has arrived for so long: nothing more will */
#define WAIT_MS 3000
#define BATCH 256 /* sockets at a time: what is open is bounded */
#define ECHO_IDENTIFIER 0x4268
#define RECEIVE_BYTES (4 << 20)

struct station {
    int netns, capture;
};

struct lab {
    const struct policy *policy;
    struct station *stations;
    struct arena *arena;
    struct table wanted; /* key -> probe + 1 */
    struct probe *probes;
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
    for (uint32_t i = 0; l->stations && i < l->policy->workload_count; i++) {
        if (l->stations[i].capture >= 0)
            close(l->stations[i].capture);
        if (l->stations[i].netns >= 0)
            close(l->stations[i].netns);
    }
    free(l->stations);
    arena_destroy(l->arena);
}

static bool open_station(const struct policy *p, uint32_t workload, struct station *ret, struct failure *f)
{
    char netns[NETNS_PATH_MAX];
    int size = RECEIVE_BYTES;
    workload_netns(p, &p->workloads[workload], netns);
    if (!netns_open(netns, &ret->netns, f) || !netns_socket(ret->netns, AF_PACKET, SOCK_RAW | SOCK_NONBLOCK, htons(ETH_P_ALL), &ret->capture, f))
        return false;
    (void)setsockopt(ret->capture, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size);
    return true;
}

static bool lab_open(const struct policy *p, struct probe *probes, size_t count, struct lab *ret, struct failure *f)
{
    *ret = (struct lab){.policy = p, .probes = probes, .arena = arena_create((size_t)1 << 30), .stations = calloc(p->workload_count + 1, sizeof *ret->stations)};
    if (!ret->arena || !ret->stations)
        return fail(f, "out of memory");
    for (uint32_t i = 0; i < p->workload_count; i++)
        ret->stations[i] = (struct station){-1, -1};
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
        if (!p->workloads[i].attach_interface && !open_station(p, i, &ret->stations[i], f))
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
static bool collect_from(struct lab *l, const struct station *s)
{
    uint8_t frame[2048];
    bool any = false;
    for (;;) {
        struct sockaddr_ll at = {0};
        socklen_t size = sizeof at;
        ssize_t got = recvfrom(s->capture, frame, sizeof frame, 0, (struct sockaddr *)&at, &size);
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
        any |= l->stations[i].capture >= 0 && collect_from(l, &l->stations[i]);
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

/* Sends one; *ret_socket stays open until the answers are in. */
static bool send_probe(struct lab *l, const struct probe *p, int *ret_socket, struct failure *f)
{
    int family = p->from_address.family == 4 ? AF_INET : AF_INET6;
    bool tcp = p->protocol == IPPROTO_TCP, udp = p->protocol == IPPROTO_UDP;
    int type = tcp ? SOCK_STREAM : udp ? SOCK_DGRAM : SOCK_RAW;
    struct sockaddr_storage from, to;
    socklen_t from_size = socket_address(&p->from_address, 0, &from), to_size = socket_address(&p->to_address, tcp || udp ? p->port : 0, &to);
    if (!netns_socket(l->stations[p->from].netns, family, type | SOCK_NONBLOCK, p->protocol, ret_socket, f))
        return false;
    if (bind(*ret_socket, (struct sockaddr *)&from, from_size))
        return fail_errno(f, errno, "send from workload %s", l->policy->workloads[p->from].name);
    if (tcp)
        (void)!connect(*ret_socket, (struct sockaddr *)&to, to_size);
    else if (udp)
        (void)!sendto(*ret_socket, "", 0, 0, (struct sockaddr *)&to, to_size);
    else
        send_echo(*ret_socket, p, (struct sockaddr *)&to, to_size);
    return true;
}

static bool run_batch(struct lab *l, size_t first, size_t count, struct failure *f)
{
    int sockets[BATCH];
    size_t open = 0;
    bool ok = true;
    while (ok && open < count) {
        sockets[open] = -1;
        ok = send_probe(l, &l->probes[first + open], &sockets[open], f);
        open++;
    }
    if (ok)
        wait_for_arrivals(l);
    for (size_t i = 0; i < open; i++)
        if (sockets[i] >= 0)
            close(sockets[i]);
    return ok;
}

bool probes_run(const struct policy *p, struct probe *probes, size_t count, const struct progress *progress, struct failure *f)
{
    struct lab l;
    bool ok = lab_open(p, probes, count, &l, f);
    for (size_t i = 0; ok && i < count; i += BATCH) {
        ok = run_batch(&l, i, count - i < BATCH ? count - i : BATCH, f);
        progress_tell(progress, i, count);
    }
    lab_close(&l);
    return ok;
}
