/* SPDX-License-Identifier: Apache-2.0 */
#include "decide/matrix.h"

#include "decide/reach.h"

#define LABEL_MAX (1 << 16)

/* Addresses behind the places. */
struct building {
    const struct policy *p;
    struct arena *arena;
    struct matrix *m;
    struct address *addresses;
    uint32_t *place; /* of each address */
    size_t count, capacity;
    struct reach reach;
    struct reach_pair pair;
    uint64_t *holds;
};

static void add_address(struct building *b, const struct address *address, size_t place)
{
    b->addresses[b->count] = *address;
    b->place[b->count++] = (uint32_t)place;
}

static void add_workloads(struct building *b)
{
    for (uint32_t i = 0; i < b->p->workload_count; i++) {
        const struct workload *w = &b->p->workloads[i];
        for (uint32_t k = 0; k < w->address_count; k++)
            add_address(b, &w->addresses[k], b->m->count);
        b->m->places[b->m->count++] =
            (struct place_of_matrix){.name = w->name, .workload = i, .segment = w->segment};
    }
}

/* The narrowest prefix of a rule that has the address; NULL when there is none but /0. */
static const struct prefix *narrowest_prefix(const struct policy *p, const struct address *a)
{
    const struct prefix *narrowest = NULL;
    for (uint32_t i = 0; i < p->rule_count; i++) {
        const struct end *ends[] = {&p->rules[i].from, &p->rules[i].to};
        for (size_t e = 0; e < 2; e++) {
            for (uint32_t k = 0; k < ends[e]->count; k++) {
                const struct selector *s = &ends[e]->items[k];
                if (s->kind == SELECT_CIDR && s->prefix.length > (narrowest ? narrowest->length : 0) &&
                    prefix_contains(&s->prefix, a))
                    narrowest = &s->prefix;
            }
        }
    }
    return narrowest;
}

/* Pieces with the same narrowest prefix are alike: one place for all of them. */
static bool add_prefix(struct building *b, const struct prefix *prefix, const struct address *some)
{
    char buffer[ADDRESS_TEXT_MAX];
    const char *name = arena_format(b->arena, "cidr:%s", prefix_print(prefix, buffer));
    if (!name)
        return false;
    for (size_t i = b->p->workload_count; i < b->m->count; i++) {
        if (strcmp(b->m->places[i].name, name) == 0)
            return true;
    }
    add_address(b, some, b->m->count);
    b->m->places[b->m->count++] = (struct place_of_matrix){.name = name, .workload = NONE, .segment = NONE};
    return true;
}

/* The world last: what no rule names is one place with an address of each family. */
static bool add_world(struct building *b, struct piece *const pieces[2], const size_t piece_count[2])
{
    const struct address *rest[2] = {NULL, NULL};
    for (unsigned six = 0; six < 2; six++) {
        for (size_t i = 0; i < piece_count[six]; i++) {
            const struct address *first = &pieces[six][i].first;
            if (policy_segment_of(b->p, first) != NONE)
                continue;
            const struct prefix *prefix = narrowest_prefix(b->p, first);
            if (!prefix)
                rest[six] = first;
            else if (!add_prefix(b, prefix, first))
                return false;
        }
    }
    for (unsigned six = 0; six < 2; six++) {
        if (rest[six])
            add_address(b, rest[six], b->m->count);
    }
    b->m->places[b->m->count++] = (struct place_of_matrix){.name = "world", .workload = NONE, .segment = NONE};
    return true;
}

/* Adds the family to each class on which the pair of addresses may talk. */
static void mark_families(struct building *b, size_t i, size_t j, uint8_t family, uint8_t *families)
{
    reach_pair_set(&b->reach, i, j, &b->pair);
    for (size_t k = 0; k < b->m->class_count && b->pair.count; k++) {
        if (reach_verdict(&b->reach, &b->pair, k, b->holds).allow)
            families[k] |= family;
    }
}

