/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The decision. This is the only place that knows what a policy means for a flow; the kernel's tables are
 * compiled forms that are tested against it. It reads the rules linearly from the model and shares nothing
 * with bpf/ but the reasons. Pure.
 */
#pragma once

#include "bpf/abi.h"
#include "policy/condition.h"
#include "policy/model.h"

/* "deny-rule" etc. */
const char *reason_name(enum bulkhead_reason r);
const char *reason_meaning(enum bulkhead_reason r);

/* Whether flows of the IP protocol are told apart by ports. */
bool protocol_has_ports(uint8_t protocol);
/* The protocol is the ICMP of its family. */
bool protocol_is_icmp(uint8_t family, uint8_t protocol);
/* Whether sessions of the protocol can leave by an uplink that translates. */
bool protocol_is_translated(uint8_t family, uint8_t protocol);

/* What starts a session: (from, to, protocol, destination port). */
struct flow {
    struct address from, to; /* of one family */
    uint8_t protocol;        /* IP protocol number */
    uint16_t port;           /* destination port of TCP, UDP, SCTP; else 0 */
};

/* When: conditions are decided as tables compiled at `compiled` answer at `now` (both seconds, UTC). */
struct moment {
    int64_t compiled, now;
};
/* A compiled table answers for this long, and with at most this many spans. */
#define HORIZON_SECONDS 86400
#define SPANS_MAX       8

struct verdict {
    bool allow;    /* the policy's decision */
    bool enforced; /* false: a deny that passes (enforce: observe). True for every allow. */
    enum bulkhead_reason reason;
    uint32_t rule; /* index of the deciding rule, or NONE */
};
/* Whether packets get through: allowed, or refused but observed. */
static inline bool verdict_passes(const struct verdict *v)
{
    return v->allow || !v->enforced;
}

/* The first rule of each sort that matches a flow, or NONE. */
struct matched {
    uint32_t allow;
    uint32_t deny;     /* enforced */
    uint32_t observed; /* a deny with `enforce: observe` */
};
/* One more that matches. */
void matched_add(struct matched *m, const struct policy *p, uint32_t rule);
/* What they come to; `observed`: the flow is under observation. */
struct verdict matched_verdict(const struct matched *m, bool observed);
/* Whether that passes, for who asks millions of times. */
static inline bool matched_passes(const struct matched *m, bool observed)
{
    return observed || (m->allow != NONE && m->deny == NONE);
}

/* A verdict and the seconds [from, until) for which it stands; INT64_MIN and INT64_MAX: for ever. */
struct span {
    int64_t from, until;
    struct verdict verdict;
};

enum delivery {
    DELIVERY_OK,
    DELIVERY_NO_UPLINK,
    DELIVERY_NO_SUCH_WORKLOAD,
    DELIVERY_NOT_RUNNING,
};
const char *delivery_name(enum delivery d);

/* An address with what the model says about it, looked up once for many rules. */
struct station {
    const struct address *address;
    bool unicast;
    uint32_t segment, workload; /* or NONE */
};
struct station station_of(const struct policy *p, const struct address *a);
/* end_selects() for an address that was looked up. */
bool end_selects_station(const struct policy *p, const struct end *e, const struct station *at);

/* Whether the end, as a list, selects the address. */
bool end_selects(const struct policy *p, const struct end *e, const struct address *a);
bool ports_match(const struct ports *list, uint32_t count, const struct flow *f);

/* One of the rules matches the flow apart from its condition. */
bool rule_covers(const struct policy *p, const struct rule *r, const struct flow *f);

/*
 * The decision. A flow with an end that is not unicast is refused as `not-unicast` before any rule, and
 * that is always enforced. Looks no further ahead than m.now.
 */
struct verdict decide(const struct policy *p, const struct flow *f, struct moment m);

/* The same with the time for which the answer stands, given the same time of compilation. To find it, changes of
 * conditions are looked for up to its end. */
struct span decide_span(const struct policy *p, const struct flow *f, struct moment m);

/* The rule's condition at `now` (s UTC), in the policy's time zone. */
enum truth rule_truth(const struct policy *p, const struct rule *r, int64_t now);
/* Unknown makes an allow not match and a deny match. */
bool rule_holds(const struct policy *p, const struct rule *r, int64_t now);
/* The first second in (now, until) at which the rule's condition changes; `until` when there is none. */
int64_t rule_next_change(const struct policy *p, const struct rule *r, int64_t now, int64_t until);
static inline bool rule_is_timed(const struct rule *r)
{
    return r->when && condition_depends_on_time(r->when);
}

/* The network, or a segment or workload at either end, is under observation. */
bool flow_observed(const struct policy *p, const struct address *from, const struct address *to);

/* Where an allowed flow would go. Knows the model only: never DELIVERY_NOT_RUNNING. */
enum delivery deliver(const struct policy *p, const struct flow *f);

/* All rules that match (condition true; a deny also when unknown), in file order; returns how many there are,
 * and writes at most `max`. */
size_t decide_matching(const struct policy *p, const struct flow *f, struct moment m, uint32_t *ret_rules,
                       size_t max);
