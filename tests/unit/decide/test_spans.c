/* SPDX-License-Identifier: Apache-2.0 */
/* What rules with windows of time come to, in spans and moments, against asking at every second. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../policy/zones.h"
#include "arena_scene.h"
#include "decide/decide.h"
#include "decide/moments.h"
#include "models.h"

#define BERLIN_SPRING INT64_C(1774746000) /* 2026-03-29T01:00:00Z: the clock goes from 2:00 to 3:00 */
#define BERLIN_AUTUMN INT64_C(1792890000) /* 2026-10-25T01:00:00Z: and from 3:00 to 2:00 */
#define LORD_HOWE     INT64_C(1791041400) /* 2026-10-03T15:30:00Z: by half an hour */
#define DAY           86400

static const char *const conditions[] = {
    "now.second > 30",
    "now.second > 99",
    "now.second % 2 == 0",
    "now.second >= 20 && now.hour == 3",
    "now.minute < 30",
    "now.minute % 7 == 0 && now.second == 59",
    "now.hour >= 1 && now.hour < 4",
    "now.hour == 2",
    "now.hour < 5 || now.hour > 20",
    "now.weekday == 0",
    "now < timestamp(\"2026-03-29T01:00:01Z\")",
    "1 / (now.hour - 3) == 1",          /* unknown for an hour */
    "1 / (now.second - 30) == 100",     /* and for a second each minute */
    "now.minute / (now.hour - 2) >= 0", /* unknown, then true */
    "1 == 1",
    "1 / 0 == 1",
};
#define CONDITIONS (sizeof conditions / sizeof conditions[0])

static const char *random_condition(void)
{
    return random_below(4) ? conditions[random_below(CONDITIONS)] : NULL;
}

static void random_clock(struct arena *a, struct policy *p)
{
    static const char *const zones[] = {NULL, "Europe/Berlin", "Australia/Lord_Howe", "Test/Restless"};
    p->timezone = zones[random_below(4)];
    p->zone = p->timezone ? zone_made(p->timezone, a) : NULL;
}

static int64_t random_time(void)
{
    static const int64_t changes[] = {BERLIN_SPRING, BERLIN_AUTUMN, LORD_HOWE};
    return changes[random_below(3)] - random_below(DAY);
}

/* Some rules hold for ever, and some are of other traffic. */
static struct policy *random_policy(struct arena *a, uint32_t rules)
{
    static const char *const kinds[] = {"allow", "allow", "deny", "try"};
    struct policy *p = model_shop(a);
    random_clock(a, p);
    p->observe = random_below(5) == 0;
    uint32_t denies = random_below(3); /* without them, allows are seen */
    for (uint32_t i = 0; i < rules; i++)
        model_rule(a, p, "rule", kinds[random_below(denies ? 4 : 2)], "any",
                   random_below(8) ? "orders" : "ledger", "any", random_condition());
    return p;
}

/* ---- spans ---- */

static struct flow to_orders(void)
{
    return (struct flow){
        .from = address_of("10.80.1.2"), .to = address_of("10.80.2.2"), .protocol = 6, .port = 80};
}

#define RULES_MAX 128

/* The rules that cover a flow, and the flow's verdicts in a day by span; the last is the one that is closed. */
struct naive {
    const struct policy *policy;
    bool observed;
    uint32_t covering[RULES_MAX];
    uint32_t covering_count;
    bool timed; /* some of them */
    struct span spans[SPANS_MAX + 1];
    unsigned count;
};

static struct naive naive_new(const struct policy *p, const struct flow *f)
{
    struct naive n = {.policy = p, .observed = flow_observed(p, &f->from, &f->to)};
    assert_true(p->rule_count <= RULES_MAX);
    for (uint32_t i = 0; i < p->rule_count; i++) {
        if (!rule_covers(p, &p->rules[i], f))
            continue;
        n.covering[n.covering_count++] = i;
        n.timed |= rule_is_timed(&p->rules[i]);
    }
    return n;
}

