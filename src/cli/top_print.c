/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "cli/output.h"
#include "cli/top_show.h"
#include "decide/why.h"
#include "enforce/sessions.h"

#define NAME_LEAST 8   /* columns that a name is not cut below */
#define LAST_LEAST 16  /* of the column that is the last in its line */
#define COUNTED 58     /* columns of a workload's counters, behind its name */

/* ---- what stands in the columns ---- */

/* Of at most `width` columns: what is cut off leaves its mark. */
static void put_cut(const char *s, size_t width, struct text *out)
{
    size_t length = strlen(s);
    if (length <= width)
        text_printf(out, "%-*s", (int)width, s);
    else
        text_printf(out, "%.*s~", (int)width - 1, s);
}

static void put_header(const struct top_page *page, const char *line, struct text *out)
{
    text_printf(out, "%s%.*s%s\n", page->color ? "\033[1m" : "", (int)page->width, line, page->color ? "\033[0m" : "");
}

static const char *ago(uint64_t ns, char out[16])
{
    static const struct {
        uint64_t seconds;
        const char *name;
    } units[] = {{1, "s"}, {60, "m"}, {3600, "h"}, {86400, "d"}};
    size_t at = 0;
    while (at < 3 && ns / 1000000000 / units[at].seconds >= 100)
        at++;
    snprintf(out, 16, "%llu %s", (unsigned long long)(ns / 1000000000 / units[at].seconds), units[at].name);
    return out;
}

static void put_verdict(const struct policy *p, const struct pair *pair, struct text *out)
{
    const char *rule = pair->rule == NONE ? NULL : p->rules[pair->rule].name;
    if (pair->earlier)
        text_puts(out, "an earlier policy");
    else if (pair->reason == REASON_RULE)
        text_puts(out, rule ? rule : "-");
    else
        text_printf(out, rule ? "%s (%s)" : "%s", reason_name((enum bulkhead_reason)pair->reason), rule);
}

/* The texts of one pair's line. */
struct cells {
    struct text from, to, service, verdict;
};

static struct cells cells_of(const struct policy *p, const struct pair *pair, const char *before_verdict)
{
    struct cells c = {text_new(4096), text_new(4096), text_new(4096), text_new(4096)};
    party_print(p, &pair->from, &c.from);
    party_print(p, &pair->to, &c.to);
    service_print(&pair->service, &c.service);
    text_puts(&c.verdict, before_verdict);
    put_verdict(p, pair, &c.verdict);
    return c;
}

static void cells_free(struct cells *c)
{
    text_free(&c->from);
    text_free(&c->to);
    text_free(&c->service);
    text_free(&c->verdict);
}

struct widths {
    size_t from, to, service, verdict;
};

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

/* Of the first `shown` pairs, in `room` columns: names are cut, the longer end first, before the last column gets too narrow. */
static struct widths widths_of(const struct pairs *pairs, size_t shown, size_t room)
{
    struct widths w = {.from = NAME_LEAST, .to = NAME_LEAST, .service = NAME_LEAST};
    for (size_t i = 0; i < shown; i++) {
        struct cells c = cells_of(pairs->policy, pairs->items[i], "");
        w.from = larger(w.from, c.from.len);
        w.to = larger(w.to, c.to.len);
        w.service = larger(w.service, c.service.len);
        cells_free(&c);
    }
    while (w.from + w.to + w.service + LAST_LEAST > room && (w.from > NAME_LEAST || w.to > NAME_LEAST))
        --*(w.from > w.to ? &w.from : &w.to);
    w.verdict = room > w.from + w.to + w.service ? room - w.from - w.to - w.service : LAST_LEAST;
    return w;
}

static void put_ends(const struct cells *c, const struct widths *w, struct text *out)
{
    put_cut(text_cstr(&c->from), w->from, out);
    text_puts(out, "  ");
    put_cut(text_cstr(&c->to), w->to, out);
    text_puts(out, "  ");
    put_cut(text_cstr(&c->service), w->service, out);
}

