/* SPDX-License-Identifier: Apache-2.0 */
/* What the stages have in common on which links of a host are tried: commands that must succeed, and whether the host is as it was. */
#pragma once

#include "enforce/netns.h"

/* After failure.h: cmocka has a macro named fail. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

void run(const char *command);
void sure(bool done, const struct failure *f);
/* A mount namespace with a /run of its own, and folders for the networks shop and bank. */
bool stage_mounts(struct failure *f);
/* Everything of the host that could be left changed, as one text; each stage has its own. */
char *host_looks(void);
/* Frees the text. */
void host_looks_as(char *before);
