/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A time zone: how far local time is ahead of UTC, at every moment. Read from TZif (RFC 8536, versions 1 to 4), the
 * form in which the names of time zones are installed: a table of changes, and a rule for the time after the last
 * of them. Keeps neither names nor abbreviations, and knows no files: who parses a policy finds the bytes.
 */
#pragma once

#include "base/arena.h"

struct zone;

/*
 * NULL: `*ret_why` says what is wrong with the bytes (a text that stays), or is NULL: memory is out. Keeps nothing
 * of `tzif`. Zones that count leap seconds ("right/") are refused: their moments are not those of UTC.
 */
struct zone *zone_parse(struct bytes tzif, struct arena *arena, const char **ret_why) MUST_USE;

/* Seconds, -89,999 to 93,599, to add for local time at `at` (s since 1970, UTC). A zone of NULL is UTC. */
int32_t zone_offset(const struct zone *z, int64_t at);
/* The first second behind `at` at which there may be another offset; INT64_MAX: the same for ever. */
int64_t zone_next_change(const struct zone *z, int64_t at);

enum zone_found {
    ZONE_FOUND,
    ZONE_UNKNOWN,   /* no zone has that name */
    ZONE_NO_DATA,   /* no names are known here at all */
    ZONE_NO_MEMORY,
};

/* What a look-up of a name gives. */
struct zone_file {
    enum zone_found found;
    struct bytes tzif;    /* ZONE_FOUND */
    const char *closest;  /* ZONE_UNKNOWN: the name that was perhaps meant, or NULL */
};

/* How a parser finds the zone that a policy names; what it gives lives in the arena. */
typedef struct zone_file zone_finder(const char *name, struct arena *arena);
