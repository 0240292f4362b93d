/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is known of a rule and of a target before any transaction, so that running them does not ask again for each value. It says
 * nothing that the rule set does not say.
 */
#pragma once

#include "base/arena.h"
#include "waf/engine/selection.h"
#include "waf/language/model.h"

/* How the values of a target are come by. All but the first hold as long as ctl has taken nothing away. */
enum target_way {
    WAY_GATHERED, /* whatever they are */
    WAY_LISTED,   /* one after another from a list that no rule writes */
    WAY_TEXT,     /* it is one text, which the transaction holds */
    WAY_KNOWN,    /* it is the value of TX whose name has a number */
    WAY_COUNTED,  /* &NAME: how many there are in such a list, or in TX */
};

struct prepared_target {
    uint8_t way;      /* enum target_way */
    uint8_t source;   /* enum variable: the list that the values stand in */
    bool is_name;     /* it is the names of what stands there */
    bool has_forms;   /* of WAY_TEXT: transformations of it are made once, whoever asks */
    bool is_excluded; /* the rule names something that is not looked at, of the same variable */
};

struct prepared_rule {
    bool acts_at_once;     /* a match does something before it is one of the whole chain: it sets variables, names collections... */
    bool marks_at_once;    /* ...or marks what is not shown */
    bool acts_later;       /* once the whole chain has matched, something is done besides */
    bool is_plain;         /* all that is said of such a match is whether it is recorded */
    uint8_t log;           /* enum tristate: whether it is, of one that is plain */
    bool compares;         /* @eq and its like with a number that is known, of values as they are */
    bool needs_form;       /* it transforms, or its operator asks for what a value's bytes trigger */
    bool may_peek;         /* to try its operator on a value leaves nothing behind, and may be done twice */
    struct bytes argument; /* the operand, where it has no macros */
    int64_t number;        /* that @eq and its like read in it */
};

struct prepared_action {
    bool is_known;      /* setvar gives a TX value, whose name has a number, a text that is known */
    struct bytes value; /* the text */
};

struct prepared_rules {
    struct prepared_rule *rules;     /* by rule */
    struct prepared_target *targets; /* by target */
    struct prepared_action *actions; /* by action */
};

/* By enum variable, of those that are names: one more than the list whose names they are; else 0. */
extern const uint8_t variable_named_lists[VARIABLE_COUNT];
/* The list that a variable of names is made of; of any other, itself. */
static inline uint8_t variable_source(uint8_t variable)
{
    uint8_t list = variable_named_lists[variable];
    return list ? (uint8_t)(list - 1) : variable;
}
/* What targets and what actions select: by target, by action. All in `a`; false when memory is out. */
bool prepared_make(const struct waf_rule_set *set, const struct selection *targets, const struct selection *actions, struct arena *a, struct prepared_rules *ret) MUST_USE;
