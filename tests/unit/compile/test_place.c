/* SPDX-License-Identifier: Apache-2.0 */
/* Placing: every item stands in one of its two lines, once, at any number of items; what cannot be placed is refused. */
#include "compile/place.h"

#include <stdlib.h>

#include "../base/check.h"
#include "bpf/abi.h"

struct small {
    uint32_t a, b, c, d;
};
struct large {
    uint32_t a[4], b, c, d, e;
};

static struct image_hash_place hash_small(const void *item, uint32_t mask, uint32_t seed)
{
    const struct small *s = item;
    return image_hash_v4(0, mask, seed, s->a, s->b);
}

static struct image_hash_place hash_large(const void *item, uint32_t mask, uint32_t seed)
{
    const struct large *s = item;
    return image_hash_v6(0, mask, seed, s->a, s->b);
}

static struct image_hash_place hash_nothing(const void *item, uint32_t mask, uint32_t seed)
{
    return (struct image_hash_place){{mask / 2, mask / 2}};
}

static void check(const void *items, size_t count, size_t size, place_hash hash, uint32_t seed)
{
    struct arena *arena = arena_create((size_t)256 << 20);
    struct placement p;
    size_t ways = LINE_BYTES / size;
    if (!place_items(arena, items, count, size, hash, seed, &p))
        fail_msg("%zu items of %zu, seed %u: no place", count, size, seed);
    size_t lines = placement_lines(&p);
    assert_int_equal(lines & (lines - 1), 0);
    if (count > 8)
        assert_true(lines * ways < count * 6); /* not a waste either */
    uint8_t *written = calloc(lines, LINE_BYTES), *seen = calloc(count + 1, 1);
    placement_write(&p, written);
    size_t placed = 0;
    for (size_t slot = 0; slot < lines * ways; slot++) {
        uint32_t item = p.slots[slot];
        if (!item)
            continue;
        assert_true(item <= count && !seen[item]);
        seen[item] = 1;
        placed++;
        struct image_hash_place at = hash((const uint8_t *)items + (item - 1) * size, p.mask, seed);
        assert_true(at.line[0] == slot / ways || at.line[1] == slot / ways);
        assert_memory_equal(written + slot * size, (const uint8_t *)items + (item - 1) * size, size);
    }
    assert_int_equal(placed, count);
    free(written);
    free(seen);
    arena_destroy(arena);
}

/* Keys in sequence, as addresses of a network are. */
static void any_number_of_items_finds_its_place(void **state)
{
    static struct small smalls[100000];
    static struct large larges[100000];
    for (uint32_t i = 0; i < 100000; i++) {
        smalls[i] = (struct small){.a = __builtin_bswap32(0x0a000001 + i), .b = i % 3, .c = i};
        larges[i] = (struct large){.a = {0x80fd, 0, 0, __builtin_bswap32(i + 1)}, .b = i % 5, .c = i};
    }
    for (size_t count = 0; count <= 100000; count = count < 400 ? count + 1 : count + count / 3) {
        check(smalls, count, sizeof smalls[0], hash_small, (uint32_t)count * 7919);
        check(larges, count, sizeof larges[0], hash_large, (uint32_t)count * 104729);
    }
    check(smalls, 100000, sizeof smalls[0], hash_small, 1);
    check(larges, 100000, sizeof larges[0], hash_large, 1);
    /* at the highest load that it allows, with many seeds */
    for (uint32_t seed = 0; seed < 60; seed++) {
        check(smalls, 12288, sizeof smalls[0], hash_small, seed);
        check(larges, 12288, sizeof larges[0], hash_large, seed);
    }
}

static void items_that_all_want_one_line_are_refused(void **state)
{
    static struct small smalls[1000];
    struct arena *arena = arena_create((size_t)256 << 20);
    struct placement p;
    assert_true(place_items(arena, smalls, 4, sizeof smalls[0], hash_nothing, 1, &p));
    assert_false(place_items(arena, smalls, 5, sizeof smalls[0], hash_nothing, 1, &p));
    assert_false(place_items(arena, smalls, 1000, sizeof smalls[0], hash_nothing, 1, &p));
    arena_destroy(arena);
}

static void memory_that_is_out_is_told(void **state)
{
    static struct small smalls[1000];
    struct arena *arena = arena_create(1 << 12);
    struct placement p;
    assert_false(place_items(arena, smalls, 1000, sizeof smalls[0], hash_small, 1, &p));
    assert_false(place_items(arena, smalls, (size_t)UINT32_MAX, sizeof smalls[0], hash_small, 1, &p));
    arena_destroy(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_number_of_items_finds_its_place),
        cmocka_unit_test(items_that_all_want_one_line_are_refused),
        cmocka_unit_test(memory_that_is_out_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
