/* SPDX-License-Identifier: Apache-2.0 */
#include "decide/decide.h"

#include "decide/uplink.h"

#include <netinet/in.h>

static const char *const names[REASONS] = {
#define X(symbol, spelling, meaning) [REASON_##symbol] = spelling,
    BULKHEAD_REASONS(X)
#undef X
};

static const char *const meanings[REASONS] = {
#define X(symbol, spelling, meaning) [REASON_##symbol] = meaning,
    BULKHEAD_REASONS(X)
#undef X
};

const char *reason_name(enum bulkhead_reason r)
{
    return (unsigned)r < REASONS ? names[r] : "unknown";
}

const char *reason_meaning(enum bulkhead_reason r)
{
    return (unsigned)r < REASONS ? meanings[r] : "unknown";
}

bool protocol_has_ports(uint8_t protocol)
{
    return protocol == IPPROTO_TCP || protocol == IPPROTO_UDP || protocol == IPPROTO_SCTP;
}

bool protocol_is_icmp(uint8_t family, uint8_t protocol)
{
    return protocol == (family == 4 ? IPPROTO_ICMP : IPPROTO_ICMPV6);
}

bool protocol_is_translated(uint8_t family, uint8_t protocol)
{
    return protocol == IPPROTO_TCP || protocol == IPPROTO_UDP || protocol_is_icmp(family, protocol);
}

const char *delivery_name(enum delivery d)
{
    static const char *const delivery_names[] = {
        [DELIVERY_OK] = "ok",
        [DELIVERY_NO_UPLINK] = "no-uplink",
        [DELIVERY_NO_SUCH_WORKLOAD] = "no-such-workload",
        [DELIVERY_NOT_RUNNING] = "not-running",
    };
    return (unsigned)d < sizeof delivery_names / sizeof delivery_names[0] ? delivery_names[d] : "unknown";
}

struct station station_of(const struct policy *p, const struct address *a)
{
    struct station s = {.address = a, .unicast = address_is_unicast(a), .segment = NONE, .workload = NONE};
    if (s.unicast) {
        s.segment = policy_segment_of(p, a);
        s.workload = policy_workload_of(p, a);
    }
    return s;
}

static bool selector_has(const struct policy *p, const struct selector *s, const struct station *at)
{
    switch (s->kind) {
    case SELECT_WORKLOAD:
        return at->workload != NONE && at->workload == s->index;
    case SELECT_SEGMENT:
        return at->segment != NONE && at->segment == s->index;
    case SELECT_LABEL:
        return at->workload != NONE && workload_has_label(&p->workloads[at->workload], s->key, s->value);
    case SELECT_CIDR:
        return prefix_contains(&s->prefix, at->address);
    case SELECT_WORLD:
        return at->segment == NONE;
    case SELECT_ANY:
        return true;
    }
    return false;
}

bool end_selects_station(const struct policy *p, const struct end *e, const struct station *at)
{
    if (!at->unicast)
        return false;
    bool selected = false;
    for (uint32_t i = 0; i < e->count; i++) {
        const struct selector *s = &e->items[i];
        if (s->negated) {
            if (selector_has(p, s, at))
                return false;
        } else if (!selected) {
            selected = selector_has(p, s, at);
        }
    }
    return selected;
}

bool end_selects(const struct policy *p, const struct end *e, const struct address *a)
{
    struct station at = station_of(p, a);
    return end_selects_station(p, e, &at);
}

static bool ports_entry_matches(const struct ports *entry, const struct flow *f)
{
    if (entry->protocol == PORTS_ANY)
        return true;
    if (entry->protocol == PORTS_ICMP)
        return f->protocol == (f->from.family == 4 ? IPPROTO_ICMP : IPPROTO_ICMPV6);
    return f->protocol == entry->protocol && f->port >= entry->first && f->port <= entry->last;
}

bool ports_match(const struct ports *list, uint32_t count, const struct flow *f)
{
    for (uint32_t i = 0; i < count; i++) {
        if (ports_entry_matches(&list[i], f))
            return true;
    }
    return false;
}

