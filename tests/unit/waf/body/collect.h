/* SPDX-License-Identifier: Apache-2.0 */
/* What a parser tells, as one text with a line an event, so that a test says in a string what must come. */
#pragma once

#include "base/text.h"
#include "waf/body/body.h"

struct collected {
    struct text text;
    size_t events, arguments, refuse_at; /* refuse_at: the nth event is not taken; 0: all are */
    bool quiet;                          /* count only */
    enum body_status status;
};

bool collect_event(void *collected, const struct body_event *event);
/* The body in pieces of `piece` bytes (0: at once) through a parser in an arena of `ceiling`, whose nth allocation
 * fails (0: none). NULL for begin without memory: status is BODY_STOPPED. */
struct collected collect(enum body_kind kind, const char *content_type, const struct body_limits *limits,
                         struct bytes body, size_t piece, uint64_t fail_at);
/* That `body` gives `want`, in pieces of any size, and at once. */
void must_give(enum body_kind kind, const char *content_type, const struct body_limits *limits, struct bytes body,
               const char *want);
/* Every allocation fails once, every event is refused once, the body ends after every byte: all end well. */
void must_survive(enum body_kind kind, const char *content_type, struct bytes body);
