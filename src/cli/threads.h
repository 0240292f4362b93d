/* SPDX-License-Identifier: Apache-2.0 */
/* As many threads as this process has processors, for work that the engines have in pieces. */
#pragma once

#include "waf/image/compiled.h"

/* Where a thread cannot be had, those that there are do its work; the caller's own is one of them. */
struct job_runner threads_lend(void);
