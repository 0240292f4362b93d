/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a web request costs: the rule engine beside libmodsecurity, with the same rules, on the same raw requests.
 *
 *   waf [--case TEXT] [--limit SECONDS]                           the Core Rule Set, generated requests
 *   waf --rules FILE --requests FOLDER [--json] [--limit SECONDS]     any rules, the files *.http of any folder
 *
 * --json: rows on standard output, the table on standard error. --case: only cases with TEXT in their name. Exit status 1
 * when rules do not load, or the engines fired different rules.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "report.h"
#include "waf_cases.h"
#include "waf_differences.h"
#include "waf_load.h"
#include "waf_measure.h"
#include "waf_ours.h"
#include "waf_peer.h"
#include "waf_rules.h"

#define CUSTOM_RULES 10000
#define PEER_LIMIT 3.0 /* seconds */

struct options {
    const char *rules, *requests, *only;
    double limit;
    bool json;
    FILE *out; /* of the table */
};

/* Both engines with the same rules. */
struct engines {
    struct waf_ours *ours;
    struct waf_peer *peer; /* NULL: built without */
    struct contender contenders[WAF_CONTENDERS_MAX];
    size_t count, rules;
    double load_ms[WAF_CONTENDERS_MAX], load_cpu_ms[WAF_CONTENDERS_MAX];
};

/* What is told of all cases with the same rules. */
struct tally {
    double logs, logs_with_first, smallest; /* of the ratios peer / ours */
    const char *smallest_case;
    size_t count;
    double browser; /* us; 0: not measured */
    bool differs;
};

/* ---- engines */

static bool load_one(struct engines *e, struct bytes text, bool ours)
{
    uint64_t wall = wall_ns(), cpu = process_ns();
    size_t at = e->count;
    if (ours ? !waf_ours_load(text, &e->ours) : !waf_peer_load((const char *)text.at, &e->peer))
        return false;
    e->load_ms[at] = (double)(wall_ns() - wall) / 1e6;
    e->load_cpu_ms[at] = (double)(process_ns() - cpu) / 1e6;
    e->contenders[e->count++] = ours ? waf_ours_contender(e->ours) : waf_peer_contender(e->peer);
    return true;
}

static void engines_free(struct engines *e)
{
    waf_ours_free(e->ours);
    waf_peer_free(e->peer);
    *e = (struct engines){0};
}

/* `text` stays until engines_free. */
static bool engines_load(const struct text *text, struct engines *ret)
{
    struct bytes b = bytes_of(text_cstr(text), text->len);
    *ret = (struct engines){0};
    if (text->failed || !load_one(ret, b, true) || (waf_peer_built() && !load_one(ret, b, false))) {
        engines_free(ret);
        return false;
    }
    ret->rules = waf_ours_rules(ret->ours);
    return true;
}

/* ---- the table */

static void print_head(const struct options *o, const struct engines *e, const char *what)
{
    fprintf(o->out, "%s: %zu rules\n", what, e->rules);
    fprintf(o->out, "%-32s %9s  %12s %12s  %14s  %8s  %5s\n", "us a transaction", "bytes", "bulkhead", "its first", "libmodsecurity", "ratio", "fired");
}

/* Fewer rounds than wanted: how many transactions the figure is from. */
static void print_few(FILE *out, const struct waf_measured *m, const char *who)
{
    if (m->rounds < WAF_ROUNDS)
        fprintf(out, "  (%s: time limit, %zu done)", who, m->transactions);
}

static void print_case(const struct options *o, const struct waf_case *c, const struct waf_measured *m, size_t count)
{
    fprintf(o->out, "%s%-32.60s %9zu  %12.2f %12.2f", isatty(fileno(o->out)) ? "\r" : "", c->name, c->len, m[0].ns / 1e3, m[0].first_ns / 1e3);
    if (count > 1)
        fprintf(o->out, "  %14.2f  %7.2fx", m[1].ns / 1e3, m[1].ns / m[0].ns);
    else
        fprintf(o->out, "  %14s  %8s", "-", "-");
    fprintf(o->out, "  %5zu", m[0].fired.count);
    print_few(o->out, &m[0], "bulkhead");
    if (count > 1)
        print_few(o->out, &m[1], "libmodsecurity");
    fprintf(o->out, "\n");
    fflush(o->out);
}

