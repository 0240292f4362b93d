/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The daemon of one network: reads events into the records, compares what is realised with what is desired and
 * repairs it, and renews windows of time. It is not in the path: its death changes nothing that is enforced.
 */
#pragma once

#include <stdbool.h>

#include "enforce/failure.h"

/* Runs until SIGTERM or SIGINT, or until the network is gone. False when it could not begin. */
bool agent_run(const char *name, struct failure *f) __attribute__((warn_unused_result));
/* Starts it in the background (PROGRAM agent NAME) and returns when it works. */
bool agent_start(const char *name, struct failure *f) __attribute__((warn_unused_result));
/* Its process; 0: there is none. */
int agent_pid(const char *name);
