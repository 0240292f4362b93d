/* SPDX-License-Identifier: Apache-2.0 */
#include "waf/language/source.h"

#include <stdio.h>

#include "waf/language/words.h"

/* Where the next line begins; NULL: there is none. */
static const uint8_t *next_line(struct bytes text, const uint8_t *from)
{
    const uint8_t *end = text.len ? memchr(from, '\n', (size_t)(text.at + text.len - from)) : NULL;
    return end ? end + 1 : NULL;
}

struct source *source_new(struct arena *arena, const char *name, struct bytes text)
{
    struct source *s = arena_alloc(arena, sizeof *s);
    char *copy = arena_text(arena, name, strlen(name));
    if (!s || !copy || text.len >= UINT32_MAX)
        return NULL;
    size_t lines = 1;
    for (const uint8_t *at = text.at; (at = next_line(text, at));)
        lines++;
    *s = (struct source){.name = copy, .text = text, .diags = diags_new(arena)};
    s->lines = arena_array(arena, lines, sizeof *s->lines);
    if (!s->lines)
        return NULL;
    s->lines[s->line_count++] = 0;
    for (const uint8_t *at = text.at; (at = next_line(text, at));)
        s->lines[s->line_count++] = (uint32_t)(at - text.at);
    return s;
}

/* The index of the line that holds `at`. */
static size_t line_index(const struct source *s, size_t at)
{
    size_t low = 0, high = s->line_count;
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (s->lines[middle] <= at)
            low = middle;
        else
            high = middle;
    }
    return low;
}

uint32_t source_line(const struct source *s, size_t at)
{
    return (uint32_t)line_index(s, at) + 1;
}

struct place piece_place(const struct piece *p)
{
    size_t line = line_index(p->source, p->at);
    size_t width = 0;
    while (width < p->text.len && p->text.at[width] != '\n')
        width++;
    return (struct place){.line = (uint32_t)line + 1, .column = (uint32_t)(p->at - p->source->lines[line]) + 1,
        .width = (uint32_t)width};
}

static bool is_blank(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* A blank, or the backslash of a continuation. */
static bool can_go(struct bytes text, size_t i)
{
    if (is_blank(text.at[i]))
        return true;
    size_t next = i + 1;
    if (next < text.len && text.at[next] == '\r')
        next++;
    return text.at[i] == '\\' && next < text.len && text.at[next] == '\n';
}

struct piece piece_trim(struct piece p)
{
    size_t from = 0, to = p.text.len;
    while (from < to && can_go(p.text, from))
        from++;
    while (to > from && can_go(p.text, to - 1))
        to--;
    return piece_slice(&p, from, to - from);
}

const char *piece_shown(const struct piece *p, char *out, size_t size)
{
    size_t len = p->text.len < size - 4 ? p->text.len : size - 4;
    while (len && len < p->text.len && (p->text.at[len] & 0xc0) == 0x80) /* no character is cut in two */
        len--;
    for (size_t i = 0; i < len; i++)
        out[i] = p->text.at[i] < 0x20 || p->text.at[i] == 0x7f ? ' ' : (char)p->text.at[i];
    snprintf(out + len, size - len, "%s", len < p->text.len ? "..." : "");
    return out;
}

bool unknown_word(const struct piece *word, const char *kind, const char *prefix, const char *const *names, size_t count,
    const struct refused_word *refused)
{
    char shown[80], lower[80], hint[128];
    piece_shown(word, shown, sizeof shown);
    struct diags *d = &word->source->diags;
    const char *why = refused ? word_refused(word->text, refused) : NULL;
    if (why)
        return diag_error(d, piece_place(word), why, "`%s%s` is not supported", prefix, shown);
    const char *found = closest_name(shown, names, count);
    /* closest_name minds case: where that hides the name, one that differs in case alone or nearly so. */
    for (size_t i = 0; !found && i < count; i++) {
        size_t len = strlen(names[i]);
        if (len >= sizeof lower)
            continue;
        for (size_t j = 0; j <= len; j++)
            lower[j] = (char)byte_lower((uint8_t)names[i][j]);
        char folded[80];
        size_t shown_len = strlen(shown);
        for (size_t j = 0; j <= shown_len; j++)
            folded[j] = (char)byte_lower((uint8_t)shown[j]);
        const char *one = lower;
        if (closest_name(folded, &one, 1))
            found = names[i];
    }
    if (found)
        snprintf(hint, sizeof hint, "did you mean `%s%s`?", prefix, found);
    return diag_error(d, piece_place(word), found ? hint : NULL, "`%s%s` is not %s", prefix, shown, kind);
}

bool sources_ok(const struct sources *s)
{
    for (size_t i = 0; i < s->count; i++)
        if (!diags_ok(&s->items[i]->diags))
            return false;
    return !s->out_of_memory;
}

size_t sources_errors(const struct sources *s)
{
    size_t sum = s->out_of_memory ? 1 : 0;
    for (size_t i = 0; i < s->count; i++)
        sum += s->items[i]->diags.errors;
    return sum;
}

size_t sources_warnings(const struct sources *s)
{
    size_t sum = 0;
    for (size_t i = 0; i < s->count; i++)
        sum += s->items[i]->diags.warnings;
    return sum;
}

void sources_print(const struct sources *s, bool color, struct text *out)
{
    for (size_t i = 0; i < s->count; i++)
        diags_print(&s->items[i]->diags, s->items[i]->name, s->items[i]->text, color, out);
    if (s->out_of_memory)
        text_puts(out, "error: out of memory: the rules need more than their budget\n");
}

void sources_print_json(const struct sources *s, struct text *out)
{
    text_puts(out, "[");
    const char *between = "";
    for (size_t i = 0; i < s->count; i++) {
        const struct diags *d = &s->items[i]->diags;
        if (d->errors + d->warnings == 0 && !d->out_of_memory)
            continue;
        text_puts(out, between);
        diags_print_json(d, s->items[i]->name, out);
        if (!out->failed && out->len)
            out->at[--out->len] = 0; /* its newline: the array is one line */
        between = ", ";
    }
    text_puts(out, "]\n");
}
