/* SPDX-License-Identifier: Apache-2.0 */
/* What pairs.h promises: what is brought together, what is not, and in which order it is shown. */
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "decide/pairs.h"
#include "models.h"

#define SECOND UINT64_C(1000000000)

struct scene {
    struct arena *arena;
    struct policy *policy;
    struct pairs pairs;
};

static int set_up(void **state)
{
    static struct scene s;
    s = (struct scene){.arena = arena_create((size_t)64 << 20)};
    s.policy = model_shop(s.arena);
    model_rule(s.arena, s.policy, "calls", "allow", "storefront", "orders", "8080/tcp", NULL);
    model_rule(s.arena, s.policy, "reads", "allow", "orders", "ledger", "5432/tcp", NULL);
    s.pairs = pairs_new(s.policy, s.arena, 1, 1000, false);
    *state = &s;
    return 0;
}

static int tear_down(void **state)
{
    arena_destroy(((struct scene *)*state)->arena);
    return 0;
}

static struct sighting seen(const char *from, const char *to, uint8_t protocol, uint16_t port)
{
    return (struct sighting){.flow = {.from = address_of(from), .to = address_of(to), .protocol = protocol, .port = port}, .reason = REASON_RULE, .rule = 0, .idle = SECOND};
}

static void add(struct scene *s, struct sighting one)
{
    pairs_add(&s->pairs, &one);
}

static void parties_are(const struct scene *s, size_t i, const char *from, const char *to)
{
    struct text t = text_new(1000);
    party_print(s->policy, &s->pairs.items[i]->from, &t);
    assert_string_equal(text_cstr(&t), from);
    t.len = 0;
    party_print(s->policy, &s->pairs.items[i]->to, &t);
    assert_string_equal(text_cstr(&t), to);
    text_free(&t);
}

static void sessions_of_one_service_are_one_pair_whatever_their_family_and_state(void **state)
{
    struct scene *s = *state;
    struct sighting one = seen("10.80.1.2", "10.80.2.2", IPPROTO_TCP, 8080);
    add(s, one);
    one = seen("fd80:0:0:1::2", "fd80:0:0:2::2", IPPROTO_TCP, 8080);
    one.kind = 2;
    one.idle = 5;
    add(s, one);
    assert_int_equal(s->pairs.count, 1);
    const struct pair *p = s->pairs.items[0];
    assert_int_equal(p->counts[0], 1);
    assert_int_equal(p->counts[1], 0);
    assert_int_equal(p->counts[2], 1);
    assert_int_equal(p->idle, 5);
    assert_int_equal(pair_total(p), 2);
    assert_int_equal(s->pairs.counts[2], 1);
    parties_are(s, 0, "storefront", "orders");
}

static void icmp_of_both_families_is_one_service_and_identifiers_are_no_ports(void **state)
{
    struct scene *s = *state;
    add(s, seen("10.80.1.2", "10.80.2.2", IPPROTO_ICMP, 77));
    add(s, seen("fd80:0:0:1::2", "fd80:0:0:2::2", IPPROTO_ICMPV6, 78));
    add(s, seen("10.80.1.2", "10.80.2.2", 47, 78));
    add(s, seen("10.80.1.2", "10.80.2.2", 47, 79));
    assert_int_equal(s->pairs.count, 2);
    assert_int_equal(s->pairs.items[0]->service.protocol, IPPROTO_ICMP);
    assert_int_equal(s->pairs.items[1]->counts[0], 2);
}

static void what_differs_in_direction_port_protocol_rule_reason_or_policy_is_another_pair(void **state)
{
    struct scene *s = *state;
    struct sighting one = seen("10.80.1.2", "10.80.2.2", IPPROTO_TCP, 8080);
    add(s, one);
    add(s, seen("10.80.2.2", "10.80.1.2", IPPROTO_TCP, 8080));
    add(s, seen("10.80.1.2", "10.80.2.2", IPPROTO_TCP, 8081));
    add(s, seen("10.80.1.2", "10.80.2.2", IPPROTO_UDP, 8080));
    one.rule = 1;
    add(s, one);
    one.rule = NO_RULE;
    one.reason = REASON_DEFAULT_DENY;
    add(s, one);
    one.reason = REASON_RULE;
    one.earlier = true;
    add(s, one);
    assert_int_equal(s->pairs.count, 7);
    one.rule = 0; /* of a policy whose rules nobody knows any more */
    add(s, one);
    assert_int_equal(s->pairs.count, 7);
    assert_int_equal(s->pairs.items[6]->rule, NONE);
    assert_int_equal(s->pairs.items[5]->rule, NONE);
}

static void a_rule_that_the_policy_does_not_have_is_none(void **state)
{
    struct scene *s = *state;
    struct sighting one = seen("10.80.1.2", "10.80.2.2", IPPROTO_TCP, 8080);
    one.rule = 2;
    add(s, one);
    assert_int_equal(s->pairs.items[0]->rule, NONE);
}

