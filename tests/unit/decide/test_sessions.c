/* SPDX-License-Identifier: Apache-2.0 */
/* docs/packets.md, sections 5 to 8, observation and time, sentence by sentence, against the reference. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "scene.h"

#include <cmocka.h>

/* 5. ICMP */

static void icmp_that_is_neither_echo_nor_error_is_refused_for_its_type(void **state)
{
    struct scene *s = *state;
    s->policy->observe = true; /* not one of those that observation lets pass */
    apply(s);
    for (unsigned type = 0; type < 256; type++) {
        struct packet_verdict v4 = send_frame(s, L_SF, icmp(SF, OR, (uint8_t)type, 0, 7));
        struct packet_verdict v6 = send_frame(s, L_SF, icmp(SF6, OR6, (uint8_t)type, 0, 7));
        bool known4 = type == 0 || type == 3 || type == 8 || type == 11 || type == 12;
        bool known6 = (type >= 1 && type <= 4) || type == 128 || type == 129;
        assert_int_equal(v4.verdict.reason == REASON_ICMP_TYPE, !known4);
        assert_int_equal(v6.verdict.reason == REASON_ICMP_TYPE, !known6);
        assert_int_equal(v4.passes, known4);
        assert_int_equal(v6.passes, known6);
    }
    DROPPED(L_SF, icmp(SF, OR, 8, 1, 7), ICMP_TYPE);
    DROPPED(L_SF, icmp(SF, OR, 0, 1, 7), ICMP_TYPE);
    DROPPED(L_SF, icmp(SF6, OR6, 128, 1, 7), ICMP_TYPE);
    DROPPED(L_SF, icmp(SF6, OR6, 129, 255, 7), ICMP_TYPE);
}

/* 6. Sessions */

static void packets_of_an_allowed_session_pass_both_ways(void **state)
{
    struct scene *s = *state;
    connect_tcp(s);
    PASSED(L_SF, DATA_SF, s->calls, L_OR);
    PASSED(L_OR, DATA_OR, s->calls, L_SF);
    PASSED(L_SF, udp(SF, 40000, OR, 53, 1), s->calls, L_OR);
    PASSED(L_OR, udp(OR, 53, SF, 40000, 1), s->calls, L_SF);
    PASSED(L_SF, sctp(SF, 40000, OR, 443), s->calls, L_OR);
    PASSED(L_OR, sctp(OR, 443, SF, 40000), s->calls, L_SF);
}

static void a_session_is_of_its_five_values(void **state)
{
    struct scene *s = *state;
    connect_tcp(s);
    DROPPED(L_OR, tcp(OR, 8080, SF, 40001, ACK, 1, 1), NO_SESSION);
    DROPPED(L_OR, tcp(OR, 8081, SF, 40000, ACK, 1, 1), NO_SESSION);
    DROPPED(L_OR, udp(OR, 8080, SF, 40000, 0), DEFAULT_DENY);
    DROPPED(L_OR, tcp(OR6, 8080, SF6, 40000, ACK, 1, 1), NO_SESSION);
}

static void icmp_echo_is_a_session_by_identifier(void **state)
{
    struct scene *s = *state;
    DROPPED(L_OR, icmp(OR, SF, 0, 0, 7), NO_SESSION);
    PASSED(L_SF, icmp(SF, OR, 8, 0, 7), s->calls, L_OR);
    PASSED(L_OR, icmp(OR, SF, 0, 0, 7), s->calls, L_SF);
    DROPPED(L_OR, icmp(OR, SF, 0, 0, 8), NO_SESSION);
    PASSED(L_SF, icmp(SF6, OR6, 128, 0, 7), s->calls, L_OR);
    PASSED(L_OR, icmp(OR6, SF6, 129, 0, 7), s->calls, L_SF);
}

static void an_echo_request_is_only_forward_and_an_echo_reply_only_reply(void **state)
{
    struct scene *s = *state;
    PASSED(L_SF, icmp(SF, OR, 8, 0, 7), s->calls, L_OR);
    DROPPED(L_OR, icmp(OR, SF, 8, 0, 7), DEFAULT_DENY); /* a request of its own */
    DROPPED(L_SF, icmp(SF, OR, 0, 0, 7), NO_SESSION);
}

static void other_protocols_are_sessions_by_their_addresses(void **state)
{
    struct scene *s = *state;
    uint32_t any = model_rule(s->arena, s->policy, "any", "allow", "storefront", "orders", "any", NULL);
    apply(s);
    DROPPED(L_OR, ip(OR, SF, 47, "x", 1), DEFAULT_DENY);
    PASSED(L_SF, ip(SF, OR, 47, "x", 1), any, L_OR);
    PASSED(L_OR, ip(OR, SF, 47, "x", 1), any, L_SF);
    DROPPED(L_OR, ip(OR, SF, 50, "x", 1), DEFAULT_DENY);
}

static void a_plain_syn_is_never_a_reply(void **state)
{
    struct scene *s = *state;
    connect_tcp(s);
    DROPPED(L_OR, tcp(OR, 8080, SF, 40000, SYN, 5, 0), DEFAULT_DENY);
    uint32_t back = model_rule(s->arena, s->policy, "back", "allow", "orders", "storefront", "any", NULL);
    apply(s);
    PASSED(L_OR, tcp(OR, 8080, SF, 40000, SYN, 5, 0), back, L_SF); /* a new session in its own direction */
}

