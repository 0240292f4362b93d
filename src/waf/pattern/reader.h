/* SPDX-License-Identifier: Apache-2.0 */
/* How an expression is read: by descent, one file for each kind of thing. Only the files of this folder need it. */
#pragma once

#include "waf/pattern/node.h"

/* A group that has a name, or a place that names one; the newest first. */
struct group_name {
    struct bytes name;
    uint32_t number;    /* of the group */
    struct node *place; /* whose `number` it will be */
    struct group_name *next;
};

/* Options that change how it is read; those that change what is matched are not kept. */
struct read_options {
    bool spaced;     /* (?x): blanks mean nothing */
    bool all_spaced; /* (?xx): in classes neither */
    bool unnumbered; /* (?n): brackets alone are no group that is kept */
};

struct reader {
    struct cursor c;
    struct arena *arena;
    uint32_t groups, depth;
    struct read_options options;
    bool quoted; /* within \Q...\E */
    bool tied;   /* as in struct pattern_tree */
    size_t front;
    struct node **numbered; /* group n is n - 1; of several the first */
    size_t numbered_count, numbered_capacity;
    struct group_name *names, *places;
};

static inline struct node *node_new(struct reader *r, uint8_t kind)
{
    struct node *n = arena_alloc(r->arena, sizeof *n);
    if (n)
        n->kind = kind;
    return n;
}

static inline struct node *byte_node(struct reader *r, struct byte_set set)
{
    struct node *n = node_new(r, NODE_BYTE);
    if (n)
        n->set = set;
    return n;
}

static inline struct node *one_byte(struct reader *r, uint8_t c)
{
    struct byte_set s = {0};
    set_add(&s, c, c);
    return byte_node(r, s);
}

static inline uint8_t peek(const struct reader *r, size_t ahead)
{
    return cursor_left(&r->c) > ahead ? r->c.all.at[r->c.at + ahead] : 0;
}

static inline bool take(struct reader *r, const char *text)
{
    struct bytes rest = bytes_slice(r->c.all, r->c.at, strlen(text));
    return bytes_equal(rest, bytes_of_text(text)) && cursor_skip(&r->c, strlen(text));
}

/* Up to `end`, which is taken too. */
static inline bool read_until(struct reader *r, uint8_t end, struct bytes *ret)
{
    size_t from = r->c.at;
    for (uint8_t c; cursor_u8(&r->c, &c);)
        if (c == end) {
            *ret = bytes_slice(r->c.all, from, r->c.at - from - 1);
            return true;
        }
    return false;
}

/* ---- pattern.c: to the bracket that closes it, or the end. `same_numbers`: groups of each alternative count from the first's number, (?| */
struct node *read_choice(struct reader *r, bool same_numbers);

/* ---- group.c: behind the bracket that opens it */
struct node *read_group(struct reader *r);

/* ---- escape.c: behind the backslash, outside of classes */
struct node *read_escape(struct reader *r);

/* ---- reference.c */

/* Group `number` begins. False when memory is out. */
bool group_begin(struct reader *r, struct node *group, struct bytes name) MUST_USE;
/* A place that means a group: "1", "-1", "+1", a name. `kind` is that of the node. NULL: there cannot be such a group, or memory is out. */
struct node *read_reference(struct reader *r, uint8_t kind, struct bytes group);
/* Once all is read: what places name is found. False: a group is not there. */
bool references_resolve(struct reader *r, struct node *root) MUST_USE;
