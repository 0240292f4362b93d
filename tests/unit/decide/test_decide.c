/* SPDX-License-Identifier: Apache-2.0 */
/* The decision: selectors, ports, precedence, observation, time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "decide/decide.h"
#include "../policy/zones.h"
#include "models.h"
#include "policy/parse.h"

#define MIDNIGHT 1700006400LL /* 2023-11-15T00:00:00Z, a Wednesday */
#define HOUR     3600LL

struct scene {
    struct arena *arena;
    struct policy *policy;
};

static int set_up(void **state)
{
    static struct scene s;
    s.arena = arena_create((size_t)64 << 20);
    s.policy = model_shop(s.arena);
    *state = &s;
    return 0;
}

static int tear_down(void **state)
{
    arena_destroy(((struct scene *)*state)->arena);
    return 0;
}

static uint32_t rule(struct scene *s, const char *kind, const char *from, const char *to, const char *ports,
                     const char *when)
{
    return model_rule(s->arena, s->policy, "rule", kind, from, to, ports, when);
}

static struct flow flow(const char *from, const char *to, uint8_t protocol, uint16_t port)
{
    return (struct flow){.from = address_of(from), .to = address_of(to), .protocol = protocol, .port = port};
}

static struct verdict at(struct scene *s, const struct flow *f, int64_t compiled, int64_t now)
{
    return decide(s->policy, f, (struct moment){compiled, now});
}

static void is(struct verdict v, bool allow, bool enforced, enum bulkhead_reason reason, uint32_t rule_index,
               int line)
{
    if (v.allow != allow || v.enforced != enforced || v.reason != reason || v.rule != rule_index) {
        print_error("line %d: %s %d, rule %d; expected %s %d, rule %d\n", line, reason_name(v.reason),
                    v.enforced, (int)v.rule, reason_name(reason), enforced, (int)rule_index);
        fail();
    }
}
#define ALLOWED(v, rule_index)          is(v, true, true, REASON_RULE, rule_index, __LINE__)
#define REFUSED(v, reason, rule_index)  is(v, false, true, REASON_##reason, rule_index, __LINE__)
#define OBSERVED(v, reason, rule_index) is(v, false, false, REASON_##reason, rule_index, __LINE__)

static void names_are_those_of_the_table(void **state)
{
    assert_string_equal(reason_name(REASON_DENY_RULE), "deny-rule");
    assert_string_equal(reason_name(REASON_RULE), "rule");
    assert_string_equal(reason_meaning(REASON_TTL), "allowed, but its hop limit is used up");
    assert_string_equal(reason_name(REASONS), "unknown");
    assert_string_equal(delivery_name(DELIVERY_NO_SUCH_WORKLOAD), "no-such-workload");
}

static void selectors_select_what_they_say(void **state)
{
    struct scene *s = *state;
    static const struct {
        const char *end, *address;
        bool selects;
    } cases[] = {
        {"storefront", "10.80.1.2", true},
        {"storefront", "fd80:0:0:1::2", true},
        {"storefront", "10.80.1.3", false},
        {"segment:web", "10.80.1.2", true},
        {"segment:web", "10.80.1.77", true}, /* whether or not a workload has it */
        {"segment:web", "10.80.1.1", true},  /* the hub's own */
        {"segment:web", "fd80:0:0:1:ffff::", true},
        {"segment:web", "10.80.2.2", false},
        {"label:tier=front", "10.80.1.2", true},
        {"label:tier=front", "10.80.1.77", false},
        {"label:tier=middle", "10.80.1.2", false},
        {"cidr:203.0.113.0/24", "203.0.113.255", true},
        {"cidr:203.0.113.0/24", "203.0.114.0", false},
        {"cidr:10.80.1.0/31", "10.80.1.2", false},
        {"cidr:0.0.0.0/0", "8.8.8.8", true},
        {"cidr:0.0.0.0/0", "2001:db8::1", false},
        {"world", "8.8.8.8", true},
        {"world", "10.80.99.1", true},
        {"world", "10.80.3.77", false},
        {"any", "10.80.3.77", true},
        {"any", "2001:db8::1", true},
        {"any", "224.0.0.1", false},
        {"any", "255.255.255.255", false},
        {"any", "127.0.0.1", false},
        {"any", "0.0.0.0", false},
        {"any", "169.254.7.7", false},
        {"any", "fe80::1", false},
        {"any", "ff02::1", false},
        {"any", "::", false},
        {"any", "::1", false},
        {"world", "::ffff:8.8.8.8", false},
        {"cidr:224.0.0.0/4", "224.0.0.1", false},
        {"any not:world", "10.80.1.2", true},
        {"any not:world", "8.8.8.8", false},
        {"not:world any", "8.8.8.8", false},
        {"any not:world not:storefront", "10.80.1.2", false},
        {"storefront not:segment:web", "10.80.1.2", false},
        {"segment:web orders", "10.80.2.2", true},
        {"segment:web orders not:cidr:10.80.1.0/26", "10.80.1.2", false},
        {"segment:web orders not:cidr:10.80.1.0/26", "10.80.1.64", true},
        {"world not:cidr:203.0.113.0/24", "203.0.113.1", false},
        {"not:world", "10.80.1.2", false}, /* a union of nothing */
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint32_t r = rule(s, "allow", cases[i].end, "any", "any", NULL);
        struct address a = address_of(cases[i].address);
        if (end_selects(s->policy, &s->policy->rules[r].from, &a) != cases[i].selects)
            fail_msg("%s and %s", cases[i].end, cases[i].address);
    }
}

