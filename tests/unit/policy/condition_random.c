/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random well-typed conditions: their print parses to the same, and the next change is what stepping through
 * every second finds. BULKHEAD_SEED repeats a run, BULKHEAD_ROUNDS makes it longer.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "policy/condition.h"
#include "zones.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define NOW INT64_C(1769885107) /* 2026-01-31T18:45:07Z, a Saturday */
#define FIRST INT64_C(-62135596800) /* the first and the last second of a timestamp */
#define LAST  INT64_C(253402300799)

struct generator {
    uint64_t state;
    struct text out;
    unsigned variables; /* in scope: x0, x1, ... ints */
    bool near;          /* times lie around NOW */
};

static uint64_t next_random(struct generator *g)
{
    /* splitmix64 (Steele, Lea, Flood 2014) */
    uint64_t z = g->state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}
static unsigned below(struct generator *g, unsigned n)
{
    return (unsigned)(next_random(g) % n);
}

enum want { WANT_BOOL, WANT_INT, WANT_UINT, WANT_DOUBLE, WANT_STRING, WANT_TIMESTAMP, WANT_DURATION, WANT_INTS, WANT_KINDS };

static void write_node(struct generator *g, enum want want, unsigned depth);

static bool is_alnum(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* A template: letters that stand alone are parts of a type, everything else is itself. */
static void write_template(struct generator *g, const char *t, unsigned depth)
{
    static const char letters[] = "BIUDSTRL"; /* in the order of enum want; R: a duration, L: a list of int */
    for (char before = ' '; *t; before = *t++) {
        const char *letter = strchr(letters, *t);
        if (letter && !is_alnum(before) && !is_alnum(t[1])) {
            write_node(g, (enum want)(letter - letters), depth);
        } else if (*t == '@') { /* a predicate over one more variable */
            text_printf(&g->out, "x%u, ", g->variables++);
            write_node(g, WANT_BOOL, depth);
            g->variables--;
        } else {
            text_append(&g->out, t, 1);
        }
    }
}

static void write_timestamp(struct generator *g)
{
    static const char *const far[] = {"9999-12-31T23:59:59.9Z", "0001-01-01T00:00:00Z", "1969-12-31T23:59:59Z", "1700-01-01T00:00:00Z", "2300-06-01T00:00:00+05:30"};
    if (below(g, 8) == 0) {
        text_printf(&g->out, "timestamp(\"%s\")", far[below(g, 5)]);
        return;
    }
    time_t at = (time_t)(NOW + (int64_t)below(g, 8000) - 3000);
    struct tm tm;
    char text[40];
    gmtime_r(&at, &tm);
    (void)strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &tm);
    text_printf(&g->out, "timestamp(\"%s%sZ\")", text, below(g, 3) == 0 ? ".25" : "");
}

static void write_leaf(struct generator *g, enum want want)
{
    static const char *const fields[] = {".hour", ".minute", ".second", ".day", ".month", ".year", ".weekday", ".getHours()", ".getMinutes()", ".getDayOfYear()", ".getMonth()", ".getDayOfMonth()"};
    static const char *const strings[] = {"\"\"", "'a'", "\"ab\"", "r'\\d'", "'\\u00e9\\n'", "\"caf\xc3\xa9\""};
    static const char *const durations[] = {"0", "1s", "-1s", "90m", "1.5s", "-0.5s", "24h", "1h0m7s", "2562047h", "-2562047h", "500ms", "730h"};
    switch (want) {
    case WANT_BOOL: text_puts(&g->out, below(g, 2) ? "true" : "false"); break;
    case WANT_INT:
        if (g->variables && below(g, 2))
            text_printf(&g->out, "x%u", below(g, g->variables));
        else if (below(g, 2))
            text_printf(&g->out, "now%s", fields[below(g, 12)]);
        else
            text_printf(&g->out, "%d", (int)below(g, 64) - (below(g, 8) ? 0 : 40));
        break;
    case WANT_UINT: text_printf(&g->out, "%uu", below(g, 100)); break;
    case WANT_DOUBLE: text_printf(&g->out, "%s%u.%02u", below(g, 4) ? "" : "-", below(g, 100), below(g, 100)); break;
    case WANT_STRING: text_puts(&g->out, strings[below(g, 6)]); break;
    case WANT_TIMESTAMP:
        if (below(g, 2))
            text_puts(&g->out, "now");
        else
            write_timestamp(g);
        break;
    case WANT_DURATION: text_printf(&g->out, "duration('%s')", durations[below(g, 12)]); break;
    default: text_printf(&g->out, "[%u, %u, %u]", below(g, 60), below(g, 24), below(g, 7)); break;
    }
}

