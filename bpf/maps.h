/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* The maps, and the scratch memory that one packet's way through the programs uses. */
#ifndef BULKHEAD_MAPS_H
#define BULKHEAD_MAPS_H

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include <stdbool.h>
#include <stddef.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>

#include "abi.h"
#include "tables.h"

/* Linux 6.1's verifier does not see every form that clang gives a loop for one. */
#define UNROLLED _Pragma("clang loop unroll(full)")
/* Keeps clang from dropping a bound that it knows and the verifier does not. */
#define opaque(x) __asm__ volatile("" : "+r"(x))
#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)
#define READ_ONCE(x) (*(const volatile typeof(x) *)&(x))
#define WRITE_ONCE(x, value) (*(volatile typeof(x) *)&(x) = (value))
#define ever_inline static __attribute__((always_inline)) inline
/*
 * A function that the verifier looks at once, apart from its callers: it is global, so its pointers may be NULL as
 * far as the verifier knows. Without these the whole would be past the verifier's million instructions.
 */
#define subprogram __attribute__((noinline))

/* Sizes are set by user space before loading; what stands here makes the object load alone. */
const volatile struct config config = {.links = 64, .session_sets = 1, .pending_sets = 8, .translation_sets = 1, .outer_ports = 768};

struct line {
    __u8 bytes[LINE_BYTES];
};

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
    __uint(max_entries, SLOTS);
    __type(key, __u32);
    __array(values, struct {
        __uint(type, BPF_MAP_TYPE_ARRAY);
        __uint(map_flags, BPF_F_MMAPABLE | BPF_F_INNER_MAP);
        __uint(max_entries, 1);
        __uint(key_size, sizeof(__u32));
        __uint(value_size, LINE_BYTES);
    });
} images SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(map_flags, BPF_F_MMAPABLE);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct control);
} control SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 64);
    __type(key, __u32);
    __type(value, struct link_entry);
} links SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __uint(max_entries, 64 * COUNTERS_PER_LINK);
    __type(key, __u32);
    __type(value, struct counter);
} counters SEC(".maps");

/* On attached links, for each family: the address that was heard last, and from which MAC. */
struct heard {
    __u64 when; /* nanoseconds, CLOCK_MONOTONIC; 0: never */
    __u32 address[4];
    __u8 mac[6], reserved[2];
};
#define HEARD_INDEX(link, family) ((link) * 2 + ((family) == 6))

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 64 * 2);
    __type(key, __u32);
    __type(value, struct heard);
} heard SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct session_set);
} sessions SEC(".maps");

/*
 * The tags of each set: octet i is a part of the hash of what stands in way i, 0 while nothing ever did; the highest is not
 * 0 when something did not fit. Together they take a 64th of what the sets take, so who has no session learns it here.
 */
struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, __u64);
} session_tags SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct pending_set);
} pendings SEC(".maps");

/* Where the later fragments of a packet go. */
#define FRAGMENT_SETS 16 /* for each link */
#define FRAGMENT_WAYS 4
struct fragment {
    __u64 expires; /* 0: free */
    __u64 stamp;
    __u32 from[4], to[4];
    __u32 identification;
    __u16 to_link;
    __u8 family, protocol;
    __u32 inner[4]; /* of what arrived by the uplink: the destination's */
    __u8 arrived, leaves; /* translated when it came in, or when it leaves */
    __u16 end; /* of the first one: bytes that no later one may overlap */
    __u8 reserved[4];
};

struct fragment_set {
    struct bpf_spin_lock lock;
    __u32 reserved;
    struct fragment way[FRAGMENT_WAYS];
};

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 64 * FRAGMENT_SETS);
    __type(key, __u32);
    __type(value, struct fragment_set);
} fragments SEC(".maps");

/* Outer ports at the uplink and whose they are: sets for each workload's link. */
#define TRANSLATION_WAYS 8
struct translation {
    __u64 since; /* nanoseconds, CLOCK_MONOTONIC */
    __u32 remote[4], local[4];
    __u16 remote_port, local_port, port; /* network order; ICMP: identifiers, and no remote one. port 0: free */
    __u8 family, protocol;
};

struct translation_set {
    struct bpf_spin_lock lock;
    __u32 reserved;
    struct translation way[TRANSLATION_WAYS];
};

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 64);
    __type(key, __u32);
    __type(value, struct translation_set);
} translations SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_RINGBUF);
    __uint(max_entries, 1 << 20);
} events SEC(".maps");

/* Events for which there is no room: each link has so many a second by right, so that none takes all of what others tell. */
#define EVENTS_BY_RIGHT 64
struct {
    __uint(type, BPF_MAP_TYPE_RINGBUF);
    __uint(max_entries, 1 << 18);
} events_by_right SEC(".maps");

/* Sessions that a change of policy cut: what a receipt is made of. Read by who applies, not by the agent. */
struct {
    __uint(type, BPF_MAP_TYPE_RINGBUF);
    __uint(max_entries, 1 << 20);
} receipts SEC(".maps");

/* Refused packets, for who captures them. */
struct {
    __uint(type, BPF_MAP_TYPE_RINGBUF);
    __uint(max_entries, 1 << 20);
} captures SEC(".maps");

/* The last second in which an event of this hash was sent: the second in the low half. */
#define EVENT_CELLS 65536
struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, EVENT_CELLS);
    __type(key, __u32);
    __type(value, __u64);
} event_cells SEC(".maps");

/* What a link has had in the current second (enum bulkhead_budget): the second in the high half. */
struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 64 * BUDGETS);
    __type(key, __u32);
    __type(value, __u64);
} budgets SEC(".maps");

