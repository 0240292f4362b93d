/* SPDX-License-Identifier: Apache-2.0 */
#include "compile/groups.h"

#include <stdlib.h>

struct grouped_rule {
    uint64_t ends; /* from end << 32 | to end */
    uint32_t rule;
};

static int compare_grouped(const void *a, const void *b)
{
    const struct grouped_rule *x = a, *y = b;
    if (x->ends != y->ends)
        return x->ends < y->ends ? -1 : 1;
    return x->rule < y->rule ? -1 : x->rule > y->rule;
}

static int compare_rules(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

void rules_sort(uint32_t *rules, size_t count)
{
    qsort(rules, count, sizeof *rules, compare_rules);
}

bool groups_find(const struct policy *p, const struct classes *k, struct arena *arena, struct groups *ret)
{
    struct grouped_rule *sorted = arena_array(arena, p->rule_count, sizeof *sorted);
    struct groups g = {.rules = arena_array(arena, p->rule_count, sizeof *g.rules), .items = arena_array(arena, p->rule_count, sizeof *g.items)};
    if (!sorted || !g.rules || !g.items)
        return false;
    for (uint32_t r = 0; r < p->rule_count; r++)
        sorted[r] = (struct grouped_rule){(uint64_t)k->from_ends.of_rule[r] << 32 | k->to_ends.of_rule[r], r};
    qsort(sorted, p->rule_count, sizeof *sorted, compare_grouped);
    for (uint32_t i = 0; i < p->rule_count; i++) {
        if (i == 0 || sorted[i].ends != sorted[i - 1].ends)
            g.items[g.count++] = (struct group){(uint32_t)(sorted[i].ends >> 32), (uint32_t)sorted[i].ends, i, 0};
        g.items[g.count - 1].count++;
        g.rules[i] = sorted[i].rule;
    }
    *ret = g;
    return true;
}

uint64_t groups_cells(const struct groups *g, const struct classes *k, size_t *ret_worst)
{
    uint64_t total = 0, most = 0;
    *ret_worst = 0;
    for (size_t i = 0; i < g->count; i++) {
        uint64_t product = (uint64_t)class_count(&k->from, g->items[i].from_end) * class_count(&k->to, g->items[i].to_end);
        if (product > most) {
            most = product;
            *ret_worst = i;
        }
        if (__builtin_add_overflow(total, product, &total))
            total = UINT64_MAX;
    }
    return total;
}
