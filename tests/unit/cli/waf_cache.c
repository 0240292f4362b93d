/* SPDX-License-Identifier: Apache-2.0 */
/* Whose file a cache may be, and that what was read from one stays. Contents and messages: tests/golden/cli. */
#include "cli/waf_cache.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/options.h"
#include "cli/threads.h"
#include "tests/unit/base/check.h"

/* Called by a part of moment.c that nobody reaches here. */
int wrong_usage(const char *verb, const char *format, ...)
{
    abort();
}

#define MEMORY ((size_t)64 << 20)

static char folder[] = "/tmp/bulkhead-cache-XXXXXX";
static char path[64];

static int set_up(void **state)
{
    if (!mkdtemp(folder))
        return -1;
    snprintf(path, sizeof path, "%s/cache", folder);
    return 0;
}

static int tear_down(void **state)
{
    unlink(path);
    return rmdir(folder);
}

static hs_error_t ask(struct compiled *c)
{
    const char *texts[] = {"abc"};
    const unsigned flags[] = {0}, ids[] = {7};
    struct database_wanted wanted = {.texts = texts, .flags = flags, .ids = ids, .count = 1};
    return compiled_databases(c, &wanted, 1) && wanted.result == DATABASE_OK ? HS_SUCCESS : HS_INVALID;
}

/* Asks once with the cache; whether it had to be compiled. */
static bool has_to_compile(void)
{
    struct rule_cache cache;
    rule_cache_open(path, &cache);
    struct arena *a = arena_create(MEMORY);
    struct compiled *c = rule_cache_compiled(&cache, a);
    assert_non_null(c);
    assert_int_equal(ask(c), HS_SUCCESS);
    bool compiled = compiled_is_new(c);
    rule_cache_keep(&cache, c);
    compiled_free(c);
    arena_destroy(a);
    rule_cache_close(&cache);
    return compiled;
}

static void what_was_kept_is_there_the_next_time(void **state)
{
    struct stat about;
    assert_true(has_to_compile());
    assert_int_equal(stat(path, &about), 0);
    assert_int_equal(about.st_mode & (S_IWGRP | S_IWOTH), 0);
    assert_false(has_to_compile());
}

static void one_that_others_may_write_is_neither_used_nor_replaced(void **state)
{
    struct stat before, after;
    assert_int_equal(chmod(path, 0664), 0);
    assert_int_equal(stat(path, &before), 0);
    assert_true(has_to_compile());
    assert_int_equal(stat(path, &after), 0);
    assert_int_equal(before.st_ino, after.st_ino);
    assert_int_equal(chmod(path, 0644), 0);
    assert_false(has_to_compile());
}

static void one_that_belongs_to_another_user_is_not_used(void **state)
{
    if (geteuid() != 0) {
        print_message("# skip: to give a file away takes root\n");
        skip();
    }
    assert_int_equal(chown(path, 12345, 12345), 0);
    assert_true(has_to_compile());
    assert_int_equal(chown(path, 0, 0), 0);
    assert_false(has_to_compile());
}

static void what_happens_to_the_file_afterwards_makes_no_difference(void **state)
{
    struct rule_cache cache;
    rule_cache_open(path, &cache);
    assert_true(cache.copy.len > 0);
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    assert_int_equal(pwrite(fd, "rubbish", 7, 300), 7);
    assert_int_equal(ftruncate(fd, 400), 0);
    close(fd);
    struct image again;
    const char *why;
    assert_true(image_read(cache.copy, &again, &why));
    struct arena *a = arena_create(MEMORY);
    struct compiled *c = rule_cache_compiled(&cache, a);
    assert_int_equal(ask(c), HS_SUCCESS);
    assert_false(compiled_is_new(c));
    compiled_free(c);
    arena_destroy(a);
    rule_cache_close(&cache);
}

#define JOBS 1000

static void count(void *argument, size_t which)
{
    ((_Atomic unsigned *)argument)[which]++;
}

static void threads_do_each_job_once(void **state)
{
    static _Atomic unsigned done[JOBS];
    struct job_runner runner = threads_lend();
    runner.run(runner.context, count, done, JOBS);
    for (size_t i = 0; i < JOBS; i++)
        assert_int_equal(done[i], 1);
    runner.run(runner.context, count, done, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_kept_is_there_the_next_time),
        cmocka_unit_test(one_that_others_may_write_is_neither_used_nor_replaced),
        cmocka_unit_test(one_that_belongs_to_another_user_is_not_used),
        cmocka_unit_test(what_happens_to_the_file_afterwards_makes_no_difference),
        cmocka_unit_test(threads_do_each_job_once),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
