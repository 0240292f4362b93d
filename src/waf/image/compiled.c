/* SPDX-License-Identifier: Apache-2.0 */
#include "waf/image/compiled.h"

#include <stdlib.h>

#include "waf/image/entries.h"
#include "waf/operator/regex.h"

#define MEMORY ((size_t)1 << 30)
#define SLOTS_MIN 256 /* a power of two */

struct compiled *compiled_create(const struct image *from, struct job_runner runner)
{
    struct compiled *c = calloc(1, sizeof *c);
    if (!c)
        return NULL;
    *c = (struct compiled){.arena = arena_create(MEMORY), .keying = keying_create(), .runner = runner, .slot_count = SLOTS_MIN};
    if (from)
        c->image = *from;
    c->slots = c->arena ? arena_array(c->arena, SLOTS_MIN, sizeof *c->slots) : NULL;
    if (c->slots && c->keying)
        return c;
    compiled_free(c);
    return NULL;
}

void compiled_free(struct compiled *c)
{
    if (!c)
        return;
    for (size_t i = 0; c->slots && i < c->slot_count; i++)
        if (c->slots[i]) {
            hs_free_database(c->slots[i]->owned);
            regex_free(c->slots[i]->regex);
        }
    hs_free_scratch(c->scratch);
    keying_free(c->keying);
    arena_destroy(c->arena);
    free(c);
}

/* Where the key is, or where it would be put. */
static struct entry **slot_of(struct entry **slots, size_t count, const struct key *key)
{
    size_t at;
    memcpy(&at, key->at, sizeof at);
    for (at &= count - 1; slots[at] && memcmp(slots[at]->key.at, key->at, KEY_BYTES) != 0;)
        at = (at + 1) & (count - 1);
    return &slots[at];
}

struct entry *entry_find(const struct compiled *c, const struct key *key)
{
    return *slot_of(c->slots, c->slot_count, key);
}

static bool make_room(struct compiled *c)
{
    if (c->count < c->slot_count / 2)
        return true;
    size_t count = c->slot_count * 2;
    struct entry **grown = arena_array(c->arena, count, sizeof *grown);
    if (!grown)
        return false;
    for (size_t i = 0; i < c->slot_count; i++)
        if (c->slots[i])
            *slot_of(grown, count, &c->slots[i]->key) = c->slots[i];
    c->slots = grown;
    c->slot_count = count;
    return true;
}

struct entry *entry_add(struct compiled *c, const struct key *key, enum entry_kind kind)
{
    struct entry *made = make_room(c) ? arena_alloc(c->arena, sizeof *made) : NULL;
    if (!made)
        return NULL;
    made->key = *key;
    made->kind = kind;
    *slot_of(c->slots, c->slot_count, key) = made;
    c->count++;
    return made;
}

struct entry *entry_add_fact(struct compiled *c, const struct key *key, bool *ret_known)
{
    struct image_record record;
    struct entry *made = entry_add(c, key, ENTRY_FACT);
    *ret_known = made && image_find(&c->image, key, &record) && record.kind == ENTRY_FACT;
    if (*ret_known) {
        made->fact = record.fact;
        made->recalled = true;
    }
    return made;
}

uint32_t compiled_fact(struct compiled *c, const struct fact_wanted *wanted)
{
    struct key key;
    key_begin(c->keying, wanted->kind);
    key_add(c->keying, wanted->text);
    key_add_number(c->keying, wanted->about);
    if (!key_end(c->keying, &key))
        return FACT_MEMORY;
    struct entry *e = entry_find(c, &key);
    bool known = true;
    if (!e)
        e = entry_add_fact(c, &key, &known);
    if (e && !known)
        e->fact = wanted->find(wanted->context);
    return e ? e->fact : FACT_MEMORY;
}

bool compiled_is_new(const struct compiled *c)
{
    for (size_t i = 0; i < c->slot_count; i++)
        if (c->slots[i] && !c->slots[i]->recalled && !c->slots[i]->passing)
            return true;
    return false;
}

bool compiled_scratch(const struct compiled *c, hs_scratch_t **ret)
{
    *ret = NULL;
    return !c->scratch || hs_clone_scratch(c->scratch, ret) == HS_SUCCESS;
}
