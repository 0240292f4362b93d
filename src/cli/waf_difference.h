/* SPDX-License-Identifier: Apache-2.0 */
/* What two rule sets made of the same message, and where they differ. It knows no files and prints nothing. */
#pragma once

#include "cli/waf_inspected.h"

enum { OLD, NEW, SIDES };

/* How the rule stands in the other set. */
enum rule_standing {
    RULE_SAME,    /* the same text */
    RULE_WRITTEN, /* another text, or targets and actions that other directives changed */
    RULE_REMOVED, /* by a directive */
    RULE_ABSENT,
};

/* A rule that fired, with all that it matched: each variable once, by name. */
struct fired {
    int64_t id;
    uint32_t rule; /* of its set: the chain's head */
    struct bytes message;
    const struct waf_matched **matched; /* of variables with a name */
    size_t matched_count;
    struct fired *other; /* the same rule on the other side; NULL: it did not fire there */
    /* What it matched on this side alone; all of it where `other` is NULL. */
    const struct waf_matched **own;
    size_t own_count;
    enum rule_standing standing; /* in the other set */
};

struct difference_side {
    const struct waf_rule_set *set;
    const struct inspected *of;
    struct fired *fired; /* by id */
    size_t count;
    const char **limits; /* what was not inspected on this side alone */
    size_t limit_count;
    bool unlogged; /* it refuses, and what does is not among those that fired: a rule that does not log, or a limit */
};

enum difference_kind {
    DIFFERENCE_NONE,
    DIFFERENCE_REFUSED, /* let through before */
    DIFFERENCE_PASSED,  /* refused before */
    DIFFERENCE_OTHER,   /* another refusal, or other rules fire */
};

struct difference {
    struct difference_side sides[SIDES];
    enum difference_kind kind;
    bool verdict; /* decision, status, phase or target of a redirection differ */
    bool unexplained; /* the verdict differs, and nothing else does that could be shown */
};

/* Both must have an outcome, which must live as long. False when memory is out. */
bool difference_find(const struct waf_rule_set *const sets[SIDES], const struct inspected *const of[SIDES], struct arena *a, struct difference *ret) MUST_USE;
