/* SPDX-License-Identifier: Apache-2.0 */
#include "base/diag.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static bool continues_character(uint8_t c)
{
    return (c & 0xc0) == 0x80;
}

static void add(struct diags *d, enum severity s, struct place p, const char *hint, const char *format, va_list args)
{
    if (s == SEVERITY_ERROR)
        d->errors++;
    else
        d->warnings++;
    if (d->count >= DIAGS_MAX)
        return;
    char message[1024];
    int len = vsnprintf(message, sizeof message, format, args);
    if (len >= (int)sizeof message) { /* cut, but not within a character */
        size_t end = sizeof message - 2;
        while (end > 0 && continues_character((uint8_t)message[end]))
            end--;
        if ((uint8_t)message[end] >= 0x80)
            message[end] = 0;
    }
    struct diag *items = arena_grow(d->arena, d->items, d->count, &d->capacity, sizeof *items);
    char *copy = arena_text(d->arena, message, strlen(message));
    char *hint_copy = hint ? arena_text(d->arena, hint, strlen(hint)) : NULL;
    if (items)
        d->items = items;
    if (!items || !copy || (hint && !hint_copy)) {
        d->out_of_memory = true;
        return;
    }
    items[d->count++] = (struct diag){s, p, copy, hint_copy};
}

bool diag_error(struct diags *d, struct place p, const char *hint, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    add(d, SEVERITY_ERROR, p, hint, format, args);
    va_end(args);
    return false;
}

bool diag_warning(struct diags *d, struct place p, const char *hint, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    add(d, SEVERITY_WARNING, p, hint, format, args);
    va_end(args);
    return false;
}

static bool comes_after(const struct diag *a, const struct diag *b)
{
    if (a->place.line != b->place.line)
        return a->place.line > b->place.line;
    if (a->place.column != b->place.column)
        return a->place.column > b->place.column;
    return a->severity > b->severity;
}

/* Insertion sort: stable, at most DIAGS_MAX entries, mostly in order already. */
void diags_sort(struct diags *d)
{
    for (size_t i = 1; i < d->count; i++) {
        struct diag moving = d->items[i];
        size_t at = i;
        for (; at > 0 && comes_after(&d->items[at - 1], &moving); at--)
            d->items[at] = d->items[at - 1];
        d->items[at] = moving;
    }
}

/* Walks forward over the source's lines; diagnostics are mostly asked for in order. */
struct line_finder {
    struct bytes source;
    size_t at;
    uint32_t line;
};

static struct bytes line_find(struct line_finder *f, uint32_t line)
{
    if (line < f->line)
        *f = (struct line_finder){.source = f->source, .line = 1};
    while (f->line < line && f->at < f->source.len) {
        const uint8_t *end = memchr(f->source.at + f->at, '\n', f->source.len - f->at);
        f->at = end ? (size_t)(end - f->source.at) + 1 : f->source.len;
        f->line++;
    }
    struct bytes rest = bytes_slice(f->source, f->at, SIZE_MAX);
    const uint8_t *end = rest.len ? memchr(rest.at, '\n', rest.len) : NULL;
    if (end)
        rest.len = (size_t)(end - rest.at);
    if (rest.len && rest.at[rest.len - 1] == '\r')
        rest.len--;
    return rest;
}

/* Columns of a source line that are shown around the caret at most. */
#define SHOWN 100

static void print_caret(struct bytes line, struct place p, bool color, struct text *out)
{
    size_t from = p.column > SHOWN ? p.column - SHOWN / 2 : 0;
    while (from < line.len && continues_character(line.at[from])) /* no character is cut in two */
        from++;
    struct bytes shown = bytes_slice(line, from, SHOWN + 20);
    while (shown.len && from + shown.len < line.len && continues_character(line.at[from + shown.len]))
        shown.len--;
    text_printf(out, "%6u | ", p.line);
    for (size_t i = 0, len; i < shown.len; i += len ? len : 1) {
        len = utf8_sequence(bytes_slice(shown, i, SIZE_MAX));
        if (shown.at[i] == '\t')
            text_puts(out, " ");
        else if (len == 0 || !utf8_is_shown(bytes_slice(shown, i, len))) /* one column, as the caret's line counts it */
            text_puts(out, "?");
        else
            text_append(out, shown.at + i, len);
    }
    text_puts(out, "\n       | ");
    size_t column = p.column ? p.column - 1 : 0;
    for (size_t i = from; i < column && i - from < shown.len; i++)
        if (!continues_character(shown.at[i - from])) /* one column for each UTF-8 character */
            text_puts(out, " ");
    text_puts(out, color ? "\x1b[1;32m^" : "^");
    for (uint32_t i = 1; i < p.width && column + i < from + shown.len; i++)
        if (column + i >= from && !continues_character(shown.at[column + i - from]))
            text_puts(out, "~");
    text_puts(out, color ? "\x1b[0m\n" : "\n");
}

