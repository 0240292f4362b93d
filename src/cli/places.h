/* SPDX-License-Identifier: Apache-2.0 */
/* Where addresses are, for @geoLookup: a database in MaxMind's format, which libmaxminddb reads. */
#pragma once

#include "waf/engine/engine.h"

struct places;

/* NULL: `ret_error` says why, for "FILE: WHY". */
struct places *places_open(const char *path, const char **ret_error) MUST_USE;
/* NULL is fine. */
void places_close(struct places *p);
/* As struct waf_options wants it. Threads may ask at once. */
enum waf_answer places_find(const struct places *p, struct bytes address, struct arena *a, struct waf_place *ret);
