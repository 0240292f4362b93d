/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * What the kernel programs and user space agree on. Included by both sides; plain C with fixed-width
 * types from <linux/types.h>, no functions.
 */
#ifndef BULKHEAD_ABI_H
#define BULKHEAD_ABI_H

#include <linux/types.h>

/*
 * Reasons, in the order in which they win. X(SYMBOL, spelling, what it means).
 * The spelling is what JSON and people see; entries are never merged or reordered within a version.
 */
#define BULKHEAD_REASONS(X) \
    X(NOT_IP, "not-ip", "not an IPv4 or IPv6 packet") \
    X(MALFORMED, "malformed", "headers that contradict themselves, or that no honest host sends") \
    X(SPOOFED_SOURCE, "spoofed-source", "the source address does not belong to where the packet came from") \
    X(NOT_UNICAST, "not-unicast", "an address that is multicast, broadcast, loopback, link-local or unspecified") \
    X(FRAGMENT_UNATTRIBUTED, "fragment-unattributed", "a fragment whose first part was not seen and allowed") \
    X(ICMP_TYPE, "icmp-type", "an ICMP message that is neither echo nor an error") \
    X(REVOKED, "revoked", "its session is no longer allowed by the policy") \
    X(NO_SESSION, "no-session", "belongs to no session and cannot start one") \
    X(IDENTITY_UNKNOWN, "identity-unknown", "came in on a link that belongs to nobody") \
    X(DENY_RULE, "deny-rule", "a rule denies it") \
    X(WINDOW_CLOSED, "window-closed", "the compiled windows of time have run out") \
    X(ENCRYPTION_MISSING, "encryption-missing", "the policy wants it encrypted") \
    X(DEFAULT_DENY, "default-deny", "no rule allows it") \
    X(SESSION_TABLE_FULL, "session-table-full", "there is no room for another confirmed session") \
    X(NO_UPLINK, "no-uplink", "allowed, but the network has no way to the world") \
    X(NO_SUCH_WORKLOAD, "no-such-workload", "allowed, but no workload has that address") \
    X(NOT_RUNNING, "not-running", "allowed, but the workload has no link now") \
    X(TOO_BIG, "too-big", "allowed, but larger than the MTU of the way") \
    X(TTL, "ttl", "allowed, but its hop limit is used up") \
    X(RULE, "rule", "a rule allows it")

enum bulkhead_reason {
#define X(symbol, spelling, meaning) REASON_##symbol,
    BULKHEAD_REASONS(X)
#undef X
    REASONS
};

#define NO_RULE 0xffffffu /* rule numbers have 24 bits */

/*
 * The image: one compiled policy as an array of 64-byte lines, the values of one array map. Built by
 * src/compile, frozen before it is put into its slot, read by bpf/image.h. Numbers are little endian as the
 * machine's; addresses stand as on the wire.
 */
#define LINE_BYTES 64
#define IMAGE_MAGIC 0x31484b42u /* "BKH1" */

/* A two-choice hash of lines: `first` line, `mask` + 1 lines. A key stands in one of its two lines. */
struct image_hash {
    __u32 first, mask;
};

/*
 * Line 0. Line 1: IPv4 prefix lengths in use, lines 2 to 4: IPv6's; one octet each, ascending. Line 5: SHA-256 of the
 * policy's canonical form, and what it was compiled with. Line 6: the uplink.
 */
struct image_header {
    __u32 magic;
    __u32 lines;
    __u32 seed; /* of every hash */
    __u8 length_count_v4, length_count_v6;
    __u8 refuse_drop; /* refusals are not answered */
    __u8 reserved;
    struct image_hash endpoints_v4, endpoints_v6, prefixes_v4, prefixes_v6, pairs;
    __u32 rules;
    __u32 reserved2;
};
#define IMAGE_LENGTHS_V4 1
#define IMAGE_LENGTHS_V6 2
#define IMAGE_DIGEST 5
#define IMAGE_UPLINK 6
#define IMAGE_BODY 7 /* first line that is free for tables */

/* Line IMAGE_DIGEST: who compiles the same policy with the same gets the same image, octet for octet. */
struct image_origin {
    __u8 digest[32];
    __u64 seed;
    __s64 compiled, tai_offset; /* seconds UTC; nanoseconds */
    __s64 until;                /* the first second, UTC, of which some flow's answer is not in the image */
};

/* Line IMAGE_UPLINK. */
struct image_uplink {
    __u8 nat; /* what leaves is translated */
    __u8 reserved[3];
    __u32 outer_v4, outer_v6[4]; /* 0: the family is not carried, or there is no uplink */
    struct image_hash publishes;
};

