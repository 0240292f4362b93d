/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/rules.h"

#include "cli/moment.h"
#include "waf/language/names.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/output.h"
#include "enforce/file.h"

/* Memory for rules and what they name. */
#define RULES_MEMORY ((size_t)4 << 30)

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

/* The database that SecGeoLookupDb names. False: it is said where that stands. */
static bool open_places(struct rules *r)
{
    const struct waf_settings *settings = &r->set->settings;
    struct bytes name = waf_text_bytes(r->set, settings->geo_db);
    char path[RULE_PATH_MAX];
    const char *why = "its name is too long or holds a NUL", *text = arena_text(r->arena, name.len ? (const char *)name.at : "", name.len);
    if (!name.len)
        return true;
    struct source *s = r->sources.items[settings->geo_db_file];
    if (!text)
        return diag_error(&s->diags, (struct place){.line = settings->geo_db_line, .column = 1}, NULL, "out of memory");
    if (strlen(text) == name.len && rule_files_path(s->name, text, path))
        r->places = places_open(path, &why);
    if (!r->places)
        diag_error(&s->diags, (struct place){.line = settings->geo_db_line, .column = 1}, "without SecGeoLookupDb, @geoLookup finds nothing and says so",
            "cannot open the database of places `%.200s`: %s", text, why);
    diags_sort(&s->diags);
    return r->places != NULL;
}

static bool all_readable(char *const *names, int count, bool json)
{
    for (int i = 0; i < count; i++)
        if (access(names[i], R_OK) != 0) {
            (void)complain_in(json, "%s: %s", names[i], strerror(errno));
            return false;
        }
    return true;
}

/* The names of all that is read, in order; NULL when memory is out. */
static const char **names_between(struct rules *r, char *const *names, int count)
{
    const char **all = arena_array(r->arena, (size_t)count + 2, sizeof *all);
    size_t n = 0;
    if (!all)
        return NULL;
    if (r->store.made[0].name)
        all[n++] = r->store.made[0].name;
    for (int i = 0; i < count; i++)
        all[n++] = names[i];
    if (r->store.made[1].name)
        all[n++] = r->store.made[1].name;
    r->name_count = n;
    return all;
}

/* In order: what is wrong with the rules ends it, and is in their sources; `set` is NULL then. */
static void compile(struct rules *r, struct rule_files *files, const char **names, const struct rule_cache *cache)
{
    struct program_errors errors;
    if (!rules_load(names, r->name_count, files, r->arena, &r->sources, &r->set)) {
        r->set = NULL;
        return;
    }
    if (!program_compile_from(r->set, r->compiled, r->arena, &r->program, &errors)) {
        tell_program_errors(r, &errors);
        r->set = NULL;
        return;
    }
    if (!open_places(r))
        r->set = NULL;
    else if (cache->path && !program_plan(&r->program, r->arena)) {
        r->sources.out_of_memory = true;
        r->set = NULL;
    }
}

static bool open_all(char *const *names, int count, const char *before, const char *after, const struct rule_cache *cache, bool json, struct rules *ret)
{
    uint64_t seed[2];
    if (!chance(&seed[0]) || !chance(&seed[1])) {
        (void)complain_in(json, "this system gives no random bytes: %s", strerror(errno));
        return false;
    }
    names_seed(seed);
    *ret = (struct rules){.arena = arena_create(RULES_MEMORY)};
    ret->compiled = ret->arena ? rule_cache_compiled(cache, ret->arena) : NULL;
    struct rule_files files = rule_files_lend(&ret->store);
    ret->store.made[0] = (struct rule_text){before ? "(put before the rules)" : NULL, before};
    ret->store.made[1] = (struct rule_text){after ? "(put behind the rules)" : NULL, after};
    const char **all = ret->compiled ? names_between(ret, names, count) : NULL;
    if (!all) {
        (void)complain_in(json, "out of memory");
        return false;
    }
    if (!all_readable(names, count, json))
        return false;
    compile(ret, &files, all, cache);
    if (ret->set)
        rule_cache_keep(cache, ret->compiled);
    return true;
}

bool rules_open_between(char *const *names, int count, const char *before, const char *after, bool json, struct rules *ret)
{
    return open_all(names, count, before, after, &(struct rule_cache){0}, json, ret);
}

bool rules_open_cached(char *const *names, int count, const struct rule_cache *cache, bool json, struct rules *ret)
{
    return open_all(names, count, NULL, NULL, cache, json, ret);
}

bool rules_open(char *const *names, int count, bool json, struct rules *ret)
{
    return rules_open_between(names, count, NULL, NULL, json, ret);
}

void rules_free(struct rules *r)
{
    places_close(r->places);
    compiled_free(r->compiled);
    rule_files_free(&r->store);
    arena_destroy(r->arena);
}

void rules_complain(const struct rules *r)
{
    struct text said = text_new(ANSWER_MAX);
    sources_print(&r->sources, color_wanted(STDERR_FILENO), &said);
    /* When standard error takes nothing there is nobody left to tell. */
    bool told = write_all(STDERR_FILENO, bytes_of(said.at, said.len));
    (void)told;
    text_free(&said);
}

int64_t rules_free_id(const struct waf_rule_set *set, int64_t from)
{
    for (uint32_t i = 0; i < set->rule_count; i++)
        if (set->rules[i].id == from) {
            from++;
            i = UINT32_MAX; /* from the first rule again */
        }
    return from;
}
