/* SPDX-License-Identifier: Apache-2.0 */
#include "decide/space.h"

#include <netinet/in.h>
#include <stdlib.h>

/* Ports */

static const uint16_t protocols_with_ports[] = {IPPROTO_TCP, IPPROTO_UDP, IPPROTO_SCTP};
#define WITH_PORTS (sizeof protocols_with_ports / sizeof protocols_with_ports[0])

static int compare_numbers(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static size_t unique_numbers(uint32_t *items, size_t count)
{
    qsort(items, count, sizeof *items, compare_numbers);
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        if (kept == 0 || items[kept - 1] != items[i])
            items[kept++] = items[i];
    }
    return kept;
}

static size_t port_entries(const struct policy *const *policies, size_t count)
{
    size_t entries = 0;
    for (size_t i = 0; i < count; i++) {
        for (uint32_t r = 0; r < policies[i]->rule_count; r++)
            entries += policies[i]->rules[r].port_count;
    }
    return entries;
}

/* Where one protocol's classes begin, and how many named intervals begin and end there. */
static size_t port_cuts(const struct policy *const *policies, size_t count, uint16_t protocol, uint32_t *cuts)
{
    size_t n = 0;
    cuts[n++] = 1;
    for (size_t i = 0; i < count; i++) {
        for (uint32_t r = 0; r < policies[i]->rule_count; r++) {
            const struct rule *rule = &policies[i]->rules[r];
            for (uint32_t k = 0; k < rule->port_count; k++) {
                if (rule->ports[k].protocol != protocol)
                    continue;
                cuts[n++] = rule->ports[k].first ? rule->ports[k].first : 1;
                cuts[n++] = (uint32_t)rule->ports[k].last + 1;
            }
        }
    }
    return unique_numbers(cuts, n);
}

