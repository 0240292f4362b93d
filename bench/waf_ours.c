/* SPDX-License-Identifier: Apache-2.0 */
#include "waf_ours.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "cli/rule_files.h"
#include "cli/threads.h"
#include "waf/engine/engine.h"
#include "waf/image/image.h"

#define RULES_MEMORY ((size_t)4 << 30)
#define TRANSACTION_MEMORY ((size_t)1 << 30)
#define KEPT_MEMORY ((size_t)4 << 20) /* from one transaction to the next */
#define WARMING_MAX 16 /* threads; those that come late find nothing to do */
#define TEXT_NAME "(benchmark)"

struct waf_ours {
    struct arena *arena, *transaction;
    struct bytes text;
    struct rule_file_store store;
    struct rule_files disk;
    struct sources sources;
    const struct waf_rule_set *set;
    struct compiled *compiled;
    struct waf_program program;
    struct waf_scratch scratch;
    int64_t now;
    uint64_t logged; /* bytes of msg and data: what a log would take */
};

/* ---- rules: the text is a file too, before those of the disk */

static bool list_rules(void *context, const char *from, const char *pattern, struct file_names *into)
{
    struct waf_ours *w = context;
    return strcmp(pattern, TEXT_NAME) == 0 ? file_names_add(into, pattern) : w->disk.list(w->disk.context, from, pattern, into);
}

static bool read_rules(void *context, const char *name, struct bytes *ret)
{
    struct waf_ours *w = context;
    if (strcmp(name, TEXT_NAME) != 0)
        return w->disk.read(w->disk.context, name, ret);
    *ret = w->text;
    return true;
}

static void complain_of_sources(const struct waf_ours *w)
{
    struct text said = text_new(1 << 20);
    sources_print(&w->sources, false, &said);
    fprintf(stderr, "%s", text_cstr(&said));
    text_free(&said);
}

static void complain_of_program(const struct waf_ours *w, const struct program_errors *errors)
{
    for (size_t i = 0; i < errors->count; i++)
        fprintf(stderr, "rule %lld: %s\n", (long long)w->set->rules[errors->items[i].rule].id, errors->items[i].message);
}

/* An empty one: nothing is compiled yet. */
static bool take_image(struct waf_ours *w, struct bytes from)
{
    struct image image;
    const char *why;
    if (from.len && !image_read(from, &image, &why)) {
        fprintf(stderr, "the image %s\n", why);
        return false;
    }
    w->compiled = compiled_create(w->arena, from.len ? &image : NULL, threads_lend());
    return w->compiled;
}

static bool compile(struct waf_ours *w)
{
    static const char *const names[] = {TEXT_NAME};
    struct rule_files files = {w, list_rules, read_rules};
    struct program_errors errors = {0};
    if (!rules_load(names, 1, &files, w->arena, &w->sources, &w->set)) {
        complain_of_sources(w);
        return false;
    }
    if (!program_compile_from(w->set, w->compiled, w->arena, &w->program, &errors)) {
        complain_of_program(w, &errors);
        return false;
    }
    return program_plan(&w->program, w->arena) && scratch_create(&w->program, &w->scratch);
}

bool waf_ours_load(struct bytes text, struct waf_ours **ret)
{
    return waf_ours_load_from(text, (struct bytes){0}, ret);
}

bool waf_ours_load_from(struct bytes text, struct bytes image, struct waf_ours **ret)
{
    struct waf_ours *w = calloc(1, sizeof *w);
    if (!w)
        abort();
    w->text = text;
    w->now = time(NULL);
    w->arena = arena_create(RULES_MEMORY);
    w->transaction = arena_create(TRANSACTION_MEMORY);
    w->disk = rule_files_lend(&w->store);
    if (!w->arena || !w->transaction || !take_image(w, image) || !compile(w) || (image.len && compiled_is_new(w->compiled))) {
        fprintf(stderr, "bulkhead does not load the rules\n");
        waf_ours_free(w);
        return false;
    }
    *ret = w;
    return true;
}

void waf_ours_free(struct waf_ours *w)
{
    if (!w)
        return;
    scratch_free(&w->scratch);
    compiled_free(w->compiled);
    rule_files_free(&w->store);
    arena_destroy(w->transaction);
    arena_destroy(w->arena);
    free(w);
}

bool waf_ours_image(const struct waf_ours *w, uint8_t **ret, size_t *ret_len)
{
    return image_write(w->compiled, ret, ret_len);
}

static void warm(void *argument, size_t which)
{
    const struct waf_ours *w = argument;
    program_warm(&w->program);
}

void waf_ours_warm(const struct waf_ours *w)
{
    struct job_runner runner = threads_lend();
    runner.run(runner.context, warm, (void *)(uintptr_t)w, WARMING_MAX);
}

const struct waf_rule_set *waf_ours_set(const struct waf_ours *w)
{
    return w->set;
}

size_t waf_ours_rules(const struct waf_ours *w)
{
    size_t count = 0;
    for (uint32_t i = 0; i < w->set->rule_count; i++)
        count += w->set->rules[i].kind != RULE_MARKER && w->set->rules[i].head == i;
    return count;
}

/* ---- transactions */

/* In the arena `a`: the request read, and phase 1. */
static struct waf_transaction *begin(struct waf_ours *w, struct bytes raw, struct arena *a, struct http_message *request)
{
    struct waf_options o = {.client = bytes_of_text("127.0.0.1"), .server = bytes_of_text("127.0.0.1"), .server_port = 80, .unique_id = bytes_of_text("x"), .time = w->now};
    const char *error;
    struct waf_transaction *t = a && http_request_read(raw, a, request, &error) ? transaction_begin(&w->program, a, &o) : NULL;
    if (!t)
        abort();
    transaction_request_head(t, &w->scratch, request);
    return t;
}

/* As a gateway does: an arena for a transaction, of which some memory is kept for the next. */
static void inspect(void *engine, struct bytes raw_request, struct bytes raw_response, struct fired *fired)
{
    struct waf_ours *w = engine;
    struct arena *a = w->transaction;
    struct http_message request, response;
    const char *error;
    struct waf_transaction *t = begin(w, raw_request, a, &request);
    transaction_request_body(t, request.body, true);
    transaction_request_end(t, &w->scratch);
    if (!http_response_read(raw_response, a, &response, &error))
        abort();
    transaction_response(t, &w->scratch, &response);
    const struct waf_outcome *outcome = transaction_end(t, &w->scratch);
    for (size_t i = 0; i < outcome->event_count; i++) {
        w->logged += outcome->events[i].msg.len + outcome->events[i].data.len;
        fired_add(fired, (long)w->set->rules[outcome->events[i].rule].id);
    }
    arena_reset(a, KEPT_MEMORY);
}

struct contender waf_ours_contender(struct waf_ours *w)
{
    return (struct contender){"bulkhead", w, inspect};
}

size_t waf_ours_memory(struct waf_ours *w, struct bytes request)
{
    struct arena *a = arena_create(TRANSACTION_MEMORY);
    struct http_message read;
    (void)begin(w, request, a, &read);
    size_t used = arena_used(a);
    arena_destroy(a);
    return used;
}
