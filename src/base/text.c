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

/* Of a whole sequence. */
static uint32_t code_point(struct bytes b)
{
    uint32_t code = b.len == 1 ? b.at[0] : b.at[0] & (0x7fu >> b.len);
    for (size_t i = 1; i < b.len; i++)
        code = code << 6 | (b.at[i] & 0x3f);
    return code;
}

bool utf8_is_shown(struct bytes b)
{
    static const struct {
        uint32_t first, last;
    } unseen[] = {{0, 0x1f}, {0x7f, 0x9f}, {0x61c, 0x61c}, {0x200e, 0x200f}, {0x2028, 0x202e}, {0x2066, 0x2069}, {0xfeff, 0xfeff}};
    uint32_t code = code_point(b);
    for (size_t i = 0; i < sizeof unseen / sizeof unseen[0]; i++)
        if (code >= unseen[i].first && code <= unseen[i].last)
            return false;
    return true;
}

void text_json(struct text *t, const char *s)
{
    struct bytes all = bytes_of_text(s);
    text_puts(t, "\"");
    for (size_t at = 0; at < all.len;) {
        size_t len = utf8_sequence(bytes_slice(all, at, SIZE_MAX));
        struct bytes c = bytes_slice(all, at, len);
        if (len == 0) {
            text_puts(t, "\xef\xbf\xbd");
            len = 1;
        } else if (c.at[0] == '"' || c.at[0] == '\\') {
            text_printf(t, "\\%c", c.at[0]);
        } else if (c.at[0] == '\n') {
            text_puts(t, "\\n");
        } else if (!utf8_is_shown(c)) {
            text_printf(t, "\\u%04x", code_point(c));
        } else {
            text_append(t, c.at, len);
        }
        at += len;
    }
    text_puts(t, "\"");
}

void text_visible(struct text *t, struct bytes b)
{
    for (size_t at = 0, len; at < b.len; at += len ? len : 1) {
        len = utf8_sequence(bytes_slice(b, at, SIZE_MAX));
        struct bytes c = bytes_slice(b, at, len);
        if (len > 0 && utf8_is_shown(c))
            text_append(t, c.at, len);
        else if (len > 1)
            text_printf(t, "\\u%04x", code_point(c));
        else
            text_printf(t, "\\x%02x", b.at[at]);
    }
}

const char *text_cstr(const struct text *t)
{
    return t->at ? t->at : "";
}
