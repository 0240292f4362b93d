/* SPDX-License-Identifier: Apache-2.0 */
#include "decide/why.h"

#include "decide/change.h"
#include "decide/uplink.h"

#include <netinet/in.h>
#include <time.h>

/* How far ahead the next moment of a condition is looked for, and how many changes on the way. */
#define AHEAD_SECONDS (8 * 86400)
#define AHEAD_CHANGES 2000
#define PHRASE_MAX    4096

static const char *phrase_keep(struct text *t, struct arena *a)
{
    const char *kept = t->failed ? NULL : arena_text(a, text_cstr(t), t->len);
    text_free(t);
    return kept;
}

const char *party_name(const struct policy *p, const struct address *a, struct arena *arena)
{
    uint32_t workload = policy_workload_of(p, a);
    char buffer[ADDRESS_TEXT_MAX];
    if (workload != NONE)
        return p->workloads[workload].name;
    const char *text = address_print(a, buffer);
    return arena_text(arena, text, strlen(text));
}

void service_print(const struct flow *f, struct text *out)
{
    if (f->protocol == IPPROTO_TCP)
        text_printf(out, "%u/tcp", f->port);
    else if (f->protocol == IPPROTO_UDP)
        text_printf(out, "%u/udp", f->port);
    else if (f->protocol == IPPROTO_SCTP)
        text_printf(out, "%u/sctp", f->port);
    else if (f->protocol == (f->from.family == 4 ? IPPROTO_ICMP : IPPROTO_ICMPV6))
        text_puts(out, "icmp");
    else
        text_printf(out, "protocol:%u", f->protocol);
}

/* Nearest misses */

static void selector_phrase(const struct policy *p, const struct selector *s, struct text *out)
{
    char buffer[ADDRESS_TEXT_MAX];
    switch (s->kind) {
    case SELECT_WORKLOAD:
        text_puts(out, p->workloads[s->index].name);
        break;
    case SELECT_SEGMENT:
        text_printf(out, "segment %s", p->segments[s->index].name);
        break;
    case SELECT_LABEL:
        text_printf(out, "label %s=%s", s->key, s->value);
        break;
    case SELECT_CIDR:
        text_puts(out, prefix_print(&s->prefix, buffer));
        break;
    case SELECT_WORLD:
        text_puts(out, "the world");
        break;
    case SELECT_ANY:
        text_puts(out, "anywhere");
        break;
    }
}

static void end_phrase(const struct policy *p, const struct end *e, struct text *out)
{
    for (int negated = 0; negated < 2; negated++) {
        bool first = true;
        for (uint32_t i = 0; i < e->count; i++) {
            if (e->items[i].negated != (bool)negated)
                continue;
            text_puts(out, !first ? " or " : negated ? " but not " : "");
            selector_phrase(p, &e->items[i], out);
            first = false;
        }
    }
}

static void ports_phrase(const struct rule *r, struct text *out)
{
    for (uint32_t i = 0; i < r->port_count; i++) {
        const struct ports *e = &r->ports[i];
        struct flow f = {.from = {.family = 4}, .protocol = (uint8_t)e->protocol, .port = e->first};
        text_puts(out, i ? " or " : "");
        if (e->protocol == PORTS_ICMP) {
            text_puts(out, "icmp");
        } else if (e->protocol == PORTS_ANY) {
            text_puts(out, "any");
        } else {
            if (e->first != e->last)
                text_printf(out, "%u-", e->first);
            f.port = e->last;
            service_print(&f, out);
        }
    }
}

/* In the policy's time zone: "01:00", with seconds where they are not zero, with the date where it is not `beside`'s. */
static void time_phrase(const struct policy *p, int64_t at, int64_t beside, bool with_offset, struct text *out)
{
    struct tm t, b;
    int32_t offset = zone_offset(p->zone, at), ahead = offset < 0 ? -offset : offset;
    time_t x = at + offset, y = beside + zone_offset(p->zone, beside);
    if (!gmtime_r(&x, &t) || !gmtime_r(&y, &b)) {
        text_printf(out, "%lld", (long long)at);
        return;
    }
    if (t.tm_year != b.tm_year || t.tm_yday != b.tm_yday)
        text_printf(out, "%04d-%02d-%02d ", t.tm_year + 1900, t.tm_mon + 1, t.tm_mday);
    text_printf(out, "%02d:%02d", t.tm_hour, t.tm_min);
    if (t.tm_sec)
        text_printf(out, ":%02d", t.tm_sec);
    if (with_offset)
        text_printf(out, "%c%02d:%02d", offset < 0 ? '-' : '+', ahead / 3600, ahead / 60 % 60);
}

