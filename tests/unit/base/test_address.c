/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses and prefixes against naive twins: strings of bits, and a printer that follows RFC 5952 by the letter. */
#include "base/address.h"

#include <stdio.h>
#include <stdlib.h>

#include "check.h"

static uint64_t random_state = 1;

static uint32_t below(uint32_t n)
{
    random_state = random_state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(random_state >> 33) % n;
}

/* Few different bits, so that prefixes meet. */
static struct address random_address(void)
{
    struct address a = {.family = below(2) ? 4 : 6};
    for (size_t i = 0; i < address_octets(&a); i++)
        a.octets[i] = (uint8_t)(below(3) ? (below(2) ? 0 : 0xff) : below(256));
    return a;
}

static struct prefix random_prefix(void)
{
    struct prefix p = {.address = random_address()};
    p.length = (uint8_t)below(address_bits(&p.address) + 1u);
    for (unsigned i = p.length; i < address_bits(&p.address); i++)
        p.address.octets[i / 8] = (uint8_t)(p.address.octets[i / 8] & ~(0x80u >> i % 8));
    return p;
}

static void bits_of(const struct address *a, char out[129])
{
    for (unsigned i = 0; i < address_bits(a); i++)
        out[i] = (char)('0' + address_bit(a, i));
    out[address_bits(a)] = 0;
}

static bool naive_contains(const struct prefix *p, const struct address *a)
{
    char x[129], y[129];
    bits_of(&p->address, x);
    bits_of(a, y);
    return p->address.family == a->family && strncmp(x, y, p->length) == 0;
}

static struct address parsed(const char *text)
{
    struct address a = {0};
    if (!address_parse(bytes_of_text(text), &a))
        fail_msg("%s is not taken", text);
    return a;
}

static void texts_that_are_no_address_are_refused(void **state)
{
    static const char *const bad[] = {"", " ", "1", "1.2.3", "1.2.3.4.5", "1.2.3.256", "01.2.3.4", "1.2.3.04", "1.2.3.4 ", " 1.2.3.4", "0x1.2.3.4",
        "1.2.3.4/32", "::1/128", ":", ":::", "1::2::3", "12345::", "g::", "fe80::1%eth0", "::1 ", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9",
        "1:2:3:4:5:6:7:1.2.3.4", "::1.2.3", "::1.2.3.256", "[::1]", "localhost", "-1.2.3.4", "1.2.3.4\n",
        "0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000", "1..2.3", "1.2.3.", ".1.2.3.4", "::ffff:1.2.3.4:5"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct address a = {.family = 99};
        if (address_parse(bytes_of_text(bad[i]), &a))
            fail_msg("'%s' is taken", bad[i]);
        assert_int_equal(a.family, 99); /* untouched */
    }
    struct address a;
    assert_false(address_parse(bytes_of("1.2.3.4\0", 8), &a));
    assert_false(address_parse(bytes_of("1.2.3.4\0.5", 10), &a));
    assert_false(address_parse(bytes_of(NULL, 0), &a));
    assert_true(address_parse(bytes_of("1.2.3.45", 7), &a)); /* it ends where it is said to end */
    assert_int_equal(a.octets[3], 4);
}

static void longest_texts_fit(void **state)
{
    struct address a = parsed("ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255");
    char out[ADDRESS_TEXT_MAX];
    assert_string_equal(address_print(&a, out), "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff");
    struct prefix p = {a, 128};
    assert_string_equal(prefix_print(&p, out), "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/128");
    p.address = parsed("::ffff:255.255.255.255");
    assert_string_equal(prefix_print(&p, out), "::ffff:255.255.255.255/128");
}

