/* SPDX-License-Identifier: Apache-2.0 */
/* docs/packets.md, section 9 and what else it says of the uplink, sentence by sentence, against the reference.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "scene.h"

#include <cmocka.h>

#define OUTER   "10.80.0.1"
#define OUTER6  "fd80::1"
#define WORLD_2 "203.0.113.9"

/* storefront goes everywhere in the world, the world to storefront's 8443/tcp and 53/udp. */
struct uplink_rules {
    uint32_t out, in;
};

static struct uplink_rules allow_both_ways(struct scene *s)
{
    struct uplink_rules r;
    r.out = model_rule(s->arena, s->policy, "out", "allow", "storefront", "world", "any", NULL);
    r.in = model_rule(s->arena, s->policy, "in", "allow", "world", "storefront", "8443/tcp 53/udp icmp", NULL);
    apply(s);
    return r;
}

static struct uplink_rules publish_storefront(struct scene *s)
{
    model_publish(s->arena, s->policy, "443/tcp", "storefront", 8443);
    model_publish(s->arena, s->policy, "444/tcp", "storefront", 8443);
    model_publish(s->arena, s->policy, "53/udp", "storefront", 53);
    model_publish(s->arena, s->policy, "30000/tcp", "storefront", 9);
    return allow_both_ways(s);
}

static void assert_ends(struct packet_ends e, const char *from, uint16_t from_port, const char *to,
                        uint16_t to_port, int line)
{
    struct address a = address_of(from), b = address_of(to);
    char x[ADDRESS_TEXT_MAX], y[ADDRESS_TEXT_MAX];
    if (address_equal(&a, &e.from) && address_equal(&b, &e.to) && e.from_port == from_port &&
        e.to_port == to_port)
        return;
    print_error("line %d: %s port %u -> %s port %u\n", line, address_print(&e.from, x), e.from_port,
                address_print(&e.to, y), e.to_port);
    fail();
}

#define LEAVES(v, ...) assert_ends((v).out, __VA_ARGS__, __LINE__)
#define QUOTES(v, ...) assert_ends((v).quoted, __VA_ARGS__, __LINE__)

static struct packet_verdict passes(struct packet_verdict v, uint32_t rule, uint32_t to, int line)
{
    passed(v, rule, to, line);
    return v;
}
#define PASS(link, frame, rule, to) passes(send_frame(s, link, frame), rule, to, __LINE__)

/* storefront's packet begins a session, which gets the outer port. */
static void leave_by(struct scene *s, struct frame f, uint32_t rule, uint16_t port)
{
    struct packet_verdict v = PASS(L_SF, f, rule, L_UP);
    assert_true(v.port_guessed);
    assert_true(reference_outer_port(s->reference, port));
}

#define AWAY       tcp(SF, 40000, WORLD, 443, SYN, 100, 0)
#define AWAY_AGAIN tcp(SF, 40000, WORLD, 443, ACK, 101, 901)
#define BACK(port) tcp(WORLD, 443, OUTER, port, SYN | ACK, 900, 101)
#define CALL       tcp(WORLD, 50000, OUTER, 443, SYN, 100, 0)
#define CALL_MORE  tcp(WORLD, 50000, OUTER, 443, ACK, 101, 901)
#define ANSWER     tcp(SF, 8443, WORLD, 50000, SYN | ACK, 900, 101)

/* 1 and 8.1: where the uplink is and is not */

static void without_an_uplink_its_link_belongs_to_nobody(void **state)
{
    struct scene *s = *state;
    publish_storefront(s);
    s->policy->uplink.interface = NULL;
    apply(s);
    DROPPED(L_UP, CALL, IDENTITY_UNKNOWN);
}

static void a_family_that_the_hub_has_no_cidr_of_does_not_leave(void **state)
{
    struct scene *s = *state;
    uint32_t out = allow_both_ways(s).out;
    struct segment *hub = &s->policy->segments[s->policy->hub];
    hub->cidr_count = 1; /* IPv4's */
    apply(s);
    DROPPED_BY(L_SF, tcp(SF6, 40000, WORLD6, 443, SYN, 1, 0), NO_UPLINK, out);
    PASSED(L_SF, AWAY, out, L_UP);
}

