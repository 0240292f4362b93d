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

/* The same, followed by ": " and what errno value `error` means, and by what to do where descriptors ran out. */
bool fail_errno(struct failure *f, int error, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* The same, with "(`need` is needed)" between, unless what was tried failed because something ran out: descriptors, memory,
 * processes, namespaces. Then no right and no kernel would have helped. */
bool fail_needing(struct failure *f, int error, const char *need, const char *format, ...) __attribute__((format(printf, 4, 5)));

/* A fork(2) for `what` failed. */
bool fail_fork(struct failure *f, int error, const char *what);

/* Whether the error means that something ran out. */
bool ran_out(int error);

#endif
