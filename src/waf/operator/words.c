/* SPDX-License-Identifier: Apache-2.0 */
#include "waf/operator/words.h"

/* In longer values PCRE2 is faster in looking for one. */
#define SHORT_MAX 64

bool words_byte(struct bytes expression, size_t *at, uint8_t *ret)
{
    bool escaped = *at < expression.len && expression.at[*at] == '\\';
    size_t i = *at + escaped;
    uint8_t c = i < expression.len ? expression.at[i] : 0;
    if (c < ' ' || c >= 0x7f || (escaped ? byte_is_alnum(c) : strchr("\\^$.|?*+()[{", c) != NULL))
        return false;
    *ret = c;
    *at = i + 1;
    return true;
}

static bool next_is(struct bytes e, size_t *at, const char *text)
{
    struct bytes wanted = bytes_of_text(text);
    if (!bytes_equal(bytes_slice(e, *at, wanted.len), wanted))
        return false;
    *at += wanted.len;
    return true;
}

/* One text after another, with | between them; each may be empty. */
static bool read_choice(struct bytes e, size_t *at, struct words *w)
{
    size_t used = 0;
    do {
        size_t from = used;
        uint8_t c;
        if (w->count == WORDS_MAX)
            return false;
        while (used < WORDS_TEXT_MAX && words_byte(e, at, &c))
            w->text[used++] = w->caseless ? byte_lower(c) : c;
        w->lens[w->count++] = (uint8_t)(used - from);
    } while (next_is(e, at, "|"));
    return true;
}

void words_read(struct bytes expression, bool caseless, struct words *ret)
{
    size_t at = 0;
    *ret = (struct words){.caseless = caseless};
    ret->begin_line = next_is(expression, &at, "^");
    bool group = next_is(expression, &at, "(?:");
    bool ok = read_choice(expression, &at, ret) && (!group || next_is(expression, &at, ")"));
    ret->end_line = next_is(expression, &at, "$");
    /* without a bracket, an anchor belongs to one of them alone */
    if (!ok || at != expression.len || (!group && ret->count > 1 && (ret->begin_line || ret->end_line)))
        ret->count = 0;
}

/* The first of them that stands at `at`, where it may. */
static bool find_at(const struct words *w, struct bytes value, size_t at, struct match *ret)
{
    size_t from = 0;
    for (size_t i = 0; i < w->count; from += w->lens[i++]) {
        struct bytes word = bytes_of(w->text + from, w->lens[i]), there = bytes_slice(value, at, w->lens[i]);
        if (there.len < word.len || (w->end_line && at + word.len != value.len))
            continue;
        if (w->caseless ? bytes_equal_caseless(there, word) : bytes_equal(there, word)) {
            *ret = (struct match){at, word.len};
            return true;
        }
    }
    return false;
}

enum words_result words_find(const struct words *w, struct bytes value, struct match *ret)
{
    bool lines = w->begin_line || w->end_line;
    if (!w->count || value.len > SHORT_MAX || (lines && value.len && memchr(value.at, '\n', value.len)))
        return WORDS_UNKNOWN;
    size_t last = w->begin_line ? 0 : value.len;
    for (size_t at = 0; at <= last; at++)
        if (find_at(w, value, at, ret))
            return WORDS_YES;
    return WORDS_NO;
}
