/* SPDX-License-Identifier: Apache-2.0 */
#include "base/find.h"

#include "base/block.h"

/* What takes as many steps as the product of the lengths at the worst is for these alone. */
#define SHORT_MAX 256

/* From `i` on, where both of the first two bytes stand; the second may be the last byte of the text. */
static uint32_t find_pair(struct bytes in, size_t i, uint8_t first, uint8_t second)
{
    size_t left = in.len - i;
    block a = left >= BLOCK ? block_at(in.at + i) : block_of_few(in.at + i, left);
    block b = left > BLOCK ? block_at(in.at + i + 1) : block_of_few(in.at + i + 1, left - 1);
    return block_bits(block_is(a, first) & block_is(b, second)) & (left > BLOCK ? UINT32_MAX : (UINT32_C(1) << (left - 1)) - 1);
}

size_t bytes_find(struct bytes in, struct bytes what)
{
    if (what.len > in.len)
        return FOUND_NOWHERE;
    if (what.len == 1 || in.len > SHORT_MAX) {
        const uint8_t *at = memmem(in.at, in.len, what.at, what.len);
        return at ? (size_t)(at - in.at) : FOUND_NOWHERE;
    }
    for (size_t i = 0; i + what.len <= in.len; i += BLOCK)
        for (uint32_t bits = find_pair(in, i, what.at[0], what.at[1]); bits; bits &= bits - 1) {
            size_t at = i + (size_t)__builtin_ctz(bits);
            if (at + what.len <= in.len && memcmp(in.at + at, what.at, what.len) == 0)
                return at;
        }
    return FOUND_NOWHERE;
}
