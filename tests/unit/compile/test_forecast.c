/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What compile/forecast.h says of an image beforehand is what compile_policy makes: of random policies, of the families of the
 * benchmarks, and of those that are larger than usual; and where memory is short it says that, and nothing that is wrong.
 */
#include "../../../bench/rules.h"
#include "compile/bound.h"
#include "compile/forecast.h"
#include "reader.h"
#include "sources.h"

#define TABLES ((size_t)4 << 30)

static unsigned doubled; /* images whose hash tables took more room than their entries need */

static uint64_t real_bytes(const struct source *s, const struct compile_options *o)
{
    struct arena *tables = arena_create(TABLES);
    struct diags diags = diags_new(tables);
    struct compiled *c = compile_policy(s->policy, o, tables, &diags);
    if (!c)
        fail_msg("%s", diags.items[0].message);
    uint64_t bytes = compiled_sizes(c).lines * LINE_BYTES;
    arena_destroy(tables);
    return bytes;
}

static struct forecast ask(const struct source *s, const struct compile_options *o, uint64_t usual, size_t memory, bool count)
{
    struct arena *scratch = arena_create(memory);
    struct forecast f = (count ? forecast_count : forecast)(s->policy, o, usual, scratch);
    arena_destroy(scratch);
    return f;
}

/* At each threshold about the image's size. */
static void agree(const struct source *s, const struct compile_options *o)
{
    uint64_t real = real_bytes(s, o);
    struct forecast whole = ask(s, o, UINT64_MAX, TABLES, true);
    struct arena *scratch = arena_create(TABLES);
    uint64_t bound = image_bound(s->policy, COMPILE_PRODUCT_DEFAULT, scratch);
    arena_destroy(scratch);
    assert_int_equal(whole.size, FORECAST_USUAL);
    assert_true(bound >= whole.bytes);
    assert_true(whole.bytes <= real);
    doubled += whole.bytes < real;
    const uint64_t thresholds[] = {whole.bytes / 2, whole.bytes, whole.bytes + 1, real, real + 1, bound, 2 * bound};
    for (size_t i = 0; i < sizeof thresholds / sizeof thresholds[0]; i++)
        for (int count = 0; count < 2; count++) {
            struct forecast f = ask(s, o, thresholds[i], TABLES, count);
            assert_int_equal(f.size, whole.bytes >= thresholds[i] ? FORECAST_LARGE : FORECAST_USUAL);
            assert_true(f.bytes <= real);
            assert_true(f.size != FORECAST_LARGE || !f.rule || f.from_classes * (uint64_t)f.to_classes <= f.cells);
        }
}

static void random_policies_are_as_large_as_forecast(void **state)
{
    for (uint64_t seed = 1; seed <= 150; seed++) {
        struct source s = source_random(seed);
        struct compile_options o = options_of(&s, seed << 20);
        agree(&s, &o);
        source_free(&s);
    }
    printf("# %u of 150 doubled a hash table\n", doubled);
    assert_true(doubled < 20);
}

static struct source source_of_family(char family, uint32_t count)
{
    struct rules r = rules_of(family, count);
    struct text text = text_new(rules_text_limit(&r));
    rules_print(&r, &text);
    assert_false(text.failed);
    return source_of(text);
}

/* The memory that `check` has left (src/cli/check.c). */
static size_t memory_left(const struct source *s)
{
#if defined(__SANITIZE_ADDRESS__)
    (void)s;
    return TABLES; /* what the arena of the policy takes is more then */
#else
    return policy_memory_limit(s->text.len) - ((size_t)12 << 20) - s->text.len - arena_used(s->arena) + arena_spare(s->arena);
#endif
}

static void the_families_of_the_benchmarks_are_as_large_as_forecast(void **state)
{
    for (const char *family = RULES_FAMILIES; *family; family++)
        for (uint32_t count = 10; count <= 10000; count *= 10) {
            struct source s = source_of_family(*family, count);
            struct compile_options o = options_of(&s, 7);
            agree(&s, &o);
            /* As the command line asks. */
            assert_int_equal(ask(&s, &o, COMPILE_USUAL_BYTES, memory_left(&s), false).size, FORECAST_USUAL);
            source_free(&s);
        }
}

