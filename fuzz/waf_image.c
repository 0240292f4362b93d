/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as an image of compiled rules: it is refused, or every record of it lies within it and is found. A digest would
 * keep all but damage out, and versions all but what was made here: the input has its own sealed in place of them first.
 * Databases are not used, since what was made to do harm would do it.
 */
#include <stdlib.h>

#include "waf/image/entries.h"
#include "waf/image/libraries.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
    if (!holds)
        abort();
}

/* So that every byte is read where a sanitizer sees it. */
static volatile uint8_t last_read;

static void look_at(const struct image *i)
{
    struct image_record record, found;
    struct key none = {{0}};
    (void)image_find(i, &none, &found);
    for (size_t k = 0; k < i->records; k++) {
        memcpy(&record, i->whole.at + sizeof(struct image_header) + k * sizeof record, sizeof record);
        check(image_find(i, &record.key, &found) && found.offset == record.offset && found.length == record.length);
        check(record.offset <= i->whole.len && record.length <= i->whole.len - record.offset);
        struct bytes payload = bytes_slice(i->whole, (size_t)record.offset, (size_t)record.length);
        check(payload.len == record.length);
        for (size_t b = 0; b < payload.len; b++)
            last_read = payload.at[b];
    }
}

/* What the input says of records and their number; where it was made and its digest are as they have to be. */
static void seal(uint8_t *image, size_t size)
{
    struct image_header h, mine;
    if (size < sizeof h)
        return;
    check(libraries_write(&mine));
    memcpy(&h, image, sizeof h);
    mine.length = size;
    mine.records = h.records;
    memcpy(image, &mine, sizeof mine);
    check(image_seal(image, size));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct image i;
    const char *why;
    uint8_t *copy = malloc(size ? size : 1);
    check(copy);
    if (size)
        memcpy(copy, data, size);
    if (image_read(bytes_of(copy, size), &i, &why))
        look_at(&i);
    seal(copy, size);
    if (image_read(bytes_of(copy, size), &i, &why))
        look_at(&i);
    free(copy);
    return 0;
}
