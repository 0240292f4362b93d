/* SPDX-License-Identifier: Apache-2.0 */
/* What `waf inspect` and `waf explain` show alike: values, names of decisions; and how they run the engine. */
#pragma once

#include "base/text.h"
#include "waf/engine/engine.h"

/* Bytes of a value that are shown. */
#define SHOWN_MAX 200

extern const char *const waf_decision_names[]; /* by enum waf_decision */
extern const char *const waf_severity_names[]; /* 0 to 7 */

/* A string of JSON; a NUL cannot be shown and becomes U+FFFD, as bytes that are no UTF-8. */
void waf_show_json(struct bytes b, size_t most, struct text *out);
/* Bytes for a terminal: what is no printable ASCII is shown as in C; SHOWN_MAX of them. */
void waf_show_plain(struct bytes b, struct text *out);
/* The same in so many columns, at least 4; what does not fit gives way to `...`. */
void waf_show_within(struct bytes b, size_t columns, struct text *out);
/* An object of JSON: what matched, with its value unless that is secret. */
void waf_matched_json(const struct waf_matched *m, struct text *out);
/* Does the decision keep the message from its server? */
bool waf_refuses(enum waf_decision d);
/* Values that let others in are not shown: those of cookies, of Authorization, and of what is called a password or token. */
bool waf_is_secret(struct bytes variable);
/* The engine's surroundings: this moment, addresses of this machine. */
struct waf_options waf_options_now(void);
