/* SPDX-License-Identifier: Apache-2.0 */
#include "decide/matrix.h"

#include <stdlib.h>

#include "decide/service_walk.h"

/* What is allowed between two addresses of one family. */
struct allowance {
    uint32_t row, column, services;
    uint8_t six;
};

struct building {
    const struct policy *policy;
    struct arena *arena; /* until the matrix is built; what stays is in the matrix's own */
    struct matrix *m;
    struct effort effort;
    struct moments moments;
    struct acts acts;
    struct ends ends;
    struct allowance *items;
    size_t count, capacity;
};

/* One family of addresses. */
struct quarter {
    struct building *b;
    struct crowd crowd;
    uint32_t *place; /* of each party, once there are all places; NONE: the rest of the world */
    struct selections selections;
    struct party_walk everybody;
    struct service_walk services_walk;
    enum side fixed_side;
    uint32_t fixed;
    struct range_list services;
};

static unsigned is_six(const struct quarter *q)
{
    return q->crowd.family == 6;
}

/* Places */

static void add_workloads(struct building *b)
{
    for (uint32_t i = 0; i < b->policy->workload_count; i++) {
        const struct workload *w = &b->policy->workloads[i];
        b->m->places[b->m->count++] =
            (struct place_of_matrix){.name = w->name, .workload = i, .segment = w->segment};
    }
}

static bool add_residents(struct quarter *q)
{
    const struct policy *p = q->b->policy;
    size_t count = 0;
    for (uint32_t i = 0; i < p->workload_count; i++)
        count += p->workloads[i].address_count;
    q->crowd.residents = arena_array(q->b->arena, count, sizeof *q->crowd.residents);
    q->place = arena_array(q->b->arena, count, sizeof *q->place);
    for (uint32_t i = 0; q->crowd.residents && q->place && i < p->workload_count; i++) {
        for (uint32_t k = 0; k < p->workloads[i].address_count; k++) {
            const struct address *a = &p->workloads[i].addresses[k];
            if (a->family != q->crowd.family)
                continue;
            q->place[q->crowd.resident_count] = i;
            q->crowd.residents[q->crowd.resident_count++] =
                (struct resident){.workload = p->workloads[i].name, .at = {*a}, .exists = {true}};
        }
    }
    return q->crowd.residents && q->place;
}

static int compare_prefixes(const void *a, const void *b)
{
    const struct prefix *x = a, *y = b;
    int order = address_compare(&x->address, &y->address);
    return order ? order : (int)x->length - (int)y->length;
}

/* Every prefix but /0 that an end names, each once, a wider one before those in it. NULL when memory is out. */
static struct prefix *named_prefixes(const struct building *b, uint8_t family, size_t *ret_count)
{
    struct prefix *prefixes = NULL;
    size_t count = 0, capacity = 0, kept = 0;
    for (uint32_t e = 0; e < b->ends.count; e++) {
        for (uint32_t i = 0; i < b->ends.items[e]->count; i++) {
            const struct selector *s = &b->ends.items[e]->items[i];
            if (s->kind != SELECT_CIDR || s->prefix.address.family != family || s->prefix.length == 0)
                continue;
            prefixes = arena_grow(b->arena, prefixes, count, &capacity, sizeof *prefixes);
            if (!prefixes)
                return NULL;
            prefixes[count++] = s->prefix;
        }
    }
    if (count)
        qsort(prefixes, count, sizeof *prefixes, compare_prefixes);
    for (size_t i = 0; i < count; i++) {
        if (kept == 0 || compare_prefixes(&prefixes[kept - 1], &prefixes[i]) != 0)
            prefixes[kept++] = prefixes[i];
    }
    *ret_count = kept;
    return prefixes ? prefixes : arena_alloc(b->arena, 0);
}

/* The prefixes around an address that only moves forward. */
struct nesting {
    const struct prefix *prefixes;
    size_t count, next;
    size_t open[129]; /* each within the one before */
    size_t depth;
};

/* The narrowest prefix that has the address, or SIZE_MAX. */
static size_t nesting_move(struct nesting *n, const struct address *a)
{
    for (; n->next < n->count && address_compare(&n->prefixes[n->next].address, a) <= 0; n->next++) {
        while (n->depth && !prefix_covers(&n->prefixes[n->open[n->depth - 1]], &n->prefixes[n->next]))
            n->depth--;
        n->open[n->depth++] = n->next;
    }
    while (n->depth && !prefix_contains(&n->prefixes[n->open[n->depth - 1]], a))
        n->depth--;
    return n->depth ? n->open[n->depth - 1] : SIZE_MAX;
}

static bool add_prefix(struct building *b, const struct prefix *prefix)
{
    char buffer[ADDRESS_TEXT_MAX];
    const char *name = arena_format(b->m->arena, "cidr:%s", prefix_print(prefix, buffer));
    b->m->places[b->m->count++] = (struct place_of_matrix){.name = name, .workload = NONE, .segment = NONE};
    return name != NULL;
}

