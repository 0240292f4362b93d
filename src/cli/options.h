/* SPDX-License-Identifier: Apache-2.0 */
/* What was asked for on the command line of a verb, by GNU conventions; --help of every verb is here. */
#pragma once

#include <stdbool.h>

#include "base/bytes.h"

/* In the place of a letter: the option may be given so many times, and `value` is an array of one more, which NULL ends. */
#define OPTION_LIST     '+'
#define OPTION_LIST_MAX 64

struct option_wanted {
    const char *name;   /* long, without dashes; the table ends with NULL */
    char letter;        /* short, or 0, or OPTION_LIST */
    bool *flag;         /* set when the option is given; or */
    const char **value; /* set to the option's argument, the last one when given twice */
};

struct operands {
    char **items;
    int count;
};

/* Operands of a verb: at least, at most (INT_MAX: any number). */
struct operand_range {
    int least, most;
    bool in_order; /* options end at the first operand, as for env(1) */
};

/*
 * Reads argv by the table; argv[0] is the verb's name. True: go on. False: return `*ret_status`; the help that
 * was asked for, or one line about the wrong usage, has been printed. argv is permuted.
 */
bool options_read(int argc, char **argv, const struct option_wanted *wanted, struct operand_range range,
                  struct operands *ret, int *ret_status) MUST_USE;
/* One line about wrong usage that points to --help. Returns the verb's status for that. */
int wrong_usage(const char *verb, const char *format, ...) __attribute__((format(printf, 2, 3)));