static void what_comes_from_the_world_by_no_published_port_and_in_no_session_is_no_uplink(void **state)
{
    struct scene *s = *state;
    publish_storefront(s);
    uint32_t all = model_rule(s->arena, s->policy, "all", "allow", "any", "any", "any", NULL);
    apply(s);
    DROPPED_BY(L_UP, tcp(WORLD, 1, OR, 8443, SYN, 1, 0), NO_UPLINK, all);            /* an inside address */
    DROPPED_BY(L_UP, tcp(WORLD, 1, "10.80.2.200", 8443, SYN, 1, 0), NO_UPLINK, all); /* nobody's */
    DROPPED_BY(L_UP, tcp(WORLD, 1, WORLD_2, 8443, SYN, 1, 0), NO_UPLINK, all);       /* from the world to it */
    DROPPED_BY(L_UP, tcp(WORLD, 1, OUTER, 22, SYN, 1, 0), NO_UPLINK, all);
    DROPPED_BY(L_UP, icmp(WORLD, OUTER, 8, 0, 7), NO_UPLINK, all);
    DROPPED_BY(L_UP, sctp(WORLD, 443, OUTER, 443), NO_UPLINK, all);
}

static void what_cannot_be_translated_does_not_leave(void **state)
{
    struct scene *s = *state;
    uint32_t out = allow_both_ways(s).out;
    struct frame other = ip(SF, WORLD, 47, "12345678", 8);
    DROPPED_BY(L_SF, sctp(SF, 1, WORLD, 2), NO_UPLINK, out);
    DROPPED_BY(L_SF, other, NO_UPLINK, out);
    s->policy->uplink.nat = false;
    apply(s);
    PASSED(L_SF, sctp(SF, 1, WORLD, 2), out, L_UP);
    PASSED(L_SF, other, out, L_UP);
    s->policy->uplink.nat = true; /* also in a session that could leave once */
    apply(s);
    DROPPED_BY(L_SF, sctp(SF, 1, WORLD, 2), REVOKED, out);
    DROPPED_BY(L_SF, sctp(SF, 1, WORLD, 2), NO_UPLINK, out);
}

static void what_observation_lets_pass_without_a_session_is_not_translated(void **state)
{
    struct scene *s = *state;
    publish_storefront(s);
    s->policy->observe = true;
    apply(s);
    struct frame quoted = udp(WORLD, 1, SF, 2, 0), error = icmp_error(SF, WORLD, 3, &quoted, 64);
    DROPPED(L_SF, AWAY_AGAIN, NO_UPLINK);
    DROPPED(L_SF, error, NO_UPLINK);
    DROPPED(L_UP, tcp(WORLD, 1, OUTER, 22, ACK, 1, 1), NO_UPLINK);
    SEEN(L_UP, CALL_MORE, NO_SESSION, NONE, L_SF); /* by a published port */
    LEAVES(send_frame(s, L_UP, CALL_MORE), WORLD, 50000, SF, 8443);
    s->policy->uplink.nat = false;
    apply(s);
    SEEN(L_SF, AWAY_AGAIN, NO_SESSION, NONE, L_UP);
    LEAVES(send_frame(s, L_SF, AWAY_AGAIN), SF, 40000, WORLD, 443);
    SEEN(L_SF, error, NO_SESSION, NONE, L_UP);
}

/* 9.1 */

static void what_leaves_has_the_outer_address_and_a_port_of_its_own(void **state)
{
    struct scene *s = *state;
    uint32_t out = allow_both_ways(s).out;
    struct packet_verdict v = PASS(L_SF, AWAY, out, L_UP);
    assert_true(v.out.from_port >= 16384);
    LEAVES(v, OUTER, v.out.from_port, WORLD, 443);
    assert_true(reference_outer_port(s->reference, 20000));
    v = PASS(L_SF, AWAY_AGAIN, out, L_UP);
    assert_false(v.port_guessed);
    LEAVES(v, OUTER, 20000, WORLD, 443);
    leave_by(s, udp(SF6, 40000, WORLD6, 53, 4), out, 20000);
    LEAVES(PASS(L_SF, udp(SF6, 40000, WORLD6, 53, 4), out, L_UP), OUTER6, 20000, WORLD6, 53);
    leave_by(s, icmp(SF, WORLD, 8, 0, 7), out, 20000);
    LEAVES(PASS(L_SF, icmp(SF, WORLD, 8, 0, 7), out, L_UP), OUTER, 20000, WORLD, 20000);
    PASSED(L_SF, SYN_SF, s->calls, L_OR);
    LEAVES(send_frame(s, L_SF, SYN_SF), SF, 40000, OR, 8080); /* inside nothing is translated */
}

