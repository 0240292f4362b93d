/* SPDX-License-Identifier: Apache-2.0 */
#include "waf/language/names.h"

static uint64_t name_seed[2];

bool names_equal(struct bytes a, struct bytes b)
{
    return bytes_equal_caseless(a, b);
}

void names_seed(const uint64_t seed[2])
{
    if (name_seed[0] || name_seed[1])
        return;
    name_seed[0] = seed[0];
    name_seed[1] = seed[1];
}

/* Up to eight bytes, each as it is without regard to case: case is the bit 0x20, which a few other bytes differ in too; they are told apart by names_equal. */
static uint64_t folded_word(const uint8_t *at, size_t len)
{
    uint64_t word = 0;
    if (len >= sizeof word) {
        memcpy(&word, at, sizeof word);
        return word | UINT64_C(0x2020202020202020);
    }
    for (size_t i = 0; i < len; i++)
        word = word << 8 | at[i] | 0x20;
    return word;
}

/* Both halves of a product, one on the other: each bit of either factor reaches all of it. */
static uint64_t fold(uint64_t a, uint64_t b)
{
    unsigned __int128 product = (unsigned __int128)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

uint32_t name_hash(struct bytes name)
{
    uint64_t sum = name_seed[0] ^ name.len;
    for (size_t at = 0; at < name.len; at += sizeof sum)
        sum = fold(sum ^ folded_word(name.at + at, name.len - at), name_seed[1] ^ UINT64_C(0x9e3779b97f4a7c15));
    return (uint32_t)(sum ^ sum >> 32);
}
