/* SPDX-License-Identifier: Apache-2.0 */
#include "compile/classes.h"

#include <stdlib.h>

#include "base/table.h"
#include "compile/random.h"

enum side { FROM, TO, SIDES };

/* How often an end's selectors cover the region that the walk stands in. */
struct cover {
    uint32_t plain, negated;             /* everything but `world` */
    uint32_t plain_world, negated_world; /* count outside of segments only */
    bool member;
    uint32_t at; /* place in the walk's member list, while `member` */
    uint64_t mark[2]; /* random: a set's identity is the XOR of its members' */
};

/* One selector's prefix, of one end. */
struct mark {
    struct prefix prefix;
    uint32_t end;
    uint8_t side;
    bool negated, world;
};

struct class_key {
    uint64_t set[2];
    uint64_t observed;
};

struct side_walk {
    struct cover *covers;
    uint32_t count; /* of ends */
    uint32_t *members;
    uint32_t member_count;
    uint64_t set[2];
    uint32_t *world_ends; /* ends with a `world` selector */
    uint32_t world_end_count;
    struct table classes; /* class_key -> number */
    uint32_t class_count;
    /* (class, end) of every membership, in the order of classes */
    uint64_t *memberships;
    size_t membership_count, membership_capacity;
};

/* A prefix of the tree with what happens there. */
struct node {
    struct prefix prefix;
    size_t first_mark, mark_count;
    uint32_t workload; /* whose address it is, or NONE */
    uint32_t segment;  /* whose cidr it is, or NONE */
};

struct open_node {
    const struct node *node;
    uint32_t from_class, to_class; /* with flags */
};

struct walk {
    const struct policy *policy;
    struct arena *arena;
    struct side_walk side[SIDES];
    struct mark *marks;
    size_t mark_count, mark_capacity;
    bool inside;
    bool failed;
};

static void add_mark(struct walk *w, enum side side, uint32_t end, const struct selector *s, struct prefix prefix)
{
    struct mark *marks = arena_grow(w->arena, w->marks, w->mark_count, &w->mark_capacity, sizeof *marks);
    if (!marks) {
        w->failed = true;
        return;
    }
    w->marks = marks;
    marks[w->mark_count++] =
        (struct mark){.prefix = prefix, .end = end, .side = (uint8_t)side, .negated = s->negated, .world = s->kind == SELECT_WORLD};
}

static void mark_workload(struct walk *w, enum side side, uint32_t end, const struct selector *s, const struct workload *of)
{
    for (uint32_t i = 0; i < of->address_count; i++)
        add_mark(w, side, end, s, (struct prefix){of->addresses[i], address_bits(&of->addresses[i])});
}

static void mark_selector(struct walk *w, enum side side, uint32_t end, const struct selector *s)
{
    const struct policy *p = w->policy;
    switch (s->kind) {
    case SELECT_WORKLOAD:
        mark_workload(w, side, end, s, &p->workloads[s->index]);
        break;
    case SELECT_SEGMENT:
        for (uint32_t i = 0; i < p->segments[s->index].cidr_count; i++)
            add_mark(w, side, end, s, p->segments[s->index].cidrs[i]);
        break;
    case SELECT_LABEL:
        for (uint32_t i = 0; i < p->workload_count; i++)
            if (workload_has_label(&p->workloads[i], s->key, s->value))
                mark_workload(w, side, end, s, &p->workloads[i]);
        break;
    case SELECT_CIDR:
        add_mark(w, side, end, s, s->prefix);
        break;
    case SELECT_WORLD:
    case SELECT_ANY:
        add_mark(w, side, end, s, (struct prefix){{.family = 4}, 0});
        add_mark(w, side, end, s, (struct prefix){{.family = 6}, 0});
        break;
    }
}

