/* SPDX-License-Identifier: Apache-2.0 */
/* What packet.c and translate.c share of the reference; nobody else's. */
#pragma once

#include "decide/frame.h"
#include "decide/packet.h"
#include "decide/sessions.h"

#define SECOND_NS 1000000000LL

/* A first fragment that passed, for the later ones. */
struct fragments_of {
    uint32_t link;
    struct address from, to; /* as they came in */
    uint8_t protocol;        /* the fragment header's */
    uint32_t identification;
    uint32_t first_end; /* bytes of the payload that the first one holds */
    int64_t since;      /* ns */
    uint64_t generation;
    uint32_t to_link;
    struct verdict verdict;
    struct address out_from, out_to; /* as they leave */
};

struct reference {
    struct reference_options options;
    const struct policy *policy; /* NULL before the first */
    int64_t compiled;
    uint64_t generation;
    struct link *links;
    uint32_t link_count;
    struct sessions confirmed, unconfirmed;
    struct fragments_of *fragments; /* few: read from end to end */
    size_t fragment_count, fragment_capacity;
    struct reference_session *last; /* of the last packet, where it has begun or its outer port is guessed; or NULL */
    int64_t now;                    /* ns, of the last packet */
};

/* One packet on its way. */
struct passage {
    struct reference *r;
    uint32_t link;
    struct packet packet;      /* with inner addresses and ports, once it is translated */
    struct address arrived_to; /* its destination before that */
    int64_t now;               /* ns */
    bool by_uplink;
    uint16_t published;                /* the port that it came by; 0: none */
    struct reference_session *session; /* that it belongs to; NULL: none that is known */
    bool begins;                       /* `session` is about to begin, or has begun */
    uint16_t port_before;              /* outer port of the closing session that it begins in place of; 0: none */
    bool is_error;                     /* ICMP, and quotes what follows */
    bool quotes;
    struct quoted quoted; /* with inner addresses and ports, once it is translated */
};

/* Whether the session is alive at `now`. */
bool session_is_alive(const struct reference *r, const struct reference_session *s, int64_t now);

/* Whether its source (`from`) or its destination is on the link that it was on when it began: 6.1 finds no unconfirmed
 * session whose other end, seen from the packet, is not. */
bool session_ends_at(const struct reference *r, const struct reference_session *s, bool from);

/* Removes and frees it. */
void end_session(struct reference *r, struct reference_session *s);

/* Section 9: coming in. `translate_error` is for ICMP errors whose quotation was understood. */
void translate_in(struct passage *w);
void translate_error(struct passage *w);
/* An outer port for a session that is about to begin, where need be another one's, which ends; false: none. */
bool choose_outer_port(struct reference *r, struct reference_session *s, int64_t now) MUST_USE;
/* The session that is about to begin keeps the port that the closing one before it had. False: it cannot. */
bool keep_outer_port(const struct reference *r, struct reference_session *s, uint16_t before) MUST_USE;
/* Whether section 9.1 can give the packet a source at the outer address. */
bool is_translatable(const struct passage *w);
/* What the packet leaves as by the link `to`. */
void translate_out(const struct passage *w, uint32_t to, struct packet_verdict *v);
/* The published port that the session began by leads to the same workload's address and port as then; true for
 * sessions that began otherwise. */
bool publish_still_leads(const struct policy *p, const struct reference_session *s);
