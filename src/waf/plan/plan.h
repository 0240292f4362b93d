/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a rule set is run without asking every rule: rules that look for patterns in what a message consists of are told by
 * one scan, over all such values at once, to be candidates or not; only candidates, and the rules that no scan can judge,
 * are run. A candidate may still not match. Immutable, and shared by any number of threads.
 *
 * A group is what may be scanned together: rules of one phase that every message reaches, but for what rules do that look at
 * the message; or that the same gates lead to. A gate is a rule that compares a TX value and jumps over those behind it, such
 * as the Core Rule Set's paranoia levels.
 */
#pragma once

#include <hs/hs.h>

#include "base/arena.h"
#include "waf/image/compiled.h"
#include "waf/language/model.h"
#include "waf/operator/phrases.h"
#include "waf/transform/transform.h"

/* What some targets name, in segments: a segment is what one of them names; exclusions are not looked at, and a selector that
 * is an expression stands for all names. */
struct plan_source {
    const uint32_t *segments;
    uint32_t segment_count;
};

/* Transformations, as they are done before a scan. */
struct plan_chain {
    const uint8_t *steps; /* enum transformation */
    uint32_t step_count;
    uint64_t triggers;    /* bits by enum transformation: without one of these bytes nothing changes */
};

#define PLAN_CHAINS_MAX 64 /* of a group: bits of a word */
#define PLAN_FIRST_VIEWS 64
#define PLAN_NEEDS_MAX 16

/* Texts of plain bytes (patterns.h) alone, in which most of what is looked for cannot be, and others. */
enum text_kind {
    TEXT_PLAIN,
    TEXT_STRANGE,
    TEXT_KINDS,
};
#define TEXT_ANY (1u << TEXT_PLAIN | 1u << TEXT_STRANGE) /* as bits */

/* What a number that a database reports means: the rule may match in a value behind the chain. */
struct plan_pattern {
    uint32_t rule;
    uint8_t chain; /* of the group */
};

struct plan_database {
    const hs_database_t *database; /* NULL: no pattern */
    const struct plan_pattern *patterns;
    uint64_t chains; /* bits by chain: those that some pattern is behind */
    uint16_t needs[PLAN_NEEDS_MAX]; /* sorts of bytes; a text that has no odd byte, nor all of one of these, has nothing of it */
    uint32_t need_count;
};

/* A segment as a group looks at it: each text that the chains make of one is scanned once for each database. */
struct plan_view {
    uint32_t segment;
    bool always;
    uint64_t chains;   /* bits by chain: those of whatever is looked for in it */
    uint64_t triggers; /* of any of these */
};

/* What a group looks for in the values of a source. */
struct plan_look {
    uint32_t source;
    bool always;           /* its chains may change any text */
    const uint32_t *views; /* of its segments */
    uint32_t view_count;
    uint64_t first_views;  /* those of them below PLAN_FIRST_VIEWS, as bits */
    bool has_more_views;
    struct plan_database databases[TEXT_KINDS];
    struct plan_database own; /* for strange texts too: what is behind one chain that much is behind (databases.c) */
    uint8_t own_chain; /* PLAN_CHAINS_MAX: none */
};

struct plan_group {
    uint8_t phase;
    uint64_t gates; /* bits by gate; or GATES_COURSE */
    struct plan_chain *chains;
    struct plan_view *views;
    struct plan_look *looks;
    uint32_t chain_count, view_count, look_count;
    uint64_t behind[TRANSFORMATION_COUNT]; /* by transformation, bits by chain: those that have it */
    uint64_t always;       /* bits by chain: those that may change any text */
    uint64_t *due; /* rules that are looked at so that the group is scanned, and for nothing else */
};

/* A rule of which it can be seen without running it that it does not match: it compares a number, or how many values there are, with
 * a number; or a text with a text. */
struct plan_test {
    enum { TEST_NONE, TEST_NUMBER, TEST_COUNT, TEST_TEXT } kind;
    uint8_t variable, operator; /* of TEST_NUMBER: one value at the most; of TEST_COUNT: a list; of TEST_TEXT: one text of the message, or those of a name */
    bool negated, named;
    uint32_t target; /* that it is of */
    uint32_t part;   /* a macro of TX that it is compared with; or NOTHING, and then */
    int64_t number;  /* with this, as its operator reads it; of TEST_TEXT: with its operand */
};

