/* SPDX-License-Identifier: Apache-2.0 */
#include "compile/ports.h"

#include <netinet/in.h>
#include <stdlib.h>

#include "policy/condition.h"

/* What a rule is once its condition has been looked at. */
enum rule_kind {
    KIND_DENY,    /* enforced */
    KIND_TRIED,   /* a deny that is only observed */
    KIND_ALLOW,
    KIND_HEAPS,   /* the number of the above, each of which has a heap */
    KIND_TIMED = KIND_HEAPS,
    KIND_NEVER,   /* its condition never lets it match */
};

#define HORIZON_SECONDS 86400
#define NANOSECONDS 1000000000

/* A rule's entry begins or ends to hold at a port key. */
struct boundary {
    uint32_t key;
    uint32_t rule;
    bool begins;
};

static struct facts facts_at(const struct policy *p, int64_t now)
{
    return (struct facts){.now = now, .zone = p->zone};
}

static uint8_t kind_of(const struct policy *p, const struct rule *r, int64_t now)
{
    uint8_t plain = r->allow ? KIND_ALLOW : r->observe ? KIND_TRIED : KIND_DENY;
    if (!r->when)
        return plain;
    if (condition_depends_on_time(r->when))
        return KIND_TIMED;
    struct facts facts = facts_at(p, now);
    enum truth t = condition_evaluate(r->when, &facts);
    if (t == TRUTH_TRUE || (t == TRUTH_UNKNOWN && !r->allow))
        return plain;
    return KIND_NEVER;
}

bool port_tables_begin(struct port_tables *t, const struct policy *p, int64_t compiled, int64_t tai_offset_ns, uint64_t seed, struct arena *arena)
{
    *t = (struct port_tables){
        .policy = p, .arena = arena, .compiled = compiled, .tai_offset_ns = tai_offset_ns, .until = compiled + HORIZON_SECONDS};
    t->known_spans = table_new(arena, seed ^ 0x7370616e);
    t->kinds = arena_array(arena, p->rule_count, sizeof *t->kinds);
    t->active = arena_array(arena, p->rule_count, sizeof *t->active);
    if (!t->kinds || !t->active || !timelines_begin(&t->timelines, p, compiled, compiled + HORIZON_SECONDS, arena))
        return false;
    for (uint32_t r = 0; r < p->rule_count; r++)
        t->kinds[r] = kind_of(p, &p->rules[r], compiled);
    return true;
}

void port_keys(const struct ports *p, uint32_t *ret_first, uint32_t *ret_end)
{
    uint32_t base;
    switch (p->protocol) {
    case PORTS_ANY:
        *ret_first = 0;
        *ret_end = PORT_KEY_END;
        return;
    case PORTS_ICMP:
        *ret_first = PORT_KEY_ICMP;
        *ret_end = PORT_KEY_ICMP + 1;
        return;
    case IPPROTO_TCP:
        base = PORT_KEY_TCP;
        break;
    case IPPROTO_UDP:
        base = PORT_KEY_UDP;
        break;
    default:
        base = PORT_KEY_SCTP;
        break;
    }
    *ret_first = base + p->first;
    *ret_end = base + p->last + 1;
}

static int compare_boundaries(const void *a, const void *b)
{
    const struct boundary *x = a, *y = b;
    return x->key < y->key ? -1 : x->key > y->key;
}

/* A list of ports may hold an entry twice: count, so that the first end does not end the second. */
static bool collect_boundaries(struct port_tables *t, const uint32_t *rules, size_t count, size_t *ret_count)
{
    size_t need = 0;
    for (size_t i = 0; i < count; i++)
        if (t->kinds[rules[i]] != KIND_NEVER)
            need += 2 * (size_t)t->policy->rules[rules[i]].port_count;
    if (need > t->boundary_capacity) {
        size_t capacity = need * 2;
        t->boundaries = arena_array(t->arena, capacity, sizeof *t->boundaries);
        if (!t->boundaries)
            return false;
        t->boundary_capacity = capacity;
    }
    size_t n = 0;
    for (size_t i = 0; i < count; i++) {
        const struct rule *r = &t->policy->rules[rules[i]];
        if (t->kinds[rules[i]] == KIND_NEVER)
            continue;
        for (uint32_t k = 0; k < r->port_count; k++) {
            uint32_t first, end;
            port_keys(&r->ports[k], &first, &end);
            t->boundaries[n++] = (struct boundary){first, rules[i], true};
            t->boundaries[n++] = (struct boundary){end, rules[i], false};
        }
    }
    if (n)
        qsort(t->boundaries, n, sizeof *t->boundaries, compare_boundaries);
    *ret_count = n;
    return true;
}

