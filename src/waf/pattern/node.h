/* SPDX-License-Identifier: Apache-2.0 */
/* The tree of a pattern, for who reads it (reader.h, class.c) and who walks it. */
#pragma once

#include "waf/pattern/pattern.h"
#include "waf/operator/validate.h"

enum node_kind {
    NODE_NOTHING,   /* an assertion */
    NODE_LINE,      /* that a line begins */
    NODE_BYTE,      /* one of `set` */
    NODE_SEQUENCE,  /* all of `child` and its neighbours */
    NODE_CHOICE,    /* one of them */
    NODE_REPEAT,    /* `child`, `least` to `most` times */
    NODE_GROUP,     /* `child`, kept as group `number` */
    NODE_AGAIN,     /* what group `number` was */
    NODE_CALL,      /* what `called` matches, as if it stood here; it may have this node within */
    NODE_CONDITION, /* `child` (a choice of one or two) is the first where `condition` holds, else the second, or nothing */
};

enum condition {
    IF_GROUP,  /* group `number` has been set */
    IF_CALLED, /* within a call, of whichever */
    IF_NEVER,  /* (?(DEFINE)...): only to be called */
    IF_TOLD,   /* by what stands before or behind, or by the library's version: either */
};

#define GROUPS_MAX 100

struct node {
    uint8_t kind;      /* enum node_kind */
    uint8_t condition; /* enum condition */
    uint32_t least, most, number;
    size_t from, to;   /* where it stands in the expression, of alternatives and of what a quantifier may be behind, with that */
    struct byte_set set;
    struct node *child, *next;
    const struct node *called; /* the whole, or a group */
};

struct pattern_tree {
    struct node *root;
    bool is_inexact; /* something in it may take other bytes first than its nodes say: \C, verbs, (?x)... */
    bool is_tied;    /* a part of it is not to be seen without another: groups that are named again, options that last to a group's end */
    struct bytes expression;
    size_t front;    /* so many bytes are options in front of all */
};

static inline void set_add(struct byte_set *s, unsigned first, unsigned last)
{
    for (unsigned c = first; c <= last && c < 256; c++)
        s->bits[c >> 6] |= (uint64_t)1 << (c & 63);
}

/* ---- fits.c: pattern_fits, of a part */
bool node_fits(const struct node *n, const struct byte_set *among);

/* ---- class.c */

/* What a backslash and `letter` stand for (\d \W \s ...). False: no class. */
bool class_of_letter(uint8_t letter, struct byte_set *ret) MUST_USE;
/* The byte that an escape stands for, `c` behind the backslash: \n, \x41, \x{41}, \o{101}, \101, \cA; any other byte is itself. */
bool escaped_byte(struct cursor *c, uint8_t *ret) MUST_USE;
/* \p and \P, `c` behind the backslash: what PCRE2 says of each byte. False: it knows no such property, or memory is out. */
bool class_of_property(struct cursor *c, struct byte_set *ret) MUST_USE;
/* Behind the `[`, to behind the `]`. `spaced`: blanks mean nothing, (?xx). */
bool class_read(struct cursor *c, bool spaced, struct byte_set *ret) MUST_USE;