/* Of family b, which no bound settles. */
static void a_hundred_thousand_rules_are_as_large_as_forecast(void **state)
{
    struct source s = source_of_family('b', 100000);
    struct compile_options o = options_of(&s, 7);
    uint64_t real = real_bytes(&s, &o);
    struct forecast f = ask(&s, &o, real, memory_left(&s), false);
    assert_int_equal(f.size, FORECAST_LARGE);
    assert_int_equal(f.bytes, real);
    assert_int_equal(ask(&s, &o, real + 1, memory_left(&s), false).size, FORECAST_USUAL);
    source_free(&s);
}

/* `from` prefixes of 20.0.0.0/8 that rules tell from each other, `to` ones of 30.0.0.0/8, and a rule between all of them: at line 9. */
static struct source source_wide(const char *all_from, const char *all_to, unsigned from, unsigned to, unsigned between)
{
    struct text t = text_new((size_t)32 << 20);
    text_puts(&t, "bulkhead: v1\nname: wide\nsegments:\n  hub: {kind: hub, cidr: 10.80.0.0/24}\n  s: {cidr: 10.81.0.0/16}\nworkloads:\n  w: {segment: s}\n");
    text_printf(&t, "rules:\n  - {name: all, allow: {from: '%s', to: '%s', ports: 1/tcp}}\n", all_from, all_to);
    for (unsigned i = 0; i < from; i++)
        text_printf(&t, "  - {name: f%u, allow: {from: 'cidr:20.%u.%u.0/24', to: w, ports: 2/tcp}}\n", i, i >> 8, i & 255);
    for (unsigned i = 0; i < to; i++)
        text_printf(&t, "  - {name: t%u, allow: {from: w, to: 'cidr:30.%u.%u.0/24', ports: 2/tcp}}\n", i, i >> 8, i & 255);
    for (unsigned i = 0; i < between; i++)
        text_printf(&t, "  - {name: b%u, allow: {from: 'cidr:20.%u.%u.0/24', to: 'cidr:30.0.0.0/8', ports: [%u/tcp, %u/udp]}}\n", i, i >> 8, i & 255, i + 3, i + 5);
    return source_of(t);
}

/* Every two of 12 workloads have `ports` of their own, under a condition when there is one. */
static struct source source_between(unsigned ports, const char *when)
{
    struct text t = text_new((size_t)32 << 20);
    text_puts(&t, "bulkhead: v1\nname: own\nsegments:\n  hub: {kind: hub, cidr: 10.80.0.0/24}\n  s: {cidr: 10.81.0.0/16}\nworkloads:\n");
    for (unsigned i = 0; i < 12; i++)
        text_printf(&t, "  w%u: {segment: s}\n", i);
    text_puts(&t, "rules:\n");
    for (unsigned i = 0; i < 144; i++) {
        text_printf(&t, "  - name: r%u\n    allow: {from: w%u, to: w%u, ports: [", i, i / 12, i % 12);
        for (unsigned k = 0; k < ports; k++)
            text_printf(&t, "%s%u/tcp", k ? ", " : "", 3 + 2 * k);
        text_printf(&t, "]}\n%s", when);
    }
    return source_of(t);
}

/* Each dwarfs what else there is. */
static void pairs_intervals_and_spans_alone_are_within_the_bound(void **state)
{
    for (int i = 0; i < 3; i++) {
        struct source s = i == 0 ? source_wide("any", "any", 300, 300, 0) : source_between(200, i == 1 ? "" : "    when: now.hour >= 4\n");
        struct compile_options o = options_of(&s, 9);
        agree(&s, &o);
        source_free(&s);
    }
}

