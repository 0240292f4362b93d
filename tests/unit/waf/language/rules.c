/* SPDX-License-Identifier: Apache-2.0 */
/* What the reader makes of rules, field by field, and what it does when there is not enough memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "files.h"
#include "waf/language/directives.h"
#include "waf/language/print.h"
#include "waf/transform/transform.h"

static const struct test_file made[] = {{"unicode.mapping", "20127 ()\n"}, {"words", "one\ntwo\n"}, {"more", "three\n"}, {NULL, NULL}};

struct loaded {
    struct arena *arena;
    struct sources sources;
    const struct waf_rule_set *set;
    bool ok;
};

static struct loaded load(const char *text)
{
    struct loaded l = {.arena = arena_create((size_t)64 << 20)};
    struct test_file all[8] = {{"rules", text}};
    memcpy(all + 1, made, sizeof made);
    struct test_files files = {.made = all};
    struct rule_files lent = test_files_lend(&files);
    const char *name = "rules";
    l.ok = rules_load(&name, 1, &lent, l.arena, &l.sources, &l.set);
    return l;
}

static struct loaded load_well(const char *text)
{
    struct loaded l = load(text);
    struct text said = text_new(1 << 16);
    sources_print(&l.sources, false, &said);
    assert_string_equal(text_cstr(&said), "");
    text_free(&said);
    assert_true(l.ok);
    return l;
}

static void assert_text(const struct waf_rule_set *set, struct waf_text t, const char *expected)
{
    struct bytes b = waf_text_bytes(set, t);
    assert_int_equal(b.len, strlen(expected));
    if (b.len)
        assert_memory_equal(b.at, expected, b.len);
}

static void assert_template(const struct waf_rule_set *set, struct waf_template t, const char *expected)
{
    struct text out = text_new(1 << 16);
    template_print(set, t, &out);
    assert_string_equal(text_cstr(&out), expected);
    text_free(&out);
}

static void the_settings_are_the_table_s_first(void **state)
{
    for (size_t i = 0; i < directive_count; i++) {
        bool setting = directives[i].kind <= DIRECTIVE_SPECIAL;
        assert_int_equal(setting, i < directive_setting_count);
    }
    assert_true(word_is(bytes_of_text(directives[directive_setting_count].name), "SecRule"));
}

static void every_name_is_found_whatever_its_case(void **state)
{
    size_t index;
    for (size_t i = 0; i < VARIABLE_COUNT; i++)
        assert_true(word_find(bytes_of_text(variable_names[i]), variable_names, VARIABLE_COUNT, &index) && index == i);
    for (size_t i = 0; i < OPERATOR_COUNT; i++)
        assert_true(word_find(bytes_of_text(operator_names[i]), operator_names, OPERATOR_COUNT, &index) && index == i);
    for (size_t i = 0; i < ACTION_COUNT; i++)
        assert_true(word_find(bytes_of_text(action_names[i]), action_names, ACTION_COUNT, &index) && index == i);
    for (size_t i = 0; i < CTL_COUNT; i++)
        assert_true(word_find(bytes_of_text(ctl_names[i]), ctl_names, CTL_COUNT, &index) && index == i);
    assert_true(word_find(bytes_of_text("aRgS_nAmEs"), variable_names, VARIABLE_COUNT, &index));
    assert_int_equal(index, VARIABLE_ARGS_NAMES);
    assert_false(word_find(bytes_of_text("ARG"), variable_names, VARIABLE_COUNT, &index));
}

static void settings_not_given_are_as_in_modsecurity(void **state)
{
    struct loaded l = load_well("");
    const struct waf_settings *s = &l.set->settings;
    assert_int_equal(l.set->given, 0);
    assert_int_equal(s->rule_engine, SWITCH_DETECTION_ONLY);
    assert_int_equal(s->request_body_access, SWITCH_ON);
    assert_int_equal(s->response_body_access, SWITCH_OFF);
    assert_int_equal(s->argument_separator, '&');
    assert_int_equal(s->request_body_limit, 0);
    assert_int_equal(s->request_body_limit_action, LIMIT_UNSET);
    arena_destroy(l.arena);
}

static void targets_are_read(void **state)
{
    struct loaded l = load_well("SecRule ARGS:a|&TX:/^b$/|!ARGS_NAMES \"@rx x\" \"id:1,phase:2\"");
    const struct waf_target *t = &l.set->targets[l.set->rules[0].written_targets.first];
    assert_int_equal(l.set->rules[0].written_targets.count, 3);
    assert_int_equal(t[0].variable, VARIABLE_ARGS);
    assert_int_equal(t[0].selector, SELECTOR_LITERAL);
    assert_text(l.set, t[0].text, "a");
    assert_int_equal(t[1].variable, VARIABLE_TX);
    assert_int_equal(t[1].selector, SELECTOR_REGEX);
    assert_true(t[1].count && !t[1].exclusion);
    assert_text(l.set, t[1].text, "^b$");
    assert_true(t[2].exclusion && !t[2].count);
    assert_int_equal(t[2].selector, SELECTOR_NONE);
    arena_destroy(l.arena);
}

/* Longest reading wins between a name and a regular expression, a tie goes to the expression. */
static void selectors_are_names_or_expressions_as_in_modsecurity(void **state)
{
    static const struct {
        const char *target;
        enum selector_kind kind;
        const char *text;
    } cases[] = {{"ARGS:/x/", SELECTOR_REGEX, "x"}, {"ARGS:/x/y", SELECTOR_LITERAL, "/x/y"}, {"ARGS:/x/y/", SELECTOR_REGEX, "x/y"},
        {"ARGS:/a,b/", SELECTOR_REGEX, "a,b"}, {"XML:/*", SELECTOR_LITERAL, "/*"}, {"XML://@*", SELECTOR_LITERAL, "//@*"},
        {"ARGS:'/a|b/'", SELECTOR_REGEX, "a|b"}, {"ARGS:a=b", SELECTOR_LITERAL, "a=b"}, {"ARGS.a.b:c", SELECTOR_LITERAL, "a.b:c"},
        {"ARGS:/", SELECTOR_LITERAL, "/"}, {"ARGS://", SELECTOR_LITERAL, "//"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[200];
        snprintf(text, sizeof text, "SecRule %s|REQUEST_URI \"@rx x\" \"id:1,phase:2\"", cases[i].target);
        struct loaded l = load_well(text);
        const struct waf_target *t = &l.set->targets[l.set->rules[0].targets.first];
        assert_int_equal(l.set->rules[0].targets.count, 2);
        assert_int_equal(t->selector, cases[i].kind);
        assert_text(l.set, t->text, cases[i].text);
        arena_destroy(l.arena);
    }
}

static void macros_are_parts(void **state)
{
    struct loaded l = load_well("SecAction \"id:1,phase:2,msg:'a %{TX.b}%{ARGS./c/} \\%{d} %e%{REMOTE_ADDR}'\"");
    struct waf_template msg = l.set->rules[0].written.msg;
    const struct waf_part *p = &l.set->parts[msg.first];
    assert_int_equal(msg.count, 5);
    assert_true(!p[0].macro && p[1].macro && p[2].macro && !p[3].macro && p[4].macro);
    assert_int_equal(p[1].variable, VARIABLE_TX);
    assert_text(l.set, p[1].text, "b");
    assert_int_equal(p[2].selector, SELECTOR_REGEX);
    assert_text(l.set, p[2].text, "c");
    assert_text(l.set, p[3].text, " \\%{d} %e");
    assert_int_equal(p[4].selector, SELECTOR_NONE);
    arena_destroy(l.arena);
}

/* ModSecurity 3 unescapes nothing, and keeps a continuation within a value. */
static void values_are_kept_byte_by_byte(void **state)
{
    struct loaded l = load_well("SecRule ARGS \"@contains a\\\"b\\\\ \\\n c\" \"id:1,phase:2,msg:'d\\'e',logdata:f g ,tag:h%{TX.i} \\\n %{TX.j}\"");
    const struct waf_rule *r = &l.set->rules[0];
    assert_text(l.set, r->operand_text, "a\\\"b\\\\ \\\n c");
    assert_template(l.set, r->written.msg, "d\\'e");
    assert_template(l.set, r->written.logdata, "f g ");
    /* nothing but a continuation between two macros is no text */
    assert_template(l.set, l.set->templates[r->written.tags.first], "h%{TX.i}%{TX.j}");
    arena_destroy(l.arena);
}

static void chains_are_linked(void **state)
{
    struct loaded l = load_well("SecRule ARGS \"@rx a\" \"id:1,phase:4,chain\"\nSecRule ARGS \"@rx b\" \"chain\"\n\nSecRule ARGS \"@rx c\"\n"
                                "SecRule ARGS \"@rx d\" \"id:2,phase:1\"");
    const struct waf_rule *r = l.set->rules;
    assert_int_equal(l.set->rule_count, 4);
    assert_int_equal(r[0].next, 1);
    assert_int_equal(r[1].next, 2);
    assert_int_equal(r[2].next, NOTHING);
    assert_int_equal(r[2].head, 0);
    assert_int_equal(r[3].head, 3);
    assert_int_equal(r[2].phase, 4);
    assert_int_equal(r[2].line, 4);
    arena_destroy(l.arena);
}

static void skip_after_leads_to_the_next_marker_of_that_name(void **state)
{
    struct loaded l = load_well("SecMarker a\nSecAction \"id:1,phase:1,skipAfter:a\"\nSecMarker a\n"
                                "SecAction \"id:2,phase:1,skipAfter:a\"\nSecMarker b\nSecMarker 'a'\n");
    const struct waf_rule *r = l.set->rules;
    assert_int_equal(l.set->actions[r[1].written.actions.first].jump, 2);
    assert_int_equal(l.set->actions[r[3].written.actions.first].jump, 5);
    assert_text(l.set, r[5].label, "a");
    arena_destroy(l.arena);
}

static void the_phase_when_none_is_given_is_that_of_modsecurity(void **state)
{
    struct loaded l = load("SecDefaultAction \"deny,t:trim\"\nSecRule ARGS \"@rx a\" \"id:1\"");
    assert_true(l.ok);
    assert_int_equal(sources_warnings(&l.sources), 1);
    assert_int_equal(l.set->rules[0].phase, 1);
    assert_true(l.set->defaults[1].given);
    arena_destroy(l.arena);
}

static void transformations_count_from_the_last_none(void **state)
{
    struct loaded l = load_well("SecDefaultAction \"phase:2,pass,t:trim\"\n"
                                "SecRule ARGS \"@rx a\" \"id:1,phase:2,t:lowercase\"\n"
                                "SecRule ARGS \"@rx a\" \"id:2,phase:2,t:length,t:none,t:lowercase\"\n"
                                "SecRule ARGS \"@rx a\" \"id:3,phase:1,t:lowercase\"\n"
                                "SecRuleUpdateActionById 3 \"t:md5,t:none,t:sha1\"\n");
    static const struct {
        uint32_t count;
        uint8_t t[2];
    } expected[] = {{2, {TRANSFORM_TRIM, TRANSFORM_LOWERCASE}}, {1, {TRANSFORM_LOWERCASE}},
        {2, {TRANSFORM_LOWERCASE, TRANSFORM_SHA1}}};
    for (size_t i = 0; i < 3; i++) {
        struct waf_span t = l.set->rules[i].transformations;
        assert_int_equal(t.count, expected[i].count);
        assert_memory_equal(l.set->transformations + t.first, expected[i].t, t.count);
    }
    assert_int_equal(l.set->rules[2].updates.count, 1);
    arena_destroy(l.arena);
}

static void exceptions_act_on_rules_before_and_after(void **state)
{
    struct loaded l = load_well("SecRule ARGS \"@rx a\" \"id:1,phase:2\"\nSecRuleRemoveById 1-2\nSecRuleUpdateTargetById 3 \"!ARGS\"\n"
                                "SecRule ARGS \"@rx a\" \"id:2,phase:2,chain\"\nSecRule ARGS \"@rx b\"\n"
                                "SecRule ARGS|REQUEST_URI \"@rx a\" \"id:3,phase:2,tag:'t',tag:'u/%{TX.a}'\"\n"
                                "SecRuleRemoveByTag u/\nSecRuleRemoveByTag T\n");
    const struct waf_rule *r = l.set->rules;
    assert_true(r[0].removed && r[1].removed && r[2].removed && !r[3].removed);
    assert_int_equal(r[3].targets.count, 2);
    assert_int_equal(l.set->targets[r[3].targets.first].variable, VARIABLE_REQUEST_URI);
    assert_true(l.set->targets[r[3].targets.first + 1].exclusion);
    arena_destroy(l.arena);
}

/* Each case: the rule's targets, an update, and what is left, exclusions of updates in brackets. */
static void exclusions_leave_what_they_leave_in_modsecurity(void **state)
{
    static const struct {
        const char *written, *update, *left;
    } cases[] = {
        {"ARGS|!ARGS:a", NULL, "ARGS !ARGS:a"},
        {"ARGS|!ARGS", NULL, "!ARGS"},
        {"ARGS:a|!ARGS", NULL, "ARGS:a !ARGS"},
        {"ARGS:a|!ARGS:A", NULL, "!ARGS:A"},
        {"ARGS:/a/|!ARGS:/a/", NULL, "!ARGS:/a/"},
        {"&ARGS|!ARGS", NULL, "!ARGS"},
        {"&ARGS:a|!ARGS:A", NULL, "&ARGS:a !ARGS:A"},
        {"ARGS:a", "!ARGS:A", "ARGS:a (!ARGS:A)"},
        {"ARGS:a", "!ARGS:a|ARGS:b", "ARGS:b (!ARGS:a)"},
        {"ARGS", "!REQUEST_COOKIES:/x/", "ARGS (!REQUEST_COOKIES:/x/)"},
        {"ARGS|!ARGS:b", "!ARGS:c|REQUEST_URI", "ARGS REQUEST_URI !ARGS:b (!ARGS:c)"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct text rules = text_new(1 << 12), left = text_new(1 << 12);
        text_printf(&rules, "SecRule %s \"@rx a\" \"id:1,phase:2\"\n", cases[i].written);
        if (cases[i].update)
            text_printf(&rules, "SecRuleUpdateTargetById 1 \"%s\"\n", cases[i].update);
        struct loaded l = load_well(text_cstr(&rules));
        struct waf_span targets = l.set->rules[0].targets;
        for (uint32_t j = 0; j < targets.count; j++) {
            const struct waf_target *t = &l.set->targets[targets.first + j];
            text_puts(&left, j ? " " : "");
            text_puts(&left, t->from_update ? "(" : "");
            target_print(l.set, t, &left);
            text_puts(&left, t->from_update ? ")" : "");
        }
        assert_string_equal(text_cstr(&left), cases[i].left);
        text_free(&rules);
        text_free(&left);
        arena_destroy(l.arena);
    }
}

static void files_of_operators_are_read_once(void **state)
{
    struct loaded l = load_well("SecRule ARGS \"@pmFromFile words\" \"id:1,phase:2\"\nSecRule ARGS \"@pmFromFile more words\" \"id:2,phase:2\"\n");
    assert_int_equal(l.set->data_count, 2);
    assert_int_equal(l.set->rules[1].data.count, 2);
    assert_int_equal(l.set->data_uses[l.set->rules[1].data.first], 1);
    assert_int_equal(l.set->data_uses[l.set->rules[1].data.first + 1], 0);
    assert_text(l.set, l.set->data[0].content, "one\ntwo\n");
    assert_text(l.set, l.set->data[1].name, "more");
    arena_destroy(l.arena);
}

static void every_setting_is_kept(void **state)
{
    struct loaded l = load_well("SecRuleEngine DetectionOnly\nSecRequestBodyLimit 1\nSecAuditEngine RelevantOnly\nSecUploadFileMode 0640\n"
                                "SecUnicodeMapFile unicode.mapping 20127\nSecArgumentSeparator ;\nSecComponentSignature \"a b\"\n"
                                "SecResponseBodyMimeType a b\nSecResponseBodyMimeTypesClear\nSecResponseBodyMimeType c\n");
    const struct waf_settings *s = &l.set->settings;
    assert_int_equal(s->rule_engine, SWITCH_DETECTION_ONLY);
    assert_int_equal(s->request_body_limit, 1);
    assert_int_equal(s->audit_engine, SWITCH_RELEVANT_ONLY);
    assert_int_equal(s->upload_file_mode, 0640);
    assert_int_equal(s->unicode_code_page, 20127);
    assert_text(l.set, s->unicode_map, "20127 ()\n");
    assert_int_equal(s->argument_separator, ';');
    assert_text(l.set, l.set->components[0], "a b");
    assert_int_equal(l.set->response_mime_type_count, 1);
    assert_true(s->response_mime_types_cleared);
    arena_destroy(l.arena);
}

static void lines_may_end_as_they_do_in_windows(void **state)
{
    struct loaded l = load_well("# a\r\nSecRuleEngine On\r\nSecRule ARGS \"@rx a\" \\\r\n    \"id:1,\\\r\n    phase:2\"\r\n\r\nSecMarker b\r\n");
    assert_int_equal(l.set->rule_count, 2);
    assert_int_equal(l.set->rules[0].phase, 2);
    assert_int_equal(l.set->rules[1].line, 7);
    arena_destroy(l.arena);
}

static void all_that_is_wrong_is_said_as_json_too(void **state)
{
    struct loaded l = load("SecRuleEngin On\nSecRule ARG \"@rxx a\" \"id:1,phasee:2\"\n");
    struct text out = text_new(1 << 16);
    assert_false(l.ok);
    assert_int_equal(sources_errors(&l.sources), 4);
    sources_print_json(&l.sources, &out);
    assert_non_null(strstr(text_cstr(&out), "\"file\": \"rules\", \"errors\": 4"));
    assert_non_null(strstr(text_cstr(&out), "did you mean `SecRuleEngine`?"));
    text_free(&out);
    arena_destroy(l.arena);
}

static void a_file_that_is_not_there_is_an_error(void **state)
{
    struct arena *arena = arena_create(1 << 20);
    struct test_files files = {.made = made};
    struct rule_files lent = test_files_lend(&files);
    struct sources sources;
    const struct waf_rule_set *set;
    const char *name = "nowhere";
    assert_false(rules_load(&name, 1, &lent, arena, &sources, &set));
    assert_int_equal(sources_errors(&sources), 1);
    arena_destroy(arena);
}

/* 3^16 files, if nothing counted them. */
static void files_that_include_themselves_come_to_an_end(void **state)
{
    struct loaded l = load("Include rules\nInclude rules\nInclude rules\n");
    assert_false(l.ok);
    assert_int_equal(l.sources.count, 1);
    const struct diags *d = &l.sources.items[0]->diags;
    bool said = false;
    for (size_t i = 0; i < d->count; i++)
        said = said || strstr(d->items[i].message, "more than 4096 files");
    assert_true(said);
    arena_destroy(l.arena);
}

static bool read_nul(void *context, const char *name, struct bytes *ret)
{
    *ret = bytes_of("SecMarker a\n\0SecMarker b\n", 25);
    return true;
}

static void a_file_that_is_not_text_is_an_error(void **state)
{
    struct arena *arena = arena_create(1 << 20);
    struct rule_files lent = {NULL, test_list, read_nul};
    struct sources sources;
    const struct waf_rule_set *set;
    const char *name = "rules";
    assert_false(rules_load(&name, 1, &lent, arena, &sources, &set));
    assert_int_equal(sources.items[0]->diags.items[0].place.line, 2);
    assert_int_equal(sources.items[0]->diags.items[0].place.column, 1);
    arena_destroy(arena);
}

static const char everything[] =
    "SecRuleEngine On\nSecComponentSignature \"a\"\nSecResponseBodyMimeType a b\nSecUnicodeMapFile unicode.mapping 20127\n"
    "SecDefaultAction \"phase:2,deny,t:trim\"\nSecRule ARGS:/a/|!ARGS:b|&TX:c \"@pmFromFile words\" \"id:1,phase:2,t:lowercase,tag:'x',"
    "msg:'a%{TX.b}',setvar:'tx.a=+%{tx.b}',ctl:ruleRemoveTargetById=1;ARGS:x,skipAfter:m,chain\"\nSecRule ARGS \"a\" \"setvar:tx.x\"\n"
    "SecMarker m\nInclude more*\nSecRuleRemoveById 4 5-6\nSecRuleUpdateTargetById 1 \"!ARGS:q\"\nSecRuleUpdateActionById 1 \"pass,t:none\"\n";

/* Each allocation in turn fails: then the answer is no, and nothing is read that was not written. */
static void without_memory_the_answer_is_no(void **state)
{
    static const char *const texts[] = {everything, "SecRule ARG \"@rxx a\" \"id:1,phasee:2\"\nNothing\nSecRule ARGS a \"id:2,chain\""};
    for (size_t t = 0; t < 2; t++)
        for (uint64_t nth = 1;; nth++) {
            struct test_file all[8] = {{"rules", texts[t]}, {"more.conf", "SecMarker n\n"}};
            memcpy(all + 2, made, sizeof made);
            all[4].name = NULL; /* `more` itself is no file of rules */
            struct test_files files = {.made = all};
            struct rule_files lent = test_files_lend(&files);
            struct arena *arena = arena_create((size_t)64 << 20);
            struct sources sources;
            const struct waf_rule_set *set;
            const char *name = "rules";
            arena_fail_at(arena, nth);
            bool ok = rules_load(&name, 1, &lent, arena, &sources, &set);
            struct text said = text_new(1 << 16);
            sources_print(&sources, false, &said);
            bool enough = arena_allocations(arena) < nth;
            assert_int_equal(ok, enough && t == 0);
            assert_true(ok || said.len);
            text_free(&said);
            arena_destroy(arena);
            if (enough)
                break;
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_settings_are_the_table_s_first),
        cmocka_unit_test(every_name_is_found_whatever_its_case),
        cmocka_unit_test(settings_not_given_are_as_in_modsecurity),
        cmocka_unit_test(every_setting_is_kept),
        cmocka_unit_test(targets_are_read),
        cmocka_unit_test(selectors_are_names_or_expressions_as_in_modsecurity),
        cmocka_unit_test(macros_are_parts),
        cmocka_unit_test(values_are_kept_byte_by_byte),
        cmocka_unit_test(chains_are_linked),
        cmocka_unit_test(skip_after_leads_to_the_next_marker_of_that_name),
        cmocka_unit_test(the_phase_when_none_is_given_is_that_of_modsecurity),
        cmocka_unit_test(transformations_count_from_the_last_none),
        cmocka_unit_test(exceptions_act_on_rules_before_and_after),
        cmocka_unit_test(exclusions_leave_what_they_leave_in_modsecurity),
        cmocka_unit_test(files_of_operators_are_read_once),
        cmocka_unit_test(lines_may_end_as_they_do_in_windows),
        cmocka_unit_test(all_that_is_wrong_is_said_as_json_too),
        cmocka_unit_test(a_file_that_is_not_there_is_an_error),
        cmocka_unit_test(a_file_that_is_not_text_is_an_error),
        cmocka_unit_test(files_that_include_themselves_come_to_an_end),
        cmocka_unit_test(without_memory_the_answer_is_no),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
