/* SPDX-License-Identifier: Apache-2.0 */
/* Conditions: what each operator and function is worth, what is refused and where, and the bounds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "policy/condition.h"
#include "zones.h"

#include <stdio.h>
#include <stdlib.h>

/* 2026-01-31T18:45:07Z, a Saturday. */
#define NOW INT64_C(1769885107)

struct fixture {
    struct arena *arena;
    struct diags diags;
    struct condition *condition;
};

static struct fixture parse_at(const char *source, size_t len, struct place place)
{
    struct fixture f = {.arena = arena_create(64 << 20)};
    assert_non_null(f.arena);
    f.diags = diags_new(f.arena);
    char *copy = malloc(len + 1); /* the condition must not need its source any longer */
    assert_non_null(copy);
    memcpy(copy, source, len);
    f.condition = condition_parse(bytes_of(copy, len), place, f.arena, &f.diags);
    free(copy);
    return f;
}

static struct fixture parse(const char *source)
{
    return parse_at(source, strlen(source), (struct place){.line = 1, .column = 1});
}

/* `zone`: as zone_made() takes it, or NULL. */
static enum truth truth_at(const char *source, int64_t now, const char *zone)
{
    struct fixture f = parse(source);
    if (!f.condition)
        fail_msg("%s: %s", source, f.diags.count ? f.diags.items[0].message : "no diagnostic");
    struct facts facts = {.now = now, .zone = zone ? zone_made(zone, f.arena) : NULL};
    enum truth t = condition_evaluate(f.condition, &facts);
    arena_destroy(f.arena);
    return t;
}

static void expect_truth(const char *const *sources, enum truth wanted)
{
    for (; *sources; sources++) {
        enum truth t = truth_at(*sources, NOW, NULL);
        if (t != wanted)
            fail_msg("`%s` is %d, not %d", *sources, (int)t, (int)wanted);
    }
}

#define ALL_TRUE(...) expect_truth((const char *const[]){__VA_ARGS__, NULL}, TRUTH_TRUE)
#define ALL_FALSE(...) expect_truth((const char *const[]){__VA_ARGS__, NULL}, TRUTH_FALSE)
#define ALL_UNKNOWN(...) expect_truth((const char *const[]){__VA_ARGS__, NULL}, TRUTH_UNKNOWN)

/* ---- worth ---- */

static void literals_are_what_they_say(void **state)
{
    (void)state;
    ALL_TRUE("true", "!false", "10 == 0xA", "0Xff == 255", "9223372036854775807 > 0", "-9223372036854775808 < 0",
             "18446744073709551615u > 0u", "0xfu == 15u", "12U == 12u", "1.5 == 15e-1", "1e2 == 100.0", ".5 == 0.5", "-1.5 < 0.0",
             "\"a\" == 'a'", "'\\x41\\u0042\\U00000043\\104' == 'ABCD'", "r'\\n' == '\\\\n'", "R\"a\" == 'a'",
             "'\\a\\b\\f\\n\\r\\t\\v' == '\\x07\\x08\\x0c\\x0a\\x0d\\x09\\x0b'", "'\\?\\`\\'\\\"' == \"?`'\\\"\"", "'\\xff' == '\\377'",
             "'\\xe9' == '\xc3\xa9'", "[1, 2,] == [1, 2]", "[] == []", "[[1], []] == [[1], []]", "true // said so", "- 5 == -5",
             "--5 == 5", "0 == -0");
}

static void comparisons_order_every_type(void **state)
{
    (void)state;
    ALL_TRUE("1 < 2", "2 <= 2", "3 > 2", "2 >= 2", "1 != 2", "1u < 2u", "1.0 < 1.5", "false < true", "true >= true", "'a' < 'b'",
             "'a' < 'aa'", "'Z' < 'a'", "'\xc3\xa9' > 'z'", "duration('1s') < duration('2s')", "duration('60s') == duration('1m')",
             "timestamp('2026-01-01T00:00:00Z') < timestamp('2026-01-01T00:00:00.5Z')",
             "timestamp('2026-01-01T01:00:00+01:00') == timestamp('2026-01-01T00:00:00Z')", "[1, 2] != [1]", "[1, 2] != [1, 3]",
             "0.0 == -0.0", "0.0 / 0.0 != 0.0 / 0.0", "1.0 / 0.0 > 1e22");
    ALL_FALSE("2 < 1", "2 < 2", "2 > 2", "1 == 2", "1 != 1", "0.0 / 0.0 == 0.0 / 0.0", "0.0 / 0.0 <= 1.0", "0.0 / 0.0 >= 1.0", "[1] == []",
              "'a' == 'A'");
}

