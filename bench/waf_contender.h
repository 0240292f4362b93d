/* SPDX-License-Identifier: Apache-2.0 */
/* What the benchmark of the web rules knows of an engine: it takes raw messages, and says which rules fired. */
#pragma once

#include "base/bytes.h"

#define FIRED_MAX 2000

/* Ids of the rules that fired and log. */
struct fired {
    long ids[FIRED_MAX];
    size_t count;
};

static inline void fired_add(struct fired *f, long id)
{
    if (f->count < FIRED_MAX)
        f->ids[f->count++] = id;
}

/* An engine with rules loaded. */
struct contender {
    const char *who; /* of the report's rows */
    void *engine;
    /* One whole transaction, from the raw bytes (which http_request_read takes) to its records; adds to `fired`. */
    void (*inspect)(void *engine, struct bytes request, struct bytes response, struct fired *fired);
};