static void tally_add(struct tally *t, const struct waf_case *c, const struct waf_measured *m)
{
    double ratio = m[1].ns / m[0].ns;
    t->logs += log(ratio);
    t->logs_with_first += log(m[1].mean_ns / m[0].mean_ns);
    if (!t->count++ || ratio < t->smallest) {
        t->smallest = ratio;
        t->smallest_case = c->name;
    }
}

static bool check_fired(const struct options *o, const struct engines *e, const struct waf_case *c, const struct waf_measured *m)
{
    for (size_t i = 0; i < e->count; i++)
        if (!m[i].steady)
            fprintf(o->out, "    %s: not the same number of rules each time in %s\n", c->name, e->contenders[i].who);
    return e->count < 2 || waf_differences_print(o->out, waf_ours_set(e->ours), c, &m[0].fired, &m[1].fired);
}

/* One case; its rows are called as it is with `suffix`. */
static void run_case(const struct options *o, const struct engines *e, struct waf_case *c, const char *suffix, struct report *report, struct tally *t)
{
    static struct waf_measured m[WAF_CONTENDERS_MAX];
    char name[160];
    if (isatty(fileno(o->out))) {
        fprintf(o->out, "%s ...", c->name);
        fflush(o->out);
    }
    waf_measure(c, e->contenders, e->count, o->limit, m);
    print_case(o, c, m, e->count);
    t->differs |= !check_fired(o, e, c, m);
    snprintf(name, sizeof name, "%s%s", c->name, suffix);
    for (size_t i = 0; i < e->count; i++)
        report_add(report, name, e->rules, e->contenders[i].who, m[i].ns, "ns");
    if (e->count > 1)
        tally_add(t, c, m);
    if (strcmp(c->name, "browser-get") == 0)
        t->browser = m[0].ns / 1e3;
    if (o->requests)
        return;
    snprintf(name, sizeof name, "first-%s%s", c->name, suffix);
    for (size_t i = 0; i < e->count; i++)
        report_add(report, name, e->rules, e->contenders[i].who, m[i].first_ns, "ns");
}

static bool is_wanted(const struct options *o, const struct waf_case *c)
{
    return !o->only || strstr(c->name, o->only);
}

static void print_tally(const struct options *o, const struct tally *t)
{
    if (t->count)
        fprintf(o->out, "geometric mean of %zu ratios %.1fx (%.1fx with every first use in it); the smallest %.1fx, %s\n", t->count, exp(t->logs / (double)t->count),
            exp(t->logs_with_first / (double)t->count), t->smallest, t->smallest_case);
    if (t->browser > 0)
        fprintf(o->out, "browser-get %.1f us\n", t->browser);
}

static void report_tally(struct report *report, const struct engines *e, const struct tally *t, const char *suffix)
{
    char name[64];
    if (!t->count)
        return;
    snprintf(name, sizeof name, "geometric-mean%s", suffix);
    report_add(report, name, e->rules, "bulkhead", exp(t->logs / (double)t->count), "ratio");
    snprintf(name, sizeof name, "smallest%s", suffix);
    report_add(report, name, e->rules, "bulkhead", t->smallest, "ratio");
}

/* ---- the Core Rule Set */

static void tell_load(const struct options *o, const struct engines *e, struct report *report, const char *name)
{
    for (size_t i = 0; i < e->count; i++) {
        fprintf(o->out, "%s, %zu rules: %s read and compiled them with %.0f ms of processor time (%.0f ms by the clock)\n", name, e->rules, e->contenders[i].who, e->load_cpu_ms[i],
            e->load_ms[i]);
        report_add(report, name, e->rules, e->contenders[i].who, e->load_cpu_ms[i], "ms");
    }
}

