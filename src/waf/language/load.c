/* SPDX-License-Identifier: Apache-2.0 */
#include "waf/language/load.h"

#include "waf/language/reading.h"

struct file_names {
    struct arena *arena;
    const char **items;
    size_t count, capacity;
    bool failed;
};

bool file_names_add(struct file_names *names, const char *name)
{
    const char **items = arena_grow(names->arena, names->items, names->count, &names->capacity, sizeof *items);
    char *copy = arena_text(names->arena, name, strlen(name));
    if (items)
        names->items = items;
    if (!items || !copy) {
        names->failed = true;
        return false;
    }
    items[names->count++] = copy;
    return true;
}

static bool files_list(struct reading *r, const struct piece *pattern, struct file_names *names)
{
    *names = (struct file_names){.arena = r->arena};
    char *text = arena_text(r->arena, pattern->text.at, pattern->text.len);
    if (!text) {
        r->draft->failed = true;
        return false;
    }
    if (strlen(text) != pattern->text.len)
        return piece_error(pattern, NULL, "the name of a file holds no NUL");
    bool known = r->files->list(r->files->context, r->source->name, text, names);
    if (names->failed) {
        r->draft->failed = true;
        return false;
    }
    return known || piece_error(pattern, NULL, "cannot look for `%.200s`", text);
}

static struct source *source_find(const struct sources *s, const char *name)
{
    for (size_t i = 0; i < s->count; i++)
        if (texts_equal(s->items[i]->name, name))
            return s->items[i];
    return NULL;
}

/* The source of that name, made when it is new; NULL when memory is out. */
static struct source *source_take(struct reading *r, const char *name, struct bytes text)
{
    struct source *s = source_find(r->sources, name);
    if (s)
        return s;
    s = source_new(r->arena, name, text);
    struct source **items = arena_grow(r->arena, r->sources->items, r->sources->count, &r->sources->capacity, sizeof(struct source *));
    struct waf_text stored = draft_text(r->draft, bytes_of_text(name));
    struct waf_text *file = DRAFT_ADD(r->draft, files);
    if (items)
        r->sources->items = items;
    if (!s || !items || !file) {
        r->draft->failed = true;
        return NULL;
    }
    *file = stored;
    s->index = (uint32_t)r->sources->count;
    items[r->sources->count++] = s;
    return s;
}

/* `at`: where the file is named. */
static void file_read(struct reading *r, const char *name, const struct piece *at)
{
    struct bytes text;
    if (!r->files->read(r->files->context, name, &text)) {
        piece_error(at, NULL, "cannot read `%.200s`", name);
        return;
    }
    if (r->included++ >= INCLUDED_FILES_MAX) {
        if (r->included == INCLUDED_FILES_MAX + 1)
            piece_error(at, NULL, "more than %d files are included", INCLUDED_FILES_MAX);
        return;
    }
    struct source *s = source_take(r, name, text);
    if (!s)
        return;
    r->source = s;
    r->depth++;
    directives_scan(r);
    r->depth--;
}

void include_read(struct reading *r, const struct piece *word, const struct piece *pattern, bool optional)
{
    struct source *from = r->source;
    struct file_names names;
    if (r->depth >= INCLUDE_DEPTH_MAX) {
        if (!r->too_deep) /* once: a file that includes itself twice would say it thousands of times */
            piece_error(word, "does a file include itself?", "files include each other more than %d deep", INCLUDE_DEPTH_MAX);
        r->too_deep = true;
        return;
    }
    if (!files_list(r, pattern, &names))
        return;
    char shown[200];
    if (names.count == 0 && !optional)
        piece_error(pattern, NULL, "no file is called `%s`", piece_shown(pattern, shown, sizeof shown));
    for (size_t i = 0; i < names.count; i++) {
        file_read(r, names.items[i], pattern);
        r->source = from;
    }
}