static void arithmetic_is_exact(void **state)
{
    (void)state;
    ALL_TRUE("1 + 2 * 3 == 7", "(1 + 2) * 3 == 9", "10 - 3 - 2 == 5", "7 / 2 == 3", "-7 / 2 == -3", "-7 % 2 == -1", "7 % -2 == 1",
             "12 / 2 * 3 == 18", "7u / 2u == 3u", "7u % 4u == 3u", "5u - 5u == 0u", "1.5 + 1.5 == 3.0", "3.0 / 2.0 == 1.5", "-(1 + 1) == -2",
             "'a' + 'b' == 'ab'", "[1] + [2, 3] == [1, 2, 3]", "[] + [1] == [1]", "2.5 - 0.5 == 2.0", "2.0 * 4.0 == 8.0");
}

static void arithmetic_that_leaves_its_range_is_unknown(void **state)
{
    (void)state;
    ALL_UNKNOWN("9223372036854775807 + 1 == 0", "-9223372036854775808 - 1 == 0", "9223372036854775807 * 2 == 0", "1 / 0 == 0", "1 % 0 == 0",
                "-9223372036854775808 / -1 == 0", "-9223372036854775808 % -1 == 0", "-(-9223372036854775808) == 0", "0u - 1u == 0u",
                "18446744073709551615u + 1u == 0u", "18446744073709551615u * 2u == 0u", "1u / 0u == 0u", "1u % 0u == 0u",
                "timestamp('9999-12-31T23:59:59Z') + duration('1s') == now", "timestamp('0001-01-01T00:00:00Z') - duration('1ns') == now",
                "timestamp('9999-12-31T23:59:59Z') - timestamp('0001-01-01T00:00:00Z') == duration('0')",
                "duration('2562047h') + duration('2562047h') == duration('0')");
}

static void unknown_is_absorbed_from_either_side(void **state)
{
    (void)state;
    ALL_TRUE("1 / 0 == 1 || true", "true || 1 / 0 == 1", "1 / 0 == 1 || false || true", "!(1 / 0 == 1 && false)",
             "[0, 1].exists(x, 1 / x == 1)", "[1, 0].exists(x, 1 / x == 1)", "true ? true : 1 / 0 == 1", "false ? 1 / 0 == 1 : true");
    ALL_FALSE("1 / 0 == 1 && false", "false && 1 / 0 == 1", "[0, 2].all(x, 1 / x == 1)", "[2, 0].all(x, 1 / x == 1)",
              "1 / 0 == 1 && 1 / 0 == 2 && false");
    ALL_UNKNOWN("1 / 0 == 1", "!(1 / 0 == 1)", "1 / 0 == 1 || false", "false || 1 / 0 == 1", "1 / 0 == 1 && true", "true && 1 / 0 == 1",
                "1 / 0 == 1 || 1 / 0 == 1", "1 / 0 == 1 && 1 / 0 == 1", "[0, 2].exists(x, 1 / x == 1)", "[0, 1].all(x, 1 / x == 1)",
                "1 / 0 == 1 ? true : true", "[1 / 0] == [1]", "1 in [1, 1 / 0]", "[1][1] == 1", "[1][-1] == 1", "[][0] == 1",
                "(true || 1 / 0 == 1) == (1 / 0 == 1)");
}

static void lists_are_searched_and_indexed(void **state)
{
    (void)state;
    ALL_TRUE("1 in [1, 2]", "!(3 in [1, 2])", "'a' in ['a']", "[1] in [[1], [2]]", "[10, 20][1] == 20", "[[1, 2], [3]][0][1] == 2",
             "size([1, 2]) == 2", "[].size() == 0", "[1, 2, 3].exists(x, x == 2)", "[1, 2, 3].all(x, x > 0)", "[].all(x, x == 1)",
             "[1, 2].exists(x, [2, 4].exists(y, y == 2 * x && x == 2))", "[1].exists(now, now == 1)", "[1, 2].all(x, [x].exists(x, x > 0))",
             "now.hour in [18] + [19]", "[now.hour, 3][0] == 18");
    ALL_FALSE("[].exists(x, x == 1)", "1 in []", "[1, 2, 3].all(x, x < 3)");
}

static void string_functions_work_on_characters(void **state)
{
    (void)state;
    ALL_TRUE("size('') == 0", "size('\xc3\xa9') == 1", "'abc'.size() == 3", "'abc'.startsWith('ab')", "'abc'.startsWith('')", "!'abc'.startsWith('bc')",
             "'abc'.endsWith('bc')", "!'abc'.endsWith('abcd')", "'abc'.contains('b')", "'abc'.contains('')", "!'abc'.contains('ac')",
             "''.contains('')", "!''.contains('a')");
}