/* Pieces of the world with the same narrowest prefix are alike: one place for all of them, and the first stands
 * for them. `taken`: of each prefix and, behind them, of the rest of the world. */
static bool add_pieces(struct quarter *q, const struct piece *pieces, size_t count, struct nesting *nesting,
                       bool *taken)
{
    struct building *b = q->b;
    struct address *world = arena_array(b->arena, count, sizeof *world);
    uint32_t *place = arena_array(b->arena, count + q->crowd.resident_count, sizeof *place);
    if (!world || !place)
        return false;
    if (q->crowd.resident_count)
        memcpy(place, q->place, q->crowd.resident_count * sizeof *place);
    for (size_t i = 0; i < count; i++) {
        if (policy_segment_of(b->policy, &pieces[i].first) != NONE)
            continue;
        size_t prefix = nesting_move(nesting, &pieces[i].first);
        bool *known = &taken[prefix == SIZE_MAX ? nesting->count : prefix];
        if (*known)
            continue;
        *known = true;
        place[crowd_count(&q->crowd)] = prefix == SIZE_MAX ? NONE : (uint32_t)b->m->count;
        world[q->crowd.world_count++] = pieces[i].first;
        if (prefix != SIZE_MAX && !add_prefix(b, &nesting->prefixes[prefix]))
            return false;
    }
    q->crowd.world = world;
    q->place = place;
    return true;
}

static bool add_world(struct quarter *q, const struct piece *pieces, size_t count)
{
    struct nesting nesting = {0};
    nesting.prefixes = named_prefixes(q->b, q->crowd.family, &nesting.count);
    bool *taken = nesting.prefixes ? arena_array(q->b->arena, nesting.count + 1, sizeof *taken) : NULL;
    return taken && add_pieces(q, pieces, count, &nesting, taken);
}

static bool find_places(struct building *b, struct quarter quarters[2])
{
    struct piece *pieces[2];
    size_t count[2], most = (size_t)b->policy->workload_count + 1;
    for (unsigned six = 0; six < 2; six++) {
        if (!space_addresses(&b->policy, 1, six ? 6 : 4, b->arena, &pieces[six], &count[six]))
            return false;
        most += count[six];
    }
    b->m->places = most < NONE ? arena_array(b->m->arena, most, sizeof *b->m->places) : NULL;
    if (!b->m->places)
        return false;
    add_workloads(b);
    for (unsigned six = 0; six < 2; six++) {
        struct quarter *q = &quarters[six];
        *q = (struct quarter){.b = b, .services.arena = b->arena};
        q->crowd = (struct crowd){.policies = {b->policy}, .policy_count = 1, .family = six ? 6 : 4};
        if (!add_residents(q) || !add_world(q, pieces[six], count[six]))
            return false;
    }
    b->m->places[b->m->count++] = (struct place_of_matrix){.name = "world", .workload = NONE, .segment = NONE};
    for (unsigned six = 0; six < 2; six++) {
        for (uint32_t i = 0; i < crowd_count(&quarters[six].crowd); i++) {
            uint32_t *place = &quarters[six].place[i];
            if (*place == NONE)
                *place = (uint32_t)b->m->count - 1;
            b->m->places[*place].families |= six ? CELL_IPV6 : CELL_IPV4;
        }
    }
    return true;
}

/* Cells */

static void allow_stretch(void *context, size_t stretch, const struct matched matched[2])
{
    struct quarter *q = context;
    struct verdict v = matched_verdict(&matched[0], false);
    struct range services = service_walk_stretch(&q->services_walk, stretch);
    /* There is room: see visit_parties. */
    if (v.allow && !range_list_add(&q->services, services.first, services.last))
        q->services.count = 0;
}

static bool add_allowance(struct building *b, uint32_t from, uint32_t to, unsigned six, uint32_t services)
{
    struct allowance *grown = arena_grow(b->arena, b->items, b->count, &b->capacity, sizeof *grown);
    if (!grown)
        return false;
    b->items = grown;
    b->items[b->count++] = (struct allowance){from, to, services, (uint8_t)six};
    return true;
}

static bool has_room(struct range_list *l, size_t count)
{
    if (l->capacity >= count)
        return true;
    l->items = arena_array(l->arena, 2 * count, sizeof *l->items);
    l->capacity = l->items ? 2 * count : 0;
    return l->items != NULL;
}

static bool visit_parties(void *context, struct range parties)
{
    struct quarter *q = context;
    struct building *b = q->b;
    uint32_t services;
    if (number_set_first(&q->everybody.active[0]) == NONE)
        return true;
    q->services.count = 0;
    if (!service_walk_set(&q->services_walk, q->everybody.active) ||
        !has_room(&q->services, q->services_walk.stretch_count))
        return false;
    service_walk_run(&q->services_walk, 0, allow_stretch, q);
    if (!range_table_put(&b->m->services, range_list_all(&q->services), &services))
        return false;
    for (uint32_t i = parties.first; services && i <= parties.last && effort_spend(&b->effort, 8); i++) {
        uint32_t fixed = q->place[q->fixed], other = q->place[i];
        bool from_fixed = q->fixed_side == SIDE_FROM;
        if (fixed != other &&
            !add_allowance(b, from_fixed ? fixed : other, from_fixed ? other : fixed, is_six(q), services))
            return false;
    }
    return true;
}

