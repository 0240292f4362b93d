/* SPDX-License-Identifier: Apache-2.0 */
/*
 * YAML text as a stream of nodes with exact places. Wraps libfyaml's event stream, never its document tree,
 * which takes 50 to 170 times the file. Knows what of YAML a policy may use; knows nothing of policies.
 */
#pragma once

#include "base/diag.h"

/*
 * libfyaml keeps every token of the current line (any of them may begin a key) at up to 377 bytes for a
 * byte of input, measured with 2 MB of `[`: this bounds that to 12 MiB of the budget.
 */
#define YAML_LINE_MAX 32768
#define YAML_DEPTH_MAX 16

enum yaml_kind {
    YAML_SCALAR,
    YAML_MAP,
    YAML_MAP_END,
    YAML_LIST,
    YAML_LIST_END,
    YAML_DONE, /* the whole file has been read */
};

struct yaml_node {
    enum yaml_kind kind;
    struct bytes text; /* of a scalar; valid until the next call of yaml_next */
    bool missing;      /* a scalar that is not there, as in `key:` and nothing more */
    struct place place; /* of the text itself, behind an opening quote */
};

struct yaml {
    struct bytes source;
    struct diags *diags;
    struct fy_diag *messages;
    struct fy_parser *parser;
    struct fy_event *event; /* holds the text of the last node */
    size_t line_start;      /* offset of the line that was asked for last */
    uint32_t line;
    struct place last; /* of the last node that had a place */
    unsigned depth, documents;
    size_t start; /* bytes of a byte order mark */
};

/* False after a diagnostic. `y` is to be closed in both cases. */
bool yaml_open(struct yaml *y, struct bytes source, struct diags *diags) MUST_USE;
void yaml_close(struct yaml *y);
/* The next node. False after a diagnostic: the rest of the file cannot be read. */
bool yaml_next(struct yaml *y, struct yaml_node *ret) MUST_USE;
/* Reads to the end of the node `n` that yaml_next just gave. */
bool yaml_skip(struct yaml *y, const struct yaml_node *n) MUST_USE;