static void ports_match_what_they_say(void **state)
{
    struct scene *s = *state;
    static const struct {
        const char *ports;
        uint8_t protocol;
        uint16_t port;
        bool v6, matches;
    } cases[] = {
        {"8080/tcp", 6, 8080, false, true},
        {"8080/tcp", 17, 8080, false, false},
        {"8080/tcp", 6, 8081, false, false},
        {"8000-8099/tcp", 6, 8000, false, true},
        {"8000-8099/tcp", 6, 8099, true, true},
        {"8000-8099/tcp", 6, 8100, false, false},
        {"8000-8099/tcp", 6, 7999, false, false},
        {"53/udp 53/tcp", 6, 53, false, true},
        {"443/sctp", 132, 443, false, true},
        {"1-65535/tcp", 6, 65535, false, true},
        {"icmp", 1, 0, false, true},
        {"icmp", 58, 0, true, true},
        {"icmp", 58, 0, false, false},
        {"icmp", 1, 0, true, false},
        {"icmp", 6, 1, false, false},
        {"any", 6, 1, false, true},
        {"any", 47, 0, true, true},
        {"any", 1, 0, false, true},
        {"1-65535/tcp 1-65535/udp icmp", 47, 0, false, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint32_t new = rule(s, "allow", "any", "any", cases[i].ports, NULL);
        const struct rule *r = &s->policy->rules[new];
        struct flow f = flow(cases[i].v6 ? "::2" : "10.0.0.1", cases[i].v6 ? "::3" : "10.0.0.2",
                             cases[i].protocol, cases[i].port);
        if (ports_match(r->ports, r->port_count, &f) != cases[i].matches)
            fail_msg("%s, case %zu", cases[i].ports, i);
    }
}

/* Which of (enforced deny, tried deny, allow) match -> the verdict, in both orders of the file. */
static void a_deny_wins_then_an_allow_then_default_deny(void **state)
{
    struct scene *s = *state;
    struct flow f = flow("10.80.1.2", "10.80.2.2", 6, 80);
    for (unsigned mask = 0; mask < 8; mask++) {
        for (int reversed = 0; reversed < 2; reversed++) {
            static const char *const kinds[] = {"deny", "try", "allow"};
            uint32_t index[3] = {NONE, NONE, NONE};
            model_forget_rules(s->policy, 0);
            for (int i = 0; i < 3; i++) {
                int k = reversed ? 2 - i : i;
                if (mask & (1u << k))
                    index[k] = rule(s, kinds[k], "storefront", "orders", "any", NULL);
            }
            struct verdict v = at(s, &f, 0, 0);
            if (mask & 1)
                REFUSED(v, DENY_RULE, index[0]);
            else if (!(mask & 4))
                REFUSED(v, DEFAULT_DENY, NONE); /* a deny that is tried out opens nothing */
            else if (mask & 2)
                OBSERVED(v, DENY_RULE, index[1]);
            else
                ALLOWED(v, index[2]);
            /* Under observation refusals pass; which rule decides does not change. */
            s->policy->observe = true;
            struct verdict o = at(s, &f, 0, 0);
            s->policy->observe = false;
            assert_int_equal(o.allow, v.allow);
            assert_int_equal(o.rule, v.rule);
            assert_int_equal(o.reason, v.reason);
            assert_int_equal(o.enforced, v.allow);
        }
    }
}

static void the_first_of_several_is_named(void **state)
{
    struct scene *s = *state;
    struct flow f = flow("10.80.1.2", "10.80.2.2", 6, 80);
    rule(s, "allow", "orders", "any", "any", NULL);
    uint32_t first = rule(s, "allow", "segment:web", "orders", "80/tcp", NULL);
    rule(s, "allow", "storefront", "orders", "80/tcp", NULL);
    ALLOWED(at(s, &f, 0, 0), first);
    uint32_t tried = rule(s, "try", "storefront", "orders", "80/tcp", NULL);
    rule(s, "try", "storefront", "orders", "80/tcp", NULL);
    OBSERVED(at(s, &f, 0, 0), DENY_RULE, tried);
    uint32_t deny = rule(s, "deny", "storefront", "orders", "80/tcp", NULL);
    rule(s, "deny", "any", "any", "any", NULL);
    REFUSED(at(s, &f, 0, 0), DENY_RULE, deny); /* the first enforced one, though a tried one stands before it */
    uint32_t rules[8];
    assert_int_equal(decide_matching(s->policy, &f, (struct moment){0, 0}, rules, 8), 6);
    for (uint32_t i = 0; i < 6; i++)
        assert_int_equal(rules[i], i + 1);
    assert_int_equal(decide_matching(s->policy, &f, (struct moment){0, 0}, rules, 2), 6);
}

static void observation_is_of_the_network_a_segment_or_a_workload_at_either_end(void **state)
{
    struct scene *s = *state;
    struct flow f = flow("10.80.1.2", "10.80.2.2", 6, 80), empty = flow("10.80.1.77", "10.80.2.77", 6, 80);
    REFUSED(at(s, &f, 0, 0), DEFAULT_DENY, NONE);
    for (int i = 0; i < 7; i++) {
        s->policy->observe = i == 0;
        s->policy->segments[1].observe = i == 1; /* web */
        s->policy->segments[2].observe = i == 2; /* api */
        s->policy->workloads[0].observe = i == 3;
        s->policy->workloads[1].observe = i == 4;
        s->policy->segments[3].observe = i == 5; /* data: neither end */
        s->policy->workloads[2].observe = i == 6;
        if (i < 5)
            OBSERVED(at(s, &f, 0, 0), DEFAULT_DENY, NONE);
        else
            REFUSED(at(s, &f, 0, 0), DEFAULT_DENY, NONE);
        /* An address that no workload has: its segment's. */
        if (i < 3)
            OBSERVED(at(s, &empty, 0, 0), DEFAULT_DENY, NONE);
        else
            REFUSED(at(s, &empty, 0, 0), DEFAULT_DENY, NONE);
    }
}

static void what_is_not_unicast_is_refused_even_under_observation(void **state)
{
    struct scene *s = *state;
    s->policy->observe = true;
    rule(s, "allow", "any", "any", "any", NULL);
    struct flow f = flow("10.80.1.2", "224.0.0.1", 17, 5353), g = flow("127.0.0.1", "10.80.1.2", 6, 1);
    REFUSED(at(s, &f, 0, 0), NOT_UNICAST, NONE);
    REFUSED(at(s, &g, 0, 0), NOT_UNICAST, NONE);
    assert_false(rule_covers(s->policy, &s->policy->rules[0], &f));
}

static void delivery_never_changes_the_decision(void **state)
{
    struct scene *s = *state;
    static const struct {
        const char *from, *to;
        enum delivery delivery;
    } cases[] = {
        {"10.80.1.2", "10.80.2.2", DELIVERY_OK},
        {"10.80.1.2", "10.80.2.77", DELIVERY_NO_SUCH_WORKLOAD},
        {"10.80.1.2", "10.80.2.1", DELIVERY_NO_SUCH_WORKLOAD},
        {"10.80.1.2", "10.80.1.2", DELIVERY_NO_SUCH_WORKLOAD},
        {"10.80.1.2", "8.8.8.8", DELIVERY_OK},
        {"8.8.8.8", "10.80.1.2", DELIVERY_NO_UPLINK},
        {"8.8.8.8", "9.9.9.9", DELIVERY_NO_UPLINK},
    };
    uint32_t all = rule(s, "allow", "any", "any", "any", NULL);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct flow f = flow(cases[i].from, cases[i].to, 6, 80);
        assert_int_equal(deliver(s->policy, &f), cases[i].delivery);
        ALLOWED(at(s, &f, 0, 0), all);
    }
    s->policy->uplink.interface = NULL;
    struct flow out = flow("10.80.1.2", "8.8.8.8", 6, 80);
    assert_int_equal(deliver(s->policy, &out), DELIVERY_NO_UPLINK);
    ALLOWED(at(s, &out, 0, 0), all);
}

