/* SPDX-License-Identifier: Apache-2.0 */
/* How many hold a thing that threads share, which whoever lets go of it last frees. */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>

struct owners {
    atomic_size_t count;
};

/* Whoever makes it holds it. */
static inline void owners_begin(struct owners *o)
{
    atomic_init(&o->count, 1);
}

/* By who holds it already, so that it is there. */
static inline void owners_add(struct owners *o)
{
    atomic_fetch_add_explicit(&o->count, 1, memory_order_relaxed);
}

/* True: nobody else holds it, and all that they did to it has been done. */
static inline bool owners_leave(struct owners *o)
{
    return atomic_fetch_sub_explicit(&o->count, 1, memory_order_acq_rel) == 1;
}
