/* SPDX-License-Identifier: Apache-2.0 */
#include "waf/engine/known_names.h"

#include "waf/language/names.h"

#define OWN_COUNT (KNOWN_COLLECTION_LIMIT + 1)

/* NULL when memory is out. */
static const char *own_name(uint32_t number, struct arena *a)
{
    if (number < CAPTURES_KNOWN)
        return arena_format(a, "%u", number);
    return number == KNOWN_MATCH_LIMIT ? "MSC_PCRE_LIMITS_EXCEEDED" : "MSC_COLLECTION_LIMITS_EXCEEDED";
}

uint32_t known_names_find(const struct known_names *k, struct bytes name, uint32_t hash)
{
    for (uint32_t place = hash & k->place_mask; k->places[place]; place = (place + 1) & k->place_mask) {
        const struct known_name *item = &k->items[k->places[place] - 1];
        if (item->hash == hash && names_equal(item->text, name))
            return k->places[place] - 1;
    }
    return NOTHING;
}

static void add(struct known_names *k, struct bytes name)
{
    uint32_t hash = name_hash(name), place = hash & k->place_mask;
    if (known_names_find(k, name, hash) != NOTHING)
        return;
    while (k->places[place])
        place = (place + 1) & k->place_mask;
    k->items[k->count++] = (struct known_name){name, hash};
    k->places[place] = k->count;
}

/* At most one name for each target, action and part; places are at least twice as many. */
static bool make_room(const struct waf_rule_set *set, struct arena *a, struct known_names *k)
{
    size_t most = OWN_COUNT + (size_t)set->target_count + set->action_count + set->part_count, places = 256;
    while (places < most * 2)
        places *= 2;
    if (places > UINT32_MAX)
        return false;
    *k = (struct known_names){.items = arena_array(a, most, sizeof *k->items), .places = arena_array(a, places, sizeof *k->places), .place_mask = (uint32_t)places - 1};
    return k->items && k->places;
}

bool known_names_gather(const struct waf_rule_set *set, struct arena *a, struct known_names *ret)
{
    if (!make_room(set, a, ret))
        return false;
    for (uint32_t i = 0; i < OWN_COUNT; i++) {
        const char *name = own_name(i, a);
        if (!name)
            return false;
        add(ret, bytes_of_text(name));
    }
    for (uint32_t i = 0; i < set->target_count; i++)
        if (set->targets[i].variable == VARIABLE_TX && set->targets[i].selector == SELECTOR_LITERAL)
            add(ret, waf_text_bytes(set, set->targets[i].text));
    for (uint32_t i = 0; i < set->part_count; i++)
        if (set->parts[i].macro && set->parts[i].variable == VARIABLE_TX && set->parts[i].selector == SELECTOR_LITERAL)
            add(ret, waf_text_bytes(set, set->parts[i].text));
    for (uint32_t i = 0; i < set->action_count; i++) {
        const struct waf_action *w = &set->actions[i];
        if (w->kind == ACTION_SETVAR && w->variable == VARIABLE_TX && waf_template_is_literal(set, w->name))
            add(ret, waf_template_text(set, w->name));
    }
    return true;
}
