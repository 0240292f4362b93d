/* SPDX-License-Identifier: Apache-2.0 */
#include "waf/pattern/node.h"

static bool any_in(const struct byte_set *a, const struct byte_set *b)
{
    for (size_t i = 0; i < 4; i++)
        if (a->bits[i] & b->bits[i])
            return true;
    return false;
}

bool node_fits(const struct node *n, const struct byte_set *among)
{
    bool one = false;
    switch ((enum node_kind)n->kind) {
    case NODE_BYTE:
        return any_in(&n->set, among);
    case NODE_SEQUENCE:
        for (const struct node *c = n->child; c; c = c->next)
            if (!node_fits(c, among))
                return false;
        return true;
    case NODE_CHOICE:
        for (const struct node *c = n->child; c && !one; c = c->next)
            one = node_fits(c, among);
        return one;
    case NODE_REPEAT:
        return !n->least || node_fits(n->child, among);
    case NODE_GROUP:
        return node_fits(n->child, among);
    case NODE_CONDITION: /* with one branch, the other is nothing */
        return n->child->number < 2 || node_fits(n->child, among);
    case NODE_NOTHING:
    case NODE_LINE:
    case NODE_AGAIN:
    case NODE_CALL: /* where it leads may lead here again */
        break;
    }
    return true;
}

bool pattern_fits(const struct pattern_tree *p, const struct byte_set *among)
{
    return node_fits(p->root, among);
}
