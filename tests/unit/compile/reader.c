/* SPDX-License-Identifier: Apache-2.0 */
#include "reader.h"

#include <netinet/in.h>
#include <stdlib.h>

#include "../base/check.h"
#include "bpf/image_hash.h"

static const void *line_at(const struct image *i, uint64_t line)
{
    assert_true(line < i->header.lines);
    return i->lines + line * LINE_BYTES;
}

static void check_table(const struct image *i, struct image_hash h)
{
    assert_true(h.first >= IMAGE_BODY);
    assert_int_equal(h.mask & (h.mask + 1), 0);
    assert_true((uint64_t)h.first + h.mask < i->header.lines);
}

struct image image_of(const struct compiled *c)
{
    struct image i = {0};
    uint64_t lines = compiled_sizes(c).lines;
    i.lines = calloc(lines, LINE_BYTES);
    assert_non_null(i.lines);
    compiled_write(c, i.lines);
    memcpy(&i.header, i.lines, sizeof i.header);
    assert_int_equal(i.header.magic, IMAGE_MAGIC);
    assert_int_equal(i.header.lines, lines);
    check_table(&i, i.header.endpoints_v4);
    check_table(&i, i.header.endpoints_v6);
    check_table(&i, i.header.prefixes_v4);
    check_table(&i, i.header.prefixes_v6);
    check_table(&i, i.header.pairs);
    const uint8_t *lengths[2] = {line_at(&i, IMAGE_LENGTHS_V4), line_at(&i, IMAGE_LENGTHS_V6)};
    for (int f = 0; f < 2; f++)
        for (int k = 1; k < (f ? i.header.length_count_v6 : i.header.length_count_v4); k++)
            assert_true(lengths[f][k] > lengths[f][k - 1] && lengths[f][k] <= (f ? 128 : 32));
    return i;
}

void image_free(struct image *i)
{
    free(i->lines);
    *i = (struct image){0};
}

static void words_of(const struct address *a, uint32_t out[4])
{
    memcpy(out, a->octets, 16);
}

static void check_place(const struct image *i, const struct address *a, struct image_hash h, uint32_t length, uint32_t line)
{
    uint32_t w[4];
    words_of(a, w);
    struct image_hash_place p = a->family == 4 ? image_hash_v4(h.first, h.mask, i->header.seed, w[0], length) : image_hash_v6(h.first, h.mask, i->header.seed, w, length);
    assert_true(p.line[0] == line || p.line[1] == line);
}

static bool find_endpoint(const struct image *i, const struct address *a, struct image_address *ret)
{
    static const uint8_t zero[16];
    bool v4 = a->family == 4;
    struct image_hash h = v4 ? i->header.endpoints_v4 : i->header.endpoints_v6;
    uint32_t found = 0;
    if (memcmp(a->octets, zero, 16) == 0)
        return false; /* 0 marks what is free */
    for (uint32_t line = h.first; line <= h.first + h.mask; line++)
        for (uint32_t way = 0; way < (v4 ? 4 : 2); way++) {
            const struct image_endpoint_v4 *e4 = (const struct image_endpoint_v4 *)line_at(i, line) + way;
            const struct image_endpoint_v6 *e6 = (const struct image_endpoint_v6 *)line_at(i, line) + (v4 ? 0 : way);
            if (memcmp(v4 ? (const void *)&e4->address : (const void *)e6->address, a->octets, v4 ? 4 : 16) != 0)
                continue;
            uint32_t from = v4 ? e4->from_class : e6->from_class, to = v4 ? e4->to_class : e6->to_class;
            check_place(i, a, h, 0, line);
            *ret = (struct image_address){true, false, v4 ? e4->link : e6->link, from & CLASS_NUMBER, to & CLASS_NUMBER, !!((from | to) & CLASS_OBSERVED)};
            found++;
        }
    assert_true(found <= 1);
    return found;
}

/* The entry of the prefix of this length that covers `a`, by reading the whole table. */
static bool find_prefix(const struct image *i, const struct address *a, unsigned length, struct image_address *ret)
{
    bool v4 = a->family == 4;
    struct image_hash h = v4 ? i->header.prefixes_v4 : i->header.prefixes_v6;
    uint32_t found = 0;
    for (uint32_t line = h.first; line <= h.first + h.mask; line++)
        for (uint32_t way = 0; way < (v4 ? 4 : 2); way++) {
            const struct image_prefix_v4 *e4 = (const struct image_prefix_v4 *)line_at(i, line) + way;
            const struct image_prefix_v6 *e6 = (const struct image_prefix_v6 *)line_at(i, line) + (v4 ? 0 : way);
            if ((v4 ? e4->length : e6->length) != length + 1)
                continue;
            struct prefix p = {{.family = a->family}, (uint8_t)length};
            memcpy(p.address.octets, v4 ? (const void *)&e4->address : (const void *)e6->address, v4 ? 4 : 16);
            if (!prefix_contains(&p, a))
                continue;
            uint32_t from = v4 ? e4->from_class : e6->from_class, to = v4 ? e4->to_class : e6->to_class;
            check_place(i, &p.address, h, length + 1, line);
            *ret = (struct image_address){false, !!(to & CLASS_INSIDE), 0, from & CLASS_NUMBER, to & CLASS_NUMBER, !!((from | to) & CLASS_OBSERVED)};
            found++;
        }
    assert_true(found <= 1);
    return found;
}

