/* SPDX-License-Identifier: Apache-2.0 */
#include "waf/operator/addresses.h"

#include <stdlib.h>

static bool is_separator(uint8_t c)
{
    return c == ',' || c == ' ' || (c >= '\t' && c <= '\r');
}

/* The next entry at or after `*at`; empty at the end. */
static struct bytes next_entry(struct bytes text, size_t *at)
{
    while (*at < text.len && (is_separator(text.at[*at]) || text.at[*at] == '#')) {
        if (text.at[*at] == '#')
            while (*at < text.len && text.at[*at] != '\n')
                ++*at;
        else
            ++*at;
    }
    size_t from = *at;
    while (*at < text.len && !is_separator(text.at[*at]) && text.at[*at] != '#')
        ++*at;
    return bytes_slice(text, from, *at - from);
}

/* By first address, the shorter prefix first. */
static int compare_prefixes(const void *a, const void *b)
{
    const struct prefix *x = a, *y = b;
    int order = address_compare(&x->address, &y->address);
    return order ? order : (int)x->length - (int)y->length;
}

enum address_list_result address_list_parse(struct bytes text, struct arena *a, struct address_list *ret, struct bytes *ret_wrong)
{
    size_t capacity = 0;
    *ret = (struct address_list){0};
    for (size_t at = 0; (*ret_wrong = next_entry(text, &at)).len;) {
        struct prefix p;
        bool host_bits;
        if (!prefix_parse(*ret_wrong, &p, &host_bits))
            return ADDRESS_LIST_WRONG;
        struct prefix *grown = arena_grow(a, ret->items, ret->count, &capacity, sizeof *grown);
        if (!grown)
            return ADDRESS_LIST_MEMORY;
        ret->items = grown;
        grown[ret->count++] = p;
    }
    if (!ret->count)
        return ADDRESS_LIST_OK;
    qsort(ret->items, ret->count, sizeof *ret->items, compare_prefixes);
    size_t kept = 1;
    for (size_t i = 1; i < ret->count; i++)
        if (!prefix_covers(&ret->items[kept - 1], &ret->items[i]))
            ret->items[kept++] = ret->items[i];
    ret->count = kept;
    return ADDRESS_LIST_OK;
}

bool address_list_has(const struct address_list *l, const struct address *a)
{
    size_t low = 0, high = l->count; /* the first prefix that begins after the address */
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (address_compare(&l->items[middle].address, a) <= 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low && prefix_contains(&l->items[low - 1], a);
}

bool address_list_matches(const struct address_list *l, struct bytes value)
{
    struct address a;
    return address_parse(value, &a) && address_list_has(l, &a);
}