static void the_world_is_reached_by_what_the_uplink_can_translate(void **state)
{
    struct scene *s = *state;
    static const struct {
        const char *from, *to;
        uint8_t protocol;
        enum delivery delivery;
    } cases[] = {
        {"10.80.1.2", "8.8.8.8", 6, DELIVERY_OK},
        {"10.80.1.2", "8.8.8.8", 17, DELIVERY_OK},
        {"10.80.1.2", "8.8.8.8", 1, DELIVERY_OK},
        {"10.80.1.2", "8.8.8.8", 132, DELIVERY_NO_UPLINK},
        {"10.80.1.2", "8.8.8.8", 58, DELIVERY_NO_UPLINK},
        {"fd80:0:0:1::2", "2001:db8::1", 58, DELIVERY_OK},
        {"fd80:0:0:1::2", "2001:db8::1", 1, DELIVERY_NO_UPLINK},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct flow f = flow(cases[i].from, cases[i].to, cases[i].protocol, 80);
        assert_int_equal(deliver(s->policy, &f), cases[i].delivery);
    }
    s->policy->uplink.nat = false;
    struct flow sctp = flow("10.80.1.2", "8.8.8.8", 132, 80), six = flow("fd80:0:0:1::2", "2001:db8::1", 6, 80);
    assert_int_equal(deliver(s->policy, &sctp), DELIVERY_OK);
    s->policy->segments[s->policy->hub].cidr_count = 1;
    assert_int_equal(deliver(s->policy, &six), DELIVERY_NO_UPLINK);
}

