/* SPDX-License-Identifier: Apache-2.0 */
#include "decide/diff_parts.h"

/* Bytes of one list of names or ports; what does not fit is counted. */
#define NAME_MAX_BYTES ((size_t)1 << 20)
/* Room for that and the longest item behind it: the prefixes of one range. */
#define NAME_ROOM ((size_t)2 << 20)
/* Bytes of all names; lines behind that are counted. */
#define TEXT_BYTES ((size_t)256 << 20)

/* The text in the arena, equal ones once; NULL when memory is out. Frees it. */
static const char *keep_text(struct diffing *d, struct text *t)
{
    const char *kept = NULL;
    const uint64_t *known = t->failed ? NULL : table_get(&d->texts, bytes_of(text_cstr(t), t->len));
    if (known) {
        kept = (const char *)(uintptr_t)*known;
    } else if (!t->failed) {
        const char *copy = arena_text(d->arena, text_cstr(t), t->len);
        if (copy && table_put(&d->texts, bytes_of(copy, t->len), (uintptr_t)copy, NULL))
            kept = copy;
        d->text_bytes += t->len;
    }
    text_free(t);
    return kept;
}

/*
 * The world's parties are in the order of their addresses. What lies between two neighbours belongs to no party
 * (segments, not unicast), so that a range may run over it where that makes it shorter to write.
 */
static struct piece widest(const struct population *p, uint32_t first, uint32_t last)
{
    struct piece narrow = {p->pieces[first].first, p->pieces[last].last}, best = narrow, wide = narrow;
    struct address bottom = {.family = p->crowd.family}, top = {.family = p->crowd.family};
    memset(top.octets, 0xff, address_octets(&top));
    if (first == 0 || !address_next(&p->pieces[first - 1].last, &wide.first))
        wide.first = bottom;
    if (last + 1 == p->crowd.world_count || !address_previous(&p->pieces[last + 1].first, &wide.last))
        wide.last = top;
    for (unsigned mask = 1; mask < 4; mask++) {
        struct piece q = {mask & 1 ? wide.first : narrow.first, mask & 2 ? wide.last : narrow.last};
        if (range_prefixes(&q.first, &q.last) < range_prefixes(&best.first, &best.last))
            best = q;
    }
    return best;
}

/* How many prefixes ranges of the world take; also prints them unless `out` is NULL. */
static size_t world_ranges(const struct population *p, struct ranges world, const char *separator,
                           struct text *out)
{
    size_t prefixes = 0, more = 0;
    for (size_t i = 0; i < world.count; i++) {
        struct piece range = widest(p, world.items[i].first, world.items[i].last);
        size_t here = range_prefixes(&range.first, &range.last);
        if (out && out->len < NAME_MAX_BYTES) {
            text_puts(out, prefixes ? separator : "");
            range_print(&range.first, &range.last, separator, out);
        } else {
            more += here;
        }
        prefixes += here;
    }
    if (out && more)
        text_printf(out, " and %zu more", more);
    return prefixes;
}

/* "world", "world except cidr:A and cidr:B", or "cidr:A, cidr:B": whichever is shortest. */
static bool print_world(struct diffing *d, const struct population *p, struct ranges world, struct text *out)
{
    struct range_list rest = {.arena = p->arena};
    struct range all = {0, p->crowd.world_count - 1};
    text_puts(out, out->len ? ", " : "");
    if (!ranges_subtract((struct ranges){&all, 1}, world, &rest))
        return false;
    d->effort.spent += 16 * (world.count + rest.count);
    if (rest.count == 0) {
        text_puts(out, "world");
    } else if (world_ranges(p, range_list_all(&rest), "", NULL) < world_ranges(p, world, "", NULL)) {
        text_puts(out, "world except ");
        world_ranges(p, range_list_all(&rest), " and ", out);
    } else {
        world_ranges(p, world, ", ", out);
    }
    return true;
}

/* Workloads stand before the world. One with several addresses is named once. */
static void print_residents(const struct population *p, struct ranges parties, struct text *out)
{
    const char *last = NULL;
    size_t more = 0;
    for (size_t i = 0; i < parties.count; i++) {
        for (uint32_t k = parties.items[i].first; k <= parties.items[i].last; k++) {
            if (k >= p->crowd.resident_count)
                break;
            const char *name = p->crowd.residents[k].workload;
            if (name != last && out->len < NAME_MAX_BYTES)
                text_printf(out, "%s%s", out->len ? ", " : "", name);
            else
                more += name != last;
            last = name;
        }
    }
    if (more)
        text_printf(out, " and %zu more", more);
}

/* Those of the world, as indexes of its pieces. */
static bool world_of(const struct population *p, struct ranges parties, struct range_list *ret)
{
    uint32_t begin = p->crowd.resident_count;
    for (size_t i = 0; i < parties.count; i++) {
        struct range r = parties.items[i];
        if (r.last >= begin && !range_list_add(ret, r.first > begin ? r.first - begin : 0, r.last - begin))
            return false;
    }
    return true;
}

