/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What came of a transaction as one object of JSON on one line: for the command line, for who embeds the engine, for records.
 * Secrets do not get in, whoever calls.
 */
#pragma once

#include "base/text.h"
#include "waf/engine/engine.h"

/* Bytes of a matched value that are shown. */
#define SHOWN_MAX 200

extern const char *const waf_decision_names[]; /* by enum waf_decision */
extern const char *const waf_severity_names[]; /* 0 to 7 */

/* Anomaly scores of the Core Rule Set, 3.3 or 4, and from which on it refuses. What is not there is 0. */
struct waf_scores {
    int64_t inbound, outbound;
    int64_t inbound_threshold, outbound_threshold;
};
struct waf_scores waf_scores_of(struct waf_transaction *t);

/* What is told besides the outcome. */
struct outcome_facts {
    struct waf_scores scores;
    struct bytes unique_id, client; /* empty: not told */
    int64_t time;                   /* seconds since 1970-01-01 UTC, told as RFC 3339 has it; 0: not told */
    bool timed;
    uint64_t nanoseconds;           /* where it is */
};

/* {"decision": ...} and a newline. */
void outcome_json(const struct waf_rule_set *set, const struct waf_outcome *o, const struct outcome_facts *facts, struct text *out);
/* One event, an object; without a newline. */
void event_json(const struct waf_rule_set *set, const struct waf_event *e, struct text *out);
/* An object: what matched, with its value unless that is secret. */
void waf_matched_json(const struct waf_matched *m, struct text *out);

/* A string of JSON, of at most `most` bytes; a NUL cannot be shown and becomes U+FFFD, as bytes that are no UTF-8. */
void waf_show_json(struct bytes b, size_t most, struct text *out);
/* Values that let others in are not shown: those of cookies, of Authorization, and of what is called a password or token. */
bool waf_is_secret(struct bytes variable);
/* Does the decision keep the message from its server? */
bool waf_refuses(enum waf_decision d);
