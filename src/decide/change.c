/* SPDX-License-Identifier: Apache-2.0 */
#include "decide/change.h"

#include "decide/reach.h"
#include "policy/print.h"

#include <netinet/in.h>

/* Verdicts that may be compared to say what a change opens; past it the answer is "unknown". */
#define COMPARISONS_MAX 20000000u

/* Everybody who can speak or be reached: a workload with its addresses, or a piece of the world. */
struct crowd {
    struct address *addresses;
    const char **names; /* of each address; equal pointers are one party */
    size_t count, capacity;
};

static bool crowd_add(struct crowd *c, const struct address *address, const char *name, size_t capacity)
{
    if (!name || c->count == capacity)
        return false;
    c->addresses[c->count] = *address;
    c->names[c->count++] = name;
    return true;
}

static const char *piece_name(const struct piece *piece, struct arena *a)
{
    struct text t = text_new(4096);
    range_print(&piece->first, &piece->last, ", ", &t);
    const char *name = t.failed ? NULL : arena_text(a, text_cstr(&t), t.len);
    text_free(&t);
    return name;
}

/* The asked ends come first: 0 is the source, 1 the target. */
static bool crowd_gather(const struct policy *const policies[2], const struct why *w, struct arena *a,
                         struct crowd *ret)
{
    const struct policy *p = policies[0];
    struct piece *pieces[2];
    size_t piece_count[2], most = 2;
    for (unsigned i = 0; i < 2; i++) {
        if (!space_addresses(policies, 2, i ? 6 : 4, a, &pieces[i], &piece_count[i]))
            return false;
        most += piece_count[i];
    }
    struct crowd c = {.addresses = arena_array(a, most, sizeof *c.addresses),
                      .names = arena_array(a, most, sizeof *c.names)};
    if (!c.addresses || !c.names || !crowd_add(&c, &w->flow.from, w->from, most) ||
        !crowd_add(&c, &w->flow.to, w->to, most))
        return false;
    for (unsigned i = 0; i < 2; i++) {
        for (size_t k = 0; k < piece_count[i]; k++) {
            const struct address *first = &pieces[i][k].first;
            if (address_equal(first, &w->flow.from) || address_equal(first, &w->flow.to))
                continue;
            uint32_t workload = policy_workload_of(p, first);
            if (workload == NONE && policy_segment_of(p, first) != NONE)
                continue; /* nobody has it */
            const char *name = workload != NONE ? p->workloads[workload].name : piece_name(&pieces[i][k], a);
            if (!crowd_add(&c, first, name, most))
                return false;
        }
    }
    *ret = c;
    return true;
}

/* What one change touches: flows of the source, flows to the target, or all. */
struct scope {
    bool from, to; /* neither: all */
};

struct comparison {
    struct crowd crowd;
    struct reach before, after;
    struct reach_pair pair_before, pair_after;
    const struct port_class *classes;
    size_t class_count;
    uint64_t *holds_before, *holds_after;
};

static bool opens(const struct comparison *c, size_t port_class)
{
    return !reach_verdict(&c->before, &c->pair_before, port_class, c->holds_before).allow &&
           reach_verdict(&c->after, &c->pair_after, port_class, c->holds_after).allow;
}

static bool is_asked(const struct why *w, const struct comparison *c, size_t from, size_t to, size_t port_class)
{
    struct flow f =
        port_class_flow(&c->classes[port_class], &c->crowd.addresses[from], &c->crowd.addresses[to]);
    bool icmp = w->flow.protocol == (w->flow.from.family == 4 ? IPPROTO_ICMP : IPPROTO_ICMPV6);
    if (strcmp(c->crowd.names[from], w->from) != 0 || strcmp(c->crowd.names[to], w->to) != 0)
        return false;
    if (icmp)
        return c->classes[port_class].protocol == PORTS_ICMP;
    return f.protocol == w->flow.protocol && f.port == w->flow.port && c->classes[port_class].last == f.port;
}

static bool same_family(const struct comparison *c, size_t from, size_t to)
{
    return c->crowd.addresses[from].family == c->crowd.addresses[to].family;
}

