/* SPDX-License-Identifier: Apache-2.0 */
#include "decide/ranges.h"

#include <stdlib.h>

bool range_list_add(struct range_list *l, uint32_t first, uint32_t last)
{
    if (l->count && l->items[l->count - 1].last + 1 == first) {
        l->items[l->count - 1].last = last;
        return true;
    }
    struct range *grown = arena_grow(l->arena, l->items, l->count, &l->capacity, sizeof *grown);
    if (!grown)
        return false;
    l->items = grown;
    l->items[l->count++] = (struct range){first, last};
    return true;
}

static int compare_ranges(const void *a, const void *b)
{
    const struct range *x = a, *y = b;
    return (x->first > y->first) - (x->first < y->first);
}

void range_list_normalize(struct range_list *l)
{
    bool sorted = true;
    for (size_t i = 1; i < l->count && sorted; i++)
        sorted = l->items[i - 1].first <= l->items[i].first;
    if (!sorted)
        qsort(l->items, l->count, sizeof *l->items, compare_ranges);
    size_t kept = 0;
    for (size_t i = 0; i < l->count; i++) {
        struct range r = l->items[i], *before = kept ? &l->items[kept - 1] : NULL;
        if (before && (uint64_t)r.first <= (uint64_t)before->last + 1)
            before->last = r.last > before->last ? r.last : before->last;
        else
            l->items[kept++] = r;
    }
    l->count = kept;
}

bool ranges_subtract(struct ranges a, struct ranges b, struct range_list *out)
{
    size_t k = 0;
    for (size_t i = 0; i < a.count; i++) {
        uint64_t at = a.items[i].first, last = a.items[i].last;
        while (k < b.count && b.items[k].last < at)
            k++;
        for (size_t j = k; at <= last; j++) {
            if (j == b.count || b.items[j].first > last) {
                if (!range_list_add(out, (uint32_t)at, (uint32_t)last))
                    return false;
                break;
            }
            if (b.items[j].first > at && !range_list_add(out, (uint32_t)at, b.items[j].first - 1))
                return false;
            at = (uint64_t)b.items[j].last + 1;
        }
    }
    return true;
}

bool ranges_intersect(struct ranges a, struct ranges b, struct range_list *out)
{
    for (size_t i = 0, k = 0; i < a.count && k < b.count;) {
        const struct range *x = &a.items[i], *y = &b.items[k];
        uint32_t first = x->first > y->first ? x->first : y->first,
                 last = x->last < y->last ? x->last : y->last;
        if (first <= last && !range_list_add(out, first, last))
            return false;
        if (x->last < y->last)
            i++;
        else
            k++;
    }
    return true;
}

/* The first range that ends at the number or behind it. */
static size_t range_from(struct ranges r, uint32_t number)
{
    size_t low = 0, high = r.count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (r.items[middle].last < number)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

bool ranges_overlap(struct ranges a, struct ranges b)
{
    for (size_t i = 0; i < a.count; i++) {
        size_t k = range_from(b, a.items[i].first);
        if (k < b.count && b.items[k].first <= a.items[i].last)
            return true;
    }
    return false;
}

bool range_table_new(struct arena *a, uint64_t seed, struct range_table *ret)
{
    struct range_table t = {.arena = a, .known = table_new(a, seed)};
    uint32_t empty;
    if (!range_table_put(&t, (struct ranges){0}, &empty))
        return false;
    *ret = t;
    return true;
}

uint32_t range_table_get(const struct range_table *t, struct ranges r)
{
    const uint64_t *known = table_get(&t->known, bytes_of(r.items, r.count * sizeof *r.items));
    return known ? (uint32_t)*known : UINT32_MAX;
}

bool range_table_put(struct range_table *t, struct ranges r, uint32_t *ret)
{
    size_t size = r.count * sizeof *r.items;
    *ret = range_table_get(t, r);
    if (*ret != UINT32_MAX)
        return true;
    struct ranges *grown = arena_grow(t->arena, t->items, t->count, &t->capacity, sizeof *grown);
    struct range *copy = arena_array(t->arena, r.count, sizeof *copy);
    if (!grown || !copy)
        return false;
    if (size)
        memcpy(copy, r.items, size);
    t->items = grown;
    if (!table_put(&t->known, bytes_of(copy, size), t->count, NULL))
        return false;
    *ret = (uint32_t)t->count;
    t->items[t->count++] = (struct ranges){copy, r.count};
    return true;
}
