/* SPDX-License-Identifier: Apache-2.0 */
/* Arenas: zeroed and aligned memory, a ceiling that holds, failures on request. */
#include "base/arena.h"

#include <stdio.h>
#include <stdlib.h>

#include "check.h"

static bool all_zero(const uint8_t *at, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (at[i])
            return false;
    return true;
}

static void memory_is_zeroed_aligned_and_apart(void **state)
{
    struct arena *a = arena_create((size_t)64 << 20);
    uint8_t *blocks[600];
    size_t sizes[600];
    for (size_t i = 0; i < 600; i++) {
        sizes[i] = i % 97 == 0 ? i * 1000 : i % 61;
        blocks[i] = arena_alloc(a, sizes[i]);
        assert_non_null(blocks[i]);
        assert_int_equal((uintptr_t)blocks[i] % 16, 0);
        assert_true(all_zero(blocks[i], sizes[i]));
        memset(blocks[i], (int)(i % 255 + 1), sizes[i]);
    }
    for (size_t i = 0; i < 600; i++) /* none of them ran into another */
        for (size_t k = 0; k < sizes[i]; k++)
            assert_int_equal(blocks[i][k], i % 255 + 1);
    arena_destroy(a);
    arena_destroy(NULL);
}

static void what_is_spare_was_not_written_to(void **state)
{
    struct arena *a = arena_create((size_t)64 << 20);
    assert_int_equal(arena_spare(a), 0);
    size_t given = 0, most = 0;
    for (size_t size = 1; size < 500000; size = size < 1000 || given > 2000000 ? size + 1 + size / 2 : size) {
        memset(arena_alloc(a, size), 1, size);
        given += size;
        assert_true(given <= arena_used(a) - arena_spare(a));
        size_t spare = arena_spare(a);
        assert_true(all_zero(a->end - spare, spare));
        most = spare > most ? spare : most;
    }
#ifndef __SANITIZE_ADDRESS__ /* whose heap is all that there is, and never known to be untouched */
    assert_true(most > 10000);
#endif
    arena_destroy(a);
}

static void the_ceiling_holds(void **state)
{
    static const size_t ceilings[] = {0, 1, 31, 48, 1000, 16384, 16416, 100000, 5 << 20};
    for (size_t i = 0; i < sizeof ceilings / sizeof ceilings[0]; i++) {
        struct arena *a = arena_create(ceilings[i]);
        size_t got = 0;
        for (size_t size = 1; size; size = size < 4096 ? size * 3 : size) {
            void *at = arena_alloc(a, size);
            assert_true(arena_used(a) <= ceilings[i]);
            if (!at)
                break;
            got += size;
            assert_true(got <= arena_used(a));
        }
        /* a smaller one may still fit, and at last nothing does */
        while (arena_alloc(a, 1))
            assert_true(arena_used(a) <= ceilings[i]);
        assert_null(arena_alloc(a, 1));
        arena_destroy(a);
    }
}

static void most_of_the_ceiling_can_be_used(void **state)
{
    struct arena *a = arena_create((size_t)20 << 20);
    size_t got = 0;
    while (arena_alloc(a, 1000))
        got += 1000;
    assert_true(got >= (size_t)19 << 20);
    arena_destroy(a);
}

static void a_child_takes_from_its_parents_and_gives_back(void **state)
{
    struct arena *a = arena_create((size_t)1 << 20);
    assert_non_null(arena_alloc(a, 100000));
    size_t before = arena_used(a);
    for (int i = 0; i < 5; i++) {
        struct arena *child = arena_child(a), *grandchild = arena_child(child);
        assert_non_null(arena_alloc(child, 300000));
        assert_non_null(arena_alloc(grandchild, 300000));
        assert_true(arena_used(a) >= before + 600000);
        assert_true(arena_used(child) >= 600000);
        while (arena_alloc(grandchild, 1000))
            assert_true(arena_used(a) <= (size_t)1 << 20);
        arena_destroy(grandchild);
        assert_non_null(arena_alloc(child, 300000));
        arena_destroy(child);
        assert_int_equal(arena_used(a), before);
    }
    arena_fail_at(a, 2);
    struct arena *child = arena_child(a);
    assert_non_null(child);
    assert_null(arena_alloc(child, 1)); /* the parent's second */
    assert_null(arena_child(a));
    arena_fail_at(a, 0);
    arena_destroy(child);
    arena_destroy(a);
}

