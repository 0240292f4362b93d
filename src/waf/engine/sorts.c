/* SPDX-License-Identifier: Apache-2.0 */
#include "waf/engine/sorts.h"

#include "waf/engine/transaction.h"
#include "waf/plan/ends.h"

/* A text from so many bytes on is scanned where it is, not copied. */
#define LARGE 1024
/* Sets of chains that the texts of a segment are told apart by. */
#define SORTS_MAX 16

/* ---- what chains make of texts */

/* A text, and the chains that leave it so, as bits. */
struct scan_piece {
    const struct waf_form *form;
    uint64_t chains;
    size_t sort;
};

static bool add_piece(struct waf_transaction *t, const struct waf_form *f, uint64_t chains)
{
    struct scan_piece *grown = arena_grow(t->arena, t->pieces, t->piece_count, &t->piece_capacity, sizeof *grown);
    if (!grown)
        return false;
    t->pieces = grown;
    grown[t->piece_count++] = (struct scan_piece){f, chains, 0};
    return true;
}

/* Of another kind it is another one, as it is to a rule that looks at it. */
static bool is_same(const struct waf_form *a, const struct waf_form *b)
{
    return a == b || (kind_of(a->triggers) == kind_of(b->triggers) && bytes_equal(a->text, b->text));
}

/* More chains that make this of a text, whose pieces begin at `first`. */
static bool add_made(struct waf_transaction *t, size_t first, const struct waf_form *f, uint64_t chains)
{
    for (size_t i = first; i < t->piece_count; i++)
        if (is_same(t->pieces[i].form, f)) {
            t->pieces[i].chains |= chains;
            return true;
        }
    return add_piece(t, f, chains);
}

/* Those of the view's chains that may make something else of the text. */
static inline uint64_t changing_chains(const struct plan_group *g, const struct plan_view *view, const struct waf_form *f)
{
    uint64_t chains = g->always;
    for (uint64_t left = f->triggers & view->triggers; left; left &= left - 1)
        chains |= g->behind[__builtin_ctzll(left)];
    return chains & view->chains;
}

/* All that the view's chains make of a text. False when memory is out. */
static bool add_pieces(struct waf_transaction *t, const struct plan_group *g, const struct plan_view *view, struct waf_form *f)
{
    size_t first = t->piece_count;
    uint64_t same = view->chains;
    for (uint64_t left = changing_chains(g, view, f); left; left &= left - 1) {
        uint64_t bit = left & -left;
        const struct plan_chain *c = &g->chains[__builtin_ctzll(left)];
        struct waf_form *made = form_steps(&t->forms, f, c->steps, c->step_count);
        if (!made)
            return false;
        if (made == f)
            continue;
        same &= ~bit;
        if (!add_made(t, first, made, bit))
            return false;
    }
    return !same || add_made(t, first, f, same);
}

/* ---- texts behind the same chains, one after another with a separator behind each */

static bool is_large(const struct waf_form *f)
{
    return f->text.len >= LARGE;
}

/* The sort with these chains. Past the last, all are taken together: what is found is behind one of the chains, if not of that text. */
static size_t sort_of(struct scan_view *v, uint64_t chains)
{
    size_t i = 0;
    while (i < v->count && v->sorts[i].chains != chains)
        i++;
    if (i < v->count)
        return i;
    if (v->count == SORTS_MAX) {
        v->sorts[SORTS_MAX - 1].chains |= chains;
        return SORTS_MAX - 1;
    }
    v->sorts[v->count].chains = chains;
    return v->count++;
}

static void measure(struct scan_sort *s, const struct waf_form *f)
{
    struct scan_text *text = &s->texts[kind_of(f->triggers)];
    if (is_large(f)) {
        s->large_count++;
        return;
    }
    text->count++;
    text->triggered |= f->triggers;
    text->bytes.len += f->text.len + 1;
}

/* Buffers of the size that was measured; what is measured then counts what is in them. False when memory is out. */
static bool sort_make_room(struct arena *a, struct scan_sort *s)
{
    if (s->large_count && !(s->large = arena_array(a, s->large_count, sizeof *s->large)))
        return false;
    s->large_count = 0;
    for (enum text_kind kind = 0; kind < TEXT_KINDS; kind++) {
        struct scan_text *text = &s->texts[kind];
        if (text->count && !(text->bytes.at = arena_buffer(a, text->bytes.len)))
            return false;
        text->bytes.len = 0;
    }
    return true;
}

static void put_form(struct scan_sort *s, const struct waf_form *f)
{
    if (is_large(f)) {
        s->large[s->large_count++] = f;
        return;
    }
    struct bytes *b = &s->texts[kind_of(f->triggers)].bytes;
    uint8_t *to = (uint8_t *)(uintptr_t)b->at + b->len;
    if (f->text.len)
        to = mempcpy(to, f->text.at, f->text.len);
    *to = SEPARATOR;
    b->len += f->text.len + 1;
}

/* The one text is where it is. */
static bool sort_of_one(struct waf_transaction *t, const struct waf_form *f, uint64_t chains, struct scan_view *ret)
{
    ret->sorts = arena_array(t->arena, 1, sizeof *ret->sorts);
    if (!ret->sorts)
        return false;
    ret->count = 1;
    ret->sorts->chains = chains;
    ret->sorts->texts[kind_of(f->triggers)] = (struct scan_text){f->text, f->triggers, 1};
    return true;
}

/* Of the transaction's pieces. False when memory is out. */
static bool sort_pieces(struct waf_transaction *t, struct scan_view *ret)
{
    if (t->piece_count == 1)
        return sort_of_one(t, t->pieces->form, t->pieces->chains, ret);
    ret->sorts = arena_array(t->arena, t->piece_count < SORTS_MAX ? t->piece_count : SORTS_MAX, sizeof *ret->sorts);
    if (!ret->sorts)
        return false;
    for (size_t i = 0; i < t->piece_count; i++) {
        t->pieces[i].sort = sort_of(ret, t->pieces[i].chains);
        measure(&ret->sorts[t->pieces[i].sort], t->pieces[i].form);
    }
    for (size_t i = 0; i < ret->count; i++)
        if (!sort_make_room(t->arena, &ret->sorts[i]))
            return false;
    for (size_t i = 0; i < t->piece_count; i++)
        put_form(&ret->sorts[t->pieces[i].sort], t->pieces[i].form);
    return true;
}

/* Where no chain changes any. */
static bool sort_unchanged(struct waf_transaction *t, struct waf_form *const *forms, size_t count, uint64_t chains, struct scan_view *ret)
{
    if (count == 1)
        return sort_of_one(t, forms[0], chains, ret);
    struct scan_sort *s = ret->sorts = arena_array(t->arena, 1, sizeof *s);
    if (!s)
        return false;
    ret->count = 1;
    s->chains = chains;
    for (size_t i = 0; i < count; i++)
        measure(s, forms[i]);
    if (!sort_make_room(t->arena, s))
        return false;
    for (size_t i = 0; i < count; i++)
        put_form(s, forms[i]);
    return true;
}

bool sorts_make(struct waf_transaction *t, const struct plan_group *g, const struct plan_view *view, struct waf_form *const *forms, size_t count, uint64_t triggered,
    struct scan_view *ret)
{
    if (!count)
        return true;
    if (!view->always && !(triggered & view->triggers))
        return sort_unchanged(t, forms, count, view->chains, ret);
    t->piece_count = 0;
    for (size_t i = 0; i < count; i++)
        if (!add_pieces(t, g, view, forms[i]))
            return false;
    return sort_pieces(t, ret);
}
