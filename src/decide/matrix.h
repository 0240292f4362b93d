/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who reaches whom: every workload, and the pieces of the world that rules tell apart, against each other, on
 * every service. What is shown is the policy's decision at one moment, not delivery. Only pairs that may talk take
 * room and work.
 */
#pragma once

#include "base/text.h"
#include "decide/ranges.h"
#include "policy/model.h"

/* A row and a column. */
struct place_of_matrix {
    const char *name;  /* a workload's, "cidr:..." (what of it is of the world and in no narrower one), or
                          "world": the rest */
    uint32_t workload; /* or NONE */
    uint32_t segment;  /* of the workload, else NONE */
    uint8_t families;  /* CELL_IPV4 | CELL_IPV6: of its addresses */
};

#define CELL_IPV4 1
#define CELL_IPV6 2

/* A pair that may talk. */
struct cell {
    uint32_t row, column; /* places: from, to */
    uint32_t allowed[2];  /* IPv4, IPv6: numbers of sets of services; 0: none */
};

struct matrix {
    const struct policy *policy;
    struct arena *arena;
    struct place_of_matrix *places; /* workloads, prefixes, the rest of the world */
    size_t count;
    struct range_table services;
    struct cell *cells; /* by row, then by column */
    size_t *row_begins; /* where each row's cells begin, and one behind the last */
};

enum matrix_result {
    MATRIX_DONE,
    MATRIX_NO_MEMORY,
    MATRIX_TOO_LARGE, /* more work than `limit` */
};
/* About 20 s of work. */
#define MATRIX_LIMIT ((uint64_t)2000000000)

/* `now`: s UTC, of compilation and decision. `limit`: comparisons to make at most. */
enum matrix_result matrix_make(const struct policy *p, int64_t now, uint64_t limit, struct arena *a,
                               struct matrix *ret) MUST_USE;

/* A table for 80 columns, in blocks of columns where there are many; the ports that are allowed in each cell. Where
 * there are too many places for a table, the prefixes are left out, and the last line says so. */
void matrix_print(const struct matrix *m, struct text *out);
/* {"places": [{"name", "segment"}], "allowed": [{"from", "to", "ipv4": [PORTS...], "ipv6": [...]}]} on one
 * line. */
void matrix_print_json(const struct matrix *m, struct text *out);
/* Graphviz: segments are clusters, an arrow for every pair that may talk. */
void matrix_print_dot(const struct matrix *m, struct text *out);
