/* SPDX-License-Identifier: Apache-2.0 */
/* docs/packets.md, sentence by sentence, against the reference. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "decide/packet.h"
#include "frames.h"
#include "models.h"

#define SF     "10.80.1.2"
#define SF6    "fd80:0:0:1::2"
#define OR     "10.80.2.2"
#define OR6    "fd80:0:0:2::2"
#define LE     "10.80.3.10"
#define WORLD  "198.51.100.7"
#define WORLD6 "2001:db8::7"

enum { L_SF, L_OR, L_LE, L_UP, L_NOBODY, LINKS };

#define SECOND 1000000000LL
#define T0     (1700000000LL * SECOND) /* a moment of no meaning */

struct scene {
    struct arena *arena;
    struct policy *policy;
    struct reference *reference;
    struct link links[LINKS];
    int64_t now;
    uint32_t calls, reads; /* storefront-calls-orders, orders-reads-ledger */
};

static void apply(struct scene *s)
{
    assert_true(reference_apply(s->reference, s->policy, s->now / SECOND, s->links, LINKS));
}

static int set_up(void **state)
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

static int tear_down(void **state)
{
    struct scene *s = *state;
    reference_destroy(s->reference);
    arena_destroy(s->arena);
    return 0;
}

static struct packet_verdict send_raw(struct scene *s, uint32_t link, const struct frame *f)
{
    return reference_packet(s->reference, link, bytes_of(f->at, f->len), s->now);
}

static struct packet_verdict send(struct scene *s, uint32_t link, struct frame f)
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

static void dropped(struct packet_verdict v, enum bulkhead_reason reason, uint32_t rule, int line)
{
    says(v, reason, rule, NONE, line);
    assert_false(v.verdict.allow);
    assert_true(v.verdict.enforced);
}

static void passed(struct packet_verdict v, uint32_t rule, uint32_t to_link, int line)
{
    says(v, REASON_RULE, rule, to_link, line);
    assert_true(v.verdict.allow);
    assert_true(v.verdict.enforced);
}

static void seen(struct packet_verdict v, enum bulkhead_reason reason, uint32_t rule, uint32_t to_link,
                 int line)
{
    says(v, reason, rule, to_link, line);
    assert_false(v.verdict.allow);
    assert_false(v.verdict.enforced);
}

#define DROPPED(link, frame, reason)          dropped(send(s, link, frame), REASON_##reason, NONE, __LINE__)
#define DROPPED_BY(link, frame, reason, rule) dropped(send(s, link, frame), REASON_##reason, rule, __LINE__)
#define PASSED(link, frame, rule, to)         passed(send(s, link, frame), rule, to, __LINE__)
/* Passes under observation. */
#define SEEN(link, frame, reason, rule, to) seen(send(s, link, frame), REASON_##reason, rule, to, __LINE__)

#define SYN_SF    tcp(SF, 40000, OR, 8080, SYN, 100, 0)
#define SYNACK_OR tcp(OR, 8080, SF, 40000, SYN | ACK, 900, 101)
#define ACK_SF    tcp(SF, 40000, OR, 8080, ACK, 101, 901)
#define DATA_SF   ACK_SF
#define DATA_OR   tcp(OR, 8080, SF, 40000, ACK, 901, 101)

static void connect_tcp(struct scene *s)
{
    PASSED(L_SF, SYN_SF, s->calls, L_OR);
    PASSED(L_OR, SYNACK_OR, s->calls, L_SF);
    PASSED(L_SF, ACK_SF, s->calls, L_OR);
    assert_int_equal(reference_sessions(s->reference, s->now), 1);
}

static void later(struct scene *s, int64_t seconds)
{
    s->now += seconds * SECOND;
}

/* 1. Where it came in */

static void a_link_that_belongs_to_nobody_is_unknown_whatever_the_packet_is(void **state)
{
    struct scene *s = *state;
    DROPPED(L_NOBODY, SYN_SF, IDENTITY_UNKNOWN);
    dropped(send_raw(s, LINKS, &(struct frame){.len = 3}), REASON_IDENTITY_UNKNOWN, NONE, __LINE__);
    dropped(send_raw(s, NONE, &(struct frame){.len = 60}), REASON_IDENTITY_UNKNOWN, NONE, __LINE__);
}

static void before_the_first_policy_nothing_is_known(void **state)
{
    struct scene *s = *state;
    struct reference *r = reference_create(&(struct reference_options){.sessions_max = 1});
    struct frame f = SYN_SF;
    dropped(reference_packet(r, 0, bytes_of(f.at, f.len), s->now), REASON_IDENTITY_UNKNOWN, NONE, __LINE__);
    assert_int_equal(reference_sessions(r, s->now), 0);
    reference_destroy(r);
}

/* 2. Layer 2 and 3 */

static void shorter_than_14_bytes_is_malformed(void **state)
{
    struct scene *s = *state;
    struct frame f = SYN_SF;
    f.len = 13;
    DROPPED(L_SF, f, MALFORMED);
    f.len = 0;
    DROPPED(L_SF, f, MALFORMED);
}

