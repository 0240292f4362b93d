/* SPDX-License-Identifier: Apache-2.0 */
/* libmodsecurity as its nginx module drives it; or, built without it, nothing (waf_peer_none.c). */
#pragma once

#include "waf_contender.h"

struct waf_peer;

bool waf_peer_built(void);
/* Rules from a text that may Include files. False: standard error has what is wrong. */
bool waf_peer_load(const char *text, struct waf_peer **ret) MUST_USE;
void waf_peer_free(struct waf_peer *p);
struct contender waf_peer_contender(struct waf_peer *p);
