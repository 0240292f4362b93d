/* SPDX-License-Identifier: Apache-2.0 */
/* Texts from a pattern. */
#include <stdlib.h>

#include "waf/example/pattern_make.h"
#include "waf/pattern/node.h"

/* Nodes looked at for one text: empty ones in nested quantifiers add no byte. */
#define STEPS_MAX 100000
/* Nodes within each other, and calls: of a group that calls itself a text may have no end. The tree alone is less deep. */
#define DEPTH_MAX 2000
#define CALLS_MAX 20

struct maker {
    struct chance *chance;
    struct text *out;
    size_t start, steps, depth, calls;
    struct made_group {
        bool is_set;
        size_t offset, len; /* in the text, which moves as it grows */
    } groups[GROUPS_MAX];
};

/* What reads well comes first: most of a set's bytes are no letters. */
static bool pick_favourite(const struct byte_set *s, struct chance *c, uint8_t *ret)
{
    static const char favourites[] = "abcdefghijklmnopqrstuvwxyz0123456789 ABCDEF-_./;:,=('\"<>)&|";
    uint32_t from = chance_below(c, sizeof favourites - 1);
    for (uint32_t i = 0; i < sizeof favourites - 1; i++) {
        *ret = (uint8_t)favourites[(from + i) % (sizeof favourites - 1)];
        if (byte_set_has(s, *ret))
            return true;
    }
    return false;
}

static bool pick_any(const struct byte_set *s, struct chance *c, uint8_t *ret)
{
    uint32_t from = chance_below(c, 256);
    for (uint32_t i = 0; i < 256; i++) {
        *ret = (uint8_t)(from + i);
        if (byte_set_has(s, *ret))
            return true;
    }
    return false;
}

static void make_byte(struct maker *m, const struct byte_set *s)
{
    uint8_t byte;
    bool blank = byte_set_has(s, ' ') && !byte_set_has(s, 'a'); /* \s is a blank, mostly */
    if (blank && chance_below(m->chance, 8)) {
        text_puts(m->out, " ");
        return;
    }
    bool found = chance_below(m->chance, 12) && pick_favourite(s, m->chance, &byte);
    if (found || pick_any(s, m->chance, &byte))
        text_append(m->out, &byte, 1);
}

static void make(struct maker *m, const struct node *n);

static void make_repeat(struct maker *m, const struct node *n)
{
    static const uint32_t extra[] = {0, 0, 0, 0, 1, 1, 2, 4};
    uint32_t more = extra[chance_below(m->chance, 8)], most = n->most - n->least;
    uint32_t times = n->least + (more < most ? more : most);
    for (uint32_t i = 0; i < times && m->out->len - m->start < PATTERN_TEXT_MAX && m->steps < STEPS_MAX; i++)
        make(m, n->child);
}

static void make_choice(struct maker *m, const struct node *n)
{
    const struct node *one = n->child;
    for (uint32_t i = chance_below(m->chance, n->number); i && one->next; i--)
        one = one->next;
    if (one)
        make(m, one);
}

static void make_group(struct maker *m, const struct node *n)
{
    size_t from = m->out->len;
    make(m, n->child);
    if (n->number < GROUPS_MAX)
        m->groups[n->number] = (struct made_group){true, from, m->out->len - from};
}

static void make_again(struct maker *m, const struct node *n)
{
    size_t len = n->number < GROUPS_MAX ? m->groups[n->number].len : 0;
    if (!len)
        return;
    uint8_t *copy = malloc(len);
    if (copy) {
        memcpy(copy, m->out->at + m->groups[n->number].offset, len);
        text_append(m->out, copy, len);
    }
    free(copy);
}

/* What groups were set within a call is forgotten with its end. */
static void make_call(struct maker *m, const struct node *n)
{
    struct made_group before[GROUPS_MAX];
    if (m->calls == CALLS_MAX)
        return;
    memcpy(before, m->groups, sizeof before);
    m->calls++;
    make(m, n->called);
    m->calls--;
    memcpy(m->groups, before, sizeof before);
}

static void make_condition(struct maker *m, const struct node *n)
{
    bool holds = false;
    switch ((enum condition)n->condition) {
    case IF_GROUP:
        holds = n->number < GROUPS_MAX && m->groups[n->number].is_set;
        break;
    case IF_CALLED:
        holds = m->calls;
        break;
    case IF_NEVER:
        break;
    case IF_TOLD:
        holds = chance_below(m->chance, 2);
        break;
    }
    const struct node *branch = holds ? n->child->child : n->child->child->next;
    if (branch)
        make(m, branch);
}

static void make_kind(struct maker *m, const struct node *n);

static void make(struct maker *m, const struct node *n)
{
    if (++m->steps > STEPS_MAX || m->depth == DEPTH_MAX || m->out->failed || m->out->len - m->start >= PATTERN_TEXT_MAX)
        return;
    m->depth++;
    make_kind(m, n);
    m->depth--;
}

static void make_kind(struct maker *m, const struct node *n)
{
    switch ((enum node_kind)n->kind) {
    case NODE_NOTHING:
    case NODE_LINE:
        break;
    case NODE_BYTE:
        make_byte(m, &n->set);
        break;
    case NODE_SEQUENCE:
        for (const struct node *one = n->child; one; one = one->next)
            make(m, one);
        break;
    case NODE_CHOICE:
        make_choice(m, n);
        break;
    case NODE_REPEAT:
        make_repeat(m, n);
        break;
    case NODE_GROUP:
        make_group(m, n);
        break;
    case NODE_AGAIN:
        make_again(m, n);
        break;
    case NODE_CALL:
        make_call(m, n);
        break;
    case NODE_CONDITION:
        make_condition(m, n);
        break;
    }
}

void pattern_make(const struct pattern_tree *p, struct chance *c, struct text *out)
{
    struct maker m = {.chance = c, .out = out, .start = out->len};
    make(&m, p->root);
}
