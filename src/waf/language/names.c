/* SPDX-License-Identifier: Apache-2.0 */
#include "waf/language/names.h"

#include <strings.h>

#include "base/table.h"

static uint64_t name_seed[2];

bool names_equal(struct bytes a, struct bytes b)
{
    return a.len == b.len && (a.len == 0 || strncasecmp((const char *)a.at, (const char *)b.at, a.len) == 0);
}

void names_seed(const uint64_t seed[2])
{
    if (name_seed[0] || name_seed[1])
        return;
    name_seed[0] = seed[0];
    name_seed[1] = seed[1];
}

/* Case is the bit 0x20, which a few other bytes differ in too: they are told apart by names_equal. Long names go block by block, each with the sum of those before. */
uint32_t name_hash(struct bytes name)
{
    uint64_t sum = name.len;
    uint8_t block[64];
    size_t at = 0;
    do {
        struct bytes piece = bytes_slice(name, at, sizeof block - sizeof sum);
        memcpy(block, &sum, sizeof sum);
        for (size_t i = 0; i < piece.len; i++)
            block[sizeof sum + i] = piece.at[i] | 0x20;
        sum = siphash(name_seed, bytes_of(block, sizeof sum + piece.len));
        at += piece.len;
    } while (at < name.len);
    return (uint32_t)sum;
}
