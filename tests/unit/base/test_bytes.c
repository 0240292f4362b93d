/* SPDX-License-Identifier: Apache-2.0 */
/* Views and cursors: nothing is read past the end, and a read that fails moves nothing. */
#include "base/bytes.h"
#include "base/find.h"

#include <stdlib.h>

#include "check.h"

static void slices_are_clamped(void **state)
{
    static const char text[] = "abcdef";
    struct bytes b = bytes_of_text(text);
    for (size_t from = 0; from < 10; from++)
        for (size_t len = 0; len < 10; len++) {
            struct bytes s = bytes_slice(b, from, len);
            size_t there = from < 6 ? 6 - from : 0;
            assert_int_equal(s.len, len < there ? len : there);
            if (s.len)
                assert_ptr_equal(s.at, text + from);
            else
                assert_null(s.at);
        }
    assert_int_equal(bytes_slice(b, 2, SIZE_MAX).len, 4);
    assert_int_equal(bytes_slice(b, SIZE_MAX, SIZE_MAX).len, 0);
    assert_int_equal(bytes_slice(bytes_of(NULL, 0), 0, 5).len, 0);
}

static void equal_is_length_and_content(void **state)
{
    assert_true(bytes_equal(bytes_of_text("abc"), bytes_of("abcd", 3)));
    assert_false(bytes_equal(bytes_of_text("abc"), bytes_of_text("abd")));
    assert_false(bytes_equal(bytes_of_text("abc"), bytes_of_text("ab")));
    assert_true(bytes_equal(bytes_of(NULL, 0), bytes_of_text("")));
    assert_true(bytes_equal(bytes_of("a\0b", 3), bytes_of("a\0b", 3)));
    assert_false(bytes_equal(bytes_of("a\0b", 3), bytes_of("a\0c", 3)));
}

/* As ASCII has it; not by the functions that are tested. */
static uint8_t folded(unsigned c)
{
    static const char upper[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ", lower[] = "abcdefghijklmnopqrstuvwxyz";
    const char *found = c ? strchr(upper, (int)c) : NULL;
    return found ? (uint8_t)lower[found - upper] : (uint8_t)c;
}

/* Each alone, and among others in texts of these lengths. */
static void caseless_is_ascii_folding_of_every_pair_of_bytes(void **state)
{
    static const uint8_t around[] = {0, 'k', 0x7f, 0x80, 0xff};
    static const size_t lengths[] = {1, 2, 3, 5, 8, 17};
    uint8_t one[17], other[17];
    for (unsigned pair = 0; pair < 256 * 256; pair++)
        for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++)
            for (size_t at = 0; at < lengths[i]; at++) {
                memset(one, around[(pair + at) % sizeof around], sizeof one);
                memcpy(other, one, sizeof one);
                one[at] = (uint8_t)(pair >> 8);
                other[at] = (uint8_t)pair;
                bool equal = bytes_equal_caseless(bytes_of(one, lengths[i]), bytes_of(other, lengths[i]));
                assert_int_equal(equal, folded(pair >> 8) == folded(pair & 0xff));
                assert_int_equal(bytes_begin_caseless(bytes_of(one, sizeof one), bytes_of(other, at + 1)), equal);
                assert_true(bytes_begin_caseless(bytes_of(one, sizeof one), bytes_of(other, at)));
            }
}

static void caseless_minds_length_and_content(void **state)
{
    assert_true(bytes_equal_caseless(bytes_of(NULL, 0), bytes_of_text("")));
    assert_false(bytes_equal_caseless(bytes_of_text("abc"), bytes_of_text("ab")));
    assert_false(bytes_equal_caseless(bytes_of("a\0b", 3), bytes_of("a\0c", 3)));
    assert_true(bytes_equal_caseless(bytes_of_text("Content-DISPOSITION"), bytes_of_text("cONTENT-disposition")));
    assert_true(bytes_begin_caseless(bytes_of_text("ab"), bytes_of(NULL, 0)));
    assert_true(bytes_begin_caseless(bytes_of_text("MULTIPART/mixed"), bytes_of_text("multipart/")));
    assert_false(bytes_begin_caseless(bytes_of_text("multi"), bytes_of_text("multipart")));
}