static void matches_searches_with_the_syntax_of_re2(void **state)
{
    (void)state;
    ALL_TRUE("'abc'.matches('b')", "matches('abc', 'b')", "'abc'.matches('^abc$')", "!'abc'.matches('^b')", "'a\\nb'.matches('(?m)^b')",
             "!'a\\n'.matches('a$')", "'ABC'.matches('(?i)abc')", "'ABC'.matches('(?i:abc)')", "''.matches('')", "'x'.matches('')", "'aaa'.matches('^a{3}$')",
             "'foobar'.matches('(?P<x>foo|baz)(?:bar)')", "'\xc3\xa9'.matches('^.$')", "!'a\\nb'.matches('a.b')", "'a\\nb'.matches('(?s)a.b')",
             "'a1'.matches(r'^\\w\\d$')", "'a]'.matches('[]]')", "'a-b'.matches(r'\\bb\\b')", "['a', 'b'].exists(x, x.matches('b'))",
             "'*('.matches(r'\\*\\(')", "'a+'.matches('[*+]+')", "'(?='.matches('[(?=]+')");
}

static void times_have_fields_in_local_time(void **state)
{
    (void)state;
    ALL_TRUE("now.year == 2026 && now.month == 1 && now.day == 31", "now.hour == 18 && now.minute == 45 && now.second == 7", "now.weekday == 6",
             "now.getFullYear() == 2026", "now.getMonth() == 0", "now.getDate() == 31", "now.getDayOfMonth() == 30", "now.getDayOfWeek() == 6",
             "now.getDayOfYear() == 30", "now.getHours() == 18", "now.getMinutes() == 45", "now.getSeconds() == 7",
             "now == timestamp('2026-01-31T18:45:07Z')", "timestamp('2024-02-29T00:00:00Z').getDayOfYear() == 59",
             "timestamp('2024-12-31T23:00:00Z').getDayOfYear() == 365", "timestamp('1969-12-31T23:59:59Z').getFullYear() == 1969",
             "timestamp('0001-01-01T00:00:00Z').getDayOfWeek() == 1", "timestamp('9999-12-31T23:59:59.999999999Z').year == 9999",
             "(now + duration('6h')).day == 1 && (now + duration('6h')).month == 2");
    assert_int_equal(truth_at("now.hour == 0 && now.minute == 15 && now.day == 1 && now.month == 2 && now.weekday == 0", NOW, "<+0530>-5:30"), TRUTH_TRUE);
    assert_int_equal(truth_at("now.hour == 23 && now.day == 30", NOW, "<-19>19"), TRUTH_TRUE);
    assert_int_equal(truth_at("now.year == 1969 && now.day == 31", -1, NULL), TRUTH_TRUE);
    assert_int_equal(truth_at("now.year > 0", INT64_MAX, NULL), TRUTH_UNKNOWN);
    assert_int_equal(truth_at("now.year > 0", INT64_MIN, "<-00>0:00:01"), TRUTH_UNKNOWN);
}

/* 2026-03-29: Berlin's clock goes from 2:00 to 3:00 at 1:00 UTC. */
#define SPRING INT64_C(1774746000)
/* 2026-10-25: from 3:00 back to 2:00 at 1:00 UTC. */
#define AUTUMN INT64_C(1792890000)