static void with_nat_none_it_leaves_as_it_is(void **state)
{
    struct scene *s = *state;
    s->policy->uplink.nat = false;
    uint32_t out = allow_both_ways(s).out;
    struct packet_verdict v = PASS(L_SF, AWAY, out, L_UP);
    LEAVES(v, SF, 40000, WORLD, 443);
    assert_false(v.port_guessed);
    assert_false(reference_outer_port(s->reference, 20000));
    LEAVES(PASS(L_UP, tcp(WORLD, 443, SF, 40000, SYN | ACK, 900, 101), out, L_SF), WORLD, 443, SF, 40000);
}

static void an_outer_port_is_high_not_published_and_one_sessions_of_a_remote(void **state)
{
    struct scene *s = *state;
    uint32_t out = publish_storefront(s).out;
    assert_false(reference_outer_port(s->reference, 20000)); /* of which session? */
    leave_by(s, AWAY, out, 20000);
    assert_false(reference_outer_port(s->reference, 20001)); /* it is chosen once */
    PASSED(L_SF, tcp(SF, 40001, WORLD, 443, SYN, 1, 0), out, L_UP);
    assert_false(reference_outer_port(s->reference, 20000));
    assert_false(reference_outer_port(s->reference, 16383));
    assert_false(reference_outer_port(s->reference, 30000));
    assert_true(reference_outer_port(s->reference, 16384));
    leave_by(s, tcp(SF, 40000, WORLD, 444, SYN, 1, 0), out, 20000);
    leave_by(s, tcp(SF, 40000, WORLD_2, 443, SYN, 1, 0), out, 20000);
    leave_by(s, udp(SF, 40000, WORLD, 443, 0), out, 20000);
    leave_by(s, udp(SF, 40001, WORLD, 443, 0), out, 30000); /* published for TCP only */
    later(s, 30);
    leave_by(s, tcp(SF, 40002, WORLD, 443, SYN, 1, 0), out, 20000); /* the other is gone */
}

static void a_port_that_was_only_guessed_gives_way(void **state)
{
    struct scene *s = *state;
    uint32_t out = allow_both_ways(s).out;
    struct frame dying = AWAY;
    dying.at[IP + 8] = 1;
    DROPPED_BY(L_SF, dying, TTL, out); /* it has begun, and nobody has seen its port */
    struct packet_verdict v = PASS(L_SF, AWAY, out, L_UP);
    uint16_t guess = v.out.from_port;
    leave_by(s, tcp(SF, 40001, WORLD, 443, SYN, 1, 0), out, guess);
    v = PASS(L_SF, AWAY, out, L_UP);
    assert_true(v.port_guessed);
    assert_int_not_equal(v.out.from_port, guess);
}

/* storefront has two outer ports, 20000 and 20001, of which 20000 is published for UDP. */
static uint32_t with_two_outer_ports(struct scene *s)
{
    s->links[L_SF].outer_first = 20000;
    s->links[L_SF].outer_count = 2;
    model_publish(s->arena, s->policy, "20000/udp", "storefront", 53);
    return allow_both_ways(s).out;
}

#define OUT(port, flags) tcp(SF, port, WORLD, 443, flags, 101, 901)

/* Begun by storefront's own port, confirmed, and with both FINs where it closes; a second passes before each. */
static void connect_by(struct scene *s, uint32_t out, uint16_t own, uint16_t outer, bool closes)
{
    later(s, 1);
    leave_by(s, tcp(SF, own, WORLD, 443, SYN, 100, 0), out, outer);
    PASSED(L_UP, BACK(outer), out, L_SF);
    PASSED(L_SF, OUT(own, ACK), out, L_UP);
    if (!closes)
        return;
    PASSED(L_SF, OUT(own, FIN | ACK), out, L_UP);
    PASSED(L_UP, tcp(WORLD, 443, OUTER, outer, FIN | ACK, 901, 102), out, L_SF);
}

static void begin_by(struct scene *s, uint32_t out, uint16_t own, uint16_t outer)
{
    later(s, 1);
    leave_by(s, tcp(SF, own, WORLD, 443, SYN, 100, 0), out, outer);
}

