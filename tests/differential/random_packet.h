/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random frames that make sense to a stateful datapath: conversations with their handshakes, replies, retransmissions
 * and errors, fragments, extension headers, spoofed and broken ones.
 */
#pragma once

#include "base/address.h"
#include "decide/packet.h"
#include "policy/model.h"
#include "random.h"

#define FRAME_MAX 1600
#define CONVERSATIONS 48
#define CROWD 14
#define PACKET_SOURCE_TICK 20000000LL /* nanoseconds between two packets, at the least */

struct conversation {
    bool used;
    uint8_t protocol;
    struct address end[2];
    uint16_t port[2];      /* echo: identifier in both */
    uint32_t sequence[2];  /* last SYN or SYN-ACK of that end */
    uint16_t identification;
    uint16_t outer; /* the inside end's port at the outer address: published, or learned; 0: not known */
    uint16_t outer_before; /* learned before it, or 0 */
};

/* One of a crowd: many sessions of one workload to one remote end, more than it has outer ports. */
struct member {
    struct conversation conversation;
    uint32_t step, last_step; /* of its life, and the one where it rests */
};

/* A frame of a conversation that is made only when its turn comes. */
struct step {
    struct conversation *conversation;
    int from;
    uint8_t flags;
    uint32_t acknowledgement;
};

struct frame {
    uint32_t link; /* index into the links */
    size_t length;
    uint8_t bytes[FRAME_MAX];
};

/* What happens after a frame of a story, beside time. */
struct then {
    bool another_policy;
    bool moves;        /* the workload of `link` gets another workload's link, and that one its */
    uint32_t link;
    int64_t adopt_for; /* nanoseconds that the workload of `link`, and what it is exchanged with, is adopted for from then on; 0: no change */
};

enum story {
    STORY_LIFE,     /* handshake and what follows, with pauses around the timeouts */
    STORY_PIECES,   /* a first fragment, and later ones of which some are not its */
    STORY_ADOPTED,  /* taken in around the end of the adoption, and closed */
    STORY_MOVED,    /* a session whose end gets another link, and is taken in there */
    STORY_CROSSING, /* each end begins a session between the same ports */
    STORY_ANEW,      /* goes out to the world, closes, and begins again under other policies */
    STORY_PUBLISHED, /* comes by a published port, which then leads elsewhere */
};

struct packet_source {
    struct random *random;
    const struct policy *policy;
    const struct link *links;
    uint32_t link_count;
    struct conversation conversations[CONVERSATIONS];
    /* what comes next of a story that was begun (handshake, fragments) */
    struct frame queue[4];
    uint32_t queued;
    struct step steps[2];
    uint32_t step_count;
    /* Stories: one conversation, with pauses that end just before, at and behind its timeouts. */
    uint32_t stories; /* percent of what is begun; 0: none */
    enum story story;
    struct conversation hero;
    uint32_t story_left, story_step;
    size_t story_first; /* length of its first fragment's payload */
    int64_t adoption; /* nanoseconds, of the story */
    struct member crowd[CROWD];
    uint32_t crowd_left, crowd_turn;
    const struct policy *crowd_policy; /* that its last frame was made under */
    const struct conversation *crossing; /* the last that went through the uplink with a port there; or NULL */
    int64_t pause; /* nanoseconds that pass before this frame; -1: as the caller likes */
    struct then then;
};

/* The next frame. Valid until the next call. */
const struct frame *packet_source_next(struct packet_source *s);
/* The session that the frame belongs to has this outer port: replies are sent there from now on. */
void packet_source_learn(struct packet_source *s, const struct frame *f, uint16_t outer_port);
