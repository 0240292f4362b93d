/* SPDX-License-Identifier: Apache-2.0 */
/* Where a match may begin: no place is missed, and what PCRE2 is given no more is where none begins. */
#include "waf/operator/begins.h"

#include "tests/differential/random.h"
#include "tests/unit/base/check.h"
#include "waf/operator/regex.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdio.h>

#define SEED 20260202
#define VALUES 3000
#define VALUE_MAX 100

static bool may_begin(const char *heads, bool at_line, struct bytes value, size_t i)
{
    if (at_line && (i == 0 || value.at[i - 1] == '\n'))
        return true;
    return i < value.len && (value.at[i] < ' ' || value.at[i] >= 0x7f || strchr(heads, value.at[i]));
}

static struct bytes make_value(struct random *r, const char *heads, uint8_t room[VALUE_MAX])
{
    size_t len = random_below(r, VALUE_MAX + 1);
    uint32_t many = random_below(r, 4) * 10; /* percent of bytes at which a match may begin */
    for (size_t i = 0; i < len; i++) {
        room[i] = (uint8_t)(' ' + random_below(r, 0x5f));
        if (random_chance(r, many))
            room[i] = random_chance(r, 50) ? (uint8_t)heads[random_below(r, (uint32_t)strlen(heads))] : (uint8_t)"\n\r\x7f\xff\x80"[random_below(r, 5)];
    }
    return bytes_of(room, len);
}

/* From where the search stands to `first`, from `last` to `next`, and of a search that finds nothing all of it: nowhere. */
static void must_have_all(const struct begins *b, const char *heads, bool at_line, struct bytes value)
{
    size_t from = 0, next = 0;
    while (next < value.len || !value.len) {
        struct places at = {0};
        bool found = begins_next(b, value, next, &at);
        assert_true(at.next > next || !value.len);
        next = at.next;
        if (found) {
            assert_true(at.first <= at.last && at.last <= value.len);
            assert_true(may_begin(heads, at_line, value, at.first) && may_begin(heads, at_line, value, at.last));
        }
        for (; from < (found ? at.first : next) && from <= value.len; from++)
            assert_false(may_begin(heads, at_line, value, from));
        from = found ? at.last + 1 : from;
        for (; from < next && from <= value.len; from++)
            assert_false(may_begin(heads, at_line, value, from));
        if (!value.len)
            break;
    }
    for (; from <= value.len; from++)
        assert_false(may_begin(heads, at_line, value, from));
}

static void no_place_is_passed_over(void **state)
{
    static const struct {
        const char *expression, *heads;
        bool at_line;
    } cases[] = {{"(?:^|=)a", "=", true}, {"(?:;|\\{|\\n|`|\\$\\()", ";{`$", false}, {"[a-f]|[ ~]x", "abcdefABCDEF ~", false}, {"(?:^|[!-/])", "!\"#$%&'()*+,-./", true}};
    struct random r = {SEED};
    print_message("# seed %d\n", SEED);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct begins b;
        uint8_t room[VALUE_MAX];
        begins_read(bytes_of_text(cases[i].expression), &b);
        assert_true(b.known);
        assert_int_equal(b.at_line, cases[i].at_line);
        for (int n = 0; n < VALUES; n++)
            must_have_all(&b, cases[i].heads, cases[i].at_line, make_value(&r, cases[i].heads, room));
    }
}

static bool is_known(const char *expression)
{
    struct begins b;
    begins_read(bytes_of_text(expression), &b);
    return b.known;
}

static void what_may_begin_anywhere_is_not_known(void **state)
{
    assert_true(is_known("[0-9]+"));
    assert_true(is_known("a|b|c"));
    assert_false(is_known("[a-z]+"));
    assert_false(is_known("a?"));
    assert_false(is_known("."));
    assert_false(is_known("(?:^|\\b)a*"));
    assert_false(is_known("(a)|\\1"));
    assert_false(is_known("(?:"));
}