static void the_world_comes_in_by_published_ports_alone(void **state)
{
    struct scene *s = *state;
    model_publish(s->arena, s->policy, "443/tcp", "storefront", 8443);
    struct flow f = flow("8.8.8.8", "10.80.1.2", 6, 8443), g = flow("2001:db8::1", "fd80:0:0:1::2", 6, 8443);
    assert_int_equal(deliver(s->policy, &f), DELIVERY_OK);
    assert_int_equal(deliver(s->policy, &g), DELIVERY_OK);
    struct flow others[] = {flow("8.8.8.8", "10.80.1.2", 6, 443), flow("8.8.8.8", "10.80.1.2", 17, 8443),
                            flow("8.8.8.8", "10.80.2.2", 6, 8443), flow("8.8.8.8", "10.80.0.1", 6, 443)};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        assert_int_equal(deliver(s->policy, &others[i]), DELIVERY_NO_UPLINK);
    s->policy->segments[s->policy->hub].cidr_count = 1;
    assert_int_equal(deliver(s->policy, &f), DELIVERY_OK);
    assert_int_equal(deliver(s->policy, &g), DELIVERY_NO_UPLINK);
}

/* Time */

static void a_window_opens_and_closes_to_the_second_and_ends_after_24_h(void **state)
{
    struct scene *s = *state;
    struct flow f = flow("10.80.1.2", "10.80.2.2", 6, 80), other = flow("10.80.1.2", "10.80.3.10", 6, 80);
    uint32_t night = rule(s, "allow", "storefront", "orders", "any", "now.hour >= 1 && now.hour < 4");
    int64_t t = MIDNIGHT;
    REFUSED(at(s, &f, t, t), DEFAULT_DENY, NONE);
    REFUSED(at(s, &f, t, t + HOUR - 1), DEFAULT_DENY, NONE);
    ALLOWED(at(s, &f, t, t + HOUR), night);
    ALLOWED(at(s, &f, t, t + 4 * HOUR - 1), night);
    REFUSED(at(s, &f, t, t + 4 * HOUR), DEFAULT_DENY, NONE);
    REFUSED(at(s, &f, t, t + 24 * HOUR - 1), DEFAULT_DENY, NONE);
    REFUSED(at(s, &f, t, t + 24 * HOUR), WINDOW_CLOSED, NONE);
    REFUSED(at(s, &f, t, t + 26 * HOUR), WINDOW_CLOSED, NONE);
    /* Times before compilation are answered as at compilation. */
    REFUSED(at(s, &f, t, t - 22 * HOUR), DEFAULT_DENY, NONE);
    ALLOWED(at(s, &f, t + 2 * HOUR, t - 10 * HOUR), night);
    /* A flow that no timed rule covers has one verdict for ever. */
    REFUSED(at(s, &other, t, t + 1000 * HOUR), DEFAULT_DENY, NONE);
    struct span forever = decide_span(s->policy, &other, (struct moment){t, t});
    assert_true(forever.from == INT64_MIN && forever.until == INT64_MAX);
    struct span open = decide_span(s->policy, &f, (struct moment){t, t + 2 * HOUR});
    assert_true(open.from == t + HOUR && open.until == t + 4 * HOUR);
    struct span closed = decide_span(s->policy, &f, (struct moment){t, t + 25 * HOUR});
    assert_true(closed.from == t + 24 * HOUR && closed.until == INT64_MAX);
}

