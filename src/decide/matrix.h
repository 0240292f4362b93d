/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who reaches whom: every workload, and the pieces of the world that rules tell apart, against each other, on
 * every class of ports. What is shown is the policy's decision at one moment, not delivery.
 */
#pragma once

#include "base/text.h"
#include "decide/space.h"

/* A row and a column. */
struct place_of_matrix {
    const char *name;  /* a workload's, "cidr:..." (what of it is of the world and in no narrower one), or
                          "world": the rest */
    uint32_t workload; /* or NONE */
    uint32_t segment;  /* of the workload, else NONE */
};

#define CELL_IPV4 1
#define CELL_IPV6 2

struct cell {
    uint32_t *classes; /* indexes of classes that some family may use, in order */
    uint8_t *families; /* of each: CELL_IPV4 | CELL_IPV6 */
    uint32_t count;
    uint8_t both; /* the families that both ends have */
};

struct matrix {
    const struct policy *policy;
    struct place_of_matrix *places;
    size_t count;
    struct port_class *classes;
    size_t class_count;
    struct cell *cells; /* count * count, by rows (from) */
};

enum matrix_result {
    MATRIX_DONE,
    MATRIX_NO_MEMORY,
    MATRIX_TOO_LARGE, /* more verdicts than `limit` */
};
/* `now`: s UTC, of compilation and decision. `limit`: verdicts to work out at most. */
enum matrix_result matrix_make(const struct policy *p, int64_t now, uint64_t limit, struct arena *a,
                               struct matrix *ret) MUST_USE;

/* A table for 80 columns, in blocks of columns where there are many; the ports that are allowed in each cell.
 */
void matrix_print(const struct matrix *m, struct text *out);
/* {"places": [{"name", "segment"}], "allowed": [{"from", "to", "ipv4": [PORTS...], "ipv6": [...]}]} on one
 * line. */
void matrix_print_json(const struct matrix *m, struct text *out);
/* Graphviz: segments are clusters, an arrow for every pair that may talk. */
void matrix_print_dot(const struct matrix *m, struct text *out);
