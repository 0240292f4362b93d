/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rules are replaced while threads use them. The engine is none here: a program is a number that must not be freed under who
 * holds it, so that the sanitizer which sees threads needs nothing but what is tested.
 */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/unit/base/check.h"
#include "waf/engine/shared.h"

#define THREADS 6
#define REPLACEMENTS 1000000
#define UNHURRIED    100 /* so many, between which each thread comes to its turn */

static _Atomic int scratches, alive;

/* In place of the engine's. */
bool scratch_create(const struct waf_program *p, struct waf_scratch *ret)
{
    *ret = (struct waf_scratch){.regex = malloc(sizeof(int))};
    scratches++;
    return ret->regex;
}

void scratch_free(struct waf_scratch *s)
{
    free(s->regex);
    scratches--;
}

/* What a program is made of. */
struct stuff {
    struct waf_program program;
    int *value;
};

static void release(void *context)
{
    struct stuff *s = context;
    *s->value = -1;
    free(s->value);
    free(s);
    alive--;
}

static struct shared_rules *make(int value)
{
    struct stuff *s = calloc(1, sizeof *s);
    assert_non_null(s);
    assert_non_null(s->value = malloc(sizeof *s->value));
    *s->value = value;
    alive++;
    struct shared_rules *r = shared_rules_create(&s->program, release, s);
    assert_non_null(r);
    return r;
}

static int value_of(const struct shared_rules *r)
{
    return *((const struct stuff *)(const void *)shared_rules_program(r))->value;
}

struct scene {
    struct rules_in_force *in_force;
    _Atomic bool over;
    _Atomic size_t transactions, wrong;
};

/* A transaction after another; each sees the rules that it began with to its end, and never ones from before the last it saw. */
static void *inspect(void *argument)
{
    struct scene *s = argument;
    for (int last = 0; !s->over;) {
        struct shared_rules *r = rules_in_force_take(s->in_force);
        struct waf_scratch scratch;
        int began = value_of(r);
        bool ok = shared_rules_scratch(r, &scratch);
        if (ok) {
            *(int *)(void *)scratch.regex = began; /* nobody else has it */
            sched_yield();
            ok = *(int *)(void *)scratch.regex == began && value_of(r) == began && began >= last;
            shared_rules_scratch_back(r, &scratch);
        }
        s->wrong += !ok;
        s->transactions++;
        last = began;
        shared_rules_give_back(r);
    }
    return NULL;
}

static void rules_are_replaced_while_transactions_run(void **state)
{
    struct scene s = {.in_force = rules_in_force_create(make(1))};
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, inspect, &s), 0);
    for (int i = 0; i < REPLACEMENTS; i++) {
        rules_in_force_replace(s.in_force, make(i + 2));
        for (size_t before = s.transactions; i < UNHURRIED && s.transactions < before + THREADS;)
            usleep(10);
    }
    s.over = true;
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(s.wrong, 0);
    assert_int_equal(alive, 1);
    rules_in_force_free(s.in_force);
    assert_int_equal(alive, 0);
    assert_int_equal(scratches, 0);
}

static void the_last_that_gives_them_back_frees_them(void **state)
{
    struct rules_in_force *f = rules_in_force_create(make(1));
    struct shared_rules *one = rules_in_force_take(f), *other = rules_in_force_take(f);
    rules_in_force_replace(f, make(2));
    assert_int_equal(alive, 2);
    shared_rules_give_back(one);
    assert_int_equal(value_of(other), 1);
    rules_in_force_free(f);
    assert_int_equal(alive, 1);
    shared_rules_give_back(other);
    assert_int_equal(alive, 0);
}

static void a_scratch_that_was_given_back_is_used_again(void **state)
{
    struct shared_rules *r = make(1);
    struct waf_scratch first, second, third;
    assert_true(shared_rules_scratch(r, &first));
    assert_true(shared_rules_scratch(r, &second));
    assert_ptr_not_equal(first.regex, second.regex);
    shared_rules_scratch_back(r, &first);
    assert_true(shared_rules_scratch(r, &third));
    assert_ptr_equal(third.regex, first.regex);
    shared_rules_scratch_back(r, &second);
    shared_rules_scratch_back(r, &third);
    assert_int_equal(scratches, 2);
    shared_rules_give_back(r);
    assert_int_equal(scratches, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rules_are_replaced_while_transactions_run),
        cmocka_unit_test(the_last_that_gives_them_back_frees_them),
        cmocka_unit_test(a_scratch_that_was_given_back_is_used_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
