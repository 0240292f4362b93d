/* SPDX-License-Identifier: Apache-2.0 */
/* Reading the tables of sessions, as enforce/sessions.h promises: from tables of the kernel that this test fills itself. Needs root. */
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "bpf/tables.h"
#include "enforce/clock.h"
#include "enforce/sessions.h"

/* After failure.h: cmocka has a macro named fail. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define SECOND UINT64_C(1000000000)
#define LINKS 20
#define MANY 1000000u
#define LEAST_UPTIME 400 /* s: what is written as old was after the machine's start */

struct told {
    struct live_session items[64];
    size_t count;
    uint64_t many, states[SESSION_STATES], ports;
};

static struct datapath datapath;

static void load(uint32_t sessions)
{
    struct datapath_options o = {.links = LINKS, .sessions = sessions,
        .timeouts = {.tcp = 300, .tcp_closing = 10, .other = 100, .icmp = 20, .unconfirmed = 30, .fragment = 30}};
    struct failure f;
    if (!datapath_load(&o, &datapath, &f))
        fail_msg("%s", f.text);
}

static int unload(void **state)
{
    (void)state;
    datapath_close(&datapath);
    return 0;
}

static void take(const struct live_session *s, void *argument)
{
    struct told *t = argument;
    if (t->count < sizeof t->items / sizeof t->items[0])
        t->items[t->count++] = *s;
    t->many++;
    t->states[s->state]++;
    t->ports += s->to_port;
}

static struct told read_all(void)
{
    struct told told = {0};
    struct failure f;
    if (!sessions_each(&datapath, take, &told, &f))
        fail_msg("%s", f.text);
    return told;
}

static uint64_t before(uint64_t seconds)
{
    return (uint64_t)clock_ns(CLOCK_MONOTONIC_COARSE) - seconds * SECOND; /* the clock that the programs read */
}

static uint64_t stamp(uint64_t generation, uint64_t flags, uint64_t rule)
{
    return generation << 48 | UINT64_C(0xabcd) << 32 | flags << 24 | rule;
}

/* 10.0.0.1:1000 and 10.0.0.2:80. */
static struct session_key key_of(uint8_t protocol, uint8_t direction)
{
    struct session_key k = {.protocol = protocol, .family = 4, .direction = direction};
    k.address[0][0] = htonl(0x0a000001);
    k.address[1][0] = htonl(0x0a000002);
    k.port[0] = htons(1000);
    k.port[1] = htons(80);
    return k;
}

static void put_confirmed(uint32_t at, const struct session_set *set)
{
    assert_int_equal(bpf_map_update_elem(datapath.sessions, &at, set, BPF_ANY), 0);
}

static void what_was_decided_is_told_in_the_sessions_own_direction(void **state)
{
    (void)state;
    load(64);
    struct session_set set = {0};
    set.way[3] = (struct session){.key = key_of(IPPROTO_TCP, 0), .stamp = stamp(7, 0, 5), .last = before(2)};
    set.way[6] = (struct session){.key = key_of(IPPROTO_UDP, 1), .stamp = stamp(8, STAMP_OBSERVED | STAMP_TIMED | REASON_DEFAULT_DENY, NO_RULE), .last = before(0) + SECOND};
    put_confirmed(1, &set);
    struct told t = read_all();
    assert_int_equal(t.count, 2);
    const struct live_session *a = &t.items[0], *b = &t.items[1];
    assert_int_equal(a->from.octets[3], 1);
    assert_int_equal(a->to.octets[3], 2);
    assert_int_equal(a->from_port, 1000);
    assert_int_equal(a->to_port, 80);
    assert_int_equal(a->generation, 7);
    assert_int_equal(a->rule, 5);
    assert_false(a->observed);
    assert_int_equal(a->reason, REASON_RULE);
    assert_in_range(a->idle, 1900000000, 4 * SECOND);
    assert_int_equal(b->from.octets[3], 2);
    assert_int_equal(b->to_port, 1000);
    assert_true(b->observed);
    assert_int_equal(b->reason, REASON_DEFAULT_DENY);
    assert_int_equal(b->rule, NO_RULE);
    assert_int_equal(b->idle, 0); /* a packet that came since is now */
}

