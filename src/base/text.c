/* SPDX-License-Identifier: Apache-2.0 */
#include "base/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void text_free(struct text *t)
{
    free(t->at);
    *t = text_new(t->ceiling);
}

/* Room for `more` bytes and a NUL. */
static bool reserve(struct text *t, size_t more)
{
    if (t->failed)
        return false;
    size_t need;
    if (__builtin_add_overflow(t->len, more, &need) || need >= t->ceiling) {
        t->failed = true;
        return false;
    }
    if (need < t->capacity)
        return true;
    size_t capacity = t->capacity ? t->capacity : 256;
    while (capacity <= need)
        capacity *= 2;
    char *moved = realloc(t->at, capacity);
    if (!moved) {
        t->failed = true;
        return false;
    }
    t->at = moved;
    t->capacity = capacity;
    return true;
}

void text_append(struct text *t, const void *bytes, size_t len)
{
    if (!reserve(t, len))
        return;
    if (len)
        memcpy(t->at + t->len, bytes, len);
    t->len += len;
    t->at[t->len] = 0;
}

void text_puts(struct text *t, const char *s)
{
    text_append(t, s, strlen(s));
}

void text_printf(struct text *t, const char *format, ...)
{
    va_list args, again;
    if (!reserve(t, 0))
        return;
    size_t room = t->capacity - t->len; /* that it fits is the rule, and then it is formatted once */
    va_start(args, format);
    va_copy(again, args);
    int len = vsnprintf(t->at + t->len, room, format, args);
    va_end(args);
    if (len < 0)
        t->failed = true;
    else if (!reserve(t, (size_t)len))
        t->at[t->len] = 0;
    else if ((size_t)len >= room)
        vsnprintf(t->at + t->len, (size_t)len + 1, format, again);
    if (!t->failed)
        t->len += (size_t)len;
    va_end(again);
}

size_t utf8_sequence(struct bytes b)
{
    const uint8_t *s = b.at;
    if (b.len == 0)
        return 0;
    if (s[0] < 0x80)
        return 1;
    size_t len = s[0] >= 0xf0 ? 4 : s[0] >= 0xe0 ? 3 : 2;
    if (s[0] < 0xc2 || s[0] > 0xf4 || len > b.len)
        return 0;
    for (size_t i = 1; i < len; i++)
        if ((s[i] & 0xc0) != 0x80)
            return 0;
    if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) || (s[0] == 0xf0 && s[1] < 0x90) ||
        (s[0] == 0xf4 && s[1] > 0x8f))
        return 0;
    return len;
}

void text_json(struct text *t, const char *s)
{
    struct bytes all = bytes_of_text(s);
    text_puts(t, "\"");
    for (size_t at = 0; at < all.len;) {
        const uint8_t *c = all.at + at;
        size_t len = utf8_sequence(bytes_slice(all, at, SIZE_MAX));
        if (len == 0) {
            text_puts(t, "\xef\xbf\xbd");
            len = 1;
        } else if (*c == '"' || *c == '\\') {
            text_printf(t, "\\%c", *c);
        } else if (*c == '\n') {
            text_puts(t, "\\n");
        } else if (*c < 0x20 || *c == 0x7f) {
            text_printf(t, "\\u%04x", *c);
        } else {
            text_append(t, c, len);
        }
        at += len;
    }
    text_puts(t, "\"");
}

const char *text_cstr(const struct text *t)
{
    return t->at ? t->at : "";
}
