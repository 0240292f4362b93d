/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The engine against libmodsecurity: the Core Rule Set as Debian has it, at each paranoia level, over random requests and
 * responses in several set-ups, and over messages that are meant for single rules. The same rules fire, in the same order,
 * but for what waf_known.c lists; and each rule fires, but for what waf_stories.c lists.
 *
 *   differential-waf-engine --places FILE [--requests N] [--seed S] [--level L] [--report FILE]
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/differential/waf_report.h"
#include "tests/differential/waf_requests.h"
#include "tests/differential/waf_told.h"

#define TOLD_EVERY 10 /* one in as many random messages also goes to the rules that all say when they fire */

struct run {
    struct waf_result *result; /* shared by the processes, each of which has its level's part */
    int level; /* 0: all */
    const char *places, *report;
    struct pair *pair, *told;
    size_t *fired_before; /* by rule: when the messages of a level began */
    int tests, failed;
};

static void say(struct run *r, bool ok, const char *what)
{
    printf("%s %d - %s\n", ok ? "ok" : "not ok", ++r->tests, what);
    r->failed += !ok;
}

/* ---- which rules fired at a level */

/* With an id, and of the Core Rule Set's files or the base configuration. */
static bool is_counted(const struct waf_rule_set *set, uint32_t rule)
{
    const struct waf_rule *r = &set->rules[rule];
    struct bytes file = waf_text_bytes(set, set->files[r->file]);
    return r->kind != RULE_MARKER && r->id && r->head == rule && file.len && file.at[0] == '/';
}

static void level_begin(struct run *r)
{
    uint32_t count = pair_set(r->pair)->rule_count;
    if (!r->fired_before)
        r->fired_before = calloc(count, sizeof *r->fired_before);
    if (!r->fired_before)
        abort();
    for (uint32_t i = 0; i < count; i++)
        r->fired_before[i] = pair_fired(r->pair, i);
}

static void level_end(struct run *r, int level)
{
    for (uint32_t i = 0; i < pair_set(r->pair)->rule_count; i++)
        r->result->ids[level] += is_counted(pair_set(r->pair), i) && pair_fired(r->pair, i) > r->fired_before[i];
}

/* ---- random messages */

static void compare_random(struct run *r, uint64_t seed, int level)
{
    char title[40];
    struct random random = {seed};
    struct exchange x = exchange_new();
    struct pair_who who = {.level = level};
    who.setup = traffic_make(&random, &x.request, &x.response);
    snprintf(title, sizeof title, "seed %llu", (unsigned long long)seed);
    pair_compare(r->pair, &who, &x, title, &r->result->levels[level]);
    if (seed % TOLD_EVERY == 0)
        pair_compare(r->told, &who, &x, title, &r->result->told[level]);
    exchange_free(&x);
}

/* In a process of its own: all of it is in memory by then, and shared as long as nobody writes to it. */
static void compare_level(struct run *r, int level)
{
    const struct pair_tally *t = &r->result->levels[level];
    level_begin(r);
    for (unsigned long i = 0; i < r->result->requests; i++)
        compare_random(r, r->result->seed + i, level);
    level_end(r, level);
    printf("# paranoia %d, seed %llu: %zu requests (%zu more are no HTTP, or have a zero octet in their first line, which the peer cannot be given), %zu rules fired, %zu requests differ\n", level, (unsigned long long)r->result->seed, t->messages, t->unread,
        t->fired, t->different);
}

struct worker {
    pid_t process;
    FILE *said; /* what it printed */
};

static struct worker level_start(struct run *r, int level)
{
    struct worker w = {.said = tmpfile()};
    fflush(stdout);
    w.process = w.said ? fork() : -1;
    if (w.process == 0) {
        dup2(fileno(w.said), STDOUT_FILENO);
        compare_level(r, level);
        fflush(stdout);
        _exit(0);
    }
    return w;
}

/* False: it did not come to its end. */
static bool worker_wait(struct worker *w)
{
    int status = 1, c;
    bool ended = w->process > 0 && waitpid(w->process, &status, 0) == w->process && status == 0;
    if (w->said) {
        rewind(w->said);
        while ((c = fgetc(w->said)) != EOF)
            putchar(c);
        fclose(w->said);
    }
    return ended;
}

