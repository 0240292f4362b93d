/* SPDX-License-Identifier: Apache-2.0 */
/* Groups by their numbers and names, which may stand before what they mean. */
#include "waf/pattern/reader.h"

static bool name_add(struct reader *r, struct group_name **list, struct group_name n)
{
    struct group_name *added = arena_alloc(r->arena, sizeof *added);
    if (!added)
        return false;
    n.next = *list;
    *added = n;
    *list = added;
    return true;
}

bool group_begin(struct reader *r, struct node *group, struct bytes name)
{
    group->number = ++r->groups;
    if (group->number > r->numbered_count) {
        struct node **grown = arena_grow(r->arena, r->numbered, r->numbered_count, &r->numbered_capacity, sizeof(struct node *));
        if (!grown)
            return false;
        r->numbered = grown;
        r->numbered[r->numbered_count++] = group;
    }
    return !name.len || name_add(r, &r->names, (struct group_name){.name = name, .number = group->number});
}

/* "12", "-1", "+2", from where it stands. False: it is a name, or no group can have the number. */
static bool number_of_group(const struct reader *r, struct bytes text, uint32_t *ret)
{
    bool back = text.len > 1 && text.at[0] == '-', on = text.len > 1 && text.at[0] == '+';
    uint32_t n = 0;
    if (!text.len || text.len > 6)
        return false;
    for (size_t i = back || on; i < text.len; i++) {
        if (text.at[i] < '0' || text.at[i] > '9')
            return false;
        n = n * 10 + (uint32_t)(text.at[i] - '0');
    }
    *ret = back ? r->groups + 1 - n : on ? r->groups + n : n;
    return !back || n <= r->groups;
}

static bool is_name(struct bytes text)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.at[i] < '0' || (text.at[i] > '9' && text.at[i] < 'A'))
            return false;
    return text.len && text.at[0] > '9';
}

struct node *read_reference(struct reader *r, uint8_t kind, struct bytes group)
{
    struct node *n = node_new(r, kind);
    if (!n)
        return NULL;
    r->tied = true;
    bool numbered = number_of_group(r, group, &n->number);
    if (!numbered && !is_name(group))
        return NULL;
    if (numbered && kind != NODE_CALL)
        return n;
    return name_add(r, &r->places, (struct group_name){.name = numbered ? (struct bytes){0} : group, .place = n}) ? n : NULL;
}

/* Of several with the name the first. */
static uint32_t number_of_name(const struct reader *r, struct bytes name)
{
    uint32_t number = 0;
    for (const struct group_name *n = r->names; n; n = n->next)
        if (bytes_equal(n->name, name))
            number = n->number;
    return number;
}

static bool call_resolve(const struct reader *r, struct node *call, const struct node *root)
{
    if (call->number > r->numbered_count)
        return false;
    call->called = call->number ? r->numbered[call->number - 1] : root;
    return true;
}

bool references_resolve(struct reader *r, struct node *root)
{
    for (struct group_name *p = r->places; p; p = p->next) {
        if (p->name.len && !(p->place->number = number_of_name(r, p->name)))
            return false;
        if (p->place->kind == NODE_CALL && !call_resolve(r, p->place, root))
            return false;
    }
    return true;
}
