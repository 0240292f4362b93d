/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Text -> draft: walks YAML's nodes along the tables of language.c. Everything that is wrong is said, and
 * reading goes on behind it; only broken YAML and a lack of memory end it.
 */
#include "policy/parse.h"

#include "policy/digest.h"
#include "policy/language.h"

#include <stdio.h>

void *list_add(struct reading *r, struct list *l, size_t size)
{
    void *items = arena_grow(r->arena, l->items, l->count, &l->capacity, size);
    if (!items) {
        r->diags->out_of_memory = true;
        return NULL;
    }
    l->items = items;
    void *slot = (char *)items + l->count++ * size;
    memset(slot, 0, size);
    return slot;
}

void *list_copy(struct reading *r, const void *from, size_t count, size_t size)
{
    void *copy = arena_array(r->arena, count, size);
    if (!copy)
        r->diags->out_of_memory = true;
    else if (count)
        memcpy(copy, from, count * size);
    return copy;
}

char *text_copy(struct reading *r, struct bytes text)
{
    char *copy = arena_text(r->arena, text.at, text.len);
    if (!copy)
        r->diags->out_of_memory = true;
    return copy;
}

/* False when nothing can follow: the YAML is broken, or memory is out. */
static bool next(struct reading *r, struct yaml_node *ret)
{
    return yaml_next(&r->yaml, ret) && !r->diags->out_of_memory;
}

static bool skip(struct reading *r, const struct yaml_node *n)
{
    return yaml_skip(&r->yaml, n) && !r->diags->out_of_memory;
}

static bool skip_value(struct reading *r)
{
    struct yaml_node n;
    return next(r, &n) && skip(r, &n);
}

static const char *kind_name(const struct yaml_node *n)
{
    return n->missing ? "nothing" : n->kind == YAML_MAP ? "a mapping" : n->kind == YAML_LIST ? "a list" : "text";
}

static bool refuse_node(struct reading *r, const struct shape *s, const struct yaml_node *n)
{
    diag_error(r->diags, n->missing ? r->key : n->place, NULL, "`%s` needs %s, not %s", r->key_name, s->what, kind_name(n));
    return skip(r, n);
}

static const char *did_you_mean(struct reading *r, const char *wrong, const char *const *names, size_t count)
{
    const char *close = r->diags->errors < DIAGS_MAX ? closest_name(wrong, names, count) : NULL;
    return close ? arena_format(r->arena, "did you mean `%s`?", close) : NULL;
}

const char *quote_cut(struct bytes b, char *out, size_t size)
{
    bool cut = b.len >= size;
    size_t len = cut ? size - 4 : b.len;
    while (cut && len > 0 && (b.at[len] & 0xc0) == 0x80) /* no character is cut in two */
        len--;
    if (len)
        memcpy(out, b.at, len);
    memcpy(out + len, cut ? "..." : "", cut ? 4 : 1);
    return out;
}

/* Text of a node for a message. */
static const char *shown(const struct yaml_node *n, char out[SHOWN_MAX])
{
    return quote_cut(n->text, out, SHOWN_MAX);
}

#define CHOICES_MAX 20

static void read_choice(struct reading *r, const struct shape *s, const struct yaml_node *n, void *into)
{
    const char *names[CHOICES_MAX];
    char all[200] = "", word[SHOWN_MAX];
    size_t count = 0;
    r->choice = n->place;
    for (const struct choice *c = s->choices; c->name && count < CHOICES_MAX; c++) {
        if (bytes_equal(n->text, bytes_of_text(c->name))) {
            *(int *)into = c->value;
            return;
        }
        size_t used = strlen(all);
        snprintf(all + used, sizeof all - used, "%s`%s`", count == 0 ? "" : c[1].name ? ", " : " or ", c->name);
        names[count++] = c->name;
    }
    const char *hint = did_you_mean(r, shown(n, word), names, count);
    diag_error(r->diags, n->place, hint, "`%s` is %s, not `%s`", r->key_name, all, word);
}

static bool read_shape(struct reading *r, const struct shape *s, const struct yaml_node *n, void *into);