static void an_outer_port_is_of_the_workloads_share(void **state)
{
    struct scene *s = *state;
    uint32_t out = with_two_outer_ports(s);
    PASSED(L_SF, AWAY, out, L_UP);
    assert_false(reference_outer_port(s->reference, 19999));
    assert_false(reference_outer_port(s->reference, 20002));
    assert_true(reference_outer_port(s->reference, 20001));
    leave_by(s, udp(SF, 1, WORLD, 443, 0), out, 20001); /* of UDP it is the only one */
    assert_false(reference_outer_port(s->reference, 20000));
}

static void where_confirmed_sessions_have_all_outer_ports_none_begins(void **state)
{
    struct scene *s = *state;
    uint32_t out = with_two_outer_ports(s);
    connect_by(s, out, 1, 20000, false);
    connect_by(s, out, 2, 20001, false);
    DROPPED(L_SF, tcp(SF, 3, WORLD, 443, SYN, 100, 0), SESSION_TABLE_FULL);
    PASSED(L_SF, OUT(1, ACK), out, L_UP);
    leave_by(s, tcp(SF, 3, WORLD, 444, SYN, 1, 0), out, 20000); /* another remote end */
    leave_by(s, tcp(SF, 3, WORLD_2, 443, SYN, 1, 0), out, 20000);
    later(s, 86400);
    begin_by(s, out, 3, 20000);
}

static void a_port_is_taken_from_the_session_that_closes_longest(void **state)
{
    struct scene *s = *state;
    uint32_t out = with_two_outer_ports(s);
    connect_by(s, out, 1, 20000, true);
    connect_by(s, out, 2, 20001, true);
    later(s, 1);
    PASSED(L_SF, OUT(1, ACK), out, L_UP); /* now the other one's last packet is older */
    begin_by(s, out, 3, 20001);
    PASSED(L_SF, OUT(1, ACK), out, L_UP);
    DROPPED(L_SF, OUT(2, ACK), NO_SESSION);
}

static void a_port_is_taken_from_a_closing_session_before_an_unconfirmed_one(void **state)
{
    struct scene *s = *state;
    uint32_t out = with_two_outer_ports(s);
    begin_by(s, out, 1, 20000);
    connect_by(s, out, 2, 20001, true);
    begin_by(s, out, 3, 20001);
    begin_by(s, out, 4, 20000); /* then from the oldest that is unconfirmed */
    DROPPED(L_SF, OUT(1, ACK), NO_SESSION);
    PASSED(L_UP, tcp(WORLD, 443, OUTER, 20001, RST | ACK, 0, 101), out, L_SF); /* one that is refused closes too */
    begin_by(s, out, 5, 20001);
}

static void a_session_whose_port_is_taken_ends(void **state)
{
    struct scene *s = *state;
    uint32_t out = with_two_outer_ports(s);
    connect_by(s, out, 1, 20000, true);
    connect_by(s, out, 2, 20001, false);
    begin_by(s, out, 3, 20000);
    DROPPED(L_SF, OUT(1, FIN | ACK), NO_SESSION);
    /* What comes to the port is the new session's, in an error too. */
    struct frame away = tcp(OUTER, 20000, WORLD, 443, ACK, 1, 0);
    LEAVES(PASS(L_UP, BACK(20000), out, L_SF), WORLD, 443, SF, 3);
    struct packet_verdict v = PASS(L_UP, icmp_error(WORLD, OUTER, 3, &away, 28), out, L_SF);
    QUOTES(v, SF, 3, WORLD, 443);
    assert_int_equal(reference_sessions(s->reference, s->now), 1);
    /* A SYN begins a session with a port of its own, which is taken from that one: it is unconfirmed. */
    begin_by(s, out, 1, 20000);
    DROPPED(L_SF, OUT(3, ACK), NO_SESSION);
}