/* Allowed by some address of the family at either end: names stand for all their addresses. */
static bool fill_cell(struct building *b, size_t row, size_t column, const size_t *begin, uint8_t *families,
                      struct cell *cell)
{
    const struct matrix *m = b->m;
    uint32_t count = 0;
    memset(families, 0, m->class_count);
    for (size_t i = begin[row]; i < begin[row + 1]; i++) {
        for (size_t j = begin[column]; j < begin[column + 1]; j++) {
            if (b->addresses[i].family != b->addresses[j].family)
                continue;
            uint8_t family = b->addresses[i].family == 4 ? CELL_IPV4 : CELL_IPV6;
            cell->both |= family;
            mark_families(b, i, j, family, families);
        }
    }
    for (size_t k = 0; k < m->class_count; k++)
        count += families[k] != 0;
    if (count == 0)
        return true;
    cell->classes = arena_array(b->arena, count, sizeof *cell->classes);
    cell->families = arena_array(b->arena, count, sizeof *cell->families);
    if (!cell->classes || !cell->families)
        return false;
    for (size_t k = 0; k < m->class_count; k++) {
        if (!families[k])
            continue;
        cell->classes[cell->count] = (uint32_t)k;
        cell->families[cell->count++] = families[k];
    }
    return true;
}

static bool fill_cells(struct building *b)
{
    struct matrix *m = b->m;
    size_t *begin = arena_array(b->arena, m->count + 1, sizeof *begin);
    uint8_t *families = arena_array(b->arena, m->class_count, 1);
    m->cells = arena_array(b->arena, m->count * m->count, sizeof *m->cells);
    if (!begin || !families || !m->cells)
        return false;
    for (size_t i = 0, place = 0; place <= m->count; place++) {
        while (i < b->count && b->place[i] < place)
            i++;
        begin[place] = i;
    }
    for (size_t row = 0; row < m->count; row++) {
        for (size_t column = 0; column < m->count; column++) {
            bool world = m->places[row].workload == NONE && m->places[column].workload == NONE;
            if (row != column && !world &&
                !fill_cell(b, row, column, begin, families, &m->cells[row * m->count + column]))
                return false;
        }
    }
    return true;
}

enum matrix_result matrix_make(const struct policy *p, int64_t now, uint64_t limit, struct arena *a,
                               struct matrix *ret)
{
    struct matrix m = {.policy = p};
    struct building b = {.p = p, .arena = a, .m = &m};
    struct piece *pieces[2];
    size_t piece_count[2], most = 2;
    for (unsigned six = 0; six < 2; six++) {
        if (!space_addresses(&p, 1, six ? 6 : 4, a, &pieces[six], &piece_count[six]))
            return MATRIX_NO_MEMORY;
        most += piece_count[six];
    }
    if (!space_ports(&p, 1, a, &m.classes, &m.class_count))
        return MATRIX_NO_MEMORY;
    if ((double)most * (double)p->rule_count > (double)limit)
        return MATRIX_TOO_LARGE;
    m.places = arena_array(a, most + p->workload_count, sizeof *m.places);
    b.addresses = arena_array(a, most, sizeof *b.addresses);
    b.place = arena_array(a, most, sizeof *b.place);
    if (!m.places || !b.addresses || !b.place)
        return MATRIX_NO_MEMORY;
    add_workloads(&b);
    if (!add_world(&b, pieces, piece_count))
        return MATRIX_NO_MEMORY;
    if ((double)b.count * (double)b.count * (double)m.class_count > (double)limit ||
        (double)b.count * (double)p->rule_count > (double)limit)
        return MATRIX_TOO_LARGE;
    if (!reach_new(p, b.addresses, b.count, m.classes, m.class_count, a, &b.reach))
        return MATRIX_NO_MEMORY;
    b.holds = arena_array(a, b.reach.words, sizeof *b.holds);
    if (!b.holds || !reach_pair_new(&b.reach, a, &b.pair))
        return MATRIX_NO_MEMORY;
    reach_holding(&b.reach, now, b.holds);
    if (!fill_cells(&b))
        return MATRIX_NO_MEMORY;
    *ret = m;
    return MATRIX_DONE;
}

