/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Why a flow is allowed or refused: the verdict of decide() with everything that led to it, what is nearest
 * to a different answer, and the change of the policy that would give it while opening the least else.
 */
#pragma once

#include "base/text.h"
#include "decide/decide.h"

/* What an allow rule lacks to match a flow. */
enum lack {
    LACK_FROM = 1,
    LACK_TO = 2,
    LACK_PORTS = 4,
    LACK_CONDITION = 8,
};

struct miss {
    uint32_t rule;
    unsigned lacks;   /* of enum lack */
    const char *text; /* "it came from segment api": completes "would be allowed by RULE, if ..." */
};
#define MISSES_MAX 5

enum change_kind {
    CHANGE_NONE,   /* the flow is allowed, or no change of rules would allow it */
    CHANGE_ADD,    /* one more rule */
    CHANGE_WIDEN,  /* an end or the ports of a rule */
    CHANGE_NARROW, /* the denies in the way, and perhaps one more rule */
};
const char *change_kind_name(enum change_kind k);

struct change {
    enum change_kind kind;
    const char **steps; /* each a sentence for people */
    size_t step_count;
    const char *
        *opens; /* what else becomes allowed, "orders -> ledger 6000-6010/tcp"; at most CHANGE_OPENS_MAX */
    size_t open_count; /* kept */
    size_t open_total; /* pairs of ends */
    bool open_unknown; /* the policy is too large to count */
};
#define CHANGE_OPENS_MAX 20

struct waypoint {
    const char *kind; /* workload, segment, hub, world, address */
    const char *name; /* a network, for the hub */
    bool observed;    /* is under observation itself */
};
#define WAYPOINTS_MAX 5

struct why {
    struct flow flow;
    struct moment moment;
    const char *from, *to; /* names of workloads, else addresses */
    struct span span;      /* the verdict, and how long it stands */
    enum delivery delivery;
    const struct publish *published; /* from the world: the published port that leads there, or NULL */
    bool publishable;                /* from the world, allowed, and could be published */
    uint32_t *matching;              /* every rule that matches, in file order */
    size_t matching_count;
    uint32_t *blockers; /* those of them that are enforced denies */
    size_t blocker_count;
    bool no_allow; /* no allow rule matches */
    struct waypoint way[WAYPOINTS_MAX];
    size_t way_count;
    struct miss nearest[MISSES_MAX]; /* of a refused flow: allow rules by how little they lack */
    size_t nearest_count;
    struct change change;
};

/* False when memory is out. What is returned lives as long as arena and policy. */
bool why_explain(const struct policy *p, const struct flow *f, struct moment m, struct arena *a,
                 struct why *ret) MUST_USE;

/* For people, 80 columns. */
void why_print(const struct why *w, const struct policy *p, const char *file, struct text *out);
/* All of that but the head, which says the flow and its family. */
void why_print_reasons(const struct why *w, const struct policy *p, const char *file, struct text *out);
/* One line. */
void why_print_json(const struct why *w, const struct policy *p, struct text *out);

/* One line: {"decision","rule","reason","delivery","enforced","from","to","port"}. */
void verdict_print_json(const struct policy *p, const struct flow *f, const struct verdict *v, enum delivery d,
                        const char *from, const char *to, struct text *out);
/* "5432/tcp", "icmp", "protocol:47". */
void service_print(const struct flow *f, struct text *out);
/* The workload that has the address, else the address. NULL when memory is out. */
const char *party_name(const struct policy *p, const struct address *a, struct arena *arena) MUST_USE;
