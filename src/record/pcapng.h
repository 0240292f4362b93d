/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Captured packets as a pcapng file (draft-ietf-opsawg-pcapng): a section header, a description of every interface, and
 * an enhanced packet block with a comment for each packet. Appends to a text; writes nothing itself.
 */
#pragma once

#include "base/text.h"

/* The section header; `program` is who writes it. */
void pcapng_begin(const char *program, struct text *out);

/* The next interface, counted from 0: Ethernet, times in nanoseconds. */
void pcapng_interface(const char *name, uint32_t snap_length, struct text *out);

struct pcapng_packet {
    uint32_t interface;
    uint64_t time_ns;   /* UTC, since 1970 */
    uint32_t length;    /* on the wire, bytes */
    struct bytes bytes; /* its beginning */
    const char *comment;
};
void pcapng_packet(const struct pcapng_packet *p, struct text *out);
