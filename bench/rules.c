/* SPDX-License-Identifier: Apache-2.0 */
#include "rules.h"

#include "decide/uplink.h"

#define FEED_TARGET 1
#define FEED_PORT 443

enum rule_end { END_WORKLOAD, END_LABEL, END_SEGMENT, END_CIDR };

struct one_end {
    enum rule_end kind;
    uint32_t number;
    struct prefix prefix;
};

struct one_rule {
    bool deny;
    struct one_end from, to;
    uint16_t first, last;
};

uint64_t rules_random(uint64_t *state)
{
    uint64_t z = (*state += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static uint32_t below(uint64_t *state, uint32_t n)
{
    return (uint32_t)(rules_random(state) % n);
}

struct rules rules_of(char family, uint32_t count)
{
    struct rules r = {.family = family, .rules = count};
    r.workloads = count < 100 ? 5 : count < 1000 ? 10 : count < 10000 ? 40 : RULES_WORKLOADS_MAX;
    r.segments = r.workloads < 20 ? 2 : r.workloads / 10;
    r.labels = r.workloads / 2;
    return r;
}

static uint32_t label_of(const struct rules *r, uint32_t workload)
{
    return workload % r->labels;
}

static uint32_t segment_of(const struct rules *r, uint32_t workload)
{
    return workload % r->segments;
}

static void set_octets(uint8_t *at, uint64_t number, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        at[i] = (uint8_t)(number >> 8 * (7 - i));
}

static void cut(struct prefix *p)
{
    for (unsigned bit = p->length; bit < 8 * sizeof p->address.octets; bit++)
        p->address.octets[bit / 8] &= (uint8_t)~(0x80u >> bit % 8);
}

/* Prefix `i` of the feed. Lengths as threat feeds and routing tables have them: mostly /32 and /24, some of every. */
static struct prefix feed_prefix(uint32_t i)
{
    uint64_t state = 0xfeed0000ull + i;
    uint32_t dice = below(&state, 100);
    struct prefix p = {.address = {.family = i & 1 ? 6 : 4}};
    if (p.address.family == 4) {
        set_octets(p.address.octets, rules_random(&state), 4);
        p.address.octets[0] = (uint8_t)(128 + p.address.octets[0] % 32); /* nothing reserved there */
        p.length = (uint8_t)(dice < 50 ? 32 : dice < 80 ? 24 : 14 + below(&state, 18));
    } else {
        set_octets(p.address.octets, rules_random(&state), 8);
        set_octets(p.address.octets + 8, rules_random(&state), 8);
        p.address.octets[0] = 0x2a;
        p.length = (uint8_t)(dice < 40 ? 64 : dice < 65 ? 48 : dice < 85 ? 128 : 20 + below(&state, 44));
    }
    cut(&p);
    return p;
}

/* Pairs of different numbers below n, each once before any comes again. */
static void pair_at(uint32_t n, uint32_t i, uint32_t *ret_first, uint32_t *ret_second, uint32_t *ret_rank)
{
    uint32_t pair = i % (n * (n - 1));
    *ret_first = pair % n;
    *ret_second = (*ret_first + 1 + pair / n) % n;
    *ret_rank = i / (n * (n - 1));
}

static struct one_rule workload_rule(const struct rules *r, uint32_t i)
{
    struct one_rule out = {.from = {.kind = END_WORKLOAD}, .to = {.kind = END_WORKLOAD}};
    uint32_t rank;
    pair_at(r->workloads, i, &out.from.number, &out.to.number, &rank);
    out.first = out.last = (uint16_t)(1000 + 3 * rank);
    return out;
}

static struct one_end group_end(const struct rules *r, uint32_t number)
{
    if (number < r->labels)
        return (struct one_end){.kind = END_LABEL, .number = number};
    return (struct one_end){.kind = END_SEGMENT, .number = number - r->labels};
}

static struct one_rule group_rule(const struct rules *r, uint32_t i)
{
    uint32_t from, to, rank;
    pair_at(r->labels + r->segments, i, &from, &to, &rank);
    uint16_t port = (uint16_t)(8000 + 16 * rank + (7 * from + to) % 16);
    return (struct one_rule){.from = group_end(r, from), .to = group_end(r, to), .first = port, .last = port};
}

static struct one_rule feed_rule(const struct rules *r, uint32_t i)
{
    if (i % 10 == 9)
        return workload_rule(r, i / 10);
    return (struct one_rule){.from = {.kind = END_CIDR, .prefix = feed_prefix(i - i / 10)},
        .to = {.kind = END_WORKLOAD, .number = FEED_TARGET}, .first = FEED_PORT, .last = FEED_PORT};
}

static struct one_rule range_rule(const struct rules *r, uint32_t i)
{
    struct one_rule out = workload_rule(r, i);
    uint64_t state = 0x7a9e0000ull + i;
    out.deny = i / r->workloads % 10 == 9;
    out.first = (uint16_t)((out.deny ? 45000 : 20000) + below(&state, 10000));
    out.last = (uint16_t)(out.first + below(&state, 10000));
    return out;
}

static struct one_rule rule_of(const struct rules *r, char family, uint32_t i)
{
    switch (family) {
    case 'a':
        return workload_rule(r, i);
    case 'b':
        return group_rule(r, i);
    case 'c':
        return feed_rule(r, i);
    case 'd':
        return range_rule(r, i);
    default:
        return rule_of(r, RULES_FAMILIES[i % 4], i / 4);
    }
}

static void print_address(const struct prefix *p, struct text *out)
{
    const uint8_t *o = p->address.octets;
    if (p->address.family == 4) {
        text_printf(out, "cidr:%u.%u.%u.%u/%u", o[0], o[1], o[2], o[3], p->length);
        return;
    }
    text_puts(out, "\"cidr:");
    for (unsigned i = 0; i < 16; i += 2)
        text_printf(out, "%s%x", i ? ":" : "", o[i] << 8 | o[i + 1]);
    text_printf(out, "/%u\"", p->length);
}

static void print_end(const struct one_end *e, struct text *out)
{
    if (e->kind == END_CIDR)
        print_address(&e->prefix, out);
    else if (e->kind == END_WORKLOAD)
        text_printf(out, "w%u", e->number);
    else
        text_printf(out, e->kind == END_LABEL ? "label:app=l%u" : "segment:s%u", e->number);
}

void rules_print(const struct rules *r, struct text *out)
{
    text_puts(out, "bulkhead: v1\nname: bench\nsegments:\n  hub: {kind: hub, cidr: [10.80.255.0/24, \"fd80:0:0:ffff::/64\"]");
    if (r->family == 'c') /* the one way in from the world */
        text_printf(out, ", uplink: {interface: uplink0, publish: {%u/tcp: w%u:%u}}", FEED_PORT, FEED_TARGET, FEED_PORT);
    text_puts(out, "}\n");
    for (uint32_t s = 0; s < r->segments; s++)
        text_printf(out, "  s%u: {cidr: [10.80.%u.0/24, \"fd80:0:0:%x::/64\"]}\n", s, s, s);
    text_puts(out, "workloads:\n");
    for (uint32_t w = 0; w < r->workloads; w++)
        text_printf(out, "  w%u: {segment: s%u, labels: {app: l%u}}\n", w, segment_of(r, w), label_of(r, w));
    text_puts(out, "rules:\n");
    for (uint32_t i = 0; i < r->rules; i++) {
        struct one_rule rule = rule_of(r, r->family, i);
        text_printf(out, "  - {name: r%u, %s: {from: ", i, rule.deny ? "deny" : "allow");
        print_end(&rule.from, out);
        text_puts(out, ", to: ");
        print_end(&rule.to, out);
        text_printf(out, rule.first == rule.last ? ", ports: %u/tcp}}\n" : ", ports: %u-%u/tcp}}\n", rule.first, rule.last);
    }
    text_puts(out, "refuse: drop\n");
}

/* A workload that the end selects, not workload 0; NONE: there is none. */
static uint32_t workload_in(const struct rules *r, const struct one_end *e, uint64_t *random)
{
    uint32_t start = below(random, r->workloads);
    for (uint32_t i = 0; i < r->workloads; i++) {
        uint32_t w = (start + i) % r->workloads;
        bool in = e->kind == END_WORKLOAD ? w == e->number : e->kind == END_LABEL ? label_of(r, w) == e->number : segment_of(r, w) == e->number;
        if (w && in)
            return w;
    }
    return NONE;
}

static bool is_source(const struct rules *r, const struct one_end *e, bool world)
{
    if (world || e->kind == END_CIDR)
        return world && e->kind == END_CIDR;
    return e->kind == END_WORKLOAD ? e->number == 0 : e->kind == END_LABEL ? label_of(r, 0) == e->number : segment_of(r, 0) == e->number;
}

static struct address address_of(const struct policy *p, uint32_t workload, int ip)
{
    const struct workload *w = &p->workloads[workload];
    for (uint32_t i = 0; i < w->address_count; i++)
        if (w->addresses[i].family == ip)
            return w->addresses[i];
    return (struct address){0};
}

struct rules_flow rules_draw(const struct rules *r, const struct policy *p, int ip, bool world, uint64_t *random)
{
    for (;;) {
        struct one_rule rule = rule_of(r, r->family, below(random, r->rules));
        uint32_t to = workload_in(r, &rule.to, random);
        if (rule.deny || to == NONE || !is_source(r, &rule.from, world))
            continue;
        struct rules_flow f = {.from_workload = world ? NONE : 0, .to_workload = to, .to = world ? *uplink_outer_address(p, (uint8_t)ip) : address_of(p, to, ip)};
        f.port = (uint16_t)(rule.first + below(random, (uint32_t)rule.last - rule.first + 1));
        if (f.from_workload != NONE) {
            f.from = address_of(p, f.from_workload, ip);
            return f;
        }
        if (rule.from.prefix.address.family != ip)
            continue;
        f.from = rule.from.prefix.address;
        for (unsigned bit = rule.from.prefix.length; bit < (ip == 4 ? 32u : 128u); bit++)
            f.from.octets[bit / 8] |= (uint8_t)((rules_random(random) & 1) << (7 - bit % 8));
        return f;
    }
}
