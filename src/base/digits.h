/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers in decimal digits, where printf's family would cost more than all around it. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define DIGITS_MAX 20 /* of UINT64_MAX */

/* Returns how many there are. No NUL stands behind them. */
static inline size_t digits_put(uint8_t out[DIGITS_MAX], uint64_t number)
{
    size_t count = 1;
    for (uint64_t left = number; left > 9; left /= 10)
        count++;
    for (size_t i = count; i-- > 0; number /= 10)
        out[i] = (uint8_t)('0' + number % 10);
    return count;
}
