/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The reference for packets: a small, slow, obviously right twin of the kernel's datapath with its own
 * session and fragment tables. One `struct reference` is one network on one machine. Pure: time and
 * bytes come in, a verdict goes out.
 */
#pragma once

#include "decide/decide.h"

struct link {
    uint32_t workload;  /* index in the current policy, or NONE for the uplink */
    uint8_t mac[6];     /* the workload's own */
    uint8_t hub_mac[6]; /* the hub's end of the link */
    bool any_mac;       /* an attached interface: source MACs are not checked */
    int64_t adopt_until; /* ns UTC: TCP sessions in the middle of their life are taken in before it */
    uint32_t mtu;       /* bytes of IP packet that the link towards the workload takes */
    uint16_t outer_first, outer_count; /* the workload's share of outer ports; 0: all of them */
};

struct reference; /* opaque; in an arena-free heap of its own */

struct reference_options {
    size_t sessions_max; /* confirmed sessions; further ones: session-table-full */
};

struct reference *reference_create(const struct reference_options *o);
void reference_destroy(struct reference *r);

/*
 * Put a policy in force, compiled at `compiled` (seconds UTC). links[i] is the link with number i; a
 * workload may have another one than before. The policy must outlive its being in force.
 */
bool reference_apply(struct reference *r, const struct policy *p, int64_t compiled, const struct link *links,
                     uint32_t link_count) MUST_USE;
/* Change what the links are but for whose they are, as when an adoption begins. False: no memory. */
bool reference_set_links(struct reference *r, const struct link *links, uint32_t link_count);

/* Who a packet, or what an ICMP error quotes, is from and to. */
struct packet_ends {
    struct address from, to;
    uint16_t from_port, to_port; /* TCP, UDP, SCTP; both the identifier for ICMP echo; else, and in later
                                    fragments, 0 */
};

struct packet_verdict {
    struct verdict verdict; /* reason as counted; `rule` of the session's or the flow's decision, else NONE */
    bool passes;            /* delivered to `to_link` */
    uint32_t to_link;       /* NONE when not delivered */
    /* Of a packet that passes: the ends that it leaves with. */
    struct packet_ends out;
    bool quotes; /* it is an ICMP error whose quotation tells ends */
    struct packet_ends quoted;
    /* `out` has, or `quoted` is to, an outer port that the reference chose: say the real one with
       reference_outer_port(). */
    bool port_guessed;
};

/* The packet `frame` (Ethernet and on) comes in on `link` at `now_ns` (nanoseconds UTC). */
struct packet_verdict reference_packet(struct reference *r, uint32_t link, struct bytes frame, int64_t now_ns);

/*
 * The outer port (ICMP: identifier) of the session that the last packet began or belonged to, in place of one
 * that the reference chose itself. False when that cannot be: it is not of the workload's share or published for
 * the protocol, another live session to the same remote has it, or the session has another that was not guessed.
 */
bool reference_outer_port(struct reference *r, uint16_t port) MUST_USE;

/* Number of confirmed sessions alive at `now_ns`. */
size_t reference_sessions(const struct reference *r, int64_t now_ns);
