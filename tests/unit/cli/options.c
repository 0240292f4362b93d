/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/options.h"

#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "cli/cli.h"
#include "cli/output.h"

#define ARGUMENTS_MAX (OPTION_LIST_MAX + 4)

/* The rest of the command line, as far as options need it: what was said last. */
static char said[256];
static const struct verb verb = {"try", "", "", "Usage: bulkhead try\n", NULL, 125};

const struct verb *verb_find(const char *name)
{
    return strcmp(name, verb.name) == 0 ? &verb : NULL;
}

int complain(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(said, sizeof said, format, arguments);
    va_end(arguments);
    return STATUS_CANNOT;
}

int output_text(struct text *t, int status)
{
    snprintf(said, sizeof said, "%s", text_cstr(t));
    text_free(t);
    return status;
}

static bool json, write_it;
static const char *from, *many[OPTION_LIST_MAX + 1];
static struct operands operands;
static int status;

/* Reads a command line of which the words are given; NULL ends them. */
static bool read_words(struct operand_range range, const char *const *words)
{
    static const struct option_wanted wanted[] = {{"json", 0, &json, NULL},
                                                  {"write", 'w', &write_it, NULL},
                                                  {"from", 'f', NULL, &from},
                                                  {"follow", 0, &json, NULL},
                                                  {"many", OPTION_LIST, NULL, many},
                                                  {0}};
    static char copies[ARGUMENTS_MAX][64];
    static char *arguments[ARGUMENTS_MAX + 1];
    int count = 0;
    for (; words[count] && count < ARGUMENTS_MAX; count++) {
        snprintf(copies[count], sizeof copies[count], "%s", words[count]);
        arguments[count] = copies[count];
    }
    arguments[count] = NULL;
    json = write_it = false;
    from = NULL;
    memset(many, 0, sizeof many);
    status = -1;
    said[0] = 0;
    return options_read(count, arguments, wanted, range, &operands, &status);
}
#define WORDS(...) ((const char *const[]){"try", __VA_ARGS__ __VA_OPT__(, ) NULL})

static const struct operand_range any = {0, INT_MAX, false}, one = {1, 1, false}, in_order = {0, INT_MAX, true};

static void options_and_operands_come_in_any_order(void **state)
{
    assert_true(read_words(one, WORDS("a", "--json", "--from", "b", "-w")));
    assert_true(json && write_it);
    assert_string_equal(from, "b");
    assert_int_equal(operands.count, 1);
    assert_string_equal(operands.items[0], "a");
    assert_int_equal(status, -1);
    assert_true(read_words(any, WORDS("--from=", "-fx", "-wf", "y")));
    assert_string_equal(from, "y");
    assert_true(read_words(any, WORDS("--writ")));
    assert_true(write_it);
}

static void two_dashes_end_options(void **state)
{
    assert_true(read_words(any, WORDS("a", "--", "--json", "-w")));
    assert_false(json || write_it);
    assert_int_equal(operands.count, 3);
    assert_string_equal(operands.items[0], "a");
    assert_string_equal(operands.items[1], "--json");
}

static void a_single_dash_is_an_operand(void **state)
{
    assert_true(read_words(one, WORDS("-", "--json")));
    assert_string_equal(operands.items[0], "-");
}

static void in_order_options_end_at_the_first_operand(void **state)
{
    assert_true(read_words(in_order, WORDS("--json", "a", "-w", "--help")));
    assert_true(json && !write_it);
    assert_int_equal(operands.count, 3);
    assert_string_equal(operands.items[2], "--help");
}

static void assert_refused(struct operand_range range, const char *const *words, const char *why)
{
    if (read_words(range, words))
        fail_msg("accepted, expected: %s", why);
    if (strncmp(said, why, strlen(why)) != 0)
        fail_msg("said: %s; expected: %s", said, why);
    assert_non_null(strstr(said, "; see bulkhead try --help"));
    assert_int_equal(status, 125);
}

static void wrong_usage_is_one_line_and_the_verbs_own_status(void **state)
{
    assert_refused(one, WORDS("--json"), "too few arguments");
    assert_refused(one, WORDS("a", "b", "c"), "unexpected argument `b`");
    assert_refused(any, WORDS("--jsno"), "unknown option --jsno, did you mean --json?");
    assert_refused(any, WORDS("a", "b", "--unlike=x", "c"), "unknown option --unlike");
    assert_refused(any, WORDS("-wx", "a"), "unknown option -x");
    assert_refused(any, WORDS("-x", "-w"), "unknown option -x");
    assert_refused(any, WORDS("--json=1"), "--json takes no argument");
    assert_refused(any, WORDS("--js=1"), "--js takes no argument");
    assert_refused(any, WORDS("--from"), "--from needs an argument");
    assert_refused(any, WORDS("-wf"), "-wf needs an argument");
    assert_refused(any, WORDS("--f"), "--f is ambiguous");
}

static void a_list_takes_each_argument_in_order_and_no_more_than_it_holds(void **state)
{
    assert_true(read_words(any, WORDS("--many", "a", "x", "--many=b", "--many", "a")));
    assert_string_equal(many[0], "a");
    assert_string_equal(many[1], "b");
    assert_string_equal(many[2], "a");
    assert_null(many[3]);
    assert_int_equal(operands.count, 1);
    assert_refused(any, WORDS("-+", "a"), "unknown option -+");
    const char *words[OPTION_LIST_MAX + 3] = {"try"};
    for (int i = 1; i <= OPTION_LIST_MAX; i++)
        words[i] = "--many=a";
    assert_true(read_words(any, words));
    words[OPTION_LIST_MAX + 1] = "--many=a";
    assert_refused(any, words, "--many is given more than 64 times");
}

static void help_is_printed_and_done(void **state)
{
    assert_false(read_words(one, WORDS("--help")));
    assert_string_equal(said, verb.help);
    assert_int_equal(status, STATUS_YES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(options_and_operands_come_in_any_order),
        cmocka_unit_test(two_dashes_end_options),
        cmocka_unit_test(a_single_dash_is_an_operand),
        cmocka_unit_test(in_order_options_end_at_the_first_operand),
        cmocka_unit_test(wrong_usage_is_one_line_and_the_verbs_own_status),
        cmocka_unit_test(a_list_takes_each_argument_in_order_and_no_more_than_it_holds),
        cmocka_unit_test(help_is_printed_and_done),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