/* Prints */

/* The classes of a cell that exactly these families may use; true when there are any. */
static bool print_family(const struct matrix *m, const struct cell *cell, uint8_t families, const char *head,
                         const char *tail, struct text *out)
{
    struct text t = text_new(LABEL_MAX);
    for (uint32_t i = 0; i < cell->count;) {
        if (cell->families[i] != families) {
            i++;
            continue;
        }
        struct port_class run = m->classes[cell->classes[i]];
        uint32_t next = i + 1;
        while (next < cell->count && cell->families[next] == families &&
               cell->classes[next] == cell->classes[next - 1] + 1 &&
               m->classes[cell->classes[next]].protocol == run.protocol)
            run.last = m->classes[cell->classes[next++]].last;
        text_puts(&t, t.len ? ", " : "");
        port_class_print(&run, &t);
        i = next;
    }
    bool any = t.len > 0;
    bool all = true;
    for (uint32_t i = 0; i < cell->count; i++)
        all = all && cell->families[i] == families;
    if (any)
        text_printf(out, "%s%s%s", head, all && cell->count == m->class_count ? "any" : text_cstr(&t), tail);
    text_free(&t);
    return any;
}

/* "8080/tcp, icmp"; families are told where they differ. */
static void print_cell(const struct matrix *m, const struct cell *cell, struct text *out)
{
    bool begun = print_family(m, cell, cell->both, "", "", out);
    for (uint8_t family = CELL_IPV4; family <= CELL_IPV6; family++) {
        if (family != cell->both)
            begun |= print_family(m, cell, family, begun ? ", " : "",
                                  family == CELL_IPV4 ? " (IPv4)" : " (IPv6)", out);
    }
}

/* A table: 14 columns of names, then as many of 22 as fit in 80. */
#define NAME_WIDTH    14
#define CELL_WIDTH    21
#define CELLS_A_BLOCK 3

/* The next line of `text` that fits `width`, broken at a space; returns what is left. */
static const char *put_piece(struct text *out, const char *text, size_t width)
{
    size_t len = strlen(text);
    if (len > width) {
        len = width;
        while (len > 0 && text[len] != ' ')
            len--;
        if (len == 0)
            len = width;
    }
    text_append(out, text, len);
    text_printf(out, "%*s", (int)(width - len), "");
    text += len;
    return text + strspn(text, " ");
}

static void trim_end(struct text *out)
{
    while (out->len > 0 && out->at[out->len - 1] == ' ')
        out->at[--out->len] = 0;
}

/* One row of up to CELLS_A_BLOCK texts, as many lines as the longest needs. */
static void put_row(struct text *out, const char *name, const char *const *cells, size_t count)
{
    const char *left[CELLS_A_BLOCK + 1] = {name};
    bool more = true;
    for (size_t i = 0; i < count; i++)
        left[i + 1] = cells[i];
    while (more) {
        more = false;
        for (size_t i = 0; i <= count; i++) {
            if (i)
                text_puts(out, " ");
            left[i] = put_piece(out, left[i], i ? CELL_WIDTH : NAME_WIDTH);
            more |= *left[i] != 0;
        }
        trim_end(out);
        text_puts(out, "\n");
    }
}

static void print_block(const struct matrix *m, size_t first, size_t count, struct text *out)
{
    const char *cells[CELLS_A_BLOCK];
    for (size_t i = 0; i < count; i++)
        cells[i] = m->places[first + i].name;
    put_row(out, "from \\ to", cells, count);
    for (size_t row = 0; row < m->count; row++) {
        struct text texts[CELLS_A_BLOCK];
        for (size_t i = 0; i < count; i++) {
            texts[i] = text_new(LABEL_MAX);
            const struct cell *cell = &m->cells[row * m->count + first + i];
            if (cell->count)
                print_cell(m, cell, &texts[i]);
            else
                text_puts(&texts[i], row == first + i ? "." : "-");
            cells[i] = text_cstr(&texts[i]);
            out->failed |= texts[i].failed;
        }
        put_row(out, m->places[row].name, cells, count);
        for (size_t i = 0; i < count; i++)
            text_free(&texts[i]);
    }
}

