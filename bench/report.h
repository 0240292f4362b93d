/* SPDX-License-Identifier: Apache-2.0 */
/* What a benchmark found: medians, a table for people, build/bench/NAME.json for machines. */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct report;

struct report *report_new(const char *name);
/* `subject` is the row's case. */
void report_add(struct report *r, const char *subject, uint64_t size, const char *who, double value, const char *unit);
/* Writes build/bench/NAME.json (by a temporary name) and frees. Non-zero when it could not: the exit status. */
int report_finish(struct report *r);
/* The same on standard output, and no file; frees. */
int report_print(struct report *r);
/* Nobody is told. */
void report_free(struct report *r);

/* Of `count` numbers, which are sorted by it. */
double median(double *values, size_t count);
/* Nanoseconds of CLOCK_MONOTONIC; of this thread's processor time, which leaves out other programs' turns; of all threads'. */
uint64_t wall_ns(void);
uint64_t cpu_ns(void);
uint64_t process_ns(void);
