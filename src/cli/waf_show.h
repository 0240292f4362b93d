/* SPDX-License-Identifier: Apache-2.0 */
/* What `waf inspect` and `waf explain` show alike, for people; and how they run the engine. */
#pragma once

#include "base/text.h"
#include "waf/log/outcome.h"

/* Bytes for a terminal: what is no printable ASCII is shown as in C; SHOWN_MAX of them. */
void waf_show_plain(struct bytes b, struct text *out);
/* The same in so many columns, at least 4; what does not fit gives way to `...`. */
void waf_show_within(struct bytes b, size_t columns, struct text *out);
/* The engine's surroundings: this moment, addresses of this machine. */
struct waf_options waf_options_now(void);
