/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The directives in one table. Settings come first: their index is their bit in the set's `given`, and the
 * printer goes through them; what is read by a function of its own follows.
 */
#pragma once

#include <stddef.h>

#include "waf/language/choices.h"
#include "waf/language/reading.h"

enum directive_kind {
    DIRECTIVE_CHOICE,   /* uint8_t at `offset`: one of `choices` */
    DIRECTIVE_NUMBER,   /* uint64_t */
    DIRECTIVE_OCTAL,    /* uint64_t: a mode as chmod has it */
    DIRECTIVE_TEXT,     /* struct waf_text */
    DIRECTIVE_SPECIAL,  /* `read` reads it and says that it was given; see `special` */
    DIRECTIVE_OFF,      /* `Off` is fine and means nothing; `why` says why anything else is not */
    DIRECTIVE_IGNORED,  /* means nothing to this engine, whatever it says */
    DIRECTIVE_REFUSED,  /* `why` says why */
    DIRECTIVE_ACT,      /* `read` does what it does; nothing to print */
};

/* Settings that are not one value of one kind. */
enum directive_special {
    SPECIAL_NONE,
    SPECIAL_AUDIT_PARTS,
    SPECIAL_COMPONENTS,
    SPECIAL_GEO_DB,
    SPECIAL_MIME_TYPES,
    SPECIAL_MIME_TYPES_CLEAR,
    SPECIAL_SEPARATOR,
    SPECIAL_UNICODE_MAP,
};

struct directive {
    const char *name;
    uint8_t kind; /* enum directive_kind */
    uint8_t special; /* enum directive_special */
    size_t offset; /* in struct waf_settings */
    const struct choice *choices;
    void (*read)(struct reading *r, const struct piece *word, struct piece rest, size_t index);
    const char *why;
};

extern const struct directive directives[];
extern const size_t directive_count;
/* The settings are the first so many. */
extern const size_t directive_setting_count;

/* print_setting.c: the directives that give a setting its value. */
void setting_print(const struct waf_rule_set *set, const struct directive *d, struct text *out);
