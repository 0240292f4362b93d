/* SPDX-License-Identifier: Apache-2.0 */
/* SipHash against published values, the table against a naive map. */
#include "base/table.h"

#include <stdio.h>
#include <stdlib.h>

#include "check.h"

/*
 * SipHash-2-4 of 00 01 .. (n - 1) under the key 00 .. 0f: the reference's vectors (vectors_sip64 of its authors;
 * these are printed by another implementation, OpenSSL's). The one of 15 bytes is in the paper, appendix A.
 */
static const uint64_t vectors[64] = {
    0x726fdb47dd0e0e31, 0x74f839c593dc67fd, 0x0d6c8009d9a94f5a, 0x85676696d7fb7e2d,
    0xcf2794e0277187b7, 0x18765564cd99a68d, 0xcbc9466e58fee3ce, 0xab0200f58b01d137,
    0x93f5f5799a932462, 0x9e0082df0ba9e4b0, 0x7a5dbbc594ddb9f3, 0xf4b32f46226bada7,
    0x751e8fbc860ee5fb, 0x14ea5627c0843d90, 0xf723ca908e7af2ee, 0xa129ca6149be45e5,
    0x3f2acc7f57c29bdb, 0x699ae9f52cbe4794, 0x4bc1b3f0968dd39c, 0xbb6dc91da77961bd,
    0xbed65cf21aa2ee98, 0xd0f2cbb02e3b67c7, 0x93536795e3a33e88, 0xa80c038ccd5ccec8,
    0xb8ad50c6f649af94, 0xbce192de8a85b8ea, 0x17d835b85bbb15f3, 0x2f2e6163076bcfad,
    0xde4daaaca71dc9a5, 0xa6a2506687956571, 0xad87a3535c49ef28, 0x32d892fad841c342,
    0x7127512f72f27cce, 0xa7f32346f95978e3, 0x12e0b01abb051238, 0x15e034d40fa197ae,
    0x314dffbe0815a3b4, 0x027990f029623981, 0xcadcd4e59ef40c4d, 0x9abfd8766a33735c,
    0x0e3ea96b5304a7d0, 0xad0c42d6fc585992, 0x187306c89bc215a9, 0xd4a60abcf3792b95,
    0xf935451de4f21df2, 0xa9538f0419755787, 0xdb9acddff56ca510, 0xd06c98cd5c0975eb,
    0xe612a3cb9ecba951, 0xc766e62cfcadaf96, 0xee64435a9752fe72, 0xa192d576b245165a,
    0x0a8787bf8ecb74b2, 0x81b3e73d20b49b6f, 0x7fa8220ba3b2ecea, 0x245731c13ca42499,
    0xb78dbfaf3a8d83bd, 0xea1ad565322a1a0b, 0x60e61c23a3795013, 0x6606d7e446282b93,
    0x6ca4ecb15c5f91e1, 0x9f626da15c9625f3, 0xe51b38608ef25f57, 0x958a324ceb064572,
};

static void siphash_gives_the_published_values(void **state)
{
    uint8_t in[64];
    uint64_t key[2] = {0x0706050403020100u, 0x0f0e0d0c0b0a0908u};
    assert_int_equal(vectors[15], 0xa129ca6149be45e5u);
    for (size_t n = 0; n < 64; n++) {
        in[n] = (uint8_t)n;
        uint8_t *copy = malloc(n ? n : 1); /* of its own size: the sanitizer sees a read behind it */
        memcpy(copy, in, n);
        assert_true(siphash(key, bytes_of(copy, n)) == vectors[n]);
        free(copy);
    }
}

static void an_empty_table_has_nothing(void **state)
{
    struct arena *a = arena_create(1 << 20);
    struct table t = table_new(a, 1);
    assert_null(table_get(&t, bytes_of_text("x")));
    assert_null(table_get(&t, bytes_of(NULL, 0)));
    arena_destroy(a);
}

