/* SPDX-License-Identifier: Apache-2.0 */
/* What holds between the values of one list, one side, one rule, one record, when it has been read whole. */
#include <stdlib.h>

#include "policy/language.h"
#include "policy/print.h"

static int compare_words(const char *a, const char *b)
{
    return a == b ? 0 : !a ? -1 : !b ? 1 : strcmp(a, b);
}

/* Any total order of what selectors mean; labels' and names' numbers are as good as their text. */
static int compare_selectors(const struct selector *a, const struct selector *b)
{
    if (a->kind != b->kind)
        return a->kind < b->kind ? -1 : 1;
    if (a->negated != b->negated)
        return a->negated ? 1 : -1;
    if (a->index != b->index)
        return a->index < b->index ? -1 : 1;
    if (a->prefix.length != b->prefix.length)
        return a->prefix.length < b->prefix.length ? -1 : 1;
    return a->kind == SELECT_CIDR ? address_compare(&a->prefix.address, &b->prefix.address) : compare_words(a->key, b->key);
}

static int compare_indexes(const void *a, const void *b, void *items)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    const struct selector *all = items;
    int order = compare_selectors(&all[x], &all[y]);
    return order ? order : x < y ? -1 : x > y;
}

static void repeated(struct reading *r, const struct selector *s)
{
    diag_warning(r->diags, s->place, NULL, "this entry is repeated in the list");
}

/* Short lists by comparing each with each, long ones by sorting. Marks what is repeated with index NONE - 1. */
#define REPEATED (NONE - 1)
#define SHORT_LIST 16

static void mark_repeated(struct reading *r, struct selector *all, size_t count)
{
    if (count <= SHORT_LIST) {
        bool again[SHORT_LIST] = {0};
        for (size_t i = 1; i < count; i++)
            for (size_t j = 0; j < i && !again[i]; j++)
                again[i] = compare_selectors(&all[i], &all[j]) == 0;
        for (size_t i = 1; i < count; i++)
            if (again[i]) {
                repeated(r, &all[i]);
                all[i].index = REPEATED;
            }
        return;
    }
    uint32_t *order = malloc(count * sizeof *order);
    bool *again = calloc(count, 1);
    for (size_t i = 0; order && i < count; i++)
        order[i] = (uint32_t)i;
    if (order && again) {
        qsort_r(order, count, sizeof *order, compare_indexes, all);
        for (size_t i = 1; i < count; i++)
            again[order[i]] = compare_selectors(&all[order[i - 1]], &all[order[i]]) == 0;
        for (size_t i = 0; i < count; i++)
            if (again[i]) {
                repeated(r, &all[i]);
                all[i].index = REPEATED;
            }
    } else {
        r->diags->out_of_memory = true;
    }
    free(again);
    free(order);
}

void selectors_begin(struct reading *r, void *into, struct place at)
{
    r->selectors.count = 0;
    r->errors_before = r->diags->errors;
}

void selectors_done(struct reading *r, void *into, struct place at)
{
    struct end *end = into;
    struct selector *all = r->selectors.items;
    size_t count = r->selectors.count, kept = 0;
    bool positive = false;
    if (count == 0)
        return;
    mark_repeated(r, all, count);
    for (size_t i = 0; i < count; i++) {
        if (all[i].index == REPEATED)
            continue;
        positive = positive || !all[i].negated;
        all[kept++] = all[i];
    }
    if (!positive && r->diags->errors == r->errors_before)
        diag_error(r->diags, all[0].place, "add `any`: [any, not:...]", "a list of only `not:` entries selects nothing");
    end->items = list_copy(r, all, kept, sizeof *all);
    end->count = end->items ? (uint32_t)kept : 0;
}

void ports_begin(struct reading *r, void *into, struct place at)
{
    r->port_items.count = 0;
}

static int compare_ports(const void *a, const void *b)
{
    const struct ports *x = a, *y = b;
    if (x->protocol != y->protocol)
        return x->protocol < y->protocol ? -1 : 1;
    if (x->first != y->first)
        return x->first < y->first ? -1 : 1;
    if (x->last != y->last)
        return x->last > y->last ? -1 : 1;
    if (x->place.line != y->place.line)
        return x->place.line < y->place.line ? -1 : 1;
    return x->place.column < y->place.column ? -1 : x->place.column > y->place.column;
}