/* An end as bytes, so that equal ones are found. */
static struct bytes end_key(struct arena *arena, const struct end *e)
{
    struct packed {
        uint32_t kind, negated, index, length;
        const char *key, *value;
        struct address address;
    };
    struct packed *packed = arena_array(arena, e->count, sizeof *packed);
    if (!packed)
        return bytes_of(NULL, 0);
    for (uint32_t i = 0; i < e->count; i++) {
        const struct selector *s = &e->items[i];
        packed[i].kind = s->kind;
        packed[i].negated = s->negated;
        if (s->kind == SELECT_WORKLOAD || s->kind == SELECT_SEGMENT)
            packed[i].index = s->index;
        if (s->kind == SELECT_LABEL) {
            packed[i].key = s->key; /* not interned: equal labels of two rules may give two ends, which is no harm */
            packed[i].value = s->value;
        }
        if (s->kind == SELECT_CIDR) {
            packed[i].length = s->prefix.length;
            packed[i].address = s->prefix.address;
        }
    }
    return bytes_of(packed, e->count * sizeof *packed);
}

/* Numbers the distinct ends of one side and marks their prefixes. */
static bool number_ends(struct walk *w, enum side side, uint64_t seed, struct ends *ret)
{
    const struct policy *p = w->policy;
    struct table known = table_new(w->arena, seed + side);
    ret->items = arena_array(w->arena, p->rule_count, sizeof *ret->items);
    ret->of_rule = arena_array(w->arena, p->rule_count, sizeof *ret->of_rule);
    if (!ret->items || !ret->of_rule)
        return false;
    for (uint32_t r = 0; r < p->rule_count; r++) {
        const struct end *e = side == FROM ? &p->rules[r].from : &p->rules[r].to;
        struct bytes key = end_key(w->arena, e);
        bool fresh;
        uint64_t *number = key.at ? table_put(&known, key, ret->count, &fresh) : NULL;
        if (!number)
            return false;
        ret->of_rule[r] = (uint32_t)*number;
        if (!fresh) {
            arena_trim(w->arena, key.at, key.len, 0);
            continue;
        }
        ret->items[ret->count] = e;
        for (uint32_t i = 0; i < e->count; i++)
            mark_selector(w, side, ret->count, &e->items[i]);
        ret->count++;
    }
    return !w->failed;
}

static bool side_begin(struct walk *w, enum side side, const struct ends *ends, uint64_t seed)
{
    struct side_walk *s = &w->side[side];
    s->count = ends->count;
    s->covers = arena_array(w->arena, ends->count, sizeof *s->covers);
    s->members = arena_array(w->arena, ends->count, sizeof *s->members);
    s->world_ends = arena_array(w->arena, ends->count, sizeof *s->world_ends);
    s->classes = table_new(w->arena, seed ^ 0x5bd1e995);
    if (!s->covers || !s->members || !s->world_ends)
        return false;
    uint64_t state = seed + 77 + side;
    for (uint32_t e = 0; e < ends->count; e++) {
        s->covers[e].mark[0] = splitmix(&state);
        s->covers[e].mark[1] = splitmix(&state);
        for (uint32_t i = 0; i < ends->items[e]->count; i++)
            if (ends->items[e]->items[i].kind == SELECT_WORLD) {
                s->world_ends[s->world_end_count++] = e;
                break;
            }
    }
    return true;
}

/* Brings an end's membership up to date. */
static void cover_update(struct side_walk *s, uint32_t end, bool inside)
{
    struct cover *c = &s->covers[end];
    bool plain = c->plain || (!inside && c->plain_world);
    bool negated = c->negated || (!inside && c->negated_world);
    bool member = plain && !negated;
    if (member == c->member)
        return;
    c->member = member;
    s->set[0] ^= c->mark[0];
    s->set[1] ^= c->mark[1];
    if (member) {
        c->at = s->member_count;
        s->members[s->member_count++] = end;
    } else {
        uint32_t last = s->members[--s->member_count];
        s->members[c->at] = last;
        s->covers[last].at = c->at;
    }
}

static void apply_mark(struct walk *w, const struct mark *m, uint32_t step)
{
    struct cover *c = &w->side[m->side].covers[m->end];
    uint32_t *count = m->world ? (m->negated ? &c->negated_world : &c->plain_world) : (m->negated ? &c->negated : &c->plain);
    *count += step; /* 1, or UINT32_MAX for -1 */
    cover_update(&w->side[m->side], m->end, w->inside);
}

