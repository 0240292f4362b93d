/* SPDX-License-Identifier: Apache-2.0 */
/* What the benchmark of the web rules knows of an engine: it takes raw messages, and says which rules fired. */
#pragma once

#include "base/bytes.h"

#define FIRED_MAX 2000

/* Ids of the rules that fired and log, but for those that are not compared (is_compared). */
struct fired {
    long ids[FIRED_MAX];
    size_t count;
};

/*
 * Not compared: the two rules that call the injection detectors, which are each engine's own, and those that judge by
 * the sum of all scores, which these two add to (as in tests/differential/waf_engine.c).
 */
static inline bool is_compared(long id)
{
    return id != 941100 && id != 942100 && id != 941101 && id != 942101 && id / 1000 != 949 && id / 1000 != 959 && id / 1000 != 980;
}

static inline void fired_add(struct fired *f, long id)
{
    if (is_compared(id) && f->count < FIRED_MAX)
        f->ids[f->count++] = id;
}

/* An engine with rules loaded. */
struct contender {
    const char *who; /* of the report's rows */
    void *engine;
    /* One whole transaction, from the raw bytes (which http_request_read takes) to its records; adds to `fired`. */
    void (*inspect)(void *engine, struct bytes request, struct bytes response, struct fired *fired);
};