/* Beside the cold load by the clock: databases are compiled on all processors. */
static bool tell_cached(const struct options *o, const struct engines *e, const struct text *rules, struct report *report)
{
    struct waf_load l;
    if (!waf_load_measure(e->ours, bytes_of(rules->at, rules->len), &l))
        return false;
    fprintf(o->out, "load-cached, %zu rules: an image of %zu bytes, %.1f ms of processor time (%.1f ms by the clock), %.1f (%.1f) with the first use of each expression\n",
        e->rules, l.bytes, l.cpu_ms, l.ms, l.first_cpu_ms, l.first_ms);
    report_add(report, "load-cold-wall", e->rules, "bulkhead", e->load_ms[0], "ms");
    report_add(report, "load-cached", e->rules, "bulkhead", l.cpu_ms, "ms");
    report_add(report, "load-cached-wall", e->rules, "bulkhead", l.ms, "ms");
    report_add(report, "load-cached-first-uses", e->rules, "bulkhead", l.first_cpu_ms, "ms");
    report_add(report, "load-cached-first-uses-wall", e->rules, "bulkhead", l.first_ms, "ms");
    report_add(report, "image", e->rules, "bulkhead", (double)l.bytes, "B");
    return true;
}

static bool run_level(const struct options *o, struct waf_cases *cases, int level, struct report *report, struct tally *ret)
{
    struct text rules = text_new(WAF_RULES_TEXT_MAX);
    struct engines e;
    char suffix[8], title[64];
    snprintf(suffix, sizeof suffix, "-p%d", level);
    snprintf(title, sizeof title, "Core Rule Set, paranoia level %d", level);
    waf_rules_core(level, &rules);
    bool ok = engines_load(&rules, &e);
    if (ok) {
        *ret = (struct tally){0};
        if (level == 1) {
            tell_load(o, &e, report, "load-cold"); /* the first thing that this process does */
            ok = tell_cached(o, &e, &rules, report);
        }
        print_head(o, &e, title);
        for (size_t i = 0; i < cases->count; i++)
            if (is_wanted(o, &cases->items[i]))
                run_case(o, &e, &cases->items[i], suffix, report, ret);
        print_tally(o, ret);
        report_tally(report, &e, ret, suffix);
        fprintf(o->out, "\n");
    }
    engines_free(&e);
    text_free(&rules);
    return ok;
}

/* The same case with the rules of `e` and of `without`, in turn. */
static void tell_factor(const struct options *o, const struct engines *e, struct waf_ours *without, struct waf_case *c, struct report *report)
{
    static struct waf_measured m[2];
    struct contender pair[] = {waf_ours_contender(e->ours), waf_ours_contender(without)};
    char name[160];
    waf_measure(c, pair, 2, o->limit, m);
    double factor = m[0].ns / m[1].ns;
    fprintf(o->out, "    %d rules more cost bulkhead a factor of %.2f (%.2f us without)\n", CUSTOM_RULES, factor, m[1].ns / 1e3);
    snprintf(name, sizeof name, "factor-%s-p1", c->name);
    report_add(report, name, e->rules, "bulkhead", factor, "ratio");
}

/* What sites see most. */
static bool is_common(const struct waf_case *c)
{
    static const char *const names[] = {"small-get", "browser-get", "login-form", "json-9k", "form-120-arguments"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(c->name, names[i]) == 0)
            return true;
    return false;
}

/* Ten thousand rules more. */
static bool run_custom(const struct options *o, struct waf_cases *cases, struct report *report, struct tally *ret)
{
    struct text few = text_new(WAF_RULES_TEXT_MAX), many = text_new(WAF_RULES_TEXT_MAX);
    struct engines e = {0};
    struct waf_ours *without = NULL;
    waf_rules_core(1, &few);
    waf_rules_core(1, &many);
    waf_rules_custom(CUSTOM_RULES, &many);
    bool ok = waf_ours_load(bytes_of(few.at, few.len), &without) && engines_load(&many, &e);
    if (ok) {
        *ret = (struct tally){0};
        tell_load(o, &e, report, "load-custom");
        print_head(o, &e, "Core Rule Set, paranoia level 1, and rules of a site's own");
    }
    for (size_t i = 0; ok && i < cases->count; i++)
        if (is_common(&cases->items[i]) && is_wanted(o, &cases->items[i])) {
            run_case(o, &e, &cases->items[i], "-p1", report, ret);
            tell_factor(o, &e, without, &cases->items[i], report);
        }
    fprintf(o->out, "\n");
    engines_free(&e);
    waf_ours_free(without);
    text_free(&few);
    text_free(&many);
    return ok;
}

