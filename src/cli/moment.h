/* SPDX-License-Identifier: Apache-2.0 */
/* Time and chance for the engines, which have neither. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/text.h"

/* s UTC. */
int64_t moment_now(void);
/*
 * RFC 3339 (`2026-11-24T03:00:00Z`, `2026-11-24 03:00:00.5+01:00`), also without seconds
 * (`2026-11-24T03:00Z`), or `HH:MM` of the day of `now`, UTC. Fractions are cut off.
 */
bool moment_parse(const char *text, int64_t now, int64_t *ret) MUST_USE;
/* --at: `at` may be NULL, which is now. False after a complaint about wrong usage (`*ret_status`). */
bool moment_asked(const char *verb, const char *at, int64_t *ret, int *ret_status) MUST_USE;
/* Random, from the kernel. False with errno. */
bool chance(uint64_t *ret) MUST_USE;
/* Processor time of this thread so far. */
uint64_t processor_nanoseconds(void);
/* "90 s", "5 min", "1 h 30 min", "1 day": the two largest units, the rest is cut off. */
void seconds_print(uint64_t seconds, struct text *out);