static void a_session_that_starts_anew_keeps_its_outer_port(void **state)
{
    struct scene *s = *state;
    uint32_t out = with_two_outer_ports(s);
    struct frame again = tcp(SF, 1, WORLD, 443, SYN, 5000, 0);
    connect_by(s, out, 1, 20000, true);
    struct packet_verdict v = PASS(L_SF, again, out, L_UP);
    assert_false(v.port_guessed);
    LEAVES(v, OUTER, 20000, WORLD, 443);
    assert_false(reference_outer_port(s->reference, 20001));
    assert_true(reference_outer_port(s->reference, 20000));
    /* So does one that was refused. */
    PASSED(L_UP, tcp(WORLD, 443, OUTER, 20000, RST | ACK, 0, 5001), out, L_SF);
    LEAVES(PASS(L_SF, again, out, L_UP), OUTER, 20000, WORLD, 443);
    /* Not where the port is published by now, nor where the session is gone. */
    PASSED(L_UP, tcp(WORLD, 443, OUTER, 20000, RST | ACK, 0, 5001), out, L_SF);
    model_publish(s->arena, s->policy, "20000/tcp", "storefront", 8443);
    apply(s);
    leave_by(s, again, out, 20001);
    PASSED(L_UP, tcp(WORLD, 443, OUTER, 20001, RST | ACK, 0, 5001), out, L_SF);
    later(s, 30);
    leave_by(s, again, out, 20001);
}

static void an_unconfirmed_datagrams_port_is_taken_and_a_datagram_begins_anew(void **state)
{
    struct scene *s = *state;
    uint32_t out = with_two_outer_ports(s);
    leave_by(s, udp(SF, 1, WORLD, 53, 0), out, 20001);
    LEAVES(PASS(L_UP, udp(WORLD, 53, OUTER, 20001, 0), out, L_SF), WORLD, 53, SF, 1);
    leave_by(s, udp(SF, 2, WORLD, 53, 0), out, 20001);
    LEAVES(PASS(L_UP, udp(WORLD, 53, OUTER, 20001, 0), out, L_SF), WORLD, 53, SF, 2);
    leave_by(s, udp(SF, 1, WORLD, 53, 0), out, 20001);
    LEAVES(PASS(L_UP, udp(WORLD, 53, OUTER, 20001, 0), out, L_SF), WORLD, 53, SF, 1);
    PASSED(L_SF, udp(SF, 1, WORLD, 53, 0), out, L_UP); /* confirmed */
    DROPPED(L_SF, udp(SF, 2, WORLD, 53, 0), SESSION_TABLE_FULL);
}

static void a_session_keeps_its_translation_when_nat_ends(void **state)
{
    struct scene *s = *state;
    uint32_t out = allow_both_ways(s).out;
    leave_by(s, AWAY, out, 20000);
    s->policy->uplink.nat = false;
    apply(s);
    LEAVES(PASS(L_SF, AWAY_AGAIN, out, L_UP), OUTER, 20000, WORLD, 443);
    LEAVES(PASS(L_UP, BACK(20000), out, L_SF), WORLD, 443, SF, 40000);
}

/* 9.2 */

static void a_reply_to_the_outer_port_comes_to_the_workload(void **state)
{
    struct scene *s = *state;
    uint32_t out = allow_both_ways(s).out;
    leave_by(s, AWAY, out, 20000);
    LEAVES(PASS(L_UP, BACK(20000), out, L_SF), WORLD, 443, SF, 40000);
    PASSED(L_SF, AWAY_AGAIN, out, L_UP);
    assert_int_equal(reference_sessions(s->reference, s->now), 1);
    DROPPED(L_UP, BACK(20001), NO_SESSION);
    DROPPED(L_UP, tcp(WORLD, 444, OUTER, 20000, ACK, 1, 1), NO_SESSION);
    DROPPED(L_UP, tcp(WORLD_2, 443, OUTER, 20000, ACK, 1, 1), NO_SESSION);
    DROPPED(L_UP, udp(WORLD, 443, OUTER, 20000, 0), DEFAULT_DENY);
    DROPPED(L_UP, tcp(WORLD, 443, OUTER, 20000, SYN, 1, 0), DEFAULT_DENY); /* a plain SYN is no reply */
    later(s, 86400);
    DROPPED(L_UP, BACK(20000), NO_SESSION);
}

static void an_echo_reply_is_found_by_its_outer_identifier(void **state)
{
    struct scene *s = *state;
    uint32_t out = allow_both_ways(s).out;
    leave_by(s, icmp(SF, WORLD, 8, 0, 7), out, 20000);
    LEAVES(PASS(L_UP, icmp(WORLD, OUTER, 0, 0, 20000), out, L_SF), WORLD, 7, SF, 7);
    DROPPED(L_UP, icmp(WORLD, OUTER, 0, 0, 7), NO_SESSION);
    DROPPED(L_UP, icmp(WORLD_2, OUTER, 0, 0, 20000), NO_SESSION);
    DROPPED(L_UP, icmp(WORLD, OUTER, 8, 0, 20000), DEFAULT_DENY); /* a request is never a reply */
    leave_by(s, icmp(SF6, WORLD6, 128, 0, 7), out, 20000);
    LEAVES(PASS(L_UP, icmp(WORLD6, OUTER6, 129, 0, 20000), out, L_SF), WORLD6, 7, SF6, 7);
}

