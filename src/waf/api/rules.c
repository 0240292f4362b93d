/* SPDX-License-Identifier: Apache-2.0 */
/* Rule sets, what is said of them, and scratches. */
#include <libxml/parser.h>
#include <pthread.h>
#include <stdlib.h>

#include "waf/api/api.h"
#include "waf/api/sized.h"
#include "waf/image/image.h"
#include "waf/image/jobs.h"
#include "waf/language/load.h"
#include "waf/language/names.h"

#define RULES_MEMORY  ((size_t)4 << 30)
#define REPORT_MEMORY ((size_t)64 << 20)

/* ---- the process's own */

static pthread_mutex_t seed_lock = PTHREAD_MUTEX_INITIALIZER;
static bool seeded, loaded;

enum bh_waf_result bh_waf_seed(uint64_t one, uint64_t other)
{
    pthread_mutex_lock(&seed_lock);
    bool late = seeded || loaded;
    if (!late)
        names_seed((uint64_t[]){one, other});
    seeded = true;
    pthread_mutex_unlock(&seed_lock);
    return late ? BH_WAF_MISUSE : BH_WAF_OK;
}

/* What must not happen in two threads at once for the first time: libxml2's tables. */
static void prepare_process(void)
{
    pthread_mutex_lock(&seed_lock);
    if (!loaded)
        xmlInitParser();
    loaded = true;
    pthread_mutex_unlock(&seed_lock);
}

/* ---- what is said */

struct bh_waf_report {
    struct arena *arena;
    struct bh_waf_message *items;
    size_t count, capacity;
};

static void add_message(struct bh_waf_report *r, struct bh_waf_message m)
{
    struct bh_waf_message *grown = arena_grow(r->arena, r->items, r->count, &r->capacity, sizeof *grown);
    m.message = arena_text(r->arena, m.message, strlen(m.message));
    m.file = arena_text(r->arena, m.file, strlen(m.file));
    m.hint = m.hint ? arena_text(r->arena, m.hint, strlen(m.hint)) : NULL;
    if (!grown || !m.message || !m.file)
        return;
    r->items = grown;
    grown[r->count++] = m;
}

/* NULL when there is no memory. */
static struct bh_waf_report *report_new(void)
{
    struct bh_waf_report *r = calloc(1, sizeof *r);
    if (r && !(r->arena = arena_create(REPORT_MEMORY))) {
        free(r);
        return NULL;
    }
    return r;
}

static void report_sources(struct bh_waf_report *r, const struct sources *all)
{
    for (size_t i = 0; r && i < all->count; i++)
        for (size_t k = 0; k < all->items[i]->diags.count; k++) {
            const struct diag *d = &all->items[i]->diags.items[k];
            add_message(r, (struct bh_waf_message){.is_warning = d->severity == SEVERITY_WARNING, .file = all->items[i]->name, .line = d->place.line,
                               .column = d->place.column, .message = d->message, .hint = d->hint});
        }
}

static void report_program(struct bh_waf_report *r, const struct waf_rule_set *set, const struct program_errors *errors)
{
    for (size_t i = 0; r && i < errors->count; i++) {
        const struct waf_rule *rule = &set->rules[errors->items[i].rule];
        struct bytes file = waf_text_bytes(set, set->files[rule->file]);
        const char *name = arena_text(r->arena, file.at, file.len);
        add_message(r, (struct bh_waf_message){.file = name ? name : "", .line = rule->line, .column = 1, .message = errors->items[i].message});
    }
}

size_t bh_waf_report_count(const struct bh_waf_report *report)
{
    return report ? report->count : 0;
}

enum bh_waf_result bh_waf_report_message(const struct bh_waf_report *report, size_t index, struct bh_waf_message *ret)
{
    bool ok = report && ret && index < report->count && sized_write(ret, &report->items[index], sizeof *ret);
    return ok ? BH_WAF_OK : BH_WAF_MISUSE;
}