static void set_inside(struct walk *w, bool inside)
{
    w->inside = inside;
    for (int side = 0; side < SIDES; side++)
        for (uint32_t i = 0; i < w->side[side].world_end_count; i++)
            cover_update(&w->side[side], w->side[side].world_ends[i], inside);
}

/* The class of the region that the walk stands in. */
static uint32_t class_here(struct walk *w, enum side side, bool observed)
{
    struct side_walk *s = &w->side[side];
    struct class_key *key = arena_alloc(w->arena, sizeof *key);
    bool fresh;
    uint64_t *number = NULL;
    if (key) {
        *key = (struct class_key){{s->set[0], s->set[1]}, observed};
        number = table_put(&s->classes, bytes_of(key, sizeof *key), s->class_count + 1, &fresh);
    }
    if (!number) {
        w->failed = true;
        return 0;
    }
    if (fresh) {
        s->class_count++;
        for (uint32_t i = 0; i < s->member_count; i++) {
            uint64_t *grown = arena_grow(w->arena, s->memberships, s->membership_count, &s->membership_capacity, sizeof *grown);
            if (!grown) {
                w->failed = true;
                return 0;
            }
            s->memberships = grown;
            grown[s->membership_count++] = (uint64_t)s->class_count << 32 | s->members[i];
        }
    }
    return (uint32_t)*number | (observed ? CLASS_OBSERVED : 0);
}

static int compare_prefix(const struct prefix *a, const struct prefix *b)
{
    int order = address_compare(&a->address, &b->address);
    return order ? order : (int)a->length - (int)b->length;
}

static int compare_marks(const void *a, const void *b)
{
    return compare_prefix(&((const struct mark *)a)->prefix, &((const struct mark *)b)->prefix);
}

static int compare_nodes(const void *a, const void *b)
{
    return compare_prefix(&((const struct node *)a)->prefix, &((const struct node *)b)->prefix);
}

static void add_node(struct node *nodes, size_t *count, struct prefix prefix, uint32_t workload, uint32_t segment)
{
    nodes[(*count)++] = (struct node){.prefix = prefix, .workload = workload, .segment = segment};
}

/* All prefixes of the policy, each once, in the order of a walk of their tree. */
static struct node *collect_nodes(struct walk *w, size_t *ret_count)
{
    const struct policy *p = w->policy;
    size_t most = 2 + w->mark_count, count = 0;
    for (uint32_t i = 0; i < p->segment_count; i++)
        most += p->segments[i].cidr_count;
    for (uint32_t i = 0; i < p->workload_count; i++)
        most += p->workloads[i].address_count;
    struct node *nodes = arena_array(w->arena, most, sizeof *nodes);
    if (!nodes)
        return NULL;
    add_node(nodes, &count, (struct prefix){{.family = 4}, 0}, NONE, NONE);
    add_node(nodes, &count, (struct prefix){{.family = 6}, 0}, NONE, NONE);
    for (uint32_t i = 0; i < p->segment_count; i++)
        for (uint32_t c = 0; c < p->segments[i].cidr_count; c++)
            add_node(nodes, &count, p->segments[i].cidrs[c], NONE, i);
    for (uint32_t i = 0; i < p->workload_count; i++)
        for (uint32_t a = 0; a < p->workloads[i].address_count; a++) {
            const struct address *address = &p->workloads[i].addresses[a];
            add_node(nodes, &count, (struct prefix){*address, address_bits(address)}, i, NONE);
        }
    if (w->mark_count)
        qsort(w->marks, w->mark_count, sizeof *w->marks, compare_marks);
    for (size_t i = 0; i < w->mark_count; i++)
        if (i == 0 || compare_prefix(&w->marks[i].prefix, &w->marks[i - 1].prefix) != 0)
            add_node(nodes, &count, w->marks[i].prefix, NONE, NONE);
    qsort(nodes, count, sizeof *nodes, compare_nodes);
    /* Merge equal prefixes, and give each its marks, which are in the same order. */
    size_t kept = 0, mark = 0;
    for (size_t i = 0; i < count; i++) {
        if (kept && compare_prefix(&nodes[kept - 1].prefix, &nodes[i].prefix) == 0) {
            struct node *same = &nodes[kept - 1];
            same->workload = same->workload == NONE ? nodes[i].workload : same->workload;
            same->segment = same->segment == NONE ? nodes[i].segment : same->segment;
            continue;
        }
        nodes[kept++] = nodes[i];
    }
    for (size_t i = 0; i < kept; i++) {
        nodes[i].first_mark = mark;
        while (mark < w->mark_count && compare_prefix(&w->marks[mark].prefix, &nodes[i].prefix) == 0)
            mark++;
        nodes[i].mark_count = mark - nodes[i].first_mark;
    }
    *ret_count = kept;
    return nodes;
}

