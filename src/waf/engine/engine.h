/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rule engine: HTTP messages in, decision and events out. It has no clock, no files and no network; what rules ask
 * of these the caller passes in.
 */
#pragma once

#include "waf/engine/program.h"
#include "waf/engine/store.h"
#include "waf/http/message.h"

/* The fields of GEO, as the reference manual names them. */
#define WAF_PLACE_FIELDS(X) \
    X(COUNTRY_CODE)      /* two letters */ \
    X(COUNTRY_CODE3)     /* three */ \
    X(COUNTRY_NAME) \
    X(COUNTRY_CONTINENT) /* two letters */ \
    X(REGION)            /* a state or a province: its short name */ \
    X(CITY) \
    X(POSTAL_CODE) \
    X(LATITUDE) \
    X(LONGITUDE) \
    X(DMA_CODE)          /* of a metropolitan area in the United States */ \
    X(AREA_CODE)         /* of its telephones */

enum waf_place_field {
#define X(NAME) WAF_PLACE_##NAME,
    WAF_PLACE_FIELDS(X)
#undef X
    WAF_PLACE_FIELD_COUNT,
};
extern const char *const waf_place_names[WAF_PLACE_FIELD_COUNT];

struct waf_place {
    struct bytes fields[WAF_PLACE_FIELD_COUNT]; /* empty: not known */
};

enum waf_answer {
    WAF_NO,
    WAF_YES,
    WAF_UNKNOWN, /* nobody answers */
    WAF_MEMORY,  /* the arena is full */
};

/* What a rule cost. A chain's costs are its head's. */
struct waf_cost {
    uint64_t runs;        /* how often it was run; a rule that is known not to match is passed over instead */
    uint64_t candidates;  /* how often a scan named it; 0 where none could */
    uint64_t hits;        /* how often it matched, the whole chain */
    uint64_t nanoseconds; /* of its runs */
};

/* Costs of many transactions, by one thread. */
struct waf_profile {
    struct waf_cost *rules;  /* by rule */
    uint64_t scans;          /* nanoseconds of looking through groups of rules */
    uint64_t (*clock)(void); /* nanoseconds */
};

/* What the engine does not know by itself. Texts that are given, here and by the functions, live as long as the transaction. */
struct waf_options {
    struct bytes client, server;       /* addresses as text */
    uint16_t client_port, server_port;
    struct bytes unique_id;
    int64_t time;                      /* seconds since 1970-01-01 UTC */
    struct {
        int year, month, day, hour, minute, second, weekday; /* local; month 1 to 12, weekday 0 (Sunday) to 6 */
    } local;
    /* Microseconds since some moment, for DURATION (what has passed since the transaction began) and `most_time`; NULL: 0. */
    uint64_t (*duration)(void *argument);
    /* Microseconds that the rules may take, 0: as many as they like. Past them nothing is judged any more, and where rules
     * may refuse, the message is refused. What passes between two steps does not count. */
    uint64_t most_time;
    /* Lets by what an expression could not decide within SecPcreMatchLimit, as ModSecurity does; else a message in which one came
     * to its limit in phases 1 to 4 is refused where rules may refuse. */
    bool lets_undecided_by;
    /* A variable of the environment, or an empty text; NULL: none is known. */
    struct bytes (*environment)(struct bytes name, void *argument);
    /* Where an address is, for @geoLookup; the fields live as long as the transaction, `a` is its arena. WAF_NO also where
     * it is no address. NULL: there is no database, and the outcome's limits say so when a rule asks. */
    enum waf_answer (*place)(struct bytes address, struct arena *a, struct waf_place *ret, void *argument);
    /* Has the DNS an address for the name? For @rbl: 2.0.0.127.LIST is 127.0.0.2 on LIST. Whatever it waits for, the
     * request waits for. NULL: nobody is asked, and the outcome's limits say so when a rule wants to. */
    enum waf_answer (*listed)(struct bytes name, void *argument);
    void *argument; /* of the four */
    /* Where IP, SESSION, USER, GLOBAL and RESOURCE are kept; lives as long. NULL: they last for this transaction, and
     * the outcome's limits say so when a rule names one. */
    const struct waf_store *store;
    struct waf_profile *profile; /* is added to; NULL: nobody wants to know */
    bool decode_responses; /* bodies with Content-Encoding gzip, deflate or br are inspected as what they decompress to */
};