static void level_finish(struct run *r, int level, struct worker *w)
{
    char what[100];
    bool ended = worker_wait(w);
    const struct pair_tally *t = &r->result->levels[level];
    snprintf(what, sizeof what, "the same rules fire in the same order at paranoia level %d", level);
    say(r, ended && !t->different && !r->result->told[level].different, what);
}

/* ---- stories */

/* In both pairs. */
static bool compare_both(struct run *r, const struct pair_who *who, const struct exchange *x, const char *title)
{
    bool same = pair_compare(r->pair, who, x, title, &r->result->levels[0]);
    return pair_compare(r->told, who, x, title, &r->result->told[0]) && same;
}

static bool compare_story(struct run *r, size_t number)
{
    const struct waf_story *s = &waf_stories[number];
    char title[40];
    struct exchange x = exchange_new();
    struct pair_who who = {s->setup, s->level, s->client, s->unique_id};
    bool same = true;
    story_request_print(s->request, &x.request);
    story_response_print(s->response, &x.response);
    snprintf(title, sizeof title, "story %zu", number);
    for (unsigned i = 0; i == 0 || i < s->times; i++)
        same &= compare_both(r, &who, &x, title);
    exchange_free(&x);
    return same;
}

/* All that rules know by name, at the level at which all rules run. */
static bool compare_sweep(struct run *r)
{
    bool same = true, more = true;
    for (size_t i = 0; more; i++) {
        char title[40];
        struct exchange x = exchange_new();
        struct pair_who who = {.level = LEVELS};
        snprintf(title, sizeof title, "sweep %zu", i);
        more = sweep_make(i, &x.request, &x.response);
        same &= !more || compare_both(r, &who, &x, title);
        exchange_free(&x);
    }
    return same;
}

/* Each request that an exception of the rules is for. */
static bool compare_applications(struct run *r)
{
    bool same = true;
    for (int s = 0; s < SETUP_COUNT; s++)
        for (size_t i = 0; setup_start_at((enum setup)s, i); i++) {
            const char *start = setup_start_at((enum setup)s, i);
            struct exchange x = exchange_new();
            struct pair_who who = {.setup = (enum setup)s, .level = 1};
            text_printf(&x.request, "%s HTTP/1.1\r\nHost: www.example.org\r\nCookie: DW7fa065a06cb74b536c124cfbe56ac6d3=a; _wp_session=0f||1||2\r\n\r\n", start);
            story_response_print(NULL, &x.response);
            same &= compare_both(r, &who, &x, start);
            exchange_free(&x);
        }
    return same;
}

static void compare_stories(struct run *r)
{
    level_begin(r);
    bool same = compare_sweep(r);
    same &= compare_applications(r);
    for (size_t i = 0; i < waf_story_count; i++)
        same &= compare_story(r, i);
    level_end(r, 0);
    same &= r->result->levels[0].unread == 0;
    printf("# %zu messages meant for single rules, %zu rules fired, %zu messages differ, %zu are no HTTP\n", r->result->levels[0].messages, r->result->levels[0].fired, r->result->levels[0].different,
        r->result->levels[0].unread);
    say(r, same, "the same rules fire in the same order for messages that are meant for single rules");
    const struct pair_tally *told = &r->result->told[0];
    printf("# %zu of them through rules that all say when they fire: %zu fired, %zu messages differ\n", told->messages, told->fired, told->different);
    say(r, !told->different, "the same rules fire in the same order when those that count, jump and take away say so too");
}

/* ---- which rules fired */

static const char *listed(const struct waf_unfired *list, size_t count, long id)
{
    for (size_t i = 0; i < count; i++)
        if (list[i].id == id)
            return list[i].why;
    return NULL;
}

/* Is it as the list says? Told when it is not. */
static bool is_as_listed(long id, bool fired, const char *why_not, const char *where)
{
    if (fired == !why_not)
        return true;
    printf(fired ? "# rule %ld fires%s, though it is listed among those that do not\n" : "# rule %ld never fires%s, and is not listed\n", id, where);
    return false;
}

