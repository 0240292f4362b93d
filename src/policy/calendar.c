/* SPDX-License-Identifier: Apache-2.0 */
/* Both ways count in years that begin in March, and in cycles of 400 years of 146,097 days. */
#include "policy/calendar.h"

#define CYCLE_DAYS 146097
#define EPOCH 719468 /* days from 0000-03-01 to 1970-01-01 */

int64_t days_of_date(int64_t year, unsigned month, unsigned day)
{
    int64_t y = year - (month <= 2), cycle = floor_divide(y, 400), in_cycle = floor_modulo(y, 400);
    int64_t in_year = (153 * (int64_t)(month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
    return cycle * CYCLE_DAYS + in_cycle * 365 + in_cycle / 4 - in_cycle / 100 + in_year - EPOCH;
}

struct date date_of_days(int64_t days)
{
    int64_t cycle = floor_divide(days + EPOCH, CYCLE_DAYS), day = floor_modulo(days + EPOCH, CYCLE_DAYS);
    int64_t year = (day - day / 1460 + day / 36524 - day / 146096) / 365;
    int64_t in_year = day - (365 * year + year / 4 - year / 100);
    int64_t march_month = (5 * in_year + 2) / 153;
    int64_t month = march_month < 10 ? march_month + 3 : march_month - 9;
    struct date d = {.year = year + cycle * 400 + (month <= 2), .month = (unsigned)month};
    d.day = (unsigned)(in_year - (153 * march_month + 2) / 5 + 1);
    d.yearday = (unsigned)(days - days_of_date(d.year, 1, 1));
    return d;
}