static struct verdict verdict_at(const struct naive *n, int64_t now)
{
    struct matched m = {NONE, NONE, NONE};
    for (uint32_t i = n->covering_count; i-- > 0;) {
        const struct rule *r = &n->policy->rules[n->covering[i]];
        if (rule_holds(n->policy, r, now))
            *(r->allow ? &m.allow : r->observe ? &m.observed : &m.deny) = n->covering[i];
    }
    return matched_verdict(&m, n->observed);
}

static bool verdicts_equal(const struct verdict *a, const struct verdict *b)
{
    return a->allow == b->allow && a->enforced == b->enforced && a->reason == b->reason && a->rule == b->rule;
}

static void naive_ask(struct naive *n, int64_t compiled)
{
    unsigned count = 0;
    int64_t now = compiled;
    for (; now < compiled + DAY; now++) {
        struct verdict v = verdict_at(n, now);
        if (count > 0 && verdicts_equal(&v, &n->spans[count - 1].verdict))
            continue;
        if (count == SPANS_MAX)
            break;
        n->spans[count] = (struct span){.from = count ? now : INT64_MIN, .verdict = v};
        count++;
    }
    struct verdict closed = {.enforced = !n->observed, .reason = REASON_WINDOW_CLOSED, .rule = NONE};
    n->spans[count] = (struct span){.from = now, .until = INT64_MAX, .verdict = closed};
    for (unsigned i = 0; i < count; i++)
        n->spans[i].until = n->spans[i + 1].from;
    n->count = count + 1;
}

static void asked_at(const struct policy *p, const struct flow *f, struct moment m, const struct naive *n,
                     uint64_t seed)
{
    const struct span *want = n->spans;
    while (m.now >= want->until && want->until < INT64_MAX)
        want++;
    struct span s = decide_span(p, f, m);
    struct verdict v = decide(p, f, m);
    if (s.from != want->from || s.until != want->until || !verdicts_equal(&s.verdict, &want->verdict) ||
        !verdicts_equal(&v, &want->verdict))
        fail_msg("seed %llu, compiled at %lld, at %lld: rule %d, %s, from %lld until %lld; decide: rule %d, %s; "
                 "expected rule %d, %s, from %lld until %lld",
                 (unsigned long long)seed, (long long)m.compiled, (long long)m.now, (int)s.verdict.rule,
                 reason_name(s.verdict.reason), (long long)s.from, (long long)s.until, (int)v.rule,
                 reason_name(v.reason), (int)want->verdict.rule, reason_name(want->verdict.reason),
                 (long long)want->from, (long long)want->until);
}

static void spans_of(struct arena *a, uint64_t seed, uint32_t rules)
{
    struct flow f = to_orders();
    seed_random(seed);
    struct policy *p = random_policy(a, rules);
    struct naive n = naive_new(p, &f);
    int64_t compiled = random_time();
    if (!n.timed)
        return;
    naive_ask(&n, compiled);
    for (unsigned i = 1; i < n.count; i++)
        for (int64_t now = n.spans[i].from - 1; now <= n.spans[i].from; now++)
            asked_at(p, &f, (struct moment){compiled, now}, &n, seed);
    const int64_t beyond[] = {INT64_MIN, compiled - 1, compiled, compiled + DAY - 1, compiled + DAY, INT64_MAX};
    for (size_t i = 0; i < sizeof beyond / sizeof beyond[0]; i++)
        asked_at(p, &f, (struct moment){compiled, beyond[i]}, &n, seed);
    for (int i = 0; i < 10; i++)
        asked_at(p, &f, (struct moment){compiled, compiled + random_below(DAY)}, &n, seed);
}

static void spans_are_those_of_asking_at_every_second(void **state)
{
    struct scene *s = *state;
    for (uint64_t seed = 1; seed <= 40; seed++)
        spans_of(s->arena, seed, 1 + (uint32_t)seed % 7);
}

