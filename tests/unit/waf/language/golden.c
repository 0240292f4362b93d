/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every NAME.conf in a folder must be read as NAME.expected says: the diagnostics, then the canonical print and what
 * the exceptions make of the rules. The print must read and print the same again. BLESS=1 writes what is said now.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>

#include "files.h"
#include "waf/language/print.h"
#include "waf/transform/transform.h"

#define CASES_MAX 100

static const char *folder;

static const struct test_file made[] = {
    {"unicode.mapping", "20127 (US-ASCII)\n0041:61\n"}, {"words", "one\ntwo\n"}, {"words2", "three\n"}, {"more", "four\n"},
    {"part.1", "SecMarker part-1\n"}, {"part.2", "SecMarker part-2\nSecRuleEngin On\n"}, {"loop", "Include loop\n"},
    {"part.3", "SecRule ARGS \"@rx b\" \"id:3,phase:2,chain\"\n  SecRule ARGS \"@rx c\"\n"}, {NULL, NULL}};

static char *read_file(const char *path)
{
    FILE *f = fopen(path, "rb");
    if (!f)
        return NULL;
    size_t room = (size_t)1 << 20;
    char *text = calloc(1, room);
    assert_true(fread(text, 1, room - 1, f) < room - 1);
    fclose(f);
    return text;
}

/* What default actions and exceptions make of a rule, where that is not what it says. */
static void describe_rule(const struct waf_rule_set *set, const struct waf_rule *rule, struct text *out)
{
    if (rule->kind == RULE_MARKER)
        return;
    text_printf(out, "# line %u, phase %u%s:", rule->line, rule->phase, rule->removed ? ", removed" : "");
    for (uint32_t i = 0; i < rule->targets.count; i++) {
        text_puts(out, " ");
        target_print(set, &set->targets[rule->targets.first + i], out);
    }
    for (uint32_t i = 0; i < rule->transformations.count; i++)
        text_printf(out, " t:%s", transformation_names[set->transformations[rule->transformations.first + i]]);
    if (rule->updates.count)
        text_printf(out, " (%u updates)", rule->updates.count);
    text_puts(out, "\n");
}

struct said {
    struct text diagnostics, print, meaning;
    bool ok;
};

static struct said load(const char *name, const char *source)
{
    struct said said = {text_new(1 << 20), text_new(1 << 20), text_new(1 << 20), false};
    struct test_file all[12] = {{name, source}};
    memcpy(all + 1, made, sizeof made);
    struct test_files files = {.made = all};
    struct rule_files lent = test_files_lend(&files);
    struct arena *arena = arena_create((size_t)64 << 20);
    struct sources sources;
    const struct waf_rule_set *set;
    said.ok = rules_load(&name, 1, &lent, arena, &sources, &set);
    assert_int_equal(said.ok, sources_errors(&sources) == 0);
    sources_print(&sources, false, &said.diagnostics);
    if (said.ok) {
        rule_set_print(set, &said.print);
        for (uint32_t i = 0; i < set->rule_count; i++)
            describe_rule(set, &set->rules[i], &said.meaning);
    }
    arena_destroy(arena);
    return said;
}

static void said_free(struct said *said)
{
    text_free(&said->diagnostics);
    text_free(&said->print);
    text_free(&said->meaning);
}

static void says_what_is_expected(void **state)
{
    const char *name = *state;
    char path[1024], expected_path[1024];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    snprintf(expected_path, sizeof expected_path, "%s/%.*s.expected", folder, (int)strlen(name) - 5, name);
    char *source = read_file(path);
    assert_non_null(source);
    struct said said = load(name, source);
    struct text all = text_new(1 << 20);
    text_puts(&all, text_cstr(&said.diagnostics));
    if (said.ok)
        text_printf(&all, "---\n%s---\n%s", text_cstr(&said.print), text_cstr(&said.meaning));
    if (getenv("BLESS")) {
        FILE *f = fopen(expected_path, "wb");
        assert_non_null(f);
        fwrite(text_cstr(&all), 1, all.len, f);
        fclose(f);
    }
    char *expected = read_file(expected_path);
    assert_non_null(expected);
    assert_string_equal(text_cstr(&all), expected);
    if (said.ok) {
        struct said again = load(name, text_cstr(&said.print));
        assert_true(again.ok);
        assert_string_equal(text_cstr(&again.print), text_cstr(&said.print));
        said_free(&again);
    }
    said_free(&said);
    text_free(&all);
    free(expected);
    free(source);
}

static int ends_in_conf(const struct dirent *e)
{
    size_t len = strlen(e->d_name);
    return len > 5 && strcmp(e->d_name + len - 5, ".conf") == 0;
}

int main(int argc, char **argv)
{
    static struct CMUnitTest tests[CASES_MAX];
    struct dirent **found;
    if (argc != 2)
        return 2;
    folder = argv[1];
    int count = scandir(folder, &found, ends_in_conf, alphasort);
    if (count <= 0 || count > CASES_MAX) {
        fprintf(stderr, "no cases in %s\n", folder);
        return 1;
    }
    for (int i = 0; i < count; i++)
        tests[i] = (struct CMUnitTest){found[i]->d_name, says_what_is_expected, NULL, NULL, found[i]->d_name};
    int failed = _cmocka_run_group_tests("waf language", tests, (size_t)count, NULL, NULL);
    for (int i = 0; i < count; i++)
        free(found[i]);
    free(found);
    return failed;
}
