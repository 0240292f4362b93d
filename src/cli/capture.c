/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/capture.h"

#include <arpa/inet.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/output.h"
#include "decide/decide.h"
#include "enforce/clock.h"
#include "enforce/file.h"
#include "enforce/process.h"
#include "enforce/scope.h"
#include "record/pcapng.h"
#include "record/record.h"

/* The kernel captures until then; it is asked again and again, so that it stops by itself when nobody asks any more. */
#define ASKED_NS 3000000000ull
#define POLL_MS 200
#define PATIENCE_MS 1000
/* So much is written before more is read: a flood does not keep it from that, and from signals. */
#define BATCH_BYTES ((size_t)256 << 10)
#define BUFFER_MAX ((size_t)16 << 20) /* thousands of interfaces are described at once */

struct capturing {
    const struct running *running;
    uint32_t *interfaces; /* by link number: that of the file; 0: not known */
    int64_t monotonic_to_utc_ns;
    struct text out;
    size_t written; /* of `out` */
    uint64_t packets;
    int fd;
    const char *file; /* its name, for people */
};

/* Interface 0 is for packets whose link has gone since. */
static void begin(struct capturing *c)
{
    const struct state *s = &c->running->state;
    pcapng_begin("bulkhead " BULKHEAD_VERSION, &c->out);
    pcapng_interface("gone", CAPTURE_BYTES, &c->out);
    for (size_t i = 0; i < s->count; i++) {
        pcapng_interface(s->links[i].workload, CAPTURE_BYTES, &c->out);
        if (s->links[i].link < c->running->datapath.link_capacity)
            c->interfaces[s->links[i].link] = (uint32_t)i + 1;
    }
}

static const char *link_name(const struct running *r, uint32_t link)
{
    const struct state_link *l = link ? state_find_link(&r->state, link) : NULL;
    return l ? l->workload : NULL;
}

/* Why it was refused, by which rule, and whom it was meant for. */
static void print_comment(const struct running *r, const struct captured_packet *k, struct text *out)
{
    const char *to = link_name(r, k->to_link);
    text_puts(out, k->reason < REASONS ? reason_name((enum bulkhead_reason)k->reason) : "unknown");
    if (k->generation != r->generation)
        text_printf(out, " by the policy of generation %u", k->generation);
    else if (k->rule < r->policy->rule_count)
        text_printf(out, " by %s, line %u", r->policy->rules[k->rule].name, r->policy->rules[k->rule].place.line);
    if (to)
        text_printf(out, "; to %s", to);
}

#define MACS 12 /* bytes of a frame in front of where a tag stands */
#define VLAN_TAG 4

/* The frame's beginning as it was on the wire; at most CAPTURE_BYTES of it, which is what the interfaces' description says. */
static struct bytes wire_bytes(const struct captured_packet *k, uint8_t out[CAPTURE_BYTES + VLAN_TAG])
{
    if (!k->vlan_protocol || k->size < MACS)
        return bytes_of(k->bytes, k->size);
    uint16_t tag[2] = {k->vlan_protocol, htons(k->vlan_control)};
    memcpy(out, k->bytes, MACS);
    memcpy(out + MACS, tag, VLAN_TAG);
    memcpy(out + MACS + VLAN_TAG, k->bytes + MACS, k->size - MACS);
    return bytes_slice(bytes_of(out, k->size + VLAN_TAG), 0, CAPTURE_BYTES);
}

static int take(void *argument, void *data, size_t size)
{
    struct capturing *c = argument;
    const struct captured_packet *k = data;
    if (size < sizeof *k || k->size > CAPTURE_BYTES)
        return 0;
    uint8_t room[CAPTURE_BYTES + VLAN_TAG];
    struct text comment = text_new(4096);
    print_comment(c->running, k, &comment);
    pcapng_packet(&(struct pcapng_packet){
                      .interface = k->from_link < c->running->datapath.link_capacity ? c->interfaces[k->from_link] : 0,
                      .time_ns = (uint64_t)((int64_t)k->time + c->monotonic_to_utc_ns),
                      .length = k->length + (k->vlan_protocol ? VLAN_TAG : 0),
                      .bytes = wire_bytes(k, room),
                      .comment = text_cstr(&comment),
                  },
        &c->out);
    text_free(&comment);
    c->packets++;
    return c->out.len < BATCH_BYTES ? 0 : -ENOBUFS; /* ends the round */
}

static bool has_output(const struct capturing *c)
{
    return c->written < c->out.len;
}

/* More out of the ring. While there is something to write it is left alone: the kernel counts what it cannot keep. */
static bool read_ring(struct capturing *c, struct ring_buffer *ring)
{
    if (has_output(c))
        return true;
    c->out.len = c->written = 0;
    ring_buffer__consume(ring);
    if (c->out.failed)
        complain("cannot write to %s: out of memory", c->file);
    return !c->out.failed;
}