/* The first class that begins at `port` or behind it; n when there is none. */
static size_t class_from(const struct port_class *classes, size_t n, uint32_t port)
{
    size_t low = 0, high = n;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (classes[middle].first < port)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Marks the classes [0, n) of one protocol that some rule names: a running balance of beginnings and ends. */
static void mark_named(const struct policy *const *policies, size_t count, struct port_class *classes, size_t n,
                       int32_t *balance)
{
    memset(balance, 0, (n + 1) * sizeof *balance);
    for (size_t i = 0; i < count; i++) {
        for (uint32_t r = 0; r < policies[i]->rule_count; r++) {
            const struct rule *rule = &policies[i]->rules[r];
            for (uint32_t k = 0; k < rule->port_count; k++) {
                const struct ports *e = &rule->ports[k];
                if (e->protocol != classes[0].protocol)
                    continue;
                balance[class_from(classes, n, e->first)]++;
                balance[class_from(classes, n, (uint32_t)e->last + 1)]--;
            }
        }
    }
    int32_t sum = 0;
    for (size_t i = 0; i < n; i++) {
        sum += balance[i];
        classes[i].named = sum > 0;
    }
}

bool space_ports(const struct policy *const *policies, size_t count, struct arena *a, struct port_class **ret,
                 size_t *ret_count)
{
    size_t most = port_entries(policies, count) * 2 + 2;
    uint32_t *cuts = arena_array(a, most, sizeof *cuts);
    int32_t *balance = arena_array(a, most + 1, sizeof *balance);
    struct port_class *classes = arena_array(a, most * WITH_PORTS + 2, sizeof *classes);
    if (!cuts || !balance || !classes)
        return false;
    size_t n = 0;
    for (size_t k = 0; k < WITH_PORTS; k++) {
        size_t cut_count = port_cuts(policies, count, protocols_with_ports[k], cuts), begin = n;
        for (size_t i = 0; i < cut_count && cuts[i] <= 65535; i++) {
            uint32_t last = i + 1 < cut_count ? cuts[i + 1] - 1 : 65535;
            classes[n++] = (struct port_class){
                .protocol = protocols_with_ports[k], .first = (uint16_t)cuts[i], .last = (uint16_t)last};
        }
        mark_named(policies, count, classes + begin, n - begin, balance);
    }
    classes[n++] = (struct port_class){.protocol = PORTS_ICMP, .last = 65535, .named = true};
    classes[n++] = (struct port_class){.protocol = PORTS_OTHER, .last = 65535};
    *ret = classes;
    *ret_count = n;
    return true;
}

/* RFC 3692: for experiments; stands for every protocol that has no ports here. */
#define SOME_OTHER_PROTOCOL 253

struct flow port_class_flow(const struct port_class *c, const struct address *from, const struct address *to)
{
    struct flow f = {.from = *from, .to = *to};
    if (c->protocol == PORTS_ICMP) {
        f.protocol = from->family == 4 ? IPPROTO_ICMP : IPPROTO_ICMPV6;
    } else if (c->protocol == PORTS_OTHER) {
        f.protocol = SOME_OTHER_PROTOCOL;
    } else {
        f.protocol = (uint8_t)c->protocol;
        f.port = c->first;
    }
    return f;
}

static const char *protocol_text(uint16_t protocol)
{
    return protocol == IPPROTO_TCP    ? "tcp"
           : protocol == IPPROTO_UDP  ? "udp"
           : protocol == IPPROTO_SCTP ? "sctp"
           : protocol == PORTS_ICMP   ? "icmp"
                                      : "other";
}

void port_class_print(const struct port_class *c, struct text *out)
{
    const char *protocol = protocol_text(c->protocol);
    if (c->protocol == PORTS_ICMP || c->protocol == PORTS_OTHER)
        text_puts(out, protocol);
    else if (c->first == 1 && c->last == 65535)
        text_printf(out, "all/%s", protocol);
    else if (c->first == c->last)
        text_printf(out, "%u/%s", c->first, protocol);
    else
        text_printf(out, "%u-%u/%s", c->first, c->last, protocol);
}

void port_classes_print(const struct port_class *all, size_t count, const uint32_t *chosen, size_t chosen_count,
                        struct text *out)
{
    if (chosen_count == count) {
        text_puts(out, "any");
        return;
    }
    for (size_t i = 0; i < chosen_count;) {
        struct port_class run = all[chosen[i++]];
        while (i < chosen_count && all[chosen[i]].protocol == run.protocol &&
               (uint32_t)all[chosen[i]].first == (uint32_t)run.last + 1)
            run.last = all[chosen[i++]].last;
        port_class_print(&run, out);
        if (i < chosen_count)
            text_puts(out, ", ");
    }
}

/* Addresses */

bool address_next(const struct address *a, struct address *ret)
{
    struct address next = *a;
    for (size_t i = address_octets(a); i-- > 0;) {
        if (++next.octets[i] != 0) {
            *ret = next;
            return true;
        }
    }
    return false;
}

bool address_previous(const struct address *a, struct address *ret)
{
    struct address previous = *a;
    for (size_t i = address_octets(a); i-- > 0;) {
        if (previous.octets[i]-- != 0) {
            *ret = previous;
            return true;
        }
    }
    return false;
}

struct address prefix_last(const struct prefix *p)
{
    struct address last = p->address;
    for (unsigned bit = p->length; bit < address_bits(&last); bit++)
        last.octets[bit / 8] |= (uint8_t)(0x80u >> (bit % 8));
    return last;
}

/* What address_is_unicast tells from the rest. */
static const char *const not_unicast[] = {
    "0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/4", "255.255.255.255/32",
    "::/128",    "::1/128",     "::ffff:0:0/96",  "fe80::/10",   "ff00::/8"};

struct cuts {
    struct arena *arena;
    struct address *items;
    size_t count, capacity;
    bool failed;
    uint8_t family;
};

static void cut_at(struct cuts *c, const struct address *a)
{
    struct address *items =
        c->failed ? NULL : arena_grow(c->arena, c->items, c->count, &c->capacity, sizeof *c->items);
    if (!items) {
        c->failed = true;
        return;
    }
    c->items = items;
    c->items[c->count++] = *a;
}

static void cut_out(struct cuts *c, const struct prefix *p)
{
    if (p->address.family != c->family)
        return;
    cut_at(c, &p->address);
    struct address last = prefix_last(p), next;
    if (address_next(&last, &next))
        cut_at(c, &next);
}

static void cut_out_end(struct cuts *c, const struct end *e)
{
    for (uint32_t i = 0; i < e->count; i++) {
        if (e->items[i].kind == SELECT_CIDR)
            cut_out(c, &e->items[i].prefix);
    }
}

static void cut_out_policy(struct cuts *c, const struct policy *p)
{
    for (uint32_t i = 0; i < p->segment_count; i++) {
        for (uint32_t k = 0; k < p->segments[i].cidr_count; k++)
            cut_out(c, &p->segments[i].cidrs[k]);
    }
    for (uint32_t i = 0; i < p->workload_count; i++) {
        for (uint32_t k = 0; k < p->workloads[i].address_count; k++) {
            const struct address *a = &p->workloads[i].addresses[k];
            cut_out(c, &(struct prefix){.address = *a, .length = address_bits(a)});
        }
    }
    for (uint32_t i = 0; i < p->rule_count; i++) {
        cut_out_end(c, &p->rules[i].from);
        cut_out_end(c, &p->rules[i].to);
    }
}

static int compare_addresses(const void *a, const void *b)
{
    return address_compare(a, b);
}

/* Every address at which a piece may begin, each once, in order. False when memory is out. */
static bool find_cuts(const struct policy *const *policies, size_t count, uint8_t family, struct arena *scratch,
                      struct cuts *ret)
{
    struct cuts c = {.arena = scratch, .family = family};
    struct address first = {.family = family};
    cut_at(&c, &first);
    for (size_t i = 0; i < sizeof not_unicast / sizeof not_unicast[0]; i++) {
        struct prefix p;
        bool host_bits;
        if (prefix_parse(bytes_of_text(not_unicast[i]), &p, &host_bits))
            cut_out(&c, &p);
    }
    for (size_t i = 0; i < count; i++)
        cut_out_policy(&c, policies[i]);
    if (c.failed)
        return false;
    size_t kept = 0;
    qsort(c.items, c.count, sizeof *c.items, compare_addresses);
    for (size_t i = 0; i < c.count; i++) {
        if (kept == 0 || !address_equal(&c.items[kept - 1], &c.items[i]))
            c.items[kept++] = c.items[i];
    }
    c.count = kept;
    *ret = c;
    return true;
}

bool space_addresses(const struct policy *const *policies, size_t count, uint8_t family, struct arena *a,
                     struct piece **ret, size_t *ret_count)
{
    struct cuts c;
    size_t n = 0;
    struct arena *scratch = arena_child(a);
    bool found = scratch && find_cuts(policies, count, family, scratch, &c);
    struct piece *pieces = found ? arena_array(a, c.count, sizeof *pieces) : NULL;
    for (size_t i = 0; pieces && i < c.count; i++) {
        if (!address_is_unicast(&c.items[i]))
            continue;
        pieces[n].first = c.items[i];
        if (i + 1 == c.count || !address_previous(&c.items[i + 1], &pieces[n].last))
            pieces[n].last = prefix_last(&(struct prefix){.address = {.family = family}, .length = 0});
        n++;
    }
    arena_destroy(scratch);
    if (!pieces)
        return false;
    *ret = pieces;
    *ret_count = n;
    return true;
}

/* The first bit from which on all are `value`; the number of bits when the last one is not. */
static unsigned tail_of(const struct address *a, unsigned value)
{
    unsigned bit = address_bits(a);
    uint8_t octet = value ? 0xff : 0;
    while (bit > 0 && a->octets[bit / 8 - 1] == octet)
        bit -= 8;
    while (bit > 0 && address_bit(a, bit - 1) == value)
        bit--;
    return bit;
}

/* The first bit in which they differ; the number of bits when they are equal. */
static unsigned common_bits(const struct address *a, const struct address *b)
{
    unsigned bit = 0, bits = address_bits(a);
    while (bit < bits && a->octets[bit / 8] == b->octets[bit / 8])
        bit += 8;
    while (bit < bits && address_bit(a, bit) == address_bit(b, bit))
        bit++;
    return bit;
}

/* The largest prefix that begins at `first` and does not pass `last`: the whole range, where it is a prefix, else
 * in the half below the bit in which they differ. */
static struct prefix largest_prefix(const struct address *first, const struct address *last)
{
    unsigned zeros = tail_of(first, 0), ones = tail_of(last, 1), common = common_bits(first, last);
    unsigned whole = zeros > ones ? zeros : ones, half = zeros > common + 1 ? zeros : common + 1;
    return (struct prefix){.address = *first, .length = (uint8_t)(whole <= common ? whole : half)};
}

static unsigned ones_behind(const struct address *a, unsigned from)
{
    unsigned ones = 0;
    for (; from % 8; from++)
        ones += address_bit(a, from);
    for (size_t i = from / 8; i < address_octets(a); i++)
        ones += (unsigned)__builtin_popcount(a->octets[i]);
    return ones;
}

/* Below and above the middle, at which the bit that differs turns from 0 to 1, there is a prefix for each bit that is
 * set in the number of addresses. */
size_t range_prefixes(const struct address *first, const struct address *last)
{
    unsigned bits = address_bits(first), common = common_bits(first, last);
    unsigned zeros = tail_of(first, 0), ones = tail_of(last, 1);
    if (zeros <= common && ones <= common)
        return 1;
    unsigned behind = common + 1, width = bits - behind;
    unsigned trailing_zeros = bits - (zeros > behind ? zeros : behind);
    unsigned trailing_ones = bits - (ones > behind ? ones : behind);
    unsigned below = width - ones_behind(first, behind) - trailing_zeros + 1;
    unsigned above = ones_behind(last, behind) - trailing_ones + 1;
    return below + above;
}

void range_print(const struct address *first, const struct address *last, const char *separator,
                 struct text *out)
{
    struct address at = *first;
    char buffer[ADDRESS_TEXT_MAX];
    for (bool more = true, begin = true; more; begin = false) {
        struct prefix p = largest_prefix(&at, last);
        text_printf(out, "%scidr:%s", begin ? "" : separator, prefix_print(&p, buffer));
        struct address end = prefix_last(&p);
        more = address_compare(&end, last) < 0 && address_next(&end, &at);
    }
}
