/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where libmodsecurity 3.0.9 and the engine are known to part, and nothing else may: each entry is one defect of the peer,
 * with the rules that it touches, in which messages, and a message that shows it. The differential tests and the benchmark
 * excuse what this table excuses; tests/differential/waf_known_test.c fails when an entry no longer shows what it says.
 * At most 20 entries.
 */
#pragma once

#include "tests/differential/waf_setups.h"
#include "waf/http/message.h"
#include "waf/language/model.h"

/* In the order in which they are asked: what may excuse the least comes first. */
enum waf_known_name {
    KNOWN_OLD_LINE,
    KNOWN_EMPTY_BOUNDARY,
    KNOWN_PART_HEADER_LINE,
    KNOWN_COMBINED_SIZE,
    KNOWN_XML_BODY,
    KNOWN_TYPE_CASE,
    KNOWN_ARGUMENT_ORDER,
    KNOWN_HEADER_ORDER,
    KNOWN_NOAUDITLOG,
    KNOWN_DETECTORS,
    KNOWN_PHRASES,
    KNOWN_OPEN_QUOTE,
    KNOWN_PART_VALUE_LINES,
    KNOWN_COUNT,
};

/* In which of the two a rule fires alone. */
enum waf_alone {
    ALONE_IN_OURS = 1,
    ALONE_IN_PEER = 2,
};

struct waf_known {
    const char *name;
    const char *why;    /* what the peer does */
    const char *source; /* what says that it is wrong */
    unsigned alone;     /* enum waf_alone, one or both */
    /* Does it touch the rule, and can it in these messages? */
    bool (*touches)(const struct waf_rule_set *set, long id);
    bool (*applies)(const struct http_message *request, const struct http_message *response);
    /* What shows it, as stories are written (waf_stories.h); no response: a short page. */
    const char *request, *response;
    enum setup setup;
    int level;
    long shown; /* the rule, */
    enum waf_alone shown_in; /* which fires here alone */
};

extern const struct waf_known waf_known[KNOWN_COUNT];

/* A quote that is not closed in a line that speaks of form-data, or the next, which it may be folded into. */
bool has_open_quote(struct bytes body);

/* ---- two lists of rules that fired, side by side */

struct waf_difference {
    long id;
    enum waf_alone alone;
    int known; /* enum waf_known_name; -1: nothing excuses it */
};

#define DIFFERENCES_MAX 256

struct waf_differences {
    struct waf_difference items[DIFFERENCES_MAX];
    size_t count;
    bool unexplained; /* there is one that nothing excuses */
};

/*
 * What has to be taken away from both so that the same rules are left in the same order. Rules that judge by the sum of all
 * scores are excused by whatever excuses another rule of the same message, which adds to the sum. `response`: NULL where there
 * is none.
 */
void waf_differences_find(const struct waf_rule_set *set, const struct http_message *request, const struct http_message *response, const long *ours, size_t our_count,
    const long *peers, size_t peer_count, struct waf_differences *ret);
