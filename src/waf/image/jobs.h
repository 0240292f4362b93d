/* SPDX-License-Identifier: Apache-2.0 */
/* Work in pieces, on threads that last as long as it does. */
#pragma once

#include <stddef.h>

#define JOBS_THREADS_MAX 64

/*
 * Does each of `count` jobs once, on up to `threads` threads, the caller's among them, and returns when all are done. Where a thread
 * cannot be had, those that there are do its work.
 */
void jobs_run(size_t threads, void (*job)(void *argument, size_t which), void *argument, size_t count);
