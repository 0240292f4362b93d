/* SPDX-License-Identifier: Apache-2.0 */
/* What a failed call of this room says: what was tried, on what, and what to do about it. The caller passes
 * the struct in and prints it or not; nothing here prints. The text is whole sentences' worth, cut at its end
 * when it does not fit. */
#ifndef BULKHEAD_ENFORCE_FAILURE_H
#define BULKHEAD_ENFORCE_FAILURE_H

#include <stdbool.h>

struct failure {
    char text[512];
};

/* Formats the text and returns false, so that a caller can write `return fail(f, ...)`. f may be null. */
bool fail(struct failure *f, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The same, followed by ": " and what errno value `error` means. */
bool fail_errno(struct failure *f, int error, const char *format, ...) __attribute__((format(printf, 3, 4)));

#endif
