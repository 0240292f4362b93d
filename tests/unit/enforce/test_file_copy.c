/* SPDX-License-Identifier: Apache-2.0 */
/* A copy of a file has what the file held at that moment, wherever it ends among pages, and nothing changes it. */
#include "enforce/file_copy.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/base/check.h"

#define LONG ((size_t)5 << 20) /* some huge pages, and a rest */

static uint8_t byte_at(size_t at)
{
    return (uint8_t)(at * 2654435761u >> 24);
}

static int file_of(size_t size)
{
    char name[] = "/tmp/bulkhead-copy-XXXXXX";
    uint8_t *contents = malloc(size + 1);
    int file = mkstemp(name);
    assert_true(contents && file >= 0);
    unlink(name);
    for (size_t i = 0; i < size; i++)
        contents[i] = byte_at(i);
    assert_int_equal(write(file, contents, size), size);
    free(contents);
    return file;
}

static void has_all(struct bytes copy, size_t size)
{
    assert_int_equal(copy.len, size);
    assert_int_equal((uintptr_t)copy.at % 64, 0);
    for (size_t i = 0; i < size; i++)
        if (copy.at[i] != byte_at(i))
            fail_msg("byte %zu of %zu is another", i, size);
}

static void it_has_what_the_file_held_whatever_its_size(void **state)
{
    static const size_t sizes[] = {1, 5, 4095, 4096, 4097, ((size_t)2 << 20) - 1, (size_t)2 << 20, ((size_t)2 << 20) + 1, LONG + 12345};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct failure f;
        struct bytes copy;
        int file = file_of(sizes[i]);
        assert_true(file_copy(file, sizes[i], &copy, &f));
        close(file);
        has_all(copy, sizes[i]);
        file_copy_free(copy);
    }
}

static void a_file_that_changes_afterwards_makes_no_difference(void **state)
{
    struct failure f;
    struct bytes copy;
    int file = file_of(LONG);
    assert_true(file_copy(file, LONG, &copy, &f));
    assert_int_equal(pwrite(file, "x", 1, 7), 1);
    assert_int_equal(ftruncate(file, 10), 0);
    has_all(copy, LONG);
    file_copy_free(copy);
    close(file);
}

static void nobody_writes_to_it(void **state)
{
    struct failure f;
    struct bytes copy;
    int file = file_of(100), status;
    assert_true(file_copy(file, 100, &copy, &f));
    pid_t child = fork();
    if (child == 0) {
        signal(SIGSEGV, SIG_DFL);
        *(volatile uint8_t *)(uintptr_t)copy.at = 1;
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_false(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    has_all(copy, 100);
    file_copy_free(copy);
    close(file);
}

static void a_file_that_is_shorter_than_it_was_is_no_copy(void **state)
{
    struct failure f;
    struct bytes copy;
    int file = file_of(10);
    assert_false(file_copy(file, 11, &copy, &f));
    assert_false(file_copy(file, 0, &copy, &f));
    assert_false(file_copy(file, SIZE_MAX, &copy, &f));
    assert_false(file_copy(-1, 10, &copy, &f));
    close(file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_has_what_the_file_held_whatever_its_size),
        cmocka_unit_test(a_file_that_changes_afterwards_makes_no_difference),
        cmocka_unit_test(nobody_writes_to_it),
        cmocka_unit_test(a_file_that_is_shorter_than_it_was_is_no_copy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
