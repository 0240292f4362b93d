/* SPDX-License-Identifier: Apache-2.0 */
/* What @eq and its like read in a text, and say of two numbers; and what the operators say that compare texts. */
#pragma once

#include "waf/language/words.h"
#include "waf/operator/number.h"
#include "waf/operator/text.h"

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

/* Of one that compares bytes with bytes (operator/text.h). */
static inline bool texts_match(uint8_t operator, struct bytes value, struct bytes argument, struct match *ret)
{
    switch (operator) {
    case OPERATOR_BEGINS_WITH:
        return text_begins_with(value, argument, ret);
    case OPERATOR_ENDS_WITH:
        return text_ends_with(value, argument, ret);
    case OPERATOR_CONTAINS_WORD:
        return text_contains_word(value, argument, ret);
    case OPERATOR_STR_EQ:
        return text_equals(value, argument, ret);
    case OPERATOR_WITHIN:
        return text_within(value, argument, ret);
    default:
        return text_contains(value, argument, ret);
    }
}
