/* SPDX-License-Identifier: Apache-2.0 */
#include "compile/place.h"

#include "bpf/abi.h"

#define KICKS_MAX 500
#define ATTEMPTS_MAX 8

static bool place_one(struct placement *p, uint32_t item, place_hash hash, uint32_t seed)
{
    uint32_t ways = (uint32_t)(LINE_BYTES / p->size);
    uint32_t from_line = UINT32_MAX;
    for (unsigned kick = 0; kick < KICKS_MAX; kick++) {
        struct image_hash_place at = hash((const uint8_t *)p->items + item * p->size, p->mask, seed);
        for (int choice = 0; choice < 2; choice++)
            for (uint32_t way = 0; way < ways; way++) {
                uint32_t *slot = &p->slots[at.line[choice] * ways + way];
                if (!*slot) {
                    *slot = item + 1;
                    return true;
                }
            }
        /* Put out one of those that stand there, not back to where the item was put out from. */
        uint32_t line = at.line[0] == from_line ? at.line[1] : at.line[0];
        uint32_t *slot = &p->slots[line * ways + image_hash_mix((uint64_t)kick << 32 | item) % ways]; /* no cycle lasts */
        uint32_t out = *slot - 1;
        *slot = item + 1;
        item = out;
        from_line = line;
    }
    return false;
}

bool place_items(struct arena *arena, const void *items, size_t count, size_t size, place_hash hash, uint32_t seed, struct placement *ret)
{
    size_t ways = LINE_BYTES / size;
    if (count > UINT32_MAX / 4)
        return false;
    size_t lines = placement_lines_least(count, size);
    for (int attempt = 0; attempt < ATTEMPTS_MAX; attempt++, lines *= 2) {
        *ret = (struct placement){.items = items, .count = count, .size = size, .mask = (uint32_t)(lines - 1)};
        ret->slots = arena_array(arena, lines * ways, sizeof *ret->slots);
        if (!ret->slots)
            return false;
        size_t placed = 0;
        while (placed < count && place_one(ret, (uint32_t)placed, hash, seed))
            placed++;
        if (placed == count)
            return true;
    }
    return false;
}

void placement_write(const struct placement *p, uint8_t *lines)
{
    size_t ways = LINE_BYTES / p->size;
    for (size_t slot = 0; slot < placement_lines(p) * ways; slot++)
        if (p->slots[slot])
            memcpy(lines + slot * p->size, (const uint8_t *)p->items + (p->slots[slot] - 1) * p->size, p->size);
}
