/* SPDX-License-Identifier: Apache-2.0 */
#include "decide/matrix.h"

#include "decide/services.h"

/* Bytes of a cell; what does not fit is counted. */
#define CELL_MAX   ((size_t)1 << 16)
#define CELL_LIMIT (4 * CELL_MAX)
/* A table with more places than this would have some 20 million cells: it shows workloads and the world as a
 * whole. */
#define TABLE_PLACES 4472
/* And then at most this many of them. */
#define TABLE_PLACES_MAX 1000

/* The cell, or NULL: nothing is allowed. */
static const struct cell *cell_at(const struct matrix *m, size_t row, size_t column)
{
    size_t low = m->row_begins[row], high = m->row_begins[row + 1], end = high;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (m->cells[middle].column < column)
            low = middle + 1;
        else
            high = middle;
    }
    return low < end && m->cells[low].column == column ? &m->cells[low] : NULL;
}

static size_t cell_count(const struct matrix *m)
{
    return m->row_begins[m->count];
}

/* What exactly these families may use; true when there is anything. `scratch` is emptied first. */
static bool print_family(const struct matrix *m, const struct cell *cell, uint8_t families, const char *head,
                         const char *tail, struct range_list *scratch, struct text *out)
{
    struct ranges four = m->services.items[cell->allowed[0]], six = m->services.items[cell->allowed[1]];
    bool made;
    scratch->count = 0;
    if (families == (CELL_IPV4 | CELL_IPV6))
        made = ranges_intersect(four, six, scratch);
    else
        made =
            families == CELL_IPV4 ? ranges_subtract(four, six, scratch) : ranges_subtract(six, four, scratch);
    out->failed |= !made;
    if (!made || scratch->count == 0)
        return false;
    text_puts(out, head);
    services_print(range_list_all(scratch), CELL_MAX, out);
    text_puts(out, tail);
    return true;
}

/* "8080/tcp, icmp"; families are told where they differ. */
static void print_cell(const struct matrix *m, const struct cell *cell, struct range_list *scratch,
                       struct text *out)
{
    uint8_t both = m->places[cell->row].families & m->places[cell->column].families;
    bool begun = print_family(m, cell, both, "", "", scratch, out);
    for (uint8_t family = CELL_IPV4; family <= CELL_IPV6; family++) {
        if (family != both)
            begun |= print_family(m, cell, family, begun ? ", " : "",
                                  family == CELL_IPV4 ? " (IPv4)" : " (IPv6)", scratch, out);
    }
}

/*
 * A table of 80 columns: a name, then as many cells as fit beside it, each behind a space. The column of names is as wide as
 * the longest name of a workload; the width of a cell is what is left for it.
 */
#define TABLE_WIDTH    80
#define NAME_WIDTH     14
#define NAME_WIDTH_MAX 31
#define CELL_WIDTH     21 /* at least */
#define CELLS_MAX      3

struct layout {
    size_t name, cell; /* columns */
    size_t cells;      /* of a row */
};

static struct layout layout_for(size_t longest)
{
    struct layout l = {.name = longest < NAME_WIDTH ? NAME_WIDTH : longest > NAME_WIDTH_MAX ? NAME_WIDTH_MAX : longest};
    l.cells = (TABLE_WIDTH - l.name) / (CELL_WIDTH + 1);
    l.cell = (TABLE_WIDTH - l.name) / l.cells - 1;
    return l;
}

/* How much of `text` fits `width`: up to a space, else behind a mark within a name, else as much as there is room for. */
static size_t piece_length(const char *text, size_t width)
{
    size_t len = strlen(text);
    if (len <= width)
        return len;
    for (len = width; len > 0; len--)
        if (text[len] == ' ')
            return len;
    for (len = width; len > 0; len--)
        if (strchr("-:", text[len - 1]))
            return len;
    return width;
}

