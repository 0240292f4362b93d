/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "scene.h"

#include <cmocka.h>

void apply(struct scene *s)
{
    assert_true(reference_apply(s->reference, s->policy, s->now / SECOND, s->links, LINKS));
}

int set_up(void **state)
{
    static struct scene scene;
    struct scene *s = &scene;
    *s = (struct scene){.now = T0};
    s->arena = arena_create((size_t)64 << 20);
    s->policy = model_shop(s->arena);
    s->calls = model_rule(s->arena, s->policy, "storefront-calls-orders", "allow", "storefront", "orders",
                          "8080/tcp 53/udp 443/sctp icmp", NULL);
    s->reads =
        model_rule(s->arena, s->policy, "orders-reads-ledger", "allow", "orders", "ledger", "5432/tcp", NULL);
    s->reference = reference_create(&(struct reference_options){.sessions_max = 1000});
    for (uint32_t i = 0; i < LINKS; i++) {
        s->links[i] = (struct link){.workload = i == L_UP       ? NONE
                                                : i == L_NOBODY ? 1000
                                                                : i,
                                    .mac = {2, 0, 0, 0, 0, (uint8_t)i},
                                    .hub_mac = {2, 0xff, 0, 0, 0, (uint8_t)i},
                                    .mtu = 1500};
    }
    apply(s);
    *state = s;
    return 0;
}

int tear_down(void **state)
{
    struct scene *s = *state;
    reference_destroy(s->reference);
    arena_destroy(s->arena);
    return 0;
}

struct packet_verdict send_raw(struct scene *s, uint32_t link, const struct frame *f)
{
    return reference_packet(s->reference, link, bytes_of(f->at, f->len), s->now);
}

struct packet_verdict send_frame(struct scene *s, uint32_t link, struct frame f)
{
    memcpy(f.at, s->links[link].hub_mac, 6);
    memcpy(f.at + 6, s->links[link].mac, 6);
    return send_raw(s, link, &f);
}

static void says(struct packet_verdict v, enum bulkhead_reason reason, uint32_t rule, uint32_t to_link,
                 int line)
{
    if (v.verdict.reason != reason || v.verdict.rule != rule || v.to_link != to_link ||
        v.passes != (to_link != NONE)) {
        print_error("line %d: %s, rule %d, link %d; expected %s, rule %d, link %d\n", line,
                    reason_name(v.verdict.reason), (int)v.verdict.rule, (int)v.to_link, reason_name(reason),
                    (int)rule, (int)to_link);
        fail();
    }
}

void dropped(struct packet_verdict v, enum bulkhead_reason reason, uint32_t rule, int line)
{
    says(v, reason, rule, NONE, line);
    assert_false(v.verdict.allow);
    assert_true(v.verdict.enforced);
}

void passed(struct packet_verdict v, uint32_t rule, uint32_t to_link, int line)
{
    says(v, REASON_RULE, rule, to_link, line);
    assert_true(v.verdict.allow);
    assert_true(v.verdict.enforced);
}

void seen(struct packet_verdict v, enum bulkhead_reason reason, uint32_t rule, uint32_t to_link, int line)
{
    says(v, reason, rule, to_link, line);
    assert_false(v.verdict.allow);
    assert_false(v.verdict.enforced);
}

void connect_tcp(struct scene *s)
{
    PASSED(L_SF, SYN_SF, s->calls, L_OR);
    PASSED(L_OR, SYNACK_OR, s->calls, L_SF);
    PASSED(L_SF, ACK_SF, s->calls, L_OR);
    assert_int_equal(reference_sessions(s->reference, s->now), 1);
}

void later(struct scene *s, int64_t seconds)
{
    s->now += seconds * SECOND;
}

struct frame big_first(uint32_t id)
{
    struct frame f = BIG_SF;
    return fragment_of(&f, id, 0, 512, true);
}

struct frame big_last(uint32_t id)
{
    struct frame f = BIG_SF;
    return fragment_of(&f, id, 512, 496, false);
}
