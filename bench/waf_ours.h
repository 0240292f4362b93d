/* SPDX-License-Identifier: Apache-2.0 */
/* The rule engine as a gateway drives it: one program, an arena for each transaction. */
#pragma once

#include "waf/language/model.h"
#include "waf_contender.h"

struct waf_ours;

/* Reads, checks and compiles rules from a text that may Include files, on all processors. False: standard error has what is wrong. */
bool waf_ours_load(struct bytes text, struct waf_ours **ret) MUST_USE;
/* The same with what is in an image, which must have all of it and live as long. */
bool waf_ours_load_from(struct bytes text, struct bytes image, struct waf_ours **ret) MUST_USE;
/* What was compiled. False when memory is out. The caller frees `*ret`. */
bool waf_ours_image(const struct waf_ours *w, uint8_t **ret, size_t *ret_len) MUST_USE;
/* The first use of each expression. */
void waf_ours_warm(const struct waf_ours *w);
void waf_ours_free(struct waf_ours *w);
struct contender waf_ours_contender(struct waf_ours *w);
const struct waf_rule_set *waf_ours_set(const struct waf_ours *w);
/* Rules as a user counts them: a chain is one, a marker none. */
size_t waf_ours_rules(const struct waf_ours *w);
/* Bytes that the arena of a transaction has taken from the system after transaction_request_head. */
size_t waf_ours_memory(struct waf_ours *w, struct bytes request);
