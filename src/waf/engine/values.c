/* SPDX-License-Identifier: Apache-2.0 */
#include "waf/engine/values.h"

/* From here on names are looked for by their hash. */
#define INDEXED_MIN 12
#define PLACES_FIRST 32

/* Most transactions keep to so many values of TX, and so to memory that is made once. */
#define KNOWN_ROOM 128

static size_t words_of(const struct known_names *names)
{
    return names->count / 64 + 1;
}

/* Of one without a number. */
static void place(struct waf_values *v, uint32_t number)
{
    size_t at = v->items[number].hash & (v->place_count - 1);
    v->items[number].next = 0;
    if (v->places[at].last)
        v->items[v->places[at].last - 1].next = number + 1;
    else
        v->places[at].first = number + 1;
    v->places[at].last = number + 1;
}

static void index_add(struct waf_values *v, uint32_t number)
{
    uint32_t known = v->items[number].known;
    if (known) {
        v->known->indices[known - 1] = number + 1;
        bits_add(v->known->there, known - 1);
        return;
    }
    if (v->known)
        v->known->strangers[v->known->stranger_count++] = number;
    if (v->place_count)
        place(v, number);
}

static void index_all(struct waf_values *v)
{
    struct known_values *k = v->known;
    if (v->place_count)
        memset(v->places, 0, v->place_count * sizeof *v->places);
    if (k) {
        memset(k->indices, 0, k->names->count * sizeof *k->indices);
        memset(k->there, 0, words_of(k->names) * sizeof *k->there);
        k->stranger_count = 0;
    }
    for (uint32_t i = 0; (v->place_count || k) && i < v->count; i++)
        index_add(v, i);
}

bool values_know(struct waf_values *v, const struct known_names *names, struct arena *a)
{
    size_t words = words_of(names);
    struct known_values *k = arena_alloc(a, sizeof *k + words * sizeof *k->there + names->count * sizeof *k->indices);
    struct waf_value *items = arena_buffer(a, KNOWN_ROOM * sizeof *items);
    if (!k || !items)
        return false;
    *k = (struct known_values){.names = names, .arena = a, .there = (uint64_t *)(k + 1), .indices = (uint32_t *)((uint64_t *)(k + 1) + words)};
    *v = (struct waf_values){.items = items, .capacity = KNOWN_ROOM, .known = k};
    return true;
}

size_t values_count_known(const struct waf_values *v, const uint64_t *numbers)
{
    size_t count = 0;
    for (size_t i = 0; i < words_of(v->known->names); i++)
        count += (size_t)__builtin_popcountll(v->known->there[i] & numbers[i]);
    return count;
}

static bool make_room_for_stranger(struct known_values *k, struct arena *a)
{
    uint32_t *grown = arena_grow(a, k->strangers, k->stranger_count, &k->stranger_capacity, sizeof *grown);
    if (grown)
        k->strangers = grown;
    return grown;
}

/* More places, for all that stand there; what has a number needs none. */
static bool make_places(struct waf_values *v, struct arena *a)
{
    size_t places = v->place_count ? v->place_count * 4 : PLACES_FIRST;
    void *grown = arena_array(a, places, sizeof *v->places);
    if (!grown)
        return false;
    v->places = grown;
    v->place_count = places;
    size_t count = v->known ? v->known->stranger_count : v->count;
    for (size_t i = 0; i < count; i++)
        place(v, v->known ? v->known->strangers[i] : (uint32_t)i);
    return true;
}

/* Of a name that has no number; where that counts, it is not there. */
static bool add_stranger(struct waf_values *v, struct waf_value value, struct arena *a)
{
    if ((v->known && !make_room_for_stranger(v->known, a)) || v->count >= UINT32_MAX || !values_append(v, value, a))
        return false;
    index_add(v, (uint32_t)v->count - 1);
    size_t indexed = v->known ? v->known->stranger_count : v->count;
    return indexed < INDEXED_MIN || indexed <= v->place_count * 2 || make_places(v, a);
}

