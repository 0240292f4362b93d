/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Answers to standard output, complaints to standard error. An answer that could not be written is no answer:
 * whoever writes one returns what output_text returns.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/text.h"

/* Bytes of one answer at most. */
#define ANSWER_MAX ((size_t)1 << 30)

/* A signal handler instead of death when the reader of our output has gone; does not outlive an exec. */
void output_begin(void);
/* The verb that complaints are from: "bulkhead VERB: ..."; NULL: "bulkhead: ...". Not copied. */
void complain_as(const char *verb);
/* Whether complaints are the answer from now on: as complain_in(true) says them. */
void complain_json(bool json);
/* One line on standard error; control characters of the arguments are shown as text_visible does. Always STATUS_CANNOT. */
int complain(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* The same, but with `json` as {"error": "..."} on standard output. */
int complain_in(bool json, const char *format, ...) __attribute__((format(printf, 2, 3)));

/*
 * Writes the text to standard output and frees it. `status`, or STATUS_CANNOT when it could not be written or
 * the text had failed (too large, no memory); then it has complained.
 */
int output_text(struct text *t, int status) MUST_USE;
/* The same, and the text is emptied but can go on being used. False after a complaint. */
bool output_flush(struct text *t) MUST_USE;

/* What follows a noun behind this number. */
static inline const char *plural(uint64_t count)
{
    return count == 1 ? "" : "s";
}

/* Whether the descriptor is a terminal that takes colours, and nobody asked for none (NO_COLOR). */
bool color_wanted(int fd);
