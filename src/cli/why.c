/* SPDX-License-Identifier: Apache-2.0 */
/* why FILE: one question, answered with its reasons; or a batch of them. */
#include "decide/why.h"

#include <unistd.h>

#include "cli/batch.h"
#include "cli/cli.h"
#include "cli/load.h"
#include "cli/moment.h"
#include "cli/options.h"
#include "cli/output.h"
#include "decide/resolve.h"

#pragma weak why_live
#pragma weak why_flow

#define WHY_MEMORY ((size_t)1 << 30)

struct question {
    const char *file, *from, *to, *port, *at, *flow;
    bool batch, json, live;
};

/* The answers to a question: one for each family that both ends have. */
struct answers {
    struct why items[2];
    uint32_t count;
};

/* Whether the families have two different answers: also where only what is nearest, or what would help, is another. */
static bool answers_differ(const struct answers *a, const struct loaded *l)
{
    const struct verdict *v = &a->items[0].span.verdict, *w = &a->items[1].span.verdict;
    if (a->count < 2 || v->enforced != w->enforced)
        return a->count == 2;
    struct text first = text_new(ANSWER_MAX), second = text_new(ANSWER_MAX);
    why_print_reasons(&a->items[0], l->policy, l->file, &first);
    why_print_reasons(&a->items[1], l->policy, l->file, &second);
    bool same = !first.failed && !second.failed && strcmp(text_cstr(&first), text_cstr(&second)) == 0;
    text_free(&first);
    text_free(&second);
    return !same;
}

static int answers_status(const struct answers *a)
{
    for (uint32_t i = 0; i < a->count; i++)
        if (!a->items[i].span.verdict.allow)
            return STATUS_NO;
    return STATUS_YES;
}

static int print_answers(const struct answers *a, const struct loaded *l)
{
    struct text out = text_new(ANSWER_MAX);
    bool differ = answers_differ(a, l);
    why_print(&a->items[0], l->policy, l->file, &out);
    if (differ) {
        text_puts(&out, "\n");
        why_print(&a->items[1], l->policy, l->file, &out);
    } else if (a->count == 2) {
        text_puts(&out, "The same over IPv6.\n");
    }
    return output_text(&out, answers_status(a));
}

/* One answer's object without its closing brace and newline. */
static void print_open_object(const struct why *w, const struct policy *p, struct text *out)
{
    struct text object = text_new(ANSWER_MAX);
    why_print_json(w, p, &object);
    if (object.failed || object.len < 3)
        out->failed = true;
    else
        text_append(out, object.at, object.len - 2);
    text_free(&object);
}

/*
 * One object: the answer with "families", all that it holds for; where they differ, "other" is the other
 * family's. The denied one comes first then, so that "decision" says what the exit status says.
 */
static int print_answers_json(const struct answers *a, const struct loaded *l)
{
    struct text out = text_new(ANSWER_MAX);
    bool differ = answers_differ(a, l);
    uint32_t first = differ && a->items[0].span.verdict.allow && !a->items[1].span.verdict.allow ? 1 : 0;
    print_open_object(&a->items[first], l->policy, &out);
    if (a->count == 2 && !differ)
        text_puts(&out, ", \"families\": [4, 6]}\n");
    else
        text_printf(&out, ", \"families\": [%u]%s", a->items[first].flow.from.family, differ ? "" : "}\n");
    if (differ) {
        text_puts(&out, ", \"other\": ");
        print_open_object(&a->items[1 - first], l->policy, &out);
        text_puts(&out, "}}\n");
    }
    return output_text(&out, answers_status(a));
}

static int answer(const struct loaded *l, const struct question *q, struct moment m, struct arena *arena)
{
    struct flows flows;
    struct answers a = {0};
    const char *error;
    if (!resolve_flows(l->policy, bytes_of_text(q->from), bytes_of_text(q->to), bytes_of_text(q->port), arena,
                       &flows, &error))
        return complain_in(q->json, "%s", error ? error : "out of memory");
    for (; a.count < flows.count; a.count++)
        if (!why_explain(l->policy, &flows.items[a.count], m, arena, &a.items[a.count]))
            return complain_in(q->json, "out of memory");
    return q->json ? print_answers_json(&a, l) : print_answers(&a, l);
}

static int ask(const struct question *q, int64_t now)
{
    struct loaded l;
    struct moment m = {.compiled = now, .now = now};
    int status;
    if (policy_need(q->file, q->json, STATUS_CANNOT, &l, &status)) {
        struct arena *arena = q->batch ? NULL : arena_create(WHY_MEMORY);
        if (q->batch)
            status = batch_answer(l.policy, STDIN_FILENO, m);
        else
            status = arena ? answer(&l, q, m, arena) : complain_in(q->json, "out of memory");
        arena_destroy(arena);
    }
    loaded_free(&l);
    return status;
}

/* What options do not go together; false after a complaint. */
static bool question_is_whole(const char *verb, const struct question *q, int *ret_status)
{
    const char *wrong = NULL;
    if (!q->file)
        wrong = "too few arguments";
    else if (q->batch && (q->from || q->to || q->port))
        wrong = "--batch reads its questions from standard input, not from --from, --to, --port";
    else if (q->batch && strcmp(q->file, "-") == 0)
        wrong = "--batch reads standard input, so the policy must be a file";
    else if (!q->batch && !q->from)
        wrong = "--from is missing";
    else if (!q->batch && !q->to)
        wrong = "--to is missing";
    else if (!q->batch && !q->port)
        wrong = "--port is missing";
    if (wrong)
        *ret_status = wrong_usage(verb, "%s", wrong);
    return !wrong;
}

int verb_why(int argc, char **argv)
{
    struct question q = {0};
    int64_t now;
    int status;
    struct operands files;
    const struct option_wanted wanted[] = {
        {"from", 0, NULL, &q.from}, {"to", 0, NULL, &q.to},     {"port", 0, NULL, &q.port},
        {"at", 0, NULL, &q.at},     {"json", 0, &q.json, NULL}, {"batch", 0, &q.batch, NULL},
        {"live", 0, &q.live, NULL}, {"flow", 0, NULL, &q.flow}, {0}};
    if (!options_read(argc, argv, wanted, (struct operand_range){0, 1, false}, &files, &status))
        return status;
    if (q.live)
        return why_live ? why_live(argc, argv) : complain("--live: not built yet");
    if (q.flow)
        return why_flow ? why_flow(argc, argv) : complain("--flow: not built yet");
    q.file = files.count ? files.items[0] : NULL;
    if (!question_is_whole(argv[0], &q, &status) || !moment_asked(argv[0], q.at, &now, &status))
        return status;
    return ask(&q, now);
}
