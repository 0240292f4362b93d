/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A hub and three workloads in namespaces of their own, on which frames are sent and captured, and each is held against
 * the reference. What is sent is its user's.
 */
#pragma once

#include <time.h>

#include <linux/virtio_net.h>

#include "enforce/datapath.h"
#include "enforce/links.h"
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

static inline int64_t clock_ns(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (int64_t)t.tv_sec * NS + t.tv_nsec;
}

/*
 * The stand. What gives false has said what was wrong, in the first line that was; all but bench_complain() mean that
 * something is not as the reference has it, or cannot be done. `end`: the number of a workload.
 */
bool bench_start(struct bench *b, const char *rules);
void bench_end(struct bench *b);
/* Always false. */
bool bench_complain(struct bench *b, const char *what);
/* These rules behind the first, `more` behind all; for the programs and the reference. */
bool bench_apply(struct bench *b, const char *rules, const char *more);
/* Whether the workloads' own stacks say nothing. */
bool bench_silence(struct bench *b, bool on);

/* Frames, as they are; or with a header for the kernel, which may cut them. */
bool bench_send(struct bench *b, uint32_t end, const uint8_t *frame, size_t length);
bool bench_send_offload(struct bench *b, uint32_t end, const struct virtio_net_hdr *h, const uint8_t *frame, size_t length);
/* The same, and what must come of it; the second in a buffer of which `linear` bytes are in one piece. */
bool bench_try(struct bench *b, uint32_t end, const uint8_t *frame, size_t length);
bool bench_try_nonlinear(struct bench *b, uint32_t end, const uint8_t *frame, size_t length, size_t linear);

/* False: nothing came within that time. */
bool bench_receive(struct bench *b, uint32_t end, int wait_ms, struct captured *ret);
void bench_drain(struct bench *b);
bool bench_expect(struct bench *b, uint32_t end, const uint8_t *bytes, size_t length, const char *what);
bool bench_expect_nothing(struct bench *b);
/* What a refused packet is answered with, and where. */
bool bench_check_answer(struct bench *b, uint32_t end, enum bulkhead_reason reason, const uint8_t *frame, const struct packet *p, uint32_t target_mtu);
/* The frame as it should arrive: other MACs, a hop less. */
void bench_age(struct bench *b, uint32_t end, const uint8_t *frame, size_t length, uint8_t *out);
