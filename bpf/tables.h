/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Sessions as they stand in the tables: what the programs write, and user space reads to show it. Plain C as abi.h. */
#ifndef BULKHEAD_TABLES_H
#define BULKHEAD_TABLES_H

#include <linux/bpf.h>
#include <linux/types.h>

/* A key is canonical: the lower (address, port) first; direction 0 is from first to second. */
struct session_key {
    __u32 address[2][4]; /* IPv4 in the first word */
    __u16 port[2];       /* network order; ICMP echo: identifier twice; others 0 */
    __u8 protocol, family;
    __u8 direction; /* that the session was started in; 0 in the key of a packet */
    __u8 zero;
} __attribute__((aligned(8)));

/*
 * A stamp is written with one store, so that a session is never seen half decided: generation (16 bits), tag of the
 * key (16 bits: whose it is), flags (8), rule (24). 0: no session.
 */
#define STAMP_GENERATION(s) ((__u32)((s) >> 48))
#define STAMP_TAG(s) ((__u32)((s) >> 32) & 0xffff)
#define STAMP_FLAGS(s) ((__u32)((s) >> 24) & 0xff)
#define STAMP_RULE(s) ((__u32)(s) & 0xffffff)
#define STAMP_TIMED 0x80      /* decided again at every packet */
#define STAMP_OBSERVED 0x40   /* refused, but only observed; the reason in the low bits */
#define STAMP_UNTOLD 0x20     /* observed since a sweep, and no packet has told so */
#define STAMP_REASON 0x1f

struct session {
    struct session_key key;
    __u64 stamp;
    __u64 last; /* nanoseconds, CLOCK_MONOTONIC */
    __u16 from_link, to_link;
    __u8 state; /* SESSION_* */
    __u8 crossed; /* one of the other direction may exist too, unconfirmed or confirmed */
    __u16 port; /* outer or published port at the uplink, network order; 0: it is not translated */
};
#define SESSION_CLOSING 1
#define SESSION_FIN_FORWARD 2 /* from the initiator */
#define SESSION_FIN_REPLY 4
#define SESSION_FINS (SESSION_FIN_FORWARD | SESSION_FIN_REPLY)

/*
 * Confirmed sessions: sets by the hash of their key, which is the same in both directions. What does not fit into its first
 * set stands in a later one; what is no longer alive gives way to the next that needs its place, so nothing has to remove
 * it. A set of 512 bytes is found by a shift, and each of its ways stands on one line of memory, as an array's values begin
 * 8 bytes before one (Linux 6.18; elsewhere it costs a second line).
 */
#define SESSION_WAYS 7
#define SESSION_SETS 8 /* that a session may stand in */
struct session_set {
    struct bpf_spin_lock lock; /* of who puts a session there */
    __u32 reserved;
    struct session way[SESSION_WAYS];
    __u64 reserved2[7];
};

/*
 * Unconfirmed sessions: sets for each (target, source). What finds no room there stands in a set of its source's, beside what
 * others of that source have too many of; there the oldest entry gives way. For the world it is the workload's at the other end.
 */
#define PENDING_WAYS 8
struct pending {
    struct session_key key;
    __u32 sequence; /* of the SYN-ACK */
    __u16 from_link, to_link;
    __u8 replied;
    __u8 state;
    __u16 port; /* as in struct session */
};

struct pending_set {
    struct bpf_spin_lock lock;
    __u32 spilled; /* s, CLOCK_MONOTONIC: until then sessions of this set may stand in the other one */
    /* Apart from the rest, so that a look at all ways reads two lines of memory and not eight. */
    __u64 stamp[PENDING_WAYS]; /* 0: free */
    __u64 last[PENDING_WAYS];
    struct pending way[PENDING_WAYS];
};

#endif