/* On both sides of what is usual, in the memory that there is: what `up` and `apply` would say. */
static void what_is_larger_than_usual_is_said_with_its_rule(void **state)
{
    static const unsigned sizes[][3] = {{1000, 1000, 0}, {1250, 1250, 0}, {1254, 1254, 0}, {3000, 300, 0}, {300, 6000, 0}, {2000, 2000, 0}, {1000, 1000, 900}};
    unsigned large = 0;
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct source s = source_wide("cidr:20.0.0.0/8", "cidr:30.0.0.0/8", sizes[i][0], sizes[i][1], sizes[i][2]);
        struct compile_options o = options_of(&s, 3);
        uint64_t real = real_bytes(&s, &o);
        struct forecast f = ask(&s, &o, COMPILE_USUAL_BYTES, memory_left(&s), false);
        printf("# %u x %u, %u between: %.1f MiB\n", sizes[i][0], sizes[i][1], sizes[i][2], (double)real / 1048576);
        assert_int_equal(f.size, real >= COMPILE_USUAL_BYTES ? FORECAST_LARGE : FORECAST_USUAL);
        if (f.size == FORECAST_LARGE) {
            assert_int_equal(f.rule->place.line, 9);
            assert_true(f.bytes >= COMPILE_USUAL_BYTES && f.bytes <= real);
            large++;
        }
        source_free(&s);
    }
    assert_true(large > 1 && large < 6);
}

/* Rules of one port between all but a prefix and all but another: many cells, and few intervals in each. */
static struct source source_negated(unsigned count)
{
    struct text t = text_new((size_t)32 << 20);
    text_puts(&t, "bulkhead: v1\nname: but\nsegments:\n  hub: {kind: hub, cidr: 10.80.0.0/24}\n  s: {cidr: 10.81.0.0/16}\nworkloads:\n  w: {segment: s}\nrules:\n");
    for (unsigned i = 0; i < count; i++)
        text_printf(&t, "  - {name: b%u, allow: {from: [any, 'not:cidr:20.%u.%u.0/24'], to: [any, 'not:cidr:30.%u.%u.0/24'], ports: %u/tcp}}\n", i, i >> 8, i & 255,
            i >> 8, i & 255, i % 30 + 1);
    return source_of(t);
}

static void what_has_many_cells_and_few_ports_is_usual_unless_it_is_refused(void **state)
{
    struct source s = source_negated(300);
    struct compile_options o = options_of(&s, 3);
    assert_true(real_bytes(&s, &o) < COMPILE_USUAL_BYTES);
    assert_int_equal(ask(&s, &o, COMPILE_USUAL_BYTES, memory_left(&s), false).size, FORECAST_USUAL);
    source_free(&s);
    s = source_negated(400);
    o = options_of(&s, 3);
    assert_int_equal(ask(&s, &o, COMPILE_USUAL_BYTES, TABLES, false).size, FORECAST_REFUSED);
    assert_int_not_equal(ask(&s, &o, COMPILE_USUAL_BYTES, memory_left(&s), false).size, FORECAST_USUAL);
    source_free(&s);
}

/* Three prefixes of the world a rule, to one of 200 workloads, and a rule between all. */
static struct source source_feed(unsigned rules)
{
    struct text t = text_new((size_t)32 << 20);
    text_puts(&t, "bulkhead: v1\nname: feed\nsegments:\n  hub: {kind: hub, cidr: 10.80.0.0/24}\n  s: {cidr: 10.81.0.0/16}\nworkloads:\n");
    for (unsigned i = 0; i < 200; i++)
        text_printf(&t, "  w%u: {segment: s}\n", i);
    text_puts(&t, "rules:\n");
    for (unsigned i = 0; i < rules; i++)
        text_printf(&t, "  - name: f%u\n    allow: {from: ['cidr:20.%u.%u.0/24', 'cidr:21.%u.%u.0/28', 'cidr:22.%u.%u.1'], to: w%u, ports: 443/tcp}\n", i, i >> 8, i & 255,
            i >> 8, i & 255, i >> 8, i & 255, i % 200);
    text_puts(&t, "  - {name: all, allow: {from: any, to: any, ports: 443/tcp}}\n");
    return source_of(t);
}