static void a_published_port_leads_to_the_workload_and_its_replies_leave_by_it(void **state)
{
    struct scene *s = *state;
    for (int nat = 0; nat < 2; nat++, later(s, 30)) {
        s->policy->uplink.nat = nat;
        s->policy->uplink.publish_count = 0;
        model_forget_rules(s->policy, 2);
        uint32_t in = publish_storefront(s).in;
        LEAVES(PASS(L_UP, CALL, in, L_SF), WORLD, 50000, SF, 8443);
        struct packet_verdict v = PASS(L_SF, ANSWER, in, L_UP);
        LEAVES(v, OUTER, 443, WORLD, 50000);
        assert_false(v.port_guessed);
        LEAVES(PASS(L_UP, CALL_MORE, in, L_SF), WORLD, 50000, SF, 8443);
        LEAVES(PASS(L_UP, udp(WORLD6, 1, OUTER6, 53, 0), in, L_SF), WORLD6, 1, SF6, 53);
        LEAVES(PASS(L_SF, udp(SF6, 53, WORLD6, 1, 0), in, L_UP), OUTER6, 53, WORLD6, 1);
        PASSED(L_UP, tcp(WORLD, 50000, OUTER, 443, RST, 1, 0), in, L_SF);
        later(s, 86400);
    }
}

static void a_published_port_is_decided_as_what_it_leads_to(void **state)
{
    struct scene *s = *state;
    publish_storefront(s);
    DROPPED(L_UP, tcp(WORLD, 1, OUTER, 30000, SYN, 1, 0), DEFAULT_DENY); /* 9/tcp is not allowed */
    model_publish(s->arena, s->policy, "80/tcp", "ledger", 8443);
    uint32_t all = model_rule(s->arena, s->policy, "all", "allow", "world", "any", "any", NULL);
    apply(s);
    PASSED(L_UP, tcp(WORLD, 1, OUTER, 80, SYN, 1, 0), all, L_LE);
    DROPPED_BY(L_UP, tcp(WORLD6, 1, OUTER6, 80, SYN, 1, 0), NO_UPLINK, all); /* ledger has no IPv6 */
    DROPPED_BY(L_UP, udp(WORLD, 1, OUTER, 80, 0), NO_UPLINK, all);
}

static void a_live_session_comes_before_a_published_port(void **state)
{
    struct scene *s = *state;
    struct uplink_rules r = publish_storefront(s);
    leave_by(s, udp(SF, 40000, WORLD, 443, 0), r.out, 20000);
    model_publish(s->arena, s->policy, "20000/udp", "storefront", 53);
    apply(s);
    LEAVES(PASS(L_UP, udp(WORLD, 443, OUTER, 20000, 0), r.out, L_SF), WORLD, 443, SF, 40000);
    LEAVES(PASS(L_UP, udp(WORLD, 444, OUTER, 20000, 0), r.in, L_SF), WORLD, 444, SF, 53);
}

/* 6.2 */

static void a_session_by_a_published_port_that_leads_elsewhere_is_revoked(void **state)
{
    struct scene *s = *state;
    uint32_t in = publish_storefront(s).in;
    struct publish *publish = s->policy->uplink.publish;
    const struct publish old = *publish;
    struct publish changed[4] = {old, old, old, old};
    changed[0].workload_port = 8444;
    changed[1].workload = L_OR;
    changed[2].port = 445; /* 444 leads there still */
    changed[3].protocol = 17;
    for (uint16_t i = 0; i < 4; i++) {
        uint16_t port = (uint16_t)(50000 + i);
        *publish = old;
        apply(s);
        PASSED(L_UP, tcp(WORLD, port, OUTER, 443, SYN, 1, 0), in, L_SF);
        *publish = changed[i];
        apply(s);
        DROPPED_BY(L_SF, tcp(SF, 8443, WORLD, port, SYN | ACK, 1, 2), REVOKED, in);
    }
    *publish = old;
    apply(s);
    PASSED(L_UP, CALL, in, L_SF);
    apply(s);
    PASSED(L_SF, ANSWER, in, L_UP); /* nothing has changed for it */
}

