/* SPDX-License-Identifier: Apache-2.0 */
/* The explanation is the decision, and says what is nearest to another one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "decide/resolve.h"
#include "decide/why.h"
#include "models.h"

#define MIDNIGHT 1700006400LL /* 2023-11-15T00:00:00Z */

struct scene {
    struct arena *arena;
    struct policy *policy;
    int64_t now;
};

static int set_up(void **state)
{
    static struct scene s;
    s = (struct scene){.arena = arena_create((size_t)64 << 20), .now = MIDNIGHT};
    s.policy = model_shop(s.arena);
    model_rule(s.arena, s.policy, "storefront-calls-orders", "allow", "storefront", "orders", "8080/tcp", NULL);
    model_rule(s.arena, s.policy, "orders-reads-ledger", "allow", "segment:api", "ledger",
               "5432/tcp 6000-6010/tcp", NULL);
    model_rule(s.arena, s.policy, "web-never-touches-data", "deny", "segment:web", "segment:data", "any", NULL);
    model_rule(s.arena, s.policy, "nightly", "allow", "ledger", "orders", "873/tcp",
               "now.hour >= 1 && now.hour < 4");
    *state = &s;
    return 0;
}

static int tear_down(void **state)
{
    arena_destroy(((struct scene *)*state)->arena);
    return 0;
}

static struct why ask(struct scene *s, const char *from, const char *to, const char *service)
{
    struct flows flows;
    const char *error = NULL;
    struct why w;
    if (!resolve_flows(s->policy, bytes_of_text(from), bytes_of_text(to), bytes_of_text(service), s->arena,
                       &flows, &error))
        fail_msg("%s", error);
    assert_true(why_explain(s->policy, &flows.items[0], (struct moment){s->now, s->now}, s->arena, &w));
    return w;
}

static void text_is(const struct scene *s, const struct why *w, const char *expected)
{
    struct text t = text_new(1 << 16);
    why_print(w, s->policy, "shop.yaml", &t);
    assert_false(t.failed);
    assert_string_equal(text_cstr(&t), expected);
    text_free(&t);
}

static void an_allowed_flow_names_its_rule_and_the_way(void **state)
{
    struct scene *s = *state;
    struct why w = ask(s, "orders", "ledger", "5432/tcp");
    text_is(s, &w,
            "orders -> ledger 5432/tcp (IPv4): allow\n"
            "  reason     rule: a rule allows it\n"
            "  rule       orders-reads-ledger (shop.yaml:11)\n"
            "  delivery   ok\n"
            "  perimeters workload orders > segment api > hub test > segment data > workload\n"
            "             ledger\n"
            "  matching   orders-reads-ledger (shop.yaml:11) allows it\n");
    assert_int_equal(w.change.kind, CHANGE_NONE);
}

static void a_default_deny_names_the_nearest_rules_and_a_change_that_opens_nothing_else(void **state)
{
    struct scene *s = *state;
    struct why w = ask(s, "storefront", "orders", "9090/tcp");
    text_is(s, &w,
            "storefront -> orders 9090/tcp (IPv4): deny\n"
            "  reason     default-deny: no rule allows it\n"
            "  delivery   ok\n"
            "  perimeters workload storefront > segment web > hub test > segment api >\n"
            "             workload orders\n"
            "  matching   no rule allows it\n"
            "  nearest    would be allowed by storefront-calls-orders, shop.yaml:10, if it\n"
            "             went to port 8080/tcp\n"
            "  change     add 9090/tcp to the `ports` of storefront-calls-orders\n"
            "  opens too  nothing else\n");
}

static void adding_a_rule_is_chosen_where_widening_would_open_more(void **state)
{
    struct scene *s = *state;
    model_forget_rules(s->policy, 2); /* without the deny */
    struct why w = ask(s, "storefront", "ledger", "5432/tcp");
    assert_int_equal(w.nearest_count, 2); /* the nearest first */
    assert_string_equal(w.nearest[0].text, "it came from segment api");
    assert_int_equal(w.change.kind, CHANGE_ADD);
    assert_int_equal(w.change.open_total, 0);
    assert_string_equal(w.change.steps[0],
                        "add a rule: allow: {from: storefront, to: ledger, ports: 5432/tcp}");
}