static bool heap_push(struct port_tables *t, struct rule_heap *h, uint32_t rule)
{
    uint32_t *items = arena_grow(t->arena, h->items, h->count, &h->capacity, sizeof *items);
    if (!items)
        return false;
    h->items = items;
    size_t at = h->count++;
    for (; at > 0 && items[(at - 1) / 2] > rule; at = (at - 1) / 2)
        items[at] = items[(at - 1) / 2];
    items[at] = rule;
    return true;
}

static void heap_pop(struct rule_heap *h)
{
    uint32_t last = h->items[--h->count];
    size_t at = 0;
    for (;;) {
        size_t child = 2 * at + 1;
        if (child >= h->count)
            break;
        if (child + 1 < h->count && h->items[child + 1] < h->items[child])
            child++;
        if (h->items[child] >= last)
            break;
        h->items[at] = h->items[child];
        at = child;
    }
    if (h->count)
        h->items[at] = last;
}

/* The first rule of the heap that still holds, or NO_RULE. */
static uint32_t heap_top(const struct port_tables *t, struct rule_heap *h)
{
    while (h->count && !t->active[h->items[0]])
        heap_pop(h);
    return h->count ? h->items[0] : NO_RULE;
}

/* Rules by kind -> verdict: the one place in this room that knows what wins. */
static uint32_t combine(uint32_t deny, uint32_t tried, uint32_t allow)
{
    if (deny != NO_RULE)
        return deny;
    if (allow == NO_RULE)
        return NO_RULE;
    return tried != NO_RULE ? VERDICT_TRIED | tried : VERDICT_ALLOW | allow;
}

static void take_first(uint32_t *first, uint32_t rule)
{
    if (*first == NO_RULE || rule < *first)
        *first = rule;
}

/* The verdict at one moment, timed rules included, and until when none of them changes. False when memory is out. */
static bool verdict_at(struct port_tables *t, const uint32_t plain[KIND_HEAPS], int64_t now, uint32_t *ret, int64_t *ret_until)
{
    uint32_t first[KIND_HEAPS] = {plain[KIND_DENY], plain[KIND_TRIED], plain[KIND_ALLOW]};
    *ret_until = t->timelines.end;
    for (size_t i = 0; i < t->timed_count; i++) {
        const struct rule *r = &t->policy->rules[t->timed[i]];
        bool holds;
        int64_t next;
        if (!timelines_at(&t->timelines, t->timed[i], now, &holds, &next))
            return false;
        if (holds)
            take_first(&first[r->allow ? KIND_ALLOW : r->observe ? KIND_TRIED : KIND_DENY], t->timed[i]);
        if (next < *ret_until)
            *ret_until = next;
    }
    *ret = combine(first[KIND_DENY], first[KIND_TRIED], first[KIND_ALLOW]);
    return true;
}

/* The verdict at `now`, and when it is another one. False when memory is out. */
static bool span_from(struct port_tables *t, const uint32_t plain[KIND_HEAPS], int64_t now, uint32_t *ret, int64_t *ret_until)
{
    if (!verdict_at(t, plain, now, ret, ret_until))
        return false;
    while (*ret_until < t->timelines.end) {
        uint32_t next;
        int64_t behind;
        if (!verdict_at(t, plain, *ret_until, &next, &behind))
            return false;
        if (next != *ret)
            break;
        *ret_until = behind;
    }
    return true;
}