static void an_hour_can_be_missing_and_stand_twice(void **state)
{
    (void)state;
    static const struct {
        const char *source;
        int64_t now;
        enum truth truth;
    } cases[] = {
        {"now.hour == 1 && now.minute == 59 && now.second == 59", SPRING - 1, TRUTH_TRUE},
        {"now.hour == 3 && now.minute == 0", SPRING, TRUTH_TRUE},
        {"now.hour == 2", SPRING - 1, TRUTH_FALSE},
        {"now.hour == 2", SPRING, TRUTH_FALSE},
        {"now.hour == 2 && now.minute == 30", AUTUMN - 1800, TRUTH_TRUE},
        {"now.hour == 2 && now.minute == 30", AUTUMN + 1800, TRUTH_TRUE},
        {"now.hour == 2 && now.minute == 59", AUTUMN - 1, TRUTH_TRUE},
        {"now.hour == 2 && now.minute == 0", AUTUMN, TRUTH_TRUE},
        {"now.hour == 3", AUTUMN + 3600, TRUTH_TRUE},
        {"now.getHours() == 2 && now.getDayOfWeek() == 0 && now.getDate() == 25", AUTUMN, TRUTH_TRUE},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        if (truth_at(cases[i].source, cases[i].now, "Europe/Berlin") != cases[i].truth)
            fail_msg("`%s` at %lld", cases[i].source, (long long)cases[i].now);
}

static void a_timestamp_is_a_moment_and_has_the_fields_of_its_own_moment(void **state)
{
    (void)state;
    static const char *const true_in_winter[] = {
        "now == timestamp('2026-01-31T18:45:07Z')", "now == timestamp('2026-01-31T19:45:07+01:00')", "now < timestamp('2026-01-31T18:45:08Z')",
        "now.hour == 19", "timestamp('2026-07-01T12:00:00Z').hour == 14", "timestamp('2026-07-01T12:00:00+02:00').getHours() == 12",
        "(now + duration('4320h')).hour == 20", "now + duration('1h') - now == duration('1h')",
        "timestamp('2026-07-01T23:00:00Z').day == 2 && timestamp('2026-12-31T23:00:00Z').year == 2027",
    };
    for (size_t i = 0; i < sizeof true_in_winter / sizeof true_in_winter[0]; i++)
        if (truth_at(true_in_winter[i], NOW, "Europe/Berlin") != TRUTH_TRUE)
            fail_msg("`%s`", true_in_winter[i]);
}

static void the_next_change_is_that_of_the_clock_on_the_wall(void **state)
{
    (void)state;
    static const struct {
        const char *source, *zone;
        int64_t from, change;
    } cases[] = {
        {"now.hour >= 2", "Europe/Berlin", SPRING - 3000, SPRING},          /* 2:00 does not exist: at 3:00 */
        {"now.hour >= 4", "Europe/Berlin", SPRING - 3000, SPRING + 3600},
        {"now.hour >= 3", "Europe/Berlin", AUTUMN - 3000, AUTUMN + 3600},   /* 2:59:59 comes twice */
        {"now.minute < 30", "Europe/Berlin", AUTUMN - 1800, AUTUMN},
        {"now.hour == 2 && now.minute >= 30", "Europe/Berlin", AUTUMN - 1800, AUTUMN},
        {"now.hour == 1", "Australia/Lord_Howe", 1775314800, 1775316600},   /* 2026-04-05: 1:30 to 2:00 is there twice */
        {"now.hour == 0", "Asia/Kathmandu", NOW, 1769886900},               /* at 19:15 UTC */
        {"now.day == 30", "Europe/Berlin", SPRING - 3600, SPRING + 21 * 3600}, /* a day of 23 hours */
        {"now.day == 26", "Europe/Berlin", AUTUMN - 7200, AUTUMN + 22 * 3600}, /* and of 25, of which 3 are over */
        {"now.hour == 0", "AAA0BBB-2,M2.4.4/-1:30,M3.1.1", 1708553000, 1708554600}, /* 22:30 becomes 0:30 */
        {"now.weekday == 4", "AAA0BBB-2,M2.4.4/-1:30,M3.1.1", 1708553000, 1708554600}, /* and Wednesday Thursday */
        {"now.hour == 20 && now.second == 59", "Europe/Berlin", NOW, 1769886059}, /* in its first minute */
        {"now.hour == 20 && now.minute == 59", "Europe/Berlin", NOW, 1769889540},
        {"(now + duration('30m')).hour >= 3", "Europe/Berlin", SPRING - 7000, SPRING - 1800},
        {"(now - duration('30m')).hour >= 3", "Europe/Berlin", SPRING - 100, SPRING + 1800},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct fixture f = parse(cases[i].source);
        assert_non_null(f.condition);
        struct facts from = {.now = cases[i].from, .zone = zone_made(cases[i].zone, f.arena)};
        int64_t change = condition_next_change(f.condition, &from, cases[i].change + 7200);
        if (change != cases[i].change)
            fail_msg("`%s` changes at %lld, said %lld", cases[i].source, (long long)cases[i].change, (long long)change);
        arena_destroy(f.arena);
    }
}

static void times_and_durations_add_up(void **state)
{
    (void)state;
    ALL_TRUE("now + duration('1h') > now", "now - duration('1h30m') == timestamp('2026-01-31T17:15:07Z')",
             "now - timestamp('2026-01-31T18:45:00Z') == duration('7s')", "duration('1h') + now == now + duration('1h')",
             "duration('1.5s') == duration('1500ms')", "duration('-1h') < duration('0')", "duration('1h1m1s1ms1us1ns') > duration('1h1m1s1ms1us')",
             "duration('1\xc2\xb5s') == duration('1us')", "duration('90m').getHours() == 1", "duration('90m').getMinutes() == 90",
             "duration('-1.9s').getSeconds() == -1", "duration('1h') - duration('90m') == duration('-30m')",
             "duration('-9223372036854775808ns') < duration('0')", "duration('+.5s') == duration('500ms')",
             "timestamp('2026-01-01T00:00:00.000000001Z') - timestamp('2026-01-01T00:00:00Z') == duration('1ns')");
}

/* ---- what is refused ---- */

static const struct refusal {
    const char *source;
    unsigned offset, width;
    const char *message, *hint; /* NULL: any */
} refusals[] = {
    {"now.hour >= \"1\"", 0, 15, "`>=` compares int with string", "write the number without quotation marks"},
    {"true && now.hour >= 'x'", 8, 15, "`>=` compares int with string", NULL},
    {"now.hour", 0, 8, "a condition is bool, not int", NULL},
    {"true && 1", 8, 1, "`&&` wants bool, not int", NULL},
    {"(1 + 2) || true", 0, 7, "`||` wants bool, not int", NULL},
    {"!1", 1, 1, "`!` wants bool, not int", NULL},
    {"-true", 1, 4, "`-` wants int or double, not bool", NULL},
    {"-1u == 1u", 1, 2, "`-` wants int or double, not uint", NULL},
    {"1 + 1u == 2", 0, 6, "`+` cannot be applied to int and uint", NULL},
    {"1.0 % 2.0 == 0.0", 0, 9, "`%` cannot be applied to double and double", NULL},
    {"now + now == now", 0, 9, "`+` cannot be applied to timestamp and timestamp", NULL},
    {"1 == 1.0", 0, 8, "`==` compares int with double", NULL},
    {"[1] < [2]", 0, 9, "`<` has no meaning for a list of int", NULL},
    {"1 in 2", 5, 1, "`in` looks into a list, not into int", NULL},
    {"'a' in [1]", 0, 10, "`in` looks for string in a list of int", NULL},
    {"[1, 'a'] == []", 4, 3, "a list of int cannot hold string", NULL},
    {"1[0] == 1", 0, 1, "only a list has an index, not int", NULL},
    {"[1]['a'] == 1", 4, 3, "an index is int, not string", NULL},
    {"1 ? true : false", 0, 1, "`?` wants bool, not int", NULL},
    {"true ? 1 : 'a'", 0, 14, "`?:` chooses between int and string", NULL},
    {"size(1) == 1", 5, 1, "`size` wants string or list, not int", NULL},
    {"size() == 1", 0, 6, "`size` takes 1 argument, not 0", NULL},
    {"'a'.startsWith(1)", 15, 1, "`startsWith` wants string, not int", NULL},
    {"startsWith('a', 'b')", 0, 20, "`startsWith` is called on a value: write `value.startsWith(...)`", NULL},
    {"'2026'.timestamp() == now", 0, 18, "`timestamp` is not called on a value: write `timestamp(...)`", NULL},
    {"now.hours == 1", 0, 9, "timestamp has no member `hours`", "did you mean `hour`?"},
    {"now.getHour() == 1", 0, 13, "unknown function `getHour`", "did you mean `getHours`?"},
    {"now.getHours('UTC') == 1", 13, 5, "`getHours` takes no argument", "the time zone is the policy's `timezone:`"},
    {"'a'.getHours() == 1", 0, 3, "`getHours` wants timestamp, not string", NULL},
    {"1.exists(x, true)", 0, 1, NULL, NULL},
    {"[1].exists(x, x)", 14, 1, "`exists` wants bool, not int", NULL},
    {"nwo.hour == 1", 0, 3, "unknown name `nwo`", "did you mean `now`?"},
    {"[1].exists(xyz, xzy == 1)", 16, 3, "unknown name `xzy`", "did you mean `xyz`?"},
    {"hour == 1", 0, 4, "unknown name `hour`", "write `now.hour`"},
    {"user == 'a'", 0, 4, "the kernel decides packets and never knows `user`", "a rule about users belongs to a gateway, which is not enforced yet"},
    {"true || 'x' in user.groups", 15, 4, "the kernel decides packets and never knows `user`", NULL},
    {"group.name == 'x'", 0, 5, "the kernel decides packets and never knows `group`", NULL},
    {"device.healthy", 0, 6, "the kernel decides packets and never knows `device`", NULL},
    {"request.path.startsWith('/a')", 0, 7, "the kernel decides packets and never knows `request`", NULL},
    {"source.country == 'DE'", 0, 14, "the kernel decides packets and never knows `source.country`", NULL},
    {"source.address == 'x'", 0, 6, "a condition does not know `source`", "who calls stands in the rule's `from:`"},
    {"location == 'x'", 0, 8, "the kernel decides packets and never knows `location`", NULL},
    {"risk < 40", 0, 4, "the kernel decides packets and never knows `risk`", NULL},
    {"data.classification == 'x'", 0, 4, "the kernel decides packets and never knows `data`", NULL},
    {"timestamp('2026-02-29T00:00:00Z') < now", 10, 22, "not a time of RFC 3339", NULL},
    {"timestamp('2026-01-01') < now", 10, 12, "not a time of RFC 3339", NULL},
    {"timestamp('2026-01-01T24:00:00Z') < now", 10, 22, "not a time of RFC 3339", NULL},
    {"timestamp('0001-01-01T00:00:00+00:01') < now", 10, 27, "not a time of RFC 3339", NULL},
    {"duration('1') < duration('1s')", 9, 3, "not a duration", NULL},
    {"duration('') < duration('1s')", 9, 2, "not a duration", NULL},
    {"duration('1h ') < duration('1s')", 9, 5, "not a duration", NULL},
    {"duration('2562048h') < duration('1s')", 9, 10, "not a duration", NULL},
    {"'a'.matches('(')", 12, 3, NULL, "patterns have the syntax of RE2"},
    {"'a'.matches(')(')", 12, 4, NULL, NULL},
    {"'a'.matches('(?=a)')", 12, 7, "not a pattern: a group that RE2 does not have", NULL},
    {"'a'.matches('(?<!a)')", 12, 8, "not a pattern: a group that RE2 does not have", NULL},
    {"'a'.matches(r'(a)\\1')", 12, 8, "not a pattern: an escape that RE2 does not have", NULL},
    {"'a'.matches('(?R)')", 12, 6, "not a pattern: a group that RE2 does not have", NULL},
    {"['a'].exists(x, 'a'.matches(x))", 28, 1, "the pattern of `matches` has to be a constant", NULL},
    {"9223372036854775808 > 0", 0, 19, "this number does not fit into an int of 64 bits", NULL},
    {"-9223372036854775809 < 0", 0, 20, "this number does not fit into an int of 64 bits", NULL},
    {"18446744073709551616u > 0u", 0, 21, "this number does not fit into 64 bits", NULL},
    {"0x10000000000000000 > 0", 0, 19, "this number does not fit into 64 bits", NULL},
    {"0x > 0", 0, 2, NULL, NULL},
    {"1e23 > 0.0", 0, 4, "this number cannot be kept exactly", NULL},
    {"1e > 0.0", 0, 2, NULL, NULL},
    {"1a > 0", 0, 2, "this is not a number", NULL},
    {"'abc", 0, 4, "this string has no end", NULL},
    {"'a\\q' == 'a'", 2, 2, "this is not an escape sequence", NULL},
    {"'\\ud800' == 'a'", 1, 6, "this escape is not a character", NULL},
    {"'\\400' == 'a'", 1, 4, "this escape is not a character", NULL},
    {"'\xff' == 'a'", 1, 1, "this is not UTF-8", NULL},
    {"b'a' == 'a'", 0, 1, "byte strings are not supported", NULL},
    {"true && ", 8, 1, "the condition ends where a value is expected", NULL},
    {"", 0, 1, "the condition ends where a value is expected", NULL},
    {"true and false", 5, 3, "expected an operator or the end, not `and`", "the logical and is written `&&`"},
    {"not true", 0, 3, "expected a value, not `not`", "the logical not is written `!`"},
    {"now.hour = 1", 9, 1, "`=` is not an operator", "`==` compares"},
    {"true & true", 5, 1, "`&` is not an operator", "`&&` is the logical and"},
    {"(true", 5, 1, "the condition ends where `)` is expected", NULL},
    {"null == 1", 0, 4, "`null` is a reserved word", NULL},
    {"{} == 1", 0, 1, "maps and messages are not supported", NULL},
    {"true ? true ? 1 : 2 : 3", 12, 1, "expected `:`, not `?`", NULL},
    {"true \x01", 5, 1, "the byte 0x01 has no place in a condition", NULL},
    {"true \xc3\xa9", 5, 2, "`\xc3\xa9` has no place in a condition", NULL},
};

static void every_mistake_is_refused_at_its_column(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
        const struct refusal *r = &refusals[i];
        struct fixture f = parse_at(r->source, strlen(r->source), (struct place){.line = 7, .column = 11});
        if (f.condition || f.diags.errors == 0)
            fail_msg("`%s` is accepted", r->source);
        const struct diag *d = &f.diags.items[0];
        if (d->place.line != 7 || d->place.column != 11 + r->offset || d->place.width != r->width)
            fail_msg("`%s`: offset %u width %u: %s", r->source, d->place.column - 11, d->place.width, d->message);
        if (r->message)
            assert_string_equal(d->message, r->message);
        if (r->hint && !d->hint)
            fail_msg("`%s`: no hint", r->source);
        if (r->hint)
            assert_string_equal(d->hint, r->hint);
        arena_destroy(f.arena);
    }
}