static bool covers(const struct policy *p, const struct rule *r, const struct flow *f,
                   const struct station *from, const struct station *to)
{
    return ports_match(r->ports, r->port_count, f) && end_selects_station(p, &r->from, from) &&
           end_selects_station(p, &r->to, to);
}

bool rule_covers(const struct policy *p, const struct rule *r, const struct flow *f)
{
    struct station from = station_of(p, &f->from), to = station_of(p, &f->to);
    return covers(p, r, f, &from, &to);
}

enum truth rule_truth(const struct policy *p, const struct rule *r, int64_t now)
{
    struct facts facts = {.now = now, .zone = p->zone};
    return r->when ? condition_evaluate(r->when, &facts) : TRUTH_TRUE;
}

bool rule_holds(const struct policy *p, const struct rule *r, int64_t now)
{
    enum truth t = rule_truth(p, r, now);
    return r->allow ? t == TRUTH_TRUE : t != TRUTH_FALSE;
}

int64_t rule_next_change(const struct policy *p, const struct rule *r, int64_t now, int64_t until)
{
    struct facts facts = {.now = now, .zone = p->zone};
    return rule_is_timed(r) ? condition_next_change(r->when, &facts, until) : until;
}

/* The first second in (now, until) at which the rule begins to hold or ceases to; else `until`. */
static int64_t rule_next_turn(const struct policy *p, const struct rule *r, int64_t now, int64_t until)
{
    bool held = rule_holds(p, r, now);
    do
        now = rule_next_change(p, r, now, until);
    while (now < until && rule_holds(p, r, now) == held);
    return now;
}

/* They have one condition: often so, of rules that follow each other. */
static bool rules_turn_together(const struct rule *a, const struct rule *b)
{
    return a->allow == b->allow && condition_equal(a->when, b->when);
}

void matched_add(struct matched *m, const struct policy *p, uint32_t rule)
{
    const struct rule *r = &p->rules[rule];
    uint32_t *first = r->allow ? &m->allow : r->observe ? &m->observed : &m->deny;
    if (rule < *first) /* NONE is above every index */
        *first = rule;
}

static bool station_observed(const struct policy *p, const struct station *at)
{
    return (at->segment != NONE && p->segments[at->segment].observe) ||
           (at->workload != NONE && p->workloads[at->workload].observe);
}

bool flow_observed(const struct policy *p, const struct address *from, const struct address *to)
{
    struct station a = station_of(p, from), b = station_of(p, to);
    return p->observe || station_observed(p, &a) || station_observed(p, &b);
}

static struct verdict refusal(enum bulkhead_reason reason, uint32_t rule, bool enforced)
{
    return (struct verdict){.allow = false, .enforced = enforced, .reason = reason, .rule = rule};
}

/* packets.md, "Observation": a deny that is only tried out yields to enforced ones, and opens nothing. */
struct verdict matched_verdict(const struct matched *m, bool observed)
{
    if (m->deny != NONE)
        return refusal(REASON_DENY_RULE, m->deny, !observed);
    if (m->allow == NONE)
        return refusal(REASON_DEFAULT_DENY, NONE, !observed);
    if (m->observed != NONE)
        return refusal(REASON_DENY_RULE, m->observed, false);
    return (struct verdict){.allow = true, .enforced = true, .reason = REASON_RULE, .rule = m->allow};
}

/* The rules that cover one flow: what holds for ever, and those that come and go with time. */
#define TIMED_KEPT 64
struct coverage {
    const struct policy *policy;
    const struct flow *flow;
    struct station from, to;
    struct matched fixed;
    uint32_t timed[TIMED_KEPT]; /* the first of them */
    size_t timed_count;         /* all of them */
};