static void so_are_those_of_more_rules_than_are_kept(void **state)
{
    struct scene *s = *state;
    for (uint64_t seed = 1000; seed < 1001; seed++)
        spans_of(s->arena, seed, 80);
}

/* Its end is where no allow holds, not where the first of them ends. */
static void a_deny_that_is_tried_out_is_named_while_any_allow_holds(void **state)
{
    struct scene *s = *state;
    struct policy *p = model_shop(s->arena);
    static const char *const allows[] = {"now.second < 40", "now.second >= 20", "now.hour < 5"};
    for (size_t i = 0; i < 3; i++)
        model_rule(s->arena, p, "rule", "allow", "any", "orders", "any", allows[i]);
    uint32_t tried = model_rule(s->arena, p, "tried", "try", "any", "orders", "any", "now.hour < 7");
    struct flow f = to_orders();
    int64_t midnight = BERLIN_SPRING - 3600;
    struct span span = decide_span(p, &f, (struct moment){midnight, midnight});
    assert_int_equal(span.verdict.rule, tried);
    assert_int_equal(span.until, midnight + 7 * 3600);
    p->rules[1].when = p->rules[2].when; /* until 5:00, then for 40 s of every minute */
    span = decide_span(p, &f, (struct moment){midnight, midnight});
    assert_int_equal(span.verdict.rule, tried);
    assert_int_equal(span.until, midnight + 5 * 3600 + 40);
    uint32_t enforced = model_rule(s->arena, p, "never", "deny", "any", "orders", "any", "now.hour < 23");
    span = decide_span(p, &f, (struct moment){midnight, midnight}); /* beside this one allows do not count */
    assert_int_equal(span.verdict.rule, enforced);
    assert_int_equal(span.until, midnight + 23 * 3600);
}

/* However far away, and though it lasts for a second only. */
static void a_span_ends_at_the_second_of_the_change(void **state)
{
    struct scene *s = *state;
    static const char *const changes[] = {"now >= timestamp(\"2026-03-29T01:00:00Z\")",
                                          "now == timestamp(\"2026-03-29T01:00:00Z\")"};
    struct flow f = to_orders();
    for (size_t i = 0; i < 2; i++) {
        struct policy *p = model_shop(s->arena);
        model_rule(s->arena, p, "rule", "allow", "any", "orders", "any", changes[i]);
        for (int64_t before = 1; before <= DAY + 1; before++) {
            int64_t now = BERLIN_SPRING - before;
            struct span span = decide_span(p, &f, (struct moment){now, now});
            assert_int_equal(span.until, before < DAY ? BERLIN_SPRING : now + DAY);
        }
    }
}

/* The following take minutes or hours when they look at changes that they need not, and are then stopped. */

static void an_answer_at_compilation_does_not_look_ahead(void **state)
{
    struct scene *s = *state;
    struct policy *p = model_shop(s->arena);
    for (int i = 0; i < 16; i++)
        model_rule(s->arena, p, "rule", "allow", "any", "orders", "any",
                   arena_format(s->arena, "now.second > %d", 60 + i));
    struct flow f = to_orders();
    for (int64_t now = BERLIN_SPRING; now < BERLIN_SPRING + 20000; now++)
        assert_int_equal(decide(p, &f, (struct moment){now, now}).reason, REASON_DEFAULT_DENY);
}

static void what_cannot_change_the_verdict_is_not_asked_when_it_changes(void **state)
{
    struct scene *s = *state;
    struct policy *p = model_shop(s->arena);
    uint32_t deny = model_rule(s->arena, p, "never", "deny", "any", "orders", "any", NULL);
    for (int i = 0; i < 16; i++)
        model_rule(s->arena, p, "rule", i % 2 ? "deny" : "allow", "any", "orders", "any",
                   arena_format(s->arena, "now.second > %d", 25 + i));
    struct flow f = to_orders();
    for (int64_t now = BERLIN_SPRING; now < BERLIN_SPRING + 20000; now++) {
        struct span span = decide_span(p, &f, (struct moment){now, now});
        assert_int_equal(span.verdict.rule, deny);
        assert_int_equal(span.until, now + DAY);
    }
}