/* With rules that end the inspection behind the last of phase 1. */
static bool run_memory(const struct options *o, struct waf_cases *cases, struct report *report)
{
    struct text rules = text_new(WAF_RULES_TEXT_MAX);
    struct waf_ours *w = NULL;
    waf_rules_core(1, &rules);
    text_puts(&rules, "SecAction \"id:4999999,phase:1,pass,nolog,t:none,ctl:ruleEngine=Off\"\n");
    bool ok = waf_ours_load(bytes_of(rules.at, rules.len), &w);
    for (size_t i = 0; ok && i < cases->count; i++)
        if (strcmp(cases->items[i].name, "browser-get") == 0) {
            size_t bytes = waf_ours_memory(w, waf_case_bytes(&cases->items[i]));
            fprintf(o->out, "browser-get, phase 1 passed, paranoia level 1: the transaction holds %zu bytes\n", bytes);
            report_add(report, "memory-phase-1", waf_ours_rules(w), "bulkhead", (double)bytes, "B");
        }
    waf_ours_free(w);
    text_free(&rules);
    return ok;
}

static int bench_core(const struct options *o)
{
    struct waf_cases cases;
    struct tally low = {0}, high = {0}, custom = {0};
    struct report *report = report_new("waf");
    waf_cases_make(&cases);
    bool ok = run_level(o, &cases, 1, report, &low) && run_level(o, &cases, 4, report, &high) && run_custom(o, &cases, report, &custom) && run_memory(o, &cases, report);
    bool differs = low.differs || high.differs || custom.differs;
    fprintf(o->out, "at paranoia level 1: ");
    print_tally(o, &low);
    waf_cases_free(&cases);
    return report_finish(report) || !ok || differs;
}

/* ---- any rules, any requests */

static int bench_files(const struct options *o)
{
    struct text rules = text_new(WAF_RULES_TEXT_MAX);
    struct waf_cases cases = {0};
    struct engines e = {0};
    struct tally t = {0};
    struct report *report = report_new("waf");
    bool ok = waf_rules_file(o->rules, &rules) && waf_cases_read(o->requests, &cases) && engines_load(&rules, &e);
    if (ok)
        print_head(o, &e, o->rules);
    for (size_t i = 0; ok && i < cases.count; i++)
        if (is_wanted(o, &cases.items[i]))
            run_case(o, &e, &cases.items[i], "", report, &t);
    if (ok)
        print_tally(o, &t);
    engines_free(&e);
    waf_cases_free(&cases);
    text_free(&rules);
    if (ok && o->json)
        return report_print(report) || t.differs;
    report_free(report);
    return !ok || t.differs;
}

static bool read_options(int argc, char **argv, struct options *ret)
{
    *ret = (struct options){.limit = PEER_LIMIT};
    for (int i = 1; i < argc; i++) {
        bool more = i + 1 < argc;
        if (strcmp(argv[i], "--json") == 0)
            ret->json = true;
        else if (more && strcmp(argv[i], "--rules") == 0)
            ret->rules = argv[++i];
        else if (more && strcmp(argv[i], "--requests") == 0)
            ret->requests = argv[++i];
        else if (more && strcmp(argv[i], "--case") == 0)
            ret->only = argv[++i];
        else if (more && strcmp(argv[i], "--limit") == 0)
            ret->limit = strtod(argv[++i], NULL);
        else
            return false;
    }
    ret->out = ret->json ? stderr : stdout;
    return ret->limit > 0 && !ret->rules == !ret->requests && (!ret->json || ret->rules);
}

int main(int argc, char **argv)
{
    struct options o;
    if (!read_options(argc, argv, &o)) {
        fprintf(stderr, "usage: waf [--case TEXT] [--limit SECONDS] [--rules FILE --requests FOLDER [--json]]\n");
        return 2;
    }
    fprintf(o.out, "Processor time of whole transactions, reading the raw messages and logging included, each with a token of its own; medians of %d rounds\n"
                   "in turn. An engine that has used %.3g s at a case is not begun again there. `its first`: with all that is made at first use.\n",
        WAF_ROUNDS, o.limit);
    if (o.requests)
        fprintf(o.out, "A header `X-Bench: TOKEN` is put into each file's request.\n");
    if (!waf_peer_built())
        fprintf(o.out, "Built without libmodsecurity: bulkhead alone.\n");
    return o.requests ? bench_files(&o) : bench_core(&o);
}