static void vlan_tags_arp_and_other_ethertypes_are_not_ip(void **state)
{
    struct scene *s = *state;
    static const uint16_t types[] = {0x8100, 0x88a8, 0x0806, 0x0801, 0x86dc, 0, 0x05dc};
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        struct frame f = SYN_SF;
        put16(&f, 12, types[i]);
        DROPPED(L_SF, f, NOT_IP);
        f.len = 14;
        DROPPED(L_SF, f, NOT_IP);
    }
}

static void every_truncation_of_a_packet_is_malformed(void **state)
{
    struct scene *s = *state;
    struct frame v4 = SYN_SF, v6 = tcp(SF6, 40000, OR6, 8080, SYN, 1, 0);
    for (size_t len = 0; len < v4.len; len++) {
        struct frame f = v4;
        f.len = len;
        DROPPED(L_SF, f, MALFORMED);
    }
    for (size_t len = 0; len < v6.len; len++) {
        struct frame f = v6;
        f.len = len;
        DROPPED(L_SF, f, MALFORMED);
    }
}

static void an_ipv4_header_is_version_4_and_20_bytes(void **state)
{
    struct scene *s = *state;
    static const uint8_t wrong[] = {0x55, 0x65, 0x44, 0x46, 0x4f, 0x05};
    for (size_t i = 0; i < sizeof wrong; i++) {
        struct frame f = udp(SF, 40000, OR, 53, 100);
        f.at[IP] = wrong[i];
        DROPPED(L_SF, f, MALFORMED);
    }
}

static void ipv4_total_length_is_at_least_20_and_at_most_what_is_there(void **state)
{
    struct scene *s = *state;
    struct frame f = udp(SF, 40000, OR, 53, 8);
    put16(&f, IP + 2, 19);
    DROPPED(L_SF, f, MALFORMED);
    put16(&f, IP + 2, 37);
    DROPPED(L_SF, f, MALFORMED);
    put16(&f, IP + 2, 36);
    PASSED(L_SF, f, s->calls, L_OR);
}

static void padding_is_ignored_and_checks_end_at_the_total_length(void **state)
{
    struct scene *s = *state;
    struct frame f = udp(SF, 40000, OR, 53, 0);
    f.len += 18;
    PASSED(L_SF, f, s->calls, L_OR);
    put16(&f, L4_V4 + 4, 9); /* a length that only the padding could hold */
    DROPPED(L_SF, f, MALFORMED);
    struct frame cut = SYN_SF;
    put16(&cut, IP + 2, 39);
    DROPPED(L_SF, cut, MALFORMED);
    struct frame six = udp(SF6, 40000, OR6, 53, 0);
    six.len += 18;
    PASSED(L_SF, six, s->calls, L_OR);
    put16(&six, L4_V6 + 4, 9);
    DROPPED(L_SF, six, MALFORMED);
}

static void the_ipv4_checksum_is_not_verified(void **state)
{
    struct scene *s = *state;
    struct frame f = SYN_SF;
    put16(&f, IP + 10, 0x1234);
    PASSED(L_SF, f, s->calls, L_OR);
}

static void fragments_that_cannot_be_are_malformed(void **state)
{
    struct scene *s = *state;
    static const char *const from[] = {SF, SF6}, *const to[] = {OR, OR6};
    for (int i = 0; i < 2; i++) {
        struct frame big = udp(from[i], 40000, to[i], 53, 1000), t = ip(from[i], to[i], 6, big.at, 400);
        /* without payload, first and later, last or not */
        DROPPED(L_SF, fragment_of(&big, 1, 0, 0, true), MALFORMED);
        DROPPED(L_SF, fragment_of(&big, 1, 8, 0, true), MALFORMED);
        DROPPED(L_SF, fragment_of(&big, 1, 8, 0, false), MALFORMED);
        /* not the last, and not a multiple of 8 */
        DROPPED(L_SF, fragment_of(&big, 1, 0, 28, true), MALFORMED);
        DROPPED(L_SF, fragment_of(&big, 1, 16, 9, true), MALFORMED);
        DROPPED(L_SF, fragment_of(&big, 1, 16, 9, false), FRAGMENT_UNATTRIBUTED);
        /* past byte 65,535 */
        struct frame end = fragment_of(&big, 1, 16, 16, false);
        size_t at = i == 0 ? IP + 6 : L4_V6 + 2;
        put16(&end, at, i == 0 ? 65520 / 8 : 65520); /* ends at 65,536 */
        DROPPED(L_SF, end, MALFORMED);
        end = fragment_of(&big, 1, 16, 15, false);
        put16(&end, at, i == 0 ? 65520 / 8 : 65520); /* ends at 65,535 */
        DROPPED(L_SF, end, FRAGMENT_UNATTRIBUTED);
        /* TCP at offset 1 */
        DROPPED(L_SF, fragment_of(&t, 1, 8, 16, false), MALFORMED);
        DROPPED(L_SF, fragment_of(&t, 1, 16, 16, false), FRAGMENT_UNATTRIBUTED);
    }
}

