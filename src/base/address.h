/* SPDX-License-Identifier: Apache-2.0 */
/* IP addresses and prefixes of both families, in one value type. */
#pragma once

#include "base/bytes.h"

#define ADDRESS_TEXT_MAX 48 /* longest address or prefix as text, with its NUL */

struct address {
    uint8_t family;     /* 4, 6, or 0 for none */
    uint8_t octets[16]; /* network order; an IPv4 address stands in the first four, the rest is zero */
};

struct prefix {
    struct address address; /* host bits zero */
    uint8_t length;         /* bits: 0..32 or 0..128 */
};

static inline uint8_t address_bits(const struct address *a)
{
    return a->family == 4 ? 32 : 128;
}
static inline size_t address_octets(const struct address *a)
{
    return a->family == 4 ? 4 : 16;
}
static inline bool address_equal(const struct address *a, const struct address *b)
{
    return a->family == b->family && memcmp(a->octets, b->octets, 16) == 0;
}
/* IPv4 before IPv6, then by value. */
int address_compare(const struct address *a, const struct address *b);
/* Text of RFC 4291 or dotted quad; no zone, no spaces. */
bool address_parse(struct bytes text, struct address *ret) MUST_USE;
/* "ADDRESS/LENGTH", or an address alone, which is its full length. `ret_host_bits`: bits were set behind the length (they are cleared). */
bool prefix_parse(struct bytes text, struct prefix *ret, bool *ret_host_bits) MUST_USE;
/* RFC 5952. Returns `out`. */
const char *address_print(const struct address *a, char out[ADDRESS_TEXT_MAX]);
const char *prefix_print(const struct prefix *p, char out[ADDRESS_TEXT_MAX]);
bool prefix_contains(const struct prefix *p, const struct address *a);
/* `outer` holds all of `inner` (equal counts). */
bool prefix_covers(const struct prefix *outer, const struct prefix *inner);
bool prefix_overlaps(const struct prefix *a, const struct prefix *b);
/* The address `n` after the first of the prefix; false when it lies outside. */
bool prefix_nth(const struct prefix *p, uint64_t n, struct address *ret) MUST_USE;
/* The bit at `index` from the left. */
static inline unsigned address_bit(const struct address *a, unsigned index)
{
    return ((unsigned)a->octets[index / 8] >> (7 - index % 8)) & 1u;
}
/*
 * Policy's "not unicast": unspecified (0.0.0.0/8, ::), loopback, link-local, multicast, 255.255.255.255,
 * IPv4-mapped IPv6. These are in no selector.
 */
bool address_is_unicast(const struct address *a);
