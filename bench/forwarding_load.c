/* SPDX-License-Identifier: Apache-2.0 */
#include "forwarding_load.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "bed.h"
#include "enforce/netns.h"
#include "report.h"

#define SENDER_CPU 0
#define RECEIVER_CPU 1
#define NICE (-20) /* other programs get little of the two processors while a slice runs */
#define BATCH 64
#define PAYLOAD 18 /* with its headers and the frame check sequence: 64 octets */
#define CHUNK (256 * 1024)
#define CLIENTS 8
#define SERVERS 4
#define THREADS_MAX (CLIENTS + SERVERS)

static atomic_bool stop;

struct worker {
    pthread_t thread;
    int cpu, socket;
    const struct net *net;
    void (*work)(struct worker *w);
    atomic_uint_fast64_t done;
};

static void *begin(void *argument)
{
    struct worker *w = argument;
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET((size_t)w->cpu, &set);
    sched_setaffinity(0, sizeof set, &set);
    setpriority(PRIO_PROCESS, (id_t)gettid(), NICE);
    w->work(w);
    return NULL;
}

static void start(struct worker *w)
{
    int error = pthread_create(&w->thread, NULL, begin, w);
    if (error)
        die("cannot start a thread: %s", strerror(error));
}

static void rest(uint64_t ns)
{
    struct timespec t = {(time_t)(ns / 1000000000), (long)(ns % 1000000000)};
    nanosleep(&t, NULL);
}

static int open_socket(int ns, int type)
{
    struct failure f;
    int s, on = 1;
    if (!netns_socket(ns, AF_INET, type | SOCK_CLOEXEC, 0, &s, &f))
        die("%s", f.text);
    setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    return s;
}

static int open_bound(const struct net *n, int type, uint16_t port)
{
    struct sockaddr_in a = net_target(port);
    int s = open_socket(n->target, type);
    if (bind(s, (struct sockaddr *)&a, sizeof a))
        die("bind: %s", strerror(errno));
    return s;
}

static int try_connect(const struct net *n, int type, uint16_t port)
{
    struct sockaddr_in a = net_target(port);
    int s = open_socket(n->source, type);
    if (connect(s, (struct sockaddr *)&a, sizeof a) == 0)
        return s;
    close(s);
    return -1;
}

/* ---- processor time ---- */

/* Nanoseconds that ksoftirqd has run so far, on all processors: what softirqs did that no thread of ours paid for. */
static uint64_t ksoftirqd_ns(void)
{
    static int pids[64], count = -1;
    char path[64], line[128];
    if (count < 0) {
        count = 0;
        DIR *proc = opendir("/proc");
        for (struct dirent *d; proc && count < 64 && (d = readdir(proc));) {
            long pid = strtol(d->d_name, NULL, 10);
            snprintf(path, sizeof path, "/proc/%ld/comm", pid);
            FILE *in = pid > 0 ? fopen(path, "re") : NULL;
            if (in && fgets(line, sizeof line, in) && strncmp(line, "ksoftirqd/", 10) == 0)
                pids[count++] = (int)pid;
            if (in)
                fclose(in);
        }
        if (proc)
            closedir(proc);
    }
    uint64_t sum = 0;
    for (int i = 0; i < count; i++) {
        snprintf(path, sizeof path, "/proc/%d/schedstat", pids[i]);
        FILE *in = fopen(path, "re");
        if (in && fgets(line, sizeof line, in))
            sum += strtoull(line, NULL, 10);
        if (in)
            fclose(in);
    }
    return sum;
}