/* `local` from a broken-down time; it stays as it is where an int cannot hold the year. */
struct tm;
void waf_options_set_local(struct waf_options *o, const struct tm *broken);

enum waf_decision {
    WAF_PASS,
    WAF_DENY,
    WAF_DROP,
    WAF_REDIRECT,
    WAF_ALLOW, /* a rule let it by: later rules were not asked */
};

struct waf_matched {
    struct bytes variable; /* NAME or NAME:KEY */
    struct bytes value;    /* after transformation */
    size_t offset, length; /* of the match in the value */
};

/* A rule that fired and logs. What the sanitise actions name is not in it: asterisks stand in its place. */
struct waf_event {
    uint32_t rule; /* the head of its chain */
    struct bytes msg, data; /* macros expanded */
    int severity;           /* -1: none */
    struct bytes *tags;
    size_t tag_count;
    struct waf_matched *matched;
    size_t matched_count;
};

struct waf_outcome {
    enum waf_decision decision;
    int status;          /* of a refusal */
    uint8_t phase;       /* in which it was decided */
    uint32_t decided_by; /* one more than the rule, the head of its chain; 0: no rule decided, but a limit did or nothing */
    struct bytes redirect;
    struct waf_event *events;
    size_t event_count;
    /* What setenv gave the server's environment; a value that is nowhere (`at` is NULL): it is to be taken away. */
    const struct waf_value *environment;
    size_t environment_count;
    const char *const *limits; /* what was not inspected, and why */
    size_t limit_count;
};

struct waf_transaction;

/* NULL when memory is out. */
struct waf_transaction *transaction_begin(const struct waf_program *p, struct arena *a, const struct waf_options *o) MUST_USE;

/*
 * Its steps, in this order: request head, pieces of its body, its end; the same of the response; the end. Once a message is
 * refused the steps up to the end do nothing. `scratch` must serve the program, and is used during the call alone: a
 * transaction that waits holds none, and each of its steps may be another thread's.
 */

/* Phase 1. What `m` views must live as long as the transaction; its body is not looked at. */
void transaction_request_head(struct waf_transaction *t, struct waf_scratch *scratch, const struct http_message *m);
/* The next bytes of the body, decoded from chunks. `lasts`: they live as long as the transaction; else what is needed of them is copied. */
void transaction_request_body(struct waf_transaction *t, struct bytes piece, bool lasts);
/* Phase 2: the body is whole, or there is none. */
void transaction_request_end(struct waf_transaction *t, struct waf_scratch *scratch);
/* Phase 3, pieces, and phase 4, which is run where the body is inspected (SecResponseBodyAccess, SecResponseBodyMimeType). */
void transaction_response_head(struct waf_transaction *t, struct waf_scratch *scratch, const struct http_message *m);
void transaction_response_body(struct waf_transaction *t, struct bytes piece, bool lasts);
void transaction_response_end(struct waf_transaction *t, struct waf_scratch *scratch);
/* Phase 5, and what came of it; valid as long as the arena. */
const struct waf_outcome *transaction_end(struct waf_transaction *t, struct waf_scratch *scratch);
/* Gives back what is not the arena's: before that is destroyed, where the transaction was not ended. At any time. */
void transaction_release(struct waf_transaction *t);

/* The first three, and the next three, with a message that is whole. What `m` views must live as long as the transaction. */
void transaction_request(struct waf_transaction *t, struct waf_scratch *scratch, const struct http_message *m);
void transaction_response(struct waf_transaction *t, struct waf_scratch *scratch, const struct http_message *m);

/* Decision, status, phase and redirect as they stand between two steps; the rest is for the end. */
const struct waf_outcome *transaction_outcome(const struct waf_transaction *t);
/* Once the head's phase was run: is the body looked at? Else its pieces need not be given. */
bool transaction_reads_request_body(const struct waf_transaction *t);
bool transaction_reads_response_body(const struct waf_transaction *t);
/* A variable of the transaction as a number, such as TX:anomaly_score. */
int64_t transaction_number(struct waf_transaction *t, const char *tx_name);