static void rules_of_one_condition_are_asked_once(void **state)
{
    struct scene *s = *state;
    struct policy *p = model_shop(s->arena);
    for (int i = 0; i < 500; i++)
        model_rule(s->arena, p, "rule", "allow", "any", "orders", "any", "now.second > 60");
    struct flow f = to_orders();
    for (int64_t now = BERLIN_SPRING; now < BERLIN_SPRING + 20; now++)
        assert_int_equal(decide_span(p, &f, (struct moment){now, now}).until, now + DAY);
}

/* ---- moments ---- */

/* As in moments.c. */
#define CHANGES_LOOKED_AT 50000
#define COMBINATIONS      256

struct combinations {
    const struct policy *policies[2];
    const struct rule *rules[CONDITIONS]; /* by number of its condition: the first that has it */
    const struct policy *of[CONDITIONS];
    uint8_t uses[CONDITIONS];
    uint32_t count;
};

/* The conditions of moments_find, whose numbers are its own. */
static void note_conditions(const struct moments *m, struct combinations *c)
{
    for (unsigned i = 0; i < 2; i++)
        for (uint32_t r = 0; r < c->policies[i]->rule_count; r++) {
            uint32_t number = m->condition_of[i][r];
            assert_true((number != NONE) == (c->policies[i]->rules[r].when != NULL));
            if (number == NONE)
                continue;
            assert_true(number < m->condition_count && number < CONDITIONS);
            c->rules[number] = &c->policies[i]->rules[r];
            c->of[number] = c->policies[i];
            c->uses[number] |= c->rules[number]->allow ? MOMENT_ALLOW : MOMENT_DENY;
        }
    c->count = m->condition_count;
}

/* What holds at the second; whether a condition is another than it was before. */
static bool combination_at(const struct combinations *c, int64_t now, enum truth truths[CONDITIONS],
                           uint8_t out[CONDITIONS])
{
    bool changed = false;
    for (uint32_t i = 0; i < c->count; i++) {
        enum truth t = rule_truth(c->of[i], c->rules[i], now);
        changed |= t != truths[i];
        truths[i] = t;
        out[i] = (t == TRUTH_TRUE ? c->uses[i] & MOMENT_ALLOW : 0) |
                 (t != TRUTH_FALSE ? c->uses[i] & MOMENT_DENY : 0);
    }
    return changed;
}

static bool is_known(const struct moments *m, size_t count, const uint8_t *combination)
{
    for (size_t i = 0; i < count; i++)
        if (memcmp(m->holding + i * m->condition_count, combination, m->condition_count) == 0)
            return true;
    return false;
}

/* Every combination in the order in which it appears, and as many as there may be. */
static void moments_are_those_of(const struct moments *m, const struct combinations *c, int64_t now)
{
    enum truth truths[CONDITIONS];
    uint8_t here[CONDITIONS];
    size_t found = 0;
    unsigned changes = 0;
    bool whole = true;
    for (int64_t at = now; at < now + MOMENTS_SECONDS && whole; at++) {
        if (!combination_at(c, at, truths, here) && at > now)
            continue;
        if (changes++ == CHANGES_LOOKED_AT) {
            whole = false;
        } else if (!is_known(m, found, here)) {
            whole = found < COMBINATIONS;
            assert_true(!whole || (found < m->count && memcmp(m->holding + found * m->condition_count, here,
                                                              m->condition_count) == 0));
            found += whole;
        }
    }
    assert_int_equal(found, m->count);
    assert_int_equal(m->incomplete == NULL, whole);
}

