/* SPDX-License-Identifier: Apache-2.0 */
#include "waf/pattern/node.h"

/* How what comes before a node, or a node, can be passed without a byte being taken. */
struct pass {
    bool anywhere, at_line; /* at_line: where a line begins */
};

/* Bytes that a match can begin with where no line begins. */
struct beginning {
    struct byte_set set;
    bool at_line, unknown;
};

static struct pass pass_node(struct beginning *b, const struct node *n, bool counts);

static void add_set(struct byte_set *s, const struct byte_set *more)
{
    for (size_t i = 0; i < 4; i++)
        s->bits[i] |= more->bits[i];
}

static struct pass pass_sequence(struct beginning *b, const struct node *n, bool counts)
{
    struct pass all = {.anywhere = true};
    for (const struct node *c = n->child; c && (all.anywhere || all.at_line); c = c->next) {
        struct pass one = pass_node(b, c, counts && all.anywhere);
        all.at_line = (all.anywhere && one.at_line) || (all.at_line && (one.anywhere || one.at_line));
        all.anywhere = all.anywhere && one.anywhere;
    }
    return all;
}

static struct pass pass_choice(struct beginning *b, const struct node *n, bool counts)
{
    struct pass any = {0};
    for (const struct node *c = n->child; c; c = c->next) {
        struct pass one = pass_node(b, c, counts);
        any.anywhere |= one.anywhere;
        any.at_line |= one.at_line;
    }
    return any;
}

/* `counts`: it can be come to where no line begins. */
static struct pass pass_node(struct beginning *b, const struct node *n, bool counts)
{
    switch ((enum node_kind)n->kind) {
    case NODE_BYTE:
        if (counts)
            add_set(&b->set, &n->set);
        return (struct pass){0};
    case NODE_LINE:
        b->at_line = true;
        return (struct pass){.at_line = true};
    case NODE_SEQUENCE:
        return pass_sequence(b, n, counts);
    case NODE_CHOICE:
        return pass_choice(b, n, counts);
    case NODE_REPEAT: {
        struct pass one = pass_node(b, n->child, counts);
        one.anywhere |= !n->least;
        return one;
    }
    case NODE_GROUP:
        return pass_node(b, n->child, counts);
    case NODE_NOTHING:
        return (struct pass){.anywhere = true};
    case NODE_AGAIN:
    case NODE_CALL:
    case NODE_CONDITION:
        break;
    }
    b->unknown = true;
    return (struct pass){.anywhere = true};
}

bool pattern_begins(const struct pattern_tree *p, struct byte_set *ret, bool *ret_at_line)
{
    if (p->is_inexact)
        return false;
    struct beginning b = {0};
    bool anywhere = pass_node(&b, p->root, true).anywhere;
    for (unsigned letter = 'a'; letter <= 'z'; letter++) /* (?i) is not looked at */
        if (byte_set_has(&b.set, (uint8_t)letter) || byte_set_has(&b.set, (uint8_t)(letter - 0x20))) {
            set_add(&b.set, letter, letter);
            set_add(&b.set, letter - 0x20, letter - 0x20);
        }
    set_add(&b.set, 0, 0x1f); /* what \h, \v and \R stand for is not read to the end */
    set_add(&b.set, 0x7f, 0xff);
    *ret = b.set;
    *ret_at_line = b.at_line;
    return !b.unknown && !anywhere;
}