static void node_enter(struct walk *w, const struct node *n)
{
    if (n->segment != NONE)
        set_inside(w, true);
    for (size_t i = 0; i < n->mark_count; i++)
        apply_mark(w, &w->marks[n->first_mark + i], 1);
}

static void node_leave(struct walk *w, const struct node *n)
{
    for (size_t i = 0; i < n->mark_count; i++)
        apply_mark(w, &w->marks[n->first_mark + i], UINT32_MAX);
    if (n->segment != NONE)
        set_inside(w, false);
}

/* The segment that the open nodes lie in, or NONE. */
static uint32_t segment_open(const struct open_node *stack, size_t depth)
{
    while (depth-- > 0)
        if (stack[depth].node->segment != NONE)
            return stack[depth].node->segment;
    return NONE;
}

static struct prefix truncate_prefix(const struct prefix *p, uint8_t length)
{
    struct prefix out = {.address = {.family = p->address.family}, .length = length};
    for (unsigned i = 0; i < length; i++)
        out.address.octets[i / 8] = (uint8_t)(out.address.octets[i / 8] | (address_bit(&p->address, i) << (7 - i % 8)));
    return out;
}

struct emitter {
    struct classes *out;
    struct arena *arena;
    bool list; /* else they are only counted */
    size_t capacity[2];
    struct prefix last_marker[2][129];
    bool has_marker[2][129];
    bool failed;
};

static void emit(struct emitter *e, const struct prefix *prefix, uint32_t from_class, uint32_t to_class)
{
    int f = prefix->address.family == 6;
    if (!e->list) {
        e->out->prefix_count[f]++;
        return;
    }
    struct class_prefix *grown = arena_grow(e->arena, e->out->prefixes[f], e->out->prefix_count[f], &e->capacity[f], sizeof *grown);
    if (!grown) {
        e->failed = true;
        return;
    }
    e->out->prefixes[f] = grown;
    grown[e->out->prefix_count[f]++] = (struct class_prefix){*prefix, from_class, to_class};
}

/*
 * The entries at shorter lengths that lead the binary search to this prefix. Prefixes come in order of address, so a
 * marker that is wanted again is the last one of its length.
 */
static void emit_markers(struct emitter *e, const struct open_node *stack, size_t depth, const struct prefix *prefix)
{
    int f = prefix->address.family == 6;
    size_t low = 0, high = e->out->length_count[f];
    while (low < high) {
        size_t middle = (low + high) / 2;
        uint8_t length = e->out->lengths[f][middle];
        if (length >= prefix->length) {
            if (length == prefix->length)
                return;
            high = middle;
            continue;
        }
        low = middle + 1;
        struct prefix marker = truncate_prefix(prefix, length);
        if (e->has_marker[f][middle] && compare_prefix(&e->last_marker[f][middle], &marker) == 0)
            continue;
        e->has_marker[f][middle] = true;
        e->last_marker[f][middle] = marker;
        size_t at = depth;
        while (at > 1 && stack[at - 1].node->prefix.length > length)
            at--;
        if (stack[at - 1].node->prefix.length == length)
            continue; /* it stands there itself */
        emit(e, &marker, stack[at - 1].from_class, stack[at - 1].to_class);
    }
}

static void note_lengths(struct classes *out, const struct node *nodes, size_t count)
{
    bool used[2][129] = {{false}};
    for (size_t i = 0; i < count; i++)
        if (nodes[i].workload == NONE)
            used[nodes[i].prefix.address.family == 6][nodes[i].prefix.length] = true;
    for (int f = 0; f < 2; f++)
        for (int l = 0; l <= 128; l++)
            if (used[f][l])
                out->lengths[f][out->length_count[f]++] = (uint8_t)l;
}

