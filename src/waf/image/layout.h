/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside the room: how an image is laid out. A header, records sorted by key, and behind them databases, each where a line
 * of 64 bytes begins, as Hyperscan wants its own memory. Numbers are as this machine writes them; an image is for one kind of
 * machine in any case.
 */
#pragma once

#include <assert.h>

#include "waf/image/key.h"

#define IMAGE_MAGIC  "bulkhead rules\n" /* and its NUL: 16 bytes */
#define IMAGE_FORMAT 2u /* another one when the layout changes, or what a record means */
#define IMAGE_LINE   ((size_t)64)

/*
 * GMAC of fixed parameters: it has to find damage, and who could do harm could as well put another digest. It takes a fifth of
 * the time of SHA-256, which was a sixth of what a load from the image takes.
 */
struct checksum {
    uint8_t at[16];
};

struct image_header {
    uint8_t magic[16];
    struct checksum digest; /* of the whole image, in which these bytes are zero */
    uint8_t unused[16];
    uint64_t length;   /* bytes, of the whole */
    uint64_t records;
    uint32_t format;
    uint32_t tune;     /* hs_platform_info_t, as the next */
    uint64_t features;
    char scanner[64], expressions[64]; /* versions of Hyperscan and PCRE2, filled up with NUL */
    uint8_t reserved[48];
};

struct image_record {
    struct key key;
    uint32_t kind;  /* enum entry_kind */
    uint32_t fact, probe; /* of its entry */
    uint32_t reserved;
    uint64_t offset, length; /* of a database, from the image's first byte; 0: it has none */
};

static_assert(sizeof(struct image_header) == 4 * IMAGE_LINE, "the header is lines");
static_assert(sizeof(struct image_record) == IMAGE_LINE, "a record is a line");