static void one_mistake_is_one_message_and_two_are_two(void **state)
{
    (void)state;
    struct fixture f = parse("user.name + 1 == 2 && now.hour == 'a' || !3");
    assert_null(f.condition);
    assert_int_equal(f.diags.errors, 3);
    arena_destroy(f.arena);
}

/* ---- bounds ---- */

/* `before` n times, `middle`, `after` n times. */
static struct fixture parse_nested(const char *before, const char *middle, const char *after, size_t n)
{
    size_t a = strlen(before), b = strlen(middle), c = strlen(after), at = 0;
    char *source = malloc(n * (a + c) + b + 1);
    assert_non_null(source);
    for (size_t i = 0; i < n; i++, at += a)
        memcpy(source + at, before, a);
    memcpy(source + at, middle, b);
    at += b;
    for (size_t i = 0; i < n; i++, at += c)
        memcpy(source + at, after, c);
    struct fixture f = parse_at(source, at, (struct place){.line = 1, .column = 1});
    free(source);
    return f;
}

static void assert_print_parses_again(struct fixture *f)
{
    struct text out = text_new(1 << 20);
    condition_print(f->condition, &out);
    struct fixture again = parse(text_cstr(&out));
    if (!again.condition)
        fail_msg("print does not parse: %s", again.diags.items[0].message);
    assert_true(condition_equal(f->condition, again.condition));
    text_free(&out);
    arena_destroy(again.arena);
}

