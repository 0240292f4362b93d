/* SPDX-License-Identifier: Apache-2.0 */
/* waf check: what is wrong with web rules. */
#include <errno.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/rule_files.h"
#include "enforce/file.h"
#include "waf/engine/program.h"

/* Memory for rules and what they name. */
#define RULES_MEMORY ((size_t)4 << 30)

struct rules {
    struct arena *arena;
    struct rule_file_store store;
    struct sources sources;
    const struct waf_rule_set *set; /* NULL: not valid */
};

/* What of the rules does not compile, where it stands. */
static void tell_program_errors(struct rules *r, const struct program_errors *errors)
{
    for (size_t i = 0; i < errors->count; i++) {
        const struct waf_rule *rule = &r->set->rules[errors->items[i].rule];
        struct source *s = r->sources.items[rule->file];
        diag_error(&s->diags, (struct place){.line = rule->line, .column = 1}, NULL, "%s", errors->items[i].message);
        diags_sort(&s->diags);
    }
    if (!errors->count)
        r->sources.out_of_memory = true;
}

static void rules_read(const char *const *names, int count, struct rules *r)
{
    struct rule_files files = rule_files_lend(&r->store);
    struct waf_program program;
    struct program_errors errors;
    if (!rules_load(names, (size_t)count, &files, r->arena, &r->sources, &r->set))
        r->set = NULL;
    else if (program_compile(r->set, r->arena, &program, &errors))
        program_free(&program);
    else {
        tell_program_errors(r, &errors);
        r->set = NULL;
    }
}

/* Rules as a user counts them: a chain is one, a marker none. */
static size_t count_rules(const struct waf_rule_set *set)
{
    size_t count = 0;
    for (uint32_t i = 0; i < set->rule_count; i++)
        count += set->rules[i].kind != RULE_MARKER && set->rules[i].head == i;
    return count;
}

static int print_summary(const struct rules *r)
{
    struct text out = text_new(ANSWER_MAX);
    size_t errors = sources_errors(&r->sources), files = r->sources.count;
    if (r->set) {
        size_t rules = count_rules(r->set);
        text_printf(&out, "valid: %zu rule%s in %zu file%s\n", rules, rules == 1 ? "" : "s", files, files == 1 ? "" : "s");
    } else
        text_printf(&out, "not valid: %zu error%s\n", errors, errors == 1 ? "" : "s");
    return output_text(&out, r->set ? STATUS_YES : STATUS_NO);
}

static int print_json(const struct rules *r)
{
    struct text out = text_new(ANSWER_MAX);
    text_printf(&out, "{\"valid\": %s, \"errors\": %zu, \"warnings\": %zu, \"rules\": ", r->set ? "true" : "false", sources_errors(&r->sources),
        sources_warnings(&r->sources));
    if (r->set)
        text_printf(&out, "%zu", count_rules(r->set));
    else
        text_puts(&out, "null");
    text_puts(&out, ", \"files\": ");
    sources_print_json(&r->sources, &out);
    if (!out.failed)
        out.at[--out.len] = 0; /* its newline */
    text_puts(&out, "}\n");
    return output_text(&out, r->set ? STATUS_YES : STATUS_NO);
}

static int check(const struct operands *files, bool json)
{
    struct rules r = {.arena = arena_create(RULES_MEMORY)};
    int status;
    if (!r.arena)
        return complain("out of memory");
    rules_read((const char *const *)files->items, files->count, &r);
    if (json)
        status = print_json(&r);
    else {
        struct text said = text_new(ANSWER_MAX);
        sources_print(&r.sources, color_wanted(STDERR_FILENO), &said);
        bool told = write_all(STDERR_FILENO, bytes_of(said.at, said.len));
        (void)told; /* when standard error takes nothing there is nobody left to tell */
        text_free(&said);
        status = print_summary(&r);
    }
    rule_files_free(&r.store);
    arena_destroy(r.arena);
    return status;
}

int verb_waf(int argc, char **argv)
{
    bool json = false;
    int status;
    struct operands operands;
    const struct option_wanted wanted[] = {{"json", 0, &json, NULL}, {0}};
    if (!options_read(argc, argv, wanted, (struct operand_range){1, INT_MAX, false}, &operands, &status))
        return status;
    const char *what = operands.items[0];
    if (strcmp(what, "inspect") == 0 || strcmp(what, "explain") == 0)
        return complain("%s is not built yet; see bulkhead waf --help", what);
    if (strcmp(what, "check") != 0)
        return wrong_usage("waf", "there is check, inspect and explain, not `%s`", what);
    if (operands.count < 2)
        return wrong_usage("waf", "check needs the files of the rules");
    struct operands files = operands;
    files.items++;
    files.count--;
    for (int i = 0; i < files.count; i++)
        if (access(files.items[i], R_OK) != 0)
            return complain_in(json, "%s: %s", files.items[i], strerror(errno));
    return check(&files, json);
}
