/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Strings made to explode each regular expression of the Core Rule Set at paranoia level 4: long repetitions of what the
 * expression itself is written with. Those that are slowest, or come to the match limit, go through all the rules as an
 * argument, a header and a cookie: what is not decided is said, and the slowest ten are printed.
 */
#include <time.h>
#include <unistd.h>

#include "worst.h"

#define LENGTH 10000
#define SCREENED 1000 /* bytes with which the worst string of an expression is looked for */
#define MEMORY ((size_t)256 << 20)
#define HANG 20.0 /* seconds of processor time that nothing may take */
#define SLOWEST 10
#define PATIENCE 2 /* seconds, as a caller's clock has them (docs/decisions/017): what is slow at each place is stopped then */

/* What an expression makes of its worst string, of two bytes in turn. */
struct worst {
    uint32_t rule;
    uint8_t bytes[2];
    double seconds; /* with LENGTH bytes */
    bool limit;     /* one of its strings came to the match limit */
    uint8_t limit_bytes[2];
};

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static uint64_t microseconds_since(void *start)
{
    return (uint64_t)((seconds() - *(const double *)start) * 1e6);
}

static bool is_patient(void *start)
{
    return microseconds_since(start) < PATIENCE * 1000000;
}

static void fill(uint8_t *out, size_t len, const uint8_t two[2])
{
    for (size_t i = 0; i < len; i++)
        out[i] = two[i % 2];
}

static enum regex_result match_timed(const struct regex *r, struct regex_scratch *s, const uint8_t two[2], size_t len, double *ret_seconds)
{
    static uint8_t value[LENGTH];
    fill(value, len, two);
    double start = seconds();
    regex_scratch_watch(s, (struct regex_watch){is_patient, microseconds_since, &start});
    enum regex_result result = regex_match(r, s, bytes_of(value, len), NULL, NULL);
    regex_scratch_watch(s, (struct regex_watch){NULL, NULL, NULL});
    *ret_seconds = seconds() - start;
    return result;
}

/* The bytes that the expression is written with, and some that every class has. */
static size_t alphabet(struct bytes pattern, uint8_t out[256])
{
    static const char common[] = " a0\n'\"<(/,.;=x-_";
    bool seen[256] = {0};
    size_t count = 0;
    for (size_t i = 0; i < strlen(common) + pattern.len; i++) {
        uint8_t c = i < strlen(common) ? (uint8_t)common[i] : pattern.at[i - strlen(common)];
        if (!seen[c])
            out[count++] = c;
        seen[c] = true;
    }
    return count;
}

static struct worst worst_of(const struct ready *r, uint32_t rule, struct regex_scratch *s)
{
    const struct regex *regex = r->program.operands[rule].regex;
    struct worst w = {.rule = rule};
    uint8_t letters[256];
    double longest = -1, took;
    size_t count = alphabet(waf_text_bytes(r->set, r->set->rules[rule].operand_text), letters);
    for (size_t i = 0; i < count * count; i++) {
        const uint8_t two[2] = {letters[i / count], letters[i % count]};
        if (match_timed(regex, s, two, SCREENED, &took) == REGEX_LIMIT && !w.limit) {
            w.limit = true;
            memcpy(w.limit_bytes, two, 2);
        }
        if (took > longest) {
            longest = took;
            memcpy(w.bytes, two, 2);
        }
    }
    enum regex_result result = match_timed(regex, s, w.bytes, LENGTH, &w.seconds);
    if (result == REGEX_LIMIT && !w.limit) {
        w.limit = true;
        memcpy(w.limit_bytes, w.bytes, 2);
    }
    return w;
}

static int slower_first(const void *a, const void *b)
{
    double x = ((const struct worst *)a)->seconds, y = ((const struct worst *)b)->seconds;
    return x < y ? 1 : x > y ? -1 : 0;
}