static void write_node(struct generator *g, enum want want, unsigned depth)
{
    static const char *const templates[WANT_KINDS][20] = {
        [WANT_BOOL] = {"(B) && (B)", "(B) || (B)", "!(B)", "(I) == (I)", "(I) < (I)", "(I) >= (I)", "(T) < (T)", "(T) >= (T)", "(T) == (T)", "(R) < (R)",
                       "(R) == (R)", "(S) == (S)", "(U) > (U)", "(D) <= (D)", "(I) in (L)", "(L).exists(@)", "(L).all(@)", "(B) ? (B) : (B)",
                       "(S).contains(S) == (S).matches('^.a?')", "(T) in [timestamp('2026-01-31T18:50:00Z'), timestamp('2026-01-31T19:00:01.5Z')]"},
        [WANT_INT] = {"(I) + (I)", "(I) - (I)", "(I) * (I)", "(I) / (I)", "(I) % (I)", "-(I)", "size(S)", "(L).size()", "(L)[I]", "(T).getHours()",
                      "(T).minute", "(T).getDayOfYear()", "(R).getMinutes()", "(R).getSeconds()", "(B) ? (I) : (I)", "(T).second", "I", "I", "I", "I"},
        [WANT_UINT] = {"(U) + (U)", "(U) - (U)", "(U) * (U)", "(U) / (U)", "(U) % (U)", "U"},
        [WANT_DOUBLE] = {"(D) + (D)", "(D) - (D)", "(D) * (D)", "(D) / (D)", "-(D)", "D"},
        [WANT_STRING] = {"(S) + (S)", "(B) ? (S) : (S)", "S"},
        [WANT_TIMESTAMP] = {"(T) + (R)", "(T) - (R)", "(R) + (T)", "(B) ? (T) : (T)", "T", "T", "T"},
        [WANT_DURATION] = {"(T) - (T)", "(R) + (R)", "(R) - (R)", "R", "R"},
        [WANT_INTS] = {"(L) + (L)", "[I, I]", "L"},
    };
    size_t count = 0;
    while (count < 20 && templates[want][count])
        count++;
    if (depth == 0 || g->out.len > 3000)
        write_leaf(g, want);
    else
        write_template(g, templates[want][below(g, (unsigned)count)], depth - 1);
}

/* Whole units of the time since a moment, or until it: within a rota, as a number, in arithmetic with a field. */
static void write_elapsed(struct generator *g)
{
    static const char *const units[] = {"getHours", "getMinutes", "getSeconds"}, *const comparisons[] = {"==", "<", ">=", "!="};
    static const unsigned lengths[] = {40, 3000, 200000};
    unsigned unit = below(g, 3), rota = 1 + below(g, lengths[unit]);
    struct text since = text_new(200);
    text_printf(&since, "timestamp('2026-%02u-2%uT%02u:%02u:%02u%sZ')", 3 + below(g, 8), below(g, 9), below(g, 24), below(g, 60), below(g, 60), below(g, 3) ? "" : ".75");
    const char *from = below(g, 4) ? "now" : text_cstr(&since), *to = below(g, 4) ? text_cstr(&since) : "now - duration('5000.5s')";
    switch (below(g, 4)) {
    case 0: text_printf(&g->out, "(%s - %s).%s() %s %d", from, to, units[unit], comparisons[below(g, 4)], (int)below(g, 50) - 25); break;
    case 1: text_printf(&g->out, "(%s - %s).%s() / %u %% 3 == now.%s", from, to, units[unit], rota, below(g, 2) ? "hour" : "minute"); break;
    case 2: text_printf(&g->out, "(%s + (now - %s)).hour in [%u, %u]", text_cstr(&since), to, below(g, 24), below(g, 24)); break;
    default: text_printf(&g->out, "(%s - %s).%s() %% %u %s %u", from, to, units[unit], rota, comparisons[below(g, 4)], below(g, rota)); break;
    }
    text_free(&since);
}