/* Adds what opens for one pair of addresses to the list. */
static bool note_pair(const struct why *w, struct comparison *c, size_t from, size_t to, uint32_t *chosen,
                      struct arena *a, struct change *change)
{
    size_t n = 0;
    reach_pair_set(&c->before, from, to, &c->pair_before);
    reach_pair_set(&c->after, from, to, &c->pair_after);
    for (size_t k = 0; k < c->class_count && c->pair_after.count; k++) {
        if (opens(c, k) && !is_asked(w, c, from, to, k))
            chosen[n++] = (uint32_t)k;
    }
    if (n == 0)
        return true;
    struct text t = text_new(1 << 16);
    text_printf(&t, "%s -> %s ", c->crowd.names[from], c->crowd.names[to]);
    port_classes_print(c->classes, c->class_count, chosen, n, &t);
    bool known = false;
    for (size_t i = 0; i < change->open_count && !known; i++)
        known = strcmp(change->opens[i], text_cstr(&t)) == 0;
    bool ok = !t.failed;
    if (ok && !known) {
        change->open_total++;
        if (change->open_count < CHANGE_OPENS_MAX) {
            change->opens[change->open_count] = arena_text(a, text_cstr(&t), t.len);
            ok = change->opens[change->open_count++] != NULL;
        }
    }
    text_free(&t);
    return ok;
}

/* Fills `opens` of the change that makes `q` of `p`. */
static bool count_opened(const struct policy *p, const struct policy *q, const struct why *w,
                         struct scope scope, struct arena *a, struct change *change)
{
    const struct policy *const policies[2] = {p, q};
    struct comparison c;
    struct port_class *classes;
    if (!crowd_gather(policies, w, a, &c.crowd) || !space_ports(policies, 2, a, &classes, &c.class_count))
        return false;
    c.classes = classes;
    size_t n = c.crowd.count, sources = scope.from ? 1 : n, targets = scope.to ? 1 : n;
    change->opens = arena_array(a, CHANGE_OPENS_MAX, sizeof *change->opens);
    uint32_t *chosen = arena_array(a, c.class_count, sizeof *chosen);
    if (!change->opens || !chosen)
        return false;
    if ((double)sources * (double)targets * (double)c.class_count > COMPARISONS_MAX ||
        (double)n * (double)p->rule_count > COMPARISONS_MAX / 5.0) {
        change->open_unknown = true;
        return true;
    }
    if (!reach_new(p, c.crowd.addresses, n, classes, c.class_count, a, &c.before) ||
        !reach_new(q, c.crowd.addresses, n, classes, c.class_count, a, &c.after))
        return false;
    c.holds_before = arena_array(a, c.before.words, sizeof *c.holds_before);
    c.holds_after = arena_array(a, c.after.words, sizeof *c.holds_after);
    if (!c.holds_before || !c.holds_after || !reach_pair_new(&c.before, a, &c.pair_before) ||
        !reach_pair_new(&c.after, a, &c.pair_after))
        return false;
    reach_holding(&c.before, w->moment.now, c.holds_before);
    reach_holding(&c.after, w->moment.now, c.holds_after);
    for (size_t i = 0; i < n; i++) {
        /* A name stands for all its addresses, also of the other family. */
        if (scope.from && strcmp(c.crowd.names[i], w->from) != 0)
            continue;
        for (size_t k = 0; k < n; k++) {
            if (scope.to && strcmp(c.crowd.names[k], w->to) != 0)
                continue;
            if (i != k && strcmp(c.crowd.names[i], c.crowd.names[k]) != 0 && same_family(&c, i, k) &&
                !note_pair(w, &c, i, k, chosen, a, change))
                return false;
        }
    }
    return true;
}

/* Variants of the policy */

/* A copy whose rules may be changed, with room for one more. */
static struct policy *variant_of(const struct policy *p, struct arena *a)
{
    struct policy *q = arena_alloc(a, sizeof *q);
    if (!q)
        return NULL;
    *q = *p;
    q->rules = arena_array(a, (size_t)p->rule_count + 1, sizeof *q->rules);
    if (!q->rules)
        return NULL;
    if (p->rule_count)
        memcpy(q->rules, p->rules, p->rule_count * sizeof *q->rules);
    return q;
}

/* The exact end: the workload's name, or the address alone. */
static struct selector exact_selector(const struct policy *p, const struct address *address, bool negated)
{
    struct selector s = {.kind = SELECT_WORKLOAD, .negated = negated, .index = policy_workload_of(p, address)};
    if (s.index == NONE) {
        s.kind = SELECT_CIDR;
        s.prefix = (struct prefix){.address = *address, .length = address_bits(address)};
    }
    return s;
}