/* A published port -> where it leads. key 0: free. */
struct image_publish {
    __u32 key; /* PORT_KEY_TCP or _UDP + the published port */
    __u16 port; /* the workload's, network order */
    __u16 reserved;
    __u32 v4, v6[4]; /* the workload's first addresses; 0: none */
    __u32 reserved2;
};

/* A class is a set of addresses that no rule tells apart. 0: no class. */
#define CLASS_OBSERVED 0x80000000u /* its refusals are recorded but pass */

/* Addresses of workloads. address 0: free. */
struct image_endpoint_v4 {
    __u32 address;
    __u32 link; /* 0: the workload has no link */
    __u32 from_class, to_class;
};
struct image_endpoint_v6 {
    __u32 address[4];
    __u32 link;
    __u32 from_class, to_class;
    __u32 reserved;
};
/*
 * Prefixes, searched by length: an entry says "look at longer ones" by standing there, and holds the classes of
 * the longest prefix that covers it (Waldvogel et al., Scalable high speed IP routing lookups, 1997).
 */
struct image_prefix_v4 {
    __u32 address;
    __u32 length; /* + 1; 0: free */
    __u32 from_class, to_class;
};
struct image_prefix_v6 {
    __u32 address[4];
    __u32 length; /* + 1; 0: free */
    __u32 from_class, to_class;
    __u32 reserved;
};
#define CLASS_INSIDE 0x40000000u /* in prefixes' to_class: within a segment */
#define CLASS_NUMBER 0x3fffffffu

/* (class, class) -> intervals of ports. from_class 0: free. */
struct image_pair {
    __u32 from_class, to_class; /* without flags */
    __u32 first;                /* number of the first interval, counted from line 0 in units of 8 bytes */
    __u32 count;
};
/* Sorted by key; the first has key 0; each reaches to the next. */
struct image_interval {
    __u32 key;
    __u32 verdict;
};
/* Keys of intervals: 16 bits of port behind a protocol class. */
#define PORT_KEY_TCP 0x10000u
#define PORT_KEY_UDP 0x20000u
#define PORT_KEY_SCTP 0x30000u
#define PORT_KEY_ICMP 0x40000u
#define PORT_KEY_OTHER 0x50000u /* + protocol number */
#define PORT_KEY_END 0x50100u

/* A verdict: flags and a rule number, or with VERDICT_TIMED the number of the line of its spans. */
#define VERDICT_ALLOW 0x80000000u
#define VERDICT_TIMED 0x40000000u
#define VERDICT_TRIED 0x20000000u /* a deny that is only observed; an allow matches too */
#define VERDICT_CLOSED 0x10000000u /* window-closed */
#define VERDICT_NUMBER 0x00ffffffu /* rule, NO_RULE for default-deny; or a line */

/* Two lines: up to 8 spans from the moment of compilation on; `until` 0 ends them; afterwards: window-closed. */
struct image_span {
    __u64 until; /* TAI, nanoseconds */
    __u32 verdict;
    __u32 reserved;
};
#define IMAGE_SPANS 8

/*
 * Links. Their number is the interface's index in the hub's namespace.
 */
enum bulkhead_link_kind {
    LINK_NONE,
    LINK_WORKLOAD, /* a namespace of ours: the far end is reached with bpf_redirect_peer */
    LINK_ATTACHED, /* an interface that was moved in: no MAC check, neighbours are resolved (bpf/neighbour.h) */
    LINK_UPLINK,
};

struct link_entry {
    __u32 kind;
    __u32 mtu;         /* bytes of IP packet */
    __u8 mac[6];       /* of the workload's end; attached: 0 */
    __u8 hub_mac[6];   /* of the hub's end */
    __u32 hub_v4;      /* the hub's address in this segment, source of ICMP answers; 0: none */
    __u32 hub_v6[4];
    __u32 answers_per_second;
    __u32 passes_on; /* a namespace that is somebody else's: behind it there may be interfaces */
    __u64 adopt_until; /* nanoseconds, CLOCK_MONOTONIC: sessions in the middle of their life are taken in before it */
};

/* Counters: packets and bytes for each (link, side, reason). */
struct counter {
    __u64 packets, bytes;
};
#define COUNTER_SOURCE 0 /* the perimeter it came from */
#define COUNTER_TARGET 1 /* the perimeter it was meant for */
#define COUNTER_OBSERVED 2 /* + side: refused for the reason, but only observed: it passed */
/* What a link may have so many of in a second. */
enum bulkhead_budget {
    BUDGET_ANSWERS,
    BUDGET_EVENTS, /* by right */
    BUDGETS,
};

