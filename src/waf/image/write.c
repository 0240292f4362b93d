/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "waf/image/entries.h"
#include "waf/image/libraries.h"

struct writing {
    const struct entry **items; /* sorted by key */
    struct image_record *records;
    size_t count, len;
};

static int by_key(const void *one, const void *other)
{
    const struct entry *const *a = one, *const *b = other;
    return memcmp((*a)->key.at, (*b)->key.at, KEY_BYTES);
}

/* What was compiled and nobody would find again is left out. */
static bool gather(const struct compiled *c, struct writing *w)
{
    w->items = calloc(c->count + 1, sizeof *w->items);
    w->records = calloc(c->count + 1, sizeof *w->records);
    for (size_t i = 0; w->items && i < c->slot_count; i++)
        if (c->slots[i] && !c->slots[i]->passing)
            w->items[w->count++] = c->slots[i];
    if (w->count)
        qsort(w->items, w->count, sizeof(w->items[0]), by_key);
    return w->items && w->records;
}

/* The next line behind `len`. False: there is none. */
static bool next_line(size_t *len)
{
    if (__builtin_add_overflow(*len, IMAGE_LINE - 1, len))
        return false;
    *len -= *len % IMAGE_LINE;
    return true;
}

static bool place(struct writing *w, size_t at)
{
    const struct entry *e = w->items[at];
    size_t size = 0;
    w->records[at] = (struct image_record){.key = e->key, .kind = e->kind, .fact = e->fact, .probe = e->probe};
    if (!e->database)
        return true;
    if (hs_database_size(e->database, &size) != HS_SUCCESS || !next_line(&w->len))
        return false;
    w->records[at].offset = w->len;
    w->records[at].length = size;
    return !__builtin_add_overflow(w->len, size, &w->len);
}

/*
 * A database's own memory depends on where it began, until it begins at a line: the library puts its code where the next line
 * begins. Put there by the library, it is the same wherever the image is laid later.
 */
static bool put_database(const hs_database_t *database, uint8_t *to)
{
    char *serial = NULL;
    size_t len = 0;
    bool ok = hs_serialize_database(database, &serial, &len) == HS_SUCCESS && hs_deserialize_database_at(serial, len, (hs_database_t *)to) == HS_SUCCESS;
    free(serial);
    return ok;
}

static bool put_all(const struct writing *w, uint8_t *to)
{
    struct image_header h;
    if (!libraries_write(&h))
        return false;
    h.length = w->len;
    h.records = w->count;
    memcpy(to, &h, sizeof h);
    if (w->count)
        memcpy(to + sizeof h, w->records, w->count * sizeof *w->records);
    for (size_t i = 0; i < w->count; i++)
        if (w->records[i].offset && !put_database(w->items[i]->database, to + w->records[i].offset))
            return false;
    return image_seal(to, w->len);
}

bool image_write(const struct compiled *c, uint8_t **ret, size_t *ret_len)
{
    struct writing w = {0};
    bool ok = gather(c, &w);
    w.len = sizeof(struct image_header) + w.count * sizeof *w.records;
    for (size_t i = 0; ok && i < w.count; i++)
        ok = place(&w, i);
    size_t room = w.len;
    uint8_t *made = ok && next_line(&room) ? aligned_alloc(IMAGE_LINE, room) : NULL;
    if (made)
        memset(made, 0, room);
    ok = made && put_all(&w, made);
    free(w.items);
    free(w.records);
    if (!ok) {
        free(made);
        return false;
    }
    *ret = made;
    *ret_len = w.len;
    return true;
}
