/* SPDX-License-Identifier: Apache-2.0 */
/* Ethernet frames by hand. MACs are left zero: whoever sends a frame fills in those of its link. */
#pragma once

#include "base/address.h"

struct frame {
    uint8_t at[2048];
    size_t len;
};

#define FIN 0x01
#define SYN 0x02
#define RST 0x04
#define ACK 0x10

/* Offsets in a frame. */
#define IP    14
#define L4_V4 (IP + 20)
#define L4_V6 (IP + 40)

void put16(struct frame *f, size_t at, uint16_t v);
void put32(struct frame *f, size_t at, uint32_t v);

/* An IP packet of the addresses' family, TTL 64. */
struct frame ip(const char *from, const char *to, uint8_t protocol, const void *payload, size_t len);
struct frame tcp(const char *from, uint16_t from_port, const char *to, uint16_t to_port, uint8_t flags,
                 uint32_t seq, uint32_t ack);
struct frame udp(const char *from, uint16_t from_port, const char *to, uint16_t to_port, size_t data);
struct frame sctp(const char *from, uint16_t from_port, const char *to, uint16_t to_port);
/* An ICMP or ICMPv6 message: type, code, checksum 0, identifier, sequence, 8 bytes of data. */
struct frame icmp(const char *from, const char *to, uint8_t type, uint8_t code, uint16_t identifier);
/* An ICMP error that quotes the IP packet of `about`, cut to `most` bytes. */
struct frame icmp_error(const char *from, const char *to, uint8_t type, const struct frame *about, size_t most);
/* IPv4: the fragment [offset, offset + len) of `whole`'s payload; IPv6: with a fragment header. Offsets in
 * bytes. */
struct frame fragment_of(const struct frame *whole, uint32_t identification, size_t offset, size_t len,
                         bool more);
/* IPv6: `header` (next header field overwritten) inserted as the first extension, of kind `kind`. */
struct frame with_extension(const struct frame *f, uint8_t kind, const void *header, size_t len);