static void forward_of_an_unconfirmed_session_comes_before_reply_of_a_confirmed_one(void **state)
{
    struct scene *s = *state;
    uint32_t back = model_rule(s->arena, s->policy, "back", "allow", "orders", "storefront", "any", NULL);
    apply(s);
    connect_tcp(s);
    PASSED(L_OR, tcp(OR, 8080, SF, 40000, SYN, 5, 0), back, L_SF);
    PASSED(L_OR, DATA_OR, back, L_SF);
    PASSED(L_SF, DATA_SF, s->calls, L_OR);
}

static void tcp_that_is_not_a_plain_syn_starts_nothing(void **state)
{
    struct scene *s = *state;
    static const uint8_t flags[] = {0, ACK, SYN | ACK, RST, RST | ACK, FIN, FIN | ACK, SYN | FIN, SYN | RST};
    for (size_t i = 0; i < sizeof flags; i++)
        DROPPED(L_SF, tcp(SF, 40000, OR, 8080, flags[i], 1, 1), NO_SESSION);
    PASSED(L_SF, tcp(SF, 40000, OR, 8080, SYN | 0xe8, 1, 1), s->calls,
           L_OR); /* PSH, URG, ECE, CWR do not matter */
}

static void an_unconfirmed_session_lives_30_s_after_its_last_packet(void **state)
{
    struct scene *s = *state;
    PASSED(L_SF, SYN_SF, s->calls, L_OR);
    later(s, 20);
    PASSED(L_OR, SYNACK_OR, s->calls, L_SF);
    later(s, 29);
    PASSED(L_OR, SYNACK_OR, s->calls, L_SF); /* both directions count */
    s->now += 30 * SECOND - 1;
    PASSED(L_OR, SYNACK_OR, s->calls, L_SF);
    later(s, 30);
    DROPPED(L_OR, SYNACK_OR, NO_SESSION); /* a packet exactly at the timeout finds it gone */
    DROPPED(L_SF, ACK_SF, NO_SESSION);
}

static void a_confirmed_tcp_session_lives_24_h(void **state)
{
    struct scene *s = *state;
    connect_tcp(s);
    later(s, 86399);
    PASSED(L_OR, DATA_OR, s->calls, L_SF);
    assert_int_equal(reference_sessions(s->reference, s->now + 86400 * SECOND - 1), 1);
    assert_int_equal(reference_sessions(s->reference, s->now + 86400 * SECOND), 0);
    later(s, 86400);
    DROPPED(L_OR, DATA_OR, NO_SESSION);
}

static void timeouts_come_from_the_policy(void **state)
{
    struct scene *s = *state;
    s->policy->timeouts.tcp = 10;
    connect_tcp(s);
    later(s, 10);
    DROPPED(L_OR, DATA_OR, NO_SESSION);
}

static void udp_is_confirmed_by_a_second_packet_after_a_reply_and_lives_180_s(void **state)
{
    struct scene *s = *state;
    PASSED(L_SF, udp(SF, 40000, OR, 53, 1), s->calls, L_OR);
    PASSED(L_SF, udp(SF, 40000, OR, 53, 1), s->calls, L_OR);
    assert_int_equal(reference_sessions(s->reference, s->now), 0);
    PASSED(L_OR, udp(OR, 53, SF, 40000, 1), s->calls, L_SF);
    PASSED(L_OR, udp(OR, 53, SF, 40000, 1), s->calls, L_SF);
    assert_int_equal(reference_sessions(s->reference, s->now), 0);
    PASSED(L_SF, udp(SF, 40000, OR, 53, 1), s->calls, L_OR);
    assert_int_equal(reference_sessions(s->reference, s->now), 1);
    later(s, 179);
    PASSED(L_OR, udp(OR, 53, SF, 40000, 1), s->calls, L_SF);
    later(s, 180);
    DROPPED(L_OR, udp(OR, 53, SF, 40000, 1), DEFAULT_DENY);
}

static void confirmed_icmp_lives_30_s_and_other_protocols_180_s(void **state)
{
    struct scene *s = *state;
    uint32_t any = model_rule(s->arena, s->policy, "any", "allow", "storefront", "orders", "any", NULL);
    apply(s);
    PASSED(L_SF, icmp(SF, OR, 8, 0, 7), s->calls, L_OR);
    PASSED(L_OR, icmp(OR, SF, 0, 0, 7), s->calls, L_SF);
    PASSED(L_SF, icmp(SF, OR, 8, 0, 7), s->calls, L_OR);
    PASSED(L_SF, ip(SF, OR, 47, "x", 1), any, L_OR);
    PASSED(L_OR, ip(OR, SF, 47, "x", 1), any, L_SF);
    PASSED(L_SF, ip(SF, OR, 47, "x", 1), any, L_OR);
    PASSED(L_SF, icmp(SF6, OR6, 128, 0, 7), s->calls, L_OR);
    PASSED(L_OR, icmp(OR6, SF6, 129, 0, 7), s->calls, L_SF);
    PASSED(L_SF, icmp(SF6, OR6, 128, 0, 7), s->calls, L_OR);
    assert_int_equal(reference_sessions(s->reference, s->now), 3);
    assert_int_equal(reference_sessions(s->reference, s->now + 30 * SECOND - 1), 3);
    assert_int_equal(reference_sessions(s->reference, s->now + 30 * SECOND), 1);
    assert_int_equal(reference_sessions(s->reference, s->now + 180 * SECOND), 0);
    later(s, 30);
    DROPPED(L_OR, icmp(OR, SF, 0, 0, 7), NO_SESSION);
}

