/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The files a rule set is read from, and what is wrong with each. A piece of text knows where in its file it
 * stands, so that everything said about it has a place.
 */
#pragma once

#include "base/diag.h"

struct source {
    const char *name;   /* as the caller knows it */
    struct bytes text;
    uint32_t index;     /* of the model's files */
    uint32_t *lines;    /* offsets at which lines begin */
    size_t line_count;
    struct diags diags; /* by place once the set is loaded */
};

/* All files, in the order in which they were first read. A file that is read twice is one. */
struct sources {
    struct source **items;
    size_t count, capacity;
    bool out_of_memory; /* the rules need more than their budget: counts as an error */
};

/* Text of a source from offset `at`. */
struct piece {
    struct source *source;
    size_t at;
    struct bytes text;
};

/* NULL when memory is out. The name is copied, the text is not. */
struct source *source_new(struct arena *arena, const char *name, struct bytes text) MUST_USE;

struct place piece_place(const struct piece *p);
/* The line of an offset, from 1. */
uint32_t source_line(const struct source *s, size_t at);

static inline struct piece piece_slice(const struct piece *p, size_t from, size_t len)
{
    size_t at = from < p->text.len ? from : p->text.len;
    return (struct piece){.source = p->source, .at = p->at + at, .text = bytes_slice(p->text, at, len)};
}
/* Without blanks, newlines and continuations at both ends. */
struct piece piece_trim(struct piece p);
/* The bytes as they can be shown in a message, in `out`. */
const char *piece_shown(const struct piece *p, char *out, size_t size);

/* "`WORD` is not KIND", with the closest of `names` as the hint, unless `refused` (may be NULL) says why not. */
struct refused_word;
bool unknown_word(const struct piece *word, const char *kind, const char *prefix, const char *const *names, size_t count,
    const struct refused_word *refused);

bool sources_ok(const struct sources *s);
size_t sources_errors(const struct sources *s);
size_t sources_warnings(const struct sources *s);
/* For people: all files' diagnostics, `file:line:column: ...`. */
void sources_print(const struct sources *s, bool color, struct text *out);
/* A JSON array, one object a file that has diagnostics (diags_print_json). */
void sources_print_json(const struct sources *s, struct text *out);
