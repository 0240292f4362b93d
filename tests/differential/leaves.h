/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A frame that came out of the kernel programs against the one that went in: it has the ends that the reference says,
 * is one hop older, its checksums cover the difference, and nothing else in it has changed.
 */
#pragma once

#include "decide/packet.h"

/* The port (ICMP: identifier) at the outer address that the frame left with, in place of one that the reference guessed
 * in `v`. 0: there is none to read. */
uint16_t leaves_port(struct bytes out, struct packet_verdict *v);
/* NULL when the frame that came out is right; else what is wrong with it. */
const char *leaves_wrong(struct bytes in, struct bytes out, const struct packet_verdict *v);
