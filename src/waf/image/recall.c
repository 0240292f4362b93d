/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "waf/image/entries.h"
#include "waf/image/probe.h"

/* The library looks at its header, and finds in the probe what was found there when it was made. */
static bool is_sound(struct compiled *c, const hs_database_t *database, const struct image_record *record)
{
    size_t size = 0;
    uint32_t probe = 0;
    return hs_database_size(database, &size) == HS_SUCCESS && size == record->length && database_probe(database, &c->scratch, &probe) && probe == record->probe;
}

static bool is_aligned(const void *at)
{
    return (uintptr_t)at % IMAGE_LINE == 0;
}

/* Through the library's own form, which it checks, to memory of the library's. NULL: it does not take it. */
static hs_database_t *copy_of(struct bytes database)
{
    hs_database_t *ret = NULL;
    char *serial = NULL;
    size_t len = 0;
    void *aligned = NULL;
    if (posix_memalign(&aligned, IMAGE_LINE, database.len) != 0)
        return NULL;
    memcpy(aligned, database.at, database.len);
    size_t size = 0;
    bool whole = hs_database_size(aligned, &size) == HS_SUCCESS && size == database.len;
    if (!whole || hs_serialize_database(aligned, &serial, &len) != HS_SUCCESS || hs_deserialize_database(serial, len, &ret) != HS_SUCCESS)
        ret = NULL;
    free(serial);
    free(aligned);
    return ret;
}

bool database_recall(struct compiled *c, const struct image_record *record, struct entry *e)
{
    e->fact = record->fact;
    e->probe = record->probe;
    if (!record->offset)
        return true;
    struct bytes there = bytes_slice(c->image.whole, (size_t)record->offset, (size_t)record->length);
    const hs_database_t *direct = (const hs_database_t *)(const void *)there.at;
    if (is_aligned(direct) && is_sound(c, direct, record)) {
        e->database = direct;
        return true;
    }
    e->owned = copy_of(there);
    if (e->owned && is_sound(c, e->owned, record)) {
        e->database = e->owned;
        return true;
    }
    hs_free_database(e->owned);
    e->owned = NULL;
    e->fact = 0;
    return false;
}
