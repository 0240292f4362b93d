/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/differential/waf_harness.h"

#include <stdlib.h>

#define REQUEST_MAX ((size_t)16 << 20)
#define RESPONSE_MAX ((size_t)4 << 20)

/* ---- rules */

bool harness_open(const char *text, bool disk, size_t memory, struct harness *ret)
{
    const char *name = "rules.conf";
    *ret = (struct harness){.arena = arena_create(memory), .made = {{name, text}}};
    ret->files = (struct test_files){.made = ret->made, .disk = disk};
    struct rule_files lent = test_files_lend(&ret->files);
    if (ret->arena && rules_load(&name, 1, &lent, ret->arena, &ret->sources, &ret->set))
        return true;
    harness_close(ret);
    return false;
}

void harness_close(struct harness *h)
{
    test_files_free(&h->files);
    arena_destroy(h->arena);
    *h = (struct harness){0};
}

bool harness_engine_open(struct harness *h, bool plan, struct harness_engine *ret)
{
    struct program_errors errors;
    *ret = (struct harness_engine){0};
    ret->compiled = compiled_create(h->arena, NULL, (struct job_runner){0});
    return ret->compiled && program_compile_from(h->set, ret->compiled, h->arena, &ret->program, &errors) && (!plan || program_plan(&ret->program, h->arena)) && scratch_create(&ret->program, &ret->scratch);
}

bool harness_engine_open_again(struct harness *h, const struct harness_engine *compiled, struct harness_engine *ret)
{
    struct program_errors errors;
    struct image image;
    const char *why;
    size_t len;
    *ret = (struct harness_engine){0};
    if (!image_write(compiled->program.compiled, &ret->image, &len) || !image_read(bytes_of(ret->image, len), &image, &why))
        return false;
    ret->compiled = compiled_create(h->arena, &image, (struct job_runner){0});
    return ret->compiled && program_compile_from(h->set, ret->compiled, h->arena, &ret->program, &errors) && program_plan(&ret->program, h->arena) &&
        !compiled_is_new(ret->compiled) && scratch_create(&ret->program, &ret->scratch);
}

void harness_engine_close(struct harness_engine *e)
{
    scratch_free(&e->scratch);
    compiled_free(e->compiled);
    free(e->image);
}

/* ---- messages */

struct exchange exchange_new(void)
{
    return (struct exchange){text_new(REQUEST_MAX), text_new(RESPONSE_MAX)};
}

void exchange_free(struct exchange *x)
{
    text_free(&x->request);
    text_free(&x->response);
}

bool exchange_read(const struct exchange *x, struct arena *a, struct messages *ret)
{
    const char *error;
    return http_request_read(bytes_of(x->request.at, x->request.len), a, &ret->request, &error) &&
        http_response_read(bytes_of(x->response.at, x->response.len), a, &ret->response, &error);
}

struct waf_options harness_options(void)
{
    return (struct waf_options){.client = bytes_of_text("127.0.0.1"), .server = bytes_of_text("127.0.0.1"), .server_port = 80, .unique_id = bytes_of_text("x"),
        .time = 1790000000};
}

static void go_by_pieces(struct waf_transaction *t, struct harness_engine *e, const struct messages *m)
{
    transaction_request_head(t, &e->scratch, &m->request);
    for (size_t at = 0; at < m->request.body.len; at += e->piece)
        transaction_request_body(t, bytes_slice(m->request.body, at, e->piece), false);
    transaction_request_end(t, &e->scratch);
    transaction_response_head(t, &e->scratch, &m->response);
    for (size_t at = 0; at < m->response.body.len; at += e->piece)
        transaction_response_body(t, bytes_slice(m->response.body, at, e->piece), false);
    transaction_response_end(t, &e->scratch);
}

const struct waf_outcome *harness_inspect(struct harness_engine *e, const struct waf_options *o, const struct messages *m, struct arena *a, struct waf_transaction **ret)
{
    *ret = a ? transaction_begin(&e->program, a, o) : NULL;
    if (!*ret)
        abort();
    if (e->piece)
        go_by_pieces(*ret, e, m);
    else {
        transaction_request(*ret, &e->scratch, &m->request);
        transaction_response(*ret, &e->scratch, &m->response);
    }
    return transaction_end(*ret, &e->scratch);
}

/* ---- in words */

void print_bytes(struct text *out, const char *what, struct bytes b)
{
    text_printf(out, " %s<", what);
    if (b.len)
        text_append(out, b.at, b.len);
    text_puts(out, ">");
}

static void print_event(struct text *out, const struct waf_rule_set *set, const struct waf_event *e)
{
    text_printf(out, "%lld severity %d", (long long)set->rules[e->rule].id, e->severity);
    print_bytes(out, "msg", e->msg);
    print_bytes(out, "data", e->data);
    for (size_t i = 0; i < e->tag_count; i++)
        print_bytes(out, "tag", e->tags[i]);
    for (size_t i = 0; i < e->matched_count; i++) {
        print_bytes(out, "matched", e->matched[i].variable);
        print_bytes(out, "is", e->matched[i].value);
        text_printf(out, " at %zu, %zu", e->matched[i].offset, e->matched[i].length);
    }
    text_puts(out, "\n");
}

void print_values(struct text *out, const char *what, const struct waf_value *items, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        text_puts(out, what);
        print_bytes(out, "name", items[i].name);
        print_bytes(out, "value", items[i].value);
        text_puts(out, "\n");
    }
}

void print_outcome(struct text *out, const struct waf_rule_set *set, const struct waf_outcome *outcome)
{
    text_printf(out, "decision %d, status %d, phase %d", outcome->decision, outcome->status, outcome->phase);
    print_bytes(out, "to", outcome->redirect);
    text_puts(out, "\n");
    for (size_t i = 0; i < outcome->event_count; i++)
        print_event(out, set, &outcome->events[i]);
    print_values(out, "environment", outcome->environment, outcome->environment_count);
    for (size_t i = 0; i < outcome->limit_count; i++)
        text_printf(out, "limit: %s\n", outcome->limits[i]);
}

void show(const char *what, const struct text *t)
{
    printf("# %s:\n#   ", what);
    for (size_t i = 0; i < t->len; i++) {
        uint8_t c = (uint8_t)t->at[i];
        if (c == '\n')
            printf("\n#   ");
        else if (c < ' ' || c > '~')
            printf("{%02x}", c);
        else
            putchar(c);
    }
    printf("\n");
}
