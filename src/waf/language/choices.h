/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Values that are one of a few words: what they are called, how they are read and what is printed.
 */
#pragma once

#include "waf/language/source.h"

struct choice {
    const char *name; /* NULL: the end of the table */
    uint8_t value;    /* where several names have one, the first is printed */
};

extern const struct choice switch_choices[];       /* enum waf_switch */
extern const struct choice engine_choices[];       /* enum waf_switch */
extern const struct choice audit_engine_choices[]; /* enum waf_switch */
extern const struct choice processor_choices[];    /* enum body_processor */
extern const struct choice severity_choices[];     /* 0 to 7 */

/* Leaves `*ret` alone after the error that it is not `kind`. */
bool choice_read(const struct piece *p, const struct choice *choices, const char *kind, uint8_t *ret) MUST_USE;
/* "" when no choice has the value. */
const char *choice_name(const struct choice *choices, uint8_t value);