static void only_the_right_acknowledgement_confirms_tcp(void **state)
{
    struct scene *s = *state;
    PASSED(L_SF, SYN_SF, s->calls, L_OR);
    PASSED(L_SF, tcp(SF, 40000, OR, 8080, ACK, 101, 1), s->calls, L_OR); /* before any answer */
    PASSED(L_OR, SYNACK_OR, s->calls, L_SF);
    static const struct {
        uint8_t flags;
        uint32_t ack;
    } wrong[] = {{ACK, 900}, {ACK, 902}, {SYN | ACK, 901}, {0, 901}, {SYN, 901}};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        PASSED(L_SF, tcp(SF, 40000, OR, 8080, wrong[i].flags, 101, wrong[i].ack), s->calls, L_OR);
        assert_int_equal(reference_sessions(s->reference, s->now), 0);
    }
    PASSED(L_OR, tcp(OR, 8080, SF, 40000, ACK, 950, 101), s->calls, L_SF); /* not a SYN-ACK */
    PASSED(L_OR, tcp(OR, 8080, SF, 40000, SYN | ACK, 0xffffffff, 101), s->calls,
           L_SF); /* the last one counts */
    PASSED(L_SF, ACK_SF, s->calls, L_OR);
    assert_int_equal(reference_sessions(s->reference, s->now), 0);
    PASSED(L_SF, tcp(SF, 40000, OR, 8080, FIN | ACK, 101, 0), s->calls, L_OR); /* s + 1 wraps */
    assert_int_equal(reference_sessions(s->reference, s->now), 1);
}

static void a_reset_does_not_confirm_and_a_syn_ack_with_reset_is_no_answer(void **state)
{
    struct scene *s = *state;
    PASSED(L_SF, SYN_SF, s->calls, L_OR);
    PASSED(L_OR, tcp(OR, 8080, SF, 40000, SYN | ACK | RST, 900, 101), s->calls, L_SF);
    PASSED(L_SF, ACK_SF, s->calls, L_OR);
    assert_int_equal(reference_sessions(s->reference, s->now), 0);
    PASSED(L_OR, SYNACK_OR, s->calls, L_SF);
    PASSED(L_SF, tcp(SF, 40000, OR, 8080, RST | ACK, 101, 901), s->calls, L_OR);
    assert_int_equal(reference_sessions(s->reference, s->now), 0);
}

static void a_reset_closes_from_either_side_and_nothing_undoes_it(void **state)
{
    for (int side = 0; side < 2; side++) {
        struct scene *s = *state;
        connect_tcp(s);
        if (side == 0)
            PASSED(L_SF, tcp(SF, 40000, OR, 8080, RST, 101, 0), s->calls, L_OR);
        else
            PASSED(L_OR, tcp(OR, 8080, SF, 40000, RST, 101, 0), s->calls, L_SF);
        later(s, 59);
        PASSED(L_SF, DATA_SF, s->calls, L_OR);
        later(s, 59);
        PASSED(L_OR, DATA_OR, s->calls, L_SF);
        later(s, 60);
        DROPPED(L_SF, DATA_SF, NO_SESSION);
    }
}

static void fins_of_both_sides_close_and_one_does_not(void **state)
{
    struct scene *s = *state;
    connect_tcp(s);
    PASSED(L_SF, tcp(SF, 40000, OR, 8080, FIN | ACK, 101, 901), s->calls, L_OR);
    PASSED(L_SF, tcp(SF, 40000, OR, 8080, FIN | ACK, 101, 901), s->calls, L_OR);
    later(s, 3600);
    PASSED(L_OR, tcp(OR, 8080, SF, 40000, FIN | ACK, 901, 102), s->calls, L_SF);
    later(s, 59);
    PASSED(L_SF, DATA_SF, s->calls, L_OR);
    later(s, 60);
    DROPPED(L_SF, DATA_SF, NO_SESSION);
}

static void a_plain_syn_forward_of_a_closing_session_starts_anew(void **state)
{
    struct scene *s = *state;
    connect_tcp(s);
    PASSED(L_SF, SYN_SF, s->calls, L_OR); /* not closing: the session's packet */
    assert_int_equal(reference_sessions(s->reference, s->now), 1);
    PASSED(L_OR, tcp(OR, 8080, SF, 40000, RST, 1, 0), s->calls, L_SF);
    DROPPED(L_OR, tcp(OR, 8080, SF, 40000, SYN, 1, 0), DEFAULT_DENY); /* the other direction ends nothing */
    assert_int_equal(reference_sessions(s->reference, s->now), 1);
    PASSED(L_SF, SYN_SF, s->calls, L_OR);
    assert_int_equal(reference_sessions(s->reference, s->now), 0);
    connect_tcp(s);
}

