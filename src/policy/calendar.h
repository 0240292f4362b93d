/* SPDX-License-Identifier: Apache-2.0 */
/* The proleptic Gregorian calendar: days since 1970-01-01 to dates and back. Knows no time zones. */
#pragma once

#include <stdint.h>

#define DAY_SECONDS 86400

struct date {
    int64_t year;
    unsigned month;   /* 1..12 */
    unsigned day;     /* 1..31 */
    unsigned yearday; /* 0..365 */
};

static inline int64_t floor_divide(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}
static inline int64_t floor_modulo(int64_t a, int64_t b)
{
    return a % b + (a % b < 0 ? b : 0);
}

/* Days since 1970-01-01. `month`: 1..12. */
int64_t days_of_date(int64_t year, unsigned month, unsigned day);
struct date date_of_days(int64_t days);

/* 0 is Sunday. 1970-01-01 was a Thursday. */
static inline unsigned weekday_of_days(int64_t days)
{
    return (unsigned)floor_modulo(days + 4, 7);
}