static void moments_are_those_of_asking_at_every_second(void **state)
{
    struct scene *s = *state;
    for (uint64_t seed = 2000; seed < 2003; seed++) {
        print_message("# seed %llu\n", (unsigned long long)seed);
        seed_random(seed);
        struct combinations c = {0};
        for (int i = 0; i < 2; i++)
            c.policies[i] = random_policy(s->arena, random_below(seed % 3 ? 3 : 8));
        ((struct policy *)c.policies[1])->zone = c.policies[0]->zone; /* so that conditions are shared */
        ((struct policy *)c.policies[1])->timezone = c.policies[0]->timezone;
        int64_t now = random_time();
        struct moments m;
        assert_true(moments_find(c.policies, 2, now, s->arena, &m));
        note_conditions(&m, &c);
        moments_are_those_of(&m, &c, now);
        assert_true(moments_now(c.policies, 2, now, s->arena, &m));
        assert_int_equal(m.count, 1);
    }
}

/* Combinations of `now` and a week from then, for a policy with these conditions, each on an allow. */
static size_t moments_count(struct arena *a, const char *const *when, uint32_t count, int64_t now)
{
    struct policy *p = model_shop(a);
    for (uint32_t i = 0; i < count; i++)
        model_rule(a, p, "rule", "allow", "any", "orders", "any", when[i]);
    struct combinations c = {.policies = {p, p}};
    struct moments m;
    assert_true(moments_find(c.policies, 2, now, a, &m));
    note_conditions(&m, &c);
    moments_are_those_of(&m, &c, now);
    return m.count;
}

static void a_moment_is_found_whichever_second_it_is(void **state)
{
    struct scene *s = *state;
    static const int64_t before[] = {1, 3599, 3600, 3601, 7199, 7200, 7201, MOMENTS_SECONDS - 1};
    const char *when = "now == timestamp(\"2026-03-29T01:00:00Z\")";
    for (size_t i = 0; i < sizeof before / sizeof before[0]; i++)
        assert_int_equal(moments_count(s->arena, &when, 1, BERLIN_SPRING - before[i]), 2);
    assert_int_equal(moments_count(s->arena, &when, 1, BERLIN_SPRING - MOMENTS_SECONDS), 1);
}

/* Six changes a minute, at 0, 1, 24, 25, 48 and 49; one more with the last that is looked at, or the next. */
static void as_many_changes_are_looked_at_as_there_may_be(void **state)
{
    struct scene *s = *state;
    const int last = (CHANGES_LOOKED_AT - 4) / 6 * 60 + 60 + 48; /* two of the first minute, then six of each */
    for (int behind = 0; behind < 2; behind++) {
        const char *when[] = {"now.second % 24 == 0",
                              arena_format(s->arena,
                                           "now >= timestamp(\"2026-03-29T01:00:00Z\") + duration(\"%ds\")",
                                           last + behind)};
        assert_int_equal(moments_count(s->arena, when, 2, BERLIN_SPRING + 30), 3 - (size_t)behind);
    }
}

static void every_allocation_of_moments_may_fail(void **state)
{
    struct scene *s = *state;
    seed_random(3000);
    const struct policy *policies[] = {random_policy(s->arena, 6), random_policy(s->arena, 6)};
    bool done = false;
    for (uint64_t nth = 1; !done; nth++) {
        struct moments m;
        arena_fail_at(s->arena, nth);
        done = moments_find(policies, 2, BERLIN_SPRING - DAY, s->arena, &m);
        arena_fail_at(s->arena, 0);
        assert_true(nth < 1000);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(spans_are_those_of_asking_at_every_second),
        TEST(so_are_those_of_more_rules_than_are_kept),
        TEST(a_deny_that_is_tried_out_is_named_while_any_allow_holds),
        TEST(a_span_ends_at_the_second_of_the_change),
        TEST(an_answer_at_compilation_does_not_look_ahead),
        TEST(what_cannot_change_the_verdict_is_not_asked_when_it_changes),
        TEST(rules_of_one_condition_are_asked_once),
        TEST(moments_are_those_of_asking_at_every_second),
        TEST(a_moment_is_found_whichever_second_it_is),
        TEST(as_many_changes_are_looked_at_as_there_may_be),
        TEST(every_allocation_of_moments_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
