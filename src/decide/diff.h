/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What access is gained and lost between two policies, for all traffic and not by trying: addresses and ports
 * are cut into pieces that neither policy tells apart, and every pair of pieces is compared. Workloads are
 * matched by name; the world by address. Conditions on time are compared at every moment of the following week at
 * which one of them changes. Addresses of segments that no workload has are left out: nothing
 * comes from them or reaches them. Access is what passes: allowed, or refused but only observed. Whether it can be
 * delivered is no part of it; what a change of the uplink does to that is told apart.
 */
#pragma once

#include "base/text.h"
#include "decide/decide.h"

struct diff_line {
    bool gained;           /* else lost */
    bool at_times;         /* only at some of the moments */
    const char *from, *to; /* "orders, cidr:203.0.113.0/24", "world" */
    const char *ports;     /* "5432/tcp, 6000-6010/tcp", "any" */
    const char
        *rule; /* that allows it: now (gained) or before (lost); NULL: it passes, or passed, as observed */
    const char *denier; /* lost: the deny rule that refuses it now, NULL: no rule allows it. Gained: the same
                           for before */
    uint8_t families;   /* 4, 6, or 10: both, or all that there are */
};

/* A published port that leads to a workload's port, now (gained) or before (lost), and not in the other policy. */
struct diff_way {
    bool gained, at_times;
    uint8_t protocol;
    uint16_t port;        /* of the uplink's interface */
    const char *workload; /* where it leads */
    uint16_t workload_port;
    const char *from; /* whom rules let in by it: "world", "cidr:203.0.113.0/24"; NULL: nobody */
    const char *rule; /* that lets them in; NULL: several, or they are only observed */
    uint8_t families; /* as of a line */
};

/* By policy, before and after. */
struct diff_uplink {
    bool differs;
    const char *interface[2]; /* NULL: there is none */
    bool nat[2];
};

struct diff {
    struct diff_line *lines; /* gained ones first */
    size_t count;
    struct diff_way *ways; /* gained ones first */
    size_t way_count;
    struct diff_uplink uplink;
    size_t more[2]; /* what is not among them, because there are too many: gained, lost; for single ends */
    const char *incomplete; /* why not everything was compared, or NULL */
};

/* Comparisons that are made at most where nobody says otherwise: a minute or more of work. */
#define DIFF_LIMIT ((uint64_t)4000000000)

/* `now`: s UTC, from which on times are compared. `limit`: comparisons to make at most. False when memory is
 * out. */
bool diff_make(const struct policy *before, const struct policy *after, int64_t now, uint64_t limit,
               struct arena *a, struct diff *ret) MUST_USE;

/* Whether anything was found. */
static inline bool diff_found(const struct diff *d)
{
    return d->count || d->way_count || d->uplink.differs;
}

/* "gained: orders -> ledger 6000-6010/tcp (rule X)"; "no access differs" when there is nothing. */
void diff_print(const struct diff *d, struct text *out);
/* {"complete": true, "gained": [{...}], "lost": [{...}], "published": {"gained": [...], "lost": [...]}, "uplink": ...} on one line. */
void diff_print_json(const struct diff *d, struct text *out);
