/* SPDX-License-Identifier: Apache-2.0 */
/* A body on its way: as much of it as is kept, in one piece. What its caller lends is kept without a copy, as long as it is all there is. */
#pragma once

#include "base/arena.h"
#include "base/bytes.h"

struct incoming {
    struct bytes kept;
    size_t capacity; /* 0: `kept` is lent */
};

/* The next bytes behind what is kept; `lasts`: they live as long as the arena. False when memory is out. */
bool incoming_keep(struct incoming *i, struct bytes piece, bool lasts, struct arena *a) MUST_USE;
/* Without the first `count` bytes that are kept. */
void incoming_drop(struct incoming *i, size_t count);
