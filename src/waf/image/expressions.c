/* SPDX-License-Identifier: Apache-2.0 */
/* Rule sets name few selectors many times, and each is one expression. */
#include "waf/image/entries.h"
#include "waf/operator/regex.h"

#define COMPILES 1

static bool key_of(struct compiled *c, struct bytes pattern, bool caseless, struct key *ret)
{
    key_begin(c->keying, "regex");
    key_add(c->keying, pattern);
    key_add_number(c->keying, regex_options(caseless));
    return key_end(c->keying, ret);
}

const struct regex *compiled_regex(struct compiled *c, struct bytes pattern, bool caseless, struct regex_error *ret_error)
{
    struct key key;
    *ret_error = (struct regex_error){.text = "out of memory"};
    if (!key_of(c, pattern, caseless, &key))
        return NULL;
    struct entry *e = entry_find(c, &key);
    if (e && e->regex)
        return e->regex;
    char *copy = arena_text(c->arena, pattern.len ? (const char *)pattern.at : "", pattern.len);
    if (!copy)
        return NULL;
    struct bytes kept = bytes_of(copy, pattern.len);
    bool known = false;
    if (!e)
        e = entry_add_fact(c, &key, &known);
    if (!e)
        return NULL;
    e->fact = COMPILES;
    e->regex = known ? regex_expect(kept, caseless) : regex_compile(kept, caseless, ret_error);
    e->passing = !e->regex; /* where one does not compile nothing is kept */
    return e->regex;
}

/* Each is taken by one of the threads that are here. */
void compiled_warm(const struct compiled *c)
{
    struct compiled *shared = (struct compiled *)c; /* who is next is all of it that changes */
    for (size_t i; (i = shared->warmed++) < c->slot_count;)
        if (c->slots[i] && c->slots[i]->regex)
            regex_ready(c->slots[i]->regex);
}
