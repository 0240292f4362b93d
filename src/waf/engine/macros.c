/* SPDX-License-Identifier: Apache-2.0 */
#include "waf/engine/transaction.h"

/* Most texts have no more: these need no memory. */
#define PARTS_FEW 8

static inline struct bytes part_bytes(struct waf_transaction *t, uint32_t part)
{
    const struct selection *s = &t->program->parts[part];
    if (s->number != NOTHING) {
        const struct waf_value *v = values_known(&t->lists[VARIABLE_TX], s->number);
        return v ? v->value : (struct bytes){0};
    }
    return t->set->parts[part].macro ? variables_first(t, t->set->parts[part].variable, s) : s->name;
}

bool macros_expand(struct waf_transaction *t, struct waf_template text, struct bytes *ret)
{
    *ret = (struct bytes){0};
    if (text.count == 1) {
        *ret = part_bytes(t, text.first);
        return !t->out_of_memory;
    }
    struct bytes few[PARTS_FEW], *parts = text.count <= PARTS_FEW ? few : arena_array(t->arena, text.count, sizeof *parts);
    size_t len = 0;
    if (!parts)
        return false;
    for (uint32_t i = 0; i < text.count; i++) {
        parts[i] = part_bytes(t, text.first + i);
        len += parts[i].len;
    }
    uint8_t *whole = arena_buffer(t->arena, len);
    if (!whole || t->out_of_memory)
        return false;
    *ret = bytes_of(whole, len);
    for (uint32_t i = 0; i < text.count; i++) {
        if (parts[i].len)
            memcpy(whole, parts[i].at, parts[i].len);
        whole += parts[i].len;
    }
    return true;
}
