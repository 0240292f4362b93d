/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sessions under their keys: a plain hash table on the heap that grows. It knows neither time nor policy;
 * whoever asks says what is alive. Confirmed and unconfirmed sessions live in two such tables.
 */
#pragma once

#include "decide/decide.h"

/* The two ends as the packet that started the session had them. No padding: it is compared as bytes. */
struct session_key {
    uint8_t family, protocol;
    uint16_t from_port, to_port; /* the identifier, twice, for ICMP echo; 0 for what has no ports */
    uint8_t from[16], to[16];
};

struct reference_session {
    struct session_key key;
    uint32_t from_link, to_link;
    bool confirmed;
    bool closing;                /* TCP: a RST, or FINs of both sides */
    bool fin_forward, fin_reply; /* TCP */
    bool answered;               /* a reply that a forward packet can confirm */
    uint32_t answer_sequence;    /* TCP: of the last SYN-ACK */
    int64_t last;                /* ns UTC, of the last packet of either direction */
    uint64_t generation;         /* that decided it */
    int64_t until;               /* s UTC: the decision stands before it */
    struct verdict verdict;
    uint16_t port;  /* at the outer address: an outer port, or the published one that it began by; 0: none */
    bool published; /* `port` is a published one */
    bool guessed;   /* `port` is the reference's own choice so far */
    struct reference_session *next; /* the table's */
};

struct session_key session_key_of(uint8_t protocol, const struct address *from, uint16_t from_port,
                                  const struct address *to, uint16_t to_port);
struct session_key session_key_reversed(const struct session_key *k);
struct flow session_flow(const struct session_key *k);

struct sessions {
    struct reference_session **buckets;
    size_t bucket_count, count;
};

void sessions_free(struct sessions *t);
/* The session whose forward direction is the key, or NULL. */
struct reference_session *sessions_find(const struct sessions *t, const struct session_key *k);
/* A copy of `s` in the table, in place of one under the same key. NULL when memory is out: nothing changed. */
struct reference_session *sessions_put(struct sessions *t, const struct reference_session *s) MUST_USE;
/* Removes and frees it. */
void sessions_remove(struct sessions *t, struct reference_session *s);

/* Whether a session is to be kept. */
typedef bool session_test(const struct reference_session *s, const void *context);
/* Removes all that fail the test. */
void sessions_keep(struct sessions *t, session_test *test, const void *context);
/* Some session that passes the test, or NULL. */
struct reference_session *sessions_any(const struct sessions *t, session_test *test, const void *context);
size_t sessions_count(const struct sessions *t, session_test *test, const void *context);
