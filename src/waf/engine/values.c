/* SPDX-License-Identifier: Apache-2.0 */
#include "waf/engine/values.h"

#include <stdio.h>
#include <strings.h>

/* Stores with fewer values are looked through one by one. */
#define INDEXED_FROM 32

bool names_equal(struct bytes a, struct bytes b)
{
    return a.len == b.len && (a.len == 0 || strncasecmp((const char *)a.at, (const char *)b.at, a.len) == 0);
}

/* ---- the index: a request can name a variable of TX for each of its arguments */

/* Of the name in lower case. */
static uint64_t digest(const uint64_t seed[2], struct bytes name)
{
    uint64_t sum = name.len;
    uint8_t block[64];
    for (size_t at = 0; at < name.len; at += sizeof block - sizeof sum) {
        struct bytes piece = bytes_slice(name, at, sizeof block - sizeof sum);
        memcpy(block, &sum, sizeof sum);
        for (size_t i = 0; i < piece.len; i++)
            block[sizeof sum + i] = (uint8_t)(piece.at[i] >= 'A' && piece.at[i] <= 'Z' ? piece.at[i] | 0x20 : piece.at[i]);
        sum = siphash(seed, bytes_of(block, sizeof sum + piece.len));
    }
    return sum;
}

static bool index_add(struct waf_values *v, size_t place, struct arena *a)
{
    uint64_t *key = arena_alloc(a, sizeof *key);
    if (!key)
        return false;
    *key = digest(v->index->seed, v->items[place].name);
    return table_put(v->index, bytes_of(key, sizeof *key), place, NULL) != NULL; /* the first of a name stays */
}

static bool index_make(struct waf_values *v, struct arena *a)
{
    v->index = arena_alloc(a, sizeof *v->index);
    if (!v->index)
        return false;
    *v->index = table_new(a, v->seed);
    for (size_t i = 0; i < v->count; i++)
        if (!index_add(v, i, a))
            return false;
    return true;
}

/* It cannot forget. Another is made once there are twice as many values, so that what these take stays in proportion. */
static void index_drop(struct waf_values *v)
{
    v->index = NULL;
    v->next_index = v->count * 2;
}

static bool is_worth_index(const struct waf_values *v)
{
    return !v->index && v->count >= (v->next_index ? v->next_index : INDEXED_FROM);
}

/* ---- values */

bool values_add(struct waf_values *v, struct waf_value value, struct arena *a)
{
    struct waf_value *grown = arena_grow(a, v->items, v->count, &v->capacity, sizeof *grown);
    if (!grown)
        return false;
    v->items = grown;
    grown[v->count++] = value;
    return !v->index || index_add(v, v->count - 1, a);
}

struct waf_value *values_find(const struct waf_values *v, struct bytes name)
{
    if (v->index) {
        uint64_t key = digest(v->index->seed, name);
        const uint64_t *place = table_get(v->index, bytes_of(&key, sizeof key));
        if (!place)
            return NULL;
        if (names_equal(v->items[*place].name, name))
            return &v->items[*place];
    } /* two names of one digest: never by chance */
    for (size_t i = 0; i < v->count; i++)
        if (names_equal(v->items[i].name, name))
            return &v->items[i];
    return NULL;
}

bool bytes_copy(struct bytes from, struct arena *a, struct bytes *ret)
{
    char *copy = arena_text(a, from.len ? (const char *)from.at : "", from.len);
    if (!copy)
        return false;
    *ret = bytes_of(copy, from.len);
    return true;
}

bool bytes_of_number(int64_t n, struct arena *a, struct bytes *ret)
{
    char text[24];
    int len = snprintf(text, sizeof text, "%lld", (long long)n);
    return len > 0 && bytes_copy(bytes_of(text, (size_t)len), a, ret);
}

bool values_set(struct waf_values *v, uint8_t variable, struct bytes name, struct bytes value, struct arena *a)
{
    struct waf_value *there = values_find(v, name);
    struct waf_value new = {.variable = variable};
    if (!bytes_copy(value, a, &new.value))
        return false;
    if (there) {
        there->value = new.value;
        return true;
    }
    return bytes_copy(name, a, &new.name) && values_add(v, new, a) && (!is_worth_index(v) || index_make(v, a));
}

void values_remove(struct waf_values *v, struct bytes name)
{
    size_t kept = 0;
    if (!values_find(v, name))
        return;
    for (size_t i = 0; i < v->count; i++)
        if (!names_equal(v->items[i].name, name))
            v->items[kept++] = v->items[i];
    v->count = kept;
    if (v->index)
        index_drop(v);
}