static const struct field *find_field(const struct shape *s, struct bytes key)
{
    for (const struct field *f = s->fields; f->key; f++)
        if (bytes_equal(key, bytes_of_text(f->key)))
            return f;
    return NULL;
}

static bool unknown_key(struct reading *r, const struct shape *s, const struct yaml_node *key)
{
    const char *names[CHOICES_MAX];
    char word[SHOWN_MAX];
    size_t count = 0;
    for (const struct field *f = s->fields; f->key && count < CHOICES_MAX; f++)
        names[count++] = f->key;
    const char *hint = did_you_mean(r, shown(key, word), names, count);
    diag_error(r->diags, key->place, hint, "unknown key `%s`", word);
    return skip_value(r);
}

static bool key_is_text(struct reading *r, const struct yaml_node *key)
{
    if (key->kind == YAML_SCALAR && !key->missing)
        return true;
    diag_error(r->diags, key->place, NULL, "a key must be text");
    return false;
}

static bool read_field(struct reading *r, const struct field *f, const struct yaml_node *key, void *into)
{
    r->key = key->place;
    r->key_name = f->key;
    if (f->shape->kind == SHAPE_LATER)
        diag_error(r->diags, key->place, NULL, "`%s` is not enforced yet", f->key);
    struct yaml_node value;
    if (!next(r, &value))
        return false;
    /* A rule is read where rules are put together; only done rules go into the draft. */
    void *to = f->shape->kind == SHAPE_LIST && f->shape->item->begin ? (void *)&r->rule : (char *)into + f->offset;
    return read_shape(r, f->shape, &value, to);
}

/* Required keys that are not there; `seen` has a bit for each field. */
static void check_required(struct reading *r, const struct shape *s, uint64_t seen, const char *owner, struct place at)
{
    const char *const *one = s->one_of;
    bool first = false, second = false;
    for (const struct field *f = s->fields; f->key; f++) {
        bool given = seen >> (f - s->fields) & 1;
        if (f->required && !given)
            diag_error(r->diags, at, NULL, "%s has no `%s`", owner, f->key);
        if (one[0] && strcmp(f->key, one[0]) == 0)
            first = given;
        if (one[0] && strcmp(f->key, one[1]) == 0)
            second = given;
    }
    if (one[0] && first == second)
        diag_error(r->diags, at, NULL, first ? "%s has both `%s` and `%s`: it needs exactly one" : "%s needs `%s` or `%s`", owner, one[0], one[1]);
}

static bool read_record(struct reading *r, const struct shape *s, const struct yaml_node *n, void *into)
{
    /* What the record is called in messages, and where: its key; for an item of a list, the item itself. */
    char owner[80] = "the policy";
    bool rule = s->begin != NULL;
    struct place at = rule ? n->place : r->key;
    if (s != &policy_shape && !rule)
        snprintf(owner, sizeof owner, "`%.60s`", r->key_name);
    uint64_t seen = 0;
    if (s->begin)
        s->begin(r, into, n->place);
    for (;;) {
        struct yaml_node key;
        if (!next(r, &key))
            return false;
        if (key.kind == YAML_MAP_END)
            break;
        if (!key_is_text(r, &key)) {
            if (!skip(r, &key) || !skip_value(r))
                return false;
            continue;
        }
        const struct field *f = find_field(s, key.text);
        uint64_t bit = f ? (uint64_t)1 << (f - s->fields) : 0;
        bool ok;
        if (!f) {
            ok = unknown_key(r, s, &key);
        } else if (seen & bit) {
            diag_error(r->diags, key.place, NULL, "`%s` is given twice", f->key);
            ok = skip_value(r);
        } else {
            ok = read_field(r, f, &key, into);
        }
        if (!ok)
            return false;
        seen |= bit;
    }
    if (rule) {
        const struct word *name = &((struct draft_rule *)into)->name;
        snprintf(owner, sizeof owner, name->text ? "rule `%s`" : "a rule", name->text);
        at = name->text ? name->place : at;
    }
    check_required(r, s, seen, owner, at);
    if (s->done)
        s->done(r, into, at);
    return !r->diags->out_of_memory;
}

