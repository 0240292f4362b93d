/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* What bench/feed.bpf.c and the benchmarks agree on. */
#pragma once

#include <linux/types.h>

#define FRAME_BYTES 80 /* of every frame; behind an IPv4 packet is padding */

struct feed_frame {
    __u8 bytes[FRAME_BYTES];
};

/* Set by user space; `at` and `pass` move on with every packet. */
struct feed_state {
    __u32 at, count; /* frames go round: at in 0..count */
    __u32 pass;      /* times around */
    __u32 vary;      /* added to the source port: pass % vary; 0: nothing */
    __u32 port_at;   /* offset of the source port: 34 or 54 */
    __u32 target;    /* program to run, in `targets` */
};

#define FEED_TARGETS 16

/* Keys of the bare tables, as they stand in the packet. The same sizes as those of the datapath's sessions. */
struct bare_key_v4 {
    __u32 address[2];
    __u16 port[2];
    __u32 protocol;
};
struct bare_key_v6 {
    __u32 address[2][4];
    __u16 port[2];
    __u32 protocol;
};
struct bare_value {
    __u64 words[8];
};