static void condition_phrase(const struct policy *p, const struct rule *r, int64_t now, struct text *out)
{
    int64_t until = now + AHEAD_SECONDS, opens = now;
    for (int i = 0; i < AHEAD_CHANGES && opens < until && rule_truth(p, r, opens) != TRUTH_TRUE; i++)
        opens = rule_next_change(p, r, opens, until);
    if (opens >= until || rule_truth(p, r, opens) != TRUTH_TRUE) {
        text_puts(out, "its condition held (not within the next week)");
        return;
    }
    int64_t closes = rule_next_change(p, r, opens, opens + AHEAD_SECONDS);
    bool for_long = closes >= opens + AHEAD_SECONDS;
    /* An hour may stand twice on a day: where the clock is changed before this is over, times say which. */
    int64_t told_last = for_long ? opens : closes;
    bool with_offset = zone_next_change(p->zone, now) <= told_last;
    text_puts(out, for_long ? "it were after " : "it were between ");
    time_phrase(p, opens, now, with_offset, out);
    if (!for_long) {
        text_puts(out, " and ");
        time_phrase(p, closes, opens, with_offset, out);
    }
    text_printf(out, " %s", p->timezone ? p->timezone : "UTC");
}

static unsigned lacks_of(const struct policy *p, const struct rule *r, const struct flow *f, int64_t now)
{
    return (end_selects(p, &r->from, &f->from) ? 0u : LACK_FROM) |
           (end_selects(p, &r->to, &f->to) ? 0u : LACK_TO) |
           (ports_match(r->ports, r->port_count, f) ? 0u : LACK_PORTS) |
           (rule_holds(p, r, now) ? 0u : LACK_CONDITION);
}

static const char *miss_text(const struct policy *p, const struct miss *miss, int64_t now, struct arena *a)
{
    const struct rule *r = &p->rules[miss->rule];
    struct text t = text_new(PHRASE_MAX);
    const char *and = "";
    if (miss->lacks & LACK_FROM) {
        text_puts(&t, "it came from ");
        end_phrase(p, &r->from, &t);
        and = " and ";
    }
    if (miss->lacks & LACK_TO) {
        text_printf(&t, "%sit went to ", and);
        end_phrase(p, &r->to, &t);
        and = " and ";
    }
    if (miss->lacks & LACK_PORTS) {
        bool icmp = r->ports[0].protocol == PORTS_ICMP;
        if (miss->lacks & LACK_TO)
            text_puts(&t, icmp ? " with " : " on port ");
        else
            text_printf(&t, "%sit %s ", and, icmp ? "were" : "went to port");
        ports_phrase(r, &t);
        and = " and ";
    }
    if (miss->lacks & LACK_CONDITION) {
        text_puts(&t, and);
        condition_phrase(p, r, now, &t);
    }
    return phrase_keep(&t, a);
}

/* Keeps the list in order; among equals the first in the file stays first. */
static void miss_insert(struct why *w, struct miss new)
{
    size_t at = w->nearest_count;
    while (at > 0 && __builtin_popcount(w->nearest[at - 1].lacks) > __builtin_popcount(new.lacks))
        at--;
    if (at >= MISSES_MAX)
        return;
    size_t tail = (w->nearest_count < MISSES_MAX ? w->nearest_count : MISSES_MAX - 1) - at;
    memmove(&w->nearest[at + 1], &w->nearest[at], tail * sizeof new);
    w->nearest[at] = new;
    if (w->nearest_count < MISSES_MAX)
        w->nearest_count++;
}

