/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Time zones: TZif made here, and the files of this machine, where the C library's localtime_r says the same.
 * BULKHEAD_SEED repeats a run.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "zones.h"

#include <stdio.h>
#include <time.h>

#define YEAR_1970 INT64_C(0)
#define YEAR_2100 INT64_C(4102444800)

static uint64_t state_of_chance;

static uint64_t next_random(void)
{
    /* splitmix64 (Steele, Lea, Flood 2014) */
    uint64_t z = state_of_chance += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}
static unsigned below(unsigned n)
{
    return (unsigned)(next_random() % n);
}

static void seed(void)
{
    const char *given = getenv("BULKHEAD_SEED");
    state_of_chance = given ? strtoull(given, NULL, 0) : (uint64_t)time(NULL);
    print_message("seed %llu\n", (unsigned long long)state_of_chance);
}

static int set_up(void **state)
{
    *state = arena_create(64 << 20);
    return *state ? 0 : -1;
}

static int tear_down(void **state)
{
    arena_destroy(*state);
    return 0;
}

/* ---- made here ---- */

static const int64_t three_times[] = {-1000, 0, 5000000000};
static const uint8_t three_types[] = {1, 2, 0};
static const int32_t three_offsets[] = {-3600, 20700, 7};

static struct tzif three(char version, const char *footer)
{
    return (struct tzif){version, three_times, three_types, 3, three_offsets, 3, footer, 0};
}

static void a_table_holds_from_each_change_on(void **state)
{
    const char *why;
    struct tzif t = three('2', "");
    const struct zone *z = zone_parse(tzif_make(&t, *state), *state, &why);
    assert_non_null(z);
    static const struct {
        int64_t at, next;
        int32_t offset;
    } cases[] = {
        {INT64_MIN, -1000, -3600}, {-1001, -1000, -3600}, {-1000, 0, 20700}, {-1, 0, 20700}, {0, 5000000000, 7}, {4999999999, 5000000000, 7},
        {5000000000, INT64_MAX, -3600}, {INT64_MAX, INT64_MAX, -3600},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(zone_offset(z, cases[i].at), cases[i].offset);
        assert_int_equal(zone_next_change(z, cases[i].at), cases[i].next);
    }
}

static void the_first_version_has_times_of_four_octets_and_no_rule(void **state)
{
    const char *why;
    struct tzif t = three(0, NULL);
    t.count = 2;
    const struct zone *z = zone_parse(tzif_make(&t, *state), *state, &why);
    assert_non_null(z);
    assert_int_equal(zone_offset(z, -1001), -3600);
    assert_int_equal(zone_offset(z, -1000), 20700);
    assert_int_equal(zone_offset(z, 0), 7);
    assert_int_equal(zone_next_change(z, 0), INT64_MAX);
}

static void no_zone_is_utc(void **state)
{
    assert_int_equal(zone_offset(NULL, 1769885107), 0);
    assert_int_equal(zone_next_change(NULL, 1769885107), INT64_MAX);
}

static void the_rule_holds_from_the_last_change_on(void **state)
{
    const char *why;
    struct tzif t = three('3', "CET-1CEST,M3.5.0,M10.5.0/3");
    t.count = 2;
    const struct zone *z = zone_parse(tzif_make(&t, *state), *state, &why);
    assert_non_null(z);
    assert_int_equal(zone_offset(z, -1), 20700);
    assert_int_equal(zone_offset(z, 0), 3600);
    assert_int_equal(zone_next_change(z, 0), 7520400); /* 1970-03-29T01:00Z */
    assert_int_equal(zone_offset(z, 7520399), 3600);
    assert_int_equal(zone_offset(z, 7520400), 7200);
    assert_int_equal(zone_next_change(z, 7520400), 25664400); /* 1970-10-25T01:00Z */
}

