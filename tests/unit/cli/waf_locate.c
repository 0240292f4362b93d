/* SPDX-License-Identifier: Apache-2.0 */
/* Where a value that a rule saw stands in the raw message. */
#include "tests/unit/base/check.h"

#include "cli/waf_locate.h"

#define MESSAGE "POST /a%2Fb?q=one%20two&r=One+Two HTTP/1.1\r\nHost: h\r\nX-A:  b\r\nCookie: c=one; d=two\r\n\r\nq=three&n=%00x&e="

/* The bytes found; "(none)". */
static void located(const char *variable, struct bytes value, size_t offset, size_t length, const char *expected)
{
    struct bytes message = bytes_of_text(MESSAGE);
    struct located l;
    bool found = waf_locate(message, bytes_of_text(variable), value, offset, length, &l);
    if (!found) {
        assert_string_equal("(none)", expected);
        return;
    }
    assert_true(l.from <= l.to && l.to <= message.len);
    if (!bytes_equal(bytes_slice(message, l.from, l.to - l.from), bytes_of_text(expected)))
        fail_msg("%s: `%.*s`, not `%s`", variable, (int)(l.to - l.from), MESSAGE + l.from, expected);
}

static void values_are_found_behind_their_names(void **state)
{
    located("ARGS:q", bytes_of_text("one two"), 4, 3, "two");
    located("ARGS:r", bytes_of_text("one two"), 3, 4, "+Two");
    located("ARGS:q", bytes_of_text("three"), 0, 5, "three");
    located("ARGS:n", bytes_of("\0x", 2), 0, 2, "%00x");
    located("REQUEST_COOKIES:d", bytes_of_text("two"), 0, 3, "two");
    located("REQUEST_HEADERS:X-A", bytes_of_text("b"), 0, 1, "b");
    located("REQUEST_FILENAME", bytes_of_text("/a/b"), 2, 1, "%2F");
    located("REQUEST_HEADERS_NAMES:X-A", bytes_of_text("x-a"), 0, 3, "X-A");
}

static void what_matched_is_found_where_the_value_is_not(void **state)
{
    located("ARGS:q", bytes_of_text("(changed) two"), 10, 3, "two");
    located("ARGS:q", bytes_of_text("changed altogether"), 0, 7, "(none)");
}

static void counts_and_variables_of_rules_stand_nowhere(void **state)
{
    located("ARGS", bytes_of_text("1"), 0, 1, "(none)");
    located("REQUEST_HEADERS:X-B", bytes_of_text("h"), 0, 1, "(none)");
    located("TX:score", bytes_of_text("1"), 0, 1, "(none)");
    located("ARGS:e", bytes_of_text(""), 0, 0, "(none)");
    located("", bytes_of_text("h"), 0, 1, "(none)");
}

static void offsets_beyond_the_value_do_no_harm(void **state)
{
    located("ARGS:q", bytes_of_text("one two"), 7, 0, "");
    struct located l;
    (void)!waf_locate(bytes_of_text(MESSAGE), bytes_of_text("ARGS:q"), bytes_of_text("one two"), 100, 100, &l);
    assert_false(waf_locate((struct bytes){0}, bytes_of_text("ARGS:q"), bytes_of_text("x"), 0, 1, &l));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_found_behind_their_names),
        cmocka_unit_test(what_matched_is_found_where_the_value_is_not),
        cmocka_unit_test(counts_and_variables_of_rules_stand_nowhere),
        cmocka_unit_test(offsets_beyond_the_value_do_no_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
