/* SPDX-License-Identifier: Apache-2.0 */
#include "waf/explain/parts.h"

const char *explained_keep(struct text *t, struct arena *a)
{
    char *copy = t->failed ? NULL : arena_text(a, text_cstr(t), t->len);
    text_free(t);
    return copy;
}

bool explained_line(struct explained_lines *l, struct text *t, struct arena *a)
{
    const char *line = explained_keep(t, a), **grown = line ? arena_grow(a, l->items, l->count, &l->capacity, sizeof *grown) : NULL;
    if (!grown)
        return false;
    l->items = grown;
    grown[l->count++] = line;
    return true;
}

bool explained_pair(struct explained_pairs *p, const char *name, struct text *meaning, struct arena *a)
{
    const char *text = explained_keep(meaning, a);
    struct explained_pair *grown = text && name ? arena_grow(a, p->items, p->count, &p->capacity, sizeof *grown) : NULL;
    if (!grown)
        return false;
    p->items = grown;
    grown[p->count++] = (struct explained_pair){name, text};
    return true;
}

void explained_put(const struct waf_rule_set *set, struct waf_text text, struct text *out)
{
    struct bytes b = waf_text_bytes(set, text);
    if (b.len)
        text_append(out, b.at, b.len);
}

void explained_place(const struct waf_rule_set *set, uint32_t rule, struct text *out)
{
    const struct waf_rule *r = &set->rules[rule];
    if (r->id)
        text_printf(out, "rule %lld (", (long long)r->id);
    else
        text_puts(out, "a rule (");
    explained_put(set, set->files[r->file], out);
    text_printf(out, ":%u)", r->line);
}
