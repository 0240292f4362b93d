/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/options.h"

#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/diag.h"
#include "cli/cli.h"
#include "cli/output.h"

#define OPTIONS_MAX 32
#define HELP        1000
#define FIRST_LONG  2000 /* what getopt_long returns for entry i of the table, plus i */

struct getopt_tables {
    struct option longs[OPTIONS_MAX + 2];
    char shorts[2 * OPTIONS_MAX + 3];
    const char *names[OPTIONS_MAX + 1];
    size_t count; /* of names */
};

int wrong_usage(const char *verb, const char *format, ...)
{
    va_list arguments;
    char *message = NULL;
    va_start(arguments, format);
    if (vasprintf(&message, format, arguments) < 0)
        message = NULL;
    va_end(arguments);
    complain("%s; see bulkhead %s --help", message ? message : "out of memory", verb);
    free(message);
    const struct verb *v = verb_find(verb);
    return v && v->usage_status ? v->usage_status : STATUS_CANNOT;
}

static void tables_fill(struct getopt_tables *t, const struct option_wanted *wanted, bool in_order)
{
    size_t at = 0;
    *t = (struct getopt_tables){.count = 0};
    if (in_order)
        t->shorts[at++] = '+';
    t->shorts[at++] = ':'; /* tell a missing argument from an unknown option */
    for (size_t i = 0; wanted[i].name && i < OPTIONS_MAX; i++) {
        int argument = wanted[i].value ? required_argument : no_argument;
        t->longs[i] = (struct option){wanted[i].name, argument, NULL, FIRST_LONG + (int)i};
        t->names[t->count++] = wanted[i].name;
        if (!wanted[i].letter || wanted[i].letter == OPTION_LIST)
            continue;
        t->shorts[at++] = wanted[i].letter;
        if (wanted[i].value)
            t->shorts[at++] = ':';
    }
    t->longs[t->count] = (struct option){"help", no_argument, NULL, HELP};
    t->names[t->count++] = "help";
}

static const struct option_wanted *find_letter(const struct option_wanted *wanted, int letter)
{
    for (; wanted->name; wanted++)
        if (wanted->letter && wanted->letter != OPTION_LIST && wanted->letter == letter)
            return wanted;
    return NULL;
}

static int refuse_option(const char *verb, const struct getopt_tables *t, const char *given, int letter)
{
    if (strncmp(given, "--", 2) != 0)
        return wrong_usage(verb, "unknown option -%c", letter);
    int length = (int)strcspn(given, "=");
    size_t matches = 0;
    bool whole = false; /* the name is known: what is wrong is its argument */
    for (size_t i = 0; i < t->count; i++) {
        matches += strncmp(t->names[i], given + 2, (size_t)length - 2) == 0;
        whole = whole || (strlen(t->names[i]) == (size_t)length - 2 &&
                          strncmp(t->names[i], given + 2, (size_t)length - 2) == 0);
    }
    if (given[length] == '=' && (whole || matches == 1))
        return wrong_usage(verb, "%.*s takes no argument", length, given);
    if (matches > 1)
        return wrong_usage(verb, "%.*s is ambiguous", length, given);
    char word[64];
    snprintf(word, sizeof word, "%.*s", length - 2, given + 2);
    const char *closest = closest_name(word, t->names, t->count);
    if (closest)
        return wrong_usage(verb, "unknown option %.*s, did you mean --%s?", length, given, closest);
    return wrong_usage(verb, "unknown option %.*s", length, given);
}

static int print_help(const char *verb)
{
    const struct verb *v = verb_find(verb);
    struct text out = text_new(ANSWER_MAX);
    text_puts(&out, v ? v->help : "");
    return output_text(&out, STATUS_YES);
}

/* False when a list is full. */
static bool take_value(const struct option_wanted *o, const char *value)
{
    if (o->letter != OPTION_LIST) {
        *o->value = value;
        return true;
    }
    for (int i = 0; i < OPTION_LIST_MAX; i++)
        if (!o->value[i]) {
            o->value[i] = value;
            return true;
        }
    return false;
}

bool options_read(int argc, char **argv, const struct option_wanted *wanted, struct operand_range range,
                  struct operands *ret, int *ret_status)
{
    struct getopt_tables t;
    tables_fill(&t, wanted, range.in_order);
    optind = 0; /* glibc: forget what was read before */
    opterr = 0;
    for (;;) {
        int got = getopt_long(argc, argv, t.shorts, t.longs, NULL);
        if (got == -1)
            break;
        if (got == HELP) {
            *ret_status = print_help(argv[0]);
            return false;
        }
        if (got == ':') {
            *ret_status = wrong_usage(argv[0], "%s needs an argument", argv[optind - 1]);
            return false;
        }
        const struct option_wanted *o =
            got >= FIRST_LONG ? &wanted[got - FIRST_LONG] : find_letter(wanted, got);
        if (got == '?' || !o) {
            bool letter = optopt > 0 && optopt < HELP;
            *ret_status = refuse_option(argv[0], &t, letter ? "-" : argv[optind - 1], optopt);
            return false;
        }
        if (!o->value)
            *o->flag = true;
        else if (!take_value(o, optarg)) {
            *ret_status = wrong_usage(argv[0], "--%s is given more than %d times", o->name, OPTION_LIST_MAX);
            return false;
        }
    }
    *ret = (struct operands){.items = argv + optind, .count = argc - optind};
    if (ret->count < range.least)
        *ret_status = wrong_usage(argv[0], "too few arguments");
    else if (ret->count > range.most)
        *ret_status = wrong_usage(argv[0], "unexpected argument `%s`", ret->items[range.most]);
    else
        return true;
    return false;
}
