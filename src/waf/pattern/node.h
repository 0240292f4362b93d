/* SPDX-License-Identifier: Apache-2.0 */
/* The tree of a pattern, for who reads it (pattern.c, class.c) and who walks it. */
#pragma once

#include "waf/pattern/pattern.h"
#include "waf/operator/validate.h"

enum node_kind {
    NODE_NOTHING,  /* an assertion */
    NODE_LINE,     /* that a line begins */
    NODE_BYTE,     /* one of `set` */
    NODE_SEQUENCE, /* all of `child` and its neighbours */
    NODE_CHOICE,   /* one of them */
    NODE_REPEAT,   /* `child`, `least` to `most` times */
    NODE_GROUP,    /* `child`, kept as group `number` */
    NODE_AGAIN,    /* what group `number` was */
};

#define GROUPS_MAX 100

struct node {
    uint8_t kind; /* enum node_kind */
    uint32_t least, most, number;
    struct byte_set set;
    struct node *child, *next;
};

struct pattern_tree {
    struct node *root;
    bool is_inexact; /* something in it may take other bytes first than its nodes say: \C, verbs, (?x)... */
};

static inline void set_add(struct byte_set *s, unsigned first, unsigned last)
{
    for (unsigned c = first; c <= last && c < 256; c++)
        s->bits[c >> 6] |= (uint64_t)1 << (c & 63);
}

/* ---- class.c */

/* What a backslash and `letter` stand for (\d \W \s ...). False: no class. */
bool class_of_letter(uint8_t letter, struct byte_set *ret) MUST_USE;
/* The byte that an escape stands for, `c` behind the backslash: \n, \x41, \x{41}, \056; any other byte is itself. */
bool escaped_byte(struct cursor *c, uint8_t *ret) MUST_USE;
/* Behind the `[`, to behind the `]`. */
bool class_read(struct cursor *c, struct byte_set *ret) MUST_USE;
