/* SPDX-License-Identifier: Apache-2.0 */
#include "waf/store/variable.h"

#include <stdio.h>

#include "waf/operator/number.h"

int64_t saturating_add(int64_t a, int64_t b)
{
    int64_t sum;
    return !__builtin_add_overflow(a, b, &sum) ? sum : b < 0 ? INT64_MIN : INT64_MAX;
}

static void set(struct variable_state *v, struct bytes value, int64_t now)
{
    *v = (struct variable_state){.exists = true, .value = value, .expires = v->exists ? v->expires : VARIABLE_STAYS, .since = now};
}

/* What is added to a positive one does not begin anew the time since it was last lowered. */
static void set_number(struct variable_state *v, int64_t n, int64_t now, char digits[VARIABLE_DIGITS])
{
    bool positive = v->exists && number_of_32(v->value) > 0;
    int64_t since = v->since, rest = v->rest;
    int len = snprintf(digits, VARIABLE_DIGITS, "%lld", (long long)n);
    set(v, bytes_of(digits, (size_t)len), now);
    if (positive) {
        v->since = since;
        v->rest = rest;
    }
}

/* What is to be taken from it by now; what is left of a whole one is kept for later. */
static int64_t due(struct variable_state *v, const struct waf_change *change, int64_t now)
{
    int64_t passed, whole;
    if (now <= v->since)
        return 0;
    bool large = __builtin_sub_overflow(now, v->since, &passed) || __builtin_mul_overflow(passed, change->number, &whole) || __builtin_add_overflow(whole, v->rest, &whole);
    v->since = now;
    v->rest = large ? 0 : whole % change->period;
    return large ? INT64_MAX : whole / change->period;
}

static bool deprecate(struct variable_state *v, const struct waf_change *change, int64_t now, char digits[VARIABLE_DIGITS])
{
    int64_t before = number_of_32(v->value), after = saturating_add(before, -due(v, change, now));
    if (after < 0)
        after = 0;
    if (after == before)
        return false;
    set_number(v, after, now, digits);
    return true;
}

bool variable_change(struct variable_state *v, const struct waf_change *change, int64_t now, char digits[VARIABLE_DIGITS])
{
    if (v->exists && v->expires <= now)
        v->exists = false;
    bool there = v->exists;
    switch ((enum waf_change_kind)change->kind) {
    case CHANGE_SET:
        set(v, change->value, now);
        return true;
    case CHANGE_ADD:
        set_number(v, saturating_add(there ? number_of_32(v->value) : 0, change->number), now, digits);
        return true;
    case CHANGE_REMOVE:
        v->exists = false;
        return there;
    case CHANGE_EXPIRE:
        if (there)
            v->expires = change->number;
        return there;
    case CHANGE_DEPRECATE:
        return there && change->period > 0 && deprecate(v, change, now, digits);
    case CHANGE_TIMEOUT:
        return true;
    }
    return false;
}
