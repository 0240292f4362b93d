/* SPDX-License-Identifier: Apache-2.0 */
#include "waf/operator/identity.h"

#define SSN_DIGITS 9
#define CPF_DIGITS 11
#define SVNR_DIGITS 10
#define SSN_AREAS 740 /* as ModSecurity bounds them; the last given out before numbers became random was 772 */
#define SSN_AREA_NEVER 666

static bool is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

/* The first `most` digits of the text as numbers; returns how many the text has in all. */
static size_t read_digits(struct bytes text, unsigned *ret, size_t most)
{
    size_t count = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (!is_digit(text.at[i]))
            continue;
        if (count < most)
            ret[count] = (unsigned)(text.at[i] - '0');
        count++;
    }
    return count;
}

static bool all_same(const unsigned *digits, size_t count)
{
    for (size_t i = 1; i < count; i++)
        if (digits[i] != digits[0])
            return false;
    return true;
}

/* 0123456789 and the like, which people type where a number is asked for. */
static bool all_rising(const unsigned *digits, size_t count)
{
    for (size_t i = 1; i < count; i++)
        if (digits[i] != (digits[i - 1] + 1) % 10)
            return false;
    return true;
}

bool card_number_valid(struct bytes text)
{
    unsigned sum = 0;
    bool doubled = false, any = false;
    for (size_t i = text.len; i-- > 0;) {
        if (!is_digit(text.at[i]))
            continue;
        unsigned n = (unsigned)(text.at[i] - '0') * (doubled ? 2 : 1);
        sum = (sum + (n > 9 ? n - 9 : n)) % 10;
        doubled = !doubled;
        any = true;
    }
    return any && sum == 0;
}

bool ssn_valid(struct bytes text)
{
    unsigned d[SSN_DIGITS];
    if (read_digits(text, d, SSN_DIGITS) != SSN_DIGITS || all_same(d, SSN_DIGITS) || all_rising(d, SSN_DIGITS))
        return false;
    unsigned area = d[0] * 100 + d[1] * 10 + d[2], group = d[3] * 10 + d[4], serial = d[5] * 1000 + d[6] * 100 + d[7] * 10 + d[8];
    return area && group && serial && area < SSN_AREAS && area != SSN_AREA_NEVER;
}

/* A check digit of a CPF: the digits before it weigh from `count` + 1 down to 2. */
static unsigned cpf_check(const unsigned *digits, unsigned count)
{
    unsigned sum = 0;
    for (unsigned i = 0; i < count; i++)
        sum += digits[i] * (count + 1 - i);
    return sum % 11 < 2 ? 0 : 11 - sum % 11;
}

bool cpf_valid(struct bytes text)
{
    unsigned d[CPF_DIGITS];
    /* Digits beyond the eleventh are not looked at. */
    return read_digits(text, d, CPF_DIGITS) >= CPF_DIGITS && !all_same(d, CPF_DIGITS) && cpf_check(d, 9) == d[9] && cpf_check(d, 10) == d[10];
}

bool svnr_valid(struct bytes text)
{
    static const unsigned weights[SVNR_DIGITS] = {3, 7, 9, 0, 5, 8, 4, 2, 1, 6};
    unsigned d[SVNR_DIGITS], sum = 0;
    if (read_digits(text, d, SVNR_DIGITS) < SVNR_DIGITS || all_same(d, SVNR_DIGITS) || all_rising(d, SVNR_DIGITS))
        return false;
    for (size_t i = 0; i < SVNR_DIGITS; i++)
        sum += d[i] * weights[i];
    return sum % 11 % 10 == d[3];
}
