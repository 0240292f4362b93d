/* SPDX-License-Identifier: Apache-2.0 */
#include "waf/operator/number.h"

static bool is_space(uint8_t c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

int64_t number_of(struct bytes text)
{
    size_t i = 0;
    while (i < text.len && is_space(text.at[i]))
        i++;
    bool negative = i < text.len && text.at[i] == '-';
    if (i < text.len && (text.at[i] == '-' || text.at[i] == '+'))
        i++;
    int64_t n = 0;
    for (; i < text.len && text.at[i] >= '0' && text.at[i] <= '9'; i++) {
        int64_t digit = text.at[i] - '0';
        if (__builtin_mul_overflow(n, 10, &n) || __builtin_add_overflow(n, negative ? -digit : digit, &n))
            return negative ? INT64_MIN : INT64_MAX;
    }
    return n;
}

int64_t number_of_32(struct bytes text)
{
    int64_t n = number_of(text);
    return n >= INT32_MIN && n <= INT32_MAX ? n : 0;
}
