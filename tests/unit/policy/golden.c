/* SPDX-License-Identifier: Apache-2.0 */
/* Every NAME.yaml in a folder must parse to what NAME.expected says. BLESS=1 writes what is said now. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#include "policy/parse.h"
#include "policy/print.h"
#include "zones.h"

#define CASES_MAX 500

static const char *folder;

static char *read_file(const char *path, size_t *ret_len)
{
    FILE *f = fopen(path, "rb");
    if (!f)
        return NULL;
    size_t room = (size_t)4 << 20;
    char *text = calloc(1, room);
    *ret_len = fread(text, 1, room - 1, f);
    fclose(f);
    return text;
}

/* The canonical print parses to the same model: its digest is that of its own canonical print. */
static void parses_again(const struct policy *p, const struct text *printed, size_t from)
{
    struct bytes source = bytes_of(printed->at + from, printed->len - from);
    struct arena *arena = arena_create(policy_memory_limit(source.len));
    struct diags diags = diags_new(arena);
    const struct policy *again = policy_parse(source, 8, zones_made, arena, &diags);
    assert_non_null(again);
    assert_memory_equal(again->digest, p->digest, sizeof p->digest);
    arena_destroy(arena);
}

/* What the parser says, as it is kept in NAME.expected. */
static struct text describe(const char *name, struct bytes source)
{
    struct text out = text_new((size_t)16 << 20);
    struct arena *arena = arena_create(policy_memory_limit(source.len));
    struct diags diags = diags_new(arena);
    const struct policy *p = policy_parse(source, 7, zones_made, arena, &diags);
    diags_print(&diags, name, source, false, &out);
    if (p) {
        text_puts(&out, "---\n");
        size_t from = out.len;
        policy_print(p, &out);
        parses_again(p, &out, from);
    }
    arena_destroy(arena);
    return out;
}

static void says_what_is_expected(void **state)
{
    const char *name = *state;
    char path[1024], expected_path[1024];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    snprintf(expected_path, sizeof expected_path, "%s/%.*s.expected", folder, (int)strlen(name) - 5, name);
    size_t len = 0, expected_len = 0;
    char *source = read_file(path, &len);
    assert_non_null(source);
    struct text said = describe(name, bytes_of(source, len));
    if (getenv("BLESS")) {
        FILE *f = fopen(expected_path, "wb");
        assert_non_null(f);
        fwrite(text_cstr(&said), 1, said.len, f);
        fclose(f);
    }
    char *expected = read_file(expected_path, &expected_len);
    assert_non_null(expected);
    assert_string_equal(text_cstr(&said), expected);
    text_free(&said);
    free(expected);
    free(source);
}

static int ends_in_yaml(const struct dirent *e)
{
    size_t len = strlen(e->d_name);
    return len > 5 && strcmp(e->d_name + len - 5, ".yaml") == 0;
}

int main(int argc, char **argv)
{
    static struct CMUnitTest tests[CASES_MAX];
    struct dirent **found;
    folder = argc > 1 ? argv[1] : "tests/golden/policy";
    int count = scandir(folder, &found, ends_in_yaml, alphasort);
    if (count < 60 || count > CASES_MAX) {
        fprintf(stderr, "%s: %d cases\n", folder, count);
        return 1;
    }
    for (int i = 0; i < count; i++)
        tests[i] = (struct CMUnitTest){found[i]->d_name, says_what_is_expected, NULL, NULL, found[i]->d_name};
    int failed = _cmocka_run_group_tests("policy-golden", tests, (size_t)count, NULL, NULL);
    for (int i = 0; i < count; i++)
        free(found[i]);
    free(found);
    return failed;
}
