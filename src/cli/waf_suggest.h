/* SPDX-License-Identifier: Apache-2.0 */
/* Between the files of `waf inspect --suggest`: what silences a rule, and what that opens. */
#pragma once

#include "cli/waf_inspected.h"

/* What still looks for a class of attacks in a variable, once those that fired do not. */
struct protection {
    struct bytes variable, class;
    int64_t *ids; /* of rules that run at this level */
    size_t count;
    size_t higher; /* rules that run at a higher level only */
};

struct suggestion {
    uint32_t rule;          /* the index of its head */
    int64_t id;
    struct bytes message;
    bool sum;               /* of what other rules found: nothing of its own to exclude */
    struct bytes *variables; /* in which it matched and which can be taken from it, each once; of a chain those of its first rule */
    size_t variable_count;
    struct bytes *looked;   /* those of the whole chain */
    size_t looked_count;
    bool whole;             /* no target can be taken from it: `narrow` takes the rule itself away */
    bool blind;             /* without its targets it looks at nothing else, which is the same */
    const char *narrow;     /* for this path alone; put before the rules. NULL: none that does */
    const char *wide;       /* for all paths; put behind the rules. NULL: none that does */
    int64_t *then;          /* ids of rules that fire only now, which this one kept from running */
    size_t then_count;
    struct protection *protections;
    size_t protection_count;
};

struct suggestions {
    struct arena *arena;
    struct bytes path;      /* REQUEST_FILENAME */
    struct suggestion *items;
    size_t count;
    bool all_tried;         /* the narrow ones together */
    enum waf_decision with_all;
    int64_t *left;          /* ids of rules that fire even so */
    size_t left_count;
};

/* ---- waf_exclusion.c: directives */

/* The path of a request as REQUEST_FILENAME has it; false when memory is out. */
bool exclusion_path(struct bytes request, struct arena *a, struct bytes *ret) MUST_USE;
/* `SecRule REQUEST_FILENAME ... ctl:...`; NULL in `*ret` when path or a variable cannot be written in a rule. False when memory is out. */
bool exclusion_narrow(const struct suggestion *s, struct bytes path, int64_t id, struct arena *a, const char **ret) MUST_USE;
/* `SecRuleUpdateTargetById`, or with `whole` SecRuleRemoveById. */
bool exclusion_wide(const struct suggestion *s, struct arena *a, const char **ret) MUST_USE;

/* ---- waf_suggest_print.c */

void waf_suggestions_print(const struct suggestions *all, bool color, struct text *out);
void waf_suggestions_json(const struct suggestions *all, struct text *out);