static void a_session_whose_uplink_is_gone_is_revoked(void **state)
{
    struct scene *s = *state;
    struct uplink_rules r = publish_storefront(s);
    leave_by(s, AWAY, r.out, 20000);
    PASSED(L_UP, CALL, r.in, L_SF);
    s->policy->uplink.interface = NULL;
    apply(s);
    DROPPED_BY(L_SF, AWAY_AGAIN, REVOKED, r.out);
    DROPPED_BY(L_SF, ANSWER, REVOKED, r.in);
}

/* 9.3 */

static void an_error_about_a_translated_packet_comes_to_its_workload(void **state)
{
    struct scene *s = *state;
    uint32_t out = allow_both_ways(s).out;
    struct frame away = tcp(OUTER, 20000, WORLD, 443, SYN, 1, 0), echo = icmp(OUTER, WORLD, 8, 0, 20000),
                 six = udp(OUTER6, 20000, WORLD6, 53, 0);
    leave_by(s, AWAY, out, 20000);
    leave_by(s, icmp(SF, WORLD, 8, 0, 7), out, 20000);
    leave_by(s, udp(SF6, 40000, WORLD6, 53, 0), out, 20000);
    struct packet_verdict v = PASS(L_UP, icmp_error(WORLD_2, OUTER, 11, &away, 28), out, L_SF);
    LEAVES(v, WORLD_2, 0, SF, 0);
    assert_true(v.quotes);
    QUOTES(v, SF, 40000, WORLD, 443);
    v = PASS(L_UP, icmp_error(WORLD, OUTER, 3, &echo, 28), out, L_SF);
    QUOTES(v, SF, 7, WORLD, 7);
    v = PASS(L_UP, icmp_error("2001:db8::99", OUTER6, 2, &six, 48), out, L_SF);
    LEAVES(v, "2001:db8::99", 0, SF6, 0);
    QUOTES(v, SF6, 40000, WORLD6, 53);
    struct frame nobody = tcp(OUTER, 20001, WORLD, 443, SYN, 1, 0),
                 elsewhere = tcp(OUTER, 20000, WORLD_2, 443, SYN, 1, 0),
                 answer = icmp(OUTER, WORLD, 0, 0, 20000);
    DROPPED(L_UP, icmp_error(WORLD, OUTER, 3, &nobody, 28), NO_SESSION);
    DROPPED(L_UP, icmp_error(WORLD, OUTER, 3, &elsewhere, 28), NO_SESSION);
    DROPPED(L_UP, icmp_error(WORLD, OUTER, 3, &answer, 28), NO_SESSION);
    DROPPED(L_UP, icmp_error(WORLD, OUTER, 3, &away, 27), NO_SESSION);
}

static void an_error_about_a_published_ports_answer_comes_to_its_workload(void **state)
{
    struct scene *s = *state;
    uint32_t in = publish_storefront(s).in;
    struct frame answer = tcp(OUTER, 443, WORLD, 50000, SYN | ACK, 1, 1);
    DROPPED(L_UP, icmp_error(WORLD, OUTER, 3, &answer, 28), NO_SESSION);
    PASSED(L_UP, CALL, in, L_SF);
    struct packet_verdict v = PASS(L_UP, icmp_error(WORLD, OUTER, 3, &answer, 28), in, L_SF);
    LEAVES(v, WORLD, 0, SF, 0);
    QUOTES(v, SF, 8443, WORLD, 50000);
    /* Under observation an error is let pass, but not in by the uplink. */
    s->policy->observe = true;
    apply(s);
    struct frame other = tcp(OUTER, 443, WORLD, 50001, SYN | ACK, 1, 1);
    DROPPED(L_UP, icmp_error(WORLD, OUTER, 3, &other, 28), NO_UPLINK);
}