static void a_deny_in_the_way_is_narrowed_and_what_that_opens_is_said(void **state)
{
    struct scene *s = *state;
    model_rule(s->arena, s->policy, "all-of-data", "allow", "any not:world", "segment:data", "5432/tcp 80/tcp",
               NULL);
    struct why w = ask(s, "storefront", "ledger", "5432/tcp");
    text_is(s, &w,
            "storefront -> ledger 5432/tcp (IPv4): deny\n"
            "  reason     deny-rule: a rule denies it\n"
            "  rule       web-never-touches-data (shop.yaml:12)\n"
            "  delivery   ok\n"
            "  perimeters workload storefront > segment web > hub test > segment data >\n"
            "             workload ledger\n"
            "  matching   web-never-touches-data (shop.yaml:12) denies it\n"
            "             all-of-data (shop.yaml:14) allows it\n"
            "  nearest    would be allowed by orders-reads-ledger, shop.yaml:11, if it came\n"
            "             from segment api\n"
            "             would be allowed by storefront-calls-orders, shop.yaml:10, if it\n"
            "             went to orders on port 8080/tcp\n"
            "  change     add not:storefront to the `from` of web-never-touches-data\n"
            "  opens too  storefront -> ledger 80/tcp\n");
    assert_int_equal(w.blocker_count, 1);
    assert_false(w.no_allow);
}

static void a_deny_that_blocks_and_no_allow_needs_both_changes(void **state)
{
    struct scene *s = *state;
    struct why w = ask(s, "storefront", "ledger", "5432/tcp");
    assert_true(w.no_allow);
    assert_int_equal(w.change.kind, CHANGE_NARROW);
    assert_int_equal(w.change.step_count, 2);
    assert_int_equal(w.change.open_total, 0);
}

static void a_closed_window_says_when_it_opens(void **state)
{
    struct scene *s = *state;
    struct why w = ask(s, "ledger", "orders", "873/tcp");
    assert_string_equal(w.nearest[0].text, "it were between 01:00 and 04:00 UTC");
    s->now += 5 * 3600;
    w = ask(s, "ledger", "orders", "873/tcp");
    assert_string_equal(w.nearest[0].text, "it were between 2023-11-16 01:00 and 04:00 UTC");
    s->now -= 3 * 3600;
    w = ask(s, "ledger", "orders", "873/tcp");
    assert_true(w.span.verdict.allow);
}

static void every_blocker_is_listed(void **state)
{
    struct scene *s = *state;
    model_rule(s->arena, s->policy, "tried", "try", "storefront", "any", "any", NULL);
    model_rule(s->arena, s->policy, "also", "deny", "label:tier=front", "ledger", "any", NULL);
    struct why w = ask(s, "storefront", "ledger", "5432/tcp");
    assert_int_equal(w.matching_count, 3);
    assert_int_equal(w.blocker_count, 2);
    assert_int_equal(w.change.step_count, 4);
}

