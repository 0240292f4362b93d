/* SPDX-License-Identifier: Apache-2.0 */
/* Texts: they grow to their ceiling and not past it, fail once and for all, and write JSON strings that are valid. */
#include "base/text.h"

#include <stdio.h>
#include <stdlib.h>

#include "check.h"

static void appends_add_up(void **state)
{
    struct text t = text_new(1 << 20);
    assert_string_equal(text_cstr(&t), "");
    text_puts(&t, "");
    text_append(&t, NULL, 0);
    assert_string_equal(text_cstr(&t), "");
    text_puts(&t, "one ");
    text_append(&t, "two??", 3);
    text_printf(&t, " %s %d", "three", 4);
    assert_string_equal(text_cstr(&t), "one two three 4");
    assert_int_equal(t.len, 15);
    text_append(&t, "a\0b", 3);
    assert_int_equal(t.len, 18);
    assert_memory_equal(t.at + 15, "a\0b", 4);
    assert_false(t.failed);
    text_free(&t);
    assert_string_equal(text_cstr(&t), "");
    assert_int_equal(t.ceiling, 1 << 20);
    text_puts(&t, "again");
    assert_string_equal(text_cstr(&t), "again");
    text_free(&t);
}

static void sizes_around_its_steps_are_kept(void **state)
{
    for (size_t len = 250; len < 260; len++) {
        struct text t = text_new(1 << 20);
        for (size_t i = 0; i < len; i++)
            text_append(&t, "x", 1);
        text_printf(&t, "%0*d", (int)len, 0);
        assert_int_equal(t.len, 2 * len);
        assert_int_equal(strlen(text_cstr(&t)), 2 * len);
        assert_true(t.capacity > t.len);
        text_free(&t);
    }
}

static void the_ceiling_fails_it_for_good(void **state)
{
    for (size_t ceiling = 0; ceiling < 40; ceiling++) {
        struct text t = text_new(ceiling);
        size_t fits = 0;
        while (!t.failed) {
            text_append(&t, "x", 1);
            fits += !t.failed;
        }
        assert_int_equal(fits, ceiling ? ceiling - 1 : 0); /* and its NUL */
        assert_int_equal(strlen(text_cstr(&t)), fits);
        text_puts(&t, "");
        text_printf(&t, "y");
        text_json(&t, "z");
        assert_int_equal(strlen(text_cstr(&t)), fits);
        assert_true(t.failed);
        text_free(&t);
        assert_false(t.failed);
    }
    /* what does not fit whole is not there in part */
    struct text t = text_new(10);
    text_puts(&t, "12345");
    text_printf(&t, "%s", "678901");
    assert_true(t.failed);
    assert_string_equal(text_cstr(&t), "12345");
    text_free(&t);
    t = text_new(SIZE_MAX);
    text_puts(&t, "x");
    text_append(&t, "y", SIZE_MAX);
    assert_true(t.failed);
    assert_string_equal(text_cstr(&t), "x");
    text_free(&t);
}

#define U "\xef\xbf\xbd" /* U+FFFD */