static void what_is_reset_is_as_new_and_keeps_one_chunk(void **state)
{
    struct arena *a = arena_create((size_t)1 << 20);
    uint8_t *first = arena_alloc(a, 1000), *large = arena_alloc(a, 200000);
    assert_non_null(first);
    assert_non_null(large);
    memset(first, 0xff, 1000);
    memset(large, 0xff, 200000);
    arena_reset(a, (size_t)64 << 10);
    assert_in_range(arena_used(a), 1, (size_t)65 << 10);
    size_t kept = arena_used(a);
    uint8_t *again = arena_alloc(a, 1000);
    assert_ptr_equal(again, first);
    for (size_t i = 0; i < 1000; i++)
        assert_int_equal(again[i], 0);
    assert_int_equal(arena_used(a), kept);
    assert_non_null(arena_alloc(a, 900000));
    assert_null(arena_alloc(a, 900000));
    arena_reset(a, 0);
    assert_int_equal(arena_used(a), 0);
    arena_reset(a, 0);
    assert_non_null(arena_alloc(a, 1));
    arena_destroy(a);
}

static void sizes_that_cannot_be_are_refused(void **state)
{
    struct arena *a = arena_create(SIZE_MAX);
    for (size_t less = 0; less < 70; less++)
        assert_null(arena_alloc(a, SIZE_MAX - less));
    assert_null(arena_array(a, SIZE_MAX / 2, 3));
    assert_null(arena_array(a, 3, SIZE_MAX / 2));
    assert_null(arena_text(a, "x", SIZE_MAX));
    assert_non_null(arena_array(a, 0, SIZE_MAX));
    assert_int_equal(((uintptr_t)arena_alloc(a, 0)) % 16, 0);
    arena_destroy(a);
}

static void the_nth_allocation_fails_and_all_after_it(void **state)
{
    struct arena *a = arena_create(1 << 20);
    assert_non_null(arena_alloc(a, 1));
    assert_int_equal(arena_allocations(a), 1);
    arena_fail_at(a, 3);
    assert_non_null(arena_alloc(a, 1));
    assert_non_null(arena_text(a, "x", 1));
    assert_null(arena_alloc(a, 1));
    assert_null(arena_format(a, "%d", 1));
    assert_null(arena_array(a, 1, 1));
    assert_int_equal(arena_allocations(a), 6); /* asked for, had or not */
    arena_fail_at(a, 1);
    assert_null(arena_alloc(a, 1));
    arena_fail_at(a, 0);
    assert_non_null(arena_alloc(a, 1));
    arena_destroy(a);
}

static void texts_are_copies_with_a_nul(void **state)
{
    struct arena *a = arena_create(1 << 20);
    char source[] = "ab\0cd";
    char *copy = arena_text(a, source, 5);
    source[0] = 'x';
    assert_memory_equal(copy, "ab\0cd", 6);
    assert_string_equal(arena_text(a, NULL, 0), "");
    assert_string_equal(arena_format(a, "%s-%d", "n", 7), "n-7");
    assert_string_equal(arena_format(a, "%s", ""), "");
    char *wide = arena_format(a, "%0*d", 100000, 1);
    assert_int_equal(strlen(wide), 100000);
    arena_destroy(a);
}

static void arrays_grow_and_keep_what_they_hold(void **state)
{
    struct arena *a = arena_create((size_t)8 << 20);
    uint32_t *items = NULL;
    size_t count = 0, capacity = 0;
    for (; count < 100000; count++) {
        uint32_t *grown = arena_grow(a, items, count, &capacity, sizeof *items);
        assert_non_null(grown);
        assert_true(capacity > count);
        items = grown;
        items[count] = (uint32_t)count * 7;
    }
    for (size_t i = 0; i < count; i++)
        assert_int_equal(items[i], (uint32_t)i * 7);
    /* One that does not fit changes nothing. */
    size_t full = capacity, before = capacity;
    arena_fail_at(a, 1);
    assert_null(arena_grow(a, items, full, &capacity, sizeof *items));
    assert_int_equal(capacity, before);
    assert_ptr_equal(arena_grow(a, items, full - 1, &capacity, sizeof *items), items);
    capacity = SIZE_MAX / 2 + 1;
    arena_fail_at(a, 0);
    assert_null(arena_grow(a, items, capacity, &capacity, 1));
    arena_destroy(a);
}

