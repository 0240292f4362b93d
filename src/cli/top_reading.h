/* SPDX-License-Identifier: Apache-2.0 */
/* What `top` shows, read at one moment: from the kernel's own tables, and what was refused also from the agent's records. */
#pragma once

#include "cli/live.h"
#include "decide/pairs.h"

#define TOP_REFUSED_SECONDS 300 /* refusals are shown for so long */
#define TOP_PAIRS_MAX 65536     /* pairs of each sort that are told apart */

struct top_row {
    char name[STATE_NAME_MAX];
    struct counter sent, received;     /* what passed */
    struct counter observed;           /* of these: what would be refused, as source or target */
    struct counter refused[REASONS];   /* as source */
    struct counter kept_away;          /* as target */
    uint64_t refused_packets;
};

struct top_reading {
    int64_t at; /* nanoseconds, CLOCK_MONOTONIC */
    struct arena *arena; /* of all that follows */
    struct top_row *rows; /* in the order of how busy they are */
    size_t count;
    struct pairs talks;   /* counts by enum session_state */
    struct pairs refused; /* the first count: records */
    uint64_t lost_events;
    int agent; /* its process; 0: it does not run */
};

/* False after a complaint. `ret` is freed by top_reading_free in every case. */
bool top_read(const struct running *r, bool addresses, struct top_reading *ret) MUST_USE;
void top_reading_free(struct top_reading *t);
/* The same workload's, or NULL. */
const struct top_row *top_row_of(const struct top_reading *t, const char *name);