static void coverage_find(struct coverage *c, const struct policy *p, const struct flow *f, int64_t compiled)
{
    c->policy = p;
    c->flow = f;
    c->from = station_of(p, &f->from);
    c->to = station_of(p, &f->to);
    c->fixed = (struct matched){NONE, NONE, NONE};
    c->timed_count = 0;
    for (uint32_t i = 0; i < p->rule_count; i++) {
        const struct rule *r = &p->rules[i];
        if (!covers(p, r, f, &c->from, &c->to))
            continue;
        if (rule_is_timed(r)) {
            if (c->timed_count < TIMED_KEPT)
                c->timed[c->timed_count] = i;
            c->timed_count++;
        } else if (rule_holds(p, r, compiled)) {
            matched_add(&c->fixed, p, i);
        }
    }
}

/* Walk over the timed rules: `at` starts at 0. Beyond those kept the rules are read again. */
static bool coverage_next_timed(const struct coverage *c, uint32_t *at, uint32_t *ret_rule)
{
    if (c->timed_count <= TIMED_KEPT) {
        if (*at >= c->timed_count)
            return false;
        *ret_rule = c->timed[(*at)++];
        return true;
    }
    while (*at < c->policy->rule_count) {
        uint32_t i = (*at)++;
        const struct rule *r = &c->policy->rules[i];
        if (rule_is_timed(r) && covers(c->policy, r, c->flow, &c->from, &c->to)) {
            *ret_rule = i;
            return true;
        }
    }
    return false;
}

static bool coverage_observed(const struct coverage *c)
{
    return c->policy->observe || station_observed(c->policy, &c->from) || station_observed(c->policy, &c->to);
}

static struct matched coverage_matched(const struct coverage *c, int64_t now)
{
    struct matched m = c->fixed;
    uint32_t at = 0, rule;
    while (coverage_next_timed(c, &at, &rule)) {
        if (rule_holds(c->policy, &c->policy->rules[rule], now))
            matched_add(&m, c->policy, rule);
    }
    return m;
}

/* The verdict names a deny that is only tried out, as it does only where something is allowed. */
static bool matched_is_tried(const struct matched *m)
{
    return m->deny == NONE && m->observed != NONE && m->allow != NONE;
}

/* When this rule turns, the verdict of `m` is over, whatever other rules do in that second. */
static bool matched_hangs_on(const struct matched *m, const struct policy *p, uint32_t rule)
{
    const struct rule *r = &p->rules[rule];
    if (!r->allow && !r->observe)
        return rule <= m->deny; /* NONE is above every index */
    if (m->deny != NONE)
        return false;
    return r->allow ? rule <= m->allow && !matched_is_tried(m) : rule <= m->observed && m->allow != NONE;
}

/* The first second in [from, until) at which no allow holds; else `until`. */
static int64_t coverage_allowed_until(const struct coverage *c, int64_t from, int64_t until)
{
    while (from < until) {
        uint32_t allow = coverage_matched(c, from).allow;
        if (allow == NONE)
            return from;
        from = rule_next_turn(c->policy, &c->policy->rules[allow], from, until);
    }
    return until;
}

/*
 * The first second in (now, until) at which there is another verdict than that of `m`, which stands at `now`;
 * else `until`. Only rules that can end it are asked, each for itself, and no further than to where another
 * one ends it: a condition on seconds changes thousands of times a day.
 */
static int64_t coverage_next_verdict(const struct coverage *c, const struct matched *m, int64_t now,
                                     int64_t until)
{
    const struct rule *asked = NULL;
    uint32_t at = 0, rule;
    if (matched_is_tried(m)) /* it stands as long as some allow holds, whichever that is */
        until = coverage_allowed_until(c, now, until);
    while (coverage_next_timed(c, &at, &rule)) {
        const struct rule *r = &c->policy->rules[rule];
        if (!matched_hangs_on(m, c->policy, rule) || (asked && rules_turn_together(asked, r)))
            continue;
        until = rule_next_turn(c->policy, r, now, until);
        asked = r;
    }
    return until;
}

/*
 * The maximal interval of one verdict that begins at `from`. Its end is looked for within a minute first and
 * then ever further: so rules are asked about little more than the interval, and not about the whole day.
 */