/* The string as the value of an argument, of a header or of a cookie, whatever of it these can hold. */
static struct bytes request_with(int place, const uint8_t two[2])
{
    static const char *const heads[] = {"GET /?a=", "GET / HTTP/1.1\r\nHost: h\r\nUser-Agent: ", "GET / HTTP/1.1\r\nHost: h\r\nCookie: a="};
    struct text raw = text_new((size_t)1 << 20);
    text_puts(&raw, heads[place]);
    for (size_t i = 0; i < LENGTH; i++) {
        uint8_t c = two[i % 2];
        bool fits = c >= ' ' && c < 0x7f && !(place == 2 && c == ';');
        if (place == 0)
            text_printf(&raw, "%%%02x", c);
        else
            text_append(&raw, fits ? (const char *)&c : " ", 1);
    }
    text_puts(&raw, place == 0 ? " HTTP/1.1\r\nHost: h\r\n\r\n" : "\r\n\r\n");
    struct bytes copy = joined(bytes_of_text(text_cstr(&raw)), (struct bytes){0});
    text_free(&raw);
    return copy;
}

/* True when the match limit was said. */
static bool inspect(struct ready *r, int place, const uint8_t two[2])
{
    struct bytes raw = request_with(place, two);
    struct arena *a = arena_create(MEMORY);
    struct http_message m;
    const char *error;
    double start = seconds();
    struct waf_options options = {.client = bytes_of_text("192.0.2.1"), .time = 1, .duration = microseconds_since, .most_time = PATIENCE * 1000000, .argument = &start};
    assert_true(http_request_read(raw, a, &m, &error));
    struct waf_transaction *t = transaction_begin(&r->program, a, &options);
    transaction_request(t, &r->scratch, &m);
    const struct waf_outcome *o = transaction_end(t, &r->scratch);
    bool limit = has_limit(o, "match limit");
    assert_true(seconds() - start < HANG);
    assert_false(has_limit(o, "memory ran out"));
    if (limit)
        assert_int_equal(transaction_number(t, "MSC_PCRE_LIMITS_EXCEEDED"), 1);
    arena_destroy(a);
    free((void *)(uintptr_t)raw.at);
    return limit;
}

static void print_slowest(const struct ready *r, const struct worst *worst, size_t count)
{
    print_message("# of strings of %d bytes, the slowest:  rule  microseconds  repeated bytes\n", LENGTH);
    for (size_t i = 0; i < SLOWEST && i < count; i++)
        print_message("# %7lld %9.0f  %02x %02x%s\n", (long long)r->set->rules[r->set->rules[worst[i].rule].head].id, worst[i].seconds * 1e6, worst[i].bytes[0], worst[i].bytes[1],
            worst[i].limit ? "  comes to the match limit" : "");
}

static size_t print_limited(const struct ready *r, const struct worst *worst, size_t count)
{
    size_t limited = 0;
    print_message("# come to the match limit:");
    for (size_t i = 0; i < count; i++)
        if (worst[i].limit) {
            limited++;
            print_message(" %lld", (long long)r->set->rules[r->set->rules[worst[i].rule].head].id);
        }
    print_message("\n");
    return limited;
}

static void what_explodes_is_bounded_and_said(void **state)
{
    static struct worst worst[4096];
    struct ready r;
    size_t count = 0, said = 0;
    if (access(CRS_FOLDER, R_OK) != 0) {
        print_message("# skip: modsecurity-crs is not installed\n");
        skip();
    }
    ready_open(CRS_RULES("Include " CRS_BASE "\nSecRuleEngine DetectionOnly\nSecAuditEngine Off\n"), true, &r);
    for (uint32_t i = 0; i < r.set->rule_count; i++)
        if (r.program.operands[i].regex) {
            assert_true(count < sizeof worst / sizeof *worst);
            worst[count++] = worst_of(&r, i, r.scratch.regex);
            assert_true(worst[count - 1].seconds < HANG);
        }
    assert_true(count > 200);
    qsort(worst, count, sizeof *worst, slower_first);
    print_slowest(&r, worst, count);
    assert_true(print_limited(&r, worst, count) > 0);
    for (size_t i = 0; i < count; i++)
        for (int place = 0; place < 3; place++)
            if (i < SLOWEST || worst[i].limit)
                said += inspect(&r, place, worst[i].limit ? worst[i].limit_bytes : worst[i].bytes);
    print_message("# %zu expressions; the match limit was said of %zu requests\n", count, said);
    assert_true(said > 0);
    ready_close(&r);
}

