/* SPDX-License-Identifier: Apache-2.0 */
/* Sorting by a number that is the first field of each item: many small sorts are most of a comparison's work.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* Whether items of the size are copied without a call. Those of every caller are, which says so where it sorts. */
#define NUMBER_SORT_QUICK(size) ((size) == 4 || (size) == 12 || (size) == 16 || (size) == 24)

/* Stable. The items' first field is a uint32_t, at most `most`; `spare` has room for as many items. */
void number_sort(void *items, void *spare, size_t count, size_t size, uint32_t most);