static void an_ipv6_header_is_version_6_and_its_payload_is_there(void **state)
{
    struct scene *s = *state;
    struct frame f = udp(SF6, 40000, OR6, 53, 8);
    f.at[IP] = 0x40;
    DROPPED(L_SF, f, MALFORMED);
    f.at[IP] = 0x6f;
    PASSED(L_SF, f, s->calls, L_OR);
    put16(&f, IP + 4, 17);
    DROPPED(L_SF, f, MALFORMED);
}

static void an_ipv6_payload_of_0_is_only_for_no_next_header(void **state)
{
    struct scene *s = *state;
    DROPPED(L_SF, ip(SF6, OR6, 59, NULL, 0), DEFAULT_DENY);
    DROPPED(L_SF, ip(SF6, OR6, 59, "12345678", 8), DEFAULT_DENY);
    DROPPED(L_SF, ip(SF6, OR6, 200, NULL, 0), MALFORMED);
    struct frame f = udp(SF6, 40000, OR6, 53, 8);
    put16(&f, IP + 4, 0);
    DROPPED(L_SF, f, MALFORMED);
    /* IPv4 needs no payload. */
    DROPPED(L_SF, ip(SF, OR, 200, NULL, 0), DEFAULT_DENY);
}

static const uint8_t options[8], routing_2[8] = {0, 0, 2, 0}, routing_left[8] = {0, 0, 2, 1}, routing_0[8],
                                 atomic[8];

static void extension_headers_are_skipped(void **state)
{
    struct scene *s = *state;
    struct frame f = udp(SF6, 40000, OR6, 53, 8);
    PASSED(L_SF, with_extension(&f, 60, options, 8), s->calls, L_OR);
    PASSED(L_SF, with_extension(&f, 0, options, 8), s->calls, L_OR);
    PASSED(L_SF, with_extension(&f, 43, routing_2, 8), s->calls, L_OR);
    PASSED(L_SF, with_extension(&f, 44, atomic, 8), s->calls, L_OR);
    static const uint8_t long_options[24] = {0, 2};
    PASSED(L_SF, with_extension(&f, 60, long_options, 24), s->calls, L_OR);
    struct frame g = with_extension(&f, 43, routing_2, 8);
    PASSED(L_SF, with_extension(&g, 0, options, 8), s->calls, L_OR);
}

static void hop_by_hop_is_only_ever_the_very_first(void **state)
{
    struct scene *s = *state;
    struct frame f = udp(SF6, 40000, OR6, 53, 8), g = with_extension(&f, 0, options, 8);
    DROPPED(L_SF, with_extension(&g, 60, options, 8), MALFORMED);
    DROPPED(L_SF, with_extension(&g, 0, options, 8), MALFORMED);
    DROPPED(L_SF, with_extension(&g, 44, atomic, 8), MALFORMED);
}

static void there_is_at_most_one_fragment_header(void **state)
{
    struct scene *s = *state;
    struct frame f = udp(SF6, 40000, OR6, 53, 8), g = with_extension(&f, 44, atomic, 8);
    DROPPED(L_SF, with_extension(&g, 44, atomic, 8), MALFORMED);
    struct frame h = with_extension(&g, 60, options, 8);
    DROPPED(L_SF, with_extension(&h, 44, atomic, 8), MALFORMED);
}

static void an_extension_header_lies_within_the_packet(void **state)
{
    struct scene *s = *state;
    static const uint8_t too_long[8] = {17, 2}, just[8] = {59, 1};
    DROPPED(L_SF, ip(SF6, OR6, 60, too_long, 8), MALFORMED);
    DROPPED(L_SF, ip(SF6, OR6, 60, too_long, 1), MALFORMED);
    DROPPED(L_SF, ip(SF6, OR6, 60, just, 8), MALFORMED);
    uint8_t sixteen[16] = {59, 1};
    DROPPED(L_SF, ip(SF6, OR6, 60, sixteen, 16), DEFAULT_DENY);
    DROPPED(L_SF, ip(SF6, OR6, 44, atomic, 7), MALFORMED);
    struct frame f = udp(SF6, 40000, OR6, 53, 8); /* in a first fragment too */
    struct frame first = fragment_of(&f, 7, 0, 8, true);
    first.at[L4_V6] = 60;
    memcpy(first.at + L4_V6 + 8, too_long, 8);
    DROPPED(L_SF, first, MALFORMED);
}

static void there_are_at_most_8_extension_headers(void **state)
{
    struct scene *s = *state;
    struct frame f = udp(SF6, 40000, OR6, 53, 8);
    for (int i = 0; i < 8; i++)
        f = with_extension(&f, i == 3 ? 44 : 60, options, 8);
    PASSED(L_SF, f, s->calls, L_OR);
    DROPPED(L_SF, with_extension(&f, 60, options, 8), MALFORMED);
}