static bool spans_of(struct port_tables *t, const uint32_t plain[KIND_HEAPS], struct span_list *ret)
{
    size_t count = 0;
    int64_t now = t->compiled;
    for (int64_t until; now < t->timelines.end && count < IMAGE_SPANS; now = until) {
        uint32_t verdict;
        if (!span_from(t, plain, now, &verdict, &until))
            return false;
        ret->spans[count++] = (struct image_span){.until = (uint64_t)(until * NANOSECONDS + t->tai_offset_ns), .verdict = verdict};
    }
    if (now < t->until)
        t->until = now;
    return true;
}

/* A verdict that changes: the number of its span list, equal ones shared. */
static bool timed_verdict(struct port_tables *t, const uint32_t plain[KIND_HEAPS], uint32_t *ret)
{
    struct span_list *list = arena_alloc(t->arena, sizeof *list);
    if (!list || !spans_of(t, plain, list))
        return false;
    bool fresh;
    uint64_t *number = table_put(&t->known_spans, bytes_of(list, sizeof *list), t->span_count, &fresh);
    if (!number)
        return false;
    if (fresh) {
        struct span_list *grown = arena_grow(t->arena, t->spans, t->span_count, &t->span_capacity, sizeof *grown);
        if (!grown)
            return false;
        t->spans = grown;
        grown[t->span_count++] = *list;
    }
    *ret = VERDICT_TIMED | (uint32_t)*number;
    return true;
}

static bool boundary_apply(struct port_tables *t, const struct boundary *b)
{
    uint8_t kind = t->kinds[b->rule];
    if (b->begins) {
        if (t->active[b->rule]++)
            return true;
        if (kind != KIND_TIMED)
            return heap_push(t, &t->heaps[kind], b->rule);
        uint32_t *timed = arena_grow(t->arena, t->timed, t->timed_count, &t->timed_capacity, sizeof *timed);
        if (!timed)
            return false;
        t->timed = timed;
        timed[t->timed_count++] = b->rule;
        return true;
    }
    if (--t->active[b->rule] || kind != KIND_TIMED)
        return true;
    for (size_t i = 0; i < t->timed_count; i++)
        if (t->timed[i] == b->rule) {
            t->timed[i] = t->timed[--t->timed_count];
            break;
        }
    return true;
}

static bool interval_add(struct port_tables *t, struct interval_list *list, uint32_t key)
{
    uint32_t plain[KIND_HEAPS];
    for (int k = 0; k < KIND_HEAPS; k++)
        plain[k] = heap_top(t, &t->heaps[k]);
    uint32_t verdict = combine(plain[KIND_DENY], plain[KIND_TRIED], plain[KIND_ALLOW]);
    if (t->timed_count && !timed_verdict(t, plain, &verdict))
        return false;
    if (list->count && t->intervals[list->first + list->count - 1].verdict == verdict)
        return true;
    struct image_interval *grown = arena_grow(t->arena, t->intervals, t->interval_count, &t->interval_capacity, sizeof *grown);
    if (!grown)
        return false;
    t->intervals = grown;
    grown[t->interval_count++] = (struct image_interval){key, verdict};
    list->count++;
    return true;
}

bool port_tables_add(struct port_tables *t, const uint32_t *rules, size_t count, struct interval_list *ret)
{
    size_t boundaries;
    if (!collect_boundaries(t, rules, count, &boundaries))
        return false;
    for (int k = 0; k < KIND_HEAPS; k++)
        t->heaps[k].count = 0;
    t->timed_count = 0;
    if (t->interval_count > UINT32_MAX / 2)
        return false;
    struct interval_list list = {.first = (uint32_t)t->interval_count};
    if ((boundaries == 0 || t->boundaries[0].key > 0) && !interval_add(t, &list, 0))
        return false;
    for (size_t i = 0; i < boundaries;) {
        uint32_t key = t->boundaries[i].key;
        for (; i < boundaries && t->boundaries[i].key == key; i++)
            if (!boundary_apply(t, &t->boundaries[i]))
                return false;
        if (key < PORT_KEY_END && !interval_add(t, &list, key))
            return false;
    }
    *ret = list;
    return true;
}
