/* SPDX-License-Identifier: Apache-2.0 */
/* Databases are compiled several at a time, each a job that touches nothing but its own entry: which is done first makes no difference. */
#include <stdlib.h>

#include "waf/image/entries.h"
#include "waf/image/probe.h"

struct job {
    const struct database_wanted *wanted;
    struct entry *entry;
    size_t weight; /* bytes of text: about as much work */
};

struct jobs {
    struct job *items;
    size_t count;
};

static struct bytes text_of(const struct database_wanted *w, unsigned i)
{
    return w->lengths ? bytes_of(w->texts[i], w->lengths[i]) : bytes_of_text(w->texts[i]);
}

static bool key_of(struct compiled *c, const struct database_wanted *w, struct key *ret)
{
    key_begin(c->keying, w->lengths ? "literals" : "expressions");
    key_add_number(c->keying, w->count);
    for (unsigned i = 0; i < w->count; i++) {
        key_add(c->keying, text_of(w, i));
        key_add_number(c->keying, w->flags[i]);
        key_add_number(c->keying, w->ids[i]);
    }
    return key_end(c->keying, ret);
}

static size_t weight_of(const struct database_wanted *w)
{
    size_t weight = 0;
    for (unsigned i = 0; i < w->count; i++)
        weight += text_of(w, i).len;
    return weight;
}

static int heavier_first(const void *one, const void *other)
{
    const struct job *a = one, *b = other;
    return a->weight == b->weight ? 0 : a->weight > b->weight ? -1 : 1;
}

static void compile(void *argument, size_t which)
{
    const struct job *job = &((const struct job *)argument)[which];
    const struct database_wanted *w = job->wanted;
    struct entry *e = job->entry;
    hs_compile_error_t *error = NULL;
    hs_error_t code = w->lengths
        ? hs_compile_lit_multi(w->texts, w->flags, w->ids, w->lengths, w->count, HS_MODE_BLOCK, NULL, &e->owned, &error)
        : hs_compile_multi(w->texts, w->flags, w->ids, w->count, HS_MODE_BLOCK, NULL, &e->owned, &error);
    if (code != HS_SUCCESS) {
        e->passing = !error || error->expression < 0; /* it may have been memory */
        e->fact = error && error->expression >= 0 ? (uint32_t)error->expression + 1 : UINT32_MAX;
        e->owned = NULL;
    }
    e->database = e->owned;
    hs_free_compile_error(error);
}

static void run(const struct compiled *c, struct jobs *jobs)
{
    qsort(jobs->items, jobs->count, sizeof *jobs->items, heavier_first);
    if (c->runner.run && jobs->count > 1) {
        c->runner.run(c->runner.context, compile, jobs->items, jobs->count);
        return;
    }
    for (size_t i = 0; i < jobs->count; i++)
        compile(jobs->items, i);
}

/* Its entry to `*ret`; where there was none it becomes a job. False when memory is out. */
static bool look_up(struct compiled *c, const struct database_wanted *w, struct jobs *jobs, struct entry **ret)
{
    struct key key;
    if (!key_of(c, w, &key))
        return false;
    *ret = entry_find(c, &key);
    if (*ret)
        return true;
    *ret = entry_add(c, &key, ENTRY_DATABASE);
    struct image_record record;
    if (*ret && image_find(&c->image, &key, &record) && record.kind == ENTRY_DATABASE && database_recall(c, &record, *ret))
        (*ret)->recalled = true;
    else if (*ret)
        jobs->items[jobs->count++] = (struct job){w, *ret, weight_of(w)};
    return *ret;
}

static void answer(const struct entry *e, struct database_wanted *w)
{
    w->result = e->database ? DATABASE_OK : DATABASE_REFUSED;
    w->database = e->database;
    w->wrong = !e->database && e->fact && e->fact <= w->count ? (int)e->fact - 1 : -1;
}

bool compiled_databases(struct compiled *c, struct database_wanted *items, size_t count)
{
    struct arena *a = arena_child(c->arena);
    struct entry **entries = a ? arena_array(a, count, sizeof *entries) : NULL;
    struct jobs jobs = {.items = a ? arena_array(a, count, sizeof *jobs.items) : NULL};
    bool ok = entries && jobs.items;
    for (size_t i = 0; i < count && ok; i++)
        ok = look_up(c, &items[i], &jobs, &entries[i]);
    if (ok)
        run(c, &jobs);
    for (size_t i = 0; i < jobs.count && ok; i++)
        ok = !jobs.items[i].entry->database || database_probe(jobs.items[i].entry->database, &c->scratch, &jobs.items[i].entry->probe);
    for (size_t i = 0; i < count && ok; i++)
        answer(entries[i], &items[i]);
    arena_destroy(a);
    return ok;
}
