/* SPDX-License-Identifier: Apache-2.0 */
#include "waf/image/entries.h"
#include "waf/image/libraries.h"

/* A database has at least its header. */
#define DATABASE_MIN 128

static struct image_record record_at(const struct image *i, size_t at)
{
    struct image_record record;
    memcpy(&record, i->whole.at + sizeof(struct image_header) + at * sizeof record, sizeof record);
    return record;
}

/* Its database lies behind what came so far, at the beginning of a line. */
static bool is_placed(const struct image *i, const struct image_record *r, uint64_t *end)
{
    uint64_t behind;
    if (r->offset % IMAGE_LINE || r->offset < *end || r->length < DATABASE_MIN || __builtin_add_overflow(r->offset, r->length, &behind) || behind > i->whole.len)
        return false;
    *end = behind;
    return true;
}

static bool is_record(const struct image *i, const struct image_record *r, uint64_t *end)
{
    if (r->kind != ENTRY_FACT && r->kind != ENTRY_DATABASE)
        return false;
    bool has = r->kind == ENTRY_DATABASE && !r->fact;
    return has ? is_placed(i, r, end) : !r->offset && !r->length;
}

static bool has_records(const struct image *i)
{
    struct image_record before, record;
    uint64_t end = sizeof(struct image_header) + i->records * sizeof record;
    for (size_t k = 0; k < i->records; k++, before = record) {
        record = record_at(i, k);
        if (!is_record(i, &record, &end) || (k && memcmp(before.key.at, record.key.at, KEY_BYTES) >= 0))
            return false;
    }
    return true;
}

/* NULL: it is for this program on this machine. */
static const char *header_complaint(const struct image_header *h)
{
    struct image_header mine;
    if (memcmp(h->magic, IMAGE_MAGIC, sizeof h->magic) != 0)
        return "is no image of compiled rules";
    if (h->format != IMAGE_FORMAT)
        return "was written by another version of this program";
    if (!libraries_write(&mine))
        return "cannot be compared with this machine";
    if (memcmp(h->scanner, mine.scanner, sizeof h->scanner) != 0)
        return "was made with another version of Hyperscan";
    if (memcmp(h->expressions, mine.expressions, sizeof h->expressions) != 0)
        return "was made with another version of PCRE2";
    if (h->tune != mine.tune || h->features != mine.features)
        return "was made for another processor";
    return NULL;
}

bool image_read(struct bytes from, struct image *ret, const char **ret_why)
{
    struct image_header h;
    struct image i = {.whole = from};
    struct checksum digest;
    *ret_why = "is too short to be an image of compiled rules";
    if (from.len < sizeof h)
        return false;
    memcpy(&h, from.at, sizeof h);
    *ret_why = header_complaint(&h);
    if (*ret_why)
        return false;
    *ret_why = "has another length than it says: it was cut, or something was put behind it";
    if (h.length != from.len || h.records > (from.len - sizeof h) / sizeof(struct image_record))
        return false;
    *ret_why = "is damaged: its digest is not that of its contents";
    if (!image_digest(from, &digest) || memcmp(digest.at, h.digest.at, sizeof digest.at) != 0)
        return false;
    *ret_why = "is damaged: its records contradict each other";
    i.records = (size_t)h.records;
    if (!has_records(&i))
        return false;
    *ret = i;
    return true;
}

bool image_find(const struct image *i, const struct key *key, struct image_record *ret)
{
    size_t from = 0, to = i->records;
    while (from < to) {
        size_t middle = from + (to - from) / 2;
        *ret = record_at(i, middle);
        int order = memcmp(key->at, ret->key.at, KEY_BYTES);
        if (order == 0)
            return true;
        *(order < 0 ? &to : &from) = order < 0 ? middle : middle + 1;
    }
    return false;
}
