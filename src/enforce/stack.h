/* SPDX-License-Identifier: Apache-2.0 */
/* Whether this process may have the stack that any of its work may take: what goes past the limit ends by SIGSEGV. */
#pragma once

#include "enforce/failure.h"

bool stack_suffices(struct failure *f) __attribute__((warn_unused_result));