/* Large ones take their pages along: alone or behind others, in an arena and in its child, always with zeros behind. */
static void large_arrays_grow_where_others_stand(void **state)
{
    struct arena *parent = arena_create((size_t)256 << 20), *a = arena_child(parent);
    uint64_t *arrays[2] = {NULL, NULL};
    size_t counts[2] = {0, 0}, capacities[2] = {0, 0};
    for (size_t i = 0; i < 1300000; i++) {
        size_t which = i % 3 == 0;
        uint64_t *grown = arena_grow(a, arrays[which], counts[which], &capacities[which], sizeof *grown);
        assert_non_null(grown);
        assert_int_equal(grown[counts[which]], 0);
        arrays[which] = grown;
        grown[counts[which]++] = i;
        if (i % 10000 == 0) {
            uint8_t *between = arena_alloc(a, 1000);
            assert_true(all_zero(between, 1000));
            memset(between, 0xff, 1000);
        }
    }
    for (size_t i = 0; i < counts[0]; i++)
        assert_int_equal(arrays[0][i], i / 2 * 3 + i % 2 + 1);
    for (size_t i = 0; i < counts[1]; i++)
        assert_int_equal(arrays[1][i], 3 * i);
    size_t last = capacities[0] - 1;
    assert_int_equal(arrays[0][last], 0);
    arrays[0][last] = 1; /* it is there */
    /* What they grew out of counts no longer, where the system had it back. */
    assert_true(arena_used(a) >= 8 * (capacities[0] + capacities[1]));
    assert_int_equal(arena_used(parent), arena_used(a));
    arena_destroy(a);
    assert_int_equal(arena_used(parent), 0);
    arena_destroy(parent);
}

static void a_large_array_stays_below_the_ceiling_and_as_it_was(void **state)
{
    struct arena *a = arena_create((size_t)28 << 20);
    size_t size = (size_t)8 << 20;
    uint8_t *items = arena_alloc(a, size);
    assert_non_null(arena_alloc(a, 1000));
    memset(items, 7, size);
    assert_null(arena_resize(a, items, size, 4 * size));
    arena_fail_at(a, 1);
    assert_null(arena_resize(a, items, size, size + 4096));
    arena_fail_at(a, 0);
    assert_null(arena_resize(a, items, size, SIZE_MAX));
    for (size_t i = 0; i < size; i++)
        assert_int_equal(items[i], 7);
    size_t before = arena_used(a);
    uint8_t *grown = arena_resize(a, items, size, size + 100000);
    assert_non_null(grown);
    assert_in_range(arena_used(a), before, (size_t)28 << 20);
    for (size_t i = 0; i < size + 100000; i++)
        assert_int_equal(grown[i], i < size ? 7 : 0);
    arena_drop(a, grown, size + 100000);
    assert_true(arena_used(a) <= (size_t)28 << 20);
    uint8_t *rest = arena_alloc(a, 100000);
    assert_true(all_zero(rest, 100000));
    arena_destroy(a);
}

/* Two of three are one step forward; the third begins a chunk, takes something back, or is looked at. */
static void zeroed_memory_is_zero_whatever_was_there(void **state)
{
    struct arena *a = arena_create((size_t)64 << 20);
    uint64_t asked = 0, chance = 1;
    for (int i = 0; i < 60000; i++) {
        chance = chance * 6364136223846793005u + 1442695040888963407u;
        size_t size = chance >> 33 & (i % 50 ? 255 : 0x7fff);
        uint8_t *buffer = arena_buffer(a, size), *zeroed;
        assert_non_null(buffer);
        assert_int_equal((uintptr_t)buffer % 16, 0);
        memset(buffer, 0xff, size);
        if (i % 3 == 0)
            arena_trim(a, buffer, size, size / 3);
        arena_fail_at(a, i % 7 ? 0 : 2);
        zeroed = arena_alloc(a, size / 2 + 1);
        assert_non_null(zeroed);
        assert_true(zeroed >= buffer + size / 3 || zeroed < buffer);
        assert_true(all_zero(zeroed, size / 2 + 1));
        memset(zeroed, 0xff, size / 2 + 1);
        assert_true(arena_alloc(a, 1) ? i % 7 : !(i % 7));
        asked += 3;
        assert_int_equal(arena_allocations(a), asked);
        arena_fail_at(a, 0);
        if (i % 5000 == 4999) {
            arena_reset(a, i % 10000 == 4999 ? (size_t)8 << 20 : (size_t)20 << 10);
            asked = 0;
        }
    }
    arena_destroy(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_is_zeroed_aligned_and_apart),
        cmocka_unit_test(what_is_spare_was_not_written_to),
        cmocka_unit_test(the_ceiling_holds),
        cmocka_unit_test(most_of_the_ceiling_can_be_used),
        cmocka_unit_test(a_child_takes_from_its_parents_and_gives_back),
        cmocka_unit_test(what_is_reset_is_as_new_and_keeps_one_chunk),
        cmocka_unit_test(sizes_that_cannot_be_are_refused),
        cmocka_unit_test(the_nth_allocation_fails_and_all_after_it),
        cmocka_unit_test(texts_are_copies_with_a_nul),
        cmocka_unit_test(arrays_grow_and_keep_what_they_hold),
        cmocka_unit_test(large_arrays_grow_where_others_stand),
        cmocka_unit_test(a_large_array_stays_below_the_ceiling_and_as_it_was),
        cmocka_unit_test(zeroed_memory_is_zero_whatever_was_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