static void window_closed_may_be_observed(void **state)
{
    struct scene *s = *state;
    struct flow f = flow("10.80.1.2", "10.80.2.2", 6, 80);
    rule(s, "allow", "storefront", "orders", "any", "now.hour >= 1 && now.hour < 4");
    s->policy->observe = true;
    OBSERVED(at(s, &f, MIDNIGHT, MIDNIGHT + 24 * HOUR), WINDOW_CLOSED, NONE);
}

static void there_are_at_most_eight_spans(void **state)
{
    struct scene *s = *state;
    struct flow f = flow("10.80.1.2", "10.80.2.2", 6, 80);
    uint32_t odd = rule(s, "allow", "storefront", "orders", "any", "now.hour % 2 == 1");
    for (int64_t hour = 0; hour < 24; hour++) {
        struct verdict v = at(s, &f, MIDNIGHT, MIDNIGHT + hour * HOUR + 30);
        if (hour >= 8)
            REFUSED(v, WINDOW_CLOSED, NONE);
        else if (hour % 2)
            ALLOWED(v, odd);
        else
            REFUSED(v, DEFAULT_DENY, NONE);
    }
}

static void spans_are_maximal_so_that_changes_without_effect_do_not_count(void **state)
{
    struct scene *s = *state;
    struct flow f = flow("10.80.1.2", "10.80.2.2", 6, 80);
    uint32_t always = rule(s, "allow", "storefront", "orders", "any", NULL);
    rule(s, "allow", "storefront", "orders", "any", "now.hour % 2 == 1"); /* never the first */
    ALLOWED(at(s, &f, MIDNIGHT, MIDNIGHT + 23 * HOUR), always);
    REFUSED(at(s, &f, MIDNIGHT, MIDNIGHT + 24 * HOUR), WINDOW_CLOSED, NONE); /* a timed rule covers it */
}

