/* SPDX-License-Identifier: Apache-2.0 */
/* What a timeline says of a rule at any moment is what the rule's condition says when it is asked. */
#include "compile/timeline.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_timeline_is_what_the_condition_says),
    };
    return cmocka_run_group_tests_name("compile-timeline", tests, NULL, NULL);
}
