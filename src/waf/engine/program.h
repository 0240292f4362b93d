/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A rule set made ready to run: what its operators and selectors look for is compiled once. Immutable, and shared by
 * any number of threads; what one of them needs while it runs is its scratch.
 */
#pragma once

#include "base/diag.h"
#include "waf/engine/known_names.h"
#include "waf/engine/named.h"
#include "waf/engine/prepared.h"
#include "waf/engine/selection.h"
#include "waf/language/model.h"
#include "waf/operator/addresses.h"
#include "waf/operator/phrases.h"
#include "waf/operator/regex.h"
#include "waf/operator/validate.h"
#include "waf/plan/plan.h"
#include "waf/transform/transform.h"

/* What a rule's operator needs; which of them, its kind says. */
struct rule_operand {
    const struct regex *regex; /* NULL also where the expression has macros and is known only when it runs */
    struct phrases phrases;
    struct address_list addresses;
    struct byte_set bytes;
};

struct course;
struct naming;

struct waf_program {
    const struct waf_rule_set *set;
    struct rule_operand *operands;       /* by rule */
    struct known_names names;            /* of TX */
    struct named_variables named;        /* what rules read */
    struct selection *targets;           /* by target: what it selects */
    struct selection *parts;             /* by part: what its macro selects; of a literal one `name` is the text */
    struct selection *actions;           /* by action: what its target selects; of setvar: the name, where it is literal */
    struct prepared_rules prepared;
    const struct unicode_map *unicode;   /* of SecUnicodeMapFile; NULL: none */
    struct waf_plan *plan;               /* NULL: every rule is run */
    const struct naming **namings;       /* by rule; NULL: none, as there is no plan */
    const struct course *course;         /* NULL: none, as there is no plan */
    struct compiled *compiled;           /* what the above is made of; its maker's */
};

/* What is wrong with a rule, told to who loads it; `rule` is an index. */
struct program_error {
    uint32_t rule;
    const char *message; /* in the arena */
};

struct program_errors {
    struct program_error *items;
    size_t count, capacity;
};

/*
 * All in `a`, besides what is compiled: what `c` has is taken from there, the rest is added to it. False: `*ret_errors` says
 * of each rule what does not compile; none is said when memory is out. `set` and `c` must live as long.
 */
bool program_compile_from(const struct waf_rule_set *set, struct compiled *c, struct arena *a, struct waf_program *ret, struct program_errors *ret_errors) MUST_USE;
/* Before any scratch is made: makes it run what may match alone. Seconds, where a rule set is large. False when memory is out. */
bool program_plan(struct waf_program *p, struct arena *a) MUST_USE;
/* Compiles the expressions that have waited for their first use; may be done on threads of their own, which share the work, while messages
 * are inspected, and is to be done before a process gives up making memory executable: what is compiled later is slower then. */
void program_warm(const struct waf_program *p);

struct waf_scratch {
    struct regex_scratch *regex;
    hs_scratch_t *scan;
};

/* One for a thread; serves one program. */
bool scratch_create(const struct waf_program *p, struct waf_scratch *ret) MUST_USE;
void scratch_free(struct waf_scratch *s);