static void print_5952(const struct address *a, char out[64])
{
    if (a->family == 4) {
        snprintf(out, 64, "%u.%u.%u.%u", a->octets[0], a->octets[1], a->octets[2], a->octets[3]);
        return;
    }
    unsigned words[8], best = 8, best_len = 1;
    for (unsigned i = 0; i < 8; i++)
        words[i] = (unsigned)a->octets[2 * i] << 8 | a->octets[2 * i + 1];
    for (unsigned i = 0; i < 8; i++) {
        unsigned len = 0;
        while (i + len < 8 && words[i + len] == 0)
            len++;
        if (len > best_len) {
            best = i;
            best_len = len;
        }
    }
    size_t at = 0;
    for (unsigned i = 0; i < 8; i++) {
        if (i == best) {
            at += (size_t)snprintf(out + at, 64 - at, "::");
            i += best_len - 1;
            continue;
        }
        bool colon = i && i != best + best_len;
        at += (size_t)snprintf(out + at, 64 - at, "%s%x", colon ? ":" : "", words[i]);
    }
}

/* Addresses that hold an IPv4 address are written with it (RFC 5952, 5). */
static bool mixed(const struct address *a)
{
    static const uint8_t zero[10];
    return a->family == 6 && memcmp(a->octets, zero, 10) == 0;
}

static void prints_are_canonical_and_parse_to_the_same(void **state)
{
    for (int i = 0; i < 200000; i++) {
        struct address a = random_address(), back;
        char out[ADDRESS_TEXT_MAX], want[64];
        assert_ptr_equal(address_print(&a, out), out);
        assert_true(address_parse(bytes_of_text(out), &back));
        assert_true(address_equal(&a, &back));
        if (mixed(&a))
            continue;
        print_5952(&a, want);
        assert_string_equal(out, want);
    }
}

static void prefixes_print_and_parse_to_the_same(void **state)
{
    for (int i = 0; i < 100000; i++) {
        struct prefix p = random_prefix(), back;
        char out[ADDRESS_TEXT_MAX];
        bool host_bits = true;
        assert_ptr_equal(prefix_print(&p, out), out);
        assert_true(prefix_parse(bytes_of_text(out), &back, &host_bits));
        assert_false(host_bits);
        assert_true(address_equal(&p.address, &back.address));
        assert_int_equal(p.length, back.length);
    }
}

static void host_bits_are_cleared_and_told(void **state)
{
    for (int i = 0; i < 100000; i++) {
        struct address a = random_address();
        unsigned length = below(address_bits(&a) + 1u);
        char text[64], bits[129], got[129];
        address_print(&a, text);
        size_t len = strlen(text);
        snprintf(text + len, sizeof text - len, "/%u", length);
        struct prefix p;
        bool host_bits;
        assert_true(prefix_parse(bytes_of_text(text), &p, &host_bits));
        bits_of(&a, bits);
        bool any = strchr(bits + length, '1') != NULL;
        assert_int_equal(host_bits, any);
        memset(bits + length, '0', strlen(bits + length));
        bits_of(&p.address, got);
        assert_string_equal(got, bits);
        assert_true(prefix_parse(bytes_of_text(text), &p, NULL));
    }
}

static void texts_that_are_no_prefix_are_refused(void **state)
{
    static const char *const bad[] = {"", "/", "/8", "1.2.3.4/", "1.2.3.4/33", "1.2.3.4/032", "1.2.3.4/00", "1.2.3.4/-1", "1.2.3.4/+8", "1.2.3.4/8 ",
        "1.2.3.4/ 8", "1.2.3.4/8/8", "1.2.3.4/0x8", "1.2.3.4/1000", "1.2.3.4/4294967304", "::/129", "::/999", "::/0128", "::/a", "1.2.3/24", "1.2.3.4/255.0.0.0"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct prefix p = {.length = 77};
        bool host_bits = true;
        if (prefix_parse(bytes_of_text(bad[i]), &p, &host_bits))
            fail_msg("'%s' is taken", bad[i]);
        assert_int_equal(p.length, 77);
    }
    struct prefix p;
    assert_true(prefix_parse(bytes_of_text("10.0.0.1"), &p, NULL));
    assert_int_equal(p.length, 32);
    assert_true(prefix_parse(bytes_of_text("::1"), &p, NULL));
    assert_int_equal(p.length, 128);
    assert_true(prefix_parse(bytes_of("10.0.0.0/244", 11), &p, NULL));
    assert_int_equal(p.length, 24);
}