void bh_waf_report_free(struct bh_waf_report *report)
{
    if (!report)
        return;
    arena_destroy(report->arena);
    free(report);
}

/* ---- files that are given, and those that the caller finds */

struct given {
    const struct bh_waf_file *files;
    size_t count;
    struct bh_waf_rules_options options;
};

static const struct bh_waf_file *find_given(const struct given *g, const char *name)
{
    for (size_t i = 0; i < g->count; i++)
        if (g->files[i].text.at && strcmp(g->files[i].name, name) == 0)
            return &g->files[i];
    return NULL;
}

static int add_name(void *into, const char *name)
{
    return name && file_names_add(into, name);
}

static bool list_given(void *context, const char *from, const char *pattern, struct file_names *into)
{
    const struct given *g = context;
    if (find_given(g, pattern))
        return file_names_add(into, pattern);
    return !g->options.list || g->options.list(g->options.context, from, pattern, add_name, into);
}

static bool read_given(void *context, const char *name, struct bytes *ret)
{
    const struct given *g = context;
    const struct bh_waf_file *file = find_given(g, name);
    struct bh_waf_bytes text = {0};
    if (!file && (!g->options.read || !g->options.read(g->options.context, name, &text) || !is_readable(text)))
        return false;
    *ret = bytes_given(file ? file->text : text);
    return true;
}

static bool are_files(const struct bh_waf_file *files, size_t count)
{
    for (size_t i = 0; files && i < count; i++)
        if (!files[i].name || !is_readable(files[i].text))
            return false;
    return files && count;
}

/* ---- threads that compile */

/* Jobs that threads of the caller's do: each once, however often they do it. */
struct once {
    void (*job)(void *argument, size_t which);
    void *argument;
    size_t count;
    atomic_bool *begun;
};

static void do_once(void *argument, size_t which)
{
    struct once *o = argument;
    if (which < o->count && !atomic_exchange(&o->begun[which], true))
        o->job(o->argument, which);
}

static void run_given(void *context, void (*job)(void *argument, size_t which), void *argument, size_t count)
{
    const struct given *g = context;
    if (!g->options.run) {
        jobs_run(g->options.threads, job, argument, count);
        return;
    }
    struct once o = {job, argument, count, calloc(count, sizeof(atomic_bool))};
    if (!o.begun) {
        jobs_run(1, job, argument, count);
        return;
    }
    g->options.run(g->options.run_context, do_once, &o, count);
    for (size_t i = 0; i < count; i++) /* what they have left */
        do_once(&o, i);
    free(o.begun);
}

/* ---- loading */

/* What was compiled before, where it can be used. False when memory is out. */
static bool begin_compiling(struct bh_waf_rules *r, const struct given *g, struct bh_waf_report *said)
{
    struct bh_waf_bytes from = g->options.image;
    struct job_runner runner = {run_given, (void *)(uintptr_t)g}; /* asked until the rules are loaded, and no longer */
    struct image image;
    const char *why = NULL;
    bool usable = from.at && image_read(bytes_given(from), &image, &why);
    if (why && !usable && said) {
        const char *text = arena_format(said->arena, "the image is not used: it %s", why);
        add_message(said, (struct bh_waf_message){.is_warning = 1, .file = "", .message = text ? text : ""});
    }
    r->compiled = compiled_create(r->arena, usable ? &image : NULL, runner);
    return r->compiled;
}

