/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sessions that are alive, read from the kernel's tables while packets go on. Knows how they stand there (bpf/tables.h)
 * and when one is alive (bpf/sessions.h), and nothing of policies.
 */
#pragma once

#include "base/address.h"
#include "enforce/datapath.h"

enum session_state {
    SESSION_STATE_OPEN,      /* confirmed */
    SESSION_STATE_BEGINNING, /* not confirmed yet */
    SESSION_STATE_ENDING,    /* TCP that both ends have ended, or one has reset */
};
#define SESSION_STATES 3

/* In the direction that it was begun in. */
struct live_session {
    struct address from, to;
    uint16_t from_port, to_port; /* host order; ICMP: the identifier in both */
    uint8_t protocol, state;
    uint16_t generation;         /* that decided it: the low half of its number */
    bool observed;               /* refused for `reason`, but only observed */
    uint8_t reason;              /* enum bulkhead_reason */
    uint32_t rule;               /* in that generation's policy; NO_RULE: none */
    uint64_t idle;               /* nanoseconds since its last packet */
};

/*
 * Calls `each` for every one that is alive; takes no more memory for many than for few. One that begins or ends meanwhile
 * may be told or not, and one that is confirmed meanwhile not at all. One whose port at the uplink another has taken
 * (docs/packets.md, 9.1) is told until its next packet finds that. A million take a tenth of a second.
 */
bool sessions_each(const struct datapath *d, void (*each)(const struct live_session *s, void *argument), void *argument, struct failure *f)
    __attribute__((warn_unused_result));
