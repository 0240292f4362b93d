/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/input.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#define LIMIT ((size_t)300000)

/* A temporary file of `size` bytes that count up; its name in `path`. */
static void make_file(char path[32], size_t size)
{
    snprintf(path, 32, "/tmp/bulkhead-input-XXXXXX");
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    for (size_t at = 0; at < size; at++) {
        uint8_t byte = (uint8_t)(at * 31 >> 3);
        assert_int_equal(write(fd, &byte, 1), 1);
    }
    close(fd);
}

static void assert_counting(const struct input *in, size_t size)
{
    assert_int_equal(in->len, size);
    for (size_t at = 0; at < size; at++)
        if (in->at[at] != (uint8_t)(at * 31 >> 3))
            fail_msg("byte %zu", at);
}

static void files_up_to_the_limit_are_read_whole(void **state)
{
    static const size_t sizes[] = {0, 1, 65535, 65536, 65537, LIMIT - 1, LIMIT};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        char path[32];
        struct input in;
        const char *error;
        make_file(path, sizes[i]);
        assert_true(input_read(path, LIMIT, &in, &error));
        assert_counting(&in, sizes[i]);
        input_free(&in);
        unlink(path);
    }
}

static void a_byte_more_is_refused(void **state)
{
    char path[32];
    struct input in;
    const char *error = NULL;
    make_file(path, LIMIT + 1);
    assert_false(input_read(path, LIMIT, &in, &error));
    assert_non_null(strstr(error, "larger"));
    unlink(path);
}

static void an_endless_file_is_refused(void **state)
{
    struct input in;
    const char *error = NULL;
    assert_false(input_read("/dev/zero", LIMIT, &in, &error));
    assert_non_null(strstr(error, "larger"));
}

/* Reads standard input of `size` bytes, which come through a pipe in pieces. */
static void read_pipe(size_t size)
{
    int was = dup(STDIN_FILENO);
    struct input in;
    const char *error;
    char path[32], command[64];
    make_file(path, size);
    snprintf(command, sizeof command, "exec cat %s", path);
    FILE *source = popen(command, "r");
    assert_non_null(source);
    dup2(fileno(source), STDIN_FILENO);
    assert_true(input_read("-", LIMIT, &in, &error));
    assert_counting(&in, size);
    input_free(&in);
    pclose(source);
    dup2(was, STDIN_FILENO);
    close(was);
    unlink(path);
}

static void a_pipe_is_read_to_its_end(void **state)
{
    read_pipe(0);
    read_pipe(10);
    read_pipe(200000);
    read_pipe(LIMIT);
}

static void what_cannot_be_read_says_why(void **state)
{
    struct input in;
    const char *error;
    assert_false(input_read("/nonexistent/policy.yaml", LIMIT, &in, &error));
    assert_string_equal(error, "No such file or directory");
    assert_false(input_read("/", LIMIT, &in, &error));
    assert_string_equal(error, "Is a directory");
    assert_false(input_read("", LIMIT, &in, &error));
}

static void standard_input_has_a_name(void **state)
{
    assert_string_equal(input_name("-"), "stdin");
    assert_string_equal(input_name("./-"), "./-");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_up_to_the_limit_are_read_whole), cmocka_unit_test(a_byte_more_is_refused),
        cmocka_unit_test(an_endless_file_is_refused),           cmocka_unit_test(a_pipe_is_read_to_its_end),
        cmocka_unit_test(what_cannot_be_read_says_why),         cmocka_unit_test(standard_input_has_a_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
