/* SPDX-License-Identifier: Apache-2.0 */
#include "base/table.h"

struct table_slot {
    struct bytes key; /* at == NULL: free */
    uint64_t hash, value;
};

static uint64_t rotate(uint64_t x, int by)
{
    return (x << by) | (x >> (64 - by));
}

static void sip_rounds(uint64_t v[4], int rounds)
{
    for (int i = 0; i < rounds; i++) {
        v[0] += v[1];
        v[1] = rotate(v[1], 13) ^ v[0];
        v[0] = rotate(v[0], 32);
        v[2] += v[3];
        v[3] = rotate(v[3], 16) ^ v[2];
        v[0] += v[3];
        v[3] = rotate(v[3], 21) ^ v[0];
        v[2] += v[1];
        v[1] = rotate(v[1], 17) ^ v[2];
        v[2] = rotate(v[2], 32);
    }
}

static uint64_t little_endian(const uint8_t *at, size_t len)
{
    uint64_t x = 0;
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    if (len == sizeof x) {
        memcpy(&x, at, sizeof x);
        return x;
    }
#endif
    for (size_t i = 0; i < len; i++)
        x |= (uint64_t)at[i] << (8 * i);
    return x;
}

uint64_t siphash(const uint64_t seed[2], struct bytes in)
{
    uint64_t v[4] = {seed[0] ^ 0x736f6d6570736575u, seed[1] ^ 0x646f72616e646f6du, seed[0] ^ 0x6c7967656e657261u,
        seed[1] ^ 0x7465646279746573u};
    if (!in.len)
        in.at = (const uint8_t *)""; /* an empty text may be nowhere, and nothing is added to that */
    size_t whole = in.len & ~(size_t)7;
    for (size_t i = 0; i < whole; i += 8) {
        uint64_t m = little_endian(in.at + i, 8);
        v[3] ^= m;
        sip_rounds(v, 2);
        v[0] ^= m;
    }
    uint64_t last = (uint64_t)in.len << 56 | little_endian(in.at + whole, in.len - whole);
    v[3] ^= last;
    sip_rounds(v, 2);
    v[0] ^= last;
    v[2] ^= 0xff;
    sip_rounds(v, 4);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

struct table table_new(struct arena *arena, uint64_t seed)
{
    return (struct table){.arena = arena, .seed = {seed, seed * 0x9e3779b97f4a7c15u + 1}};
}

/* The slot of `key`, or the free one where it belongs. The table is never full. */
static struct table_slot *find(const struct table *t, struct bytes key, uint64_t hash)
{
    size_t mask = t->capacity - 1;
    for (size_t i = hash & mask;; i = (i + 1) & mask) {
        struct table_slot *s = &t->slots[i];
        if (!s->key.at || (s->hash == hash && bytes_equal(s->key, key)))
            return s;
    }
}

uint64_t *table_get(const struct table *t, struct bytes key)
{
    if (t->count == 0)
        return NULL;
    struct table_slot *s = find(t, key, siphash(t->seed, key));
    return s->key.at ? &s->value : NULL;
}

static bool grow(struct table *t)
{
    struct table bigger = *t;
    bigger.capacity = t->capacity ? t->capacity * 2 : 16;
    bigger.slots = arena_array(t->arena, bigger.capacity, sizeof *bigger.slots);
    if (!bigger.slots)
        return false;
    for (size_t i = 0; i < t->capacity; i++)
        if (t->slots[i].key.at)
            *find(&bigger, t->slots[i].key, t->slots[i].hash) = t->slots[i];
    arena_drop(t->arena, t->slots, t->capacity * sizeof *t->slots);
    *t = bigger;
    return true;
}

uint64_t *table_put(struct table *t, struct bytes key, uint64_t initial, bool *ret_new)
{
    static const uint8_t empty = 0; /* an empty key's place: `at` marks a used slot */
    if (t->count * 4 >= t->capacity * 3 && !grow(t))
        return NULL;
    uint64_t hash = siphash(t->seed, key);
    struct table_slot *s = find(t, key, hash);
    bool fresh = !s->key.at;
    if (fresh) {
        *s = (struct table_slot){.key = {key.at ? key.at : &empty, key.len}, .hash = hash, .value = initial};
        t->count++;
    }
    if (ret_new)
        *ret_new = fresh;
    return &s->value;
}
