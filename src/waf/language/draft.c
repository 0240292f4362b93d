/* SPDX-License-Identifier: Apache-2.0 */
#include "waf/language/draft.h"

void *draft_add(struct draft *d, void **items, size_t *count, size_t *capacity, size_t size)
{
    void *moved = *count < UINT32_MAX - 1 ? arena_grow(d->arena, *items, *count, capacity, size) : NULL;
    if (!moved) {
        d->failed = true;
        return NULL;
    }
    *items = moved;
    uint8_t *entry = (uint8_t *)moved + *count * size;
    memset(entry, 0, size);
    (*count)++;
    return entry;
}

struct waf_text draft_text(struct draft *d, struct bytes text)
{
    size_t need;
    if (__builtin_add_overflow(d->texts.count, text.len, &need) || need >= UINT32_MAX) {
        d->failed = true;
        return (struct waf_text){0};
    }
    if (need > d->texts.capacity) {
        size_t capacity = d->texts.capacity ? d->texts.capacity : 4096;
        while (capacity < need)
            capacity *= 2;
        uint8_t *moved = arena_alloc(d->arena, capacity);
        if (!moved) {
            d->failed = true;
            return (struct waf_text){0};
        }
        if (d->texts.count)
            memcpy(moved, d->texts.items, d->texts.count);
        d->texts.items = moved;
        d->texts.capacity = capacity;
    }
    if (text.len)
        memcpy(d->texts.items + d->texts.count, text.at, text.len);
    struct waf_text made = {(uint32_t)d->texts.count, (uint32_t)text.len};
    d->texts.count = need;
    return made;
}
