/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A growing text with a ceiling. Once an append fails (ceiling or memory) the text is `failed` and later
 * appends do nothing, so that a writer checks once, at its end.
 */
#pragma once

#include "base/bytes.h"

struct text {
    char *at; /* NUL-terminated when not NULL */
    size_t len, capacity, ceiling;
    bool failed;
};

static inline struct text text_new(size_t ceiling)
{
    return (struct text){.ceiling = ceiling};
}
void text_free(struct text *t);
void text_append(struct text *t, const void *bytes, size_t len);
void text_puts(struct text *t, const char *s);
void text_printf(struct text *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* `s` as a JSON string with its quotes (RFC 8259); bytes that are not UTF-8 become U+FFFD, and what is not shown (below) is
 * escaped. */
void text_json(struct text *t, const char *s);
/* `b` for a terminal: bytes that are not UTF-8 and what is not shown become \x1b, \u202e. */
void text_visible(struct text *t, struct bytes b);
/* Length of the UTF-8 sequence that `b` begins with (RFC 3629), 0 when it is none. */
size_t utf8_sequence(struct bytes b);
/* Whether a terminal shows the UTF-8 sequence that `b` is as a character. It obeys controls (C0, DEL, C1), and marks that turn the
 * direction of writing, part lines or mark the order of bytes make a text look like another. */
bool utf8_is_shown(struct bytes b);
/* The text so far; "" when empty. */
const char *text_cstr(const struct text *t);
