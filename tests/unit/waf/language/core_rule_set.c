/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Core Rule Set as Debian installs it, with its set-up and nginx's base configuration: all of it loads without a
 * word, prints to something that loads and prints the same, and has in it what the files say.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <unistd.h>

#include "files.h"
#include "waf/language/print.h"

#define FOLDER "/usr/share/modsecurity-crs/rules/"
#define BASE "/etc/nginx/modsecurity.conf"
#define SETUP "/etc/modsecurity/crs/crs-setup.conf"
#define MAP "/etc/nginx/unicode.mapping"

struct loaded {
    struct arena *arena;
    const struct waf_rule_set *set;
    struct text print;
};

static struct loaded load(const char *const *names, size_t count, struct test_files *files)
{
    struct loaded l = {arena_create((size_t)256 << 20), NULL, text_new((size_t)64 << 20)};
    struct rule_files lent = test_files_lend(files);
    struct sources sources;
    struct text said = text_new((size_t)16 << 20);
    bool ok = rules_load(names, count, &lent, l.arena, &sources, &l.set);
    sources_print(&sources, false, &said);
    assert_string_equal(text_cstr(&said), "");
    assert_true(ok);
    rule_set_print(l.set, &l.print);
    assert_false(l.print.failed);
    text_free(&said);
    return l;
}

static void loaded_free(struct loaded *l)
{
    text_free(&l->print);
    arena_destroy(l->arena);
}

static const struct waf_rule *rule_by_id(const struct waf_rule_set *set, int64_t id)
{
    for (uint32_t i = 0; i < set->rule_count; i++)
        if (set->rules[i].id == id)
            return &set->rules[i];
    return NULL;
}

/* Lines of the files that begin with the word, comments aside. */
static size_t lines_with(const struct test_files *files, const char *word)
{
    size_t count = 0, len = strlen(word);
    for (size_t i = 0; i < files->count; i++)
        for (const char *at = files->read[i]; at; at = strchr(at, '\n')) {
            at += strspn(at, "\n\t ");
            count += strncmp(at, word, len) == 0;
        }
    return count;
}

static size_t kinds(const struct waf_rule_set *set, enum rule_kind kind)
{
    size_t count = 0;
    for (uint32_t i = 0; i < set->rule_count; i++)
        count += set->rules[i].kind == kind;
    return count;
}

static void all_of_it_loads_and_prints_to_the_same(void **state)
{
    static const char root[] = "Include " BASE "\nInclude " SETUP "\nInclude " FOLDER "*.conf\n";
    const struct test_file made[] = {{FOLDER "root", root}, {NULL, NULL}};
    const char *name = FOLDER "root";
    struct test_files files = {.made = made, .disk = true};
    struct loaded first = load(&name, 1, &files);

    assert_int_equal(kinds(first.set, RULE_CONDITION), lines_with(&files, "SecRule "));
    assert_int_equal(kinds(first.set, RULE_ACTION), lines_with(&files, "SecAction"));
    assert_int_equal(kinds(first.set, RULE_MARKER), lines_with(&files, "SecMarker"));
    assert_true(kinds(first.set, RULE_CONDITION) > 600);
    assert_int_equal(first.set->settings.rule_engine, SWITCH_DETECTION_ONLY);
    assert_int_equal(first.set->settings.request_body_limit, 13107200);
    assert_true(first.set->defaults[1].given && first.set->defaults[2].given);
    const struct waf_rule *sqli = rule_by_id(first.set, 942100);
    assert_non_null(sqli);
    assert_int_equal(sqli->operator, OPERATOR_DETECT_SQLI);
    assert_int_equal(sqli->phase, 2);
    assert_int_equal(sqli->written.severity, 2);
    assert_true(sqli->written.capture && sqli->written.multi_match && sqli->written.block);

    const struct test_file again[] = {{FOLDER "root", text_cstr(&first.print)}, {FOLDER "unicode.mapping", "20127 ()\n"},
        {"unicode.mapping", "20127 ()\n"}, {NULL, NULL}};
    struct test_files printed = {.made = again, .disk = true};
    struct loaded second = load(&name, 1, &printed);
    assert_int_equal(second.set->rule_count, first.set->rule_count);
    assert_int_equal(second.set->target_count, first.set->target_count);
    assert_int_equal(second.set->action_count, first.set->action_count);
    assert_int_equal(second.set->part_count, first.set->part_count);
    assert_int_equal(second.set->data_count, first.set->data_count);
    assert_int_equal(second.print.len, first.print.len);
    assert_memory_equal(second.print.at, first.print.at, first.print.len);
    loaded_free(&second);
    loaded_free(&first);
    test_files_free(&printed);
    test_files_free(&files);
}

int main(void)
{
    static const char *const needed[] = {FOLDER "REQUEST-942-APPLICATION-ATTACK-SQLI.conf", SETUP, BASE, MAP};
    for (size_t i = 0; i < sizeof needed / sizeof *needed; i++)
        if (access(needed[i], R_OK) != 0) {
            printf("skipped: %s is not there (packages modsecurity-crs, libnginx-mod-http-modsecurity)\n", needed[i]);
            return 77;
        }
    const struct CMUnitTest tests[] = {cmocka_unit_test(all_of_it_loads_and_prints_to_the_same)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
