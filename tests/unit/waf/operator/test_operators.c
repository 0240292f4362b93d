/* SPDX-License-Identifier: Apache-2.0 */
/* Operators of web rules, each from its definition in the ModSecurity reference manual. */
#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"
#include "tests/unit/base/check.h"
#include "waf/operator/addresses.h"
#include "waf/operator/identity.h"
#include "waf/operator/number.h"
#include "waf/operator/phrases.h"
#include "waf/operator/regex.h"
#include "waf/operator/text.h"
#include "waf/operator/validate.h"

#define MEMORY ((size_t)256 << 20)
#define B(literal) bytes_of(literal, sizeof(literal) - 1)

static struct arena *arena;
static struct compiled *compiled;

static int set_up(void **state)
{
    arena = arena_create(MEMORY);
    compiled = compiled_create(NULL, (struct job_runner){0});
    return arena && compiled ? 0 : -1;
}

static int tear_down(void **state)
{
    compiled_free(compiled);
    arena_destroy(arena);
    return 0;
}

/* ---- text */

static void at(bool matched, const struct match *m, size_t offset, size_t length)
{
    assert_true(matched);
    assert_int_equal(m->offset, offset);
    assert_int_equal(m->length, length);
}

static void beginnings_ends_and_parts_are_found(void **state)
{
    struct match m;
    at(text_begins_with(B("/admin/x"), B("/admin"), &m), &m, 0, 6);
    assert_false(text_begins_with(B("/adm"), B("/admin"), &m));
    assert_false(text_begins_with(B("x/admin"), B("/admin"), &m));
    at(text_ends_with(B("a.php"), B(".php"), &m), &m, 1, 4);
    assert_false(text_ends_with(B("php"), B(".php"), &m));
    at(text_contains(B("a\0b<script"), B("b<"), &m), &m, 2, 2);
    assert_false(text_contains(B("abc"), B("B"), &m));
    assert_false(text_contains(B(""), B("B"), &m));
    at(text_equals(B("a"), B("a"), &m), &m, 0, 1);
    assert_false(text_equals(B("a"), B("A"), &m));
    assert_false(text_equals(B("a"), B("ab"), &m));
}

static void an_empty_argument_is_found_everywhere(void **state)
{
    struct match m;
    at(text_begins_with(B("a"), B(""), &m), &m, 0, 0);
    at(text_ends_with(B("a"), B(""), &m), &m, 1, 0);
    at(text_contains(B("a"), B(""), &m), &m, 0, 0);
    at(text_contains(B(""), B(""), &m), &m, 0, 0);
    at(text_contains_word(B(""), B(""), &m), &m, 0, 0);
    at(text_equals(B(""), B(""), &m), &m, 0, 0);
}

static void a_word_has_no_letters_beside_it(void **state)
{
    struct match m;
    at(text_contains_word(B("select"), B("select"), &m), &m, 0, 6);
    at(text_contains_word(B("a select 1"), B("select"), &m), &m, 2, 6);
    at(text_contains_word(B("selects, select1"), B("select"), &m), &m, 9, 6);
    assert_false(text_contains_word(B("selects preselect"), B("select"), &m));
    assert_false(text_contains_word(B(""), B("select"), &m));
}

static void within_looks_for_the_value_in_the_argument(void **state)
{
    struct match m;
    at(text_within(B("GET"), B("GET POST HEAD"), &m), &m, 0, 3);
    at(text_within(B(""), B("GET POST HEAD"), &m), &m, 0, 0);
    assert_false(text_within(B("PUT"), B("GET POST HEAD"), &m));
    assert_false(text_within(B("GET POST HEAD PUT"), B("GET"), &m));
}

/* ---- numbers */