/* The next line of `text` that fits `width`; returns what is left. */
static const char *put_piece(struct text *out, const char *text, size_t width)
{
    size_t len = piece_length(text, width);
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

/* One row of up to CELLS_MAX texts, as many lines as the longest needs. */
static void put_row(struct text *out, const struct layout *l, const char *name, const char *const *cells, size_t count)
{
    const char *left[CELLS_MAX + 1] = {name};
    bool more = true;
    for (size_t i = 0; i < count; i++)
        left[i + 1] = cells[i];
    while (more) {
        more = false;
        for (size_t i = 0; i <= count; i++) {
            if (i)
                text_puts(out, " ");
            left[i] = put_piece(out, left[i], i ? l->cell : l->name);
            more |= *left[i] != 0;
        }
        trim_end(out);
        text_puts(out, "\n");
    }
}

/* The places that a table shows. */
struct shown {
    size_t count; /* the first ones */
    bool world;   /* and the rest of the world */
};

static struct shown shown_in_table(const struct matrix *m)
{
    if (m->count <= TABLE_PLACES)
        return (struct shown){.count = m->count};
    size_t workloads = m->policy->workload_count;
    return (struct shown){.count = workloads < TABLE_PLACES_MAX ? workloads : TABLE_PLACES_MAX, .world = true};
}

static size_t shown_count(const struct shown *s)
{
    return s->count + s->world;
}

static size_t shown_place(const struct matrix *m, const struct shown *s, size_t i)
{
    return i < s->count ? i : m->count - 1;
}

static size_t longest_workload(const struct matrix *m, const struct shown *s)
{
    size_t longest = 0;
    for (size_t i = 0; i < s->count; i++) {
        size_t len = m->places[i].workload == NONE ? 0 : strlen(m->places[i].name);
        longest = len > longest ? len : longest;
    }
    return longest;
}

static void print_block(const struct matrix *m, const struct shown *s, const struct layout *l, size_t first,
                        size_t count, struct range_list *scratch, struct text *out)
{
    const char *cells[CELLS_MAX];
    for (size_t i = 0; i < count; i++)
        cells[i] = m->places[shown_place(m, s, first + i)].name;
    put_row(out, l, "from \\ to", cells, count);
    for (size_t r = 0; r < shown_count(s); r++) {
        size_t row = shown_place(m, s, r);
        struct text texts[CELLS_MAX];
        for (size_t i = 0; i < count; i++) {
            texts[i] = text_new(CELL_LIMIT);
            const struct cell *cell = cell_at(m, row, shown_place(m, s, first + i));
            if (cell)
                print_cell(m, cell, scratch, &texts[i]);
            else
                text_puts(&texts[i], r == first + i ? "." : "-");
            cells[i] = text_cstr(&texts[i]);
            out->failed |= texts[i].failed;
        }
        put_row(out, l, m->places[row].name, cells, count);
        for (size_t i = 0; i < count; i++)
            text_free(&texts[i]);
    }
}

void matrix_print(const struct matrix *m, struct text *out)
{
    struct shown shown = shown_in_table(m);
    struct range_list scratch = {.arena = m->arena};
    struct layout layout = layout_for(longest_workload(m, &shown));
    size_t all = shown_count(&shown);
    for (size_t first = 0; first < all; first += layout.cells) {
        size_t count = all - first < layout.cells ? all - first : layout.cells;
        text_puts(out, first ? "\n" : "");
        print_block(m, &shown, &layout, first, count, &scratch, out);
    }
    if (all < m->count)
        text_printf(out, "and %zu more places, %zu pairs that may talk in all: --json and --dot have them\n",
                    m->count - all, cell_count(m));
}

static void json_ports(const struct matrix *m, uint32_t services, struct text *out)
{
    struct ranges all = m->services.items[services];
    bool begun = false;
    for (size_t i = 0; i < all.count; i++) {
        for (uint32_t at = all.items[i].first; at <= all.items[i].last;) {
            struct port_class c = services_next(&all.items[i], &at);
            text_puts(out, begun ? ", \"" : "\"");
            port_class_print(&c, out);
            text_puts(out, "\"");
            begun = true;
        }
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
    for (size_t i = 0; i < cell_count(m); i++) {
        const struct cell *cell = &m->cells[i];
        text_puts(out, begun ? ", {\"from\": " : "{\"from\": ");
        text_json(out, m->places[cell->row].name);
        text_puts(out, ", \"to\": ");
        text_json(out, m->places[cell->column].name);
        text_puts(out, ", \"ipv4\": [");
        json_ports(m, cell->allowed[0], out);
        text_puts(out, "], \"ipv6\": [");
        json_ports(m, cell->allowed[1], out);
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
    struct range_list scratch = {.arena = m->arena};
    for (size_t i = 0; i < cell_count(m); i++) {
        const struct cell *cell = &m->cells[i];
        struct text label = text_new(CELL_LIMIT);
        print_cell(m, cell, &scratch, &label);
        text_printf(out, "  \"%s\" -> \"%s\" [label=\"%s\"];\n", m->places[cell->row].name,
                    m->places[cell->column].name, text_cstr(&label));
        out->failed |= label.failed;
        text_free(&label);
    }
    text_puts(out, "}\n");
}
