/* SPDX-License-Identifier: Apache-2.0 */
/* The bounded file of records: whole lines only, whatever the disk and the process run out of, and it goes on after. */
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "record/record.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static char directory[] = "/tmp/bulkhead-records-XXXXXX";
static char path[64], older[64];

static int begin(void **state)
{
    snprintf(path, sizeof path, "%s/flows.jsonl", directory);
    snprintf(older, sizeof older, "%s/flows.jsonl.1", directory);
    return 0;
}

static int end(void **state)
{
    unlink(path);
    unlink(older);
    return 0;
}

static bool put(struct record_file *r, const char *line)
{
    struct text t = text_new(4096);
    text_puts(&t, line);
    bool done = record_write(r, &t);
    text_free(&t);
    return done;
}

static void has(const char *file, const char *wanted)
{
    char text[256] = "";
    int fd = open(file, O_RDONLY);
    assert_true(fd >= 0);
    assert_true(read(fd, text, sizeof text - 1) >= 0);
    close(fd);
    assert_string_equal(text, wanted);
}

static struct rlimit limit(int what, rlim_t to)
{
    struct rlimit before, now;
    assert_int_equal(getrlimit(what, &before), 0);
    now = (struct rlimit){to, before.rlim_max};
    assert_int_equal(setrlimit(what, &now), 0);
    return before;
}

static void a_line_that_does_not_fit_leaves_no_half(void **state)
{
    struct record_file r;
    assert_true(record_open(path, &r));
    assert_true(put(&r, "{first}\n"));
    struct rlimit before = limit(RLIMIT_FSIZE, 12);
    assert_false(put(&r, "{second}\n"));
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    has(path, "{first}\n");
    assert_true(put(&r, "{third}\n"));
    has(path, "{first}\n{third}\n");
    record_close(&r);
}

static void a_full_file_is_kept_and_the_next_begins(void **state)
{
    struct record_file r;
    assert_true(record_open(path, &r));
    assert_true(put(&r, "{first}\n"));
    r.size = RECORDS_BYTES;
    assert_true(put(&r, "{second}\n"));
    has(older, "{first}\n");
    has(path, "{second}\n");
    record_close(&r);
}

static void records_go_on_after_a_file_that_could_not_be_opened(void **state)
{
    struct record_file r;
    assert_true(record_open(path, &r));
    r.size = RECORDS_BYTES;
    struct rlimit before = limit(RLIMIT_NOFILE, 0);
    bool done = put(&r, "{lost}\n");
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_false(done);
    assert_true(put(&r, "{second}\n"));
    has(path, "{second}\n");
    record_close(&r);
}

static void a_link_has_its_share_at_once_and_then_one_more_each_while(void **state)
{
    int64_t whole[2] = {0}, now = 5000000000;
    struct record_shares s = {whole, 2};
    for (int i = 0; i < RECORDS_SHARE; i++)
        assert_true(record_share_take(&s, 1, now));
    assert_false(record_share_take(&s, 1, now));
    assert_true(record_share_take(&s, 0, now)); /* another link's */
    assert_false(record_share_take(&s, 1, now + RECORDS_SHARE_NS - 1));
    assert_true(record_share_take(&s, 1, now + RECORDS_SHARE_NS));
    assert_false(record_share_take(&s, 1, now + RECORDS_SHARE_NS));
    now += (int64_t)RECORDS_SHARE * 2 * RECORDS_SHARE_NS; /* no more than the whole share gathers */
    for (int i = 0; i < RECORDS_SHARE; i++)
        assert_true(record_share_take(&s, 1, now));
    assert_false(record_share_take(&s, 1, now));
    assert_true(record_share_take(&s, 2, now)); /* there is no such link */
}

int main(void)
{
    (void)signal(SIGXFSZ, SIG_IGN);
    if (!mkdtemp(directory))
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_line_that_does_not_fit_leaves_no_half, begin, end),
        cmocka_unit_test_setup_teardown(a_full_file_is_kept_and_the_next_begins, begin, end),
        cmocka_unit_test(a_link_has_its_share_at_once_and_then_one_more_each_while),
        cmocka_unit_test_setup_teardown(records_go_on_after_a_file_that_could_not_be_opened, begin, end),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    rmdir(directory);
    return failed;
}