/* Of seconds and what else a minute knows: often never, unknown at some seconds, or an int that is out of its range. */
static void write_relation(struct generator *g)
{
    static const char *const comparisons[] = {"==", "!=", "<", "<=", ">", ">="}, *const operations[] = {"+", "-", "*", "/", "%"};
    static const char *const others[] = {"minute", "hour", "second", "weekday"};
    const char *other = others[below(g, 4)], *compare = comparisons[below(g, 6)];
    unsigned number = below(g, 70), divisor = below(g, 60);
    switch (below(g, 9)) {
    case 0: text_printf(&g->out, "now.second > now.%s && now.%s > now.second", other, other); break;
    case 1: text_printf(&g->out, "now.second * 2 + now.%s * 2 == %u", other, 2 * number + below(g, 4) / 3); break;
    case 2: text_printf(&g->out, "now.%s / (now.second - %u) %s %u", other, divisor, compare, below(g, 4)); break;
    case 3: text_printf(&g->out, "now.second * 9223372036854775807 + now.%s %s -%u", other, compare, number); break;
    case 4: text_printf(&g->out, "(now.second > %u ? now.%s : %u %% now.second) %s %u", divisor, other, number, compare, divisor); break;
    case 5: text_printf(&g->out, "(now.second > %u) %s (now.second %% 7 < now.%s)", number, below(g, 2) ? "==" : "!=", other); break;
    case 6: text_printf(&g->out, "-now.second %s now.%s in [%u, -3, %u, -%u]", operations[below(g, 5)], other, number, divisor, divisor); break;
    case 7: text_printf(&g->out, "(now.second %% %u == 0 ? now.%s > %u : 1 / now.second > 0)", 1 + divisor, other, number); break;
    default: text_printf(&g->out, "(now.second %s %u) %s now.%s", operations[below(g, 5)], divisor, compare, other); break;
    }
}

/* A field against a number that it has, or not; alone, in arithmetic, and of another time. */
static void write_field(struct generator *g)
{
    static const char *const fields[] = {"second", "minute", "hour", "weekday", "day", "month", "year"};
    static const unsigned ends[] = {75, 70, 30, 9, 35, 14, 3000};
    static const char *const comparisons[] = {"==", "!=", "<", "<=", ">", ">=", "=="};
    unsigned a = below(g, 5) ? below(g, 3) : below(g, 7), b = below(g, 3), number = below(g, ends[a]);
    switch (below(g, 9)) {
    case 8: write_relation(g); break;
    case 0: text_printf(&g->out, "now.%s %% %u == %u", fields[a], 1 + below(g, 70), below(g, 8)); break;
    case 1: text_printf(&g->out, "now.%s * %d + now.%s %s %u", fields[b], (int)below(g, 90) - 20, fields[a], comparisons[below(g, 7)], number); break;
    case 2: text_printf(&g->out, "now.%s in [%u, %u, %u]", fields[a], number, below(g, ends[a]), below(g, 100)); break;
    case 3: text_printf(&g->out, "(now + duration('%us')).%s %s %u", below(g, 5000), fields[a], comparisons[below(g, 7)], number); break;
    case 4: text_printf(&g->out, "(%u - now.%s) / %d >= -now.%s", below(g, 60), fields[b], (int)below(g, 9) - 2, fields[a]); break;
    default: text_printf(&g->out, "now.%s %s %u", fields[a], comparisons[below(g, 7)], number); break;
    }
}