static void put_last(const struct cells *c, const struct widths *w, struct text *out)
{
    bool whole = c->verdict.len <= w->verdict;
    text_puts(out, "  ");
    put_cut(text_cstr(&c->verdict), whole ? c->verdict.len : w->verdict, out);
    text_puts(out, "\n");
}

/* ---- tables of pairs ---- */

#define TALKS_FIXED 34   /* columns of what is not text, gaps included */
#define REFUSED_FIXED 22

static void put_more(size_t count, size_t shown, const char *what, struct text *out)
{
    if (count > shown)
        text_printf(out, "  %zu more %s: --all\n", count - shown, what);
}

static void print_talks(const struct pairs *pairs, size_t shown, const struct top_page *page, struct text *out)
{
    struct widths w = widths_of(pairs, shown, page->width - TALKS_FIXED);
    char header[256], last[16];
    if (!pairs->count) {
        put_header(page, "sessions: none", out);
        return;
    }
    snprintf(header, sizeof header, "%-*s  %-*s  %-*s  %6s %6s %6s %5s  %s", (int)w.from, "from", (int)w.to, "to", (int)w.service, "port", "open", "begin", "end",
        "last", "allowed by");
    put_header(page, header, out);
    for (size_t i = 0; i < shown; i++) {
        const struct pair *pair = pairs->items[i];
        struct cells c = cells_of(pairs->policy, pair, !pair->earlier && pair->reason != REASON_RULE ? "observed: " : "");
        put_ends(&c, &w, out);
        text_printf(out, "  %6llu %6llu %6llu %5s", (unsigned long long)pair->counts[SESSION_STATE_OPEN], (unsigned long long)pair->counts[SESSION_STATE_BEGINNING],
            (unsigned long long)pair->counts[SESSION_STATE_ENDING], ago(pair->idle, last));
        put_last(&c, &w, out);
        cells_free(&c);
    }
    put_more(pairs->count, shown, "pairs", out);
    if (pairs->beyond)
        text_printf(out, "  %llu more sessions, of more pairs than are told apart\n", (unsigned long long)pairs->beyond);
}

static void print_refused(const struct top_reading *t, size_t shown, const struct top_page *page, struct text *out)
{
    const struct pairs *pairs = &t->refused;
    struct widths w = widths_of(pairs, shown, page->width - REFUSED_FIXED);
    char header[256], last[16];
    if (pairs->count) {
        snprintf(header, sizeof header, "%-*s  %-*s  %-*s  %8s %5s  %s", (int)w.from, "from", (int)w.to, "to", (int)w.service, "port", "records", "last", "refused for");
        put_header(page, header, out);
    }
    for (size_t i = 0; i < shown; i++) {
        const struct pair *pair = pairs->items[i];
        struct cells c = cells_of(pairs->policy, pair, "");
        put_ends(&c, &w, out);
        text_printf(out, "  %8llu %5s", (unsigned long long)pair->counts[0], ago(pair->idle, last));
        put_last(&c, &w, out);
        cells_free(&c);
    }
    put_more(pairs->count, shown, "pairs", out);
    if (pairs->count)
        text_printf(out, "  of the last %d minutes; a record a second at most of each flow and reason\n", TOP_REFUSED_SECONDS / 60);
    else
        text_printf(out, "refusals recorded in the last %d minutes: none\n", TOP_REFUSED_SECONDS / 60);
    if (!t->agent)
        text_puts(out, "  the agent does not run: nothing is recorded since; what is below is whole\n");
    if (t->lost_events)
        text_printf(out, "  %llu event%s since `up` came too fast to be recorded\n", (unsigned long long)t->lost_events, plural(t->lost_events));
}

/* ---- workloads ---- */

/* A workload's counters as they are shown. */
struct shown_row {
    const struct top_row *row, *before; /* before NULL: totals */
    double seconds;
};

static void put_number(const struct shown_row *s, uint64_t now, uint64_t before, struct text *out)
{
    if (s->before)
        text_printf(out, " %11.0f", now > before ? (double)(now - before) / s->seconds : 0.0);
    else
        text_printf(out, " %11llu", (unsigned long long)now);
}

