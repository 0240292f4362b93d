/* SPDX-License-Identifier: Apache-2.0 */
/* The last steps of a workload's own process: its group, its output, its user, and the program. */
#ifndef BULKHEAD_ENFORCE_COMMAND_H
#define BULKHEAD_ENFORCE_COMMAND_H

#include <sys/types.h>

#include "enforce/init.h"

/* For detached sandboxes `output` becomes standard output and error; -1 leaves them. `terminal` is -1 or is
 * given to the command's group. Returns the command's number, when it has been executed, else -1 and the
 * report (REPORT_FAILED). */
pid_t command_start(const struct launch *launch, int output, int terminal, struct report *ret_report);

#endif