static void nesting_ends_at_64_levels(void **state)
{
    (void)state;
    static const struct {
        const char *before, *middle, *after;
        size_t fits; /* times */
    } cases[] = {
        {"(", "true", ")", 63},         {"!", "true", "", 63},           {"", "true", " == true", 63},   {"[", "1", "][0]", 31},
        {"true ? true : ", "true", "", 63}, {"!(", "true", ")", 63},      {"[1].exists(x, ", "true", ")", 62}, {"size([", "1", "])", 31},
        {"true == (", "true", ")", 63}, {"!(true && (", "true", "))", 31}, {"true ? (", "true", ") : false", 63},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct fixture f = parse_nested(cases[i].before, cases[i].middle, cases[i].after, cases[i].fits);
        if (!f.condition && strcmp(f.diags.items[0].message, "nested more than 64 levels deep") == 0)
            fail_msg("`%s` does not nest %zu times", cases[i].before, cases[i].fits);
        if (f.condition)
            assert_print_parses_again(&f);
        arena_destroy(f.arena);
        for (size_t n = 65; n < 16000; n *= 6) {
            f = parse_nested(cases[i].before, cases[i].middle, cases[i].after, n);
            assert_null(f.condition);
            if (n * (strlen(cases[i].before) + strlen(cases[i].after)) < 60000)
                assert_string_equal(f.diags.items[0].message, "nested more than 64 levels deep");
            arena_destroy(f.arena);
        }
    }
}

