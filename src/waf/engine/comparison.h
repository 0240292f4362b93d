/* SPDX-License-Identifier: Apache-2.0 */
/* What @eq and its like read in a text, and say of two numbers. */
#pragma once

#include "waf/language/words.h"
#include "waf/operator/number.h"

static inline int64_t operand_number(uint8_t operator, struct bytes text)
{
    if (text.len == 1 && byte_is_digit(text.at[0])) /* nearly always */
        return text.at[0] - '0';
    return operator == OPERATOR_EQ ? number_of_32(text) : number_of(text);
}

static inline bool numbers_match(uint8_t operator, int64_t a, int64_t b)
{
    switch (operator) {
    case OPERATOR_EQ:
        return a == b;
    case OPERATOR_GE:
        return a >= b;
    case OPERATOR_GT:
        return a > b;
    case OPERATOR_LE:
        return a <= b;
    default:
        return a < b;
    }
}
