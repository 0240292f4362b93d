/* SPDX-License-Identifier: Apache-2.0 */
#include "decide/pairs.h"

#include <netinet/in.h>
#include <stdlib.h>

/* What makes a pair: compared octet for octet, so it has no padding that is not zero. */
struct key {
    struct key_party {
        uint32_t workload;
        uint8_t world, family, octets[16], zero[2];
    } from, to;
    uint32_t rule;
    uint16_t port;
    uint8_t protocol, reason, earlier, zero[3];
};
_Static_assert(sizeof(struct key) == 60, "the key has padding");

struct entry {
    struct key key;
    struct pair pair;
};

struct pairs pairs_new(const struct policy *p, struct arena *a, uint64_t seed, size_t most, bool addresses)
{
    return (struct pairs){.policy = p, .arena = a, .table = table_new(a, seed), .most = most, .addresses = addresses};
}

/* `whole`: also what is of the world is told by its address. */
static struct party party_of(const struct policy *p, const struct address *a, bool whole)
{
    struct party party = {.workload = policy_workload_of(p, a)};
    party.world = !whole && party.workload == NONE && address_is_unicast(a) && policy_segment_of(p, a) == NONE;
    if (party.workload == NONE && !party.world)
        party.address = *a;
    return party;
}

static struct key_party key_of(const struct party *p)
{
    struct key_party k = {.workload = p->workload, .world = p->world, .family = p->address.family};
    memcpy(k.octets, p->address.octets, sizeof k.octets);
    return k;
}

/* A spoofed source is whatever its sender made of it: it names nobody of the world. */
static struct pair pair_of(const struct pairs *p, const struct sighting *s)
{
    const struct flow *f = &s->flow;
    struct pair pair = {
        .from = party_of(p->policy, &f->from, p->addresses || s->reason == REASON_SPOOFED_SOURCE),
        .to = party_of(p->policy, &f->to, p->addresses),
        .service = {.from.family = f->from.family, .protocol = f->protocol, .port = protocol_has_ports(f->protocol) ? f->port : 0},
        .earlier = s->earlier,
        .reason = s->reason,
        .rule = s->earlier || s->rule >= p->policy->rule_count ? NONE : s->rule,
        .idle = UINT64_MAX,
    };
    if (protocol_is_icmp(f->from.family, f->protocol)) {
        pair.service.protocol = IPPROTO_ICMP;
        pair.service.from.family = 4;
    }
    return pair;
}

static struct pair *find_or_make(struct pairs *p, const struct pair *wanted)
{
    struct key key = {.from = key_of(&wanted->from), .to = key_of(&wanted->to), .rule = wanted->rule, .port = wanted->service.port,
        .protocol = wanted->service.protocol, .reason = wanted->reason, .earlier = wanted->earlier};
    const uint64_t *index = table_get(&p->table, bytes_of(&key, sizeof key));
    if (index)
        return p->items[*index];
    struct pair **items = p->count < p->most ? arena_grow(p->arena, p->items, p->count, &p->capacity, sizeof(struct pair *)) : NULL;
    struct entry *e = items ? arena_alloc(p->arena, sizeof *e) : NULL;
    if (items)
        p->items = items;
    if (!e)
        return NULL;
    *e = (struct entry){.key = key, .pair = *wanted};
    if (!table_put(&p->table, bytes_of(&e->key, sizeof e->key), p->count, NULL))
        return NULL;
    items[p->count++] = &e->pair;
    return &e->pair;
}

void pairs_add(struct pairs *p, const struct sighting *s)
{
    struct pair wanted = pair_of(p, s);
    struct pair *pair = find_or_make(p, &wanted);
    p->counts[s->kind]++;
    if (!pair) {
        p->beyond++;
        return;
    }
    pair->counts[s->kind]++;
    if (s->idle < pair->idle)
        pair->idle = s->idle;
}

uint64_t pair_total(const struct pair *p)
{
    uint64_t total = 0;
    for (int i = 0; i < PAIR_KINDS; i++)
        total += p->counts[i];
    return total;
}

static int compare_parties(const struct party *a, const struct party *b)
{
    if (a->workload != b->workload)
        return a->workload < b->workload ? -1 : 1;
    if (a->world != b->world)
        return a->world ? -1 : 1;
    return address_compare(&a->address, &b->address);
}

/* In the order of what they are, where they are as busy: by the policy's file. */
static int compare_kinds(const struct pair *a, const struct pair *b)
{
    int from = compare_parties(&a->from, &b->from), to = compare_parties(&a->to, &b->to);
    if (from || to)
        return from ? from : to;
    const uint64_t x[] = {a->service.protocol, a->service.port, a->reason, a->rule, a->earlier};
    const uint64_t y[] = {b->service.protocol, b->service.port, b->reason, b->rule, b->earlier};
    for (size_t i = 0; i < sizeof x / sizeof x[0]; i++)
        if (x[i] != y[i])
            return x[i] < y[i] ? -1 : 1;
    return 0;
}

static int compare(const void *left, const void *right)
{
    const struct pair *a = *(struct pair *const *)left, *b = *(struct pair *const *)right;
    uint64_t x = pair_total(a), y = pair_total(b);
    if (x != y)
        return x > y ? -1 : 1;
    if (a->idle != b->idle)
        return a->idle < b->idle ? -1 : 1;
    return compare_kinds(a, b);
}

void pairs_sort(struct pairs *p)
{
    if (p->count)
        qsort(p->items, p->count, sizeof(struct pair *), compare);
}

void party_print(const struct policy *p, const struct party *party, struct text *out)
{
    char address[ADDRESS_TEXT_MAX];
    if (party->workload != NONE)
        text_puts(out, p->workloads[party->workload].name);
    else
        text_puts(out, party->world ? "world" : address_print(&party->address, address));
}
