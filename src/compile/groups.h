/* SPDX-License-Identifier: Apache-2.0 */
/* Rules by their two ends: what has the same ends holds between the same classes. */
#pragma once

#include "compile/classes.h"

/* Rules with the same two ends. */
struct group {
    uint32_t from_end, to_end;
    size_t first, count; /* in the list of rules */
};

struct groups {
    uint32_t *rules; /* all rules, group by group, ascending within one */
    struct group *items; /* by from end, then by to end */
    size_t count;
};

/* False when memory is out. */
bool groups_find(const struct policy *p, const struct classes *k, struct arena *arena, struct groups *ret) MUST_USE;

static inline uint32_t class_count(const struct class_set *s, uint32_t end)
{
    return s->first_of_end[end + 1] - s->first_of_end[end];
}

/* Those of several groups into the order of the file. */
void rules_sort(uint32_t *rules, size_t count);

/* Cells (from class, to class, group) of all groups, UINT64_MAX when there are more; `ret_worst`: the group that has the most. */
uint64_t groups_cells(const struct groups *g, const struct classes *k, size_t *ret_worst);