void diags_print(const struct diags *d, const char *file, struct bytes source, bool color, struct text *out)
{
    struct line_finder finder = {.source = source, .line = 1};
    for (size_t i = 0; i < d->count; i++) {
        const struct diag *g = &d->items[i];
        bool error = g->severity == SEVERITY_ERROR;
        text_puts(out, color ? "\x1b[1m" : "");
        text_visible(out, bytes_of_text(file));
        if (g->place.line)
            text_printf(out, ":%u:%u", g->place.line, g->place.column);
        if (color)
            text_printf(out, ": \x1b[1;%sm%s:\x1b[0m ", error ? "31" : "35", error ? "error" : "warning");
        else
            text_printf(out, ": %s: ", error ? "error" : "warning");
        text_visible(out, bytes_of_text(g->message));
        text_puts(out, "\n");
        if (g->place.line)
            print_caret(line_find(&finder, g->place.line), g->place, color, out);
        if (!g->hint)
            continue;
        text_puts(out, "       = ");
        text_visible(out, bytes_of_text(g->hint));
        text_puts(out, "\n");
    }
    size_t all = d->errors + d->warnings;
    if (all > d->count) {
        text_visible(out, bytes_of_text(file));
        text_printf(out, ": %zu more that are not shown\n", all - d->count);
    }
    if (d->out_of_memory) {
        text_visible(out, bytes_of_text(file));
        text_puts(out, ": error: out of memory: the file needs more than its budget\n");
    }
}

void diags_print_json(const struct diags *d, const char *file, struct text *out)
{
    text_puts(out, "{\"file\": ");
    text_json(out, file);
    text_printf(out, ", \"errors\": %zu, \"warnings\": %zu, \"diagnostics\": [", d->errors + (d->out_of_memory ? 1 : 0), d->warnings);
    for (size_t i = 0; i < d->count; i++) {
        const struct diag *g = &d->items[i];
        text_printf(out, "%s{\"severity\": \"%s\", \"line\": %u, \"column\": %u, \"message\": ", i ? ", " : "",
            g->severity == SEVERITY_ERROR ? "error" : "warning", g->place.line, g->place.column);
        text_json(out, g->message);
        text_puts(out, ", \"hint\": ");
        if (g->hint)
            text_json(out, g->hint);
        else
            text_puts(out, "null");
        text_puts(out, "}");
    }
    if (d->out_of_memory)
        text_printf(out, "%s{\"severity\": \"error\", \"line\": 0, \"column\": 0, \"message\": \"out of memory\", \"hint\": null}", d->count ? ", " : "");
    text_puts(out, "]}\n");
}

#define WORD_MAX 64

/* Damerau-Levenshtein distance (optimal string alignment) of two words shorter than WORD_MAX. */
static size_t distance(const char *a, const char *b)
{
    size_t rows[3][WORD_MAX + 1];
    size_t la = strlen(a), lb = strlen(b);
    for (size_t j = 0; j <= lb; j++)
        rows[0][j] = j;
    for (size_t i = 1; i <= la; i++) {
        size_t *row = rows[i % 3], *above = rows[(i - 1) % 3], *before = rows[(i + 1) % 3];
        row[0] = i;
        for (size_t j = 1; j <= lb; j++) {
            size_t best = above[j - 1] + (a[i - 1] != b[j - 1]);
            if (above[j] + 1 < best)
                best = above[j] + 1;
            if (row[j - 1] + 1 < best)
                best = row[j - 1] + 1;
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] && before[j - 2] + 1 < best)
                best = before[j - 2] + 1;
            row[j] = best;
        }
    }
    return rows[la % 3][lb];
}

const char *closest_name(const char *word, const char *const *names, size_t count)
{
    size_t len = strlen(word);
    if (len == 0 || len >= WORD_MAX)
        return NULL;
    size_t best = (len < 3 ? 1 : len / 3) + 1;
    const char *found = NULL;
    for (size_t i = 0; i < count; i++) {
        if (!names[i] || strlen(names[i]) >= WORD_MAX)
            continue;
        size_t d = distance(word, names[i]);
        if (d < best) {
            best = d;
            found = names[i];
        }
    }
    return found;
}
