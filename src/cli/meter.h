/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How far long work has come, on a terminal: one line on standard error that moves, from the first second on, and is gone
 * at the end. Nothing where standard error is no terminal.
 */
#pragma once

#include <stdbool.h>

#include "enforce/progress.h"

struct meter {
    const char *what; /* "workloads are built" */
    double began;     /* ms, of a monotonic clock */
    double told;
    bool shown;
};

/* The meter must outlive the progress. */
struct progress meter_begin(struct meter *m, const char *what);
/* Takes the line away. */
void meter_end(struct meter *m);
