/* SPDX-License-Identifier: Apache-2.0 */
/* A list of prefixes that an address is looked up in: @ipMatch, @ipMatchFromFile. */
#pragma once

#include "base/address.h"
#include "base/arena.h"

struct address_list {
    struct prefix *items; /* sorted; none covers another */
    size_t count;
};

enum address_list_result {
    ADDRESS_LIST_OK,
    ADDRESS_LIST_WRONG,  /* an entry is no address */
    ADDRESS_LIST_MEMORY,
};

/* Addresses and prefixes, separated by commas, blanks or line ends; `#` begins a comment that ends with its line. `*ret_wrong` is the entry that is none. */
enum address_list_result address_list_parse(struct bytes text, struct arena *a, struct address_list *ret, struct bytes *ret_wrong) MUST_USE;
bool address_list_has(const struct address_list *l, const struct address *a);
/* A value that is no address is in no list. */
bool address_list_matches(const struct address_list *l, struct bytes value) MUST_USE;