static void a_routing_header_of_type_0_or_with_segments_left_is_malformed(void **state)
{
    struct scene *s = *state;
    struct frame f = udp(SF6, 40000, OR6, 53, 8);
    DROPPED(L_SF, with_extension(&f, 43, routing_0, 8), MALFORMED);
    DROPPED(L_SF, with_extension(&f, 43, routing_left, 8), MALFORMED);
}

static void every_other_next_header_is_the_protocol(void **state)
{
    struct scene *s = *state;
    uint32_t any = model_rule(s->arena, s->policy, "any", "allow", "storefront", "orders", "any", NULL);
    apply(s);
    static const uint8_t protocols[] = {50, 51, 59, 135, 4, 41, 47, 140, 253, 255};
    for (size_t i = 0; i < sizeof protocols; i++)
        PASSED(L_SF, ip(SF6, OR6, protocols[i], "12345678", 8), any, L_OR);
    PASSED(L_SF, ip(SF, OR, 0, "12345678", 8), any, L_OR);
    PASSED(L_SF, ip(SF, OR, 44, "12345678", 8), any, L_OR);
}

static void headers_behind_an_atomic_fragment_are_read_on(void **state)
{
    struct scene *s = *state;
    struct frame f = udp(SF6, 40000, OR6, 53, 8), g = with_extension(&f, 60, options, 8);
    PASSED(L_SF, with_extension(&g, 44, atomic, 8), s->calls, L_OR);
    struct frame bad = udp(SF6, 0, OR6, 53, 8);
    DROPPED(L_SF, with_extension(&bad, 44, atomic, 8), MALFORMED);
}

static void headers_behind_a_first_fragment_are_read_on_and_not_behind_a_later_one(void **state)
{
    struct scene *s = *state;
    struct frame f = udp(SF6, 40000, OR6, 53, 64), g = with_extension(&f, 60, options, 8);
    PASSED(L_SF, fragment_of(&g, 5, 0, 40, true), s->calls, L_OR);
    /* The later one's protocol is 60 as it stands, and so is the first one's in the key. */
    struct frame tail = fragment_of(&g, 5, 40, 40, false);
    tail.at[L4_V6 + 8] = 44; /* would be a second fragment header if it were read */
    PASSED(L_SF, tail, s->calls, L_OR);
    tail.at[L4_V6] = 17;
    DROPPED(L_SF, tail, FRAGMENT_UNATTRIBUTED);
}

static void icmp_of_the_other_family_is_malformed(void **state)
{
    struct scene *s = *state;
    DROPPED(L_SF, ip(SF, OR, 58, "\x80\0\0\0\0\1\0\0", 8), MALFORMED);
    DROPPED(L_SF, ip(SF6, OR6, 1, "\x08\0\0\0\0\1\0\0", 8), MALFORMED);
    struct frame f = ip(SF, OR, 58, "0123456789abcdef", 16);
    DROPPED(L_SF, fragment_of(&f, 1, 8, 8, false), MALFORMED);
}

static void the_whole_layer_4_header_must_be_there(void **state)
{
    struct scene *s = *state;
    static const struct {
        uint8_t protocol;
        size_t header;
    } cases[] = {{6, 20}, {17, 8}, {132, 12}, {1, 8}};
    for (size_t i = 0; i < 4; i++) {
        struct frame whole = cases[i].protocol == 6     ? SYN_SF
                             : cases[i].protocol == 17  ? udp(SF, 40000, OR, 53, 0)
                             : cases[i].protocol == 132 ? sctp(SF, 40000, OR, 443)
                                                        : icmp(SF, OR, 8, 0, 7);
        for (size_t len = 0; len < cases[i].header; len++) {
            struct frame f = whole;
            put16(&f, IP + 2, (uint16_t)(20 + len));
            DROPPED(L_SF, f, MALFORMED);
        }
        put16(&whole, IP + 2, (uint16_t)(20 + cases[i].header));
        PASSED(L_SF, whole, s->calls, L_OR);
    }
}

static void tcp_data_offset_is_at_least_5_and_within_the_packet(void **state)
{
    struct scene *s = *state;
    for (unsigned words = 0; words < 16; words++) {
        struct frame h = SYN_SF, f = ip(SF, OR, 6, h.at + L4_V4, 24);
        f.at[L4_V4 + 12] = (uint8_t)(words << 4);
        if (words == 5 || words == 6)
            PASSED(L_SF, f, s->calls, L_OR);
        else
            DROPPED(L_SF, f, MALFORMED);
    }
}

static void udp_length_is_at_least_8_and_at_most_what_is_there(void **state)
{
    struct scene *s = *state;
    struct frame f = udp(SF, 40000, OR, 53, 8);
    put16(&f, L4_V4 + 4, 7);
    DROPPED(L_SF, f, MALFORMED);
    put16(&f, L4_V4 + 4, 0);
    DROPPED(L_SF, f, MALFORMED);
    put16(&f, L4_V4 + 4, 17);
    DROPPED(L_SF, f, MALFORMED);
    put16(&f, L4_V4 + 4, 8); /* less than there is */
    PASSED(L_SF, f, s->calls, L_OR);
}

