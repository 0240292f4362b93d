/* SPDX-License-Identifier: Apache-2.0 */
#include "waf/engine/values.h"

#include <stdio.h>

bool values_add(struct waf_values *v, struct waf_value value, struct arena *a)
{
    value.hash = name_hash(value.name);
    return values_append(v, value, a);
}

bool values_append(struct waf_values *v, struct waf_value value, struct arena *a)
{
    struct waf_value *grown = arena_grow(a, v->items, v->count, &v->capacity, sizeof *grown);
    if (!grown)
        return false;
    v->items = grown;
    grown[v->count++] = value;
    return true;
}

struct waf_value *values_find(const struct waf_values *v, struct bytes name)
{
    uint32_t hash = name_hash(name);
    for (size_t i = 0; i < v->count; i++)
        if (value_is_named(&v->items[i], name, hash))
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
    return bytes_copy(name, a, &new.name) && values_add(v, new, a);
}

void values_remove(struct waf_values *v, struct bytes name)
{
    size_t kept = 0;
    for (size_t i = 0; i < v->count; i++)
        if (!names_equal(v->items[i].name, name))
            v->items[kept++] = v->items[i];
    v->count = kept;
}