struct image_address image_address(const struct image *i, const struct address *a)
{
    struct image_address longest = {0}, searched = {0}, at;
    if (find_endpoint(i, a, &at))
        return at;
    for (unsigned length = 0; length <= address_bits(a); length++)
        if (find_prefix(i, a, length, &at))
            longest = at;
    /* The search by length that the kernel does: each length that hits sends it to longer ones. */
    const uint8_t *lengths = line_at(i, a->family == 4 ? IMAGE_LENGTHS_V4 : IMAGE_LENGTHS_V6);
    unsigned low = 0, high = a->family == 4 ? i->header.length_count_v4 : i->header.length_count_v6;
    while (low < high) {
        unsigned middle = (low + high) / 2;
        if (find_prefix(i, a, lengths[middle], &at)) {
            searched = at;
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    assert_memory_equal(&longest, &searched, sizeof longest);
    return longest;
}

static uint32_t key_of(const struct flow *f)
{
    switch (f->protocol) {
    case IPPROTO_TCP:
        return PORT_KEY_TCP + f->port;
    case IPPROTO_UDP:
        return PORT_KEY_UDP + f->port;
    case IPPROTO_SCTP:
        return PORT_KEY_SCTP + f->port;
    case IPPROTO_ICMP:
    case IPPROTO_ICMPV6:
        return PORT_KEY_ICMP;
    default:
        return PORT_KEY_OTHER + f->protocol;
    }
}

static const struct image_pair *find_pair(const struct image *i, uint32_t from, uint32_t to)
{
    struct image_hash h = i->header.pairs;
    const struct image_pair *found = NULL;
    for (uint32_t line = h.first; from && to && line <= h.first + h.mask; line++)
        for (uint32_t way = 0; way < 4; way++) {
            const struct image_pair *e = (const struct image_pair *)line_at(i, line) + way;
            if (e->from_class != from || e->to_class != to)
                continue;
            struct image_hash_place p = image_hash_v4(h.first, h.mask, i->header.seed, from, to);
            assert_true(p.line[0] == line || p.line[1] == line);
            assert_null(found);
            found = e;
        }
    return found;
}

static uint32_t find_interval(const struct image *i, const struct image_pair *pair, uint32_t key)
{
    uint32_t verdict = 0;
    assert_true(pair->count > 0);
    for (uint32_t k = 0; k < pair->count; k++) {
        uint64_t at = (uint64_t)pair->first + k;
        const struct image_interval *e = (const struct image_interval *)line_at(i, at / 8) + at % 8;
        assert_true(k == 0 ? e->key == 0 : e->key > (e - 1)->key || at % 8 == 0);
        if (e->key <= key)
            verdict = e->verdict;
    }
    return verdict;
}

static uint32_t find_span(const struct image *i, uint32_t line, uint64_t tai)
{
    for (int k = 0; k < IMAGE_SPANS; k++) {
        const struct image_span *s = (const struct image_span *)line_at(i, line + (uint32_t)k / 4) + k % 4;
        if (!s->until)
            break;
        if (tai < s->until)
            return s->verdict;
    }
    return VERDICT_CLOSED | NO_RULE;
}

struct verdict image_verdict(const struct image *i, const struct image_address *from, const struct image_address *to, const struct flow *f, uint64_t tai_ns)
{
    const struct image_pair *pair = find_pair(i, from->from_class, to->to_class);
    uint32_t v = pair ? find_interval(i, pair, key_of(f)) : NO_RULE;
    if (v & VERDICT_TIMED)
        v = find_span(i, v & VERDICT_NUMBER, tai_ns);
    assert_false(v & VERDICT_TIMED);
    uint32_t rule = v & VERDICT_NUMBER;
    assert_true(rule == NO_RULE || rule < i->header.rules);
    struct verdict out = {.allow = v & VERDICT_ALLOW, .enforced = true, .rule = rule == NO_RULE ? NONE : rule};
    out.reason = out.allow ? REASON_RULE : v & VERDICT_CLOSED ? REASON_WINDOW_CLOSED : rule == NO_RULE ? REASON_DEFAULT_DENY : REASON_DENY_RULE;
    if (!out.allow && (from->observed || to->observed || v & VERDICT_TRIED))
        out.enforced = false;
    return out;
}
