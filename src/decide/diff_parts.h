/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of diff share; nobody else's. diff.c: who is compared; diff_compare.c: what differs;
 * diff_ways.c: published ports and the uplink; diff_names.c: how it is said. */
#pragma once

#include "decide/diff.h"
#include "decide/number_table.h"
#include "decide/service_walk.h"

#define BEFORE 0
#define AFTER  1

/* What differs, apart from between whom. */
struct change_line {
    bool lost, at_times;
    uint32_t rule;     /* that allows it, of the policy in which it passes, or NONE */
    uint32_t denier;   /* that refuses it, of the other policy, or NONE */
    uint32_t services; /* number of the set */
};

/* A line's number, and where two texts are. */
#define OUT_LINE_WORDS (1 + 2 * sizeof(const char *) / sizeof(uint32_t))

/* A change from one set of parties to another. */
struct change_column {
    uint32_t line;
    uint32_t sources; /* number of a set of parties */
    struct range_list targets;
};

/* A line holds between the fixed party and these. */
struct hit {
    uint32_t line;
    uint32_t group; /* of the fixed party */
    struct range parties;
};

struct hits {
    struct hit *items, *spare;
    size_t count, capacity, spare_capacity;
};

/* What was found among residents in the first family. */
struct repeat {
    bool keeps;             /* all of it is here */
    struct range_table sets; /* of residents */
    const char *residents;  /* by what they are told from each other */
    size_t size;
    struct hits hits;
    size_t *begins; /* of each group of targets, in `hits`; and the end */
};

struct diffing {
    struct arena *arena; /* the caller's */
    const struct policy *policies[2];
    bool both_families; /* are used: there is a second one to look at */
    struct effort effort;
    struct moments moments;
    struct acts acts;
    struct ends ends[2];
    struct range_table services;
    struct change_line *lines;
    size_t line_count, line_capacity;
    struct number_table line_numbers;
    struct repeat repeat;
    struct diff *out;
    size_t out_capacity, way_capacity, text_bytes;
    struct table texts;     /* of the output, each once */
    struct number_table out_lines; /* line, texts of both ends -> index */
    struct table cut_lines; /* what lines whose services are cut say of them -> number of the first that says so */
};

/* What a party is in each policy. */
#define PARTY_EXISTS(policy)   (1u << (policy))
#define PARTY_OBSERVED(policy) (4u << (policy))

/* Residents that no rule of either policy tells apart on one side: a pair of groups is compared once. */
struct groups {
    uint32_t count;
    uint32_t *of;         /* of each resident */
    struct lists members; /* residents, ascending */
};

/* One family of addresses. */
struct population {
    struct arena *arena; /* as long as the family is looked at */
    struct crowd crowd;
    struct piece *pieces; /* of the world */
    uint8_t *flags;       /* of each party */
    struct selections selections;
    struct groups groups[SIDES];
    struct range_table parties; /* sets of them */
    struct change_column *columns;
    size_t column_count, column_capacity;
};

/* Lines, and so columns of each family, that are kept; what differs besides is counted. */
#define LINES_MAX 500000

/* Fills the columns. False when memory is out. */
bool diff_compare(struct diffing *d, struct population *p) MUST_USE;
/* Makes lines of the output of the columns. False when memory is out. */
bool diff_name(struct diffing *d, struct population *p) MUST_USE;
/* Pieces of the world, by their indexes, as text; equal texts are one. NULL when memory is out. */
const char *diff_world_name(struct diffing *d, const struct population *p, struct ranges world) MUST_USE;
/* What the change of the uplink opens and closes. False when memory is out. */
bool diff_find_ways(struct diffing *d) MUST_USE;
