/* SPDX-License-Identifier: Apache-2.0 */
/* What a rule looks for and does, in plain words: texts, ready to be shown. It decides nothing and runs nothing. */
#pragma once

#include "waf/engine/program.h"

struct explained_lines {
    const char **items;
    size_t count, capacity;
};

/* A name and what it means. */
struct explained_pair {
    const char *name, *meaning;
};

struct explained_pairs {
    struct explained_pair *items;
    size_t count, capacity;
};

/* One rule of a chain. */
struct explained_link {
    struct explained_pairs where; /* ARGS:q; in words. Exclusions last */
    struct explained_pairs after; /* transformations, in order */
    const char *finds;            /* the operator in words; NULL: a SecAction */
    const char *against;          /* what it is compared with, as written; NULL: nothing */
    const char *comes_to;         /* that, its macros replaced by what the rules set them to; NULL: it has none */
    struct explained_lines phrases; /* of @pm...: the first some */
    size_t phrase_count;          /* all */
    const char *file;
    uint32_t line;
};

struct explanation {
    int64_t id;
    const char *message;          /* NULL: none */
    const char *phase;            /* "in phase 2, once ..." */
    uint8_t phase_number;
    const char *file;
    uint32_t line;
    struct explained_link *links;
    size_t link_count;
    struct explained_lines effects; /* when it fires */
    struct explained_lines gates;   /* it runs only when */
    struct explained_lines changes; /* what of the files changes it */
    bool removed;
};

/* `rule`: the first of its chain. All in the arena; texts of the set are shown as they are, whatever bytes they have but NUL. False when memory is out. */
bool rule_explain(const struct waf_program *p, uint32_t rule, struct arena *a, struct explanation *ret) MUST_USE;
