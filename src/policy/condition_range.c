/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ints and times of which only the range is known: what holds of every value in it. What cannot be told is VALUE_ANY,
 * which is never wrong. A range of timestamps is in seconds, rounded outwards.
 */
#include "policy/condition_tree.h"

struct value range_of_field(enum field field)
{
    static const struct {
        int8_t first;
        int16_t last;
    } ranges[] = {[FIELD_MONTH] = {1, 12}, [FIELD_DAY] = {1, 31}, [FIELD_HOUR] = {0, 23}, [FIELD_MINUTE] = {0, 59}, [FIELD_SECOND] = {0, 59},
        [FIELD_WEEKDAY] = {0, 6}, [FIELD_MONTH_ZERO] = {0, 11}, [FIELD_DAY_ZERO] = {0, 30}, [FIELD_YEARDAY] = {0, 365}};
    return field == FIELD_YEAR ? any : of_range(ranges[field].first, ranges[field].last);
}

/* Both ends of an int, a time or a range; false of anything else. */
static bool bounds(const struct value *v, int64_t *first, int64_t *last)
{
    *first = v->kind == VALUE_RANGE ? v->range.first : v->integer;
    *last = v->kind == VALUE_RANGE ? v->range.last : v->integer + (v->kind == VALUE_TIMESTAMP && v->nanoseconds);
    return v->kind == VALUE_RANGE || v->kind == VALUE_INT || v->kind == VALUE_TIMESTAMP || v->kind == VALUE_DURATION;
}

/* `holds` and `fails`: of all values. */
static struct value told(bool holds, bool fails)
{
    return holds || fails ? of_bool(holds) : any;
}

struct value range_compare(enum operation operation, const struct value *a, const struct value *b)
{
    int64_t a_first, a_last, b_first, b_last;
    if (!bounds(a, &a_first, &a_last) || !bounds(b, &b_first, &b_last))
        return any;
    bool apart = a_last < b_first || b_last < a_first, same = a_first == b_last && a_last == b_first;
    switch (operation) {
    case OPERATION_EQUAL: return told(same, apart);
    case OPERATION_UNEQUAL: return told(apart, same);
    case OPERATION_LESS: return told(a_last < b_first, a_first >= b_last);
    case OPERATION_LESS_EQUAL: return told(a_last <= b_first, a_first > b_last);
    case OPERATION_GREATER: return told(a_first > b_last, a_last <= b_first);
    case OPERATION_GREATER_EQUAL: return told(a_first >= b_last, a_last < b_first);
    default: return any;
    }
}

struct value range_in(const struct value *needle, const struct value *items, size_t count)
{
    int64_t first, last;
    if (!bounds(needle, &first, &last))
        return any;
    for (size_t i = 0; i < count; i++) {
        int64_t item_first, item_last;
        if (!bounds(&items[i], &item_first, &item_last) || (item_last >= first && item_first <= last))
            return any;
    }
    return of_bool(false);
}

static bool combine(enum operation operation, int64_t a, int64_t b, int64_t *ret)
{
    switch (operation) {
    case OPERATION_ADD: return !__builtin_add_overflow(a, b, ret);
    case OPERATION_SUBTRACT: return !__builtin_sub_overflow(a, b, ret);
    default: return !__builtin_mul_overflow(a, b, ret);
    }
}

/* The divisor is positive. */
static struct value divide(enum operation operation, int64_t first, int64_t last, int64_t divisor)
{
    if (operation == OPERATION_DIVIDE)
        return of_range(first / divisor, last / divisor);
    if (first >= 0 && first / divisor == last / divisor)
        return of_range(first % divisor, last % divisor);
    return of_range(first < 0 ? 1 - divisor : 0, last > 0 ? divisor - 1 : 0);
}

/* Sums, differences and products are the least and the greatest at the ends of the ranges. */
struct value range_arithmetic(enum operation operation, const struct value *a, const struct value *b)
{
    int64_t left[2], right[2];
    if (!bounds(a, &left[0], &left[1]) || !bounds(b, &right[0], &right[1]))
        return any;
    if (operation == OPERATION_DIVIDE || operation == OPERATION_REMAINDER)
        return right[0] == right[1] && right[0] > 0 ? divide(operation, left[0], left[1], right[0]) : any;
    struct value v = of_range(INT64_MAX, INT64_MIN);
    for (int i = 0; i < 4; i++) {
        int64_t end;
        if (!combine(operation, left[i / 2], right[i % 2], &end))
            return any;
        v.range.first = end < v.range.first ? end : v.range.first;
        v.range.last = end > v.range.last ? end : v.range.last;
    }
    return v;
}

struct value range_of_times(enum operation operation, const struct value *a, bool a_timestamp, const struct value *b, bool b_timestamp)
{
    int64_t left[2], right[2];
    if (!bounds(a, &left[0], &left[1]) || !bounds(b, &right[0], &right[1]))
        return any;
    wide ends[2];
    for (int i = 0; i < 2; i++) {
        wide l = (wide)left[i] * (a_timestamp ? NANOSECONDS : 1);
        wide r = (wide)right[operation == OPERATION_ADD ? i : 1 - i] * (b_timestamp ? NANOSECONDS : 1);
        ends[i] = operation == OPERATION_ADD ? l + r : l - r;
    }
    bool timestamp = a_timestamp != b_timestamp;
    wide first = timestamp ? TIMESTAMP_FIRST : INT64_MIN, last = timestamp ? TIMESTAMP_LAST : INT64_MAX;
    if (timestamp) {
        ends[0] = ends[0] / NANOSECONDS - (ends[0] % NANOSECONDS < 0);
        ends[1] = ends[1] / NANOSECONDS + (ends[1] % NANOSECONDS > 0);
    }
    return ends[0] < first || ends[1] > last ? any : of_range((int64_t)ends[0], (int64_t)ends[1]);
}