static bool find_nearest(const struct policy *p, struct why *w, int64_t now, struct arena *a)
{
    for (uint32_t i = 0; i < p->rule_count; i++) {
        if (!p->rules[i].allow)
            continue;
        struct miss miss = {.rule = i, .lacks = lacks_of(p, &p->rules[i], &w->flow, now)};
        if (miss.lacks && __builtin_popcount(miss.lacks) <= 2)
            miss_insert(w, miss);
    }
    for (size_t i = 0; i < w->nearest_count; i++) {
        w->nearest[i].text = miss_text(p, &w->nearest[i], now, a);
        if (!w->nearest[i].text)
            return false;
    }
    return true;
}

/* The way */

static void add_waypoint(struct why *w, const char *kind, const char *name, bool observed)
{
    w->way[w->way_count++] = (struct waypoint){.kind = kind, .name = name, .observed = observed};
}

static void add_end(const struct policy *p, struct why *w, const struct address *a, const char *name,
                    bool outward)
{
    uint32_t segment = address_is_unicast(a) ? policy_segment_of(p, a) : NONE,
             workload = policy_workload_of(p, a);
    if (!outward && segment != NONE)
        add_waypoint(w, "segment", p->segments[segment].name, p->segments[segment].observe);
    if (workload != NONE)
        add_waypoint(w, "workload", name, p->workloads[workload].observe);
    else
        add_waypoint(w, segment == NONE ? "world" : "address", name, false);
    if (outward && segment != NONE)
        add_waypoint(w, "segment", p->segments[segment].name, p->segments[segment].observe);
}

static bool collect_matching(const struct policy *p, struct why *w, struct arena *a)
{
    size_t count = decide_matching(p, &w->flow, w->moment, NULL, 0);
    w->matching = arena_array(a, count, sizeof *w->matching);
    w->blockers = arena_array(a, count, sizeof *w->blockers);
    if (!w->matching || !w->blockers)
        return false;
    w->matching_count = decide_matching(p, &w->flow, w->moment, w->matching, count);
    w->no_allow = true;
    for (size_t i = 0; i < w->matching_count; i++) {
        const struct rule *r = &p->rules[w->matching[i]];
        if (r->allow)
            w->no_allow = false;
        else if (!r->observe)
            w->blockers[w->blocker_count++] = w->matching[i];
    }
    return true;
}

/* Whether some port of the uplink could lead to where the flow goes. */
static bool is_publishable(const struct policy *p, const struct flow *f)
{
    uint32_t to = policy_workload_of(p, &f->to);
    const struct address *first = to == NONE ? NULL : workload_first_address(&p->workloads[to], f->to.family);
    return first && address_equal(first, &f->to) && uplink_outer_address(p, f->to.family) &&
           (f->protocol == IPPROTO_TCP || f->protocol == IPPROTO_UDP);
}

static void find_published(const struct policy *p, struct why *w)
{
    const struct flow *f = &w->flow;
    if (policy_segment_of(p, &f->from) != NONE)
        return;
    if (w->delivery == DELIVERY_OK)
        w->published = uplink_published_to(p, f->protocol, &f->to, f->port);
    else
        w->publishable = w->span.verdict.allow && is_publishable(p, f);
}

bool why_explain(const struct policy *p, const struct flow *f, struct moment m, struct arena *a,
                 struct why *ret)
{
    struct why w = {.flow = *f, .moment = m, .span = decide_span(p, f, m), .delivery = deliver(p, f)};
    w.from = party_name(p, &f->from, a);
    w.to = party_name(p, &f->to, a);
    if (!w.from || !w.to || !collect_matching(p, &w, a))
        return false;
    find_published(p, &w);
    add_end(p, &w, &f->from, w.from, true);
    add_waypoint(&w, "hub", p->name, p->observe);
    add_end(p, &w, &f->to, w.to, false);
    if (!w.span.verdict.allow && w.span.verdict.reason != REASON_NOT_UNICAST) {
        int64_t now = m.now < m.compiled ? m.compiled : m.now;
        if (!find_nearest(p, &w, now, a) || !change_find(p, &w, a, &w.change))
            return false;
    }
    *ret = w;
    return true;
}