static void rules_change_the_clock_when_they_say(void **state)
{
    /* 2024 is a leap year; the moment after which, and the next change. */
    static const struct {
        const char *rule;
        int64_t at, change;
        int32_t before, after;
    } cases[] = {
        {"CET-1CEST,M3.5.0,M10.5.0/3", 1704067200, 1711846800, 3600, 7200},   /* 2024-03-31T01:00Z */
        {"CET-1CEST,M3.5.0,M10.5.0/3", 1719792000, 1729990800, 7200, 3600},   /* 2024-10-27T01:00Z */
        {"EST5EDT,M3.2.0,M11.1.0", 1704067200, 1710054000, -18000, -14400},   /* 2024-03-10T07:00Z */
        {"<+1030>-10:30<+11>-11,M10.1.0,M4.1.0", 1704067200, 1712415600, 39600, 37800}, /* 2024-04-06T15:00Z */
        {"IST-1GMT0,M10.5.0,M3.5.0/1", 1704067200, 1711846800, 0, 3600},
        {"AAA0BBB,J60,J61", 1704067200, 1709258400, 0, 3600},                 /* 2024-03-01T02:00Z, whatever February has */
        {"AAA0BBB,59,J61", 1704067200, 1709172000, 0, 3600},                  /* 2024-02-29T02:00Z */
        {"AAA0BBB-2,M2.4.4/-1:30,M3.1.1", 1704067200, 1708554600, 0, 7200},   /* before Thursday the 22nd: 2024-02-21T22:30Z */
        {"AAA0BBB,M12.5.0/167,M6.1.0", 1704067200, 1704582000, 0, 3600},      /* the year before's: 2024-01-06T23:00Z */
        {"AAA0BBB,M6.1.0,M12.5.0", 1735689600, 1748743200, 0, 3600},          /* December's last Sunday, 2025-06-01T02:00Z */
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct zone *z = zone_made(cases[i].rule, *state);
        if (zone_next_change(z, cases[i].at) != cases[i].change)
            fail_msg("%s changes at %lld", cases[i].rule, (long long)zone_next_change(z, cases[i].at));
        assert_int_equal(zone_offset(z, cases[i].change - 1), cases[i].before);
        assert_int_equal(zone_offset(z, cases[i].change), cases[i].after);
    }
}

static void summer_time_all_year_never_ends(void **state)
{
    const struct zone *z = zone_made("XXX3EDT4,0/0,J365/23", *state); /* RFC 8536, 3.3.1 */
    for (int64_t at = YEAR_1970; at < YEAR_2100; at += 3600 * 7)
        assert_int_equal(zone_offset(z, at), -4 * 3600);
}

static void far_away_is_answered(void **state)
{
    const struct zone *z = zone_made("Europe/Berlin", *state);
    static const int64_t moments[] = {INT64_MIN, INT64_MIN / 2, -62135596800, 253402300799, INT64_MAX / 2, INT64_MAX};
    for (size_t i = 0; i < sizeof moments / sizeof moments[0]; i++) {
        int32_t offset = zone_offset(z, moments[i]);
        assert_true(offset == 3600 || offset == 7200);
        assert_int_not_equal(zone_next_change(z, moments[i]), 1);
    }
}

/* ---- what is no zone ---- */

static const char *refusal(struct bytes tzif, struct arena *arena)
{
    const char *why;
    /* At its own size on the heap: a sanitizer sees the first octet read behind it. */
    uint8_t *copy = malloc(tzif.len + 1);
    assert_non_null(copy);
    if (tzif.len)
        memcpy(copy, tzif.at, tzif.len);
    uint8_t *tight = realloc(copy, tzif.len ? tzif.len : 1);
    const struct zone *z = zone_parse(bytes_of(tight, tzif.len), arena, &why);
    free(tight);
    assert_true(!z == (why != NULL));
    return why ? why : "nothing";
}

static void what_is_cut_off_is_no_zone(void **state)
{
    for (int version = 0; version <= '4'; version += version ? 1 : '2') {
        struct tzif t = three((char)version, "CET-1CEST,M3.5.0,M10.5.0/3");
        t.count = 2;
        struct bytes whole = tzif_make(&t, *state);
        assert_string_equal(refusal(whole, *state), "nothing");
        for (size_t len = 0; len < whole.len; len++)
            assert_string_not_equal(refusal(bytes_slice(whole, 0, len), *state), "nothing");
    }
}