static bool end_add(struct end *e, struct selector s, struct arena *a)
{
    struct selector *items = arena_array(a, (size_t)e->count + 1, sizeof *items);
    if (!items)
        return false;
    if (e->count)
        memcpy(items, e->items, e->count * sizeof *items);
    items[e->count] = s;
    *e = (struct end){.items = items, .count = e->count + 1};
    return true;
}

static struct ports exact_ports(const struct flow *f)
{
    if (protocol_has_ports(f->protocol))
        return (struct ports){.protocol = f->protocol, .first = f->port, .last = f->port};
    bool icmp = f->protocol == (f->from.family == 4 ? IPPROTO_ICMP : IPPROTO_ICMPV6);
    return (struct ports){.protocol = icmp ? PORTS_ICMP : PORTS_ANY, .last = 65535};
}

static bool add_exact_rule(struct policy *q, const struct flow *f, struct arena *a)
{
    struct rule *r = &q->rules[q->rule_count];
    *r =
        (struct rule){.name = "new", .allow = true, .ports = arena_alloc(a, sizeof *r->ports), .port_count = 1};
    if (!r->ports || !end_add(&r->from, exact_selector(q, &f->from, false), a) ||
        !end_add(&r->to, exact_selector(q, &f->to, false), a))
        return false;
    r->ports[0] = exact_ports(f);
    q->rule_count++;
    return true;
}

static bool add_step(struct change *c, struct arena *a, const char *text)
{
    const char **steps = arena_array(a, c->step_count + 1, sizeof *steps);
    if (!steps || !text)
        return false;
    if (c->step_count)
        memcpy(steps, c->steps, c->step_count * sizeof *steps);
    steps[c->step_count++] = text;
    c->steps = steps;
    return true;
}

/* As a selector: addresses need `cidr:`. */
static const char *selector_text(const struct policy *p, const struct address *address, const char *name,
                                 struct arena *a)
{
    return policy_workload_of(p, address) != NONE ? name : arena_format(a, "cidr:%s", name);
}

/* The same as an entry of a policy's file. */
static const char *entry_text(const struct policy *p, const struct address *address, const char *name,
                              struct arena *a)
{
    if (policy_workload_of(p, address) == NONE)
        return selector_text(p, address, name, a);
    struct text t = text_new(256);
    name_print(name, &t);
    const char *text = t.failed ? NULL : arena_text(a, text_cstr(&t), t.len);
    text_free(&t);
    return text;
}

static const char *service_text(const struct flow *f, struct arena *a)
{
    struct text t = text_new(256);
    if (exact_ports(f).protocol == PORTS_ANY)
        text_puts(&t, "any");
    else
        service_print(f, &t);
    const char *text = t.failed ? NULL : arena_text(a, text_cstr(&t), t.len);
    text_free(&t);
    return text;
}

static bool add_rule_step(const struct policy *p, const struct why *w, struct change *c, struct arena *a)
{
    const char *from = entry_text(p, &w->flow.from, w->from, a),
               *to = entry_text(p, &w->flow.to, w->to, a), *service = service_text(&w->flow, a);
    return from && to && service &&
           add_step(c, a,
                    arena_format(a, "add a rule: allow: {from: %s, to: %s, ports: %s}", from, to, service));
}

static bool is_allowed(const struct policy *q, const struct why *w)
{
    return decide(q, &w->flow, (struct moment){.compiled = w->moment.now, .now = w->moment.now}).allow;
}

/* Candidates. Each: false when memory is out; kind CHANGE_NONE when it does not lead there. */

static bool try_add(const struct policy *p, const struct why *w, struct arena *a, struct change *ret)
{
    struct policy *q = variant_of(p, a);
    if (!q || !add_exact_rule(q, &w->flow, a))
        return false;
    if (!is_allowed(q, w))
        return true;
    ret->kind = CHANGE_ADD;
    return add_rule_step(p, w, ret, a) &&
           count_opened(p, q, w, (struct scope){.from = true, .to = true}, a, ret);
}

