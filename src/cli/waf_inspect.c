/* SPDX-License-Identifier: Apache-2.0 */
/* waf inspect: what rules say of a request and its response, or of as many as standard input has. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/output.h"
#include "cli/waf_profile.h"
#include "cli/rules.h"
#include "cli/waf_inspector.h"
#include "cli/waf_show.h"
#include "enforce/file.h"

static void print_json(const struct rules *r, const struct inspected *i, struct text *out)
{
    if (i->error) {
        text_puts(out, "{\"decision\": \"deny\", \"status\": 400, \"error\": ");
        text_json(out, i->error);
        text_puts(out, "}\n");
        return;
    }
    struct outcome_facts facts = {.scores = {.inbound = i->inbound, .outbound = i->outbound}, .timed = true, .nanoseconds = i->nanoseconds};
    outcome_json(r->set, i->outcome, &facts, out);
}

/* One answer to `out`. False when memory is out before anything could be asked. */
static bool inspect(struct inspector *with, struct bytes request, struct bytes response, bool json, struct text *out, enum waf_decision *ret)
{
    struct inspected i = {.arena = arena_create(TRANSACTION_MEMORY), .request = request, .response = response};
    bool ok = i.arena && inspector_ask(with, &i);
    if (ok) {
        if (json)
            print_json(&with->rules, &i, out);
        else
            waf_inspected_print(&with->rules, &i, color_wanted(STDOUT_FILENO), out);
        *ret = i.error ? WAF_DENY : i.outcome->decision;
    }
    arena_destroy(i.arena);
    return ok;
}

/* The next `len` bytes of standard input; false at its end. */
static bool read_bytes(size_t len, struct input *ret)
{
    ret->at = malloc(len ? len : 1);
    ret->len = len;
    return ret->at && fread(ret->at, 1, len, stdin) == len;
}

/* "REQUEST-BYTES RESPONSE-BYTES\n". 1: read, 0: the input has ended, -1: neither. */
static int read_lengths(size_t *request, size_t *response)
{
    size_t *numbers[] = {request, response};
    int c = getchar();
    if (c == EOF)
        return 0;
    for (int i = 0; i < 2; i++) {
        size_t n = 0, digits = 0;
        for (; c >= '0' && c <= '9'; c = getchar(), digits++) {
            n = n * 10 + (size_t)(c - '0');
            if (n > MESSAGE_MAX)
                return -1;
        }
        if (!digits || c != (i == 0 ? ' ' : '\n'))
            return -1;
        *numbers[i] = n;
        c = i == 0 ? getchar() : c;
    }
    return 1;
}

static int inspect_batch(struct inspector *with)
{
    size_t lengths[2];
    int more;
    while ((more = read_lengths(&lengths[0], &lengths[1])) == 1) {
        struct input request = {0}, response = {0};
        struct text out = text_new(ANSWER_MAX);
        enum waf_decision ignored;
        int status = STATUS_YES;
        if (!read_bytes(lengths[0], &request) || !read_bytes(lengths[1], &response))
            status = complain("standard input ended in the middle of a message");
        else if (!inspect(with, input_bytes(&request), input_bytes(&response), true, &out, &ignored))
            status = complain("out of memory");
        else
            status = output_text(&out, STATUS_YES);
        if (status == STATUS_YES && !inspector_plan_when_worth(with))
            status = complain("out of memory");
        text_free(&out);
        input_free(&request);
        input_free(&response);
        if (status != STATUS_YES)
            return status;
    }
    return more == 0 ? STATUS_YES : complain("standard input is to be `REQUEST-BYTES RESPONSE-BYTES`, a newline, and as many bytes; at most %zu each", MESSAGE_MAX);
}

static int inspect_files(const struct operands *files, struct inspector *with, const struct inspection *wanted)
{
    struct input request = {0}, response = {0};
    const char *error, *file = wanted->request;
    struct text out = text_new(ANSWER_MAX);
    enum waf_decision decision = WAF_PASS;
    int status;
    bool read = input_read(wanted->request, MESSAGE_MAX, &request, &error);
    if (read && wanted->response) {
        file = wanted->response;
        read = input_read(wanted->response, MESSAGE_MAX, &response, &error);
    }
    if (!read)
        status = complain_in(wanted->json, "%s: %s", input_name(file), error);
    else if (wanted->suggest)
        status = waf_suggest(files, &with->rules, input_bytes(&request), input_bytes(&response), wanted->json);
    else if (!inspect(with, input_bytes(&request), input_bytes(&response), wanted->json, &out, &decision))
        status = complain_in(wanted->json, "out of memory");
    else
        status = output_text(&out, waf_refuses(decision) ? STATUS_NO : STATUS_YES);
    input_free(&request);
    input_free(&response);
    return status;
}

/* Where standard output is for answers, on standard error. When that takes nothing there is nobody left to tell. */
static void tell_costs(const struct inspector *with, bool json)
{
    struct text out = text_new(ANSWER_MAX);
    profile_print(&with->rules, &with->profile, with->spent, with->asked, &out);
    bool told = write_all(json ? STDERR_FILENO : STDOUT_FILENO, bytes_of(out.at, out.len));
    (void)told;
    text_free(&out);
}

int waf_inspect(const struct operands *files, const struct inspection *wanted)
{
    struct inspector with;
    bool json = wanted->json || wanted->batch;
    int status = STATUS_CANNOT;
    if (inspector_open(files, "rules", wanted->cache, json, &with)) {
        if (wanted->profile && !profile_begin(&with.rules, &with.profile))
            status = complain_in(json, "out of memory");
        else
            status = wanted->batch ? inspect_batch(&with) : inspect_files(files, &with, wanted);
        if (wanted->profile && with.asked)
            tell_costs(&with, json);
    }
    inspector_close(&with);
    return status;
}