static bool reason_is_shown(const struct shown_row *s, int reason)
{
    return s->row->refused[reason].packets > (s->before ? s->before->refused[reason].packets : 0);
}

static void print_row(const struct shown_row *s, const struct top_page *page, struct text *out)
{
    static const struct top_row nothing;
    const struct top_row *row = s->row, *before = s->before ? s->before : &nothing;
    size_t name = page->width - COUNTED - 2;
    put_cut(row->name, name, out);
    put_number(s, row->sent.packets, before->sent.packets, out);
    put_number(s, row->received.packets, before->received.packets, out);
    put_number(s, row->observed.packets, before->observed.packets, out);
    put_number(s, row->refused_packets, before->refused_packets, out);
    put_number(s, row->kept_away.packets, before->kept_away.packets, out);
    text_puts(out, "\n");
    for (int reason = 0; reason < REASONS; reason++) {
        if (!reason_is_shown(s, reason))
            continue;
        text_printf(out, "  %-*s", (int)(name + 34), reason_name((enum bulkhead_reason)reason));
        put_number(s, row->refused[reason].packets, before->refused[reason].packets, out);
        text_puts(out, "\n");
    }
}

static struct shown_row shown_row(const struct top_reading *t, size_t i, const struct top_page *page)
{
    struct shown_row s = {.row = &t->rows[i]};
    s.before = page->before ? top_row_of(page->before, s.row->name) : NULL;
    s.seconds = page->before ? (double)(t->at - page->before->at) / 1e9 : 0;
    return s;
}

static size_t lines_of(const struct shown_row *s)
{
    size_t lines = 1;
    for (int reason = 0; reason < REASONS; reason++)
        lines += reason_is_shown(s, reason);
    return lines;
}

static void print_rows(const struct top_reading *t, size_t lines, const struct top_page *page, struct text *out)
{
    char header[256];
    size_t i = 0;
    snprintf(header, sizeof header, "%-*s %11s %11s %11s %11s %11s", (int)(page->width - COUNTED - 2), page->before ? "packets/s" : "packets", "sent", "received", "observed", "refused",
        "kept away");
    put_header(page, header, out);
    for (; i < t->count; i++) {
        struct shown_row s = shown_row(t, i, page);
        size_t wanted = lines_of(&s);
        if (wanted > lines)
            break;
        lines -= wanted;
        print_row(&s, page, out);
    }
    put_more(t->count, i, "workloads", out);
}

/* ---- the page ---- */

#define TABLES 3

/* What one table leaves others may have: each has its third, and then, in their order, what is left. */
static void share(size_t lines, const size_t wanted[TABLES], size_t ret[TABLES])
{
    size_t left = lines;
    for (int i = 0; i < TABLES; i++) {
        ret[i] = wanted[i] < lines / TABLES ? wanted[i] : lines / TABLES;
        left -= ret[i];
    }
    for (int i = 0; i < TABLES; i++) {
        size_t more = wanted[i] - ret[i] < left ? wanted[i] - ret[i] : left;
        ret[i] += more;
        left -= more;
    }
}

void top_print(const struct running *r, const struct top_reading *t, const struct top_page *page, struct text *out)
{
    size_t wanted[TABLES] = {t->talks.count, t->refused.count, 0}, lines[TABLES];
    for (size_t i = 0; i < t->count; i++) {
        struct shown_row s = shown_row(t, i, page);
        wanted[2] += lines_of(&s);
    }
    share(page->lines, wanted, lines);
    const uint64_t *n = t->talks.counts;
    text_printf(out, "%s: %llu open sessions, %llu beginning, %llu ending; the agent %s\n\n", r->state.name, (unsigned long long)n[SESSION_STATE_OPEN],
        (unsigned long long)n[SESSION_STATE_BEGINNING], (unsigned long long)n[SESSION_STATE_ENDING], t->agent ? "runs" : "does not run");
    print_talks(&t->talks, lines[0], page, out);
    text_puts(out, "\n");
    print_refused(t, lines[1], page, out);
    text_puts(out, "\n");
    print_rows(t, lines[2], page, out);
}
