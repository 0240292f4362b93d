/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `when`: a subset of CEL (Common Expression Language), typed at check time against a declared context.
 * Pure: the caller passes the facts. A subset of https://github.com/google/cel-spec: literals (int, uint,
 * double, bool, string, list), comparison, && || !, arithmetic, `in`, ?:, member access, size() matches()
 * startsWith() endsWith() contains(), exists(), all(), timestamp(), duration().
 */
#pragma once

#include "base/arena.h"
#include "base/diag.h"
#include "policy/zone.h"

struct condition;

/* The range of a timestamp (s since 1970) is what RFC 3339 can write: years 0001 to 9999. */
#define TIMESTAMP_FIRST INT64_C(-62135596800)
#define TIMESTAMP_LAST INT64_C(253402300799)

enum truth {
    TRUTH_FALSE,
    TRUTH_TRUE,
    TRUTH_UNKNOWN, /* could not be evaluated: an error, or a fact that is not known */
};

/*
 * The facts of one decision. `now` has a resolution of one second (fractions are cut off) and is a timestamp: a
 * moment, the same everywhere. Members of timestamps are in the policy's time zone, at the offset that it has
 * at that timestamp: now.year, now.month (1..12), now.day (1..31), now.hour, now.minute, now.second,
 * now.weekday (0 is Sunday).
 */
struct facts {
    int64_t now;             /* seconds since 1970-01-01T00:00:00Z */
    const struct zone *zone; /* NULL: UTC */
};

/*
 * Parse and type-check the `source` expression, whose first byte stands at `place` in the policy file (a
 * one-line scalar: the column of a diagnostic is place.column plus the offset). The result must be a bool.
 * Facts that the kernel can never know (user, device, request, risk, location ...) are errors that say where
 * such a rule belongs. NULL after a diagnostic.
 */
struct condition *condition_parse(struct bytes source, struct place place, struct arena *arena, struct diags *diags) MUST_USE;

/* Bounded work: matches() is linear-time; evaluation costs are bounded by the parser's limits. */
enum truth condition_evaluate(const struct condition *c, const struct facts *facts);

/* Whether the answer can change with time at all. */
bool condition_depends_on_time(const struct condition *c);
/*
 * The first second in (from, until) at which the answer differs from that at `from`; `until` when there is
 * none. Exact.
 */
int64_t condition_next_change(const struct condition *c, const struct facts *from, int64_t until);

/*
 * Whether it is certain that the answer is one of `truths` (1 << enum truth) at no time; or, between, at no second from that of
 * `from` up to `until`. The second is exact where it is told. From `*left` the steps of evaluations are taken that it took; with
 * none left little is certain.
 */
bool condition_is_never(const struct condition *c, unsigned truths, const struct zone *zone, uint64_t *left) MUST_USE;
bool condition_is_never_between(const struct condition *c, unsigned truths, const struct facts *from, int64_t until, uint64_t *left) MUST_USE;

/*
 * Whether it is certain that between second `from` and `until` the answer goes from one of `truths` to another, or back, more than
 * `count` times within less than `seconds`. So many changes are looked at that a week of a change an hour is seen.
 */
#define CONDITION_OFTEN_MAX 16 /* `count` at most */
bool condition_changes_often(const struct condition *c, unsigned truths, const struct facts *from, int64_t until, unsigned count, int64_t seconds,
    uint64_t *left) MUST_USE;

/* Canonical print; parses again to the same expression. */
void condition_print(const struct condition *c, struct text *out);
/* Structural equality. */
bool condition_equal(const struct condition *a, const struct condition *b);
