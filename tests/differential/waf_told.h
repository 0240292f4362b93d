/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A copy of the Core Rule Set in which every rule that fires says so: `nolog` and `noauditlog` in it are `log` and `auditlog`. Most rules that
 * only count, jump or take others away are seen by it alone.
 */
#pragma once

#include <stdbool.h>

#define TOLD_PATH_MAX 64

/* In a new folder, its name in `path`. */
bool told_make(char path[TOLD_PATH_MAX]) __attribute__((warn_unused_result));
void told_remove(const char *path);
