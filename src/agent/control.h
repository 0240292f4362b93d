/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The agent's control socket, /run/bulkhead/NETWORK/control: one question a connection, one word; the answer is one JSON
 * object. Only root of the host is heard: a peer with another uid, or in another PID namespace than the agent's (a
 * workload that got hold of the path), is turned away. What is asked never changes what is enforced.
 */
#pragma once

#include <stdbool.h>

#include "base/text.h"
#include "enforce/failure.h"

/* A listening descriptor, of mode 0600; one that a dead agent left is replaced. */
bool control_listen(const char *network, int *ret_listener, struct failure *f) __attribute__((warn_unused_result));

/* Writes the answer to a question; false: there is no such question. */
typedef bool (*control_answer)(void *argument, const char *question, struct text *out);

/* Serves everybody who waits, and waits for nobody: a peer that does not ask within 100 ms is turned away. */
void control_serve(int listener, control_answer answer, void *argument);

/* Asks the agent of a network; false when it does not answer within 2 s. */
bool control_ask(const char *network, const char *question, struct text *ret) __attribute__((warn_unused_result));