bool values_add_hashed(struct waf_values *v, struct waf_value value, struct arena *a)
{
    uint32_t number = v->known ? known_names_find(v->known->names, value.name, value.hash) : NOTHING;
    return number != NOTHING ? values_lend_known(v, value.variable, number, value.name, value.value, a) : add_stranger(v, value, a);
}

bool values_add(struct waf_values *v, struct waf_value value, struct arena *a)
{
    value.hash = name_hash(value.name);
    return values_add_hashed(v, value, a);
}

/* Not zeroed, as arena_grow does it: they are written one after another. */
static bool make_room(struct waf_values *v, struct arena *a)
{
    size_t more = v->capacity ? v->capacity * 2 : 4, all;
    struct waf_value *grown = __builtin_mul_overflow(more, sizeof *grown, &all) ? NULL : arena_buffer(a, all);
    if (!grown)
        return false;
    if (v->count)
        memcpy(grown, v->items, v->count * sizeof *grown);
    v->items = grown;
    v->capacity = more;
    return true;
}

bool values_append(struct waf_values *v, struct waf_value value, struct arena *a)
{
    if (v->count == v->capacity && !make_room(v, a))
        return false;
    v->items[v->count++] = value;
    return true;
}

/* The number of the first to look at, and of the one behind `i`; `count` when there is none. */
static size_t step(const struct waf_values *v, uint32_t hash, const struct waf_value *after)
{
    if (!v->place_count)
        return after ? (size_t)(after - v->items) + 1 : 0;
    uint32_t number = after ? after->next : v->places[hash & (v->place_count - 1)].first;
    return number ? number - 1 : v->count;
}

/* While there are few. */
static struct waf_value *next_stranger(const struct waf_values *v, struct bytes name, uint32_t hash, const struct waf_value *after)
{
    for (size_t i = 0; i < v->known->stranger_count; i++) {
        struct waf_value *item = &v->items[v->known->strangers[i]];
        if ((!after || item > after) && value_is_named(item, name, hash))
            return item;
    }
    return NULL;
}

struct waf_value *values_next(const struct waf_values *v, struct bytes name, uint32_t hash, const struct waf_value *after)
{
    if (v->known && !v->place_count)
        return next_stranger(v, name, hash, after);
    for (size_t i = step(v, hash, after); i < v->count; i = step(v, hash, &v->items[i]))
        if (value_is_named(&v->items[i], name, hash))
            return &v->items[i];
    return NULL;
}

struct waf_value *values_find(struct waf_values *v, struct bytes name)
{
    if (!v->count)
        return NULL;
    uint32_t hash = name_hash(name), number = v->known ? known_names_find(v->known->names, name, hash) : NOTHING;
    if (number != NOTHING)
        return values_known(v, number);
    return values_settle(v) ? values_next(v, name, hash, NULL) : NULL;
}

void values_clear(struct waf_values *v)
{
    v->count = 0;
    if (v->known)
        v->known->waiting.count = 0;
    index_all(v);
}

bool bytes_copy(struct bytes from, struct arena *a, struct bytes *ret)
{
    char *copy = arena_text(a, from.len ? (const char *)from.at : "", from.len);
    if (!copy)
        return false;
    *ret = bytes_of(copy, from.len);
    return true;
}

bool bytes_join(struct bytes before, struct bytes text, struct bytes behind, struct arena *a, struct bytes *ret)
{
    uint8_t *whole = arena_buffer(a, before.len + text.len + behind.len), *at = whole;
    if (!whole)
        return false;
    at = before.len ? mempcpy(at, before.at, before.len) : at;
    at = text.len ? mempcpy(at, text.at, text.len) : at;
    if (behind.len)
        memcpy(at, behind.at, behind.len);
    *ret = bytes_of(whole, before.len + text.len + behind.len);
    return true;
}