/* Of fields, as often true as not, or never, or always; sometimes a part that knows no period. */
static void write_clockwork(struct generator *g, unsigned depth)
{
    static const char *const others[] = {"now - timestamp('2026-03-29T01:00:00Z') > duration('0')", "(now.hour > 4 ? now : now + duration('30m')).minute == 7",
                                         "[now.minute, 59].exists(x, x == 59)", "[3, 30, 61].all(x, x > now.second || now.hour != 3)",
                                         "1 / (now.hour - 3) == 0", "now.minute > now.second"};
    if (depth == 0) {
        if (below(g, 8) == 0)
            write_elapsed(g);
        else if (below(g, 12))
            write_field(g);
        else
            text_puts(&g->out, others[below(g, 6)]);
        return;
    }
    const char *choice = below(g, 6) ? NULL : ") ? (", *join = below(g, 3) ? ") && (" : ") || (";
    text_puts(&g->out, below(g, 5) ? "(" : "!(");
    write_clockwork(g, depth - 1);
    text_puts(&g->out, choice ? choice : join);
    write_clockwork(g, depth - 1);
    if (choice) {
        text_puts(&g->out, ") : (");
        write_clockwork(g, depth - 1);
    }
    text_puts(&g->out, ")");
}

/* A condition as people write them: a few comparisons of now, joined. */
static void write_plain(struct generator *g)
{
    static const char *const parts[] = {"now.hour >= I", "now.minute < I", "now.weekday in [1, 2, 3, 4, 5]", "now >= T", "now < T", "now - T > R", "now + R <= T",
                                        "now == T", "(now + R).minute == I", "(now - R).hour < I", "now.day == I", "!(now.second == I)", "T - R != now"};
    unsigned n = 1 + below(g, 3);
    for (unsigned i = 0; i < n; i++) {
        text_puts(&g->out, i == 0 ? "" : below(g, 2) ? " && " : " || ");
        write_template(g, parts[below(g, 13)], 0);
    }
}

static void check_print(const struct condition *c, const char *source, struct arena *arena)
{
    struct text first = text_new(1 << 20), second = text_new(1 << 20);
    struct diags diags = diags_new(arena);
    condition_print(c, &first);
    struct condition *again = condition_parse(bytes_of_text(text_cstr(&first)), (struct place){1, 1, 0}, arena, &diags);
    if (!again || !condition_equal(c, again))
        fail_msg("print of `%s` is `%s`: %s", source, text_cstr(&first), again ? "another" : "does not parse");
    condition_print(again, &second);
    assert_string_equal(text_cstr(&first), text_cstr(&second));
    text_free(&first);
    text_free(&second);
}

/* What is never the answer: exact with room enough, and with less of it nothing is said that is not so. */
static void check_never(const struct condition *c, const char *source, const struct facts *from, int64_t until, unsigned seen)
{
    static const uint64_t rooms[] = {UINT64_MAX, 20000, 300, 0};
    static const unsigned wanted[] = {1u << TRUTH_TRUE, 1u << TRUTH_TRUE | 1u << TRUTH_UNKNOWN, 1u << TRUTH_FALSE};
    for (size_t i = 0; i < sizeof rooms / sizeof *rooms; i++)
        for (size_t k = 0; k < sizeof wanted / sizeof *wanted; k++) {
            uint64_t left = rooms[i];
            bool never = condition_is_never_between(c, wanted[k], from, until, &left), so = !(seen & wanted[k]);
            if (never ? !so : so && i == 0)
                fail_msg("`%s` from %lld to %lld, answers %u with room %zu: never %u is said to be %d", source, (long long)from->now, (long long)until, seen, i, wanted[k], never);
            assert_true(left <= rooms[i]);
            bool real = from->now >= FIRST && until <= LAST; /* else no timestamp is `now` */
            if (real && condition_is_never(c, wanted[k], from->zone, &left) && !so)
                fail_msg("`%s`, answers %u: never %u is said for all times", source, seen, wanted[k]);
        }
}

