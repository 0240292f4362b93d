/* SPDX-License-Identifier: Apache-2.0 */
/* The agent's records, read back: a flow and what was decided about it. */
#pragma once

#include <stdbool.h>

#include "decide/decide.h"

struct recorded {
    struct flow flow;
    int64_t time; /* s UTC */
    char reason[40];
    bool allowed;
};

/* False for lines that are not about a flow. */
bool recorded_parse(const char *line, struct recorded *ret) MUST_USE;
/* A record about no flow: of what is no IP, or of what the agent did. */
bool recorded_is_other(const char *line);
/* Each line of a file; stops and returns false when `each` does, or when the file cannot be read. "-" is standard input. */
bool recorded_each(const char *path, bool (*each)(const char *line, void *argument), void *argument) MUST_USE;
/* Each line of what the agent keeps of a network, file by file; those that are not there are passed over. False when `each` said so. */
bool recorded_each_of(const char *network, bool (*each)(const char *line, void *argument), void *argument);