static void json_is_one_line_with_all_fields(void **state)
{
    struct scene *s = *state;
    struct why w = ask(s, "storefront", "ledger", "5432/tcp");
    struct text t = text_new(1 << 16);
    why_print_json(&w, s->policy, &t);
    assert_string_equal(
        text_cstr(&t),
        "{\"decision\": \"deny\", \"rule\": \"web-never-touches-data\", \"reason\": \"deny-rule\", "
        "\"delivery\": \"ok\", \"enforced\": true, "
        "\"from\": \"storefront\", \"to\": \"ledger\", \"port\": \"5432/tcp\", \"place\": {\"line\": 12}, "
        "\"protocol\": \"tcp\", \"family\": 4, "
        "\"matching\": [{\"rule\": \"web-never-touches-data\", \"line\": 12, \"allow\": false, \"observe\": "
        "false}], "
        "\"blockers\": [{\"rule\": \"web-never-touches-data\", \"line\": 12, \"allow\": false, \"observe\": "
        "false}], "
        "\"perimeters\": [{\"kind\": \"workload\", \"name\": \"storefront\", \"observed\": false}, "
        "{\"kind\": \"segment\", \"name\": \"web\", \"observed\": false}, {\"kind\": \"hub\", \"name\": "
        "\"test\", \"observed\": false}, "
        "{\"kind\": \"segment\", \"name\": \"data\", \"observed\": false}, {\"kind\": \"workload\", \"name\": "
        "\"ledger\", \"observed\": false}], "
        "\"nearest\": [{\"rule\": \"orders-reads-ledger\", \"line\": 11, \"lacks\": [\"from\"], \"if\": \"it "
        "came from segment api\"}, "
        "{\"rule\": \"storefront-calls-orders\", \"line\": 10, \"lacks\": [\"to\", \"ports\"], \"if\": \"it "
        "went to orders on port 8080/tcp\"}], "
        "\"change\": {\"kind\": \"narrow\", \"steps\": [\"add not:storefront to the `from` of "
        "web-never-touches-data\", "
        "\"add a rule: allow: {from: storefront, to: ledger, ports: 5432/tcp}\"], \"opens\": [], "
        "\"opens_total\": 0}}\n");
    text_free(&t);
    t = text_new(1 << 16);
    verdict_print_json(s->policy, &w.flow, &w.span.verdict, w.delivery, w.from, w.to, &t);
    assert_string_equal(
        text_cstr(&t),
        "{\"decision\": \"deny\", \"rule\": \"web-never-touches-data\", \"reason\": \"deny-rule\", "
        "\"delivery\": \"ok\", "
        "\"enforced\": true, \"from\": \"storefront\", \"to\": \"ledger\", \"port\": \"5432/tcp\"}\n");
    text_free(&t);
}

static void the_world_and_addresses_may_be_asked_about(void **state)
{
    struct scene *s = *state;
    struct why w = ask(s, "198.51.100.7", "10.80.2.77", "443/tcp");
    assert_string_equal(w.from, "198.51.100.7");
    assert_string_equal(w.way[0].kind, "world");
    assert_int_equal(w.delivery, DELIVERY_NO_UPLINK);
    assert_string_equal(w.change.steps[0],
                        "add a rule: allow: {from: cidr:198.51.100.7, to: cidr:10.80.2.77, ports: 443/tcp}");
    w = ask(s, "storefront", "224.0.0.1", "443/tcp");
    assert_int_equal(w.span.verdict.reason, REASON_NOT_UNICAST);
    assert_int_equal(w.change.kind, CHANGE_NONE);
}

static void from_the_world_the_published_port_is_named_or_how_to_get_one(void **state)
{
    struct scene *s = *state;
    model_forget_rules(s->policy, 0);
    model_rule(s->arena, s->policy, "in", "allow", "world", "storefront", "8443/tcp icmp", NULL);
    struct why w = ask(s, "198.51.100.7", "storefront", "8443/tcp");
    text_is(s, &w,
            "198.51.100.7 -> storefront 8443/tcp (IPv4): allow\n"
            "  reason     rule: a rule allows it\n"
            "  rule       in (shop.yaml:10)\n"
            "  delivery   no-uplink: add publish: {PORT/tcp: storefront:8443} to the hub's\n"
            "             uplink\n"
            "  perimeters world 198.51.100.7 > hub test > segment web > workload storefront\n"
            "  matching   in (shop.yaml:10) allows it\n");
    model_publish(s->arena, s->policy, "443/tcp", "storefront", 8443);
    w = ask(s, "198.51.100.7", "storefront", "8443/tcp");
    text_is(s, &w,
            "198.51.100.7 -> storefront 8443/tcp (IPv4): allow\n"
            "  reason     rule: a rule allows it\n"
            "  rule       in (shop.yaml:10)\n"
            "  delivery   ok: published as 443/tcp at uplink0\n"
            "  perimeters world 198.51.100.7 > hub test > segment web > workload storefront\n"
            "  matching   in (shop.yaml:10) allows it\n");
    /* What is refused, cannot be published, or has nowhere to be published gets no advice. */
    assert_false(ask(s, "198.51.100.7", "storefront", "8444/tcp").publishable);
    assert_false(ask(s, "198.51.100.7", "storefront", "icmp").publishable);
    s->policy->uplink.interface = NULL;
    assert_false(ask(s, "198.51.100.7", "storefront", "8443/tcp").publishable);
}