struct waf_plan {
    size_t words; /* of a set of rules: 64 in each */
    uint64_t *visits[WAF_PHASES]; /* rules that are run in any case, and those where a group's scan may be due */
    uint64_t *heads[WAF_PHASES];  /* of chains: skip counts also those that are removed */
    uint32_t *groups_of;  /* by rule: its group, or NOTHING */
    struct plan_test *tests; /* by rule */
    uint32_t *behind;     /* by rule: the first that asks something else than its test, which fails for all before it; 0: the next */
    uint64_t *light;      /* rules that set variables and jump, and of whose match nothing else is to be seen */
    uint64_t *leaves_nothing; /* rules of chains whose match is as if they had not been asked, where what follows in the chain does not match */
    struct plan_group *groups;
    uint32_t group_count;
    struct plan_source *sources;
    uint32_t *segments; /* by segment: one of the targets that name it */
    uint32_t source_count, segment_count;
    uint64_t triggers[256]; /* by byte: the transformations that it may make change a value, and TRIGGER_... */
    uint64_t triggers_empty; /* of a value without any byte, and so of every value */
    uint64_t triggers_all;   /* of a value with every byte */
};

/* Beside the transformations' bits: its sorts of bytes (patterns.h), and whether one is odd. */
#define TRIGGER_SORTS_SHIFT 40
#define TRIGGER_ODD (UINT64_C(1) << 60)
/* It is not plain (patterns.h); an injection needs such a byte. */
#define TRIGGER_STRANGE (UINT64_C(1) << 61)
#define TRIGGER_SQLI (UINT64_C(1) << 62)
#define TRIGGER_XSS (UINT64_C(1) << 63)

/* Without groups yet. NULL when memory is out. */
struct waf_plan *plan_begin(const struct waf_rule_set *set, struct arena *a) MUST_USE;
/*
 * The groups. `phrases`: by rule, those of @pm and @pmFromFile, else NULL. `reached`: by phase, the rules that every message
 * reaches. False when memory is out. What Hyperscan does not take is run in any case. The databases belong to `c`.
 */
bool plan_compile(struct waf_plan *plan, const struct waf_rule_set *set, const struct phrases *const *phrases, const uint64_t *const reached[WAF_PHASES],
    struct compiled *c, struct arena *a) MUST_USE;
/* No rule writes it while a phase runs, and it is text that a message brings. */
bool variable_is_of_message(uint8_t variable);
/* ...and all of it is there once the request's head is. */
bool variable_is_of_request_head(uint8_t variable);

/* All that something is behind which the look has. */
static inline uint64_t plan_look_chains(const struct plan_look *l)
{
    return l->databases[TEXT_PLAIN].chains | l->databases[TEXT_STRANGE].chains | l->own.chains;
}
static inline bool bits_have(const uint64_t *bits, uint32_t i)
{
    return bits[i / 64] >> (i % 64) & 1;
}
static inline void bits_add(uint64_t *bits, uint32_t i)
{
    bits[i / 64] |= UINT64_C(1) << (i % 64);
}
/* The last that is in the set from `from` to before `to`; NOTHING when there is none. */
static inline uint32_t bits_last(const uint64_t *bits, uint32_t from, uint32_t to)
{
    for (uint32_t end = to; end > from;) {
        uint32_t w = (end - 1) / 64;
        uint64_t rest = bits[w] & (UINT64_MAX >> (63 - (end - 1) % 64)) & (w == from / 64 ? UINT64_MAX << (from % 64) : UINT64_MAX);
        if (rest)
            return w * 64 + 63 - (uint32_t)__builtin_clzll(rest);
        end = w * 64;
    }
    return NOTHING;
}
/* The first that is in the set from `from` on; `words * 64` when there is none. */
static inline uint32_t bits_next(const uint64_t *bits, size_t words, uint32_t from)
{
    for (size_t w = from / 64; w < words; w++) {
        uint64_t rest = bits[w] & (w == from / 64 ? UINT64_MAX << (from % 64) : UINT64_MAX);
        if (rest)
            return (uint32_t)(w * 64) + (uint32_t)__builtin_ctzll(rest);
    }
    return (uint32_t)(words * 64);
}