static void the_empty_key_is_a_key(void **state)
{
    struct arena *a = arena_create(1 << 20);
    struct table t = table_new(a, 1);
    bool fresh = false;
    assert_int_equal(*table_put(&t, bytes_of(NULL, 0), 7, &fresh), 7);
    assert_true(fresh);
    assert_int_equal(*table_put(&t, bytes_of("", 0), 8, &fresh), 7);
    assert_false(fresh);
    assert_int_equal(*table_get(&t, bytes_of(NULL, 0)), 7);
    assert_null(table_get(&t, bytes_of("\0", 1)));
    assert_int_equal(t.count, 1);
    arena_destroy(a);
}

static uint64_t random_next(uint64_t *state)
{
    uint64_t z = (*state += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

#define KEYS 100000
#define SPACE 150000 /* keys are drawn from so many: some come twice, some never */

/* The twin is an array: key n stands at n. The bytes of key n tell n, and have different lengths. */
static void a_hundred_thousand_keys_agree_with_an_array(void **state)
{
    for (uint64_t seed = 1; seed <= 2; seed++) {
        struct arena *a = arena_create((size_t)256 << 20);
        struct table t = table_new(a, seed);
        uint64_t random = seed;
        uint64_t *twin = calloc(SPACE, sizeof *twin);
        char(*names)[24] = calloc(SPACE, sizeof *names);
        size_t distinct = 0;
        for (uint32_t i = 0; i < SPACE; i++)
            snprintf(names[i], sizeof names[i], "%x%.*s", i, (int)(i % 14), "-and-so-on-and");
        for (uint32_t i = 1; i <= KEYS; i++) {
            uint32_t n = (uint32_t)(random_next(&random) % SPACE);
            bool fresh;
            uint64_t *value = table_put(&t, bytes_of_text(names[n]), i, &fresh);
            assert_non_null(value);
            assert_int_equal(fresh, twin[n] == 0);
            if (!twin[n]) {
                twin[n] = i;
                distinct++;
            }
            assert_int_equal(*value, twin[n]);
            if (i % 3 == 0)
                *value = twin[n] = i + 1; /* the place can be written to */
        }
        assert_int_equal(t.count, distinct);
        for (uint32_t n = 0; n < SPACE; n++) {
            char copy[24];
            memcpy(copy, names[n], sizeof copy);
            const uint64_t *value = table_get(&t, bytes_of_text(copy));
            assert_int_equal(value ? *value : 0, twin[n]);
        }
        free(names);
        free(twin);
        arena_destroy(a);
    }
}

static void a_put_without_memory_is_null_and_changes_nothing(void **state)
{
    struct arena *a = arena_create(1 << 20);
    struct table t = table_new(a, 3);
    static char names[100][4];
    arena_fail_at(a, 3); /* 16 slots, 32 slots, no more */
    size_t put = 0;
    for (; put < 100; put++) {
        snprintf(names[put], sizeof names[put], "%zu", put);
        if (!table_put(&t, bytes_of_text(names[put]), put, NULL))
            break;
    }
    assert_in_range(put, 16, 31);
    assert_int_equal(t.count, put);
    for (size_t i = 0; i < put; i++)
        assert_int_equal(*table_get(&t, bytes_of_text(names[i])), i);
    arena_fail_at(a, 0);
    assert_non_null(table_put(&t, bytes_of_text(names[put]), put, NULL));
    for (size_t i = 0; i <= put; i++)
        assert_int_equal(*table_get(&t, bytes_of_text(names[i])), i);
    arena_destroy(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(siphash_gives_the_published_values),
        cmocka_unit_test(an_empty_table_has_nothing),
        cmocka_unit_test(the_empty_key_is_a_key),
        cmocka_unit_test(a_hundred_thousand_keys_agree_with_an_array),
        cmocka_unit_test(a_put_without_memory_is_null_and_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
