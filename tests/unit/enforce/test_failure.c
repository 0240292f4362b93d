/* SPDX-License-Identifier: Apache-2.0 */
/* What is said when something ran out: that, and what to do; never that a right or a kernel is missing. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "enforce/datapath.h"
#include "enforce/failure.h"

#include <cmocka.h>

static void need_is_named_only_when_it_may_be_missing(void **state)
{
    (void)state;
    static const int exhausted[] = {EMFILE, ENFILE, ENOMEM, EAGAIN, ENOSPC, ENOBUFS};
    struct failure f;
    assert_false(fail_needing(&f, EPERM, "CAP_SYS_ADMIN", "cannot make %s", "it"));
    assert_string_equal(f.text, "cannot make it (CAP_SYS_ADMIN is needed): Operation not permitted");
    for (size_t i = 0; i < sizeof exhausted / sizeof exhausted[0]; i++) {
        assert_false(fail_needing(&f, exhausted[i], "CAP_SYS_ADMIN", "cannot make %s", "it"));
        assert_null(strstr(f.text, "CAP_"));
        assert_non_null(strstr(f.text, strerror(exhausted[i])));
    }
}

static void a_failure_for_want_of_descriptors_says_what_to_do(void **state)
{
    (void)state;
    struct failure f;
    assert_false(fail_errno(&f, EMFILE, "cannot open it"));
    assert_string_equal(f.text, "cannot open it: Too many open files; raise the limit of open files (ulimit -n, or LimitNOFILE= of the unit)");
    assert_false(fail_errno(&f, ENFILE, "cannot open it"));
    assert_non_null(strstr(f.text, "fs.file-max"));
    assert_false(fail_errno(&f, EPERM, "cannot open it"));
    assert_string_equal(f.text, "cannot open it: Operation not permitted");
}

static void a_fork_that_fails_for_want_of_processes_says_what_to_do(void **state)
{
    (void)state;
    struct failure f;
    assert_false(fail_fork(&f, EAGAIN, "the command"));
    assert_non_null(strstr(f.text, "pids.max"));
    assert_false(fail_fork(&f, ENOMEM, "the command"));
    assert_string_equal(f.text, "cannot fork for the command: Cannot allocate memory");
}

/* Calls it while no number is free. */
static bool without_descriptors(bool (*call)(struct failure *f), struct failure *f)
{
    struct rlimit before, none;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    none = (struct rlimit){.rlim_cur = 0, .rlim_max = before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    bool done = call(f);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    return done;
}

static void a_probe_without_descriptors_does_not_blame_the_kernel(void **state)
{
    (void)state;
    struct failure f;
    if (geteuid() != 0 || !datapath_probe(&f)) {
        print_message("# skip: BPF programs cannot be loaded here\n");
        skip();
    }
    assert_false(without_descriptors(datapath_probe, &f));
    assert_string_equal(f.text, "cannot load BPF programs: Too many open files; raise the limit of open files (ulimit -n, or LimitNOFILE= of the unit)");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(need_is_named_only_when_it_may_be_missing),
        cmocka_unit_test(a_failure_for_want_of_descriptors_says_what_to_do),
        cmocka_unit_test(a_fork_that_fails_for_want_of_processes_says_what_to_do),
        cmocka_unit_test(a_probe_without_descriptors_does_not_blame_the_kernel),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
