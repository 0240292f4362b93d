/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/moment.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "cli/options.h"

#define NOON 1795521600 /* 2026-11-24T12:00:00Z, from date(1) */

/* moment_asked's only need of the rest of the command line. */
static char complaint[256];
int wrong_usage(const char *verb, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(complaint, sizeof complaint, format, arguments);
    va_end(arguments);
    return 2;
}

static int64_t parsed(const char *text)
{
    int64_t at;
    if (!moment_parse(text, NOON, &at))
        fail_msg("not understood: %s", text);
    return at;
}

static void rfc3339_is_understood(void **state)
{
    assert_int_equal(parsed("2026-11-24T12:00:00Z"), NOON);
    assert_int_equal(parsed("2026-11-24t12:00:00z"), NOON);
    assert_int_equal(parsed("2026-11-24 12:00:00Z"), NOON);
    assert_int_equal(parsed("2026-11-24T13:00:00+01:00"), NOON);
    assert_int_equal(parsed("2026-11-23T23:30:00-12:30"), NOON);
    assert_int_equal(parsed("2026-11-24T12:00:00-00:00"), NOON);
    assert_int_equal(parsed("2026-11-24T12:00:00.999999999Z"), NOON);
    assert_int_equal(parsed("1970-01-01T00:00:00Z"), 0);
    assert_int_equal(parsed("1969-12-31T23:59:59Z"), -1);
    assert_int_equal(parsed("2024-02-29T00:00:00Z"), 1709164800);
    assert_int_equal(parsed("2000-02-29T00:00:00Z"), 951782400);
    assert_int_equal(parsed("2016-12-31T23:59:60Z"), parsed("2017-01-01T00:00:00Z")); /* a leap second */
    assert_int_equal(parsed("9999-12-31T23:59:59Z"), 253402300799);
    assert_int_equal(parsed("0000-01-01T00:00:00Z"), -62167219200);
}

static void seconds_may_be_left_out(void **state)
{
    assert_int_equal(parsed("2026-11-24T12:00Z"), NOON);
    assert_int_equal(parsed("2026-11-24T14:30+02:30"), NOON);
}

static void hour_and_minute_are_of_today_in_utc(void **state)
{
    int64_t at;
    assert_int_equal(parsed("12:00"), NOON);
    assert_int_equal(parsed("00:00"), NOON - 43200);
    assert_int_equal(parsed("23:59"), NOON + 43140);
    assert_true(moment_parse("01:00", -1, &at)); /* the last second of 1969 */
    assert_int_equal(at, -82800);
}

static void everything_else_is_refused(void **state)
{
    static const char *const wrong[] = {"",
                                        " ",
                                        "now",
                                        "noon",
                                        "12",
                                        "12:0",
                                        "1:00",
                                        "24:00",
                                        "12:60",
                                        "12:00:00",
                                        "12:00Z",
                                        " 12:00",
                                        "12:00 ",
                                        "-1:00",
                                        "+1:00",
                                        "2026-11-24",
                                        "2026-11-24T12:00",
                                        "2026-11-24T12:00:00",
                                        "2026-11-24T12Z",
                                        "2026-11-24Z",
                                        "2026-00-24T12:00Z",
                                        "2026-13-24T12:00Z",
                                        "2026-11-00T12:00Z",
                                        "2026-11-31T12:00Z",
                                        "2026-02-29T12:00Z",
                                        "2100-02-29T12:00Z",
                                        "2026-11-24T24:00Z",
                                        "2026-11-24T12:60Z",
                                        "2026-11-24T12:00:61Z",
                                        "2026-11-24T12:00:00.Z",
                                        "2026-11-24T12:00.5Z",
                                        "2026-11-24T12:00:00+1:00",
                                        "2026-11-24T12:00:00+0100",
                                        "2026-11-24T12:00:00+24:00",
                                        "2026-11-24T12:00:00+01:60",
                                        "2026-11-24T12:00ZZ",
                                        "26-11-24T12:00Z",
                                        "12026-11-24T12:00Z",
                                        "2026/11/24T12:00Z",
                                        "2026-11-24_12:00Z",
                                        "2026-11-24T12:00Z\n"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        int64_t at = 7;
        if (moment_parse(wrong[i], NOON, &at))
            fail_msg("understood: `%s`", wrong[i]);
        assert_int_equal(at, 7);
    }
}

static void no_beginning_of_a_time_is_a_time(void **state)
{
    static const char whole[] = "2026-11-24T12:00:00.5+01:00";
    for (size_t len = 0; len < sizeof whole - 1; len++) {
        char text[sizeof whole];
        int64_t at;
        memcpy(text, whole, len);
        text[len] = 0;
        assert_false(moment_parse(text, NOON, &at));
    }
}

static void what_was_asked_is_now_unless_it_says_otherwise(void **state)
{
    int64_t before = moment_now(), at;
    int status = 7;
    assert_true(moment_asked("why", NULL, &at, &status));
    assert_true(at >= before && at <= moment_now());
    assert_true(moment_asked("why", "2026-11-24T12:00Z", &at, &status));
    assert_int_equal(at, NOON);
    assert_int_equal(status, 7);
    assert_false(moment_asked("why", "noon", &at, &status));
    assert_int_equal(status, 2);
    assert_non_null(strstr(complaint, "`noon`"));
}

static void chance_is_not_always_the_same(void **state)
{
    uint64_t a, b;
    assert_true(chance(&a));
    assert_true(chance(&b));
    assert_true(a != b);
}

static void a_time_to_wait_is_told_in_its_two_largest_units(void **state)
{
    static const struct {
        uint64_t seconds;
        const char *told;
    } cases[] = {{0, "0 s"}, {1, "1 s"}, {119, "119 s"}, {120, "2 min"}, {3599, "59 min 59 s"}, {3600, "1 h"}, {5400, "1 h 30 min"},
        {86399, "23 h 59 min"}, {86400, "1 day"}, {172800 + 3 * 3600, "2 days 3 h"}, {86460, "1 day"}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct text t = text_new(64);
        seconds_print(cases[i].seconds, &t);
        assert_string_equal(text_cstr(&t), cases[i].told);
        text_free(&t);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_time_to_wait_is_told_in_its_two_largest_units),
        cmocka_unit_test(rfc3339_is_understood),
        cmocka_unit_test(seconds_may_be_left_out),
        cmocka_unit_test(hour_and_minute_are_of_today_in_utc),
        cmocka_unit_test(everything_else_is_refused),
        cmocka_unit_test(no_beginning_of_a_time_is_a_time),
        cmocka_unit_test(what_was_asked_is_now_unless_it_says_otherwise),
        cmocka_unit_test(chance_is_not_always_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
