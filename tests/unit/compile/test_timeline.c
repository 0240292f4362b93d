/* SPDX-License-Identifier: Apache-2.0 */
/* What a timeline says of a rule at any moment is what the rule's condition says when it is asked. */
#include "compile/timeline.h"

#include <netinet/in.h>

#include "decide/decide.h"
#include "reader.h"
#include "sources.h"


static struct source source_of_conditions(void)
{
    static const char *const conditions[] = {
        "now.second > 30", "now.second % 2 == 0", /* more changes than are kept */
        "now.minute % 26 == 0", "now.hour >= 4 && now.hour < 16", "now.weekday in [0, 6] || now.second > 30", "now.hour / (now.hour - 16) > 0",
        "now < timestamp(\"2026-09-21T20:00:00Z\")", "now.month == 12"};
    struct text t = text_new(1 << 16);
    text_puts(&t, "bulkhead: v1\nname: timed\ntimezone: Europe/Berlin\nsegments:\n  hub: {kind: hub, cidr: 10.80.0.0/24}\n  s: {cidr: 10.81.0.0/24}\n"
                  "workloads:\n  w: {segment: s}\nrules:\n");
    for (size_t i = 0; i < sizeof conditions / sizeof *conditions; i++)
        text_printf(&t, "  - name: r%zu\n    %s: {from: any, to: w, ports: [80/tcp]}\n    when: '%s'\n", i, i % 3 ? "allow" : "deny", conditions[i]);
    return source_of(t);
}

/* Forwards through a day, and back and forth in it. */
static void a_timeline_is_what_the_condition_says(void **state)
{
    struct source s = source_of_conditions();
    struct arena *a = arena_create((size_t)64 << 20);
    struct timelines t;
    uint32_t seed = 7;
    assert_true(timelines_begin(&t, s.policy, COMPILED, COMPILED + HORIZON_SECONDS, a));
    for (uint32_t rule = 0; rule < s.policy->rule_count; rule++)
        for (int i = 0; i < 4000; i++) {
            seed = seed * 1664525 + 1013904223;
            int64_t at = COMPILED + (i < 2000 ? i * 43 : (int64_t)((seed >> 8) % HORIZON_SECONDS)), next;
            bool holds;
            assert_true(timelines_at(&t, rule, at, &holds, &next));
            assert_int_equal(holds, rule_holds(s.policy, &s.policy->rules[rule], at));
            assert_int_equal(next, rule_next_change(s.policy, &s.policy->rules[rule], at, COMPILED + HORIZON_SECONDS));
        }
    arena_destroy(a);
    source_free(&s);
}

static struct source source_of_rules(const char *const *conditions, size_t count)
{
    struct text t = text_new(1 << 16);
    text_puts(&t, "bulkhead: v1\nname: timed\nsegments:\n  hub: {kind: hub, cidr: 10.80.0.0/24}\n  s: {cidr: 10.81.0.0/24}\n"
                  "workloads:\n  v: {segment: s}\n  w: {segment: s}\nrules:\n  - {name: plain, allow: {from: v, to: w, ports: 22/tcp}}\n");
    for (size_t i = 0; i < count; i++)
        text_printf(&t, "  - name: r%zu\n    allow: {from: v, to: w, ports: [80/tcp]}\n    when: '%s'\n", i, conditions[i]);
    return source_of(t);
}

/* The first second from COMPILED on at which port 80 is refused with window-closed, as the image has it; found by asking. */
static int64_t closed_from(const struct source *s, const struct compiled *c)
{
    struct image i = image_of(c);
    struct image_address ends[2];
    for (uint32_t w = 0; w < 2; w++)
        ends[w] = image_address(&i, &s->policy->workloads[w].addresses[0]);
    const struct flow f = {s->policy->workloads[0].addresses[0], s->policy->workloads[1].addresses[0], IPPROTO_TCP, 80};
    int64_t at = COMPILED;
    while (at < COMPILED + 2 * HORIZON_SECONDS && image_verdict(&i, &ends[0], &ends[1], &f, (uint64_t)at * 1000000000).reason != REASON_WINDOW_CLOSED)
        at++;
    image_free(&i);
    return at;
}

static void an_image_says_when_it_knows_no_more(void **state)
{
    static const struct {
        const char *conditions[3];
        size_t count;
        int64_t seconds; /* 0: whatever the image says */
    } cases[] = {
        {{0}, 0, HORIZON_SECONDS},
        {{"now.hour >= 1 && now.hour < 4"}, 1, HORIZON_SECONDS},
        {{"now.second % 2 == 0"}, 1, 8},
        {{"now.minute % 5 == 0"}, 1, 0},
        {{"now.minute % 30 == 0", "now.hour % 2 == 0", "now.minute % 20 == 7"}, 3, 0}, /* each changes seldom, all together often */
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct source s = source_of_rules(cases[i].conditions, cases[i].count);
        struct arena *a = arena_create((size_t)64 << 20);
        struct diags diags = diags_new(a);
        const struct compile_options o = {.compiled = COMPILED, .seed = 3, .links = s.links};
        struct compiled *c = compile_policy(s.policy, &o, a, &diags);
        assert_non_null(c);
        int64_t until = compiled_until(c);
        if (cases[i].seconds)
            assert_int_equal(until, COMPILED + cases[i].seconds);
        if (cases[i].count)
            assert_int_equal(until, closed_from(&s, c));
        else
            assert_true(closed_from(&s, c) > until); /* nothing changes: nothing is closed */
        arena_destroy(a);
        source_free(&s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_timeline_is_what_the_condition_says),
        cmocka_unit_test(an_image_says_when_it_knows_no_more),
    };
    return cmocka_run_group_tests_name("compile-timeline", tests, NULL, NULL);
}
