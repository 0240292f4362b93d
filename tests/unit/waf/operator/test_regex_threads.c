/* SPDX-License-Identifier: Apache-2.0 */
/* Expressions that are compiled by whoever needs them first, with many threads that need them at the same moment. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "tests/unit/base/check.h"
#include "waf/operator/regex.h"

#define THREADS 8
#define ROUNDS  50
#define EXPRESSIONS 12

static const char *const patterns[EXPRESSIONS] = {
    "select\\s+.{1,40}from", "(?i)union\\b", "^[a-z]{2,9}$", "(a|b)*c", "[^\\x00-\\x7f]", "\\bjoin\\b", "x{3}", "(?:foo|bar|baz)+", "\\d{4}-\\d{2}", "q(?=u)", "(\\w)\\1", "^$",
};

struct round {
    struct regex *expressions[EXPRESSIONS];
    pthread_barrier_t begin;
    _Atomic unsigned found;
};

/* Each finds what the first alone finds. */
static void *search(void *argument)
{
    struct round *r = argument;
    struct regex_limits limits = {100000, 100000};
    struct regex_scratch *s = regex_scratch_create(&limits);
    static const char text[] = "Select a, bb from foo where d = 2024-05 xxx quit abababc";
    pthread_barrier_wait(&r->begin);
    for (size_t i = 0; s && i < EXPRESSIONS; i++)
        r->found += regex_match(r->expressions[i], s, bytes_of(text, sizeof text - 1), NULL, NULL) == REGEX_YES;
    regex_scratch_free(s);
    return NULL;
}

static unsigned run_round(unsigned count)
{
    struct round r = {.found = 0};
    pthread_t threads[THREADS];
    assert_int_equal(pthread_barrier_init(&r.begin, NULL, count), 0);
    for (size_t i = 0; i < EXPRESSIONS; i++)
        assert_non_null(r.expressions[i] = regex_expect(bytes_of(patterns[i], strlen(patterns[i])), false));
    for (unsigned i = 0; i < count; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, search, &r), 0);
    for (unsigned i = 0; i < count; i++)
        pthread_join(threads[i], NULL);
    for (size_t i = 0; i < EXPRESSIONS; i++)
        regex_free(r.expressions[i]);
    pthread_barrier_destroy(&r.begin);
    return r.found;
}

static void an_expression_is_used_by_many_threads_at_its_first_use(void **state)
{
    unsigned alone = run_round(1);
    assert_int_not_equal(alone, 0);
    for (int i = 0; i < ROUNDS; i++)
        assert_int_equal(run_round(THREADS), THREADS * alone);
}

static void one_that_was_expected_and_does_not_compile_is_an_error(void **state)
{
    struct regex_limits limits = {100000, 100000};
    struct regex_scratch *s = regex_scratch_create(&limits);
    struct regex *r = regex_expect(bytes_of_text("a(b"), false);
    assert_int_equal(regex_match(r, s, bytes_of_text("ab"), NULL, NULL), REGEX_ERROR);
    assert_false(regex_ready(r));
    regex_free(r);
    regex_scratch_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_expression_is_used_by_many_threads_at_its_first_use),
        cmocka_unit_test(one_that_was_expected_and_does_not_compile_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