bool file_text_read(struct reading *r, const struct piece *p, const char **ret_name, struct bytes *ret)
{
    struct file_names names;
    char shown[200];
    if (bytes_equal(bytes_slice(p->text, 0, 8), bytes_of_text("https://")) || bytes_equal(bytes_slice(p->text, 0, 7), bytes_of_text("http://")))
        return piece_error(p, "keep it in a file", "the engine fetches nothing from the network");
    if (!files_list(r, p, &names))
        return false;
    if (names.count != 1)
        return piece_error(p, NULL, "%s is called `%s`", names.count ? "more than one file" : "no file", piece_shown(p, shown, sizeof shown));
    *ret_name = names.items[0];
    return r->files->read(r->files->context, names.items[0], ret) || piece_error(p, NULL, "cannot read `%.200s`", names.items[0]);
}

bool data_read(struct reading *r, const struct piece *p, uint32_t *ret)
{
    const char *name;
    struct bytes content;
    struct draft *d = r->draft;
    if (!file_text_read(r, p, &name, &content))
        return false;
    for (size_t i = 0; i < d->data.count; i++)
        if (bytes_equal(draft_bytes(d, d->data.items[i].name), bytes_of_text(name))) {
            *ret = (uint32_t)i;
            return true;
        }
    struct waf_data made = {.name = draft_text(d, bytes_of_text(name)), .content = draft_text(d, content)};
    struct waf_data *entry = DRAFT_ADD(d, data);
    if (!entry)
        return false;
    *entry = made;
    *ret = (uint32_t)(d->data.count - 1);
    return true;
}

/* The draft's arrays as the set's. */
static struct waf_rule_set *draft_finish(struct draft *d)
{
    struct waf_rule_set *set = arena_alloc(d->arena, sizeof *set);
    if (!set)
        return NULL;
    *set = d->set;
#define TAKE(ARRAY, COUNT) \
    set->ARRAY = d->ARRAY.items; \
    set->COUNT = (uint32_t)d->ARRAY.count
    TAKE(rules, rule_count);
    TAKE(exceptions, exception_count);
    TAKE(targets, target_count);
    TAKE(actions, action_count);
    TAKE(parts, part_count);
    TAKE(templates, template_count);
    TAKE(transformations, transformation_count);
    TAKE(ids, id_count);
    TAKE(action_updates, action_update_count);
    TAKE(data_uses, data_use_count);
    TAKE(data, data_count);
    TAKE(files, file_count);
    TAKE(components, component_count);
    TAKE(response_mime_types, response_mime_type_count);
#undef TAKE
    set->texts = bytes_of(d->texts.items, d->texts.count);
    return set;
}

static void root_read(struct reading *r, const char *name)
{
    struct bytes text;
    if (r->files->read(r->files->context, name, &text)) {
        r->source = source_take(r, name, text);
        if (r->source)
            directives_scan(r);
        return;
    }
    struct source *s = source_take(r, name, (struct bytes){0});
    if (s)
        diag_error(&s->diags, (struct place){0}, NULL, "cannot read the file");
}

bool rules_load(const char *const *names, size_t count, const struct rule_files *files, struct arena *arena,
    struct sources *ret_sources, const struct waf_rule_set **ret)
{
    struct draft draft = {.arena = arena, .set.settings = {.argument_separator = '&',
        .rule_engine = SWITCH_DETECTION_ONLY, .request_body_access = SWITCH_ON}};
    struct reading r = {.draft = &draft, .sources = ret_sources, .files = files, .arena = arena, .open_chain = NOTHING};
    *ret_sources = (struct sources){0};
    for (size_t i = 0; i < count && !draft.failed; i++)
        root_read(&r, names[i]);
    if (!draft.failed)
        rules_check(&draft);
    if (!draft.failed && sources_ok(ret_sources))
        rules_resolve(&draft);
    struct waf_rule_set *set = draft.failed ? NULL : draft_finish(&draft);
    if (!set)
        ret_sources->out_of_memory = true;
    for (size_t i = 0; i < ret_sources->count; i++)
        diags_sort(&ret_sources->items[i]->diags);
    if (!sources_ok(ret_sources))
        return false;
    *ret = set;
    return true;
}