static void an_allow_span_ends_where_a_deny_begins(void **state)
{
    struct scene *s = *state;
    struct flow f = flow("10.80.1.2", "10.80.2.2", 6, 80);
    uint32_t day = rule(s, "allow", "storefront", "orders", "any", "now.hour >= 6");
    uint32_t noon = rule(s, "deny", "any", "orders", "any", "now.hour == 12");
    ALLOWED(at(s, &f, MIDNIGHT, MIDNIGHT + 12 * HOUR - 1), day);
    REFUSED(at(s, &f, MIDNIGHT, MIDNIGHT + 12 * HOUR), DENY_RULE, noon);
    ALLOWED(at(s, &f, MIDNIGHT, MIDNIGHT + 13 * HOUR), day);
}

static void unknown_makes_an_allow_not_match_and_a_deny_match(void **state)
{
    struct scene *s = *state;
    struct flow f = flow("10.80.1.2", "10.80.2.2", 6, 80);
    rule(s, "allow", "storefront", "orders", "any", "1 / (now.hour - now.hour) == 1");
    REFUSED(at(s, &f, MIDNIGHT, MIDNIGHT), DEFAULT_DENY, NONE);
    uint32_t all = rule(s, "allow", "storefront", "orders", "any", NULL);
    ALLOWED(at(s, &f, MIDNIGHT, MIDNIGHT), all);
    uint32_t deny = rule(s, "deny", "storefront", "orders", "any", "1 / (now.hour - now.hour) == 1");
    REFUSED(at(s, &f, MIDNIGHT, MIDNIGHT), DENY_RULE, deny);
}

static void more_timed_rules_than_are_kept_are_read_again(void **state)
{
    struct scene *s = *state;
    struct flow f = flow("10.80.1.2", "10.80.2.2", 6, 80);
    for (int i = 0; i < 100; i++)
        rule(s, "allow", "storefront", "orders", "any", "now.hour == 23");
    uint32_t last = rule(s, "allow", "storefront", "orders", "any", "now.hour == 3");
    ALLOWED(at(s, &f, MIDNIGHT, MIDNIGHT + 3 * HOUR), last);
    ALLOWED(at(s, &f, MIDNIGHT, MIDNIGHT + 23 * HOUR), 0);
    REFUSED(at(s, &f, MIDNIGHT, MIDNIGHT + 5 * HOUR), DEFAULT_DENY, NONE);
}

static void local_time_is_that_of_the_zone(void **state)
{
    struct scene *s = *state;
    struct flow f = flow("10.80.1.2", "10.80.2.2", 6, 80);
    uint32_t night = rule(s, "allow", "storefront", "orders", "any", "now.hour == 1");
    ALLOWED(at(s, &f, MIDNIGHT, MIDNIGHT + HOUR), night);
    s->policy->zone = zone_made("CET-1", s->arena);
    ALLOWED(at(s, &f, MIDNIGHT, MIDNIGHT), night);
    REFUSED(at(s, &f, MIDNIGHT, MIDNIGHT + HOUR), DEFAULT_DENY, NONE);
    s->policy->zone = zone_made("Asia/Kathmandu", s->arena); /* 5:45 ahead */
    REFUSED(at(s, &f, MIDNIGHT, MIDNIGHT + 19 * HOUR + 15 * 60 - 1), DEFAULT_DENY, NONE);
    ALLOWED(at(s, &f, MIDNIGHT, MIDNIGHT + 19 * HOUR + 15 * 60), night);
    REFUSED(at(s, &f, MIDNIGHT, MIDNIGHT + 20 * HOUR + 15 * 60), DEFAULT_DENY, NONE);
}

/* The only span of `rule` in the day from `compiled` on. */
static void holds_from_to(struct scene *s, uint32_t allowed, int64_t compiled, int64_t from, int64_t until)
{
    struct flow f = flow("10.80.1.2", "10.80.2.2", 6, 80);
    struct span span = decide_span(s->policy, &f, (struct moment){compiled, from});
    ALLOWED(span.verdict, allowed);
    assert_int_equal(span.from, from);
    assert_int_equal(span.until, until);
    for (int64_t now = compiled; now < compiled + 24 * HOUR; now += 300)
        assert_int_equal(at(s, &f, compiled, now).allow, now >= from && now < until);
}

