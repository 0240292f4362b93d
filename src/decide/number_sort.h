/* SPDX-License-Identifier: Apache-2.0 */
/* Sorting by a number that is the first field of each item: many small sorts are most of a comparison's work.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* Stable. The items' first field is a uint32_t, at most `most`; `spare` has room for as many items. */
void number_sort(void *items, void *spare, size_t count, size_t size, uint32_t most);
