/* SPDX-License-Identifier: Apache-2.0 */
/* What differs between two outcomes of the same message, and how many requests a rule gained or lost. */
#include "tests/unit/base/check.h"

#include "cli/options.h"
#include "cli/waf_tally.h"

#define RULES 4

/* moment.c wants one. */
int wrong_usage(const char *verb, const char *format, ...)
{
    return 2;
}

/* Rules 10, 11, 12, 13 in phases 1 and 2. */
struct rules_of_one {
    struct waf_rule rules[RULES];
    struct waf_rule_set set;
};

static void make_rules(struct rules_of_one *ret)
{
    *ret = (struct rules_of_one){0};
    for (uint32_t i = 0; i < RULES; i++)
        ret->rules[i] = (struct waf_rule){.kind = RULE_ACTION, .phase = i < 2 ? 1 : 2, .id = 10 + i, .head = i, .next = NOTHING};
    ret->set = (struct waf_rule_set){.rules = ret->rules, .rule_count = RULES};
}

#define EVENTS_MAX 6

struct ran {
    struct waf_matched matched[EVENTS_MAX];
    struct waf_event events[EVENTS_MAX];
    struct waf_outcome outcome;
    struct inspected inspected;
};

/* "RULE-INDEX VARIABLE", one for each event. */
static void fire(struct ran *ret, enum waf_decision decision, const char *const *events)
{
    *ret = (struct ran){.outcome = {.decision = decision, .status = 403, .phase = 2, .events = ret->events}};
    for (size_t i = 0; events[i]; i++) {
        ret->matched[i] = (struct waf_matched){.variable = bytes_of_text(events[i] + 2)};
        ret->events[i] = (struct waf_event){.rule = (uint32_t)(events[i][0] - '0'), .matched = &ret->matched[i], .matched_count = 1};
        ret->outcome.event_count++;
    }
    ret->inspected.outcome = &ret->outcome;
}
#define FIRE(RAN, DECISION, ...) fire(RAN, DECISION, (const char *const[]){__VA_ARGS__ __VA_OPT__(, ) NULL})

static struct arena *arena;
static struct rules_of_one rules[SIDES];
static struct ran ran[SIDES];
static struct difference d;

static void find(void)
{
    const struct waf_rule_set *const sets[] = {&rules[OLD].set, &rules[NEW].set};
    const struct inspected *const of[] = {&ran[OLD].inspected, &ran[NEW].inspected};
    assert_true(difference_find(sets, of, arena, &d));
}

static void the_order_and_the_number_of_events_make_no_difference(void **state)
{
    FIRE(&ran[OLD], WAF_PASS, "0 ARGS:a", "2 ARGS:b", "0 ARGS:c");
    FIRE(&ran[NEW], WAF_PASS, "2 ARGS:b", "0 ARGS:c", "0 ARGS:a", "0 ARGS:a");
    find();
    assert_int_equal(d.kind, DIFFERENCE_NONE);
    assert_int_equal(d.sides[OLD].count, 2);
    assert_int_equal(d.sides[NEW].fired[0].matched_count, 2);
    assert_int_equal(d.sides[NEW].fired[0].own_count, 0);
}

static void status_and_phase_count_only_of_a_refusal(void **state)
{
    FIRE(&ran[OLD], WAF_PASS, "0 ARGS:a");
    FIRE(&ran[NEW], WAF_PASS, "0 ARGS:a");
    ran[NEW].outcome.phase = 5;
    ran[NEW].outcome.status = 200;
    find();
    assert_int_equal(d.kind, DIFFERENCE_NONE);
    ran[OLD].outcome.decision = ran[NEW].outcome.decision = WAF_DENY;
    find();
    assert_int_equal(d.kind, DIFFERENCE_OTHER);
    ran[NEW].outcome.decision = WAF_ALLOW;
    find();
    assert_int_equal(d.kind, DIFFERENCE_PASSED);
    ran[OLD].outcome.decision = WAF_PASS;
    find();
    assert_int_equal(d.kind, DIFFERENCE_OTHER);
}

static void rules_and_variables_of_one_side_alone_are_told(void **state)
{
    FIRE(&ran[OLD], WAF_PASS, "0 ARGS:a", "1 ARGS:a", "1 ARGS:b");
    FIRE(&ran[NEW], WAF_DENY, "3 ARGS:d", "1 ARGS:b", "1 ARGS:c");
    find();
    assert_int_equal(d.kind, DIFFERENCE_REFUSED);
    const struct fired *old = d.sides[OLD].fired, *new = d.sides[NEW].fired;
    assert_null(old[0].other);
    assert_ptr_equal(old[1].other, &new[0]);
    assert_ptr_equal(new[0].other, &old[1]);
    assert_null(new[1].other);
    assert_int_equal(old[1].own_count, 1);
    assert_true(bytes_equal(old[1].own[0]->variable, bytes_of_text("ARGS:a")));
    assert_int_equal(new[0].own_count, 1);
    assert_true(bytes_equal(new[0].own[0]->variable, bytes_of_text("ARGS:c")));
    assert_int_equal(new[1].own_count, 1);
}

