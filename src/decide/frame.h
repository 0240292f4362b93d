/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes of an Ethernet frame -> the facts that a decision needs (docs/packets.md, section 2). It knows
 * headers only: neither links nor the policy nor sessions.
 */
#pragma once

#include "base/address.h"
#include "bpf/abi.h"

enum fragment {
    FRAGMENT_NOT,   /* a whole packet, also an IPv6 atomic fragment */
    FRAGMENT_FIRST, /* offset 0 and more to come */
    FRAGMENT_LATER, /* no layer 4 header */
};

#define TCP_FIN 0x01
#define TCP_SYN 0x02
#define TCP_RST 0x04
#define TCP_ACK 0x10

struct packet {
    struct bytes to_mac, from_mac; /* six octets each */
    struct address from, to;
    uint32_t length; /* bytes of the IP packet: IPv4's total length, IPv6's payload length + 40 */
    uint8_t ttl;     /* or hop limit */
    uint8_t protocol;

    enum fragment fragment;
    uint32_t identification;               /* of a fragment */
    uint32_t fragment_start, fragment_end; /* what it holds of the whole payload, bytes */
    uint8_t fragment_protocol;             /* IPv4: the protocol; IPv6: the fragment header's next header */

    struct bytes l4; /* layer 4, of all but later fragments */
    bool header_cut; /* a first fragment that does not hold the whole layer 4 header: what follows is not set */
    /* Not of a later fragment. */
    uint16_t from_port, to_port; /* TCP, UDP, SCTP; both the identifier for ICMP echo; else 0 */
    uint8_t tcp_flags;
    uint32_t tcp_sequence, tcp_acknowledgement;
    uint8_t icmp_type, icmp_code;
    struct bytes icmp_body; /* behind the eight octets of the ICMP header */
};

/* REASONS when nothing is malformed with the frame, else why it is refused; `ret` is then not to be used. */
enum bulkhead_reason frame_parse(struct bytes frame, struct packet *ret) MUST_USE;

/* TCP with SYN and without ACK, RST and FIN: what begins a session and never answers one. */
bool packet_is_plain_syn(const struct packet *p);

/* What kind of message the ICMP or ICMPv6 packet is. */
enum icmp_kind {
    ICMP_ECHO_REQUEST, /* code 0 */
    ICMP_ECHO_ANSWER,  /* code 0 */
    ICMP_ERROR,
    ICMP_OTHER,
};
enum icmp_kind icmp_kind_of(uint8_t family, uint8_t type, uint8_t code);

/* The packet that an ICMP error quotes, as far as it tells its session. */
struct quoted {
    struct address from, to;
    uint8_t protocol;
    uint16_t from_port, to_port; /* as in struct packet */
    enum icmp_kind icmp;         /* for ICMP: request or answer; else ICMP_OTHER */
    bool fragment;               /* IPv6: a fragment header, of 8 bytes, stands before layer 4 */
};
/* False when the quotation does not tell (section 7). */
bool quoted_parse(struct bytes body, uint8_t family, struct quoted *ret) MUST_USE;