static void
in_a_first_fragment_an_incomplete_header_is_unattributed_and_a_contradictory_one_malformed(void **state)
{
    struct scene *s = *state;
    struct frame t = ip(SF, OR, 6, (SYN_SF).at + L4_V4, 20), u = udp(SF, 40000, OR, 53, 64);
    DROPPED(L_SF, fragment_of(&t, 1, 0, 8, true), FRAGMENT_UNATTRIBUTED);
    DROPPED(L_SF, fragment_of(&t, 1, 0, 16, true), FRAGMENT_UNATTRIBUTED);
    struct frame options_cut = fragment_of(&t, 1, 0, 24, true);
    options_cut.at[L4_V4 + 12] = 7 << 4;
    DROPPED(L_SF, options_cut, FRAGMENT_UNATTRIBUTED);
    options_cut.at[L4_V4 + 12] = 4 << 4;
    DROPPED(L_SF, options_cut, MALFORMED);
    options_cut.at[L4_V4 + 12] = 6 << 4;
    PASSED(L_SF, options_cut, s->calls, L_OR);
    struct frame first = fragment_of(&u, 2, 0, 8, true); /* the length field counts all fragments */
    PASSED(L_SF, first, s->calls, L_OR);
    put16(&first, L4_V4 + 4, 7);
    DROPPED(L_SF, first, MALFORMED);
    struct frame spoofed = tcp("10.80.1.9", 40000, OR, 8080, SYN, 1, 0); /* that is said first */
    DROPPED(L_SF, fragment_of(&spoofed, 1, 0, 8, true), SPOOFED_SOURCE);
    struct frame away = tcp(SF, 40000, "224.0.0.1", 8080, SYN, 1, 0);
    DROPPED(L_SF, fragment_of(&away, 1, 0, 8, true), NOT_UNICAST);
    struct frame i = icmp(SF, OR, 8, 0, 1), c = sctp(SF, 40000, OR, 443);
    DROPPED(L_SF, fragment_of(&c, 3, 0, 8, true), FRAGMENT_UNATTRIBUTED);
    PASSED(L_SF, fragment_of(&i, 4, 0, 8, true), s->calls, L_OR);
}

static void a_port_of_0_is_malformed(void **state)
{
    struct scene *s = *state;
    DROPPED(L_SF, tcp(SF, 0, OR, 8080, SYN, 1, 0), MALFORMED);
    DROPPED(L_SF, tcp(SF, 40000, OR, 0, SYN, 1, 0), MALFORMED);
    DROPPED(L_SF, udp(SF, 0, OR, 53, 0), MALFORMED);
    DROPPED(L_SF, udp(SF, 40000, OR, 0, 0), MALFORMED);
    DROPPED(L_SF, sctp(SF, 0, OR, 443), MALFORMED);
    DROPPED(L_SF, sctp(SF, 40000, OR, 0), MALFORMED);
    PASSED(L_SF, icmp(SF, OR, 8, 0, 0), s->calls, L_OR);
}

/* 3. Source and destination */

static void a_source_mac_that_is_not_the_links_is_spoofed(void **state)
{
    struct scene *s = *state;
    struct frame f = SYN_SF;
    memcpy(f.at, s->links[L_SF].hub_mac, 6);
    memcpy(f.at + 6, s->links[L_OR].mac, 6);
    dropped(send_raw(s, L_SF, &f), REASON_SPOOFED_SOURCE, NONE, __LINE__);
    s->links[L_SF].any_mac = true;
    apply(s);
    passed(send_raw(s, L_SF, &f), s->calls, L_OR, __LINE__);
    struct frame up = tcp(WORLD, 40000, OR, 8080, SYN, 1, 0);
    memcpy(up.at, s->links[L_UP].hub_mac, 6);
    dropped(send_raw(s, L_UP, &up), REASON_DEFAULT_DENY, NONE, __LINE__);
}

static void a_source_address_that_is_not_the_workloads_is_spoofed(void **state)
{
    struct scene *s = *state;
    DROPPED(L_SF, tcp(OR, 40000, LE, 5432, SYN, 1, 0), SPOOFED_SOURCE);
    DROPPED(L_SF, tcp("10.80.1.3", 40000, OR, 8080, SYN, 1, 0), SPOOFED_SOURCE);
    DROPPED(L_SF, tcp("10.80.1.1", 40000, OR, 8080, SYN, 1, 0), SPOOFED_SOURCE);
    DROPPED(L_SF, tcp(WORLD, 40000, OR, 8080, SYN, 1, 0), SPOOFED_SOURCE);
    DROPPED(L_SF, udp("0.0.0.0", 68, "255.255.255.255", 67, 300), SPOOFED_SOURCE);
    DROPPED(L_SF, udp("fe80::1", 68, OR6, 67, 300), SPOOFED_SOURCE);
    PASSED(L_SF, udp(SF6, 68, OR6, 53, 300), s->calls, L_OR);
}