static void a_new_start_of_a_closing_session_is_judged_by_todays_policy(void **state)
{
    struct scene *s = *state;
    connect_tcp(s);
    PASSED(L_OR, tcp(OR, 8080, SF, 40000, RST, 1, 0), s->calls, L_SF);
    model_forget_rules(s->policy, 0);
    apply(s);
    DROPPED(L_SF, SYN_SF, DEFAULT_DENY); /* not `revoked`: the session was ended first */
    DROPPED(L_SF, DATA_SF, NO_SESSION);
}

static void a_packet_must_come_in_on_the_sessions_link(void **state)
{
    struct scene *s = *state;
    uint32_t world = model_rule(s->arena, s->policy, "world", "allow", "storefront", "world", "any", NULL);
    apply(s);
    PASSED(L_SF, tcp(SF, 40000, WORLD, 443, SYN, 1, 0), world, L_UP);
    /* The address moves from the world to a workload: what comes from there is not the session's. */
    struct policy *moved = model_new(s->arena);
    model_segment(s->arena, moved, "hub", "10.80.0.0/24");
    model_segment(s->arena, moved, "web", "10.80.1.0/24");
    model_segment(s->arena, moved, "outer", "198.51.100.0/24");
    model_workload(s->arena, moved, "storefront", "web", SF, "");
    model_workload(s->arena, moved, "newcomer", "outer", WORLD, "");
    model_rule(s->arena, moved, "any", "allow", "storefront", "any", "any", NULL);
    s->policy = moved;
    apply(s);
    DROPPED(L_OR, tcp(WORLD, 443, SF, 40000, ACK, 1, 1), NO_SESSION);
}

static void a_session_is_decided_again_by_the_next_generation(void **state)
{
    struct scene *s = *state;
    connect_tcp(s);
    struct policy *next = model_shop(s->arena);
    model_rule(s->arena, next, "first", "allow", "orders", "ledger", "any", NULL);
    uint32_t wide = model_rule(s->arena, next, "wide", "allow", "segment:web", "segment:api", "any", NULL);
    s->policy = next;
    apply(s);
    PASSED(L_OR, DATA_OR, wide, L_SF); /* in the session's direction, and it takes the new rule */
    PASSED(L_SF, DATA_SF, wide, L_OR);
}

static void what_is_no_longer_allowed_is_revoked_and_removed(void **state)
{
    struct scene *s = *state;
    connect_tcp(s);
    PASSED(L_SF, udp(SF, 40000, OR, 53, 0), s->calls, L_OR);
    s->policy = model_shop(s->arena);
    apply(s);
    DROPPED_BY(L_OR, DATA_OR, REVOKED, s->calls);
    DROPPED(L_OR, DATA_OR, NO_SESSION); /* as if there had never been a session */
    assert_int_equal(reference_sessions(s->reference, s->now), 0);
    DROPPED_BY(L_SF, udp(SF, 40000, OR, 53, 0), REVOKED, s->calls); /* unconfirmed ones too */
    DROPPED(L_SF, udp(SF, 40000, OR, 53, 0), DEFAULT_DENY);
}

static void what_would_be_refused_but_is_observed_lives_on_as_such(void **state)
{
    struct scene *s = *state;
    connect_tcp(s);
    s->policy = model_shop(s->arena);
    s->policy->observe = true;
    apply(s);
    SEEN(L_OR, DATA_OR, DEFAULT_DENY, NONE, L_SF);
    SEEN(L_SF, DATA_SF, DEFAULT_DENY, NONE, L_OR);
    s->policy = model_shop(s->arena); /* enforcement begins */
    apply(s);
    DROPPED(L_SF, DATA_SF, REVOKED);
    DROPPED(L_SF, DATA_SF, NO_SESSION);
}

static void a_full_table_refuses_the_confirmation_and_changes_nothing(void **state)
{
    struct scene *s = *state;
    reference_destroy(s->reference);
    s->reference = reference_create(&(struct reference_options){.sessions_max = 1});
    apply(s);
    connect_tcp(s);
    PASSED(L_SF, udp(SF, 40000, OR, 53, 1), s->calls, L_OR);
    PASSED(L_OR, udp(OR, 53, SF, 40000, 1), s->calls, L_SF);
    later(s, 29);
    DROPPED(L_SF, udp(SF, 40000, OR, 53, 1), SESSION_TABLE_FULL);
    PASSED(L_SF, DATA_SF, s->calls, L_OR); /* confirmed ones are never evicted */
    later(s, 1);
    DROPPED(L_OR, udp(OR, 53, SF, 40000, 1), DEFAULT_DENY); /* the refused packet did not prolong it */
    later(s, 86400);
    PASSED(L_SF, udp(SF, 40000, OR, 53, 1), s->calls, L_OR);
    PASSED(L_OR, udp(OR, 53, SF, 40000, 1), s->calls, L_SF);
    PASSED(L_SF, udp(SF, 40000, OR, 53, 1), s->calls, L_OR); /* what expired gives its place */
    assert_int_equal(reference_sessions(s->reference, s->now), 1);
}