static int compare_place(const void *a, const void *b)
{
    const struct ports *x = a, *y = b;
    if (x->place.line != y->place.line)
        return x->place.line < y->place.line ? -1 : 1;
    return x->place.column < y->place.column ? -1 : x->place.column > y->place.column;
}

/* Warns of entries that others hold; drops the exact repetitions. Leaves the order of the file. */
static size_t drop_repeated_ports(struct reading *r, struct ports *all, size_t count)
{
    size_t kept = 0;
    const struct ports *any = NULL;
    struct text shown = text_new(64);
    qsort(all, count, sizeof *all, compare_ports);
    for (size_t i = 0; i < count; i++)
        if (all[i].protocol == PORTS_ANY)
            any = &all[i];
    struct ports wide = {0}, whole = any ? *any : wide;
    for (size_t i = 0; i < count; i++) {
        struct ports p = all[i];
        bool same = kept > 0 && all[kept - 1].protocol == p.protocol && all[kept - 1].first == p.first && all[kept - 1].last == p.last;
        bool inside = wide.protocol == p.protocol && wide.last >= p.last && wide.first <= p.first;
        if (same) {
            diag_warning(r->diags, p.place, NULL, "this entry is repeated in the list");
            continue;
        }
        if (inside || (any && p.protocol != PORTS_ANY)) {
            ports_print(inside ? &wide : &whole, &shown);
            diag_warning(r->diags, p.place, NULL, "this entry is already in `%s`", text_cstr(&shown));
            text_free(&shown);
        }
        if (!inside)
            wide = p;
        all[kept++] = p;
    }
    qsort(all, kept, sizeof *all, compare_place);
    return kept;
}

void ports_done(struct reading *r, void *into, struct place at)
{
    struct draft_traffic *t = into;
    struct ports *all = r->port_items.items;
    size_t count = r->port_items.count;
    if (count > 1)
        count = drop_repeated_ports(r, all, count);
    t->ports = list_copy(r, all, count, sizeof *all);
    t->port_count = t->ports ? (uint32_t)count : 0;
}

void traffic_done(struct reading *r, void *into, struct place at)
{
    struct draft_traffic *t = into;
    t->given = true;
    t->place = at;
}

void rule_begin(struct reading *r, void *into, struct place at)
{
    r->rule = (struct draft_rule){.place = at};
}

/* A rule that is whole goes into the draft; what is wrong with others has been said. */
void rule_done(struct reading *r, void *into, struct place at)
{
    struct draft_rule *d = into;
    const struct draft_traffic *t = d->allow.given ? &d->allow : &d->deny;
    if (d->observe && d->allow.given)
        diag_error(r->diags, r->choice, "`enforce: observe` tries out a deny; leave it out here", "an allow cannot be observed");
    if (d->name.text) {
        bool fresh;
        uint64_t *line = table_put(&r->rule_ids, bytes_of_text(d->name.text), d->name.place.line, &fresh);
        if (!line)
            r->diags->out_of_memory = true;
        else if (!fresh)
            diag_error(r->diags, d->name.place, NULL, "the rule `%s` is defined twice; the first is on line %u", d->name.text, (unsigned)*line);
    }
    if (!d->name.text || !t->given || t->from.count == 0 || t->to.count == 0)
        return;
    static const struct ports every = {.protocol = PORTS_ANY, .first = 0, .last = 65535};
    struct ports *ports = t->port_count ? t->ports : list_copy(r, &every, 1, sizeof every);
    struct rule *rule = list_add(r, &r->draft.rules, sizeof *rule);
    if (!rule || !ports)
        return;
    *rule = (struct rule){.name = d->name.text, .place = d->name.place, .allow = d->allow.given, .observe = d->observe != 0,
        .from = t->from, .to = t->to, .ports = ports, .port_count = t->port_count ? t->port_count : 1, .when = d->when, .when_place = d->when_place};
}

void run_done(struct reading *r, void *into, struct place at)
{
    struct draft_run *run = into;
    run->given = true;
    run->place = at;
}

void attach_done(struct reading *r, void *into, struct place at)
{
    struct draft_workload *w = into;
    w->attach_given = true;
    w->attach_place = at;
}

void uplink_done(struct reading *r, void *into, struct place at)
{
    struct draft_uplink *u = into;
    u->given = true;
    u->place = at;
}