static void from_the_uplink_inside_and_non_unicast_sources_are_spoofed(void **state)
{
    struct scene *s = *state;
    DROPPED(L_UP, tcp(SF, 40000, OR, 8080, SYN, 1, 0), SPOOFED_SOURCE);
    DROPPED(L_UP, tcp("10.80.2.200", 40000, OR, 8080, SYN, 1, 0), SPOOFED_SOURCE);
    DROPPED(L_UP, tcp("10.80.0.1", 40000, OR, 8080, SYN, 1, 0), SPOOFED_SOURCE);
    DROPPED(L_UP, tcp("127.0.0.1", 40000, OR, 8080, SYN, 1, 0), SPOOFED_SOURCE);
    DROPPED(L_UP, tcp("224.0.0.1", 40000, OR, 8080, SYN, 1, 0), SPOOFED_SOURCE);
    DROPPED(L_UP, tcp("::1", 40000, OR6, 8080, SYN, 1, 0), SPOOFED_SOURCE);
    DROPPED(L_UP, tcp("fe80::1", 40000, OR6, 8080, SYN, 1, 0), SPOOFED_SOURCE);
    DROPPED(L_UP, tcp(WORLD, 40000, OR, 8080, SYN, 1, 0), DEFAULT_DENY);
}

static void a_destination_mac_that_is_not_the_hubs_is_not_unicast(void **state)
{
    struct scene *s = *state;
    struct frame f = SYN_SF;
    memset(f.at, 0xff, 6);
    memcpy(f.at + 6, s->links[L_SF].mac, 6);
    dropped(send_raw(s, L_SF, &f), REASON_NOT_UNICAST, NONE, __LINE__);
    memcpy(f.at + 6, s->links[L_OR].mac, 6); /* the source is looked at first */
    dropped(send_raw(s, L_SF, &f), REASON_SPOOFED_SOURCE, NONE, __LINE__);
    struct frame up = tcp(WORLD, 40000, OR, 8080, SYN, 1, 0);
    dropped(send_raw(s, L_UP, &up), REASON_NOT_UNICAST, NONE, __LINE__);
}

static void a_destination_that_is_not_unicast_is_refused(void **state)
{
    struct scene *s = *state;
    s->policy->observe = true; /* always enforced */
    apply(s);
    static const char *const to4[] = {"224.0.0.1", "255.255.255.255", "127.0.0.1", "0.0.0.0", "169.254.1.1"};
    static const char *const to6[] = {"ff02::1", "::", "::1", "fe80::1", "::ffff:10.80.2.2"};
    for (size_t i = 0; i < 5; i++) {
        DROPPED(L_SF, udp(SF, 40000, to4[i], 53, 0), NOT_UNICAST);
        DROPPED(L_SF, udp(SF6, 40000, to6[i], 53, 0), NOT_UNICAST);
    }
}

/* 4. Fragments */

#define BIG_SF udp(SF, 40000, OR, 53, 1000)
static struct frame big_first(uint32_t id)
{
    struct frame f = BIG_SF;
    return fragment_of(&f, id, 0, 512, true);
}
static struct frame big_last(uint32_t id)
{
    struct frame f = BIG_SF;
    return fragment_of(&f, id, 512, 496, false);
}

static void later_fragments_follow_a_first_that_passed(void **state)
{
    struct scene *s = *state;
    DROPPED(L_SF, big_last(1), FRAGMENT_UNATTRIBUTED);
    PASSED(L_SF, big_first(1), s->calls, L_OR);
    PASSED(L_SF, big_last(1), s->calls, L_OR);
    PASSED(L_SF, big_last(1), s->calls, L_OR);
    struct frame six = udp(SF6, 40000, OR6, 53, 1000);
    DROPPED(L_SF, fragment_of(&six, 1, 512, 496, false), FRAGMENT_UNATTRIBUTED);
    PASSED(L_SF, fragment_of(&six, 1, 0, 512, true), s->calls, L_OR);
    PASSED(L_SF, fragment_of(&six, 1, 512, 496, false), s->calls, L_OR);
}

static void fragments_are_attributed_by_link_ends_protocol_and_identification(void **state)
{
    struct scene *s = *state;
    model_rule(s->arena, s->policy, "any", "allow", "any", "any", "any", NULL);
    apply(s);
    PASSED(L_SF, big_first(1), s->calls, L_OR);
    DROPPED(L_SF, big_last(2), FRAGMENT_UNATTRIBUTED);
    struct frame f = big_last(1);
    f.at[IP + 9] = 132;
    DROPPED(L_SF, f, FRAGMENT_UNATTRIBUTED);
    struct frame other = udp(SF, 40000, LE, 53, 1000);
    DROPPED(L_SF, fragment_of(&other, 1, 512, 496, false), FRAGMENT_UNATTRIBUTED);
    /* Another link of the same workload. */
    s->links[L_NOBODY].workload = 0;
    apply(s);
    PASSED(L_SF, big_first(1), s->calls, L_OR);
    DROPPED(L_NOBODY, big_last(1), FRAGMENT_UNATTRIBUTED);
    PASSED(L_SF, big_last(1), s->calls, L_OR);
    /* IPv6 identifications have 32 bits. */
    struct frame six = udp(SF6, 40000, OR6, 53, 1000);
    PASSED(L_SF, fragment_of(&six, 0x10001, 0, 512, true), s->calls, L_OR);
    DROPPED(L_SF, fragment_of(&six, 1, 512, 496, false), FRAGMENT_UNATTRIBUTED);
}

