/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Expressions that are no more than a choice of texts, such as `^(?:GET|HEAD)$`, `^$` or `URLENCODED|XML`: what PCRE2 says of
 * them in a short value is said here by comparing. Which values it leaves to PCRE2, this file alone knows.
 */
#pragma once

#include "base/bytes.h"
#include "waf/operator/match.h"

#define WORDS_MAX 8
#define WORDS_TEXT_MAX 64

struct words {
    uint8_t count;              /* 0: it is no such expression */
    bool begin_line, end_line;  /* each of them where a line begins, where it ends */
    bool caseless;
    uint8_t lens[WORDS_MAX];
    uint8_t text[WORDS_TEXT_MAX]; /* one after another; in lower case when caseless */
};

enum words_result {
    WORDS_NO,
    WORDS_YES,
    WORDS_UNKNOWN, /* it is for PCRE2 to say */
};

/* The byte that stands at `*at` of an expression, when it means itself; `*at` is then behind it. */
bool words_byte(struct bytes expression, size_t *at, uint8_t *ret) MUST_USE;
void words_read(struct bytes expression, bool caseless, struct words *ret);
/* The match that PCRE2 finds first. */
enum words_result words_find(const struct words *w, struct bytes value, struct match *ret) MUST_USE;