static void a_session_is_alive_for_as_long_as_its_protocol_and_state_have(void **state)
{
    static const struct {
        uint8_t protocol, state;
        uint64_t timeout;
    } kinds[] = {{IPPROTO_TCP, 0, 300}, {IPPROTO_TCP, SESSION_CLOSING, 10}, {IPPROTO_UDP, 0, 100}, {IPPROTO_ICMP, 0, 20}, {IPPROTO_ICMPV6, 0, 20}, {47, 0, 100},
        {IPPROTO_TCP, SESSION_FIN_REPLY, 300}};
    struct session_set dead = {0}, alive = {0};
    (void)state;
    if (clock_ns(CLOCK_MONOTONIC) < (int64_t)(LEAST_UPTIME * SECOND)) {
        print_message("# skip: the machine was started less than %d s ago\n", LEAST_UPTIME);
        skip();
    }
    load(64);
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        struct session s = {.key = key_of(kinds[i].protocol, 0), .state = kinds[i].state, .stamp = stamp(1, 0, 1), .last = before(kinds[i].timeout)};
        dead.way[i] = s;
        s.last += 3 * SECOND;
        alive.way[i] = s;
    }
    put_confirmed(0, &dead);
    assert_int_equal(read_all().count, 0);
    put_confirmed(15, &alive);
    struct told t = read_all();
    assert_int_equal(t.count, 7);
    assert_int_equal(t.states[SESSION_STATE_ENDING], 1);
    assert_int_equal(t.states[SESSION_STATE_OPEN], 6);
}

static void a_place_without_a_stamp_is_free(void **state)
{
    struct session_set set = {0};
    (void)state;
    load(64);
    set.way[0] = (struct session){.key = key_of(IPPROTO_TCP, 0), .stamp = 0, .last = before(0)};
    put_confirmed(0, &set);
    assert_int_equal(read_all().count, 0);
}

static void unconfirmed_sessions_are_told_as_beginning_until_their_time_is_over(void **state)
{
    struct pending_set set = {0};
    uint32_t at = 3 * LINKS + 2;
    (void)state;
    load(64);
    for (int i = 0; i < 3; i++) {
        set.way[i] = (struct pending){.key = key_of(IPPROTO_TCP, 0), .state = i == 2 ? SESSION_CLOSING : 0};
        set.stamp[i] = stamp(1, 0, 1);
        set.last[i] = before(i == 1 ? 30 : 28);
    }
    assert_int_equal(bpf_map_update_elem(datapath.pendings, &at, &set, BPF_ANY), 0);
    struct told t = read_all();
    assert_int_equal(t.count, 2);
    assert_int_equal(t.states[SESSION_STATE_BEGINNING], 1);
    assert_int_equal(t.states[SESSION_STATE_ENDING], 1);
}

static void fill(uint32_t sets)
{
    struct session_set set = {0};
    uint32_t port = 0;
    for (uint32_t at = 0; at < sets; at++) {
        for (int i = 0; i < 4; i++) {
            set.way[i] = (struct session){.key = key_of(IPPROTO_TCP, 0), .stamp = stamp(1, 0, 1), .last = before(1)};
            set.way[i].key.port[1] = htons((uint16_t)(port++ % 1000));
        }
        put_confirmed(at, &set);
    }
}

static void a_million_sessions_are_all_told_each_once(void **state)
{
    (void)state;
    load(MANY);
    fill(MANY / 4);
    int64_t start = clock_ns(CLOCK_MONOTONIC);
    struct told t = read_all();
    print_message("# read in %.0f ms\n", clock_milliseconds_since(start));
    assert_int_equal(t.many, MANY);
    assert_int_equal(t.ports, MANY / 1000 * (999 * 1000 / 2));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(what_was_decided_is_told_in_the_sessions_own_direction, unload),
        cmocka_unit_test_teardown(a_session_is_alive_for_as_long_as_its_protocol_and_state_have, unload),
        cmocka_unit_test_teardown(a_place_without_a_stamp_is_free, unload),
        cmocka_unit_test_teardown(unconfirmed_sessions_are_told_as_beginning_until_their_time_is_over, unload),
        cmocka_unit_test_teardown(a_million_sessions_are_all_told_each_once, unload),
    };
    datapath_init(&datapath);
    if (geteuid() != 0) {
        printf("1..0 # SKIP the kernel's tables are made by root alone\n");
        return 77;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
