/* SPDX-License-Identifier: Apache-2.0 */
/* What random_packet.c and packet_stories.c have of each other. */
#pragma once

#include "random_packet.h"

#define SYN 0x02
#define ACK 0x10
#define RST 0x04
#define FIN 0x01
#define PSH 0x08

/* A fragment of a conversation's packet. */
struct piece {
    uint32_t offset; /* in units of 8 octets */
    size_t payload;  /* octets */
    bool more;
    uint16_t identification;
    uint8_t protocol;
    const uint8_t *layer4; /* that its payload begins with, 64 octets; NULL: none */
};

struct conversation *conversation_new(struct packet_source *s);
/* A whole packet of it, from end `from`. */
void conversation_frame(struct packet_source *s, const struct conversation *c, int from, uint8_t flags, uint32_t acknowledgement, struct frame *f);
/* An ICMP error about one of its packets. */
void conversation_error(struct packet_source *s, const struct conversation *about, struct frame *f);
void conversation_fragment(struct packet_source *s, const struct conversation *c, int from, const struct piece *p, struct frame *f);
/* With its layer 4 header, as far as `length` octets go. */
void conversation_first_fragment(struct packet_source *s, const struct conversation *c, int from, size_t length, struct frame *f);
uint8_t another_protocol(const struct conversation *c);
struct address world_address(struct packet_source *s, uint8_t family);
/* The link of the workload that has the address, the uplink's for the world, else one at random. */
uint32_t link_of(struct packet_source *s, const struct address *a);

void story_begin(struct packet_source *s);
void story_go_on(struct packet_source *s, struct frame *f);
void crowd_begin(struct packet_source *s);
void crowd_go_on(struct packet_source *s, struct frame *f);