enum part {
    PART_WHOLE,
    PART_FIRST, /* the first fragment */
    PART_LATER,
};

enum icmp_class {
    ICMP_NONE, /* not ICMP */
    ICMP_REQUEST,
    ICMP_REPLY,
    ICMP_ERROR,
    ICMP_OTHER,
};

/* What the programs know of a packet's ends. Addresses in network order, IPv4 in the first word. */
struct tuple {
    __u32 from[4] __attribute__((aligned(8))), to[4];
    __u16 from_port, to_port; /* network order; ICMP echo: the identifier in both */
    __u8 family;              /* 4, 6 */
    __u8 protocol;
};

/* What the policy knows of an address. */
struct found {
    __u32 link;
    __u32 from_class, to_class; /* with CLASS_OBSERVED; to_class of prefixes with CLASS_INSIDE */
    bool endpoint;
};

#define HEAD_BYTES 256

struct answer_head {
    __u8 bytes[128];
};

/* What is written into a packet in place of what: four words of address, and the port in the first half of the fifth. */
struct change {
    __u32 old[5], new[5];
};

/* One packet's state. In a map and not on the stack: 512 bytes are not enough, and the verifier forgets branches. */
struct context {
    struct tuple tuple;
    struct tuple flow; /* what is decided: the tuple, or a session's own direction */
    struct tuple quoted; /* by an ICMP error, as it was sent */
    __u64 now;         /* nanoseconds, CLOCK_MONOTONIC, coarse */
    __u64 tick, tick_now; /* jiffies, and what the clock said then: kept from packet to packet */
    __u32 link, generation;
    __u32 length; /* of the IP packet */
    __u32 l4;     /* offset of layer 4 in the frame */
    __u32 sequence, acknowledgement;
    __u32 identification; /* of a fragment */
    __u32 fragment_edge;  /* where a first fragment ends, or a later one begins: bytes */
    __u16 tcp_length;     /* sequence numbers that the segment takes */
    __u8 part, icmp, tcp_flags, ttl, fragment_protocol, tcp_header;

    /* the key of its sessions */
    struct session_key key;
    __u8 direction; /* of the packet in the key */
    __u64 hash;     /* of the key */

    /* the decision */
    __u8 reason;   /* enum bulkhead_reason */
    __u8 observed; /* refused for `reason`, but passes */
    __u8 timed;
    __u8 allowed; /* may pass: allowed or observed */
    __u32 rule;
    __u32 from_link, to_link; /* of `flow`; 0: none */
    __u8 delivery;            /* REASON_RULE: can be delivered; else why not */
    __u8 classes_observed;
    __u8 fresh;       /* begins a session */
    __u8 follows;     /* belongs to a session of which was told what holds of it */
    __u8 backwards;   /* answers its session */
    __u32 other_link; /* a revoked session's other end, which is told too; 0: none */
    __u8 far_known;
    struct found far; /* what the policy knows of the packet's destination, once it was looked up */
    __u64 pending_stamp, pending_last; /* those of `pending` */
    __u8 spilled;             /* the set that was looked into may have more elsewhere */
    struct pending pending;

    /* at the uplink */
    __u16 port;            /* outer or published one of the packet's session, network order; 0: none */
    __u16 port_before;     /* of the closing session in whose place this one starts anew */
    __u16 published;       /* the published one that decide() asks about */
    __u16 reply_port;      /* only a session with this outer port is the packet's; 0: any */
    __u16 wire_port;       /* the destination as it came in, or the quoted source */
    __u16 quoted_port;     /* the workload's, in what an error quotes */
    __u8 quoted_protocol;
    __u8 quoted_skip;      /* bytes between the quoted IPv6 header and layer 4 */
    __u8 at_outer;         /* addressed to the outer address */
    __u8 arrived;          /* and translated: c->tuple has the inner one */
    __u8 way_in;           /* of decide(): not from the world, or by a published port */
    __u8 leads;            /* `published` is known to lead to where the flow goes, in this generation */
    __u8 nat;              /* of decide(): what goes there is translated */
    __u32 wire[4];
    struct translation translation;
    struct change change;

    __u8 head[HEAD_BYTES];      /* the frame's beginning */
    struct answer_head answer; /* a packet that is being built */
};

struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __uint(max_entries, 2); /* 0: packets, 1: the sweep, which runs in a process */
    __type(key, __u32);
    __type(value, struct context);
} scratch SEC(".maps");

#define SECOND 1000000000ull

/*
 * Nanoseconds of CLOCK_MONOTONIC, by the tick. The helper is asked once a tick on each processor: reading jiffies is
 * one load, a call costs 6 ns.
 */
ever_inline __u64 clock_now(const struct control *ctl, struct context *c)
{
    if (config.test_clock)
        return READ_ONCE(ctl->test_now);
    __u64 tick = bpf_jiffies64();
    if (unlikely(c->tick != tick)) {
        c->tick = tick;
        c->tick_now = bpf_ktime_get_coarse_ns();
    }
    return c->tick_now;
}

/* Nanoseconds of TAI. */
ever_inline __u64 clock_tai(void)
{
    if (!config.test_clock)
        return bpf_ktime_get_tai_ns();
    __u32 zero = 0;
    const struct control *ctl = bpf_map_lookup_elem(&control, &zero);
    return ctl ? READ_ONCE(ctl->test_now) : 0;
}

/* The generation that is in force: read once for each packet. */
ever_inline __u32 generation_in_force(const struct control *ctl, __u64 now)
{
    __u64 deadline = READ_ONCE(ctl->deadline);
    if (unlikely(deadline && now >= deadline))
        return READ_ONCE(ctl->fallback);
    return READ_ONCE(ctl->generation);
}

#endif
