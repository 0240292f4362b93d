/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What was compiled is replaced while threads use it, under the sanitizer that sees threads use the same memory: held and let go
 * of as rules are, made by several threads, its expressions compiled by whoever comes first. The engine is none here: what a
 * transaction does with it is to scan and to match.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "tests/unit/base/check.h"
#include "waf/api/owners.h"
#include "waf/image/image.h"
#include "waf/image/jobs.h"
#include "waf/operator/regex.h"

#define THREADS 6
#define REPLACEMENTS 60
#define USES_BETWEEN 20 /* two replacements, at least */
#define DATABASES 3
#define EXPRESSIONS 12
#define MEMORY ((size_t)4 << 20)

static const char *const patterns[EXPRESSIONS] = {
    "select\\s+.{1,40}from", "(?i)union\\b", "^[a-z]{2,9}$", "(a|b)*c", "[^\\x00-\\x7f]", "\\bjoin\\b", "x{3}", "(?:foo|bar|baz)+", "\\d{4}-\\d{2}", "q(?=u)", "(\\w)\\1", "^$",
};
static const char text[] = "Select a, bb from foo where d = 2024-05 xxx quit abababc";

/* What stands for rules. */
struct rules {
    struct owners owners;
    struct arena *arena;
    struct compiled *compiled;
    const hs_database_t *databases[DATABASES];
    const struct regex *expressions[EXPRESSIONS];
};

static struct image image;
static _Atomic int alive;

static void run_on_four(void *context, void (*job)(void *argument, size_t which), void *argument, size_t count)
{
    jobs_run(4, job, argument, count);
}

static struct rules *rules_make(const struct image *from)
{
    static const unsigned flags[1] = {HS_FLAG_SINGLEMATCH}, ids[1] = {0};
    struct database_wanted wanted[DATABASES];
    struct regex_error error;
    struct rules *r = calloc(1, sizeof *r);
    assert_non_null(r);
    owners_begin(&r->owners);
    assert_non_null(r->arena = arena_create(MEMORY));
    assert_non_null(r->compiled = compiled_create(r->arena, from, (struct job_runner){run_on_four, NULL}));
    for (size_t i = 0; i < DATABASES; i++)
        wanted[i] = (struct database_wanted){.texts = &patterns[i + 2], .flags = flags, .ids = ids, .count = 1};
    assert_true(compiled_databases(r->compiled, wanted, DATABASES));
    for (size_t i = 0; i < DATABASES; i++)
        assert_non_null(r->databases[i] = wanted[i].database);
    for (size_t i = 0; i < EXPRESSIONS; i++)
        assert_non_null(r->expressions[i] = compiled_regex(r->compiled, bytes_of_text(patterns[i]), false, &error));
    alive++;
    return r;
}

static void rules_let_go(struct rules *r)
{
    if (!owners_leave(&r->owners))
        return;
    compiled_free(r->compiled);
    arena_destroy(r->arena);
    free(r);
    alive--;
}

static int take(unsigned id, unsigned long long from, unsigned long long to, unsigned flags, void *argument)
{
    ++*(unsigned *)argument;
    return 0;
}

/* How much of them finds something. */
static unsigned use(const struct rules *r, struct regex_scratch *s)
{
    unsigned found = 0;
    hs_scratch_t *room = NULL;
    if (!compiled_scratch(r->compiled, &room))
        return 0;
    for (size_t i = 0; i < DATABASES; i++)
        if (hs_scan(r->databases[i], text, sizeof text - 1, 0, room, take, &found) != HS_SUCCESS)
            found += 1000;
    for (size_t i = 0; i < EXPRESSIONS; i++)
        found += regex_match(r->expressions[i], s, bytes_of(text, sizeof text - 1), NULL, NULL) == REGEX_YES;
    hs_free_scratch(room);
    return found;
}

struct scene {
    pthread_mutex_t mutex; /* of the rules in force */
    struct rules *in_force;
    unsigned wanted;
    _Atomic bool over;
    _Atomic size_t uses, wrong;
};

static void *inspect(void *argument)
{
    struct scene *s = argument;
    struct regex_limits limits = {100000, 100000};
    struct regex_scratch *scratch = regex_scratch_create(&limits);
    for (size_t i = 0; scratch && !s->over; i++) {
        pthread_mutex_lock(&s->mutex);
        struct rules *r = s->in_force;
        owners_add(&r->owners);
        pthread_mutex_unlock(&s->mutex);
        if (i % 3 == 0)
            compiled_warm(r->compiled);
        s->wrong += use(r, scratch) != s->wanted;
        s->uses++;
        rules_let_go(r);
    }
    regex_scratch_free(scratch);
    return NULL;
}

static void replace(struct scene *s)
{
    struct rules *next = rules_make(&image);
    pthread_mutex_lock(&s->mutex);
    struct rules *before = s->in_force;
    s->in_force = next;
    pthread_mutex_unlock(&s->mutex);
    for (size_t until = s->uses + USES_BETWEEN; s->uses < until;)
        sched_yield();
    rules_let_go(before);
}

static void rules_are_replaced_while_threads_use_them(void **state)
{
    struct scene s = {.in_force = rules_make(NULL), .mutex = PTHREAD_MUTEX_INITIALIZER};
    struct regex_limits limits = {100000, 100000};
    struct regex_scratch *scratch = regex_scratch_create(&limits);
    pthread_t threads[THREADS];
    const char *why;
    uint8_t *made;
    size_t len;
    s.wanted = use(s.in_force, scratch);
    assert_true(s.wanted > 2 && s.wanted < 1000);
    assert_true(image_write(s.in_force->compiled, &made, &len));
    assert_true(image_read(bytes_of(made, len), &image, &why));
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, inspect, &s), 0);
    for (int i = 0; i < REPLACEMENTS; i++)
        replace(&s);
    s.over = true;
    for (size_t i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    rules_let_go(s.in_force);
    print_message("# %zu uses of %d rule sets\n", (size_t)s.uses, REPLACEMENTS + 1);
    assert_int_equal(s.wrong, 0);
    assert_int_equal(alive, 0);
    regex_scratch_free(scratch);
    free(made);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(rules_are_replaced_while_threads_use_them)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