static bool always(void *context)
{
    ++*(size_t *)context;
    return true;
}

/* A watched search goes piece by piece; with so high a match limit the pieces are of four places. */
static void watched_searches_find_the_same(void **state)
{
    static const char *const patterns[] = {"b", "^b", "b$", "\\Aa*b", "a+$", "(?<=aa)b", "\\bb", ".*b", "a*?b\\b", "(a|ab)(c|bcd)(d*)", "(?:^|\\n)ab", "x?"};
    static const char *const values[] = {"", "a", "b", "aab", "aaaaaaaaaab", "aaaa b", "aaaaaaaa\nab", "aaaaaaaaaaaaaaaaa", "aaaaaaabcd", "\n\n\n\n\n\n\nb\n"};
    struct regex_limits limits = {(uint32_t)1 << 28, 10000};
    struct regex_scratch *plain = regex_scratch_create(&limits), *watched = regex_scratch_create(&limits);
    size_t asked = 0;
    regex_scratch_watch(watched, (struct regex_watch){always, NULL, &asked});
    for (size_t i = 0; i < sizeof patterns / sizeof *patterns; i++) {
        struct regex_error e;
        struct regex *r = regex_compile(bytes_of_text(patterns[i]), false, &e);
        assert_non_null(r);
        for (size_t k = 0; k < sizeof values / sizeof *values; k++) {
            struct match a[REGEX_CAPTURES_MAX], b[REGEX_CAPTURES_MAX];
            size_t an = 0, bn = 0;
            struct bytes value = bytes_of_text(values[k]);
            assert_int_equal(regex_match(r, plain, value, a, &an), regex_match(r, watched, value, b, &bn));
            assert_int_equal(an, bn);
            for (size_t n = 0; n < an; n++)
                assert_true(a[n].offset == b[n].offset && a[n].length == b[n].length);
        }
        regex_free(r);
    }
    assert_true(asked > 20);
    regex_scratch_free(plain);
    regex_scratch_free(watched);
}

/* A clock that only the searches between two questions move. */
struct moments {
    uint64_t now, step;
    size_t asked;
};

static bool moment_ends(void *context)
{
    struct moments *m = context;
    m->asked++;
    m->now += m->step;
    return true;
}

static uint64_t moment_now(void *context)
{
    return ((const struct moments *)context)->now;
}

static size_t questions(uint64_t step)
{
    static uint8_t value[3000];
    struct regex_limits limits = {100000, 10000};
    struct regex_scratch *s = regex_scratch_create(&limits);
    struct moments m = {.step = step};
    struct regex_error e;
    struct regex *r = regex_compile(bytes_of_text("b+c"), false, &e);
    assert_non_null(r);
    memset(value, 'b', sizeof value);
    regex_scratch_watch(s, (struct regex_watch){moment_ends, moment_now, &m});
    assert_int_equal(regex_match(r, s, bytes_of(value, sizeof value), NULL, NULL), REGEX_NO);
    regex_free(r);
    regex_scratch_free(s);
    return m.asked;
}

/* Rule 941160 takes milliseconds at each place of `< < <`: thousands of places between two questions are minutes. */
static void slow_places_are_watched_one_by_one(void **state)
{
    assert_int_equal(questions(100000), 3000);
    assert_true(questions(0) < 20);
    assert_in_range(questions(5000), 2900, 3000); /* neither quick nor slow: as many as at first */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(watched_searches_find_the_same),
        cmocka_unit_test(slow_places_are_watched_one_by_one),
        cmocka_unit_test(what_explodes_is_bounded_and_said),
    };
    return cmocka_run_group_tests_name("waf-expressions", tests, NULL, NULL);
}
