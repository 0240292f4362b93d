/* SPDX-License-Identifier: Apache-2.0 */
#include "waf/engine/incoming.h"

/* The first room that is made: most bodies come in one piece, or in pieces of some kilobytes. */
#define ROOM_LEAST 1024

/* Where what is kept may be written: it is of this file's making unless it is lent. */
static uint8_t *room_of(const struct incoming *i)
{
    return (uint8_t *)(uintptr_t)i->kept.at;
}

/* Room for `need` bytes, twice as much as before where there is that much. */
static bool grow(struct incoming *i, size_t need, struct arena *a)
{
    size_t capacity = i->capacity > SIZE_MAX / 2 ? SIZE_MAX : i->capacity * 2;
    if (capacity < need)
        capacity = need < ROOM_LEAST ? ROOM_LEAST : need;
    uint8_t *at = arena_alloc(a, capacity);
    if (!at && capacity > need)
        at = arena_alloc(a, capacity = need);
    if (!at)
        return false;
    if (i->kept.len)
        memcpy(at, i->kept.at, i->kept.len);
    i->kept.at = at;
    i->capacity = capacity;
    return true;
}

bool incoming_keep(struct incoming *i, struct bytes piece, bool lasts, struct arena *a)
{
    size_t need;
    if (!piece.len)
        return true;
    if (!i->kept.len && !i->capacity && lasts) {
        i->kept = piece;
        return true;
    }
    if (__builtin_add_overflow(i->kept.len, piece.len, &need) || (need > i->capacity && !grow(i, need, a)))
        return false;
    memcpy(room_of(i) + i->kept.len, piece.at, piece.len);
    i->kept.len = need;
    return true;
}

void incoming_drop(struct incoming *i, size_t count)
{
    struct bytes rest = bytes_slice(i->kept, count, i->kept.len);
    if (i->capacity && rest.len)
        memmove(room_of(i), rest.at, rest.len);
    i->kept = i->capacity ? bytes_of(i->kept.at, rest.len) : rest;
}
