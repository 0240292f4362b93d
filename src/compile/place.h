/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two-choice hash tables of 64-byte lines (cuckoo hashing, Pagh and Rodler 2001, with buckets): every key stands in
 * one of two lines, so that a look-up reads at most two, whatever the size.
 */
#pragma once

#include "base/arena.h"
#include "bpf/abi.h"
#include "bpf/image_hash.h"

struct placement {
    const void *items; /* `count` entries of `size` bytes, as they will stand in the lines */
    size_t count, size; /* size: 16 or 32 */
    uint32_t mask;     /* lines - 1 */
    uint32_t *slots;   /* for each slot of the lines: number of the item + 1, 0: free */
};

typedef struct image_hash_place (*place_hash)(const void *item, uint32_t mask, uint32_t seed);

/* Lines that `count` entries of `size` bytes take at the least; nearly always as many. */
static inline uint64_t placement_lines_least(uint64_t count, uint64_t size)
{
    uint64_t lines = 1;
    while (lines * (LINE_BYTES / size) * 3 < count * 4)
        lines *= 2;
    return lines;
}

/* False when memory is out. */
bool place_items(struct arena *arena, const void *items, size_t count, size_t size, place_hash hash, uint32_t seed, struct placement *ret) MUST_USE;
static inline uint64_t placement_lines(const struct placement *p)
{
    return (uint64_t)p->mask + 1;
}
void placement_write(const struct placement *p, uint8_t *lines);
