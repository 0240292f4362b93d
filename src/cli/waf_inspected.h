/* SPDX-License-Identifier: Apache-2.0 */
/* Between the files of `waf inspect`: a message pair, and what came of it. */
#pragma once

#include "cli/rules.h"
#include "waf/engine/engine.h"

struct inspected {
    struct arena *arena;
    struct bytes request, response; /* the latter empty: none */
    const struct waf_options *around; /* the moment and the addresses; NULL: this moment */
    struct waf_profile *profile;    /* is added to; NULL: nobody wants to know */
    const char *error;              /* it is no HTTP: why */
    const struct waf_outcome *outcome;
    int64_t inbound, outbound;      /* anomaly scores */
    int64_t inbound_threshold, outbound_threshold; /* from which on the Core Rule Set refuses; 0: there is none */
    uint64_t started, nanoseconds;  /* of this thread's processor time: when it began, and how much it took */
    struct waf_transaction *transaction;
};

/* Runs the engine; all that is filled lives as long as `arena`, which must be there. False when memory is out before anything could be asked. */
bool waf_inspect_messages(struct rules *r, struct waf_scratch *scratch, const struct waf_store *store, struct inspected *i) MUST_USE;
/* Exclusions that silence what fires on the message, each tried. The exit status. */
int waf_suggest(const struct operands *files, struct rules *r, struct bytes request, struct bytes response, bool json);
/* For people: what was decided, and of each rule why, with the line of the message that it matched in. */
void waf_inspected_print(const struct rules *r, const struct inspected *i, bool color, struct text *out);