static enum bh_waf_result compile(struct bh_waf_rules *r, const struct given *g, struct bh_waf_report *said)
{
    struct rule_files lent = {(void *)(uintptr_t)g, list_given, read_given};
    struct sources sources;
    struct program_errors errors;
    const char **names = arena_array(r->arena, g->count, sizeof *names);
    if (!names)
        return BH_WAF_NO_MEMORY;
    for (size_t i = 0; i < g->count; i++)
        names[i] = g->files[i].name;
    bool ok = rules_load(names, g->count, &lent, r->arena, &sources, &r->set);
    report_sources(said, &sources);
    if (!ok)
        return sources.out_of_memory ? BH_WAF_NO_MEMORY : BH_WAF_INVALID;
    if (!begin_compiling(r, g, said))
        return BH_WAF_NO_MEMORY;
    if (!program_compile_from(r->set, r->compiled, r->arena, &r->program, &errors)) {
        report_program(said, r->set, &errors);
        return errors.count ? BH_WAF_INVALID : BH_WAF_NO_MEMORY;
    }
    return g->options.rule_by_rule || program_plan(&r->program, r->arena) ? BH_WAF_OK : BH_WAF_NO_MEMORY;
}

static struct bh_waf_rules *rules_new(size_t most_memory)
{
    struct bh_waf_rules *r = calloc(1, sizeof *r);
    if (!r)
        return NULL;
    owners_begin(&r->owners);
    r->arena = arena_create(most_memory ? most_memory : RULES_MEMORY);
    if (r->arena)
        return r;
    free(r);
    return NULL;
}

enum bh_waf_result bh_waf_rules_load(const struct bh_waf_file *files, size_t count, const struct bh_waf_rules_options *options, struct bh_waf_rules **ret,
    struct bh_waf_report **ret_report)
{
    struct given g = {.files = files, .count = count};
    if (!ret || !are_files(files, count) || (options && !sized_read(options, &g.options, sizeof g.options)) || !is_readable(g.options.image))
        return BH_WAF_MISUSE;
    prepare_process();
    struct bh_waf_report *said = ret_report ? report_new() : NULL;
    struct bh_waf_rules *r = rules_new(g.options.most_memory);
    enum bh_waf_result result = r ? compile(r, &g, said) : BH_WAF_NO_MEMORY;
    if (result == BH_WAF_OK)
        *ret = r;
    else
        bh_waf_rules_free(r);
    if (said && !said->count) {
        bh_waf_report_free(said);
        said = NULL;
    }
    if (ret_report)
        *ret_report = said;
    return result;
}

struct bh_waf_rules *bh_waf_rules_hold(struct bh_waf_rules *rules)
{
    if (rules)
        owners_add(&rules->owners);
    return rules;
}

void bh_waf_rules_free(struct bh_waf_rules *rules)
{
    if (!rules || !owners_leave(&rules->owners))
        return;
    if (rules->compiled)
        compiled_free(rules->compiled);
    arena_destroy(rules->arena);
    free(rules);
}

enum bh_waf_result bh_waf_rules_image(const struct bh_waf_rules *rules, void **ret, size_t *ret_len)
{
    uint8_t *made;
    if (!rules || !ret || !ret_len)
        return BH_WAF_MISUSE;
    if (!image_write(rules->compiled, &made, ret_len))
        return BH_WAF_NO_MEMORY;
    *ret = made;
    return BH_WAF_OK;
}

void bh_waf_rules_warm(const struct bh_waf_rules *rules)
{
    if (rules)
        program_warm(&rules->program);
}

/* ---- scratches */

enum bh_waf_result bh_waf_scratch_create(struct bh_waf_rules *rules, struct bh_waf_scratch **ret)
{
    if (!rules || !ret)
        return BH_WAF_MISUSE;
    struct bh_waf_scratch *s = calloc(1, sizeof *s);
    if (!s || !scratch_create(&rules->program, &s->scratch)) {
        free(s);
        return BH_WAF_NO_MEMORY;
    }
    s->rules = bh_waf_rules_hold(rules);
    *ret = s;
    return BH_WAF_OK;
}

void bh_waf_scratch_free(struct bh_waf_scratch *scratch)
{
    if (!scratch)
        return;
    scratch_free(&scratch->scratch);
    bh_waf_rules_free(scratch->rules);
    free(scratch);
}