/* Classes of the region that a node begins, into `open`. */
static void open_classes(struct walk *w, const struct open_node *stack, size_t depth, struct open_node *open)
{
    const struct policy *p = w->policy;
    uint32_t segment = segment_open(stack, depth);
    bool observed = p->observe || (segment != NONE && p->segments[segment].observe) ||
        (open->node->workload != NONE && p->workloads[open->node->workload].observe);
    open->from_class = class_here(w, FROM, observed);
    open->to_class = class_here(w, TO, observed) | (segment != NONE ? CLASS_INSIDE : 0);
}

static bool walk_nodes(struct walk *w, const struct node *nodes, size_t count, bool list_prefixes, struct classes *out)
{
    struct open_node stack[130];
    size_t depth = 0, endpoints = 0;
    struct emitter *e = arena_alloc(w->arena, sizeof *e);
    for (size_t i = 0; i < count; i++)
        endpoints += nodes[i].workload != NONE;
    out->endpoints = arena_array(w->arena, endpoints, sizeof *out->endpoints);
    if (!e || !out->endpoints)
        return false;
    e->out = out;
    e->arena = w->arena;
    e->list = list_prefixes;
    for (size_t i = 0; i < count && !w->failed && !e->failed; i++) {
        const struct node *n = &nodes[i];
        while (depth && !prefix_covers(&stack[depth - 1].node->prefix, &n->prefix))
            node_leave(w, stack[--depth].node);
        node_enter(w, n);
        stack[depth].node = n;
        open_classes(w, stack, depth + 1, &stack[depth]);
        struct open_node *here = &stack[depth++];
        if (n->workload != NONE) {
            out->endpoints[out->endpoint_count++] =
                (struct class_endpoint){n->prefix.address, n->workload, here->from_class, here->to_class & ~CLASS_INSIDE};
        } else {
            emit_markers(e, stack, depth - 1, &n->prefix);
            emit(e, &n->prefix, here->from_class, here->to_class);
        }
    }
    while (depth)
        node_leave(w, stack[--depth].node);
    return !w->failed && !e->failed;
}

/* Memberships, sorted by class, into lists by end. */
static bool list_classes(struct arena *arena, const struct side_walk *s, struct class_set *ret)
{
    ret->count = s->class_count;
    ret->first_of_end = arena_array(arena, (size_t)s->count + 2, sizeof *ret->first_of_end);
    ret->classes_of_end = arena_array(arena, s->membership_count, sizeof *ret->classes_of_end);
    if (!ret->first_of_end || !ret->classes_of_end)
        return false;
    uint32_t *next = ret->first_of_end + 1;
    for (size_t i = 0; i < s->membership_count; i++)
        next[(uint32_t)s->memberships[i] + 1]++;
    for (uint32_t e = 0; e < s->count; e++)
        next[e + 1] += next[e];
    /* next[e] is where end e's list begins, and moves to its end, which is where the next one's begins */
    for (size_t i = 0; i < s->membership_count; i++)
        ret->classes_of_end[next[(uint32_t)s->memberships[i]]++] = (uint32_t)(s->memberships[i] >> 32);
    return true;
}

bool classes_find(const struct policy *p, uint64_t seed, bool list_prefixes, struct arena *arena, struct classes *ret)
{
    *ret = (struct classes){0};
    struct walk w = {.policy = p, .arena = arena};
    size_t count;
    if (!number_ends(&w, FROM, seed, &ret->from_ends) || !number_ends(&w, TO, seed, &ret->to_ends) ||
        !side_begin(&w, FROM, &ret->from_ends, seed) || !side_begin(&w, TO, &ret->to_ends, seed))
        return false;
    struct node *nodes = collect_nodes(&w, &count);
    if (!nodes)
        return false;
    note_lengths(ret, nodes, count);
    return walk_nodes(&w, nodes, count, list_prefixes, ret) && list_classes(arena, &w.side[FROM], &ret->from) &&
        list_classes(arena, &w.side[TO], &ret->to);
}
