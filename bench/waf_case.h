/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Raw messages that are never twice the same: each holds a token, in one place or many, which is written over in place
 * before each transaction, so that nothing remembered of a message before can help.
 */
#pragma once

#include "base/text.h"

/* Stands where the token goes. Tokens are as long, and letters without vowels: no word that a rule knows. */
#define WAF_TOKEN "qqqqqqqqqqqqqqqq"
#define WAF_TOKEN_LEN (sizeof(WAF_TOKEN) - 1)

struct waf_case {
    char name[128];
    uint8_t *raw;
    size_t len;
    size_t *tokens; /* offsets */
    size_t token_count;
};

struct waf_cases {
    struct waf_case *items;
    size_t count;
};

/* A message with its tokens found; the bytes are copied. */
struct waf_case waf_case_of(const char *name, struct bytes raw);
void waf_case_free(struct waf_case *c);
static inline struct bytes waf_case_bytes(const struct waf_case *c)
{
    return bytes_of(c->raw, c->len);
}
/* Another `number` is another token. */
void waf_case_stamp(struct waf_case *c, uint64_t number);

void waf_cases_add(struct waf_cases *cases, const char *name, struct bytes raw);
void waf_cases_free(struct waf_cases *cases);
/*
 * The files *.http of a folder, by name, each with a header `X-Bench: TOKEN` put behind its first line. What no server
 * would take as HTTP is left out, and standard error says why. False: the folder cannot be read.
 */
bool waf_cases_read(const char *folder, struct waf_cases *ret) MUST_USE;