/* Whether more than `count` turns lie within less than `seconds`: against all turns, one after the other. */
static void check_often(const struct condition *c, const char *source, const struct facts *from, int64_t until)
{
    static const unsigned wanted[] = {1u << TRUTH_TRUE, 1u << TRUTH_TRUE | 1u << TRUTH_UNKNOWN};
    for (unsigned k = 0; k < 2; k++)
        for (unsigned count = 1; count <= CONDITION_OFTEN_MAX; count *= 4) {
            int64_t turns[100], seconds = (until - from->now) / 4;
            unsigned n = 0;
            bool was = wanted[k] >> condition_evaluate(c, from) & 1, so = false;
            struct facts at = *from;
            while (n < 100 && (at.now = condition_next_change(c, &at, until)) < until) {
                bool is = wanted[k] >> condition_evaluate(c, &at) & 1;
                if (is != was)
                    turns[n++] = at.now;
                was = is;
            }
            for (unsigned i = count; i < n; i++)
                so |= turns[i] - turns[i - count] < seconds;
            uint64_t room = UINT64_MAX, little = 300;
            bool often = condition_changes_often(c, wanted[k], from, until, count, seconds, &room);
            if (often != so && (so || n < 100))
                fail_msg("`%s` from %lld to %lld: more than %u turns in %lld s is said to be %d", source, (long long)from->now, (long long)until, count,
                    (long long)seconds, often);
            if (condition_changes_often(c, wanted[k], from, until, count, seconds, &little) && !often)
                fail_msg("`%s`: with little room it changes often", source);
        }
}

/* All changes within `span`, against stepping. */
static void check_changes(const struct condition *c, const char *source, const struct facts *from, int64_t span)
{
    int64_t until = from->now + span;
    struct facts at = *from;
    unsigned seen = 0;
    while (at.now < until) {
        int64_t next = condition_next_change(c, &at, until);
        enum truth here = condition_evaluate(c, &at);
        seen |= 1u << here;
        struct facts step = at;
        int64_t found = until;
        for (step.now = at.now + 1; step.now < until && found == until; step.now++)
            if (condition_evaluate(c, &step) != here)
                found = step.now;
        if (next != found)
            fail_msg("`%s` from %lld offset %d: changes at %lld, said %lld", source, (long long)at.now, zone_offset(at.zone, at.now), (long long)found, (long long)next);
        if (!condition_depends_on_time(c))
            assert_int_equal(next, until);
        at.now = next;
    }
    check_never(c, source, from, until, seen);
    check_often(c, source, from, until);
}

static void round_of(uint64_t seed, bool plain)
{
    struct generator g = {.state = seed, .out = text_new(1 << 16)};
    if (plain)
        write_plain(&g);
    else
        write_node(&g, WANT_BOOL, 1 + below(&g, 4));
    struct arena *arena = arena_create(16 << 20);
    struct diags diags = diags_new(arena);
    const char *source = text_cstr(&g.out);
    struct condition *c = condition_parse(bytes_of_text(source), (struct place){1, 1, 0}, arena, &diags);
    if (!c)
        fail_msg("`%s`: %s", source, diags.count ? diags.items[0].message : "?");
    check_print(c, source, arena);
    static const char *const zones[] = {"CET-1", "EST5", "Asia/Kathmandu", "<-00>0:00:12", "<+1235>-12:34:56", "Europe/Berlin", "Australia/Lord_Howe", "Test/Restless"};
    static const int64_t starts[] = {NOW, NOW + 22 * 60, LAST - 200, FIRST - 100, -150, INT64_C(1772323199)};
    struct facts from = {.now = starts[below(&g, 3) ? below(&g, 2) : below(&g, 6)], .zone = below(&g, 5) ? zone_made(zones[below(&g, 8)], arena) : NULL};
    from.now += (int64_t)below(&g, 100) - 50;
    if (below(&g, 2) && zone_next_change(from.zone, from.now) < LAST)
        from.now = zone_next_change(from.zone, from.now) - below(&g, plain ? 4000 : 300); /* the clock is changed within */
    check_changes(c, source, &from, plain ? 4000 : 300);
    arena_destroy(arena);
    text_free(&g.out);
}

