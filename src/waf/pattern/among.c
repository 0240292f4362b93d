/* SPDX-License-Identifier: Apache-2.0 */
/* An expression without the parts that certain values cannot match. What is left stands as it is written. */
#include "waf/pattern/node.h"

/* In place of what is left out, so that what stands before and behind it does not become one. */
#define NOTHING_TEXT "(?:)"
#define NOTHING_LEN (sizeof NOTHING_TEXT - 1)

struct cutting {
    struct bytes e;
    const struct byte_set *among;
    uint8_t *out; /* no longer than the expression and a NOTHING_TEXT for each quantifier */
    size_t len, at; /* at: up to where the expression is copied, or left out */
};

static void copy_to(struct cutting *c, size_t to)
{
    if (to <= c->at)
        return;
    memcpy(c->out + c->len, c->e.at + c->at, to - c->at);
    c->len += to - c->at;
    c->at = to;
}

static void leave_out(struct cutting *c, const struct node *n)
{
    copy_to(c, n->from);
    memcpy(c->out + c->len, NOTHING_TEXT, NOTHING_LEN);
    c->len += NOTHING_LEN;
    c->at = n->to;
}

static void cut(struct cutting *c, const struct node *n);

/* Of a choice that fits: those alternatives that do. */
static void cut_choice(struct cutting *c, const struct node *n)
{
    bool any = false;
    for (const struct node *one = n->child; one; one = one->next) {
        if (!node_fits(one, c->among)) {
            /* With the bar before it; the first, with the one behind it. */
            copy_to(c, one->from - (one != n->child && any));
            c->at = one->to + (!any && one->next);
            continue;
        }
        any = true;
        cut(c, one);
    }
}

/* Of what fits. */
static void cut(struct cutting *c, const struct node *n)
{
    switch ((enum node_kind)n->kind) {
    case NODE_REPEAT:
        if (node_fits(n->child, c->among))
            cut(c, n->child);
        else
            leave_out(c, n);
        break;
    case NODE_CHOICE:
        cut_choice(c, n);
        break;
    case NODE_SEQUENCE:
        for (const struct node *part = n->child; part; part = part->next)
            cut(c, part);
        break;
    case NODE_GROUP:
        cut(c, n->child);
        break;
    case NODE_NOTHING:
    case NODE_LINE:
    case NODE_BYTE:
    case NODE_AGAIN:
    case NODE_CALL:
    case NODE_CONDITION:
        break;
    }
}

/* A choice, and a group around it, has no place of its own, nor is one needed. A `?` behind what is left out was a quantifier's. */
bool pattern_among(const struct pattern_tree *p, const struct byte_set *among, struct arena *a, struct bytes *ret)
{
    size_t room;
    *ret = p->expression;
    if (p->is_inexact || p->is_tied || !node_fits(p->root, among))
        return true;
    if (__builtin_mul_overflow(p->expression.len, NOTHING_LEN, &room))
        return false;
    struct cutting c = {.e = p->expression, .among = among, .out = arena_buffer(a, room)};
    if (!c.out)
        return false;
    copy_to(&c, p->front);
    cut(&c, p->root);
    copy_to(&c, c.e.len);
    *ret = bytes_of(c.out, c.len);
    return true;
}