static void nodes_and_source_are_bounded(void **state)
{
    (void)state;
    struct fixture f = parse_nested("true || ", "true", "", 4094);
    assert_non_null(f.condition);
    arena_destroy(f.arena);
    f = parse_nested("true || ", "true", "", 4096);
    assert_null(f.condition);
    assert_string_equal(f.diags.items[0].message, "the condition has more than 4096 parts");
    arena_destroy(f.arena);
    f = parse_nested(" ", "true", "", 65532);
    assert_non_null(f.condition);
    arena_destroy(f.arena);
    f = parse_nested(" ", "true", "", 65533);
    assert_null(f.condition);
    arena_destroy(f.arena);
    char source[16 + 5 * 3000] = "1.0 in [";
    size_t at = 8;
    for (size_t i = 0; i < 2900; i++, at += 5)
        memcpy(source + at, "1e22,", 5);
    source[at++] = ']';
    f = parse_at(source, at, (struct place){.line = 1, .column = 1});
    assert_null(f.condition);
    assert_string_equal(f.diags.items[0].message, "the condition is longer than 65536 bytes in its canonical form");
    arena_destroy(f.arena);
    source[8 + 5 * 2000] = ']';
    f = parse_at(source, 8 + 5 * 2000 + 1, (struct place){.line = 1, .column = 1});
    assert_non_null(f.condition);
    assert_print_parses_again(&f);
    arena_destroy(f.arena);
}

static void costly_evaluation_is_unknown(void **state)
{
    (void)state;
#define TEN "[0, 1, 2, 3, 4, 5, 6, 7, 8, 9]"
    ALL_TRUE(TEN ".all(a, " TEN ".all(b, " TEN ".all(c, a + b + c < 100)))");
    ALL_UNKNOWN(TEN ".all(a, " TEN ".all(b, " TEN ".all(c, " TEN ".all(d, " TEN ".all(e, a + b + c + d + e < 100)))))",
                TEN ".all(a, " TEN ".all(b, " TEN ".all(c, " TEN ".all(d, " TEN ".all(e, a + b + c + d + e < 100))))) || now.year > 0");
}

static void a_pattern_cannot_take_long(void **state)
{
    (void)state;
    char source[20100];
    size_t at = (size_t)snprintf(source, sizeof source, "now.year > 0 && '");
    for (size_t i = 0; i < 8000; i++)
        source[at++] = 'a';
    at += (size_t)snprintf(source + at, sizeof source - at, "'.matches('^(a?){64}(a*)*(a|a)*b$')");
    struct fixture f = parse_at(source, at, (struct place){1, 1, 0});
    assert_non_null(f.condition);
    struct facts facts = {.now = NOW};
    assert_int_not_equal(condition_evaluate(f.condition, &facts), TRUTH_TRUE);
    arena_destroy(f.arena);
}

static void every_allocation_can_fail(void **state)
{
    (void)state;
#define RICH                                                                                                           \
    "now.hour >= 1 && now.weekday in [1, 2] || ['a', 'b' + 'c'].exists(x, x.matches('^[a-c]{2}$') && size(x) == 2)"    \
    " && !(now + duration('1h') < timestamp('2026-01-01T00:00:00Z'))"
    static const char *const tried[] = {RICH, RICH " ? -1.5 < 2.0 : nwo == user.name || now.huor == sise('a')"};
    for (size_t s = 0; s < 2; s++) {
        bool whole = false;
        for (uint64_t n = 1; !whole && n < 10000; n++) {
            struct arena *arena = arena_create(64 << 20);
            struct diags diags = diags_new(arena);
            uint64_t before = arena_allocations(arena);
            arena_fail_at(arena, n);
            struct condition *c = condition_parse(bytes_of_text(tried[s]), (struct place){1, 1, 0}, arena, &diags);
            whole = arena_allocations(arena) - before < n;
            assert_true(whole || c == NULL);
            assert_true((c != NULL) == diags_ok(&diags));
            arena_destroy(arena);
        }
        assert_true(whole);
    }
}