static void a_window_follows_the_clock_when_it_is_changed(void **state)
{
    struct scene *s = *state;
    int64_t spring = 1774746000, autumn = 1792890000; /* 2026-03-29 and 2026-10-25, 1:00 UTC */
    s->policy->zone = zone_made("Europe/Berlin", s->arena);
    uint32_t r = rule(s, "allow", "storefront", "orders", "any", "now.hour >= 1 && now.hour < 4");
    holds_from_to(s, r, spring - 12 * HOUR, spring - HOUR, spring + HOUR);
    holds_from_to(s, r, autumn - 12 * HOUR, autumn - 2 * HOUR, autumn + 2 * HOUR);
    model_forget_rules(s->policy, 0);
    r = rule(s, "allow", "storefront", "orders", "any", "now.hour == 2");
    holds_from_to(s, r, autumn - 12 * HOUR, autumn - HOUR, autumn + HOUR); /* it is there twice, without a gap */
    struct flow f = flow("10.80.1.2", "10.80.2.2", 6, 80);
    for (int64_t now = spring - 12 * HOUR; now < spring + 12 * HOUR; now += 300) /* and here not at all */
        REFUSED(at(s, &f, spring - 12 * HOUR, now), DEFAULT_DENY, NONE);
    model_forget_rules(s->policy, 0);
    r = rule(s, "allow", "storefront", "orders", "any", "now.hour == 2 && now.minute < 30");
    ALLOWED(at(s, &f, autumn - 12 * HOUR, autumn - HOUR), r);
    REFUSED(at(s, &f, autumn - 12 * HOUR, autumn - HOUR / 2), DEFAULT_DENY, NONE);
    ALLOWED(at(s, &f, autumn - 12 * HOUR, autumn), r);
    REFUSED(at(s, &f, autumn - 12 * HOUR, autumn + HOUR / 2), DEFAULT_DENY, NONE);
    model_forget_rules(s->policy, 0);
    r = rule(s, "allow", "storefront", "orders", "any", "now.weekday == 1");
    holds_from_to(s, r, spring - HOUR, spring + 21 * HOUR, spring + 23 * HOUR); /* Monday, after a Sunday of 23 hours */
}

static void a_moment_is_the_same_in_every_zone(void **state)
{
    struct scene *s = *state;
    struct flow f = flow("10.80.1.2", "10.80.2.2", 6, 80);
    s->policy->zone = zone_made("Asia/Kathmandu", s->arena);
    uint32_t r = rule(s, "allow", "storefront", "orders", "any", "now < timestamp('2023-11-15T03:00:00Z')");
    ALLOWED(at(s, &f, MIDNIGHT, MIDNIGHT + 3 * HOUR - 1), r);
    REFUSED(at(s, &f, MIDNIGHT, MIDNIGHT + 3 * HOUR), DEFAULT_DENY, NONE);
}

/* Spans against the definition, read at every quarter of an hour, in zones that change the clock on such days. */
static void spans_are_those_of_the_definition(void **state)
{
    struct scene *s = *state;
    struct flow f = flow("10.80.1.2", "10.80.2.2", 6, 80);
    static const char *const conditions[] = {"now.hour < 5",     "now.hour % 3 == 0",
                                             "now.minute < 30",  "now.hour >= 20 || now.hour == 7",
                                             "now.weekday == 4", NULL};
    static const char *const kinds[] = {"allow", "deny", "try"};
    static const char *const zones[] = {NULL, "Europe/Berlin", "Asia/Kathmandu", "Australia/Lord_Howe"};
    static const int64_t days[] = {MIDNIGHT, 1774742400, 1792800000, 1791000000}; /* Berlin's, and Lord Howe's in October */
    uint64_t x = 0x9e3779b97f4a7c15u;
    for (int round = 0; round < 200; round++) {
        model_forget_rules(s->policy, 0);
        bool timed = false;
        for (int i = 0; i < 4; i++) {
            x ^= x << 13, x ^= x >> 7, x ^= x << 17;
            const char *when = conditions[x % 6];
            timed |= when != NULL;
            rule(s, kinds[(x >> 8) % 4 ? (x >> 16) % 2 * 2 % 3 : 1], "storefront", "orders", "any", when);
        }
        x ^= x << 13, x ^= x >> 7, x ^= x << 17;
        int64_t t = days[x % 4] - 43200 + (int64_t)(x >> 40) % 86400 / 900 * 900;
        struct policy *p = s->policy;
        const char *zone = zones[(x >> 8) % 4];
        p->zone = zone ? zone_made(zone, s->arena) : NULL;
        struct verdict previous = {0};
        int spans = 0;
        for (int64_t now = t; now < t + 86400; now += 900) {
            struct verdict plain = decide(p, &f, (struct moment){now, now});
            if (spans == 0 || previous.rule != plain.rule || previous.reason != plain.reason ||
                previous.enforced != plain.enforced)
                spans++;
            previous = plain;
            struct verdict v = decide(p, &f, (struct moment){t, now});
            if (spans > SPANS_MAX && timed)
                REFUSED(v, WINDOW_CLOSED, NONE);
            else
                is(v, plain.allow, plain.enforced, plain.reason, plain.rule, __LINE__);
        }
    }
}

