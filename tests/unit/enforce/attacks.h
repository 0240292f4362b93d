/* SPDX-License-Identifier: Apache-2.0 */
/* What a hostile uid 0 tries inside a sandbox, one function each. The test program runs itself there with
 * "attack NAME"; the functions know nothing of cmocka. */
#ifndef BULKHEAD_TESTS_ENFORCE_ATTACKS_H
#define BULKHEAD_TESTS_ENFORCE_ATTACKS_H

#include <stddef.h>

/* From the host's side of the test, by environment. */
#define ATTACK_DIRECTORY "ATTACK_DIRECTORY" /* visible in the sandbox; holds "socket" and "fifo", both served */
#define ATTACK_TMP_SOCKET "ATTACK_TMP_SOCKET"
#define ATTACK_HOST_PID "ATTACK_HOST_PID"

struct attack {
    const char *name; /* what must be true */
    int (*run)(void); /* 0: it is; else what went wrong: errno, or -1 for "it succeeded" */
};

extern const struct attack attacks[];
extern const size_t attack_count;
#define ATTACKS_BY_NAME_ONLY 4 /* the last ones, which need a setting of their own */

/* Exit status of "attack NAME". */
int attack_run(const char *name);

#endif