/* No more than a pipe that polls as ready takes at once (pipe(7)): who waits in write(2) hears no signal. */
static bool write_some(struct capturing *c)
{
    struct bytes next = bytes_slice(bytes_of(c->out.at, c->out.len), c->written, PIPE_BUF);
    ssize_t put = write(c->fd, next.at, next.len);
    c->written += put > 0 ? (size_t)put : 0;
    bool ok = put >= 0 || errno == EINTR || errno == EAGAIN;
    if (!ok)
        complain("cannot write to %s: %s", c->file, strerror(errno));
    return ok;
}

/* Until a signal; then what there still is, as long as somebody takes it. */
static bool loop(struct capturing *c, struct ring_buffer *ring, int signals)
{
    struct control *control = c->running->datapath.shared;
    int64_t end = 0; /* who takes nothing is waited for until then, clock_milliseconds; 0: no signal yet */
    while (read_ring(c, ring)) {
        bool writes = has_output(c);
        if (end && !writes)
            return true;
        struct pollfd wait[] = {{.fd = end ? -1 : signals, .events = POLLIN},
            {.fd = writes ? -1 : ring_buffer__epoll_fd(ring), .events = POLLIN}, {.fd = writes ? c->fd : -1, .events = POLLOUT}};
        if (!end)
            __atomic_store_n(&control->capture_until, (uint64_t)clock_ns(CLOCK_MONOTONIC) + ASKED_NS, __ATOMIC_RELEASE);
        poll(wait, sizeof wait / sizeof wait[0], POLL_MS);
        if (wait[0].revents) {
            __atomic_store_n(&control->capture_until, 0, __ATOMIC_RELEASE);
            end = clock_milliseconds() + PATIENCE_MS;
        }
        if (wait[2].revents && !write_some(c))
            return false;
        if (writes && !wait[2].revents && end && clock_milliseconds() >= end) {
            complain("nobody reads %s: what was captured last is not in it", c->file);
            return false;
        }
    }
    return false;
}

/* Two at a time would take packets from each other. The lock goes with the process. */
static bool alone(const char *network, int *ret_lock)
{
    char path[512];
    state_path(network, "capture.lock", path);
    *ret_lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (*ret_lock >= 0 && flock(*ret_lock, LOCK_EX | LOCK_NB) == 0)
        return true;
    if (*ret_lock < 0)
        complain("cannot open %s: %s", path, strerror(errno));
    else
        complain("another `flows --pcap` is capturing in the network %s", network);
    return false;
}

static int capture_to(struct running *r, int fd, const char *file)
{
    struct capturing c = {.running = r, .monotonic_to_utc_ns = clock_ns(CLOCK_REALTIME) - clock_ns(CLOCK_MONOTONIC), .out = text_new(BUFFER_MAX),
        .fd = fd, .file = file};
    SCOPED_MEMORY uint32_t *interfaces = calloc(r->datapath.link_capacity, sizeof *interfaces);
    SCOPED_FD signals = process_ending_signals();
    struct ring_buffer *ring = ring_buffer__new(r->datapath.captures, take, &c, NULL);
    c.interfaces = interfaces;
    if (!interfaces || !ring || signals < 0) {
        ring_buffer__free(ring);
        return complain("cannot read captured packets: %s", strerror(errno));
    }
    while (ring_buffer__consume(ring) < 0) /* what an earlier one left */
        c.out.len = 0;
    text_free(&c.out);
    c.out = text_new(BUFFER_MAX);
    c.packets = 0;
    uint64_t lost = r->datapath.shared->lost_captures;
    begin(&c);
    bool ok = loop(&c, ring, signals);
    __atomic_store_n(&r->datapath.shared->capture_until, 0, __ATOMIC_RELEASE);
    ring_buffer__free(ring);
    text_free(&c.out);
    if (!ok)
        return STATUS_CANNOT;
    lost = r->datapath.shared->lost_captures - lost;
    fprintf(stderr, "%llu refused packets captured, %llu more came too fast to be kept\n", (unsigned long long)c.packets, (unsigned long long)lost);
    return STATUS_YES;
}

int capture(struct running *r, const char *file)
{
    bool standard = strcmp(file, "-") == 0;
    if (standard && isatty(STDOUT_FILENO))
        return complain("a terminal cannot show packets: --pcap FILE, or pipe into `wireshark -k -i -`");
    SCOPED_FD lock = -1;
    if (!alone(r->state.name, &lock))
        return STATUS_CANNOT;
    SCOPED_FD fd = standard ? dup(STDOUT_FILENO) : open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0)
        return complain("cannot write %s: %s", file, strerror(errno));
    return capture_to(r, fd, file);
}