/* The library, searching by itself, is who is right. */
static void matches_are_those_of_the_whole_search(void **state)
{
    static const char *const expressions[] = {"(?:^|=)\\s*[a-z]", "(?:;|\\n|&)+b", "(?:^|;)$", "[;=]\\Kx|\\n", "(?<==)a|;", "(?:;|^)\\Z|=\\z", "(?<!;)=(?=.)|^b", "=|;|^\\s"};
    static const char bytes[] = "ab=;&\n\n x\r\x80";
    struct random r = {SEED};
    struct regex_scratch *scratch = regex_scratch_create(&(struct regex_limits){100000, 1000});
    pcre2_match_data *data = pcre2_match_data_create(1, NULL);
    size_t matches = 0;
    for (size_t i = 0; i < sizeof expressions / sizeof *expressions; i++) {
        struct bytes e = bytes_of_text(expressions[i]);
        struct regex_error error;
        int code;
        PCRE2_SIZE offset;
        struct regex *ours = regex_compile(e, false, &error);
        pcre2_code *theirs = pcre2_compile(e.at, e.len, regex_options(false) & ~(uint32_t)PCRE2_USE_OFFSET_LIMIT, &code, &offset, NULL);
        assert_true(ours && theirs && is_known(expressions[i]));
        for (int n = 0; n < VALUES; n++) {
            uint8_t room[VALUE_MAX];
            struct match found[REGEX_CAPTURES_MAX];
            size_t count, len = random_below(&r, VALUE_MAX + 1);
            uint32_t many = random_below(&r, 30);
            for (size_t k = 0; k < len; k++)
                room[k] = random_chance(&r, many) ? (uint8_t)bytes[random_below(&r, sizeof bytes - 1)] : '.';
            bool is = pcre2_match(theirs, room, len, 0, 0, data, NULL) >= 0;
            assert_int_equal(regex_match(ours, scratch, bytes_of(room, len), found, &count), is ? REGEX_YES : REGEX_NO);
            if (is)
                assert_int_equal(found[0].offset, pcre2_get_ovector_pointer(data)[0]);
            matches += is;
        }
        pcre2_code_free(theirs);
        regex_free(ours);
    }
    assert_true(matches > VALUES);
    pcre2_match_data_free(data);
    regex_scratch_free(scratch);
}

struct asked {
    size_t count, most;
};

static bool count_to_most(void *context)
{
    struct asked *a = context;
    return ++a->count < a->most;
}

static uint64_t no_time(void *context)
{
    return 0;
}

/* Places of their own, each far from the others, and each as slow as the value is long. */
static void the_watch_is_asked_between_places(void **state)
{
    enum { LEN = 1 << 20, APART = 64 };
    struct asked asked = {0, 20};
    struct regex_scratch *scratch = regex_scratch_create(&(struct regex_limits){1000000, 1000});
    struct regex_error error;
    struct regex *r = regex_compile(bytes_of_text("(?:;|&)z"), false, &error);
    uint8_t *value = malloc(LEN);
    assert_non_null(value);
    memset(value, '.', LEN);
    for (size_t i = 0; i < LEN; i += APART)
        value[i] = ';';
    regex_scratch_watch(scratch, (struct regex_watch){count_to_most, no_time, &asked});
    assert_int_equal(regex_match(r, scratch, bytes_of(value, LEN), NULL, NULL), REGEX_STOPPED);
    assert_int_equal(asked.count, asked.most);
    free(value);
    regex_free(r);
    regex_scratch_free(scratch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_place_is_passed_over), cmocka_unit_test(what_may_begin_anywhere_is_not_known),
        cmocka_unit_test(matches_are_those_of_the_whole_search), cmocka_unit_test(the_watch_is_asked_between_places),
    };
    return cmocka_run_group_tests_name("waf-begins", tests, NULL, NULL);
}