/* Everybody to each workload, and each workload to the world. */
static bool fill_quarter(struct quarter *q)
{
    struct building *b = q->b;
    b->effort.spent += crowd_count(&q->crowd) + b->policy->rule_count;
    if (!selections_find(&q->crowd, &b->ends, b->arena, &q->selections) ||
        !party_walk_new(&q->selections, &b->acts, &b->effort, b->arena, &q->everybody) ||
        !service_walk_new(&q->crowd, &b->acts, &b->moments, &b->effort, b->arena, &q->services_walk))
        return false;
    for (int side = 0; side < SIDES; side++) {
        struct range window = {side == SIDE_FROM ? q->crowd.resident_count : 0, crowd_count(&q->crowd) - 1};
        if (side == SIDE_FROM && q->crowd.world_count == 0)
            continue;
        for (uint32_t i = 0; i < q->crowd.resident_count && effort_spend(&b->effort, 1); i++) {
            struct party_plan plan = {.fixed_side = (enum side)side, .fixed = i, .window = window};
            q->fixed_side = plan.fixed_side;
            q->fixed = i;
            if (!party_walk_set(&q->everybody, &plan) || !party_walk_run(&q->everybody, visit_parties, q))
                return false;
        }
    }
    return true;
}

static int compare_allowances(const void *a, const void *b)
{
    const struct allowance *x = a, *y = b;
    if (x->row != y->row)
        return x->row < y->row ? -1 : 1;
    return (x->column > y->column) - (x->column < y->column);
}

/* Adds services to those of a cell: names stand for all their addresses. */
static bool cell_allow(struct building *b, struct cell *cell, const struct allowance *from,
                       struct range_list *both)
{
    uint32_t *set = &cell->allowed[from->six];
    const struct ranges parts[] = {b->m->services.items[*set], b->m->services.items[from->services]};
    both->count = 0;
    for (size_t i = 0; i < 2; i++) {
        for (size_t k = 0; k < parts[i].count; k++) {
            if (!range_list_add(both, parts[i].items[k].first, parts[i].items[k].last))
                return false;
        }
    }
    range_list_normalize(both);
    return range_table_put(&b->m->services, range_list_all(both), set);
}

static bool gather_cells(struct building *b)
{
    struct matrix *m = b->m;
    struct range_list both = {.arena = b->arena};
    size_t count = 0;
    m->cells = arena_array(m->arena, b->count, sizeof *m->cells);
    m->row_begins = arena_array(m->arena, m->count + 1, sizeof *m->row_begins);
    if (!m->cells || !m->row_begins)
        return false;
    if (b->count)
        qsort(b->items, b->count, sizeof *b->items, compare_allowances);
    for (size_t i = 0; i < b->count; i++) {
        const struct allowance *a = &b->items[i];
        if (i == 0 || compare_allowances(a, &b->items[i - 1]) != 0) {
            m->cells[count++] = (struct cell){.row = a->row, .column = a->column};
            m->row_begins[a->row + 1] = count;
        }
        if (!cell_allow(b, &m->cells[count - 1], a, &both))
            return false;
    }
    for (size_t row = 1; row <= m->count; row++) {
        if (m->row_begins[row] < m->row_begins[row - 1])
            m->row_begins[row] = m->row_begins[row - 1];
    }
    return true;
}

static bool build(struct building *b, int64_t now)
{
    struct quarter quarters[2];
    return b->arena && moments_now(&b->policy, 1, now, b->arena, &b->moments) &&
           acts_find(&b->policy, 1, &b->moments, b->arena, &b->acts) &&
           ends_find(b->policy, b->arena, &b->ends) && range_table_new(b->m->arena, 61, &b->m->services) &&
           find_places(b, quarters) && fill_quarter(&quarters[0]) && fill_quarter(&quarters[1]) &&
           (b->effort.spent > b->effort.limit || gather_cells(b));
}

enum matrix_result matrix_make(const struct policy *p, int64_t now, uint64_t limit, struct arena *a,
                               struct matrix *ret)
{
    struct matrix m = {.policy = p, .arena = a};
    struct building b = {.policy = p, .arena = arena_child(a), .m = &m, .effort = {.limit = limit}};
    bool built = build(&b, now);
    arena_destroy(b.arena);
    if (!built)
        return MATRIX_NO_MEMORY;
    if (b.effort.spent > limit)
        return MATRIX_TOO_LARGE;
    *ret = m;
    return MATRIX_DONE;
}