static void a_fragment_entry_lives_30_s_from_the_first_fragment(void **state)
{
    struct scene *s = *state;
    PASSED(L_SF, big_first(1), s->calls, L_OR);
    later(s, 29);
    PASSED(L_SF, big_last(1), s->calls, L_OR);
    s->now += SECOND - 1;
    PASSED(L_SF, big_last(1), s->calls, L_OR);
    s->now += 1;
    DROPPED(L_SF, big_last(1), FRAGMENT_UNATTRIBUTED);
}

static void a_fragment_entry_is_of_one_generation(void **state)
{
    struct scene *s = *state;
    PASSED(L_SF, big_first(1), s->calls, L_OR);
    apply(s);
    DROPPED(L_SF, big_last(1), FRAGMENT_UNATTRIBUTED);
    PASSED(L_SF, big_first(1), s->calls, L_OR);
    PASSED(L_SF, big_last(1), s->calls, L_OR);
}

static void a_refused_first_fragment_removes_the_entry(void **state)
{
    struct scene *s = *state;
    PASSED(L_SF, big_first(1), s->calls, L_OR);
    struct frame other = udp(SF, 40000, OR, 54, 1000);
    DROPPED(L_SF, fragment_of(&other, 1, 0, 512, true), DEFAULT_DENY);
    DROPPED(L_SF, big_last(1), FRAGMENT_UNATTRIBUTED);
    /* Delivery refuses as well. */
    PASSED(L_SF, big_first(1), s->calls, L_OR);
    struct frame dying = big_first(1);
    dying.at[IP + 8] = 1;
    DROPPED_BY(L_SF, dying, TTL, s->calls);
    DROPPED(L_SF, big_last(1), FRAGMENT_UNATTRIBUTED);
}

static void a_fragment_of_icmp_that_is_not_echo_is_unattributed(void **state)
{
    struct scene *s = *state;
    struct frame echo = icmp(SF, OR, 8, 0, 7), mask = icmp(SF, OR, 17, 0, 7), code = icmp(SF, OR, 8, 1, 7);
    struct frame syn = SYN_SF, error = icmp_error(SF, OR, 3, &syn, 64);
    PASSED(L_SF, fragment_of(&echo, 1, 0, 8, true), s->calls, L_OR);
    PASSED(L_SF, fragment_of(&echo, 1, 8, 8, false), s->calls, L_OR);
    DROPPED(L_SF, fragment_of(&mask, 2, 0, 8, true), FRAGMENT_UNATTRIBUTED);
    DROPPED(L_SF, fragment_of(&code, 2, 0, 8, true), FRAGMENT_UNATTRIBUTED);
    DROPPED(L_SF, fragment_of(&error, 2, 0, 48, true), FRAGMENT_UNATTRIBUTED);
    /* and under observation too */
    s->policy->observe = true;
    apply(s);
    DROPPED(L_SF, fragment_of(&mask, 2, 0, 8, true), FRAGMENT_UNATTRIBUTED);
    DROPPED(L_SF, big_last(9), FRAGMENT_UNATTRIBUTED);
}

static void fragments_under_observation_carry_the_firsts_refusal(void **state)
{
    struct scene *s = *state;
    s->policy->workloads[0].observe = true;
    uint32_t never = model_rule(s->arena, s->policy, "never", "deny", "storefront", "ledger", "any", NULL);
    apply(s);
    struct frame f = udp(SF, 40000, LE, 53, 1000), g = udp(SF, 40000, OR, 99, 1000);
    SEEN(L_SF, fragment_of(&f, 1, 0, 512, true), DENY_RULE, never, L_LE);
    SEEN(L_SF, fragment_of(&f, 1, 512, 496, false), DENY_RULE, never, L_LE);
    SEEN(L_SF, fragment_of(&g, 1, 0, 512, true), DEFAULT_DENY, NONE, L_OR);
    SEEN(L_SF, fragment_of(&g, 1, 512, 496, false), DEFAULT_DENY, NONE, L_OR);
}

static void mtu_ttl_and_layer_2_apply_to_each_fragment(void **state)
{
    struct scene *s = *state;
    s->links[L_OR].mtu = 600;
    apply(s);
    PASSED(L_SF, big_first(1), s->calls, L_OR);
    struct frame f = BIG_SF, large = fragment_of(&f, 1, 408, 600, false), dying = big_last(1),
                 foreign = big_last(1);
    DROPPED_BY(L_SF, large, TOO_BIG, s->calls);
    dying.at[IP + 8] = 0;
    DROPPED_BY(L_SF, dying, TTL, s->calls);
    dropped(send_raw(s, L_SF, &foreign), REASON_SPOOFED_SOURCE, NONE, __LINE__);
    PASSED(L_SF, big_last(1), s->calls, L_OR);
}