static uint64_t thread_ns(const struct worker *w)
{
    clockid_t clock;
    struct timespec t;
    if (pthread_getcpuclockid(w->thread, &clock) || clock_gettime(clock, &t))
        return 0;
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

struct reading {
    uint64_t wall, cpu;
};

static struct reading read_clocks(const struct worker *w, size_t count)
{
    struct reading r = {.wall = wall_ns(), .cpu = ksoftirqd_ns()};
    for (size_t i = 0; i < count; i++)
        r.cpu += thread_ns(&w[i]);
    return r;
}

static struct load load_of(uint64_t done, const struct reading *before, const struct reading *after)
{
    if (done == 0) /* a round in which nothing came through is a result, too: the caller tells */
        return (struct load){0, (double)(after->cpu - before->cpu)};
    return (struct load){(double)done * 1e9 / (double)(after->wall - before->wall), (double)(after->cpu - before->cpu) / (double)done};
}

/* ---- UDP ---- */

static void send_datagrams(struct worker *w)
{
    static const char payload[PAYLOAD];
    struct iovec part = {(void *)(uintptr_t)payload, sizeof payload};
    struct mmsghdr batch[BATCH];
    memset(batch, 0, sizeof batch);
    for (size_t i = 0; i < BATCH; i++)
        batch[i].msg_hdr = (struct msghdr){.msg_iov = &part, .msg_iovlen = 1};
    while (!atomic_load_explicit(&stop, memory_order_relaxed))
        if (sendmmsg(w->socket, batch, BATCH, 0) < 0)
            die("sendmmsg: %s", strerror(errno));
}

static void drain_datagrams(struct worker *w)
{
    static char payload[BATCH][PAYLOAD];
    struct iovec parts[BATCH];
    struct mmsghdr batch[BATCH];
    memset(batch, 0, sizeof batch);
    for (size_t i = 0; i < BATCH; i++) {
        parts[i] = (struct iovec){payload[i], PAYLOAD};
        batch[i].msg_hdr = (struct msghdr){.msg_iov = &parts[i], .msg_iovlen = 1};
    }
    while (recvmmsg(w->socket, batch, BATCH, MSG_WAITFORONE, NULL) > 0 && !atomic_load_explicit(&stop, memory_order_relaxed))
        ;
}

/* A question, its answer, another question: from then on the session is established for everybody. */
static void establish(int sender, int receiver)
{
    char c = 0;
    struct sockaddr_in from;
    socklen_t size = sizeof from;
    struct timeval limit = {2, 0};
    setsockopt(sender, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    setsockopt(receiver, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    if (send(sender, &c, 1, 0) != 1 || recvfrom(receiver, &c, 1, 0, (struct sockaddr *)&from, &size) != 1 ||
        sendto(receiver, &c, 1, 0, (struct sockaddr *)&from, size) != 1 || recv(sender, &c, 1, 0) != 1 || send(sender, &c, 1, 0) != 1 ||
        recv(receiver, &c, 1, 0) != 1)
        die("a datagram that should pass does not");
}

void load_prepare(void)
{
    setpriority(PRIO_PROCESS, 0, NICE); /* the clocks are read when they should be */
}

void load_udp(const struct net *n, const struct load_options *o, struct load *ret)
{
    struct worker w[2] = {{.cpu = SENDER_CPU, .work = send_datagrams}, {.cpu = RECEIVER_CPU, .work = drain_datagrams}};
    w[1].socket = open_bound(n, SOCK_DGRAM, UDP_PORT);
    w[0].socket = try_connect(n, SOCK_DGRAM, UDP_PORT);
    if (w[0].socket < 0)
        die("connect: %s", strerror(errno));
    if (!o->one_way)
        establish(w[0].socket, w[1].socket);
    size_t workers = o->drained ? 2 : 1;
    atomic_store(&stop, false);
    for (size_t i = 0; i < workers; i++)
        start(&w[i]);
    rest(o->warm_ns);
    struct net_received first = net_received(n);
    struct reading before = read_clocks(w, workers);
    rest(o->run_ns);
    struct net_received last = net_received(n);
    struct reading after = read_clocks(w, workers);
    atomic_store(&stop, true);
    pthread_join(w[0].thread, NULL);
    shutdown(w[1].socket, SHUT_RDWR);
    if (o->drained)
        pthread_join(w[1].thread, NULL);
    close(w[0].socket);
    close(w[1].socket);
    uint64_t packets = last.packets - first.packets, datagrams = last.datagrams - first.datagrams;
    if (packets > 2 * datagrams || datagrams > 2 * packets) /* they are read one after the other, under load */
        die("the interface counts %" PRIu64 " packets, UDP %" PRIu64, packets, datagrams);
    *ret = load_of(packets, &before, &after);
}

/* ---- TCP bulk ---- */

static void send_bulk(struct worker *w)
{
    static char chunk[CHUNK];
    while (!atomic_load_explicit(&stop, memory_order_relaxed))
        if (send(w->socket, chunk, sizeof chunk, MSG_NOSIGNAL) < 0)
            break;
    shutdown(w->socket, SHUT_WR);
}

static void receive_bulk(struct worker *w)
{
    static char chunk[CHUNK];
    for (ssize_t got; (got = recv(w->socket, chunk, sizeof chunk, 0)) > 0;)
        atomic_fetch_add_explicit(&w->done, (uint64_t)got, memory_order_relaxed);
}

void load_bulk(const struct net *n, const struct load_options *o, struct load *ret)
{
    struct worker w[2] = {{.cpu = SENDER_CPU, .work = send_bulk}, {.cpu = RECEIVER_CPU, .work = receive_bulk}};
    int listener = open_bound(n, SOCK_STREAM, BULK_PORT);
    if (listen(listener, 8))
        die("listen: %s", strerror(errno));
    w[0].socket = try_connect(n, SOCK_STREAM, BULK_PORT);
    w[1].socket = w[0].socket < 0 ? -1 : accept(listener, NULL, NULL);
    if (w[1].socket < 0)
        die("cannot connect: %s", strerror(errno));
    atomic_store(&stop, false);
    start(&w[1]);
    start(&w[0]);
    rest(o->warm_ns);
    struct reading before = read_clocks(w, 2);
    uint64_t first = atomic_load(&w[1].done);
    rest(o->run_ns);
    struct reading after = read_clocks(w, 2);
    uint64_t last = atomic_load(&w[1].done);
    atomic_store(&stop, true);
    pthread_join(w[0].thread, NULL);
    pthread_join(w[1].thread, NULL);
    close(w[0].socket);
    close(w[1].socket);
    close(listener);
    *ret = load_of(last - first, &before, &after);
}

/* ---- connections ---- */

/* The server closes first, so that the ports which wait afterwards are not the client's. */
static void connect_again_and_again(struct worker *w)
{
    char c = 0;
    struct failure f;
    if (!netns_enter(w->net->source, &f)) /* this thread only: socket() then needs no visit */
        die("%s", f.text);
    struct sockaddr_in to = net_target(CONNECT_PORT);
    while (!atomic_load_explicit(&stop, memory_order_relaxed)) {
        int s = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (s >= 0 && connect(s, (struct sockaddr *)&to, sizeof to) == 0 && send(s, &c, 1, MSG_NOSIGNAL) == 1 && recv(s, &c, 1, 0) == 0)
            atomic_fetch_add_explicit(&w->done, 1, memory_order_relaxed);
        close(s);
    }
}

static void serve(struct worker *w)
{
    char c;
    for (int s; (s = accept(w->socket, NULL, NULL)) >= 0; close(s))
        if (recv(s, &c, 1, 0) < 0)
            die("recv: %s", strerror(errno));
}

static uint64_t sum_of(struct worker *w, size_t count)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += atomic_load(&w[i].done);
    return sum;
}

void load_connections(const struct net *n, const struct load_options *o, struct load *ret)
{
    struct worker w[THREADS_MAX] = {{0}};
    int listener = open_bound(n, SOCK_STREAM, CONNECT_PORT);
    if (listen(listener, 1024))
        die("listen: %s", strerror(errno));
    atomic_store(&stop, false);
    for (size_t i = 0; i < THREADS_MAX; i++) {
        w[i].net = n;
        w[i].cpu = i < CLIENTS ? SENDER_CPU : RECEIVER_CPU;
        w[i].work = i < CLIENTS ? connect_again_and_again : serve;
        w[i].socket = listener;
        start(&w[i]);
    }
    rest(o->warm_ns);
    struct reading before = read_clocks(w, THREADS_MAX);
    uint64_t first = sum_of(w, CLIENTS);
    rest(o->run_ns);
    struct reading after = read_clocks(w, THREADS_MAX);
    uint64_t last = sum_of(w, CLIENTS);
    atomic_store(&stop, true);
    for (size_t i = 0; i < CLIENTS; i++)
        pthread_join(w[i].thread, NULL);
    shutdown(listener, SHUT_RDWR);
    for (size_t i = CLIENTS; i < THREADS_MAX; i++)
        pthread_join(w[i].thread, NULL);
    close(listener);
    *ret = load_of(last - first, &before, &after);
}
