/* SPDX-License-Identifier: Apache-2.0 */
#include "waf/language/names.h"

#include <strings.h>

bool names_equal(struct bytes a, struct bytes b)
{
    return a.len == b.len && (a.len == 0 || strncasecmp((const char *)a.at, (const char *)b.at, a.len) == 0);
}

/* FNV-1a (Fowler, Noll, Vo); case is the bit 0x20, which a few other bytes differ in too: they are told apart by names_equal. */
uint32_t name_hash(struct bytes name)
{
    uint32_t hash = 2166136261u;
    for (size_t i = 0; i < name.len; i++)
        hash = (hash ^ (name.at[i] | 0x20u)) * 16777619u;
    return hash;
}
