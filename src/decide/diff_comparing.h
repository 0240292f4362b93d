/* SPDX-License-Identifier: Apache-2.0 */
/* What diff_compare.c and diff_plane.c share: the comparison of one workload with everybody. */
#pragma once

#include "decide/diff_parts.h"

/* What differs on one stretch of services, in one direction. */
struct stretch_change {
    uint32_t rule, denier; /* at the first moment at which it differs */
    uint32_t times;        /* moments at which it differs */
};

struct found_change {
    uint32_t order;          /* by the line's rule, of which there are many */
    struct change_line line; /* without services */
    uint32_t stretch;
};

struct comparing {
    struct diffing *d;
    struct population *p;
    struct party_walk everybody;
    struct service_walk services_walk;
    bool *changed_rules[2]; /* by policy: the rule is not in the other one */
    bool *changed[SIDES];   /* of each selection: a rule with it on that side is not in the other policy */
    uint32_t *cuts;         /* where flags change, and room for two */
    size_t cut_count;
    bool uneven; /* some party is not the same in both policies, whatever the rules */

    bool repeats; /* residents are among each other as in the family before */
    uint32_t group, fixed, self; /* that is compared; `self` is not compared, or NONE */
    bool exists[2], observed[2]; /* of the pair */
    struct hits hits;

    struct stretch_change *stretches; /* two for each: gained, lost */
    size_t stretch_capacity;
    struct found_change *found, *found_spare;
    size_t found_count, found_capacity, found_spare_capacity;
    uint32_t rules_most;      /* of either policy */
    struct range_list wanted; /* services on which something can differ */
    struct range_list services;
    struct number_table columns; /* line, sources -> index */

    struct strip *strips; /* diff_plane.c's */
    size_t strip_count, strip_capacity;
    uint32_t *dirty;
    size_t dirty_count;
    struct tile *tiles;
    size_t tile_count, tile_capacity;
    struct number_set open_strips;
};

/* Adds what the rules of one moment come to. `changes`: gained, lost. */
void note_outcomes(const struct comparing *c, struct stretch_change changes[2],
                   const struct matched matched[2]);
bool is_same_line(const struct change_line *a, const struct change_line *b);
int compare_change_lines(const struct change_line *a, const struct change_line *b);
/* The line with these services, between the fixed party and these parties. False when memory is out. */
bool note_line(struct comparing *c, struct change_line line, struct ranges services,
               struct range parties) MUST_USE;
/* Sets `exists` and `observed`. */
void set_pair(struct comparing *c, uint32_t party);
/* Whether anything can differ between the pair, given the acts by which the policies differ there. */
bool may_differ(const struct comparing *c);

/*
 * diff_repeat.c. Before all groups: sets `repeats`, or begins to keep what is found where another family follows. After
 * each group of targets: keeps its hits. Before it, where residents are not walked: takes those that were kept. False
 * when memory is out.
 */
bool repeat_begin(struct comparing *c) MUST_USE;
bool repeat_keep(struct comparing *c) MUST_USE;
bool repeat_take(struct comparing *c, uint32_t group) MUST_USE;

/* diff_plane.c: what is cheaper where wide rules meet many narrow ones. The walk over everybody is set. */
bool plane_choose(struct comparing *c, bool *ret_plane) MUST_USE;
bool plane_compare(struct comparing *c) MUST_USE;