static void the_world_is_one_party_unless_its_addresses_are_wanted(void **state)
{
    struct scene *s = *state;
    for (int i = 0; i < 2; i++) {
        s->pairs = pairs_new(s->policy, s->arena, 1, 1000, i);
        add(s, seen("198.51.100.1", "10.80.1.2", IPPROTO_TCP, 443));
        add(s, seen("198.51.100.2", "10.80.1.2", IPPROTO_TCP, 443));
        add(s, seen("2001:db8::1", "fd80:0:0:1::2", IPPROTO_TCP, 443));
        assert_int_equal(s->pairs.count, i ? 3 : 1);
        parties_are(s, 0, i ? "198.51.100.1" : "world", "storefront");
    }
}

static void what_is_inside_and_nobodys_and_what_is_not_unicast_is_shown_by_its_address(void **state)
{
    struct scene *s = *state;
    add(s, seen("10.80.1.2", "10.80.2.99", IPPROTO_TCP, 1));
    parties_are(s, 0, "storefront", "10.80.2.99");
    add(s, seen("::", "ff02::16", IPPROTO_ICMPV6, 0));
    parties_are(s, 1, "::", "ff02::16");
}

static void a_spoofed_source_is_not_taken_for_the_world(void **state)
{
    struct scene *s = *state;
    struct sighting one = seen("198.51.100.1", "198.51.100.2", IPPROTO_TCP, 1);
    one.reason = REASON_SPOOFED_SOURCE;
    add(s, one);
    parties_are(s, 0, "198.51.100.1", "world");
}

static void the_busiest_comes_first_then_the_latest_then_the_policys_order(void **state)
{
    struct scene *s = *state;
    struct sighting late = seen("10.80.2.2", "10.80.3.10", IPPROTO_TCP, 5432);
    late.idle = 1;
    add(s, seen("198.51.100.1", "10.80.1.2", IPPROTO_TCP, 1));
    add(s, seen("10.80.1.2", "10.80.2.2", IPPROTO_TCP, 2));
    add(s, seen("10.80.1.2", "10.80.2.2", IPPROTO_TCP, 1));
    add(s, late);
    add(s, seen("10.80.1.2", "10.80.3.10", IPPROTO_TCP, 7));
    add(s, seen("10.80.1.2", "10.80.3.10", IPPROTO_TCP, 7));
    pairs_sort(&s->pairs);
    parties_are(s, 0, "storefront", "ledger");
    parties_are(s, 1, "orders", "ledger");
    parties_are(s, 2, "storefront", "orders");
    assert_int_equal(s->pairs.items[2]->service.port, 1);
    parties_are(s, 3, "storefront", "orders");
    parties_are(s, 4, "world", "storefront");
}

static void past_the_most_sightings_of_new_pairs_are_counted_and_others_go_on(void **state)
{
    struct scene *s = *state;
    s->pairs = pairs_new(s->policy, s->arena, 1, 2, false);
    for (uint16_t round = 0; round < 3; round++)
        for (uint16_t port = 1; port < 5; port++)
            add(s, seen("10.80.1.2", "10.80.2.2", IPPROTO_TCP, port));
    assert_int_equal(s->pairs.count, 2);
    assert_int_equal(s->pairs.items[0]->counts[0], 3);
    assert_int_equal(s->pairs.items[1]->counts[0], 3);
    assert_int_equal(s->pairs.beyond, 6);
    assert_int_equal(s->pairs.counts[0], 12);
}

static void every_allocation_may_fail_and_nothing_is_lost_from_the_counts(void **state)
{
    struct scene *s = *state;
    for (uint64_t nth = 1; nth < 200; nth++) {
        s->pairs = pairs_new(s->policy, s->arena, 1, 1000, false);
        arena_fail_at(s->arena, nth);
        for (uint16_t port = 1; port <= 50; port++)
            add(s, seen("10.80.1.2", "10.80.2.2", IPPROTO_TCP, port));
        arena_fail_at(s->arena, 0);
        uint64_t told = s->pairs.beyond;
        for (size_t i = 0; i < s->pairs.count; i++)
            told += pair_total(s->pairs.items[i]);
        assert_int_equal(told, 50);
        assert_int_equal(s->pairs.counts[0], 50);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(sessions_of_one_service_are_one_pair_whatever_their_family_and_state),
        TEST(icmp_of_both_families_is_one_service_and_identifiers_are_no_ports),
        TEST(what_differs_in_direction_port_protocol_rule_reason_or_policy_is_another_pair),
        TEST(a_rule_that_the_policy_does_not_have_is_none),
        TEST(the_world_is_one_party_unless_its_addresses_are_wanted),
        TEST(what_is_inside_and_nobodys_and_what_is_not_unicast_is_shown_by_its_address),
        TEST(a_spoofed_source_is_not_taken_for_the_world),
        TEST(the_busiest_comes_first_then_the_latest_then_the_policys_order),
        TEST(past_the_most_sightings_of_new_pairs_are_counted_and_others_go_on),
        TEST(every_allocation_may_fail_and_nothing_is_lost_from_the_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
