/* SPDX-License-Identifier: Apache-2.0 */
/* Rules are compiled by the threads that the caller says, or lends: the same comes of it, whatever these do. */
#include <bulkhead/waf.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/base/check.h"

#define RULES \
    "SecRuleEngine On\n" \
    "SecRule ARGS \"@rx at+ack\" \"id:1,phase:2,deny,status:418\"\n" \
    "SecRule ARGS \"@rx sel.ct\" \"id:2,phase:2,deny,status:419,t:lowercase,t:urlDecodeUni\"\n" \
    "SecRule REQUEST_HEADERS \"@rx (?:one|two)\\d\" \"id:3,phase:1,deny,status:420\"\n" \
    "SecRule REQUEST_COOKIES \"@pm one two\" \"id:4,phase:1,deny,status:421\"\n" \
    "SecRule REQUEST_URI \"@rx x{3}\" \"id:5,phase:1,deny,status:422\"\n"

static struct bh_waf_rules *load(struct bh_waf_rules_options options)
{
    struct bh_waf_file file = {"rules.conf", {RULES, sizeof RULES - 1}};
    struct bh_waf_rules *ret = NULL;
    options.size = sizeof options;
    assert_int_equal(bh_waf_rules_load(&file, 1, &options, &ret, NULL), BH_WAF_OK);
    return ret;
}

/* Frees the rules. */
static void is_image_of(struct bh_waf_rules *rules, const void *image, size_t len)
{
    void *own;
    size_t own_len;
    assert_int_equal(bh_waf_rules_image(rules, &own, &own_len), BH_WAF_OK);
    assert_int_equal(own_len, len);
    assert_memory_equal(own, image, len);
    free(own);
    bh_waf_rules_free(rules);
}

enum manner { IN_ORDER, BACKWARDS, NONE, TWICE, TOO_MANY, ON_THREADS };

struct pool {
    enum manner manner;
    size_t runs, jobs;
};

struct part {
    void (*job)(void *argument, size_t which);
    void *argument;
    size_t which;
};

static void *do_part(void *argument)
{
    const struct part *p = argument;
    p->job(p->argument, p->which);
    return NULL;
}

static void on_threads(void (*job)(void *argument, size_t which), void *argument, size_t count)
{
    pthread_t threads[16];
    struct part parts[16];
    assert_true(count <= 16);
    for (size_t i = 0; i < count; i++) {
        parts[i] = (struct part){job, argument, i};
        assert_int_equal(pthread_create(&threads[i], NULL, do_part, &parts[i]), 0);
    }
    for (size_t i = 0; i < count; i++)
        pthread_join(threads[i], NULL);
}

static void run(void *context, void (*job)(void *argument, size_t which), void *argument, size_t count)
{
    struct pool *p = context;
    p->runs++;
    p->jobs += count;
    if (p->manner == ON_THREADS)
        on_threads(job, argument, count);
    for (size_t i = 0; i < count && p->manner != NONE && p->manner != ON_THREADS; i++)
        job(argument, p->manner == BACKWARDS ? count - 1 - i : i);
    for (size_t i = 0; i < count && p->manner == TWICE; i++)
        job(argument, i);
    for (size_t i = 0; i < 3 && p->manner == TOO_MANY; i++)
        job(argument, count + i);
}

static void any_number_of_threads_makes_the_same(void **state)
{
    void *image;
    size_t len;
    struct bh_waf_rules *rules = load((struct bh_waf_rules_options){0});
    assert_int_equal(bh_waf_rules_image(rules, &image, &len), BH_WAF_OK);
    bh_waf_rules_free(rules);
    static const size_t counts[] = {1, 2, 3, 64, 1000000};
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
        is_image_of(load((struct bh_waf_rules_options){.threads = counts[i]}), image, len);
    free(image);
}

static void whatever_a_caller_does_with_jobs_each_is_done_once(void **state)
{
    void *image;
    size_t len;
    struct bh_waf_rules *rules = load((struct bh_waf_rules_options){0});
    assert_int_equal(bh_waf_rules_image(rules, &image, &len), BH_WAF_OK);
    bh_waf_rules_free(rules);
    for (int m = IN_ORDER; m <= ON_THREADS; m++) {
        struct pool p = {.manner = (enum manner)m};
        is_image_of(load((struct bh_waf_rules_options){.threads = 2, .run = run, .run_context = &p}), image, len);
        assert_true(p.runs >= 1 && p.jobs >= 3);
    }
    free(image);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_number_of_threads_makes_the_same),
        cmocka_unit_test(whatever_a_caller_does_with_jobs_each_is_done_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