static void containing_covering_and_overlapping_agree_with_strings_of_bits(void **state)
{
    uint32_t contained = 0, covered = 0;
    for (int i = 0; i < 300000; i++) {
        struct prefix p = random_prefix(), q = random_prefix();
        struct address a = random_address();
        if (below(2)) { /* near it: equal but for one bit */
            a = p.address;
            unsigned flip = below(address_bits(&a));
            a.octets[flip / 8] = (uint8_t)(a.octets[flip / 8] ^ 0x80 >> flip % 8);
            q.address = p.address;
            q.length = (uint8_t)below(address_bits(&q.address) + 1u);
            char text[ADDRESS_TEXT_MAX];
            assert_true(prefix_parse(bytes_of_text(prefix_print(&q, text)), &q, NULL));
        }
        bool covers = p.length <= q.length && naive_contains(&p, &q.address);
        bool covers_back = q.length <= p.length && naive_contains(&q, &p.address);
        assert_int_equal(prefix_contains(&p, &a), naive_contains(&p, &a));
        assert_int_equal(prefix_covers(&p, &q), covers);
        assert_int_equal(prefix_overlaps(&p, &q), covers || covers_back);
        assert_int_equal(prefix_overlaps(&q, &p), covers || covers_back);
        assert_true(prefix_covers(&p, &p));
        contained += prefix_contains(&p, &a);
        covered += covers;
    }
    assert_true(contained > 20000 && covered > 20000); /* the question was a real one */
}

static void order_is_by_family_then_value(void **state)
{
    for (int i = 0; i < 100000; i++) {
        struct address a = random_address(), b = below(4) ? random_address() : a;
        char x[129], y[129];
        bits_of(&a, x);
        bits_of(&b, y);
        int want = a.family != b.family ? (a.family < b.family ? -1 : 1) : strcmp(x, y);
        int got = address_compare(&a, &b);
        assert_int_equal(got < 0 ? -1 : got > 0, want < 0 ? -1 : want > 0);
        assert_int_equal(address_equal(&a, &b), want == 0);
    }
}

/* The twin adds with a carry over single octets, from an array of 24 octets that cannot overflow. */
static bool naive_nth(const struct prefix *p, uint64_t n, struct address *ret)
{
    uint8_t sum[24] = {0};
    size_t size = address_octets(&p->address);
    memcpy(sum + 24 - size, p->address.octets, size);
    for (int at = 23; at >= 0; at--, n >>= 8) {
        unsigned add = (unsigned)(n & 0xff);
        for (int k = at; add && k >= 0; k--) {
            add += sum[k];
            sum[k] = (uint8_t)add;
            add >>= 8;
        }
    }
    for (size_t i = 0; i < 24 - size; i++)
        if (sum[i])
            return false;
    struct address a = {.family = p->address.family};
    memcpy(a.octets, sum + 24 - size, size);
    if (!naive_contains(p, &a))
        return false;
    *ret = a;
    return true;
}

