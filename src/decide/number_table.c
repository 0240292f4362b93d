/* SPDX-License-Identifier: Apache-2.0 */
#include "decide/number_table.h"

static struct bytes whole(const struct number_table *t, const uint32_t *key)
{
    return bytes_of(key, t->words * sizeof *key);
}

bool number_table_get(const struct number_table *t, const uint32_t *key, uint32_t *ret)
{
    const uint32_t *first = key[0] < t->capacity ? &t->firsts[key[0] * t->words] : NULL;
    if (first && first[0] && memcmp(&first[1], &key[1], (t->words - 1) * sizeof *key) == 0) {
        *ret = first[0] - 1;
        return true;
    }
    const uint64_t *other = table_get(&t->others, whole(t, key));
    *ret = other ? (uint32_t)*other : UINT32_MAX;
    return other;
}

static bool make_room(struct number_table *t, size_t number)
{
    size_t wanted = t->capacity ? 2 * t->capacity : 64;
    if (wanted <= number)
        wanted = number + 1;
    size_t one = t->words * sizeof *t->firsts, all;
    uint32_t *grown = __builtin_mul_overflow(wanted, one, &all) ? NULL : arena_resize(t->others.arena, t->firsts, t->capacity * one, all);
    if (!grown)
        return false;
    t->firsts = grown;
    t->capacity = wanted;
    return true;
}

bool number_table_put(struct number_table *t, const uint32_t *key, uint32_t value)
{
    if (key[0] != UINT32_MAX && key[0] >= t->capacity && !make_room(t, key[0]))
        return false;
    uint32_t *first = key[0] < t->capacity ? &t->firsts[key[0] * t->words] : NULL;
    if (first && !first[0]) {
        first[0] = value + 1;
        memcpy(&first[1], &key[1], (t->words - 1) * sizeof *key);
        return true;
    }
    uint32_t *kept = arena_array(t->others.arena, t->words, sizeof *kept);
    if (!kept)
        return false;
    memcpy(kept, key, t->words * sizeof *kept);
    return table_put(&t->others, whole(t, kept), value, NULL) != NULL;
}