#define LOOK_SECONDS 60
static struct span coverage_span(const struct coverage *c, int64_t from, int64_t horizon)
{
    struct matched m = coverage_matched(c, from);
    struct span s = {.from = from, .until = horizon, .verdict = matched_verdict(&m, coverage_observed(c))};
    int64_t stands = from; /* up to this second and with it */
    for (int64_t look = LOOK_SECONDS; stands + 1 < horizon; look *= 2) {
        int64_t end = horizon - stands - 1 > look ? stands + look + 1 : horizon;
        s.until = coverage_next_verdict(c, &m, stands, end);
        if (s.until < end)
            break;
        stands = end - 1;
    }
    return s;
}

/* The span at m.now. When it goes on beyond `enough`, it may end there. */
static struct span find_span(const struct policy *p, const struct flow *f, struct moment m, int64_t enough)
{
    struct span forever = {.from = INT64_MIN, .until = INT64_MAX};
    if (!address_is_unicast(&f->from) || !address_is_unicast(&f->to)) {
        forever.verdict = refusal(REASON_NOT_UNICAST, NONE, true);
        return forever;
    }
    struct coverage c;
    coverage_find(&c, p, f, m.compiled);
    if (c.timed_count == 0) {
        forever.verdict = matched_verdict(&c.fixed, coverage_observed(&c));
        return forever;
    }
    int64_t at = m.compiled, horizon = m.compiled + HORIZON_SECONDS;
    for (unsigned spans = 0; spans < SPANS_MAX && at < horizon; spans++) {
        struct span s = coverage_span(&c, at, enough < horizon ? enough : horizon);
        if (m.now < s.until) {
            if (s.from == m.compiled)
                s.from = INT64_MIN;
            return s;
        }
        at = s.until;
    }
    return (struct span){
        .from = at, .until = INT64_MAX, .verdict = refusal(REASON_WINDOW_CLOSED, NONE, !coverage_observed(&c))};
}

struct span decide_span(const struct policy *p, const struct flow *f, struct moment m)
{
    return find_span(p, f, m, INT64_MAX);
}

struct verdict decide(const struct policy *p, const struct flow *f, struct moment m)
{
    return find_span(p, f, m, m.now < INT64_MAX ? m.now + 1 : INT64_MAX).verdict;
}

size_t decide_matching(const struct policy *p, const struct flow *f, struct moment m, uint32_t *ret_rules,
                       size_t max)
{
    struct station from = station_of(p, &f->from), to = station_of(p, &f->to);
    int64_t now = m.now < m.compiled ? m.compiled : m.now;
    size_t count = 0;
    for (uint32_t i = 0; i < p->rule_count; i++) {
        const struct rule *r = &p->rules[i];
        if (!covers(p, r, f, &from, &to) || !rule_holds(p, r, rule_is_timed(r) ? now : m.compiled))
            continue;
        if (count < max)
            ret_rules[count] = i;
        count++;
    }
    return count;
}

/* To the world (docs/packets.md, 8.1). */
static enum delivery deliver_out(const struct policy *p, const struct flow *f)
{
    if (!uplink_outer_address(p, f->to.family))
        return DELIVERY_NO_UPLINK;
    return p->uplink.nat && !protocol_is_translated(f->to.family, f->protocol) ? DELIVERY_NO_UPLINK
                                                                               : DELIVERY_OK;
}

/* From the world: what begins there comes by a published port. */
static bool comes_in(const struct policy *p, const struct flow *f)
{
    return uplink_outer_address(p, f->to.family) && uplink_published_to(p, f->protocol, &f->to, f->port);
}

enum delivery deliver(const struct policy *p, const struct flow *f)
{
    bool from_world = policy_segment_of(p, &f->from) == NONE, to_world = policy_segment_of(p, &f->to) == NONE;
    if (from_world && !comes_in(p, f))
        return DELIVERY_NO_UPLINK;
    if (to_world)
        return deliver_out(p, f);
    uint32_t from = policy_workload_of(p, &f->from), to = policy_workload_of(p, &f->to);
    return to == NONE || to == from ? DELIVERY_NO_SUCH_WORKLOAD : DELIVERY_OK;
}