static void the_nth_address_agrees_with_adding_by_hand(void **state)
{
    static const uint64_t numbers[] = {0, 1, 2, 254, 255, 256, 65535, 65536, UINT32_MAX, (uint64_t)UINT32_MAX + 1, UINT64_MAX / 2, UINT64_MAX - 255, UINT64_MAX - 1, UINT64_MAX};
    uint32_t inside = 0;
    for (int i = 0; i < 200000; i++) {
        struct prefix p = random_prefix();
        uint64_t n = below(3) ? numbers[below(sizeof numbers / sizeof numbers[0])] : (uint64_t)below(UINT32_MAX) << below(33);
        unsigned host = address_bits(&p.address) - p.length;
        if (host < 64 && below(2))
            n = ((uint64_t)1 << host) - below(2); /* the last one, and one too many */
        struct address a = {.family = 77}, b = a;
        bool got = prefix_nth(&p, n, &a);
        assert_int_equal(got, naive_nth(&p, n, &b));
        assert_true(address_equal(&a, &b)); /* where it is false nothing was written */
        assert_int_equal(got, host >= 64 || n < (uint64_t)1 << host);
        inside += got;
    }
    assert_true(inside > 20000);
}

static bool naive_unicast(const struct address *a)
{
    const uint8_t *o = a->octets;
    if (a->family == 4)
        return o[0] != 0 && o[0] != 127 && !(o[0] == 169 && o[1] == 254) && !(o[0] >= 224 && o[0] <= 239) &&
            !(o[0] == 255 && o[1] == 255 && o[2] == 255 && o[3] == 255);
    if (a->family != 6)
        return false;
    bool head = false;
    for (int i = 0; i < 10; i++)
        head |= o[i] != 0;
    if (!head && o[10] == 0xff && o[11] == 0xff)
        return false; /* mapped */
    for (int i = 10; i < 15; i++)
        head |= o[i] != 0;
    if (!head && o[15] <= 1)
        return false;
    return o[0] != 0xff && !(o[0] == 0xfe && o[1] >= 0x80 && o[1] <= 0xbf);
}

static void unicast_is_what_the_policy_says(void **state)
{
    static const struct {
        const char *text;
        bool unicast;
    } cases[] = {{"0.0.0.0", false}, {"0.255.255.255", false}, {"1.0.0.0", true}, {"126.255.255.255", true}, {"127.0.0.0", false}, {"127.255.255.255", false},
        {"128.0.0.0", true}, {"169.253.255.255", true}, {"169.254.0.0", false}, {"169.254.255.255", false}, {"169.255.0.0", true},
        {"223.255.255.255", true}, {"224.0.0.0", false}, {"239.255.255.255", false}, {"240.0.0.0", true}, {"255.255.255.254", true},
        {"255.255.255.255", false}, {"::", false}, {"::1", false}, {"::2", true}, {"::fffe:ffff:ffff", true}, {"::ffff:0:0", false},
        {"::ffff:255.255.255.255", false}, {"::1:0:0:0", true}, {"fe7f:ffff::", true}, {"fe80::", false}, {"febf:ffff::ffff", false}, {"fec0::", true},
        {"feff::", true}, {"ff00::", false}, {"ffff::ffff", false}, {"fd80::1", true}, {"2001:db8::1", true}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct address a = parsed(cases[i].text);
        if (address_is_unicast(&a) != cases[i].unicast)
            fail_msg("%s", cases[i].text);
    }
    for (int i = 0; i < 300000; i++) {
        struct address a = random_address();
        if (a.family == 4 && below(2))
            a.octets[0] = (uint8_t)below(256);
        assert_int_equal(address_is_unicast(&a), naive_unicast(&a));
    }
    assert_false(address_is_unicast(&(struct address){0}));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_that_are_no_address_are_refused),
        cmocka_unit_test(longest_texts_fit),
        cmocka_unit_test(prints_are_canonical_and_parse_to_the_same),
        cmocka_unit_test(prefixes_print_and_parse_to_the_same),
        cmocka_unit_test(host_bits_are_cleared_and_told),
        cmocka_unit_test(texts_that_are_no_prefix_are_refused),
        cmocka_unit_test(containing_covering_and_overlapping_agree_with_strings_of_bits),
        cmocka_unit_test(order_is_by_family_then_value),
        cmocka_unit_test(the_nth_address_agrees_with_adding_by_hand),
        cmocka_unit_test(unicast_is_what_the_policy_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
