/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Diagnostics: what is wrong with a user's file, where, and what to do about it. Libraries fill a `diags`;
 * only the command line prints it.
 */
#pragma once

#include "base/arena.h"
#include "base/text.h"

struct place {
    uint32_t line, column; /* from 1; 0: nowhere in particular. Columns count bytes. */
    uint32_t width;        /* bytes to underline; 0 counts as 1 */
};

enum severity {
    SEVERITY_ERROR,
    SEVERITY_WARNING,
};

struct diag {
    enum severity severity;
    struct place place;
    const char *message; /* one sentence without a full stop, lower case first letter */
    const char *hint;    /* what to do, or NULL */
};

/* Kept at most; the rest is counted only. */
#define DIAGS_MAX 1000

struct diags {
    struct arena *arena;
    struct diag *items;
    size_t count, capacity;
    size_t errors, warnings; /* all, also those not kept */
    bool out_of_memory;      /* a message was lost for want of memory: counts as an error */
};

static inline struct diags diags_new(struct arena *arena)
{
    return (struct diags){.arena = arena};
}
/* Add one. `hint` may be NULL; it is copied. Always returns false, so that `return diag_error(...)` reads well. */
bool diag_error(struct diags *d, struct place p, const char *hint, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
bool diag_warning(struct diags *d, struct place p, const char *hint, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* Stable order: by line, column, errors first. */
void diags_sort(struct diags *d);
static inline bool diags_ok(const struct diags *d)
{
    return d->errors == 0 && !d->out_of_memory;
}
/* For people: `file:line:column: error: message`, the source line, a caret, the hint. `color`: ANSI colours. What
 * is the user's is shown by text_visible, in the source line as `?`. */
void diags_print(const struct diags *d, const char *file, struct bytes source, bool color, struct text *out);
/* {"file":..., "errors":n, "warnings":n, "diagnostics":[{"severity","line","column","message","hint"}]} */
void diags_print_json(const struct diags *d, const char *file, struct text *out);

/* The entry of `names` that is closest to `word` (Damerau-Levenshtein, at most a third of its length away), or NULL. */
const char *closest_name(const char *word, const char *const *names, size_t count);
