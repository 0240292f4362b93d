/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The command line's frame: the table of verbs and the meaning of an exit status. A verb is one function in one
 * file; what verbs share is in options.h (what was asked), input.h (bytes in), load.h (a policy), moment.h
 * (time, chance) and output.h (answers and complaints).
 */
#pragma once

#include "base/bytes.h"

enum status {
    STATUS_YES = 0,    /* yes, or done */
    STATUS_NO = 1,     /* denied, invalid, differs */
    STATUS_CANNOT = 2, /* the question could not be answered; also wrong usage */
};

struct verb {
    const char *name;
    const char *arguments;             /* "FILE", "[NETWORK/]WORKLOAD -- CMD"; for the list of verbs */
    const char *summary;               /* for the list of verbs; starts with a small letter, no full stop */
    const char *help;                  /* all of VERB --help: Usage:, summary, Options:, Examples: */
    int (*run)(int argc, char **argv); /* argv[0] is the verb's name; NULL: not built yet */
    int usage_status;                  /* exit status of wrong usage and of too small a stack; 0 stands for STATUS_CANNOT */
};

/* Ends with an entry without a name. */
extern const struct verb verbs[];
/* NULL when there is none of that name. */
const struct verb *verb_find(const char *name);

int verb_check(int argc, char **argv);
int verb_fmt(int argc, char **argv);
int verb_schema(int argc, char **argv);
int verb_why(int argc, char **argv);
int verb_matrix(int argc, char **argv);
int verb_diff(int argc, char **argv);

/* What needs a running network. Each may be missing from a build: it is then "not built yet". */
int verb_up(int argc, char **argv);
int verb_down(int argc, char **argv);
int verb_apply(int argc, char **argv);
int verb_confirm(int argc, char **argv);
int verb_exec(int argc, char **argv);
int verb_status(int argc, char **argv);
int verb_flows(int argc, char **argv);
int verb_top(int argc, char **argv);
int verb_agent(int argc, char **argv);
int verb_gateway(int argc, char **argv);
int verb_waf(int argc, char **argv);

/* Options of a verb that need a running network: they get the verb's whole command line. May be missing, too.
 */
int why_live(int argc, char **argv);    /* why --live */
int why_flow(int argc, char **argv);    /* why --flow */
int matrix_live(int argc, char **argv); /* matrix --live */
int diff_flows(int argc, char **argv);  /* diff --flows */