static const char *names_of(struct diffing *d, const struct population *p, struct ranges parties)
{
    struct text t = text_new(NAME_ROOM);
    struct range_list world = {.arena = p->arena};
    if (!world_of(p, parties, &world))
        return NULL;
    print_residents(p, parties, &t);
    if (world.count && !print_world(d, p, range_list_all(&world), &t))
        t.failed = true;
    return keep_text(d, &t);
}

const char *diff_world_name(struct diffing *d, const struct population *p, struct ranges world)
{
    struct text t = text_new(NAME_ROOM);
    if (!print_world(d, p, world, &t))
        t.failed = true;
    return keep_text(d, &t);
}

static const char *ports_of(struct diffing *d, uint32_t services, bool *ret_cut)
{
    struct text t = text_new(NAME_ROOM);
    services_print(d->services.items[services], NAME_MAX_BYTES, &t);
    *ret_cut = t.len > NAME_MAX_BYTES;
    return keep_text(d, &t);
}

/* Texts by the number of the set, where they are known: of parties, of services. */
struct known_texts {
    const char **names, **ports;
    bool *cut; /* of services: not all of them are in the text */
};

/* Other services can be cut to the same text: then the line says what another one says, and goes by that one's number. */
static bool find_same(struct diffing *d, const struct diff_line *line, uint32_t *number)
{
    const void *key[] = {line->ports, line->rule, line->denier, line->gained ? d : NULL, line->at_times ? d : NULL};
    const char *kept = arena_text(d->arena, key, sizeof key);
    const uint64_t *first = kept ? table_put(&d->cut_lines, bytes_of(kept, sizeof key), *number, NULL) : NULL;
    if (first)
        *number = (uint32_t)*first;
    return first;
}

/* A finished line; the same line of the other family is joined with it. */
static bool add_line(struct diffing *d, uint32_t number, const struct diff_line *line)
{
    /* Each text is there once, and the number stands for all but the ends: no two say the same of them. */
    uint32_t key[OUT_LINE_WORDS] = {number}, at;
    memcpy(&key[1], &line->from, sizeof line->from);
    memcpy(&key[1 + sizeof line->from / sizeof *key], &line->to, sizeof line->to);
    if (number_table_get(&d->out_lines, key, &at)) {
        if (d->out->lines[at].families != line->families)
            d->out->lines[at].families = 4 + 6;
        return true;
    }
    if (d->out->count == LINES_MAX) {
        d->out->more[!line->gained]++;
        return true;
    }
    struct diff_line *grown =
        arena_grow(d->arena, d->out->lines, d->out->count, &d->out_capacity, sizeof *grown);
    if (!grown)
        return false;
    d->out->lines = grown;
    d->out->lines[d->out->count] = *line;
    return number_table_put(&d->out_lines, key, (uint32_t)d->out->count++);
}

static const char *known_names(struct diffing *d, const struct population *p, struct known_texts *k, uint32_t set)
{
    if (!k->names[set])
        k->names[set] = names_of(d, p, p->parties.items[set]);
    return k->names[set];
}

static const char *known_ports(struct diffing *d, struct known_texts *k, uint32_t services)
{
    if (!k->ports[services])
        k->ports[services] = ports_of(d, services, &k->cut[services]);
    return k->ports[services];
}

static const char *rule_name(const struct policy *p, uint32_t rule)
{
    return rule == NONE ? NULL : p->rules[rule].name;
}

static bool name_column(struct diffing *d, const struct population *p, const struct change_column *column,
                        uint32_t targets, struct known_texts *k)
{
    const struct change_line *l = &d->lines[column->line];
    struct diff_line line = {.gained = !l->lost,
                             .at_times = l->at_times,
                             .from = known_names(d, p, k, column->sources),
                             .to = known_names(d, p, k, targets),
                             .ports = known_ports(d, k, l->services),
                             .rule = rule_name(d->policies[l->lost ? BEFORE : AFTER], l->rule),
                             .denier = rule_name(d->policies[l->lost ? AFTER : BEFORE], l->denier),
                             .families = p->crowd.family};
    uint32_t number = column->line;
    return line.from && line.to && line.ports && (!k->cut[l->services] || find_same(d, &line, &number)) &&
           add_line(d, number, &line);
}

bool diff_name(struct diffing *d, struct population *p)
{
    uint32_t *targets = arena_array(p->arena, p->column_count, sizeof *targets);
    for (size_t i = 0; targets && i < p->column_count; i++) {
        range_list_normalize(&p->columns[i].targets);
        if (!range_table_put(&p->parties, range_list_all(&p->columns[i].targets), &targets[i]))
            return false;
    }
    struct known_texts k = {.names = arena_array(p->arena, p->parties.count, sizeof *k.names),
                            .ports = arena_array(p->arena, d->services.count, sizeof *k.ports),
                            .cut = arena_array(p->arena, d->services.count, sizeof *k.cut)};
    if (!targets || !k.names || !k.ports || !k.cut)
        return false;
    for (size_t i = 0; i < p->column_count; i++) {
        if (d->text_bytes > TEXT_BYTES)
            d->out->more[d->lines[p->columns[i].line].lost]++;
        else if (!name_column(d, p, &p->columns[i], targets[i], &k))
            return false;
    }
    return true;
}