static void a_wrong_table_is_refused(void **state)
{
    static const int64_t backwards[] = {0, 0}, forwards[] = {0, 1};
    static const uint8_t zeros[] = {0, 0}, beyond[] = {0, 1};
    static const int32_t none[] = {0}, early[] = {-90000}, late[] = {93600}, least[] = {-89999}, most[] = {93599};
    static const char broken[] = "its table of changes is broken";
    const struct {
        struct tzif t;
        const char *why;
    } cases[] = {
        {{'2', forwards, zeros, 2, none, 1, "", 0}, "nothing"},
        {{'2', backwards, zeros, 2, none, 1, "", 0}, broken},
        {{'2', forwards, beyond, 2, none, 1, "", 0}, broken},
        {{'2', forwards, zeros, 2, none, 0, "", 0}, broken},
        {{'2', NULL, NULL, 0, early, 1, "", 0}, broken},
        {{'2', NULL, NULL, 0, late, 1, "", 0}, broken},
        {{'2', NULL, NULL, 0, least, 1, "", 0}, "nothing"},
        {{'2', NULL, NULL, 0, most, 1, "", 0}, "nothing"},
        {{'1', NULL, NULL, 0, none, 1, "", 0}, "it is not TZif (RFC 8536)"},
        {{'2', NULL, NULL, 0, none, 1, "", 1}, "it counts leap seconds"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_string_equal(refusal(tzif_make(&cases[i].t, *state), *state), cases[i].why);
    assert_string_equal(refusal(bytes_of_text("TZiff"), *state), "it is not TZif (RFC 8536)");
}

static void counts_that_no_file_holds_are_refused(void **state)
{
    struct tzif t = three('2', "UTC0");
    struct bytes whole = tzif_make(&t, *state);
    uint8_t *copy = malloc(whole.len);
    assert_non_null(copy);
    size_t second = 44 + 6 + 4;
    assert_memory_equal(whole.at + second, "TZif", 4);
    for (size_t block = 0; block <= second; block += second)
        for (size_t count = 0; count < 6; count++) {
            memcpy(copy, whole.at, whole.len);
            memset(copy + block + 20 + 4 * count, 0xff, 4);
            assert_string_not_equal(refusal(bytes_of(copy, whole.len), *state), "nothing");
        }
    free(copy);
}

static void a_wrong_rule_is_refused(void **state)
{
    static const char *const rules[] = {
        "C-1", "CET", "CET-", "CET-25", "CET-1:60", "CET-1:0:60", "CET-1CEST", "CET-1CEST,", "CET-1CEST,M3.5.0", "CET-1CEST,M3.5.0,",
        "CET-1CEST,M0.5.0,M10.5.0", "CET-1CEST,M13.5.0,M10.5.0", "CET-1CEST,M3.0.0,M10.5.0", "CET-1CEST,M3.6.0,M10.5.0", "CET-1CEST,M3.5.7,M10.5.0",
        "CET-1CEST,M3.5,M10.5.0", "CET-1CEST,J0,J2", "CET-1CEST,J1,J366", "CET-1CEST,1,366", "CET-1CEST,1/168,3", "CET-1CEST,1/,3", "CET-1CEST,1,3x",
        "<+1>-1", "<+0545-5:45", "+0545-5:45", "CET-99999999999999999999", "CET--1", " CET-1", "CET-1 ", "CET-1CE,1,2", ":Europe/Berlin",
    };
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++)
        if (strcmp(refusal(tzif_of_rule(rules[i], *state), *state), "its rule for the years to come is broken") != 0)
            fail_msg("`%s` is taken", rules[i]);
    static const char *const right[] = {"UTC0", "CET+1", "<-03>+3", "<+0545>-5:45:00", "ABCDEFGHIJ-24:59:59XYZ-24,J1/-167,365/+167:59:59"};
    for (size_t i = 0; i < sizeof right / sizeof right[0]; i++)
        assert_string_equal(refusal(tzif_of_rule(right[i], *state), *state), "nothing");
}

static void a_failed_allocation_is_no_reason(void **state)
{
    struct tzif t = three('2', "UTC0");
    struct bytes whole = tzif_make(&t, *state);
    for (uint64_t nth = 1; nth <= 2; nth++) {
        const char *why = "?";
        struct arena *arena = arena_create(1 << 20);
        arena_fail_at(arena, nth);
        assert_null(zone_parse(whole, arena, &why));
        assert_null(why);
        arena_destroy(arena);
    }
}

/* ---- the same as the C library ---- */

static void use_local(const char *tz)
{
    setenv("TZ", tz, 1);
    tzset();
}

static void same_at(const char *name, const struct zone *z, int64_t at)
{
    time_t t = at;
    struct tm local;
    assert_non_null(localtime_r(&t, &local));
    if (local.tm_gmtoff != zone_offset(z, at))
        fail_msg("%s at %lld: %ld, said %d", name, (long long)at, local.tm_gmtoff, zone_offset(z, at));
}

/* At random moments, and on both sides of what changes around them; between two changes nothing does. */
static void same_as_local(const char *name, const struct zone *z, unsigned rounds)
{
    for (unsigned i = 0; i < rounds; i++) {
        int64_t at = YEAR_1970 + (int64_t)(next_random() % (uint64_t)(YEAR_2100 - YEAR_1970)), next = zone_next_change(z, at);
        assert_true(next > at);
        same_at(name, z, at);
        if (next >= YEAR_2100)
            next = YEAR_2100;
        else
            same_at(name, z, next);
        same_at(name, z, next - 1);
        int64_t between = at + (int64_t)(next_random() % (uint64_t)(next - at));
        assert_int_equal(zone_offset(z, between), zone_offset(z, at));
        same_at(name, z, between);
    }
}

static size_t read_file(const char *path, uint8_t *into, size_t room)
{
    FILE *f = fopen(path, "rb");
    size_t len = f ? fread(into, 1, room, f) : 0;
    if (f)
        fclose(f);
    return len;
}

static void files_of_this_machine_say_what_the_c_library_says(void **state)
{
    static const char *const names[] = {
        "Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe", "UTC", /* those that the tests speak of */
        "Europe/Dublin", "Africa/Casablanca", "America/Nuuk", "Asia/Gaza", "Pacific/Apia", "Africa/Monrovia", "America/Santiago", "Antarctica/Troll",
    };
    static uint8_t file[65536];
    seed();
    unsigned read = 0;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char path[128], local[160];
        const char *why;
        snprintf(path, sizeof path, "/usr/share/zoneinfo/%s", names[i]);
        size_t len = read_file(path, file, sizeof file);
        if (!len)
            continue;
        const struct zone *z = zone_parse(bytes_of(file, len), *state, &why);
        assert_non_null(z);
        snprintf(local, sizeof local, ":%s", path);
        use_local(local);
        same_as_local(names[i], z, 3000);
        read++;
    }
    if (!read) {
        print_message("# skip: there is no /usr/share/zoneinfo: install tzdata\n");
        skip();
    }
}

