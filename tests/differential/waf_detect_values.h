/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Values for the injection detectors, by class: attacks from a grammar of what attackers write, and what people
 * and programs send that is none. Any number of values of a class follow from one seed.
 */
#pragma once

#include <stddef.h>

#include "random.h"

enum { VALUE_LONGEST = 2000 };

enum value_kind { VALUE_SQLI, VALUE_XSS, VALUE_BENIGN };

struct value_class {
    enum value_kind kind;
    const char *name;
    const char *symbol; /* of the grammar */
    unsigned mutations; /* how the text is disguised, see waf_detect_values.c */
    unsigned allowance; /* per mille that we may be worse than the peer, and why is in docs/detectors.md */
};

extern const struct value_class value_classes[];
extern const size_t value_class_count;

/* Writes a value of the class and its NUL; returns its length. */
size_t value_generate(const struct value_class *class, struct random *r, char ret[VALUE_LONGEST + 1]);