static void a_name_stands_for_the_families_that_both_have(void **state)
{
    struct scene *s = *state;
    struct flows flows;
    const char *error;
    assert_true(resolve_flows(s->policy, bytes_of_text("storefront"), bytes_of_text("orders"),
                              bytes_of_text("icmp"), s->arena, &flows, &error));
    assert_int_equal(flows.count, 2);
    assert_int_equal(flows.items[0].from.family, 4);
    assert_int_equal(flows.items[0].protocol, 1);
    assert_int_equal(flows.items[1].protocol, 58);
    assert_true(resolve_flows(s->policy, bytes_of_text("storefront"), bytes_of_text("ledger"),
                              bytes_of_text("protocol:47"), s->arena, &flows, &error));
    assert_int_equal(flows.count, 1);
    assert_true(resolve_flows(s->policy, bytes_of_text("2001:db8::1"), bytes_of_text("orders"),
                              bytes_of_text("1/sctp"), s->arena, &flows, &error));
    assert_int_equal(flows.count, 1);
    assert_int_equal(flows.items[0].from.family, 6);
}

static void what_cannot_be_asked_says_why(void **state)
{
    struct scene *s = *state;
    static const struct {
        const char *from, *to, *service, *error;
    } cases[] = {
        {"storefrnot", "orders", "80/tcp", "no workload is called `storefrnot`; did you mean `storefront`?"},
        {"storefront", "xyz", "80/tcp", "`xyz` is neither a workload nor an address"},
        {"storefront", "world", "80/tcp", "`world` is every address outside; ask with one of them, for example 192.0.2.1 or 2001:db8::1"},
        {"ledger", "2001:db8::1", "80/tcp", "`ledger` and `2001:db8::1` have no address family in common"},
        {"10.0.0.1", "2001:db8::1", "80/tcp", "`10.0.0.1` and `2001:db8::1` have no address family in common"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct flows flows;
        const char *error = NULL;
        assert_false(resolve_flows(s->policy, bytes_of_text(cases[i].from), bytes_of_text(cases[i].to),
                                   bytes_of_text(cases[i].service), s->arena, &flows, &error));
        assert_string_equal(error, cases[i].error);
    }
    static const char *const services[] = {"",        "80",  "tcp",     "0/tcp", "65536/tcp",       "80/TCP",      "80/tcp ",      "-1/tcp",
                                           "0",       "256", "80/icmp", "80/",   "99999999999/tcp", "protocol:",   "protocol:256", "protocol:6",
                                           "protocol:1", "protocol:58", "protocol:17", "protocol:132", "protocol:47 ", "protocol:47/tcp", "47/protocol"};
    for (size_t i = 0; i < sizeof services / sizeof services[0]; i++) {
        struct flows flows;
        const char *error = NULL;
        assert_false(resolve_flows(s->policy, bytes_of_text("storefront"), bytes_of_text("orders"), bytes_of_text(services[i]), s->arena, &flows,
            &error));
        assert_non_null(strstr(error, "is not a service"));
    }
}

static void every_allocation_may_fail(void **state)
{
    struct scene *s = *state;
    struct flow f = {
        .from = address_of("10.80.1.2"), .to = address_of("10.80.3.10"), .protocol = 6, .port = 5432};
    bool done = false;
    for (uint64_t nth = 1; !done; nth++) {
        struct why w;
        arena_fail_at(s->arena, nth);
        done = why_explain(s->policy, &f, (struct moment){s->now, s->now}, s->arena, &w);
        arena_fail_at(s->arena, 0);
        assert_true(nth < 2000);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_allowed_flow_names_its_rule_and_the_way),
        TEST(a_default_deny_names_the_nearest_rules_and_a_change_that_opens_nothing_else),
        TEST(adding_a_rule_is_chosen_where_widening_would_open_more),
        TEST(a_deny_in_the_way_is_narrowed_and_what_that_opens_is_said),
        TEST(a_deny_that_blocks_and_no_allow_needs_both_changes),
        TEST(a_closed_window_says_when_it_opens),
        TEST(every_blocker_is_listed),
        TEST(json_is_one_line_with_all_fields),
        TEST(the_world_and_addresses_may_be_asked_about),
        TEST(from_the_world_the_published_port_is_named_or_how_to_get_one),
        TEST(a_name_stands_for_the_families_that_both_have),
        TEST(what_cannot_be_asked_says_why),
        TEST(every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