static void refusals_name_their_rule_and_reason(void **state)
{
    struct scene *s = *state;
    uint32_t never =
        model_rule(s->arena, s->policy, "never", "deny", "segment:web", "segment:data", "any", NULL);
    apply(s);
    DROPPED_BY(L_SF, tcp(SF, 40000, LE, 5432, SYN, 1, 0), DENY_RULE, never);
    DROPPED(L_SF, tcp(SF, 40000, OR, 8081, SYN, 1, 0), DEFAULT_DENY);
    PASSED(L_OR, tcp(OR, 40000, LE, 5432, SYN, 1, 0), s->reads, L_LE);
}

static void no_session_passes_under_observation_without_making_one(void **state)
{
    struct scene *s = *state;
    for (int which = 0; which < 5; which++) {
        s->policy->observe = which == 0;
        s->policy->workloads[0].observe = which == 1;
        s->policy->workloads[1].observe = which == 2;
        s->policy->segments[1].observe = which == 3;
        s->policy->segments[2].observe = which == 4;
        apply(s);
        SEEN(L_SF, ACK_SF, NO_SESSION, NONE, L_OR);
        SEEN(L_OR, SYNACK_OR, NO_SESSION, NONE, L_SF);
        SEEN(L_OR, icmp(OR, SF, 0, 0, 3), NO_SESSION, NONE, L_SF);
        assert_int_equal(reference_sessions(s->reference, s->now), 0);
    }
    /* Delivery counts here too. */
    struct frame f = ACK_SF;
    f.at[IP + 8] = 1;
    DROPPED(L_SF, f, TTL);
    DROPPED(L_SF, tcp(SF, 1, "10.80.2.99", 2, ACK, 0, 0), NO_SUCH_WORKLOAD);
}

static void an_observed_refusal_starts_a_session(void **state)
{
    struct scene *s = *state;
    s->policy->workloads[2].observe = true;
    uint32_t never =
        model_rule(s->arena, s->policy, "never", "deny", "segment:web", "segment:data", "any", NULL);
    apply(s);
    SEEN(L_SF, tcp(SF, 40000, LE, 5432, SYN, 1, 0), DENY_RULE, never, L_LE);
    SEEN(L_LE, tcp(LE, 5432, SF, 40000, SYN | ACK, 1, 2), DENY_RULE, never, L_SF);
    SEEN(L_SF, tcp(SF, 40000, LE, 5432, ACK, 2, 2), DENY_RULE, never, L_LE);
    assert_int_equal(reference_sessions(s->reference, s->now), 1);
}

/* 7. ICMP errors */

static void an_error_passes_when_its_quotation_is_of_a_session(void **state)
{
    struct scene *s = *state;
    static const uint8_t types[] = {3, 11, 12};
    struct frame syn = SYN_SF, answer = SYNACK_OR;
    DROPPED(L_OR, icmp_error(OR, SF, 3, &syn, 64), NO_SESSION);
    PASSED(L_SF, SYN_SF, s->calls, L_OR);
    for (size_t i = 0; i < 3; i++)
        PASSED(L_OR, icmp_error(OR, SF, types[i], &syn, 64), s->calls, L_SF);
    PASSED(L_SF, icmp_error(SF, OR, 3, &answer, 64), s->calls, L_OR); /* about a reply */
    struct frame six = udp(SF6, 40000, OR6, 53, 100), tail = udp(OR6, 53, SF6, 40000, 1);
    PASSED(L_SF, six, s->calls, L_OR);
    for (uint8_t type = 1; type <= 4; type++)
        PASSED(L_OR, icmp_error(OR6, SF6, type, &six, 100), s->calls, L_SF);
    PASSED(L_SF, icmp_error(SF6, OR6, 1, &tail, 100), s->calls, L_OR);
}

static void an_error_needs_no_more_than_eight_octets_of_the_quoted_layer_4(void **state)
{
    struct scene *s = *state;
    struct frame syn = SYN_SF, echo = icmp(SF, OR, 8, 0, 7);
    PASSED(L_SF, SYN_SF, s->calls, L_OR);
    PASSED(L_SF, echo, s->calls, L_OR);
    PASSED(L_OR, icmp_error(OR, SF, 3, &syn, 28), s->calls, L_SF);
    PASSED(L_OR, icmp_error(OR, SF, 3, &echo, 28), s->calls, L_SF);
    for (size_t most = 0; most < 28; most++) {
        DROPPED(L_OR, icmp_error(OR, SF, 3, &syn, most), NO_SESSION);
        DROPPED(L_OR, icmp_error(OR, SF, 3, &echo, most), NO_SESSION);
    }
    /* Other protocols need none. */
    uint32_t any = model_rule(s->arena, s->policy, "any", "allow", "storefront", "orders", "any", NULL);
    apply(s);
    struct frame gre = ip(SF, OR, 47, "abcdefgh", 8);
    PASSED(L_SF, gre, any, L_OR);
    PASSED(L_OR, icmp_error(OR, SF, 3, &gre, 20), any, L_SF);
    DROPPED(L_OR, icmp_error(OR, SF, 3, &gre, 19), NO_SESSION);
}

