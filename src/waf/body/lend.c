/* SPDX-License-Identifier: Apache-2.0 */
#include "waf/body/lend.h"

struct lent {
    struct lent *next; /* of those that were given back */
    _Alignas(16) size_t class;
};

static size_t class_of(size_t size)
{
    size_t class = 6; /* from 64 bytes on */
    while (((size_t)1 << class) < size)
        class++;
    return class;
}

void *lend(void *lender, size_t size)
{
    struct lender *l = lender;
    if (size > SIZE_MAX / 4) {
        l->out_of_memory = true;
        return NULL;
    }
    size_t class = class_of(size + sizeof(struct lent));
    struct lent *block = l->back[class];
    if (block)
        l->back[class] = block->next;
    else
        block = arena_alloc(l->arena, (size_t)1 << class);
    if (!block) {
        l->out_of_memory = true;
        return NULL;
    }
    block->class = class;
    return block + 1;
}

void give_back(void *lender, void *block)
{
    struct lender *l = lender;
    struct lent *b = block;
    if (!block)
        return;
    b--;
    b->next = l->back[b->class];
    l->back[b->class] = b;
}