static void numbers_are_what_a_text_begins_with(void **state)
{
    static const struct {
        const char *text;
        int64_t is;
    } cases[] = {{"0", 0}, {"12", 12}, {" 7x", 7}, {"-3", -3}, {"+4", 4}, {"x", 0}, {"", 0}, {"--1", 0}, {"9223372036854775807", INT64_MAX},
        {"9223372036854775808", INT64_MAX}, {"-9223372036854775808", INT64_MIN}, {"-9223372036854775809", INT64_MIN},
        {"99999999999999999999999", INT64_MAX}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_true(number_of(bytes_of_text(cases[i].text)) == cases[i].is);
    assert_int_equal(number_of_32(B("2147483647")), INT32_MAX);
    assert_int_equal(number_of_32(B("2147483648")), 0);
    assert_int_equal(number_of_32(B("-2147483649")), 0);
}

/* ---- validation */

static void bytes_outside_a_set_are_found(void **state)
{
    struct byte_set s;
    struct bytes wrong;
    struct match m;
    assert_true(byte_set_parse(B("10, 13,32-126 ,255"), &s, &wrong));
    assert_false(value_leaves_byte_set(B("\n\r ~\xff"), &s, &m));
    at(value_leaves_byte_set(B("abc\x7f"), &s, &m), &m, 3, 1);
    at(value_leaves_byte_set(B("\0"), &s, &m), &m, 0, 1);
    assert_false(value_leaves_byte_set(B(""), &s, &m));
    for (unsigned c = 0; c < 256; c++)
        assert_int_equal(byte_set_has(&s, (uint8_t)c), c == 10 || c == 13 || (c >= 32 && c <= 126) || c == 255);
}

static void wrong_byte_sets_are_refused(void **state)
{
    static const char *const sets[] = {"", "256", "1-", "-1", "9-8", "a", "1,,2", "1-300", "1 2", "0x10", "1-2-3"};
    struct byte_set s;
    struct bytes wrong;
    for (size_t i = 0; i < sizeof sets / sizeof *sets; i++)
        assert_false(byte_set_parse(bytes_of_text(sets[i]), &s, &wrong));
}

static void broken_url_encoding_is_found(void **state)
{
    struct match m;
    assert_false(value_breaks_url_encoding(B(""), &m));
    assert_false(value_breaks_url_encoding(B("a%20%aF+"), &m));
    at(value_breaks_url_encoding(B("%20%g0"), &m), &m, 3, 3);
    at(value_breaks_url_encoding(B("%0g"), &m), &m, 0, 3);
    at(value_breaks_url_encoding(B("a%2"), &m), &m, 1, 2);
    at(value_breaks_url_encoding(B("a%"), &m), &m, 1, 1);
}

static void broken_utf8_is_found(void **state)
{
    static const char *const good[] = {"", "abc", "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x98\x80", "\xf4\x8f\xbf\xbf", "\xed\x9f\xbf"};
    static const char *const bad[] = {"\x80", "\xc3", "\xc0\xaf", "\xe0\x80\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xc3(", "\xe2\x82"};
    struct match m;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        assert_false(value_breaks_utf8(bytes_of_text(good[i]), &m));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        at(value_breaks_utf8(bytes_of_text(bad[i]), &m), &m, 0, 1);
    assert_false(value_breaks_utf8(B("a\0b"), &m));
    at(value_breaks_utf8(B("ok\xff"), &m), &m, 2, 1);
}

/* ---- numbers of persons and cards */

static void check_digits_tell_numbers_from_digits(void **state)
{
    assert_true(card_number_valid(B("4111 1111 1111 1111")));
    assert_true(card_number_valid(B("378282246310005")));
    assert_false(card_number_valid(B("4111 1111 1111 1112")));
    assert_false(card_number_valid(B("no digits")));
    assert_true(ssn_valid(B("078-05-1120")));
    static const char *const ssns[] = {"000-12-3456", "123-00-4567", "123-45-0000", "666-12-3456", "740-12-3456", "111111111", "123456789", "12345678", "1234567890"};
    for (size_t i = 0; i < sizeof ssns / sizeof *ssns; i++)
        assert_false(ssn_valid(bytes_of_text(ssns[i])));
    assert_true(cpf_valid(B("529.982.247-25")));
    assert_false(cpf_valid(B("529.982.247-26")));
    assert_false(cpf_valid(B("111.111.111-11")));
    assert_false(cpf_valid(B("529.982.247-2")));
    assert_true(svnr_valid(B("1237 010180")));
    assert_false(svnr_valid(B("1238 010180")));
    assert_false(svnr_valid(B("0000000000")));
}

/* ---- addresses */

static struct address_list list_of(const char *text)
{
    struct address_list l;
    struct bytes wrong;
    assert_int_equal(address_list_parse(bytes_of_text(text), arena, &l, &wrong), ADDRESS_LIST_OK);
    return l;
}

static void addresses_are_found_in_lists(void **state)
{
    struct address_list l = list_of("10.0.0.0/8, 10.1.0.0/16,192.0.2.7\n# a comment, 203.0.113.1\n2001:db8::/32 # more\n::1");
    static const char *const inside[] = {"10.0.0.0", "10.255.255.255", "10.1.2.3", "192.0.2.7", "2001:db8:ffff::1", "::1"};
    static const char *const outside[] = {"9.255.255.255", "11.0.0.0", "192.0.2.6", "192.0.2.8", "203.0.113.1", "2001:db9::", "::2", "", "10.0.0", "10.0.0.1 ", "word"};
    assert_int_equal(l.count, 4);
    for (size_t i = 0; i < sizeof inside / sizeof *inside; i++)
        assert_true(address_list_matches(&l, bytes_of_text(inside[i])));
    for (size_t i = 0; i < sizeof outside / sizeof *outside; i++)
        assert_false(address_list_matches(&l, bytes_of_text(outside[i])));
    struct address_list none = list_of("# nothing\n");
    assert_false(address_list_matches(&none, B("10.0.0.1")));
}

static void what_is_no_address_is_refused(void **state)
{
    struct address_list l;
    struct bytes wrong;
    assert_int_equal(address_list_parse(B("10.0.0.1, 10.0.0.256"), arena, &l, &wrong), ADDRESS_LIST_WRONG);
    assert_true(bytes_equal(wrong, B("10.0.0.256")));
}

/* A list finds what trying every prefix finds. */
static void lists_agree_with_trying_each(void **state)
{
    struct prefix kept[64];
    uint64_t random = 88172645463325252u; /* xorshift64 from its paper's seed */
    for (int round = 0; round < 200; round++) {
        struct text t = text_new(1 << 16);
        size_t count = 0;
        for (int i = 0; i < 40; i++) {
            random ^= random << 13, random ^= random >> 7, random ^= random << 17;
            char one[64];
            bool host_bits;
            snprintf(one, sizeof one, "10.%u.%u.%u/%u", (unsigned)(random >> 8) & 3, (unsigned)(random >> 16) & 255, (unsigned)(random >> 24) & 255, 8 + (unsigned)(random >> 40) % 25);
            assert_true(prefix_parse(bytes_of_text(one), &kept[count++], &host_bits));
            text_puts(&t, one);
            text_puts(&t, ",");
        }
        struct address_list l = list_of(text_cstr(&t));
        for (int i = 0; i < 100; i++) {
            random ^= random << 13, random ^= random >> 7, random ^= random << 17;
            struct address a = {4, {10, (random >> 8) & 3, (random >> 16) & 255, (random >> 24) & 255}};
            bool any = false;
            for (size_t j = 0; j < count; j++)
                any = any || prefix_contains(&kept[j], &a);
            assert_int_equal(address_list_has(&l, &a), any);
        }
        text_free(&t);
    }
}

/* ---- phrases */

static void finds(const struct phrases *p, hs_scratch_t *scratch, struct bytes value, size_t offset, const char *phrase)
{
    struct match m;
    struct bytes found;
    assert_true(phrases_find(p, scratch, value, &m, &found));
    assert_int_equal(m.offset, offset);
    assert_true(bytes_equal(found, bytes_of_text(phrase)));
}

static void phrases_are_found_whatever_their_case(void **state)
{
    struct phrases p;
    hs_scratch_t *scratch = NULL;
    struct match m;
    struct bytes found;
    assert_int_equal(phrases_of_words(B("  sqlmap Nikto |41 42|c  abcd cd "), compiled, arena, &p), PHRASES_OK);
    assert_int_equal(p.count, 5);
    assert_true(compiled_scratch(compiled, &scratch));
    finds(&p, scratch, B("x SQLMap/1.0 nikto"), 2, "sqlmap");
    finds(&p, scratch, B("..abC"), 2, "ABc");
    finds(&p, scratch, B("abcd"), 0, "ABc"); /* the one that ends first */
    finds(&p, scratch, B("xbcd"), 2, "cd");
    assert_false(phrases_find(&p, scratch, B("nothing"), &m, &found));
    assert_false(phrases_find(&p, scratch, B(""), &m, &found));
    hs_free_scratch(scratch);
}

static void of_phrases_that_end_together_the_longest_is_found(void **state)
{
    struct phrases p;
    hs_scratch_t *scratch = NULL;
    assert_int_equal(phrases_of_words(B("ell shell hell"), compiled, arena, &p), PHRASES_OK);
    assert_true(compiled_scratch(compiled, &scratch));
    finds(&p, scratch, B("a shell"), 2, "shell");
    hs_free_scratch(scratch);
}

static void lines_of_a_file_are_phrases(void **state)
{
    struct phrases p;
    hs_scratch_t *scratch = NULL;
    assert_int_equal(phrases_of_lines(B("# comment\r\n\r\n/etc/passwd\r\ntwo words \n.htaccess"), compiled, arena, &p), PHRASES_OK);
    assert_int_equal(p.count, 3);
    assert_true(compiled_scratch(compiled, &scratch));
    finds(&p, scratch, B("x/ETC/passwd"), 1, "/etc/passwd");
    finds(&p, scratch, B("two words"), 0, "two words");
    finds(&p, scratch, B(".htaccess"), 0, ".htaccess");
    hs_free_scratch(scratch);
}

static void no_phrases_find_nothing(void **state)
{
    struct phrases p;
    hs_scratch_t *scratch = NULL;
    struct match m;
    struct bytes found;
    assert_int_equal(phrases_of_lines(B("# comment\n"), compiled, arena, &p), PHRASES_OK);
    assert_true(compiled_scratch(compiled, &scratch));
    assert_false(phrases_find(&p, scratch, B("x"), &m, &found));
}

/* ---- regular expressions */

static enum regex_result match_once(const char *pattern, bool caseless, struct bytes value, uint32_t limit, struct match *groups, size_t *count)
{
    struct regex_error e;
    struct regex_limits limits = {limit, limit};
    struct regex *r = regex_compile(bytes_of_text(pattern), caseless, &e);
    struct regex_scratch *s = regex_scratch_create(&limits);
    assert_non_null(r);
    assert_non_null(s);
    enum regex_result result = regex_match(r, s, value, groups, count);
    regex_free(r);
    regex_scratch_free(s);
    return result;
}

static void expressions_mean_what_modsecurity_3_means(void **state)
{
    struct match g[REGEX_CAPTURES_MAX];
    size_t n;
    assert_int_equal(match_once("a.b", false, B("a\nb"), 1000, g, &n), REGEX_YES);     /* DOTALL */
    assert_int_equal(match_once("^b$", false, B("a\nb\nc"), 1000, g, &n), REGEX_YES);  /* MULTILINE */
    assert_int_equal(match_once("", false, B(""), 1000, g, &n), REGEX_YES);
    assert_int_equal(match_once("A", false, B("a"), 1000, g, &n), REGEX_NO);
    assert_int_equal(match_once("A", true, B("a"), 1000, g, &n), REGEX_YES);
    assert_int_equal(match_once("\\xff", false, B("\xff"), 1000, g, &n), REGEX_YES);   /* bytes, not characters */
    assert_int_equal(match_once("b", false, B("a\0b"), 1000, g, &n), REGEX_YES);
}

static void groups_are_captured(void **state)
{
    struct match g[REGEX_CAPTURES_MAX];
    size_t n;
    assert_int_equal(match_once("(a)|(b)(c)", false, B("xbc"), 1000, g, &n), REGEX_YES);
    assert_int_equal(n, 4);
    at(true, &g[0], 1, 2);
    assert_true(g[1].offset == REGEX_UNSET);
    at(true, &g[2], 1, 1);
    at(true, &g[3], 2, 1);
}

static void an_expression_that_explodes_comes_to_its_limit(void **state)
{
    struct match g[REGEX_CAPTURES_MAX];
    size_t n;
    assert_int_equal(match_once("^(a+)+$", false, B("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab"), 5000, g, &n), REGEX_LIMIT);
}

/* Deep recursion over a long value is decided or given up, and never takes the stack down. */
static void a_long_value_does_not_exhaust_the_stack(void **state)
{
    struct match g[REGEX_CAPTURES_MAX];
    size_t n, len = 4u << 20;
    char *value = malloc(len);
    assert_non_null(value);
    memset(value, 'a', len);
    enum regex_result result = match_once("^(?:a|b)*c", false, bytes_of(value, len), 1000000, g, &n);
    assert_true(result == REGEX_NO || result == REGEX_LIMIT);
    free(value);
}

static void what_does_not_compile_is_said_with_its_place(void **state)
{
    struct regex_error e;
    assert_null(regex_compile(B("ab(c"), false, &e));
    assert_int_equal(e.offset, 4);
    assert_non_null(strstr(e.text, "parenthesis"));
}

/* Values are bytes: compiled code would read past the end of what is no UTF-8. */
static void an_expression_cannot_ask_for_utf(void **state)
{
    struct regex_error e;
    assert_null(regex_compile(B("(*UTF)(?!$\\w|\\X{0,2})[^]a]{,2}+"), false, &e));
    assert_non_null(strstr(e.text, "UTF"));
}

static void a_match_goes_on_from_an_offset(void **state)
{
    struct regex_error e;
    struct regex_limits limits = {1000, 1000};
    struct regex *r = regex_compile(B("\\bword"), false, &e);
    struct regex_scratch *s = regex_scratch_create(&limits);
    struct match g[REGEX_CAPTURES_MAX];
    size_t n;
    assert_int_equal(regex_match_from(r, s, B("word aword word"), 1, g, &n), REGEX_YES);
    at(true, &g[0], 11, 4); /* what stands before is context: `aword` is no match */
    assert_int_equal(regex_match_from(r, s, B("word"), 4, g, &n), REGEX_NO);
    regex_free(r);
    regex_scratch_free(s);
}

static void memory_that_runs_out_is_said(void **state)
{
    struct address_list l;
    struct bytes wrong;
    struct phrases p;
    arena_fail_at(arena, 1);
    assert_int_equal(address_list_parse(B("10.0.0.1"), arena, &l, &wrong), ADDRESS_LIST_MEMORY);
    for (uint64_t nth = 1; nth <= 6; nth++) {
        arena_fail_at(arena, nth);
        assert_int_equal(phrases_of_words(B("one"), compiled, arena, &p), PHRASES_MEMORY);
    }
    arena_fail_at(arena, 0);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(beginnings_ends_and_parts_are_found),
        CASE(an_empty_argument_is_found_everywhere),
        CASE(a_word_has_no_letters_beside_it),
        CASE(within_looks_for_the_value_in_the_argument),
        CASE(numbers_are_what_a_text_begins_with),
        CASE(bytes_outside_a_set_are_found),
        CASE(wrong_byte_sets_are_refused),
        CASE(broken_url_encoding_is_found),
        CASE(broken_utf8_is_found),
        CASE(check_digits_tell_numbers_from_digits),
        CASE(addresses_are_found_in_lists),
        CASE(what_is_no_address_is_refused),
        CASE(lists_agree_with_trying_each),
        CASE(phrases_are_found_whatever_their_case),
        CASE(of_phrases_that_end_together_the_longest_is_found),
        CASE(lines_of_a_file_are_phrases),
        CASE(no_phrases_find_nothing),
        CASE(expressions_mean_what_modsecurity_3_means),
        CASE(groups_are_captured),
        CASE(an_expression_that_explodes_comes_to_its_limit),
        CASE(a_long_value_does_not_exhaust_the_stack),
        CASE(what_does_not_compile_is_said_with_its_place),
        CASE(an_expression_cannot_ask_for_utf),
        CASE(a_match_goes_on_from_an_offset),
        CASE(memory_that_runs_out_is_said),
    };
    return cmocka_run_group_tests_name("waf-operators", tests, NULL, NULL);
}
