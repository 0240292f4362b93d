/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rules that give a value of TX to each of a list's names, for the next of their chain to look among: how the Core Rule Set
 * asks whether one of a message's headers is in a list of its own (920450).
 *
 *     SecRule REQUEST_HEADERS_NAMES "@rx ^.*$" "...,capture,t:lowercase,setvar:'tx.header_name_%{tx.0}=/%{tx.0}/',chain"
 *         SecRule TX:/^header_name_/ "@within %{tx.restricted_headers}" "..."
 *
 * Where none is, the chain leaves nothing behind but those values, and they wait until somebody asks for them (values.h).
 */
#pragma once

#include "base/arena.h"
#include "base/bytes.h"

struct waf_program;
struct waf_transaction;

struct naming {
    struct bytes front;          /* of a value's name; behind it, the text that the rule took */
    struct bytes before, behind; /* of the value, around that text */
    uint32_t target;             /* the rule's */
    uint32_t with;               /* the next rule's operand: the number of a name of TX; NOTHING: a text, which is */
    struct bytes text;
};

/* By rule, NULL for most. NULL when memory is out. */
const struct naming **namings_find(const struct waf_program *p, struct arena *a) MUST_USE;
/* False: the rule is to be run. True: its chain does not match; what it sets is set. */
bool naming_passes(struct waf_transaction *t, uint32_t rule) MUST_USE;
