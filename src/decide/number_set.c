/* SPDX-License-Identifier: Apache-2.0 */
#include "decide/number_set.h"

bool number_set_new(struct arena *a, size_t size, struct number_set *ret)
{
    struct number_set s = {0};
    do {
        size = size / 64 + 1;
        s.levels[s.depth] = arena_array(a, size, sizeof *s.levels[0]);
        if (!s.levels[s.depth++])
            return false;
    } while (size > 1 && s.depth < NUMBER_SET_LEVELS);
    *ret = s;
    return true;
}

uint32_t number_set_next(const struct number_set *s, uint32_t n)
{
    for (unsigned level = 0; level < s->depth; level++, n /= 64) {
        uint64_t above = n % 64 == 63 ? 0 : s->levels[level][n / 64] >> (n % 64 + 1) << (n % 64 + 1);
        if (!above)
            continue;
        n = n / 64 * 64 + (uint32_t)__builtin_ctzll(above);
        while (level-- > 0)
            n = n * 64 + (uint32_t)__builtin_ctzll(s->levels[level][n]);
        return n;
    }
    return UINT32_MAX;
}
