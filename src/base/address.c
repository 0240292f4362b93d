/* SPDX-License-Identifier: Apache-2.0 */
#include "base/address.h"

#include <arpa/inet.h>
#include <stdio.h>

int address_compare(const struct address *a, const struct address *b)
{
    if (a->family != b->family)
        return a->family < b->family ? -1 : 1;
    return memcmp(a->octets, b->octets, sizeof a->octets);
}

bool address_parse(struct bytes text, struct address *ret)
{
    char copy[ADDRESS_TEXT_MAX];
    if (text.len == 0 || text.len >= sizeof copy)
        return false;
    memcpy(copy, text.at, text.len);
    copy[text.len] = 0;
    if (strlen(copy) != text.len)
        return false;
    struct address a = {0};
    if (inet_pton(AF_INET, copy, a.octets) == 1)
        a.family = 4;
    else if (inet_pton(AF_INET6, copy, a.octets) == 1)
        a.family = 6;
    else
        return false;
    *ret = a;
    return true;
}

/* Clears the bits behind `length`; true when any was set. */
static bool clear_host_bits(struct address *a, unsigned length)
{
    bool any = false;
    for (unsigned i = 0; i < address_octets(a); i++) {
        unsigned keep = length >= 8 * (i + 1) ? 8 : length <= 8 * i ? 0 : length - 8 * i;
        uint8_t mask = (uint8_t)(0xff00u >> keep);
        if (a->octets[i] & (uint8_t)~mask)
            any = true;
        a->octets[i] &= mask;
    }
    return any;
}

bool prefix_parse(struct bytes text, struct prefix *ret, bool *ret_host_bits)
{
    const uint8_t *slash = text.len ? memchr(text.at, '/', text.len) : NULL;
    size_t address_len = slash ? (size_t)(slash - text.at) : text.len;
    struct prefix p;
    if (!address_parse(bytes_slice(text, 0, address_len), &p.address))
        return false;
    unsigned length = address_bits(&p.address);
    if (slash) {
        struct bytes digits = bytes_slice(text, address_len + 1, 4);
        if (digits.len == 0 || digits.len > 3 || (digits.len > 1 && digits.at[0] == '0'))
            return false;
        unsigned n = 0;
        for (size_t i = 0; i < digits.len; i++) {
            if (digits.at[i] < '0' || digits.at[i] > '9')
                return false;
            n = n * 10 + (unsigned)(digits.at[i] - '0');
        }
        if (n > length)
            return false;
        length = n;
    }
    p.length = (uint8_t)length;
    bool host_bits = clear_host_bits(&p.address, length);
    if (ret_host_bits)
        *ret_host_bits = host_bits;
    *ret = p;
    return true;
}

const char *address_print(const struct address *a, char out[ADDRESS_TEXT_MAX])
{
    if (!inet_ntop(a->family == 4 ? AF_INET : AF_INET6, a->octets, out, ADDRESS_TEXT_MAX))
        out[0] = 0;
    return out;
}

const char *prefix_print(const struct prefix *p, char out[ADDRESS_TEXT_MAX])
{
    address_print(&p->address, out);
    size_t len = strlen(out);
    snprintf(out + len, ADDRESS_TEXT_MAX - len, "/%u", p->length);
    return out;
}

bool prefix_contains(const struct prefix *p, const struct address *a)
{
    if (p->address.family != a->family)
        return false;
    unsigned whole = p->length / 8, rest = p->length % 8;
    if (memcmp(p->address.octets, a->octets, whole) != 0)
        return false;
    if (rest == 0)
        return true;
    unsigned mask = (0xff00u >> rest) & 0xffu;
    return ((p->address.octets[whole] ^ a->octets[whole]) & mask) == 0;
}

bool prefix_covers(const struct prefix *outer, const struct prefix *inner)
{
    return outer->length <= inner->length && prefix_contains(outer, &inner->address);
}

bool prefix_overlaps(const struct prefix *a, const struct prefix *b)
{
    return prefix_covers(a, b) || prefix_covers(b, a);
}

bool prefix_nth(const struct prefix *p, uint64_t n, struct address *ret)
{
    struct address a = p->address;
    uint64_t carry = n;
    for (size_t i = address_octets(&a); i-- > 0 && carry;) {
        carry += a.octets[i];
        a.octets[i] = (uint8_t)carry;
        carry >>= 8;
    }
    if (carry || !prefix_contains(p, &a))
        return false;
    *ret = a;
    return true;
}

/* What address_is_unicast excludes. */
static const struct prefix not_unicast[] = {
    {{4, {0}}, 8},
    {{4, {127}}, 8},
    {{4, {169, 254}}, 16},
    {{4, {224}}, 4},
    {{4, {255, 255, 255, 255}}, 32},
    {{6, {0}}, 128},
    {{6, {[15] = 1}}, 128},
    {{6, {[10] = 0xff, [11] = 0xff}}, 96},
    {{6, {0xfe, 0x80}}, 10},
    {{6, {0xff}}, 8},
};

bool address_is_unicast(const struct address *a)
{
    for (size_t i = 0; i < sizeof not_unicast / sizeof not_unicast[0]; i++)
        if (prefix_contains(&not_unicast[i], a))
            return false;
    return a->family != 0;
}