/* The rule lacks one thing besides time: add that to it. */
static bool try_widen(const struct policy *p, const struct why *w, const struct miss *miss, struct arena *a,
                      struct change *ret)
{
    struct policy *q = variant_of(p, a);
    if (!q)
        return false;
    struct rule *r = &q->rules[miss->rule];
    struct scope scope = {0};
    const char *what = NULL, *where = NULL;
    if (miss->lacks == LACK_FROM) {
        scope.from = true;
        where = "from";
        what = entry_text(p, &w->flow.from, w->from, a);
        if (!end_add(&r->from, exact_selector(p, &w->flow.from, false), a))
            return false;
    } else if (miss->lacks == LACK_TO) {
        scope.to = true;
        where = "to";
        what = entry_text(p, &w->flow.to, w->to, a);
        if (!end_add(&r->to, exact_selector(p, &w->flow.to, false), a))
            return false;
    } else if (miss->lacks == LACK_PORTS) {
        where = "ports";
        what = service_text(&w->flow, a);
        struct ports *ports = arena_array(a, (size_t)r->port_count + 1, sizeof *ports);
        if (!ports)
            return false;
        memcpy(ports, r->ports, r->port_count * sizeof *ports);
        ports[r->port_count++] = exact_ports(&w->flow);
        r->ports = ports;
    } else {
        return true;
    }
    if (!is_allowed(q, w)) /* a `not:` of the list takes it away again */
        return true;
    ret->kind = CHANGE_WIDEN;
    return what && add_step(ret, a, arena_format(a, "add %s to the `%s` of %s", what, where, r->name)) &&
           count_opened(p, q, w, scope, a, ret);
}

/* A list that names one workload or address alone would be left empty. */
static bool is_only(const struct policy *p, const struct end *e, const struct address *address)
{
    struct selector exact = exact_selector(p, address, false);
    if (e->count != 1 || e->items[0].kind != exact.kind)
        return false;
    if (exact.kind == SELECT_WORKLOAD)
        return e->items[0].index == exact.index;
    return prefix_covers(&exact.prefix, &e->items[0].prefix);
}

/* Take the source (or the target) out of every deny in the way. */
static bool try_narrow(const struct policy *p, const struct why *w, bool by_target, struct arena *a,
                       struct change *ret)
{
    struct policy *q = variant_of(p, a);
    const struct address *address = by_target ? &w->flow.to : &w->flow.from;
    const char *name = selector_text(p, address, by_target ? w->to : w->from, a);
    if (!q || !name)
        return false;
    for (size_t i = 0; i < w->matching_count; i++) {
        struct rule *r = &q->rules[w->matching[i]];
        struct end *e = by_target ? &r->to : &r->from;
        if (r->allow)
            continue;
        const char *step = is_only(p, e, address) ? arena_format(a, "remove %s", r->name)
                                                  : arena_format(a, "add not:%s to the `%s` of %s", name,
                                                                 by_target ? "to" : "from", r->name);
        if (!add_step(ret, a, step) || !end_add(e, exact_selector(p, address, true), a))
            return false;
    }
    if (w->no_allow && (!add_exact_rule(q, &w->flow, a) || !add_rule_step(p, w, ret, a)))
        return false;
    if (!is_allowed(q, w))
        return true;
    ret->kind = CHANGE_NARROW;
    return count_opened(p, q, w, (struct scope){.from = !by_target, .to = by_target}, a, ret);
}

/* The new one opens less. */
static bool is_better(const struct change *new, const struct change *old)
{
    if (new->kind == CHANGE_NONE)
        return false;
    if (old->kind == CHANGE_NONE)
        return true;
    if (new->open_unknown != old->open_unknown)
        return old->open_unknown;
    return new->open_total < old->open_total;
}

bool change_find(const struct policy *p, const struct why *w, struct arena *a, struct change *ret)
{
    struct change best = {0};
    bool denied = w->blocker_count > 0 || (!w->no_allow && w->matching_count > 0);
    if (!denied) {
        /* Widening comes first: it is the smaller change where it opens nothing else either. */
        for (size_t i = 0; i < w->nearest_count && __builtin_popcount(w->nearest[i].lacks) == 1; i++) {
            struct change c = {0};
            if (!try_widen(p, w, &w->nearest[i], a, &c))
                return false;
            if (is_better(&c, &best))
                best = c;
        }
        struct change add = {0};
        if (!try_add(p, w, a, &add))
            return false;
        if (is_better(&add, &best))
            best = add;
    } else {
        for (int by_target = 0; by_target < 2; by_target++) {
            struct change c = {0};
            if (!try_narrow(p, w, by_target, a, &c))
                return false;
            if (is_better(&c, &best))
                best = c;
        }
    }
    *ret = best;
    return true;
}

const char *change_kind_name(enum change_kind k)
{
    static const char *const names[] = {
        [CHANGE_NONE] = "none", [CHANGE_ADD] = "add", [CHANGE_WIDEN] = "widen", [CHANGE_NARROW] = "narrow"};
    return (unsigned)k < sizeof names / sizeof names[0] ? names[k] : "unknown";
}