static void it_is_told_how_the_other_set_has_a_rule(void **state)
{
    FIRE(&ran[OLD], WAF_PASS, "0 ARGS:a", "1 ARGS:a", "2 ARGS:a", "3 ARGS:a");
    FIRE(&ran[NEW], WAF_PASS);
    rules[NEW].rules[0].id = 99;
    rules[NEW].rules[1].removed = true;
    rules[NEW].rules[2].updates.count = 1;
    find();
    static const enum rule_standing expected[] = {RULE_ABSENT, RULE_REMOVED, RULE_WRITTEN, RULE_SAME};
    for (size_t i = 0; i < RULES; i++)
        assert_int_equal(d.sides[OLD].fired[i].standing, expected[i]);
    make_rules(&rules[NEW]);
}

static void a_refusal_that_no_rule_logs_is_told(void **state)
{
    FIRE(&ran[OLD], WAF_PASS, "0 ARGS:a");
    FIRE(&ran[NEW], WAF_DENY, "0 ARGS:a");
    find();
    assert_true(d.sides[NEW].unlogged && !d.sides[OLD].unlogged && !d.unexplained);
    FIRE(&ran[OLD], WAF_PASS, "2 ARGS:a");
    FIRE(&ran[NEW], WAF_DENY, "2 ARGS:a");
    ran[NEW].outcome.decided_by = 3;
    find();
    assert_true(!d.sides[NEW].unlogged && d.unexplained);
}

static void requests_are_counted_by_rule(void **state)
{
    struct tally t = {.arena = arena};
    FIRE(&ran[OLD], WAF_PASS, "2 ARGS:a", "1 ARGS:a");
    FIRE(&ran[NEW], WAF_DENY, "3 ARGS:a", "1 ARGS:a");
    find();
    assert_true(tally_take(&t, &d) && tally_take(&t, &d));
    FIRE(&ran[OLD], WAF_PASS, "0 ARGS:a", "3 ARGS:a");
    FIRE(&ran[NEW], WAF_PASS, "2 ARGS:a");
    find();
    assert_true(tally_take(&t, &d));
    static const struct tally_rule expected[] = {{10, 0, 1, ""}, {12, 1, 2, ""}, {13, 2, 1, ""}};
    assert_int_equal(t.count, 3);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(t.rules[i].id, expected[i].id);
        assert_int_equal(t.rules[i].gained, expected[i].gained);
        assert_int_equal(t.rules[i].lost, expected[i].lost);
    }
    assert_int_equal(t.kinds[DIFFERENCE_REFUSED], 2);
    assert_int_equal(t.kinds[DIFFERENCE_OTHER], 1);
}

static void no_memory_is_an_answer(void **state)
{
    const struct waf_rule_set *const sets[] = {&rules[OLD].set, &rules[NEW].set};
    const struct inspected *const of[] = {&ran[OLD].inspected, &ran[NEW].inspected};
    FIRE(&ran[OLD], WAF_PASS, "0 ARGS:a", "1 ARGS:b");
    FIRE(&ran[NEW], WAF_DENY, "1 ARGS:a", "2 ARGS:b");
    find();
    uint64_t before = arena_allocations(arena);
    find();
    uint64_t needed = arena_allocations(arena) - before;
    for (uint64_t n = 1; n <= needed; n++) {
        arena_fail_at(arena, n);
        assert_false(difference_find(sets, of, arena, &d));
    }
    arena_fail_at(arena, 0);
}

static int begin(void **state)
{
    arena = arena_create((size_t)1 << 20);
    make_rules(&rules[OLD]);
    make_rules(&rules[NEW]);
    return arena ? 0 : -1;
}

static int end(void **state)
{
    arena_destroy(arena);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_order_and_the_number_of_events_make_no_difference),
        cmocka_unit_test(status_and_phase_count_only_of_a_refusal),
        cmocka_unit_test(rules_and_variables_of_one_side_alone_are_told),
        cmocka_unit_test(it_is_told_how_the_other_set_has_a_rule),
        cmocka_unit_test(a_refusal_that_no_rule_logs_is_told),
        cmocka_unit_test(requests_are_counted_by_rule),
        cmocka_unit_test(no_memory_is_an_answer),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
