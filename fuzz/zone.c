/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as TZif: what parses has offsets within their range, and they change only where it is said. */
#include "policy/zone.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
    if (!holds)
        abort();
}

static void walk(const struct zone *z, int64_t at)
{
    for (int i = 0; i < 300 && at < (int64_t)1 << 54; i++) {
        int64_t next = zone_next_change(z, at);
        int32_t offset = zone_offset(z, at);
        check(next > at);
        check(offset > -25 * 3600 && offset < 26 * 3600);
        int64_t middle = (int64_t)((uint64_t)at + ((uint64_t)next - (uint64_t)at) / 2);
        check(zone_offset(z, next - 1) == offset && zone_offset(z, middle) == offset);
        at = next;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *why;
    struct arena *arena = arena_create(((size_t)1 << 20) + 20 * size);
    check(arena);
    uint8_t *copy = malloc(size ? size : 1);
    check(copy);
    if (size)
        memcpy(copy, data, size);
    const struct zone *z = zone_parse(bytes_of(copy, size), arena, &why);
    free(copy); /* the zone must not need its source any longer */
    check(z || why);
    if (z) {
        walk(z, INT64_MIN);
        walk(z, 0);
        walk(z, 1774746000);
        walk(z, 253402300799);
    }
    arena_destroy(arena);
    return 0;
}