static void random_rules_say_what_the_c_library_says(void **state)
{
    seed();
    for (int i = 0; i < 300; i++) {
        char rule[128];
        /* Not near the turn of the year, nor near each other: which of two that cross comes first is read in different ways. */
        unsigned begin = 2 + below(10), apart = 2 + below(7), end = 2 + (begin - 2 + apart) % 10;
        int32_t standard = (int32_t)below(25 * 4) * 900 - 12 * 3600;
        snprintf(rule, sizeof rule, "AAA%s%d:%02d:%02dBBB", standard < 0 ? "-" : "", abs(standard) / 3600, abs(standard) / 60 % 60, below(2) ? 0 : 7);
        size_t used = strlen(rule);
        switch (below(3)) {
        case 0:
            snprintf(rule + used, sizeof rule - used, ",M%u.%u.%u,M%u.%u.%u/%d", begin, 1 + below(5), below(7), end, 1 + below(5), below(7), (int)below(60) - 20);
            break;
        case 1:
            snprintf(rule + used, sizeof rule - used, ",J%u/%u:%02u,J%u", begin * 30 - 5 + below(20), below(25), below(60), end * 30 - 5 + below(20));
            break;
        default:
            snprintf(rule + used, sizeof rule - used, ",%u,%u/-%u:30", begin * 30 - 5 + below(20), end * 30 - 5 + below(20), 1 + below(30));
            break;
        }
        struct arena *arena = arena_create(1 << 20);
        const struct zone *z = zone_made(rule, arena);
        use_local(rule);
        same_as_local(rule, z, 100);
        arena_destroy(arena);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_table_holds_from_each_change_on),
        TEST(the_first_version_has_times_of_four_octets_and_no_rule),
        TEST(no_zone_is_utc),
        TEST(the_rule_holds_from_the_last_change_on),
        TEST(rules_change_the_clock_when_they_say),
        TEST(summer_time_all_year_never_ends),
        TEST(far_away_is_answered),
        TEST(what_is_cut_off_is_no_zone),
        TEST(a_wrong_table_is_refused),
        TEST(counts_that_no_file_holds_are_refused),
        TEST(a_wrong_rule_is_refused),
        TEST(a_failed_allocation_is_no_reason),
        TEST(files_of_this_machine_say_what_the_c_library_says),
        TEST(random_rules_say_what_the_c_library_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
