/* SPDX-License-Identifier: Apache-2.0 */
/* Time zones made byte by byte (RFC 8536): tests that need one read no files, and say themselves what it is. */
#pragma once

#include <stdlib.h>

#include "base/text.h"
#include "policy/zone.h"

struct tzif {
    char version;         /* 0, or '2' and on */
    const int64_t *times; /* of changes, ascending */
    const uint8_t *types; /* of each change: which offset */
    size_t count;
    const int32_t *offsets; /* s ahead of UTC; the first holds before the first change */
    size_t offset_count;
    const char *footer;   /* without its newlines; of version 2 and on */
    uint32_t leap_seconds; /* records of them, all zeros */
};

static inline void tzif_put(struct text *out, uint64_t value, int octets)
{
    for (int i = octets - 1; i >= 0; i--)
        text_append(out, &(uint8_t){(uint8_t)(value >> 8 * i)}, 1);
}

static inline void tzif_put_block(struct text *out, const struct tzif *t, int width)
{
    text_puts(out, "TZif");
    text_append(out, &t->version, 1);
    tzif_put(out, 0, 8);
    tzif_put(out, 0, 7);
    const uint64_t counts[] = {0, 0, t->leap_seconds, t->count, t->offset_count, 4};
    for (int i = 0; i < 6; i++)
        tzif_put(out, counts[i], 4);
    for (size_t i = 0; i < t->count; i++)
        tzif_put(out, (uint64_t)t->times[i], width);
    text_append(out, t->types, t->count);
    for (size_t i = 0; i < t->offset_count; i++) {
        tzif_put(out, (uint32_t)t->offsets[i], 4);
        tzif_put(out, 0, 2);
    }
    text_append(out, "XYZ", 4);
    for (uint32_t i = 0; i < t->leap_seconds; i++) {
        tzif_put(out, 0, width);
        tzif_put(out, 0, 4);
    }
}

/* In the arena. {NULL, 0}: memory is out. */
static inline struct bytes tzif_make(const struct tzif *t, struct arena *arena)
{
    struct text out = text_new(1 << 20);
    /* The first block of a newer version says something else: nobody may believe it. */
    const struct tzif older = {.version = t->version, .offsets = (const int32_t[]){42}, .offset_count = 1};
    tzif_put_block(&out, t->version ? &older : t, 4);
    if (t->version) {
        tzif_put_block(&out, t, 8);
        text_printf(&out, "\n%s\n", t->footer);
    }
    char *kept = out.failed ? NULL : arena_text(arena, out.at, out.len);
    struct bytes made = bytes_of(kept, kept ? out.len : 0);
    text_free(&out);
    return made;
}

/* A zone without a table, by its POSIX TZ alone. */
static inline struct bytes tzif_of_rule(const char *footer, struct arena *arena)
{
    const struct tzif t = {.version = '3', .offsets = (const int32_t[]){-7}, .offset_count = 1, .footer = footer};
    return tzif_make(&t, arena);
}

#define RESTLESS_FROM INT64_C(1760000000)
#define RESTLESS_STEP 40007
#define RESTLESS_CHANGES 5000

/* The clock is changed every eleven hours, by seconds, by half an hour, by more than a day. */
static inline struct bytes tzif_of_restless(struct arena *arena)
{
    static const int32_t offsets[] = {0, 3600, -16200, 20700, 50400, -39600, 12, 7200};
    static int64_t times[RESTLESS_CHANGES];
    static uint8_t types[RESTLESS_CHANGES];
    for (unsigned i = 0; i < RESTLESS_CHANGES; i++) {
        times[i] = RESTLESS_FROM + (int64_t)i * RESTLESS_STEP;
        types[i] = (uint8_t)((i * i * 5 + i) / 2 % 8);
    }
    const struct tzif t = {'2', times, types, RESTLESS_CHANGES, offsets, 8, "", 0};
    return tzif_make(&t, arena);
}

/* A zone_finder that reads no files: today's rules under real names, and one that there is not. */
static inline struct zone_file zones_made(const char *name, struct arena *arena)
{
    static const char *const known[][2] = {
        {"Europe/Berlin", "CET-1CEST,M3.5.0,M10.5.0/3"},
        {"Europe/Dublin", "IST-1GMT0,M10.5.0,M3.5.0/1"}, /* summer time is the standard, winter's an hour less */
        {"America/New_York", "EST5EDT,M3.2.0,M11.1.0"},
        {"Australia/Lord_Howe", "<+1030>-10:30<+11>-11,M10.1.0,M4.1.0"}, /* south, and by half an hour */
        {"Asia/Kathmandu", "<+0545>-5:45"},
        {"Test/Restless", NULL},
    };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (strcmp(known[i][0], name) != 0)
            continue;
        struct bytes tzif = known[i][1] ? tzif_of_rule(known[i][1], arena) : tzif_of_restless(arena);
        return (struct zone_file){.found = tzif.at ? ZONE_FOUND : ZONE_NO_MEMORY, .tzif = tzif};
    }
    return (struct zone_file){.found = ZONE_UNKNOWN};
}

/* One of these, or by a POSIX TZ ("CET-1"); stops the test when there is none. */
static inline const struct zone *zone_made(const char *name, struct arena *arena)
{
    const char *why;
    struct zone_file file = zones_made(name, arena);
    const struct zone *z = zone_parse(file.found == ZONE_FOUND ? file.tzif : tzif_of_rule(name, arena), arena, &why);
    if (!z)
        abort();
    return z;
}