static void quotations_that_do_not_tell_are_no_session(void **state)
{
    struct scene *s = *state;
    struct frame syn = SYN_SF;
    PASSED(L_SF, syn, s->calls, L_OR);
    struct frame f = icmp_error(OR, SF, 3, &syn, 64);
    PASSED(L_OR, f, s->calls, L_SF);
    const size_t quoted = L4_V4 + 8;
    struct frame g = f;
    g.at[quoted] = 0x46; /* options */
    DROPPED(L_OR, g, NO_SESSION);
    g = f;
    g.at[quoted] = 0x65; /* another version */
    DROPPED(L_OR, g, NO_SESSION);
    g = f;
    put16(&g, quoted + 6, 1); /* a later fragment */
    DROPPED(L_OR, g, NO_SESSION);
    g = f;
    put16(&g, quoted + 6, 0x2000); /* a first fragment tells */
    PASSED(L_OR, g, s->calls, L_SF);
    g = f;
    g.at[quoted + 15] = 3; /* the quoted source is not the error's destination */
    DROPPED(L_OR, g, NO_SESSION);
    g = f;
    g.at[quoted + 20 + 13] = ACK; /* flags are not looked at */
    PASSED(L_OR, g, s->calls, L_SF);
    struct frame six = udp(SF6, 40000, OR6, 53, 8), extended = with_extension(&six, 60, (uint8_t[8]){0}, 8);
    PASSED(L_SF, six, s->calls, L_OR);
    DROPPED(L_OR, icmp_error(OR6, SF6, 1, &extended, 200), NO_SESSION);
    /* ICMP that is quoted is an echo */
    struct frame mask = icmp(SF, OR, 17, 0, 7), error = icmp_error(SF, OR, 3, &syn, 64),
                 code = icmp(SF, OR, 8, 3, 7);
    PASSED(L_SF, icmp(SF, OR, 8, 0, 7), s->calls, L_OR);
    DROPPED(L_OR, icmp_error(OR, SF, 3, &mask, 64), NO_SESSION);
    DROPPED(L_OR, icmp_error(OR, SF, 3, &error, 64), NO_SESSION);
    DROPPED(L_OR, icmp_error(OR, SF, 3, &code, 64), NO_SESSION);
}

static void a_quoted_echo_keeps_its_direction(void **state)
{
    struct scene *s = *state;
    PASSED(L_SF, icmp(SF, OR, 8, 0, 7), s->calls, L_OR);
    struct frame request = icmp(SF, OR, 8, 0, 7), answer = icmp(OR, SF, 0, 0, 7);
    struct frame wrong_answer = icmp(SF, OR, 0, 0, 7), wrong_request = icmp(OR, SF, 8, 0, 7);
    PASSED(L_OR, icmp_error(OR, SF, 3, &request, 64), s->calls, L_SF);
    PASSED(L_SF, icmp_error(SF, OR, 3, &answer, 64), s->calls, L_OR);
    DROPPED(L_OR, icmp_error(OR, SF, 3, &wrong_answer, 64), NO_SESSION);
    DROPPED(L_SF, icmp_error(SF, OR, 3, &wrong_request, 64), NO_SESSION);
}

static void an_error_comes_from_where_the_quoted_packet_was_sent(void **state)
{
    struct scene *s = *state;
    struct frame syn = SYN_SF;
    PASSED(L_SF, syn, s->calls, L_OR);
    DROPPED(L_LE, icmp_error(LE, SF, 3, &syn, 64), NO_SESSION);
    DROPPED(L_UP, icmp_error(WORLD, SF, 3, &syn, 64), NO_SESSION);
    /* From the world any router may speak. */
    uint32_t out = model_rule(s->arena, s->policy, "out", "allow", "storefront", "world", "any", NULL);
    apply(s);
    struct frame away = tcp(SF, 40000, WORLD, 443, SYN, 1, 0);
    PASSED(L_SF, away, out, L_UP);
    PASSED(L_UP, icmp_error("203.0.113.200", SF, 11, &away, 64), out, L_SF);
    DROPPED(L_OR, icmp_error(OR, SF, 11, &away, 64), NO_SESSION);
}

static void an_error_changes_nothing_about_the_session(void **state)
{
    struct scene *s = *state;
    struct frame f = udp(SF, 40000, OR, 53, 1);
    PASSED(L_SF, f, s->calls, L_OR);
    later(s, 20);
    PASSED(L_OR, icmp_error(OR, SF, 3, &f, 64), s->calls, L_SF);
    PASSED(L_SF, f, s->calls, L_OR); /* it was no reply: nothing is confirmed */
    assert_int_equal(reference_sessions(s->reference, s->now), 0);
    later(s, 20);
    PASSED(L_OR, icmp_error(OR, SF, 3, &f, 64), s->calls, L_SF);
    later(s, 10); /* 30 s after the last packet of its own */
    DROPPED(L_OR, icmp_error(OR, SF, 3, &f, 64), NO_SESSION);
}

static void an_error_of_a_revoked_session_is_revoked(void **state)
{
    struct scene *s = *state;
    struct frame syn = SYN_SF;
    PASSED(L_SF, syn, s->calls, L_OR);
    s->policy = model_shop(s->arena);
    apply(s);
    DROPPED_BY(L_OR, icmp_error(OR, SF, 3, &syn, 64), REVOKED, s->calls);
    DROPPED(L_OR, icmp_error(OR, SF, 3, &syn, 64), NO_SESSION);
}