/* ---- print ---- */

static void print_is_canonical(void **state)
{
    (void)state;
    static const struct {
        const char *source, *printed;
    } cases[] = {
        {"((1+2)*3==9)", "(1 + 2) * 3 == 9"},
        {"1+(2*3)==7", "1 + 2 * 3 == 7"},
        {"1-(2-3)==2", "1 - (2 - 3) == 2"},
        {"(true||false)&&true", "(true || false) && true"},
        {"true||(false&&true)", "true || false && true"},
        {"(true&&(true&&false))", "true && true && false"},
        {"!(now.hour==1)", "!(now.hour == 1)"},
        {"! true", "!true"},
        {"-(5)==- 5", "-(5) == -5"},
        {"- -5==5", "--5 == 5"},
        {"'a\"\\\\\\n\\x01'==\"\"", "\"a\\\"\\\\\\n\\x01\" == \"\""},
        {"0x10==16", "16 == 16"},
        {"0x10u==1U", "16u == 1u"},
        {"150e-1==.5", "15.0 == 0.5"},
        {"-0.00125==1e22", "-0.00125 == 10000000000000000000000.0"},
        {"(true?true:false)?true:(false?true:false)", "(true ? true : false) ? true : false ? true : false"},
        {"[ 1,2, ] . size()==size('a')", "[1, 2].size() == size(\"a\")"},
        {"[1] .exists( x,x==1 )", "[1].exists(x, x == 1)"},
        {"('a'+'b').contains('a')", "(\"a\" + \"b\").contains(\"a\")"},
        {"(now + duration('1h')).hour == [1][0]", "(now + duration(\"1h\")).hour == [1][0]"},
        {"(1<2)==(2<3)", "1 < 2 == (2 < 3)"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct fixture f = parse(cases[i].source), again = parse(cases[i].printed);
        if (!f.condition || !again.condition)
            fail_msg("`%s` is refused", cases[i].source);
        struct text out = text_new(4096);
        condition_print(f.condition, &out);
        assert_string_equal(text_cstr(&out), cases[i].printed);
        assert_true(condition_equal(f.condition, again.condition));
        text_free(&out);
        arena_destroy(f.arena);
        arena_destroy(again.arena);
    }
    struct fixture a = parse("1 == 1"), b = parse("1 == 2");
    assert_false(condition_equal(a.condition, b.condition));
    arena_destroy(a.arena);
    arena_destroy(b.arena);
}

static void only_what_hangs_on_time_depends_on_it(void **state)
{
    (void)state;
    static const struct {
        const char *source;
        bool depends;
    } cases[] = {
        {"true", false},          {"1 + 1 == 2", false},       {"now.hour == 1", true},         {"now.hour == 1 || true", false},
        {"false && now > timestamp('2026-01-01T00:00:00Z')", false}, {"[1].exists(now, now == 1)", false}, {"[now].size() == 1", true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct fixture f = parse(cases[i].source);
        assert_non_null(f.condition);
        assert_int_equal(condition_depends_on_time(f.condition), cases[i].depends);
        arena_destroy(f.arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(literals_are_what_they_say),
        cmocka_unit_test(comparisons_order_every_type),
        cmocka_unit_test(arithmetic_is_exact),
        cmocka_unit_test(arithmetic_that_leaves_its_range_is_unknown),
        cmocka_unit_test(unknown_is_absorbed_from_either_side),
        cmocka_unit_test(lists_are_searched_and_indexed),
        cmocka_unit_test(string_functions_work_on_characters),
        cmocka_unit_test(matches_searches_with_the_syntax_of_re2),
        cmocka_unit_test(times_have_fields_in_local_time),
        cmocka_unit_test(an_hour_can_be_missing_and_stand_twice),
        cmocka_unit_test(a_timestamp_is_a_moment_and_has_the_fields_of_its_own_moment),
        cmocka_unit_test(the_next_change_is_that_of_the_clock_on_the_wall),
        cmocka_unit_test(times_and_durations_add_up),
        cmocka_unit_test(every_mistake_is_refused_at_its_column),
        cmocka_unit_test(one_mistake_is_one_message_and_two_are_two),
        cmocka_unit_test(nesting_ends_at_64_levels),
        cmocka_unit_test(nodes_and_source_are_bounded),
        cmocka_unit_test(costly_evaluation_is_unknown),
        cmocka_unit_test(a_pattern_cannot_take_long),
        cmocka_unit_test(every_allocation_can_fail),
        cmocka_unit_test(print_is_canonical),
        cmocka_unit_test(only_what_hangs_on_time_depends_on_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
