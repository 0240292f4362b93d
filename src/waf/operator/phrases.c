/* SPDX-License-Identifier: Apache-2.0 */
#include "waf/operator/phrases.h"

#include "waf/operator/sound.h"

static bool is_blank(uint8_t c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* What `|...|` stands for, in place of it; other bytes as they are. The result is at most as long as `word`. */
static size_t unescape(struct bytes word, uint8_t *out)
{
    size_t len = 0;
    bool inside = false;
    for (size_t i = 0; i < word.len; i++) {
        int high = hex_value(word.at[i]), low = i + 1 < word.len ? hex_value(word.at[i + 1]) : -1;
        if (word.at[i] == '|')
            inside = !inside;
        else if (inside && high >= 0 && low >= 0) {
            out[len++] = (uint8_t)(high << 4 | low);
            i++;
        } else if (!inside || !is_blank(word.at[i]))
            out[len++] = word.at[i];
    }
    return len;
}

static bool add(struct phrases *p, struct bytes phrase, size_t *capacity, struct arena *a)
{
    struct bytes *grown = arena_grow(a, p->items, p->count, capacity, sizeof *grown);
    char *copy = arena_text(a, phrase.at, phrase.len);
    if (!grown || !copy)
        return false;
    p->items = grown;
    grown[p->count++] = bytes_of(copy, phrase.len);
    return true;
}

static enum phrases_result compile(struct phrases *p, struct compiled *c, struct arena *a)
{
    if (!p->count)
        return PHRASES_OK;
    if (!scanner_is_sound())
        return PHRASES_UNSOUND;
    const char **expressions = arena_array(a, p->count, sizeof *expressions);
    unsigned *flags = arena_array(a, p->count, sizeof *flags), *ids = arena_array(a, p->count, sizeof *ids);
    size_t *lengths = arena_array(a, p->count, sizeof *lengths);
    if (!expressions || !flags || !ids || !lengths || p->count > UINT32_MAX)
        return PHRASES_MEMORY;
    for (size_t i = 0; i < p->count; i++) {
        expressions[i] = (const char *)p->items[i].at;
        lengths[i] = p->items[i].len;
        flags[i] = HS_FLAG_CASELESS;
        ids[i] = (unsigned)i;
    }
    struct database_wanted wanted = {.texts = expressions, .lengths = lengths, .flags = flags, .ids = ids, .count = (unsigned)p->count};
    if (!compiled_databases(c, &wanted, 1))
        return PHRASES_MEMORY;
    p->database = wanted.database;
    return wanted.result == DATABASE_OK ? PHRASES_OK : PHRASES_TOO_MANY;
}

enum phrases_result phrases_of_words(struct bytes argument, struct compiled *c, struct arena *a, struct phrases *ret)
{
    size_t capacity = 0;
    *ret = (struct phrases){0};
    for (size_t at = 0; at < argument.len;) {
        bool inside = false;
        size_t from = at;
        /* A blank between bars separates bytes, not words. */
        for (; at < argument.len && (inside || !is_blank(argument.at[at])); at++)
            inside ^= argument.at[at] == '|';
        struct bytes word = bytes_slice(argument, from, at - from);
        at++;
        if (!word.len)
            continue;
        uint8_t *bytes = arena_alloc(a, word.len);
        if (!bytes)
            return PHRASES_MEMORY;
        struct bytes phrase = bytes_of(bytes, unescape(word, bytes));
        if (phrase.len && !add(ret, phrase, &capacity, a))
            return PHRASES_MEMORY;
    }
    return compile(ret, c, a);
}

enum phrases_result phrases_of_lines(struct bytes text, struct compiled *c, struct arena *a, struct phrases *ret)
{
    size_t capacity = 0;
    *ret = (struct phrases){0};
    for (size_t at = 0; at < text.len;) {
        const uint8_t *end = memchr(text.at + at, '\n', text.len - at);
        size_t len = end ? (size_t)(end - text.at) - at : text.len - at;
        struct bytes line = bytes_slice(text, at, len);
        at += len + 1;
        while (line.len && is_blank(line.at[line.len - 1]))
            line.len--;
        while (line.len && is_blank(line.at[0]))
            line = bytes_slice(line, 1, line.len);
        if (line.len && line.at[0] != '#' && !add(ret, line, &capacity, a))
            return PHRASES_MEMORY;
    }
    return compile(ret, c, a);
}

struct search {
    const struct phrases *phrases;
    bool found;
    unsigned phrase;
    unsigned long long end;
};

/* Hyperscan reports ends in order, phrases with the same end in any. */
static int take(unsigned id, unsigned long long from, unsigned long long to, unsigned flags, void *argument)
{
    struct search *s = argument;
    if (s->found && to != s->end)
        return 1; /* enough */
    if (!s->found || s->phrases->items[id].len > s->phrases->items[s->phrase].len) {
        s->found = true;
        s->phrase = id;
        s->end = to;
    }
    return 0;
}

bool phrases_find(const struct phrases *p, hs_scratch_t *scratch, struct bytes value, struct match *ret, struct bytes *ret_phrase)
{
    struct search s = {.phrases = p};
    if (!p->database || !value.len || value.len > UINT32_MAX)
        return false;
    hs_error_t code = hs_scan(p->database, (const char *)value.at, (unsigned)value.len, 0, scratch, take, &s);
    if ((code != HS_SUCCESS && code != HS_SCAN_TERMINATED) || !s.found)
        return false;
    *ret_phrase = p->items[s.phrase];
    *ret = (struct match){(size_t)s.end - ret_phrase->len, ret_phrase->len};
    return true;
}
