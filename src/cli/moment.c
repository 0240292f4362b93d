/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/moment.h"

#include <errno.h>
#include <sys/random.h>
#include <time.h>

#include "cli/options.h"

#define DAY 86400

int64_t moment_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return now.tv_sec;
}

bool chance(uint64_t *ret)
{
    ssize_t got;
    do
        got = getrandom(ret, sizeof *ret, 0);
    while (got < 0 && errno == EINTR);
    return got == (ssize_t)sizeof *ret;
}

static bool digit_next(const struct cursor *c)
{
    return cursor_left(c) > 0 && c->all.at[c->at] >= '0' && c->all.at[c->at] <= '9';
}

/* Exactly `digits` of them, a value in [least, most]. */
static bool read_number(struct cursor *c, int digits, int least, int most, int *ret)
{
    int number = 0;
    for (int i = 0; i < digits; i++) {
        uint8_t digit;
        if (!digit_next(c) || !cursor_u8(c, &digit))
            return false;
        number = number * 10 + (digit - '0');
    }
    *ret = number;
    return number >= least && number <= most;
}

/* One octet of `set`; which one. False, and nothing moves, when it is none. */
static bool read_one_of(struct cursor *c, const char *set, char *ret)
{
    if (cursor_left(c) == 0 || c->all.at[c->at] == 0 || !strchr(set, c->all.at[c->at]))
        return false;
    *ret = (char)c->all.at[c->at];
    return cursor_skip(c, 1);
}

static int days_in_month(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return days[month - 1] + (month == 2 && leap);
}

static bool read_date(struct cursor *c, struct tm *ret)
{
    int year, month, day;
    char dash;
    if (!read_number(c, 4, 0, 9999, &year) || !read_one_of(c, "-", &dash) ||
        !read_number(c, 2, 1, 12, &month) || !read_one_of(c, "-", &dash) ||
        !read_number(c, 2, 1, days_in_month(year, month), &day))
        return false;
    ret->tm_year = year - 1900;
    ret->tm_mon = month - 1;
    ret->tm_mday = day;
    return true;
}

static bool read_hour_and_minute(struct cursor *c, int *hour, int *minute)
{
    char colon;
    return read_number(c, 2, 0, 23, hour) && read_one_of(c, ":", &colon) && read_number(c, 2, 0, 59, minute);
}

/* `:SS` and a fraction, where they are; 60 is a leap second. */
static bool read_seconds(struct cursor *c, int *ret)
{
    char ignored;
    *ret = 0;
    if (!read_one_of(c, ":", &ignored))
        return true;
    if (!read_number(c, 2, 0, 60, ret))
        return false;
    if (!read_one_of(c, ".", &ignored))
        return true;
    if (!digit_next(c))
        return false;
    while (digit_next(c))
        if (!cursor_skip(c, 1))
            return false;
    return true;
}

/* Seconds that local time is ahead of UTC. */
static bool read_zone(struct cursor *c, int *ret)
{
    char sign;
    int hours, minutes;
    *ret = 0;
    if (read_one_of(c, "Zz", &sign))
        return true;
    if (!read_one_of(c, "+-", &sign) || !read_hour_and_minute(c, &hours, &minutes))
        return false;
    *ret = (hours * 60 + minutes) * (sign == '-' ? -60 : 60);
    return true;
}

bool moment_parse(const char *text, int64_t now, int64_t *ret)
{
    struct cursor c = cursor_over(bytes_of_text(text));
    struct tm t = {0};
    char between;
    int zone, hour, minute;
    if (read_hour_and_minute(&c, &hour, &minute) && cursor_left(&c) == 0) {
        int64_t today = now - ((now % DAY) + DAY) % DAY;
        *ret = today + hour * 3600 + minute * 60;
        return true;
    }
    c = cursor_over(bytes_of_text(text));
    if (!read_date(&c, &t) || !read_one_of(&c, "Tt ", &between) ||
        !read_hour_and_minute(&c, &t.tm_hour, &t.tm_min) || !read_seconds(&c, &t.tm_sec) ||
        !read_zone(&c, &zone) || cursor_left(&c) != 0)
        return false;
    *ret = (int64_t)timegm(&t) - zone;
    return true;
}

bool moment_asked(const char *verb, const char *at, int64_t *ret, int *ret_status)
{
    int64_t now = moment_now();
    *ret = now;
    if (!at || moment_parse(at, now, ret))
        return true;
    *ret_status = wrong_usage(verb, "--at `%s`: write 2026-11-24T03:00Z, or 03:00 for today (UTC)", at);
    return false;
}

uint64_t processor_nanoseconds(void)
{
    struct timespec t;
    return clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t) == 0 ? (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec : 0;
}

void seconds_print(uint64_t seconds, struct text *out)
{
    static const struct {
        uint64_t seconds;
        const char *one, *several;
    } units[] = {{86400, "day", "days"}, {3600, "h", "h"}, {60, "min", "min"}, {1, "s", "s"}};
    size_t first = seconds < 120 ? 3 : 0;
    while (seconds < units[first].seconds && first < 3)
        first++;
    for (size_t i = first; i < 4 && i < first + 2; i++) {
        uint64_t count = seconds / units[i].seconds;
        seconds %= units[i].seconds;
        if (count || i == first)
            text_printf(out, "%s%llu %s", i > first ? " " : "", (unsigned long long)count, count == 1 ? units[i].one : units[i].several);
    }
}
