/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Of how many rules of the Core Rule Set, as Debian installs it, an example is found: of more than four in five. The
 * argument -v prints those without one, and why.
 */
#include "tests/unit/base/check.h"

#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "tests/unit/waf/engine/own_program.h"
#include "tests/unit/waf/language/files.h"
#include "waf/example/example.h"

#define MEMORY ((size_t)2 << 30)
#define PREPARED_MAX 32

/* The rules, started with some settings. */
struct prepared {
    struct text action; /* "" without settings */
    struct arena *arena;
    struct test_files files;
    struct test_file made[2];
    struct sources sources;
    const struct waf_rule_set *set;
    struct waf_program program;
    struct waf_scratch scratch;
};

static struct prepared all[PREPARED_MAX];
static size_t prepared_count;
static bool talkative;

static void load(struct prepared *p)
{
    const char *names[] = {"settings", "/etc/nginx/modsecurity.conf", "/etc/modsecurity/crs/crs-setup.conf", "/usr/share/modsecurity-crs/rules/*.conf"};
    p->made[0] = (struct test_file){"settings", text_cstr(&p->action)};
    p->files = (struct test_files){.made = p->made, .disk = true};
    struct rule_files lent = test_files_lend(&p->files);
    struct text includes = text_new(1 << 16);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        text_printf(&includes, "Include %s\n", names[i]);
    p->made[1] = (struct test_file){"/rules", text_cstr(&includes)};
    struct test_file made[] = {p->made[0], p->made[1], {0}};
    p->files.made = made;
    const char *name = "/rules";
    p->arena = arena_create(MEMORY);
    bool ok = rules_load(&name, 1, &lent, p->arena, &p->sources, &p->set);
    if (!ok) {
        struct text said = text_new(1 << 16);
        sources_print(&p->sources, false, &said);
        fail_msg("%s", text_cstr(&said));
    }
    own_program_compile(p->set, p->arena, &p->program);
    assert_true(scratch_create(&p->program, &p->scratch));
    text_free(&includes);
}

static struct prepared *prepare(const struct settings *s)
{
    struct text action = text_new(1 << 16);
    if (s->count)
        text_puts(&action, "SecAction \"id:1,phase:1,nolog,pass");
    for (size_t i = 0; i < s->count; i++)
        text_printf(&action, ",setvar:'tx.%.*s=%.*s'", (int)s->items[i].name.len, (const char *)s->items[i].name.at, (int)s->items[i].value.len,
            (const char *)s->items[i].value.at);
    if (s->count)
        text_puts(&action, "\"\n");
    for (size_t i = 0; i < prepared_count; i++)
        if (strcmp(text_cstr(&all[i].action), text_cstr(&action)) == 0) {
            text_free(&action);
            return &all[i];
        }
    if (prepared_count == PREPARED_MAX) { /* one place is used again */
        struct prepared *old = &all[PREPARED_MAX - 1];
        scratch_free(&old->scratch);
        own_program_free(&old->program);
        test_files_free(&old->files);
        arena_destroy(old->arena);
        text_free(&old->action);
        prepared_count--;
    }
    struct prepared *p = &all[prepared_count++];
    *p = (struct prepared){.action = action};
    load(p);
    return p;
}

static uint32_t rule_index(const struct waf_rule_set *set, int64_t id)
{
    for (uint32_t i = 0; i < set->rule_count; i++)
        if (set->rules[i].id == id)
            return i;
    return NOTHING;
}

static bool find(int64_t id, const struct settings *s, struct arena *a, struct example *ret)
{
    struct prepared *p = prepare(s);
    struct waf_options o = {.server = bytes_of_text("192.0.2.80"), .server_port = 80, .unique_id = bytes_of_text("example"), .time = 1700000000,
        .local = {2023, 11, 14, 22, 3, 20, 2}};
    struct example_search search = {.program = &p->program, .scratch = &p->scratch, .settings = s, .options = &o, .seed = 1};
    assert_true(example_find(&search, rule_index(p->set, id), a, ret));
    return ret->found;
}

static bool has_example(const struct waf_rule_set *set, uint32_t rule)
{
    struct arena *a = arena_create(MEMORY);
    struct settings none = {0}, wanted;
    struct example e;
    bool found = find(set->rules[rule].id, &none, a, &e);
    assert_true(settings_find(set, rule, a, &wanted));
    if (!found && wanted.count)
        found = find(set->rules[rule].id, &wanted, a, &e);
    if (talkative && !found)
        print_message("%lld: %s (%u)\n", (long long)set->rules[rule].id, e.why_not, e.runs);
    if (talkative && found)
        print_message("%lld found after %u, %zu bytes\n", (long long)set->rules[rule].id, e.runs, e.request.len + e.response.len);
    arena_destroy(a);
    return found;
}

static bool has_message(const struct waf_rule *r)
{
    return r->kind == RULE_CONDITION && r->written.has_msg;
}

static void four_in_five_rules_have_an_example(void **state)
{
    struct settings none = {0};
    size_t rules = 0, found = 0, speaking = 0, speaking_found = 0;
    if (access("/usr/share/modsecurity-crs/rules", R_OK) != 0 || access("/etc/nginx/modsecurity.conf", R_OK) != 0) {
        print_message("# skip: the packages modsecurity-crs and libnginx-mod-http-modsecurity are not installed\n");
        skip();
    }
    const struct waf_rule_set *set = prepare(&none)->set;
    for (uint32_t i = 0; i < set->rule_count; i++) {
        const struct waf_rule *r = &set->rules[i];
        if (r->kind == RULE_MARKER || r->head != i || !r->id || r->removed)
            continue;
        bool has = has_example(set, i);
        rules++;
        found += has;
        speaking += has_message(r);
        speaking_found += has && has_message(r);
    }
    print_message("# an example for %zu of %zu rules; of those with a message, for %zu of %zu\n", found, rules, speaking_found, speaking);
    assert_true(found * 5 > rules * 4);
    assert_true(speaking_found * 5 > speaking * 4);
    for (size_t i = 0; i < prepared_count; i++) {
        scratch_free(&all[i].scratch);
        own_program_free(&all[i].program);
        test_files_free(&all[i].files);
        arena_destroy(all[i].arena);
        text_free(&all[i].action);
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(four_in_five_rules_have_an_example)};
    talkative = argc > 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