/* The rules of the two pairs have the same indices: their texts differ in words alone. */
static bool look_at(struct run *r, uint32_t rule)
{
    const struct waf_rule *w = &pair_set(r->pair)->rules[rule];
    long id = (long)w->id;
    bool fired = pair_fired(r->pair, rule) || pair_fired(r->told, rule), in_peer = pair_fired_in_peer(r->pair, id) || pair_fired_in_peer(r->told, id);
    const char *never = listed(waf_never, waf_never_count, id), *never_in_peer = never ? never : listed(waf_never_in_peer, waf_never_in_peer_count, id);
    bool told = w->kind != RULE_ACTION || w->written.has_msg; /* neither engine says when another one runs */
    r->result->rules++;
    r->result->fired += fired;
    r->result->fired_in_peer += in_peer;
    bool right = is_as_listed(id, fired, never, "");
    return (!told || is_as_listed(id, in_peer, never_in_peer, " in the peer")) && right;
}

static void cover(struct run *r)
{
    bool right = true;
    for (uint32_t i = 0; i < pair_set(r->pair)->rule_count; i++)
        right &= !is_counted(pair_set(r->pair), i) || look_at(r, i);
    printf("# of %zu rules %zu fired, %zu in the peer\n", r->result->rules, r->result->fired, r->result->fired_in_peer);
    say(r, right, "each rule fires, or is listed with why nothing fires it");
}

static bool report(const struct run *r)
{
    struct text text = text_new(1 << 20);
    waf_report_print(r->result, &text);
    FILE *out = fopen(r->report, "w");
    bool ok = out && fputs(text_cstr(&text), out) >= 0;
    ok = out && fclose(out) == 0 && ok;
    text_free(&text);
    return ok;
}

static bool read_arguments(int argc, char **argv, struct run *r)
{
    for (int i = 1; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--requests") == 0)
            r->result->requests = strtoul(argv[i + 1], NULL, 10);
        else if (strcmp(argv[i], "--seed") == 0)
            r->result->seed = strtoull(argv[i + 1], NULL, 10);
        else if (strcmp(argv[i], "--level") == 0)
            r->level = (int)strtol(argv[i + 1], NULL, 10);
        else if (strcmp(argv[i], "--places") == 0)
            r->places = argv[i + 1];
        else if (strcmp(argv[i], "--report") == 0)
            r->report = argv[i + 1];
    }
    return r->places != NULL;
}

static bool is_asked(const struct run *r, int level)
{
    return !r->level || level == r->level;
}

static void compare(struct run *r)
{
    struct worker workers[LEVELS + 1];
    for (int level = 1; level <= LEVELS; level++)
        if (is_asked(r, level))
            workers[level] = level_start(r, level);
    if (!r->level) {
        compare_stories(r);
        cover(r);
    }
    for (int level = 1; level <= LEVELS; level++)
        if (is_asked(r, level))
            level_finish(r, level, &workers[level]);
    if (r->report)
        say(r, report(r), "the report is written");
}

static struct waf_result *result_share(void)
{
    struct waf_result *shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED)
        abort();
    shared->requests = 500;
    shared->seed = (uint64_t)time(NULL);
    return shared;
}

int main(int argc, char **argv)
{
    char folder[TOLD_PATH_MAX];
    struct run r = {.result = result_share()};
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (!read_arguments(argc, argv, &r)) {
        printf("# differential-waf-engine --places FILE [--requests N] [--seed S] [--level L] [--report FILE]\n");
        return 2;
    }
    if (access(HARNESS_BASE, R_OK) || access(HARNESS_RULES, R_OK)) {
        printf("1..0 # SKIP needs the packages modsecurity-crs and libnginx-mod-http-modsecurity\n");
        return 77;
    }
    r.pair = pair_open(HARNESS_RULES, r.places);
    r.told = told_make(folder) ? pair_open(folder, r.places) : NULL;
    told_remove(folder);
    if (r.pair && r.told)
        compare(&r);
    else
        say(&r, false, "the rules load in both");
    printf("1..%d\n", r.tests);
    pair_close(r.pair);
    pair_close(r.told);
    free(r.fired_before);
    return r.failed != 0;
}
