/* SPDX-License-Identifier: Apache-2.0 */
/* What a rule's operator looks for, as patterns whose matches Hyperscan reports wherever the operator matches. */
#pragma once

#include "base/arena.h"
#include "waf/language/model.h"
#include "waf/operator/phrases.h"
#include "waf/plan/plan.h"

/* Images keep under this name what was said of an expression: another one once something else is said of the same. */
#define PATTERN_JUDGEMENT "pattern, by syntax of the third kind"

struct pattern {
    const char *text;
    unsigned flags; /* HS_FLAG_... */
    uint32_t rule;
    bool of_kind[TEXT_KINDS]; /* looked for in texts of that kind */
    uint16_t needs; /* sorts of bytes, as bits, without one of which it matches nothing in a value that has no odd byte */
    uint32_t look; /* of its group, and behind which of that one's chains: the caller's */
    uint8_t chain;
};

struct patterns {
    struct compiled *compiled; /* what is known of expressions */
    struct pattern *items;
    size_t count, capacity;
};

enum patterns_result {
    PATTERNS_OK,
    PATTERNS_NONE, /* there is no such pattern: the rule is run in any case */
    PATTERNS_MEMORY,
};

/* Letters, digits and what stands in prose between them: most values have nothing else, and most attacks do. */
bool byte_is_plain(uint8_t byte);

/* Printable ASCII falls into so many sorts; any other byte is odd, and of a value that has one nothing is said. */
#define BYTE_SORTS 16
#define BYTE_SORT_ODD BYTE_SORTS
unsigned byte_sort(uint8_t byte);

/*
 * Appends the rule's. `phrases`: of @pm and @pmFromFile. `caseless`: whatever the operator says of case. Nothing is left
 * behind when the result is not OK.
 */
enum patterns_result patterns_of_rule(const struct waf_rule_set *set, uint32_t rule, const struct phrases *phrases, bool caseless, struct arena *a,
    struct patterns *ret) MUST_USE;
/* May the rule's operator match less when case is left out of account? Its values have to be in lower case then before they are scanned. */
bool pattern_minds_case(const struct waf_rule_set *set, uint32_t rule);