static bool read_list(struct reading *r, const struct shape *s, const struct yaml_node *n, void *into)
{
    if (s->begin)
        s->begin(r, into, r->key);
    struct yaml_node item = *n;
    const char *name = r->key_name;
    if (n->kind == YAML_LIST) {
        size_t count = 0;
        for (;; count++) {
            r->key_name = name;
            if (!next(r, &item))
                return false;
            if (item.kind == YAML_LIST_END)
                break;
            if (!read_shape(r, s->item, &item, into))
                return false;
        }
        if (count == 0 && s->item->kind == SHAPE_TEXT)
            diag_error(r->diags, n->place, NULL, "`%s` is an empty list", r->key_name);
    } else if (!read_shape(r, s->item, &item, into)) {
        return false;
    }
    if (s->done)
        s->done(r, into, r->key);
    return !r->diags->out_of_memory;
}

static bool read_map(struct reading *r, const struct shape *s, const struct yaml_node *n, void *into)
{
    for (;;) {
        struct yaml_node key, value;
        if (!next(r, &key))
            return false;
        if (key.kind == YAML_MAP_END)
            return true;
        void *slot = NULL;
        if (key_is_text(r, &key)) {
            slot = s->entry(r, &key, into);
            r->key = key.place;
            r->key_name = shown(&key, r->map_key);
        } else if (!skip(r, &key)) {
            return false;
        }
        if (r->diags->out_of_memory || !next(r, &value))
            return false;
        if (!(slot ? read_shape(r, s->item, &value, slot) : skip(r, &value)))
            return false;
    }
}

static bool read_shape(struct reading *r, const struct shape *s, const struct yaml_node *n, void *into)
{
    bool text = n->kind == YAML_SCALAR && !n->missing;
    switch (s->kind) {
    case SHAPE_TEXT:
        if (!text)
            return refuse_node(r, s, n);
        s->text(r, n, into);
        return !r->diags->out_of_memory;
    case SHAPE_CHOICE:
        if (n->kind != YAML_SCALAR) {
            struct shape word = {.what = "a word"};
            return refuse_node(r, &word, n);
        }
        read_choice(r, s, n, into);
        return !r->diags->out_of_memory;
    case SHAPE_LIST:
        return n->kind == YAML_LIST || (s->lone && text) ? read_list(r, s, n, into) : refuse_node(r, s, n);
    case SHAPE_RECORD:
        return n->kind == YAML_MAP ? read_record(r, s, n, into) : refuse_node(r, s, n);
    case SHAPE_MAP:
        return n->kind == YAML_MAP ? read_map(r, s, n, into) : refuse_node(r, s, n);
    case SHAPE_LATER:
        break;
    }
    return skip(r, n);
}

static bool read_policy(struct reading *r)
{
    struct yaml_node n;
    if (!next(r, &n))
        return false;
    if (n.kind == YAML_DONE)
        return diag_error(r->diags, (struct place){1, 1, 1}, NULL, "the file is empty");
    r->key = n.place;
    if (n.kind != YAML_MAP)
        return diag_error(r->diags, n.place, NULL, "this is not %s", policy_shape.what);
    return read_shape(r, &policy_shape, &n, &r->draft) && next(r, &n);
}

struct policy *policy_parse(struct bytes source, uint64_t seed, zone_finder *find_zone, struct arena *arena, struct diags *diags)
{
    struct reading r = {.arena = arena, .diags = diags, .find_zone = find_zone, .hints_left = 2000000};
    r.name_ids = table_new(arena, seed);
    r.label_ids = table_new(arena, seed + 1);
    r.rule_ids = table_new(arena, seed + 2);
    r.draft.timeouts = TIMEOUTS_DEFAULT;
    bool read = yaml_open(&r.yaml, source, diags) && read_policy(&r);
    yaml_close(&r.yaml);
    /* Of a file that could not be read to its end, what is missing is not the user's fault. */
    struct policy *p = read ? draft_check(&r) : NULL;
    if (p && diags_ok(diags))
        policy_suspect(p, &r);
    if (p && diags_ok(diags) && !policy_digest(p))
        diags->out_of_memory = true;
    diags_sort(diags);
    return p && diags_ok(diags) ? p : NULL;
}