void matrix_print(const struct matrix *m, struct text *out)
{
    for (size_t first = 0; first < m->count; first += CELLS_A_BLOCK) {
        size_t count = m->count - first < CELLS_A_BLOCK ? m->count - first : CELLS_A_BLOCK;
        text_puts(out, first ? "\n" : "");
        print_block(m, first, count, out);
    }
}

static void json_ports(const struct matrix *m, const struct cell *cell, uint8_t family, struct text *out)
{
    bool begun = false;
    for (uint32_t i = 0; i < cell->count;) {
        if (!(cell->families[i] & family)) {
            i++;
            continue;
        }
        struct port_class run = m->classes[cell->classes[i]];
        uint32_t next = i + 1;
        while (next < cell->count && (cell->families[next] & family) &&
               cell->classes[next] == cell->classes[next - 1] + 1 &&
               m->classes[cell->classes[next]].protocol == run.protocol)
            run.last = m->classes[cell->classes[next++]].last;
        text_puts(out, begun ? ", \"" : "\"");
        port_class_print(&run, out);
        text_puts(out, "\"");
        begun = true;
        i = next;
    }
}

void matrix_print_json(const struct matrix *m, struct text *out)
{
    text_puts(out, "{\"places\": [");
    for (size_t i = 0; i < m->count; i++) {
        const struct place_of_matrix *place = &m->places[i];
        text_puts(out, i ? ", {\"name\": " : "{\"name\": ");
        text_json(out, place->name);
        text_puts(out, ", \"segment\": ");
        if (place->segment == NONE)
            text_puts(out, "null");
        else
            text_json(out, m->policy->segments[place->segment].name);
        text_puts(out, "}");
    }
    text_puts(out, "], \"allowed\": [");
    bool begun = false;
    for (size_t i = 0; i < m->count * m->count; i++) {
        const struct cell *cell = &m->cells[i];
        if (!cell->count)
            continue;
        text_puts(out, begun ? ", {\"from\": " : "{\"from\": ");
        text_json(out, m->places[i / m->count].name);
        text_puts(out, ", \"to\": ");
        text_json(out, m->places[i % m->count].name);
        text_puts(out, ", \"ipv4\": [");
        json_ports(m, cell, CELL_IPV4, out);
        text_puts(out, "], \"ipv6\": [");
        json_ports(m, cell, CELL_IPV6, out);
        text_puts(out, "]}");
        begun = true;
    }
    text_puts(out, "]}\n");
}

void matrix_print_dot(const struct matrix *m, struct text *out)
{
    text_puts(out, "digraph ");
    text_json(out, m->policy->name);
    text_puts(out, " {\n  rankdir=LR;\n  node [shape=box];\n");
    for (uint32_t s = 0; s < m->policy->segment_count; s++) {
        text_printf(out, "  subgraph \"cluster_%s\" {\n    label=\"%s\";\n", m->policy->segments[s].name,
                    m->policy->segments[s].name);
        for (size_t i = 0; i < m->count; i++) {
            if (m->places[i].segment == s)
                text_printf(out, "    \"%s\";\n", m->places[i].name);
        }
        text_puts(out, "  }\n");
    }
    for (size_t i = 0; i < m->count * m->count; i++) {
        const struct cell *cell = &m->cells[i];
        if (!cell->count)
            continue;
        struct text label = text_new(LABEL_MAX);
        print_cell(m, cell, &label);
        text_printf(out, "  \"%s\" -> \"%s\" [label=\"%s\"];\n", m->places[i / m->count].name,
                    m->places[i % m->count].name, text_cstr(&label));
        text_free(&label);
    }
    text_puts(out, "}\n");
}