/* Days on which the clock is changed, which are there every four years but for one in a hundred, and at a year's end. */
static void days_of(uint64_t seed)
{
    static const char *const zones[] = {"Europe/Berlin", "Australia/Lord_Howe", "America/New_York", "Test/Restless", "<-00>0:00:12", "Asia/Kathmandu"};
    static const int64_t starts[] = {1774746000, 1792890000, 1791041400, 1709121600, 951696000, 4107456000, 1798761600, NOW};
    struct generator g = {.state = seed, .out = text_new(1 << 16)};
    struct arena *arena = arena_create(16 << 20);
    struct diags diags = diags_new(arena);
    write_clockwork(&g, below(&g, 4));
    const char *source = text_cstr(&g.out);
    struct condition *c = condition_parse(bytes_of_text(source), (struct place){1, 1, 0}, arena, &diags);
    if (!c)
        fail_msg("`%s`: %s", source, diags.count ? diags.items[0].message : "?");
    struct facts from = {.now = starts[below(&g, 8)] - below(&g, 86400), .zone = below(&g, 7) ? zone_made(zones[below(&g, 6)], arena) : NULL};
    check_changes(c, source, &from, 3600 + below(&g, 2 * 86400));
    arena_destroy(arena);
    text_free(&g.out);
}

static uint64_t number_from(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);
    return text ? strtoull(text, NULL, 0) : otherwise;
}

static void print_and_next_change_hold_for_random_conditions(void **state)
{
    (void)state;
    uint64_t seed = number_from("BULKHEAD_SEED", (uint64_t)time(NULL)), rounds = number_from("BULKHEAD_ROUNDS", 3000);
    print_message("seed %llu\n", (unsigned long long)seed);
    for (uint64_t i = 0; i < rounds; i++) {
        round_of(seed * 1000003 + 2 * i, true);
        round_of(seed * 1000003 + 2 * i + 1, false);
    }
}

static void next_change_holds_over_days_of_fields(void **state)
{
    (void)state;
    uint64_t seed = number_from("BULKHEAD_SEED", (uint64_t)time(NULL)), rounds = number_from("BULKHEAD_ROUNDS", 3000) / 40;
    print_message("seed %llu\n", (unsigned long long)seed);
    for (uint64_t i = 0; i < rounds; i++)
        days_of(seed * 1000003 + i);
}

/* The horizon of a day: at hours' steps 24 evaluations, not 86,400. A bound on work, with much room, not on time. */
static void a_day_of_hours_is_exact(void **state)
{
    (void)state;
    struct arena *arena = arena_create(1 << 20);
    struct diags diags = diags_new(arena);
    static const char source[] = "now.weekday in [1, 2, 3, 4, 5] && now.hour >= 9 && now.hour < 17 || now >= timestamp('2026-02-01T03:00:01Z')";
    struct condition *c = condition_parse(bytes_of_text(source), (struct place){1, 1, 0}, arena, &diags);
    assert_non_null(c);
    struct facts from = {.now = NOW, .zone = zone_made("<+0130>-1:30", arena)};
    assert_int_equal(condition_next_change(c, &from, NOW + 86400), 1769914801);
    check_changes(c, source, &from, 3 * 86400);
    assert_int_equal(condition_next_change(c, &from, NOW), NOW);
    assert_int_equal(condition_next_change(c, &from, NOW - 5), NOW - 5);
    struct facts last = {.now = INT64_MAX - 1};
    assert_int_equal(condition_next_change(c, &last, INT64_MAX), INT64_MAX);
    arena_destroy(arena);
}