static void ninety_thousand_prefixes_and_a_rule_between_all_are_said_to_be_large(void **state)
{
    struct source s = source_feed(30000);
    struct compile_options o = options_of(&s, 3);
    struct forecast f = ask(&s, &o, COMPILE_USUAL_BYTES, memory_left(&s), false);
    assert_int_equal(f.size, FORECAST_LARGE);
    assert_string_equal(f.rule->name, "all");
    assert_true(f.bytes <= real_bytes(&s, &o));
    source_free(&s);
}

static void what_is_refused_is_forecast(void **state)
{
    struct source s = source_wide("cidr:20.0.0.0/8", "cidr:30.0.0.0/8", 40, 60, 0);
    struct compile_options o = options_of(&s, 3);
    struct forecast whole = ask(&s, &o, UINT64_MAX, TABLES, true);
    for (uint64_t limit = whole.cells - 1; limit <= whole.cells; limit++) {
        struct arena *tables = arena_create(TABLES);
        struct diags diags = diags_new(tables);
        o.product_limit = limit;
        assert_int_equal(compile_policy(s.policy, &o, tables, &diags) == NULL, limit < whole.cells);
        arena_destroy(tables);
        struct forecast f = ask(&s, &o, UINT64_MAX, TABLES, true);
        assert_int_equal(f.size, limit < whole.cells ? FORECAST_REFUSED : FORECAST_USUAL);
        assert_int_equal(f.rule->place.line, 9);
        assert_int_equal(f.from_classes * f.to_classes, 41 * 61);
    }
    source_free(&s);
}

/* Each ceiling, and each failing allocation: the truth, or that it is not known. */
static void too_little_memory_says_so(void **state)
{
    unsigned unknown = 0, known = 0;
    for (uint64_t seed = 1; seed <= 10; seed++) {
        struct source s = source_random(seed);
        struct compile_options o = options_of(&s, seed);
        uint64_t whole = ask(&s, &o, UINT64_MAX, TABLES, true).bytes;
        for (uint64_t nth = 1;; nth++) {
            enum forecast_size size[2];
            struct arena *scratch[2] = {arena_create(TABLES), arena_create(TABLES)};
            for (int large = 0; large < 2; large++) {
                arena_fail_at(scratch[large], nth);
                size[large] = forecast_count(s.policy, &o, whole + !large, scratch[large]).size;
                assert_true(size[large] == FORECAST_UNKNOWN || size[large] == (large ? FORECAST_LARGE : FORECAST_USUAL));
                size[large] == FORECAST_UNKNOWN ? unknown++ : known++;
            }
            bool enough = arena_allocations(scratch[0]) < nth;
            arena_destroy(scratch[0]);
            arena_destroy(scratch[1]);
            if (enough)
                break;
        }
        for (size_t memory = 1024; memory < (size_t)1 << 22; memory += memory / 3) {
            enum forecast_size size = ask(&s, &o, whole, memory, false).size;
            assert_true(size == FORECAST_UNKNOWN || size == FORECAST_LARGE);
        }
        source_free(&s);
    }
    printf("# %u times unknown, %u times not\n", unknown, known);
    assert_true(unknown > 100 && known > 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_policies_are_as_large_as_forecast),
        cmocka_unit_test(the_families_of_the_benchmarks_are_as_large_as_forecast),
        cmocka_unit_test(a_hundred_thousand_rules_are_as_large_as_forecast),
        cmocka_unit_test(pairs_intervals_and_spans_alone_are_within_the_bound),
        cmocka_unit_test(what_is_larger_than_usual_is_said_with_its_rule),
        cmocka_unit_test(what_has_many_cells_and_few_ports_is_usual_unless_it_is_refused),
        cmocka_unit_test(ninety_thousand_prefixes_and_a_rule_between_all_are_said_to_be_large),
        cmocka_unit_test(what_is_refused_is_forecast),
        cmocka_unit_test(too_little_memory_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
