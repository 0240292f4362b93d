/* SPDX-License-Identifier: Apache-2.0 */
/* docs/packets.md, sections 1 to 4, sentence by sentence, against the reference. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "scene.h"

#include <cmocka.h>

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

static void a_later_fragment_that_begins_before_the_firsts_end_is_unattributed(void **state)
{
    struct scene *s = *state;
    static const char *const from[] = {SF, SF6}, *const to[] = {OR, OR6};
    for (int i = 0; i < 2; i++) {
        struct frame f = udp(from[i], 40000, to[i], 53, 1000);
        PASSED(L_SF, fragment_of(&f, 1, 0, 512, true), s->calls, L_OR);
        DROPPED(L_SF, fragment_of(&f, 1, 504, 504, false), FRAGMENT_UNATTRIBUTED);
        DROPPED(L_SF, fragment_of(&f, 1, 8, 8, true), FRAGMENT_UNATTRIBUTED);
        PASSED(L_SF, fragment_of(&f, 1, 512, 496, false), s->calls, L_OR);
        PASSED(L_SF, fragment_of(&f, 1, 800, 208, false), s->calls, L_OR); /* a gap is not its business */
    }
}

static void mtu_ttl_and_layer_2_apply_to_each_fragment(void **state)
{
    struct scene *s = *state;
    s->links[L_OR].mtu = 600;
    apply(s);
    PASSED(L_SF, big_first(1), s->calls, L_OR);
    struct frame f = BIG_SF, large = fragment_of(&f, 1, 512, 600, false), dying = big_last(1),
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
        TEST(a_later_fragment_that_begins_before_the_firsts_end_is_unattributed),
        TEST(mtu_ttl_and_layer_2_apply_to_each_fragment),
        TEST(an_atomic_fragment_is_a_whole_packet_and_makes_no_entry),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
