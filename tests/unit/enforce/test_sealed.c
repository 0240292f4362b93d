/* SPDX-License-Identifier: Apache-2.0 */
/* Sealed memory has what it was given, for every process, and cannot be changed by any. */
#include "enforce/sealed.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/base/check.h"

static int file_of(struct bytes b)
{
    char name[] = "/tmp/bulkhead-sealed-XXXXXX";
    int file = mkstemp(name);
    assert_true(file >= 0);
    unlink(name);
    if (b.len)
        assert_int_equal(write(file, b.at, b.len), b.len);
    return file;
}

static int sealed_of(struct bytes b)
{
    struct failure f;
    int file = file_of(b), fd;
    assert_true(sealed_of_file(file, b.len, &fd, &f));
    close(file);
    return fd;
}

static void it_has_what_it_was_given(void **state)
{
    struct failure f;
    struct bytes mapped;
    int fd = sealed_of(bytes_of_text("rules"));
    assert_true(sealed_map(fd, &mapped, &f));
    close(fd);
    assert_int_equal(mapped.len, 5);
    assert_memory_equal(mapped.at, "rules", 5);
    assert_int_equal((uintptr_t)mapped.at % 64, 0);
    pid_t child = fork();
    if (child == 0)
        _exit(memcmp(mapped.at, "rules", 5) == 0 ? 0 : 1);
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    sealed_unmap(mapped);
}

static void nobody_changes_it(void **state)
{
    int fd = sealed_of(bytes_of_text("rules"));
    assert_int_equal(pwrite(fd, "x", 1, 0), -1);
    assert_int_equal(errno, EPERM);
    assert_int_equal(ftruncate(fd, 1), -1);
    assert_int_equal(ftruncate(fd, 100), -1);
    assert_ptr_equal(mmap(NULL, 5, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0), MAP_FAILED);
    assert_int_equal(fcntl(fd, F_ADD_SEALS, 0), -1);
    close(fd);
}

static void what_could_change_is_not_mapped(void **state)
{
    struct failure f;
    struct bytes mapped;
    int open = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    assert_int_equal(write(open, "rules", 5), 5);
    assert_int_equal(fcntl(open, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW), 0);
    assert_false(sealed_map(open, &mapped, &f));
    assert_non_null(strstr(f.text, "not sealed"));
    close(open);
    int nothing = sealed_of((struct bytes){0});
    assert_false(sealed_map(nothing, &mapped, &f));
    close(nothing);
}

static void a_file_that_changes_afterwards_makes_no_difference(void **state)
{
    struct failure f;
    struct bytes mapped;
    int file = file_of((struct bytes){0}), fd;
    for (int i = 0; i < 30000; i++)
        assert_int_equal(write(file, "0123456789", 10), 10);
    assert_true(sealed_of_file(file, 300000, &fd, &f));
    assert_int_equal(pwrite(file, "x", 1, 7), 1);
    assert_int_equal(ftruncate(file, 10), 0);
    assert_true(sealed_map(fd, &mapped, &f));
    assert_int_equal(mapped.len, 300000);
    for (size_t i = 0; i < mapped.len; i++)
        assert_int_equal(mapped.at[i], '0' + (int)(i % 10));
    sealed_unmap(mapped);
    close(fd);
    assert_false(sealed_of_file(file, 11, &fd, &f));
    close(file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_has_what_it_was_given),
        cmocka_unit_test(nobody_changes_it),
        cmocka_unit_test(what_could_change_is_not_mapped),
        cmocka_unit_test(a_file_that_changes_afterwards_makes_no_difference),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
