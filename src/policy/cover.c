/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/cover.h"

/* Workloads with a label that are looked at, at most. */
#define HOLDERS_MAX 64

/* What address_is_unicast() excludes, as ranges. */
static const struct prefix special[] = {{{4, {0}}, 8}, {{4, {127}}, 8}, {{4, {169, 254}}, 16}, {{4, {224}}, 4}, {{4, {255, 255, 255, 255}}, 32},
    {{6, {0}}, 127}, {{6, {[10] = 0xff, [11] = 0xff}}, 96}, {{6, {0xfe, 0x80}}, 10}, {{6, {0xff}}, 8}};

bool prefix_is_special(const struct prefix *p)
{
    for (size_t i = 0; i < sizeof special / sizeof *special; i++)
        if (prefix_covers(&special[i], p))
            return true;
    return false;
}

bool prefix_holds_special(const struct prefix *p)
{
    for (size_t i = 0; i < sizeof special / sizeof *special; i++)
        if (prefix_overlaps(&special[i], p))
            return true;
    return false;
}

uint32_t selector_id(const struct suspecting *s, const struct selector *of)
{
    switch (of->kind) {
    case SELECT_WORKLOAD:
        return of->index;
    case SELECT_SEGMENT:
        return s->p->workload_count + of->index;
    case SELECT_LABEL:
        return s->p->workload_count + s->p->segment_count + of->index;
    case SELECT_ANY:
        return any_id(s);
    case SELECT_WORLD:
        return any_id(s) + 1;
    case SELECT_CIDR:
        break;
    }
    return NONE;
}

uint32_t any_id(const struct suspecting *s)
{
    return s->id_count - 2;
}

const struct label_use *selector_label(const struct suspecting *s, const struct selector *of)
{
    return (const struct label_use *)s->r->labels.items + of->index;
}

static bool prefix_covers_all(const struct prefix *outer, const struct address *addresses, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        if (!prefix_contains(outer, &addresses[i]))
            return false;
    return count > 0;
}

static bool prefix_covers_segment(const struct prefix *outer, const struct segment *segment)
{
    for (uint32_t i = 0; i < segment->cidr_count; i++)
        if (!prefix_covers(outer, &segment->cidrs[i]))
            return false;
    return true;
}

static bool segment_covers_prefix(const struct segment *segment, const struct prefix *inner)
{
    for (uint32_t i = 0; i < segment->cidr_count && i < HOLDERS_MAX; i++)
        if (prefix_covers(&segment->cidrs[i], inner))
            return true;
    return false;
}

static bool covers_workload(const struct suspecting *s, const struct selector *outer, uint32_t workload)
{
    const struct workload *w = &s->p->workloads[workload];
    switch (outer->kind) {
    case SELECT_WORKLOAD:
        return outer->index == workload;
    case SELECT_SEGMENT:
        return outer->index == w->segment;
    case SELECT_LABEL:
        return workload_has_label(w, outer->key, outer->value);
    case SELECT_CIDR:
        return prefix_covers_all(&outer->prefix, w->addresses, w->address_count);
    default:
        return outer->kind == SELECT_ANY;
    }
}

static bool covers_label(const struct suspecting *s, const struct selector *outer, const struct selector *inner)
{
    const struct label_use *use = selector_label(s, inner);
    if (outer->kind == SELECT_LABEL && outer->index == inner->index)
        return true;
    if (use->workload_count == 0 || use->workload_count > HOLDERS_MAX)
        return false;
    for (uint32_t i = 0; i < use->workload_count; i++)
        if (!covers_workload(s, outer, use->workloads[i]))
            return false;
    return true;
}

bool selector_covers(const struct suspecting *s, const struct selector *outer, const struct selector *inner)
{
    if (outer->kind == SELECT_ANY)
        return true;
    switch (inner->kind) {
    case SELECT_WORKLOAD:
        return covers_workload(s, outer, inner->index);
    case SELECT_LABEL:
        return covers_label(s, outer, inner);
    case SELECT_SEGMENT:
        return (outer->kind == SELECT_SEGMENT && outer->index == inner->index) ||
               (outer->kind == SELECT_CIDR && prefix_covers_segment(&outer->prefix, &s->p->segments[inner->index]));
    case SELECT_CIDR:
        return (outer->kind == SELECT_CIDR && prefix_covers(&outer->prefix, &inner->prefix)) ||
               (outer->kind == SELECT_SEGMENT && segment_covers_prefix(&s->p->segments[outer->index], &inner->prefix));
    case SELECT_WORLD:
        return outer->kind == SELECT_WORLD;
    case SELECT_ANY:
        break;
    }
    return false;
}