static void an_error_that_leaves_hides_the_workload_in_its_quotation_too(void **state)
{
    struct scene *s = *state;
    struct uplink_rules r = publish_storefront(s);
    leave_by(s, AWAY, r.out, 20000);
    struct frame back = tcp(WORLD, 443, SF, 40000, SYN | ACK, 1, 1),
                 call = tcp(WORLD, 50000, SF, 8443, SYN, 1, 0);
    struct packet_verdict v = PASS(L_SF, icmp_error(SF, WORLD, 3, &back, 28), r.out, L_UP);
    LEAVES(v, OUTER, 0, WORLD, 0);
    QUOTES(v, WORLD, 443, OUTER, 20000);
    PASSED(L_UP, CALL, r.in, L_SF);
    v = PASS(L_SF, icmp_error(SF, WORLD, 3, &call, 28), r.in, L_UP);
    LEAVES(v, OUTER, 0, WORLD, 0);
    QUOTES(v, WORLD, 50000, OUTER, 443);
    PASSED(L_SF, icmp(SF, WORLD, 8, 0, 7), r.out, L_UP);
    assert_true(reference_outer_port(s->reference, 20000));
    struct frame pong = icmp(WORLD, SF, 0, 0, 7);
    v = PASS(L_SF, icmp_error(SF, WORLD, 3, &pong, 28), r.out, L_UP);
    QUOTES(v, WORLD, 20000, OUTER, 20000);
}

/* 4, translated */

static void later_fragments_are_translated_as_the_first_was(void **state)
{
    struct scene *s = *state;
    struct uplink_rules r = publish_storefront(s);
    struct frame away = udp(SF, 40000, WORLD, 443, 1000), call = udp(WORLD, 1, OUTER, 53, 1000);
    leave_by(s, fragment_of(&away, 1, 0, 512, true), r.out, 20000);
    LEAVES(PASS(L_SF, fragment_of(&away, 1, 512, 496, false), r.out, L_UP), OUTER, 0, WORLD, 0);
    LEAVES(PASS(L_UP, fragment_of(&call, 1, 0, 512, true), r.in, L_SF), WORLD, 1, SF, 53);
    LEAVES(PASS(L_UP, fragment_of(&call, 1, 512, 496, false), r.in, L_SF), WORLD, 0, SF, 0);
    /* under the addresses that it came in with */
    struct frame inside = udp(WORLD, 1, SF, 53, 1000);
    DROPPED(L_UP, fragment_of(&inside, 1, 512, 496, false), FRAGMENT_UNATTRIBUTED);
    DROPPED(L_UP, fragment_of(&call, 2, 512, 496, false), FRAGMENT_UNATTRIBUTED);
    struct frame cut = fragment_of(&call, 1, 0, 8, true);
    put16(&cut, IP + 2, 20 + 8);
    PASSED(L_UP, cut, r.in, L_SF);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(without_an_uplink_its_link_belongs_to_nobody),
        TEST(a_family_that_the_hub_has_no_cidr_of_does_not_leave),
        TEST(what_comes_from_the_world_by_no_published_port_and_in_no_session_is_no_uplink),
        TEST(what_cannot_be_translated_does_not_leave),
        TEST(what_observation_lets_pass_without_a_session_is_not_translated),
        TEST(what_leaves_has_the_outer_address_and_a_port_of_its_own),
        TEST(with_nat_none_it_leaves_as_it_is),
        TEST(an_outer_port_is_high_not_published_and_one_sessions_of_a_remote),
        TEST(a_port_that_was_only_guessed_gives_way),
        TEST(an_outer_port_is_of_the_workloads_share),
        TEST(where_confirmed_sessions_have_all_outer_ports_none_begins),
        TEST(a_port_is_taken_from_the_session_that_closes_longest),
        TEST(a_port_is_taken_from_a_closing_session_before_an_unconfirmed_one),
        TEST(a_session_whose_port_is_taken_ends),
        TEST(a_session_that_starts_anew_keeps_its_outer_port),
        TEST(an_unconfirmed_datagrams_port_is_taken_and_a_datagram_begins_anew),
        TEST(a_session_keeps_its_translation_when_nat_ends),
        TEST(a_reply_to_the_outer_port_comes_to_the_workload),
        TEST(an_echo_reply_is_found_by_its_outer_identifier),
        TEST(a_published_port_leads_to_the_workload_and_its_replies_leave_by_it),
        TEST(a_published_port_is_decided_as_what_it_leads_to),
        TEST(a_live_session_comes_before_a_published_port),
        TEST(a_session_by_a_published_port_that_leads_elsewhere_is_revoked),
        TEST(a_session_whose_uplink_is_gone_is_revoked),
        TEST(an_error_about_a_translated_packet_comes_to_its_workload),
        TEST(an_error_about_a_published_ports_answer_comes_to_its_workload),
        TEST(an_error_that_leaves_hides_the_workload_in_its_quotation_too),
        TEST(later_fragments_are_translated_as_the_first_was),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