/* Where spans of time end: fractions of a second there, and the end of all timestamps. */
static void the_ends_of_spans_are_exact(void **state)
{
    (void)state;
    struct arena *arena = arena_create(1 << 20);
    struct diags diags = diags_new(arena);
    static const char *const sources[] = {
        "(now - timestamp('2026-01-01T00:00:00Z')).getHours() < 0 || now + duration('0.5s') > timestamp('2026-01-31T19:59:59.25Z')",
        "(now - timestamp('2026-01-01T00:00:00Z')).getHours() < 0 || now >= timestamp('2026-01-31T20:00:00.5Z')",
        "(now - timestamp('2026-01-01T00:00:00Z')).getHours() < 0 || now in [timestamp('2026-01-31T20:00:00.5Z'), timestamp('2026-01-31T20:00:00Z')]",
        "(timestamp('2026-01-31T20:00:00.75Z') - now).getSeconds() < 0 || (timestamp('2026-01-31T20:00:00.75Z') - now).getMinutes() == 1",
        "(now - timestamp('2026-01-01T00:00:00Z')).getHours() < 0 || now - duration('2562047h0.5s') >= timestamp('1733-10-22T21:00:00Z')",
        "(now + duration('3600.5s') - timestamp('9999-12-31T00:00:00Z')).getHours() > 0",
        "(now - duration('2562047h') - timestamp('0001-01-01T00:00:00Z')).getHours() < 0",
        "(now - timestamp('9999-12-31T00:00:00Z') + duration('2562030h')).getHours() > 0",
    };
    static const int64_t starts[] = {NOW, LAST - 2 * 3600, FIRST - 3600, FIRST + INT64_C(2562047) * 3600 - 3600, LAST - INT64_C(2562047) * 3600 - 3600};
    for (size_t i = 0; i < sizeof sources / sizeof sources[0]; i++) {
        struct condition *c = condition_parse(bytes_of_text(sources[i]), (struct place){1, 1, 0}, arena, &diags);
        if (!c)
            fail_msg("`%s`: %s", sources[i], diags.items[0].message);
        for (size_t j = 0; j < sizeof starts / sizeof starts[0]; j++)
            check_changes(c, sources[i], &(struct facts){.now = starts[j]}, 3 * 3600);
    }
    arena_destroy(arena);
}

/* Takes hours where each second of the week is looked at, and is then stopped. */
static void a_week_is_not_searched_by_seconds(void **state)
{
    (void)state;
    struct arena *arena = arena_create(1 << 20);
    struct diags diags = diags_new(arena);
    static const char *const never[] = {
        "now.second > 70",
        "now.hour == 3 && now.hour == 4",
        "now.second == 3 && now.second == 4",
        "now.second == 3 && now.second == 4 && now.minute != 5",
        "now.second > 30 && now.minute == 61",
        "now.second > 30 && now.weekday == 7",
        "now.hour * 60 + now.minute > 1440 && now.second % 2 == 0",
        "now.hour == 3 && now.minute == 61 && now.second in [1, 3, 5]",
        "(now + duration('90s')).second < 0 || now.minute - now.second > 60",
        "(now - timestamp('2026-01-01T00:00:00Z')).getSeconds() % 1209600 >= 2000000",
        "(now - timestamp('2026-01-01T00:00:00.5Z')).getHours() / 24 % 14 == 14",
        "now.hour == 30 && (now - timestamp('2026-01-01T00:00:00Z')).getMinutes() % 7 == 3",
    };
    for (size_t i = 0; i < sizeof never / sizeof never[0]; i++) {
        struct condition *c = condition_parse(bytes_of_text(never[i]), (struct place){1, 1, 0}, arena, &diags);
        assert_non_null(c);
        struct facts from = {.zone = zone_made("Europe/Berlin", arena)};
        for (from.now = NOW; from.now < NOW + 5000; from.now++)
            assert_int_equal(condition_next_change(c, &from, from.now + 7 * 86400), from.now + 7 * 86400);
    }
    arena_destroy(arena);
}

static double processor_seconds(clock_t since)
{
    return (double)(clock() - since) / CLOCKS_PER_SEC;
}

static void write_square(struct text *out, unsigned items)
{
    text_puts(out, "[");
    for (unsigned i = 0; i < items; i++)
        text_printf(out, "%s%u", i ? "," : "", i);
    text_puts(out, "].exists(x, [");
    for (unsigned i = 0; i < items; i++)
        text_printf(out, "%s%u", i ? "," : "", i);
    text_puts(out, "].exists(y, x * y * 60 + now.second * 2 == 1))");
}