bool bytes_of_number(int64_t n, struct arena *a, struct bytes *ret)
{
    static const char digits[] = "0123456789";
    if (n >= 0 && n <= 9) {
        *ret = bytes_of(&digits[n], 1);
        return true;
    }
    char text[24], *at = text + sizeof text;
    uint64_t rest = n < 0 ? -(uint64_t)n : (uint64_t)n;
    do
        *--at = (char)('0' + rest % 10);
    while (rest /= 10);
    if (n < 0)
        *--at = '-';
    return bytes_copy(bytes_of(at, (size_t)(text + sizeof text - at)), a, ret);
}

bool values_lend(struct waf_values *v, uint8_t variable, struct bytes name, struct bytes value, struct arena *a)
{
    uint32_t hash = name_hash(name), number = v->known ? known_names_find(v->known->names, name, hash) : NOTHING;
    if (number != NOTHING)
        return values_lend_known(v, variable, number, name, value, a);
    if (!values_settle(v))
        return false;
    struct waf_value *there = values_next(v, name, hash, NULL);
    if (there)
        there->value = value;
    return there || add_stranger(v, (struct waf_value){.variable = variable, .hash = hash, .name = name, .value = value}, a);
}

bool values_lend_first(struct waf_values *v, const struct waf_value *items, size_t count)
{
    if (v->count || count > v->capacity || !count)
        return false;
    memcpy(v->items, items, count * sizeof *items);
    v->count = count;
    for (uint32_t i = 0; i < count; i++)
        index_add(v, i);
    return true;
}

bool values_lend_known(struct waf_values *v, uint8_t variable, uint32_t number, struct bytes name, struct bytes value, struct arena *a)
{
    struct waf_value *there = values_known(v, number);
    if (there) {
        there->value = value;
        return true;
    }
    if (v->count >= UINT32_MAX || !values_append(v, (struct waf_value){.variable = variable, .hash = v->known->names->items[number].hash, .known = number + 1, .name = name, .value = value}, a))
        return false;
    v->known->indices[number] = (uint32_t)v->count;
    bits_add(v->known->there, number);
    return true;
}

bool values_set(struct waf_values *v, uint8_t variable, struct bytes name, struct bytes value, struct arena *a)
{
    struct bytes copies[2];
    struct waf_value *there = values_find(v, name);
    if (!bytes_copy(value, a, &copies[1]) || (!there && !bytes_copy(name, a, &copies[0])))
        return false;
    return values_lend(v, variable, there ? there->name : copies[0], copies[1], a);
}

bool values_remove(struct waf_values *v, struct bytes name)
{
    size_t kept = 0;
    if (!values_settle(v))
        return false;
    for (size_t i = 0; i < v->count; i++)
        if (!names_equal(v->items[i].name, name))
            v->items[kept++] = v->items[i];
    v->count = kept;
    index_all(v);
    return true;
}

/* ---- what waits */

static bool put_waiting(struct waf_values *v, const struct waiting_values *w, struct bytes name)
{
    struct bytes value;
    return bytes_join(w->before, bytes_slice(name, w->front, name.len), w->behind, v->known->arena, &value) &&
        values_lend(v, VARIABLE_TX, name, value, v->known->arena);
}

/* What has come since, all of it by names with a number, is taken off and put behind. */
bool values_settle(struct waf_values *v)
{
    if (!v->known || !v->known->waiting.count)
        return true;
    struct waiting_values w = v->known->waiting;
    size_t later = v->count - w.at;
    struct waf_value *kept = arena_buffer(v->known->arena, later * sizeof *kept);
    if (!kept)
        return false;
    v->known->waiting.count = 0;
    memcpy(kept, v->items + w.at, later * sizeof *kept);
    v->count = w.at;
    index_all(v);
    for (size_t i = 0; i < w.count; i++)
        if (!put_waiting(v, &w, w.names[i]))
            return false;
    for (size_t i = 0; i < later; i++) {
        if (!values_append(v, kept[i], v->known->arena))
            return false;
        index_add(v, (uint32_t)v->count - 1);
    }
    return true;
}