static void classes_are_those_of_ascii(void **state)
{
    static const char digits[] = "0123456789", spaces[] = " \t\n\v\f\r", letters[] = "abcdefghijklmnopqrstuvwxyz";
    for (unsigned c = 0; c < 256; c++) {
        bool digit = c && strchr(digits, (int)c), letter = c && strchr(letters, folded(c));
        assert_int_equal(byte_is_digit((uint8_t)c), digit);
        assert_int_equal(byte_is_alnum((uint8_t)c), digit || letter);
        assert_int_equal(byte_is_space((uint8_t)c), c && strchr(spaces, (int)c));
        assert_int_equal(byte_lower((uint8_t)c), folded(c));
    }
}

/* In a block of its own size, so that the sanitizer sees a read past its end. */
static void reads_past_the_end_fail_and_move_nothing(void **state)
{
    for (size_t len = 0; len < 9; len++) {
        uint8_t *block = malloc(len ? len : 1);
        assert_non_null(block);
        for (size_t i = 0; i < len; i++)
            block[i] = (uint8_t)(0x81 + i);
        for (size_t at = 0; at <= len; at++) {
            struct cursor c = cursor_over(bytes_of(block, len));
            assert_true(cursor_skip(&c, at));
            assert_int_equal(cursor_left(&c), len - at);
            struct cursor u8 = c, u16 = c, u32 = c, any = c;
            uint8_t one = 0xee;
            uint16_t two = 0xeeee;
            uint32_t four = 0xeeeeeeee;
            assert_int_equal(cursor_u8(&u8, &one), len - at >= 1);
            assert_int_equal(cursor_u16(&u16, &two), len - at >= 2);
            assert_int_equal(cursor_u32(&u32, &four), len - at >= 4);
            assert_int_equal(u8.at, at + (len - at >= 1 ? 1 : 0));
            assert_int_equal(u16.at, at + (len - at >= 2 ? 2 : 0));
            assert_int_equal(u32.at, at + (len - at >= 4 ? 4 : 0));
            uint32_t first = (uint32_t)(0x81 + at);
            assert_int_equal(one, len - at >= 1 ? first : 0xee);
            assert_int_equal(two, len - at >= 2 ? (first << 8 | (first + 1)) : 0xeeee);
            assert_int_equal(four, len - at >= 4 ? (first << 24 | (first + 1) << 16 | (first + 2) << 8 | (first + 3)) : 0xeeeeeeee);
            struct bytes got = bytes_of("keep", 4);
            assert_false(cursor_read(&any, len - at + 1, &got));
            assert_false(cursor_read(&any, SIZE_MAX, &got));
            assert_false(cursor_skip(&any, len - at + 1));
            assert_int_equal(any.at, at);
            assert_int_equal(got.len, 4);
            assert_true(cursor_read(&any, len - at, &got));
            assert_int_equal(got.len, len - at);
            assert_int_equal(cursor_left(&any), 0);
        }
        free(block);
    }
    struct cursor empty = cursor_over(bytes_of(NULL, 0));
    uint8_t ignored;
    struct bytes none;
    assert_false(cursor_u8(&empty, &ignored));
    assert_true(cursor_read(&empty, 0, &none));
    assert_null(none.at);
}

/* In memory of just that size, so that whoever reads past an end is seen. */
static void found_is_what_memmem_finds(void **state)
{
    uint32_t seed = 5;
    for (size_t len = 1; len < 300; len += len < 40 ? 1 : 29)
        for (int i = 0; i < 400; i++) {
            seed = seed * 1664525 + 1013904223;
            size_t wanted = 1 + (seed >> 9) % (len < 9 ? len : 9);
            uint8_t *in = malloc(len), *what = malloc(wanted);
            for (size_t k = 0; k < len; k++)
                in[k] = (uint8_t)((seed = seed * 1664525 + 1013904223) >> 24) % 3;
            for (size_t k = 0; k < wanted; k++)
                what[k] = (uint8_t)((seed = seed * 1664525 + 1013904223) >> 24) % 3;
            const uint8_t *there = memmem(in, len, what, wanted);
            assert_int_equal(bytes_find(bytes_of(in, len), bytes_of(what, wanted)), there ? (size_t)(there - in) : FOUND_NOWHERE);
            free(in);
            free(what);
        }
    assert_int_equal(bytes_find(bytes_of(NULL, 0), bytes_of("a", 1)), FOUND_NOWHERE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slices_are_clamped),
        cmocka_unit_test(equal_is_length_and_content),
        cmocka_unit_test(caseless_is_ascii_folding_of_every_pair_of_bytes),
        cmocka_unit_test(caseless_minds_length_and_content),
        cmocka_unit_test(classes_are_those_of_ascii),
        cmocka_unit_test(found_is_what_memmem_finds),
        cmocka_unit_test(reads_past_the_end_fail_and_move_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