/* Whether work runs out is a matter of each second, not of all of a minute together. */
static void what_is_too_much_for_a_second_is_unknown_in_it_alone(void **state)
{
    (void)state;
    static const unsigned sizes[] = {50, 70, 130}; /* a quarter of the steps, more than half, more than all */
    static const char *const between[] = {" || now.second >= 40 && ", " || ", " && now.second != 3 || now.second > 57 && "};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
        for (size_t k = 0; k < sizeof between / sizeof between[0]; k++) {
            struct arena *arena = arena_create(16 << 20);
            struct diags diags = diags_new(arena);
            struct text source = text_new(1 << 16);
            text_puts(&source, "now.second < 20 && ");
            write_square(&source, sizes[i]);
            text_puts(&source, between[k]);
            write_square(&source, sizes[i]);
            text_puts(&source, " || now.minute == 3 && now.second == 59 && now.weekday < 7");
            struct condition *c = condition_parse(bytes_of_text(text_cstr(&source)), (struct place){1, 1, 0}, arena, &diags);
            if (!c)
                fail_msg("%s", diags.items[0].message);
            check_changes(c, "squares", &(struct facts){.now = NOW}, 70);
            text_free(&source);
            arena_destroy(arena);
        }
}

static void what_is_unknown_at_some_seconds_is_so_at_these(void **state)
{
    (void)state;
    struct arena *arena = arena_create(1 << 20);
    struct diags diags = diags_new(arena);
    static const char *const sources[] = {
        "!(1 / (now.second - 7) == -1)",
        "!(1 / (now.second - 7) == 1 || now.second == 9)",
        "60 / (now.second - 7) in [1, 2, 30]",
        "-(60 / (now.second - 7)) < -now.minute",
        "(1 / (now.second - 7) == 0) != (now.second / (now.second - 30) > now.second - 8)",
        "(1 / (now.second - 7) == 0 ? now.second % (now.second - 20) : 60 / (now.second - 40)) == 2",
        "now.second > 58 || (now.second % (now.second - 20) == 3 && now.second * 400000000000000000 > 0)",
    };
    for (size_t i = 0; i < sizeof sources / sizeof sources[0]; i++) {
        struct condition *c = condition_parse(bytes_of_text(sources[i]), (struct place){1, 1, 0}, arena, &diags);
        if (!c)
            fail_msg("`%s`: %s", sources[i], diags.items[0].message);
        check_changes(c, sources[i], &(struct facts){.now = NOW, .zone = zone_made("<-00>0:00:12", arena)}, 200);
    }
    arena_destroy(arena);
}

/* What ranges do not settle costs a fraction of asking for every second, whatever is asked: a bound with much room. */
static void seconds_are_looked_at_together(void **state)
{
    (void)state;
    struct arena *arena = arena_create(1 << 20);
    struct diags diags = diags_new(arena);
    static const char *const never[] = {
        "now.second == now.minute && now.second != now.minute && now.hour != 5 && now.weekday < 7",
        "now.second > now.minute && now.minute > now.second && (now - timestamp('2026-01-01T00:00:00Z')).getHours() % 14 != 3",
    };
    for (size_t i = 0; i < sizeof never / sizeof never[0]; i++) {
        struct condition *c = condition_parse(bytes_of_text(never[i]), (struct place){1, 1, 0}, arena, &diags);
        assert_non_null(c);
        struct facts from = {.now = NOW, .zone = zone_made("Europe/Berlin", arena)}, at = from;
        int64_t until = NOW + 3 * 86400;
        clock_t begun = clock();
        for (; at.now < until; at.now++)
            assert_int_equal(condition_evaluate(c, &at), TRUTH_FALSE);
        double stepping = processor_seconds(begun);
        begun = clock();
        assert_int_equal(condition_next_change(c, &from, until), until);
        double searching = processor_seconds(begun);
        printf("# `%s`: %.1f times faster\n", never[i], stepping / (searching > 0 ? searching : 1e-6));
        assert_true(searching < stepping / 2);
    }
    arena_destroy(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_day_of_hours_is_exact),
        cmocka_unit_test(the_ends_of_spans_are_exact),
        cmocka_unit_test(a_week_is_not_searched_by_seconds),
        cmocka_unit_test(seconds_are_looked_at_together),
        cmocka_unit_test(what_is_unknown_at_some_seconds_is_so_at_these),
        cmocka_unit_test(what_is_too_much_for_a_second_is_unknown_in_it_alone),
        cmocka_unit_test(print_and_next_change_hold_for_random_conditions),
        cmocka_unit_test(next_change_holds_over_days_of_fields),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