static void a_policy_from_text_is_decided(void **state)
{
    struct scene *s = *state;
    static const char text[] = "bulkhead: v1\n"
                               "name: shop\n"
                               "segments:\n"
                               "  hub: {kind: hub, cidr: 10.80.0.0/24}\n"
                               "  web: {cidr: 10.80.1.0/24}\n"
                               "  data: {cidr: 10.80.3.0/24}\n"
                               "workloads:\n"
                               "  storefront: {segment: web}\n"
                               "  ledger: {segment: data, address: 10.80.3.10}\n"
                               "rules:\n"
                               "  - name: reads\n"
                               "    allow: {from: storefront, to: ledger, ports: [5432/tcp, 6000-6010/tcp]}\n"
                               "  - name: updates\n"
                               "    allow: {from: [any, not:world], to: cidr:203.0.113.0/24, ports: 443/tcp}\n"
                               "  - name: never\n"
                               "    deny: {from: segment:web, to: segment:data, ports: 6001/tcp}\n";
    struct diags diags = diags_new(s->arena);
    s->policy = policy_parse(bytes_of_text(text), 1, NULL, s->arena, &diags);
    if (!s->policy) {
        struct text t = text_new(1 << 16);
        diags_print(&diags, "test", bytes_of_text(text), false, &t);
        fail_msg("%s", text_cstr(&t));
    }
    struct flow f = flow("10.80.1.2", "10.80.3.10", 6, 5432);
    ALLOWED(at(s, &f, 0, 0), 0);
    f.port = 6000;
    ALLOWED(at(s, &f, 0, 0), 0);
    f.port = 6001;
    REFUSED(at(s, &f, 0, 0), DENY_RULE, 2);
    f.port = 6011;
    REFUSED(at(s, &f, 0, 0), DEFAULT_DENY, NONE);
    f = flow("10.80.3.10", "203.0.113.9", 6, 443);
    ALLOWED(at(s, &f, 0, 0), 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(names_are_those_of_the_table),
        TEST(selectors_select_what_they_say),
        TEST(ports_match_what_they_say),
        TEST(a_deny_wins_then_an_allow_then_default_deny),
        TEST(the_first_of_several_is_named),
        TEST(observation_is_of_the_network_a_segment_or_a_workload_at_either_end),
        TEST(what_is_not_unicast_is_refused_even_under_observation),
        TEST(delivery_never_changes_the_decision),
        TEST(the_world_is_reached_by_what_the_uplink_can_translate),
        TEST(the_world_comes_in_by_published_ports_alone),
        TEST(a_window_opens_and_closes_to_the_second_and_ends_after_24_h),
        TEST(window_closed_may_be_observed),
        TEST(there_are_at_most_eight_spans),
        TEST(spans_are_maximal_so_that_changes_without_effect_do_not_count),
        TEST(an_allow_span_ends_where_a_deny_begins),
        TEST(unknown_makes_an_allow_not_match_and_a_deny_match),
        TEST(more_timed_rules_than_are_kept_are_read_again),
        TEST(local_time_is_that_of_the_zone),
        TEST(a_window_follows_the_clock_when_it_is_changed),
        TEST(a_moment_is_the_same_in_every_zone),
        TEST(spans_are_those_of_the_definition),
        TEST(a_policy_from_text_is_decided),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