#define COUNTERS_PER_LINK 128
#define COUNTER_INDEX(link, side, reason) ((link) * COUNTERS_PER_LINK + (side) * 32 + (reason))

/* With config.test_clock: what became of the last packet. */
struct test_verdict {
    __u32 reason, rule, to_link;
    __u8 passes, observed, answered, reserved;
};

/* What the agent and tests may set while packets flow. */
struct control {
    __u32 generation; /* the number in force; its image stands in slot number % SLOTS */
    __u32 fallback;   /* the number in force again once `deadline` has passed */
    __u64 deadline;   /* nanoseconds, CLOCK_MONOTONIC; 0: none */
    __u64 test_now;   /* with config.test_clock: the time, in place of every clock */
    __u64 lost_events;
    __u64 last_event; /* the highest id of an event */
    __u32 issued; /* the highest generation ever given out: a number is never used for two policies */
    __u32 reserved;
    __u64 capture_until; /* nanoseconds, CLOCK_MONOTONIC: refused packets are captured before it */
    __u64 lost_captures;
    struct test_verdict test_verdict;
    __u32 test_outer_port; /* with config.test_clock: the last that a session was given */
    __u32 reserved2;
};
#define SLOTS 4

/* What leaves by the uplink has a port from here on: each link its share, in the order of their numbers. */
#define OUTER_PORT_FIRST 16384u

/* Fixed when the programs are loaded. */
struct config {
    __u32 links;         /* links are numbered below this */
    __u32 uplink;        /* the uplink's number; 0: none */
    __u32 session_sets;  /* a power of two */
    __u32 pending_sets;  /* sets for each (target, source) pair, a power of two */
    __u32 pending_more;  /* sets for each source, and for the world each way with each workload, a power of two; 0: pairs have enough */
    __u32 translation_sets; /* sets for each source link, a power of two */
    __u32 outer_ports;      /* of each source link */
    __u32 test_clock;
    __u64 hash_seed; /* nobody outside knows which sessions share a set */
    __u64 tcp, tcp_closing, other, icmp, unconfirmed, fragment; /* timeouts, nanoseconds */
    __u64 build; /* a hash of the object that the programs came from */
};

/* What the ring buffer carries. */
struct event {
    __u64 time; /* nanoseconds, CLOCK_MONOTONIC */
    __u64 id;   /* counts from 1 while the network is up */
    __u32 generation;
    __u32 rule;
    __u32 from_link, to_link; /* to_link 0: not known */
    __u32 from[4], to[4];
    __u16 from_port, to_port; /* host order */
    __u32 bytes;
    __u8 family, protocol, reason, enforced; /* enforced 0: it passed */
    __u32 kind;
};
enum bulkhead_event_kind {
    EVENT_REFUSED,
    EVENT_STARTED, /* a session began */
    EVENT_CUT,     /* a session was removed by the sweep; `time` is that of its last packet */
};

/*
 * The beginning of a refused packet, while somebody captures. The kernel takes the outermost VLAN tag out of a frame
 * before any program sees it: `bytes`, `length` and `size` are without it.
 */
#define CAPTURE_BYTES 256
struct captured_packet {
    __u64 time; /* nanoseconds, CLOCK_MONOTONIC */
    __u32 generation, rule;
    __u32 from_link, to_link; /* to_link 0: not known */
    __u32 length;             /* of the frame */
    __u16 size;               /* bytes of it in `bytes` */
    __u16 vlan_protocol;      /* of the tag, network order: 802.1Q or 802.1ad; 0: there was none */
    __u16 vlan_control;       /* of the tag: priority, drop eligible, VLAN (IEEE 802.1Q, 9.6) */
    __u8 reason, reserved[5];
    __u8 bytes[CAPTURE_BYTES];
};

/* A question to the tables in force, and their answer: the frame that the program bulkhead_ask is run with. */
struct ask {
    __u32 from[4], to[4];     /* network order; IPv4 in the first word */
    __u16 from_port, to_port; /* network order */
    __u8 family, protocol;
    __u16 published; /* from the uplink: the published port that it came to, network order */
    __u32 from_link;
    /* the answer */
    __u32 generation, rule, to_link;
    __u8 reason, allowed, observed, delivery;
};

/* What one run of the sweep did. */
struct sweep {
    __u64 seen, kept, cut, expired;
};

#endif