static void an_error_without_a_session_passes_under_observation(void **state)
{
    struct scene *s = *state;
    s->policy->segments[1].observe = true;
    apply(s);
    struct frame syn = SYN_SF;
    SEEN(L_OR, icmp_error(OR, SF, 3, &syn, 64), NO_SESSION, NONE, L_SF);
    SEEN(L_OR, icmp_error(OR, SF, 3, &syn, 3), NO_SESSION, NONE, L_SF);
    DROPPED(L_OR, icmp_error(OR, LE, 3, &syn, 3), NO_SESSION); /* neither end is observed */
}

/* 8. Delivery */

static void what_cannot_be_delivered_says_why_and_starts_no_session(void **state)
{
    struct scene *s = *state;
    uint32_t all = model_rule(s->arena, s->policy, "all", "allow", "any", "any", "any", NULL);
    apply(s);
    DROPPED_BY(L_SF, udp(SF, 40000, "10.80.2.77", 1, 0), NO_SUCH_WORKLOAD, all);
    DROPPED_BY(L_SF, udp(SF, 40000, "10.80.2.1", 1, 0), NO_SUCH_WORKLOAD, all); /* the hub's own */
    DROPPED_BY(L_SF, udp(SF, 40000, SF, 1, 0), NO_SUCH_WORKLOAD, all);
    DROPPED_BY(L_UP, udp(WORLD, 40000, "203.0.113.9", 1, 0), NO_UPLINK, all);
    PASSED(L_SF, udp(SF, 40000, WORLD, 1, 0), all, L_UP);
    s->policy->uplink.interface = NULL;
    s->links[L_LE].workload = 1000;
    apply(s);
    DROPPED_BY(L_SF, udp(SF, 40001, WORLD, 1, 0), NO_UPLINK, all);
    DROPPED_BY(L_SF, udp(SF, 40001, WORLD, 1, 0), NO_UPLINK, all);
    DROPPED_BY(L_SF, udp(SF, 40000, LE, 1, 0), NOT_RUNNING, all);
    DROPPED(L_LE, udp(LE, 1, SF, 40000, 0), IDENTITY_UNKNOWN);
    s->policy->uplink.interface = "uplink0";
    s->links[L_UP].workload = 1000;
    apply(s);
    DROPPED_BY(L_SF, udp(SF, 40001, WORLD, 1, 0), NO_UPLINK, all);
}

static void larger_than_the_targets_mtu_is_too_big_and_has_moved_the_session_on(void **state)
{
    struct scene *s = *state;
    s->links[L_OR].mtu = 528;
    apply(s);
    PASSED(L_SF, udp(SF, 40000, OR, 53, 500), s->calls, L_OR);
    DROPPED_BY(L_SF, udp(SF, 40001, OR, 53, 501), TOO_BIG, s->calls);
    PASSED(L_OR, udp(OR, 53, SF, 40001, 501), s->calls, L_SF); /* the session is there */
    PASSED(L_SF, udp(SF6, 40000, OR6, 53, 480), s->calls, L_OR);
    DROPPED_BY(L_SF, udp(SF6, 40001, OR6, 53, 481), TOO_BIG, s->calls);
    struct frame padded = udp(SF, 40000, OR, 53, 500);
    padded.len += 20; /* Ethernet padding does not count */
    PASSED(L_SF, padded, s->calls, L_OR);
}

static void a_ttl_of_1_or_0_is_used_up_and_has_moved_the_session_on(void **state)
{
    struct scene *s = *state;
    for (uint8_t ttl = 0; ttl < 4; ttl++) {
        struct frame f = udp(SF, (uint16_t)(40000 + ttl), OR, 53, 0),
                     g = udp(SF6, (uint16_t)(40000 + ttl), OR6, 53, 0);
        f.at[IP + 8] = ttl;
        g.at[IP + 7] = ttl;
        if (ttl < 2) {
            DROPPED_BY(L_SF, f, TTL, s->calls);
            DROPPED_BY(L_SF, g, TTL, s->calls);
        } else {
            PASSED(L_SF, f, s->calls, L_OR);
            PASSED(L_SF, g, s->calls, L_OR);
        }
        PASSED(L_OR, udp(OR, 53, SF, (uint16_t)(40000 + ttl), 0), s->calls, L_SF);
    }
    s->links[L_OR].mtu = 20;
    apply(s);
    struct frame both = udp(SF, 41000, OR, 53, 0);
    both.at[IP + 8] = 1;
    DROPPED_BY(L_SF, both, TOO_BIG, s->calls); /* in the order of the steps */
}

static void a_session_whose_target_lost_its_link_is_revoked(void **state)
{
    struct scene *s = *state;
    connect_tcp(s);
    s->links[L_OR].workload = 1000;
    apply(s);
    DROPPED_BY(L_SF, DATA_SF, REVOKED, s->calls);
    DROPPED_BY(L_SF, SYN_SF, NOT_RUNNING, s->calls);
}

/* Time */