static void json_strings_are_escaped_and_valid(void **state)
{
    static const struct {
        const char *in, *out;
    } cases[] = {
        {"", "\"\""},
        {"plain", "\"plain\""},
        {"a\"b\\c/", "\"a\\\"b\\\\c/\""},
        {"\n\t\r\x01\x1f\x7f", "\"\\n\\u0009\\u000d\\u0001\\u001f\\u007f\""},
        {"\xc3\xa4 \xe2\x82\xac \xf0\x9f\x9a\xa2", "\"\xc3\xa4 \xe2\x82\xac \xf0\x9f\x9a\xa2\""},
        {"\xc2\xa0 \xdf\xbf \xe0\xa0\x80 \xed\x9f\xbf \xee\x80\x80 \xf0\x90\x80\x80 \xf4\x8f\xbf\xbf",
            "\"\xc2\xa0 \xdf\xbf \xe0\xa0\x80 \xed\x9f\xbf \xee\x80\x80 \xf0\x90\x80\x80 \xf4\x8f\xbf\xbf\""},
        {"\x80", "\"" U "\""},
        {"\xc0\xaf", "\"" U U "\""},             /* overlong */
        {"\xc1\xbf", "\"" U U "\""},
        {"\xe0\x9f\xbf", "\"" U U U "\""},
        {"\xf0\x8f\xbf\xbf", "\"" U U U U "\""},
        {"\xed\xa0\x80", "\"" U U U "\""},       /* surrogate */
        {"\xf4\x90\x80\x80", "\"" U U U U "\""}, /* past U+10FFFF */
        {"\xf5\x80\x80\x80", "\"" U U U U "\""},
        {"\xff\xfe", "\"" U U "\""},
        {"\xc3", "\"" U "\""},                   /* ends in the middle */
        {"\xe2\x82", "\"" U U "\""},
        {"\xf0\x9f\x9a", "\"" U U U "\""},
        {"\xc3\"", "\"" U "\\\"\""},             /* what follows is not swallowed */
        {"\xe2\x82x", "\"" U U "x\""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        /* in a block of its own size: the sanitizer sees a read behind the NUL */
        char *in = strdup(cases[i].in);
        struct text t = text_new(1000);
        text_json(&t, in);
        assert_string_equal(text_cstr(&t), cases[i].out);
        text_free(&t);
        free(in);
    }
}

/* Controls, marks that turn the direction of writing or part lines, a mark of byte order; their neighbours are shown. */
static void what_a_terminal_obeys_is_escaped(void **state)
{
    static const struct {
        const char *in, *visible, *json;
    } cases[] = {
        {"plain \xc3\xa4 \xe2\x82\xac \xf0\x9f\x9a\xa2", "plain \xc3\xa4 \xe2\x82\xac \xf0\x9f\x9a\xa2", "plain \xc3\xa4 \xe2\x82\xac \xf0\x9f\x9a\xa2"},
        {"\x1b[31m", "\\x1b[31m", "\\u001b[31m"},
        {"a\tb\r\n", "a\\x09b\\x0d\\x0a", "a\\u0009b\\u000d\\n"},
        {"\x7f", "\\x7f", "\\u007f"},
        {"\xc2\x80\xc2\x9b" "31m\xc2\x9f\xc2\xa0", "\\u0080\\u009b31m\\u009f\xc2\xa0", "\\u0080\\u009b31m\\u009f\xc2\xa0"},
        {"\xd8\x9c", "\\u061c", "\\u061c"},
        {"\xe2\x80\x8d\xe2\x80\x8e\xe2\x80\x8f\xe2\x80\x90", "\xe2\x80\x8d\\u200e\\u200f\xe2\x80\x90", "\xe2\x80\x8d\\u200e\\u200f\xe2\x80\x90"},
        {"\xe2\x80\xa7\xe2\x80\xa8\xe2\x80\xaa\xe2\x80\xae\xe2\x80\xaf", "\xe2\x80\xa7\\u2028\\u202a\\u202e\xe2\x80\xaf", "\xe2\x80\xa7\\u2028\\u202a\\u202e\xe2\x80\xaf"},
        {"\xe2\x81\xa5\xe2\x81\xa6\xe2\x81\xa9\xe2\x81\xaa", "\xe2\x81\xa5\\u2066\\u2069\xe2\x81\xaa", "\xe2\x81\xa5\\u2066\\u2069\xe2\x81\xaa"},
        {"\xef\xbb\xbf\xef\xbc\x80", "\\ufeff\xef\xbc\x80", "\\ufeff\xef\xbc\x80"},
        {"\x9b" "31m\xff\xe2\x80", "\\x9b31m\\xff\\xe2\\x80", "\xef\xbf\xbd" "31m\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct text t = text_new(1000);
        char quoted[200];
        text_visible(&t, bytes_of_text(cases[i].in));
        assert_string_equal(text_cstr(&t), cases[i].visible);
        text_free(&t);
        text_json(&t, cases[i].in);
        snprintf(quoted, sizeof quoted, "\"%s\"", cases[i].json);
        assert_string_equal(text_cstr(&t), quoted);
        text_free(&t);
    }
}

static bool decodes(const uint8_t *s, uint32_t *ret_len, uint32_t *ret_code)
{
    /* naive twin: decode, and encode again */
    uint32_t len = s[0] < 0x80 ? 1 : s[0] >> 5 == 6 ? 2 : s[0] >> 4 == 14 ? 3 : s[0] >> 3 == 30 ? 4 : 0;
    if (!len)
        return false;
    uint32_t code = len == 1 ? s[0] : s[0] & (0xffu >> (len + 1));
    for (uint32_t i = 1; i < len; i++) {
        if (s[i] >> 6 != 2)
            return false;
        code = code << 6 | (s[i] & 0x3f);
    }
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    *ret_len = len;
    *ret_code = code;
    return code >= least[len] && code <= 0x10ffff && (code < 0xd800 || code > 0xdfff);
}

static void every_two_bytes_and_random_ones_agree_with_a_decoder(void **state)
{
    uint64_t random = 1;
    for (uint32_t i = 0; i < 65536 + 300000; i++) {
        uint8_t s[6] = {(uint8_t)(i >> 8), (uint8_t)i, 0};
        if (i >= 65536) {
            static const uint8_t bytes[] = {0x80, 0xbf, 0x8f, 0x90, 0x9f, 0xa0, 0xe0, 0xed, 0xef, 0xf0, 0xf4, 0xf1, 0xc2, 0xdf, 'x', '\n'};
            for (int k = 0; k < 5; k++) {
                random = random * 6364136223846793005u + 1442695040888963407u;
                s[k] = bytes[random >> 60];
            }
        }
        struct text want = text_new(1000), got = text_new(1000);
        text_puts(&want, "\"");
        for (const uint8_t *c = s; *c;) {
            uint32_t len = 1, code = 0;
            if (!decodes(c, &len, &code)) {
                len = 1;
                text_puts(&want, U);
            } else if (*c == '\n')
                text_puts(&want, "\\n");
            else if (*c == '"' || *c == '\\')
                text_printf(&want, "\\%c", *c);
            else if (code < 0x20 || (code >= 0x7f && code < 0xa0) || code == 0x61c || code == 0x200e || code == 0x200f ||
                     (code >= 0x2028 && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069) || code == 0xfeff)
                text_printf(&want, "\\u%04x", code);
            else
                text_append(&want, c, len);
            c += len;
        }
        text_puts(&want, "\"");
        text_json(&got, (const char *)s);
        assert_string_equal(text_cstr(&got), text_cstr(&want));
        text_free(&want);
        text_free(&got);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(appends_add_up),
        cmocka_unit_test(sizes_around_its_steps_are_kept),
        cmocka_unit_test(the_ceiling_fails_it_for_good),
        cmocka_unit_test(json_strings_are_escaped_and_valid),
        cmocka_unit_test(what_a_terminal_obeys_is_escaped),
        cmocka_unit_test(every_two_bytes_and_random_ones_agree_with_a_decoder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