static void an_atomic_fragment_is_a_whole_packet_and_makes_no_entry(void **state)
{
    struct scene *s = *state;
    struct frame f = udp(SF6, 40000, OR6, 53, 1000);
    PASSED(L_SF, fragment_of(&f, 1, 0, 1008, false), s->calls, L_OR);
    DROPPED(L_SF, fragment_of(&f, 1, 512, 496, false), FRAGMENT_UNATTRIBUTED);
}

/* 5. ICMP */

static void icmp_that_is_neither_echo_nor_error_is_refused_for_its_type(void **state)
{
    struct scene *s = *state;
    s->policy->observe = true; /* not one of those that observation lets pass */
    apply(s);
    for (unsigned type = 0; type < 256; type++) {
        struct packet_verdict v4 = send(s, L_SF, icmp(SF, OR, (uint8_t)type, 0, 7));
        struct packet_verdict v6 = send(s, L_SF, icmp(SF6, OR6, (uint8_t)type, 0, 7));
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
    struct frame six = udp(SF6, 40000, OR6, 53, 8), extended = with_extension(&six, 60, options, 8);
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
    DROPPED_BY(L_UP, udp(WORLD, 40000, "203.0.113.9", 1, 0), NO_SUCH_WORKLOAD, all);
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

static void a_session_whose_target_lost_its_link_is_not_running(void **state)
{
    struct scene *s = *state;
    connect_tcp(s);
    s->links[L_OR].workload = 1000;
    apply(s);
    DROPPED_BY(L_SF, DATA_SF, NOT_RUNNING, s->calls);
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
        struct packet_verdict v = send(s, L_SF, f);
        assert_true(v.verdict.reason < REASONS);
        assert_true(v.passes == (v.to_link != NONE));
        assert_true(!v.verdict.allow || v.verdict.reason == REASON_RULE);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_link_that_belongs_to_nobody_is_unknown_whatever_the_packet_is),
        TEST(before_the_first_policy_nothing_is_known),
        TEST(shorter_than_14_bytes_is_malformed),
        TEST(vlan_tags_arp_and_other_ethertypes_are_not_ip),
        TEST(every_truncation_of_a_packet_is_malformed),
        TEST(an_ipv4_header_is_version_4_and_20_bytes),
        TEST(ipv4_total_length_is_at_least_20_and_at_most_what_is_there),
        TEST(padding_is_ignored_and_checks_end_at_the_total_length),
        TEST(the_ipv4_checksum_is_not_verified),
        TEST(fragments_that_cannot_be_are_malformed),
        TEST(an_ipv6_header_is_version_6_and_its_payload_is_there),
        TEST(an_ipv6_payload_of_0_is_only_for_no_next_header),
        TEST(extension_headers_are_skipped),
        TEST(hop_by_hop_is_only_ever_the_very_first),
        TEST(there_is_at_most_one_fragment_header),
        TEST(an_extension_header_lies_within_the_packet),
        TEST(there_are_at_most_8_extension_headers),
        TEST(a_routing_header_of_type_0_or_with_segments_left_is_malformed),
        TEST(every_other_next_header_is_the_protocol),
        TEST(headers_behind_an_atomic_fragment_are_read_on),
        TEST(headers_behind_a_first_fragment_are_read_on_and_not_behind_a_later_one),
        TEST(icmp_of_the_other_family_is_malformed),
        TEST(the_whole_layer_4_header_must_be_there),
        TEST(tcp_data_offset_is_at_least_5_and_within_the_packet),
        TEST(udp_length_is_at_least_8_and_at_most_what_is_there),
        TEST(in_a_first_fragment_an_incomplete_header_is_unattributed_and_a_contradictory_one_malformed),
        TEST(a_port_of_0_is_malformed),
        TEST(a_source_mac_that_is_not_the_links_is_spoofed),
        TEST(a_source_address_that_is_not_the_workloads_is_spoofed),
        TEST(from_the_uplink_inside_and_non_unicast_sources_are_spoofed),
        TEST(a_destination_mac_that_is_not_the_hubs_is_not_unicast),
        TEST(a_destination_that_is_not_unicast_is_refused),
        TEST(later_fragments_follow_a_first_that_passed),
        TEST(fragments_are_attributed_by_link_ends_protocol_and_identification),
        TEST(a_fragment_entry_lives_30_s_from_the_first_fragment),
        TEST(a_fragment_entry_is_of_one_generation),
        TEST(a_refused_first_fragment_removes_the_entry),
        TEST(a_fragment_of_icmp_that_is_not_echo_is_unattributed),
        TEST(fragments_under_observation_carry_the_firsts_refusal),
        TEST(mtu_ttl_and_layer_2_apply_to_each_fragment),
        TEST(an_atomic_fragment_is_a_whole_packet_and_makes_no_entry),
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
        TEST(a_session_whose_target_lost_its_link_is_not_running),
        TEST(a_window_ends_on_time_for_sessions_and_new_packets),
        TEST(any_bytes_have_a_verdict),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