static void a_window_ends_on_time_for_sessions_and_new_packets(void **state)
{
    struct scene *s = *state;
    s->now = 1700006400LL * SECOND; /* 2023-11-15T00:00:00Z */
    s->policy = model_shop(s->arena);
    uint32_t night = model_rule(s->arena, s->policy, "night", "allow", "storefront", "orders", "any",
                                "now.hour >= 1 && now.hour < 4");
    apply(s);
    DROPPED(L_SF, SYN_SF, DEFAULT_DENY);
    later(s, 3600);
    PASSED(L_SF, SYN_SF, night, L_OR);
    PASSED(L_OR, SYNACK_OR, night, L_SF);
    PASSED(L_SF, ACK_SF, night, L_OR);
    later(s, 3 * 3600 - 1);
    PASSED(L_SF, DATA_SF, night, L_OR);
    later(s, 1);
    DROPPED_BY(L_SF, DATA_SF, REVOKED, night);
    DROPPED(L_SF, DATA_SF, NO_SESSION);
    DROPPED(L_SF, SYN_SF, DEFAULT_DENY);
    later(s, 20 * 3600); /* 24 h after compilation nothing is known any more */
    DROPPED(L_SF, SYN_SF, WINDOW_CLOSED);
    later(s, 2 * 3600);
    DROPPED(L_SF, SYN_SF, WINDOW_CLOSED);
    apply(s);
    PASSED(L_SF, SYN_SF, night, L_OR);
}

/* Random bytes and random damage: nothing but a verdict may come of them. */
static void any_bytes_have_a_verdict(void **state)
{
    struct scene *s = *state;
    uint64_t x = 88172645463325252u;
    struct frame bases[] = {SYN_SF, udp(SF6, 40000, OR6, 53, 40), icmp(SF, OR, 8, 0, 1), big_first(1),
                            big_last(1)};
    for (int i = 0; i < 20000; i++) {
        struct frame f = bases[i % 5];
        for (int k = 0; k < 3; k++) {
            x ^= x << 13, x ^= x >> 7, x ^= x << 17;
            f.at[12 + x % (f.len - 12)] = (uint8_t)(x >> 32);
        }
        f.len -= (x >> 40) % 4 ? 0 : (x >> 48) % f.len;
        struct packet_verdict v = send_frame(s, L_SF, f);
        assert_true(v.verdict.reason < REASONS);
        assert_true(v.passes == (v.to_link != NONE));
        assert_true(!v.verdict.allow || v.verdict.reason == REASON_RULE);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(icmp_that_is_neither_echo_nor_error_is_refused_for_its_type),
        TEST(packets_of_an_allowed_session_pass_both_ways),
        TEST(a_session_is_of_its_five_values),
        TEST(icmp_echo_is_a_session_by_identifier),
        TEST(an_echo_request_is_only_forward_and_an_echo_reply_only_reply),
        TEST(other_protocols_are_sessions_by_their_addresses),
        TEST(a_plain_syn_is_never_a_reply),
        TEST(forward_of_an_unconfirmed_session_comes_before_reply_of_a_confirmed_one),
        TEST(tcp_that_is_not_a_plain_syn_starts_nothing),
        TEST(an_unconfirmed_session_lives_30_s_after_its_last_packet),
        TEST(a_confirmed_tcp_session_lives_24_h),
        TEST(timeouts_come_from_the_policy),
        TEST(udp_is_confirmed_by_a_second_packet_after_a_reply_and_lives_180_s),
        TEST(confirmed_icmp_lives_30_s_and_other_protocols_180_s),
        TEST(only_the_right_acknowledgement_confirms_tcp),
        TEST(a_reset_does_not_confirm_and_a_syn_ack_with_reset_is_no_answer),
        TEST(a_reset_closes_from_either_side_and_nothing_undoes_it),
        TEST(fins_of_both_sides_close_and_one_does_not),
        TEST(a_plain_syn_forward_of_a_closing_session_starts_anew),
        TEST(a_new_start_of_a_closing_session_is_judged_by_todays_policy),
        TEST(a_packet_must_come_in_on_the_sessions_link),
        TEST(a_session_is_decided_again_by_the_next_generation),
        TEST(what_is_no_longer_allowed_is_revoked_and_removed),
        TEST(what_would_be_refused_but_is_observed_lives_on_as_such),
        TEST(a_full_table_refuses_the_confirmation_and_changes_nothing),
        TEST(refusals_name_their_rule_and_reason),
        TEST(no_session_passes_under_observation_without_making_one),
        TEST(an_observed_refusal_starts_a_session),
        TEST(an_error_passes_when_its_quotation_is_of_a_session),
        TEST(an_error_needs_no_more_than_eight_octets_of_the_quoted_layer_4),
        TEST(quotations_that_do_not_tell_are_no_session),
        TEST(a_quoted_echo_keeps_its_direction),
        TEST(an_error_comes_from_where_the_quoted_packet_was_sent),
        TEST(an_error_changes_nothing_about_the_session),
        TEST(an_error_of_a_revoked_session_is_revoked),
        TEST(an_error_without_a_session_passes_under_observation),
        TEST(what_cannot_be_delivered_says_why_and_starts_no_session),
        TEST(larger_than_the_targets_mtu_is_too_big_and_has_moved_the_session_on),
        TEST(a_ttl_of_1_or_0_is_used_up_and_has_moved_the_session_on),
        TEST(a_session_whose_target_lost_its_link_is_revoked),
        TEST(a_window_ends_on_time_for_sessions_and_new_packets),
        TEST(any_bytes_have_a_verdict),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
