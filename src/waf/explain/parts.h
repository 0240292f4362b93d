/* SPDX-License-Identifier: Apache-2.0 */
/* Between the files of this room: how lines are kept, and which file writes which. */
#pragma once

#include "base/text.h"
#include "waf/explain/explain.h"

/* ---- parts.c */

#define EXPLAINED_MAX ((size_t)16 << 20)

/* The text's bytes in the arena, and the text freed; NULL when memory is out. */
const char *explained_keep(struct text *t, struct arena *a) MUST_USE;
bool explained_line(struct explained_lines *l, struct text *t, struct arena *a) MUST_USE;
bool explained_pair(struct explained_pairs *p, const char *name, struct text *meaning, struct arena *a) MUST_USE;
void explained_put(const struct waf_rule_set *set, struct waf_text text, struct text *out);
/* "rule 942100 (FILE:LINE)" */
void explained_place(const struct waf_rule_set *set, uint32_t rule, struct text *out);

/* ---- effects.c: when it fires */

bool explain_effects(const struct waf_rule_set *set, uint32_t head, struct arena *a, struct explained_lines *ret) MUST_USE;

/* ---- changes.c: what switches it, and what changes it */

bool explain_gates(const struct waf_rule_set *set, uint32_t head, struct arena *a, struct explained_lines *ret) MUST_USE;
bool explain_changes(const struct waf_rule_set *set, uint32_t head, struct arena *a, struct explained_lines *ret) MUST_USE;
