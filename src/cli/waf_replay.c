/* SPDX-License-Identifier: Apache-2.0 */
/* waf replay: which recorded requests get another verdict from other rules, and why. */
#include "cli/waf_replay.h"

#include <stdio.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/meter.h"
#include "cli/output.h"
#include "cli/waf_inspector.h"
#include "cli/waf_recorded.h"
#include "cli/waf_show.h"
#include "cli/waf_tally.h"

/* For names of requests, and for lines of rules. */
#define RUN_MEMORY ((size_t)1 << 30)

struct replay {
    const struct replaying *wanted;
    struct inspector with[SIDES];
    struct recorded_names names;
    struct tally tally;
    struct waf_options around; /* the same moment for all requests, and for old and new */
    struct meter meter;
};

/* Lines of the answer, and not behind the line that tells how far it is. */
static bool put_between(struct replay *r, struct text *out)
{
    if (isatty(STDOUT_FILENO))
        meter_end(&r->meter);
    return output_text(out, STATUS_YES) == STATUS_YES;
}

/* The line of the request that could not be replayed. */
static bool say_error(struct replay *r, const char *name, const char *error)
{
    struct text out = text_new(ANSWER_MAX);
    r->tally.errors++;
    text_puts(&out, r->wanted->json ? "{\"file\": " : "");
    if (r->wanted->json)
        text_json(&out, name);
    else
        waf_show_plain(bytes_of_text(name), &out);
    text_puts(&out, r->wanted->json ? ", \"error\": " : ": not replayed: ");
    if (r->wanted->json)
        text_json(&out, error);
    else
        text_puts(&out, error);
    text_puts(&out, r->wanted->json ? "}\n" : "\n\n");
    return put_between(r, &out);
}

static bool say_change(struct replay *r, const char *name, const struct difference *d)
{
    if (d->kind == DIFFERENCE_NONE)
        return true;
    struct text out = text_new(ANSWER_MAX);
    if (r->wanted->json)
        difference_json(d, name, &out);
    else
        difference_print(d, name, color_wanted(STDOUT_FILENO), &out);
    return put_between(r, &out);
}

/* False after a complaint. */
static bool compare(struct replay *r, const char *name, const struct inspected i[SIDES])
{
    const struct waf_rule_set *const sets[] = {r->with[OLD].rules.set, r->with[NEW].rules.set};
    const struct inspected *const of[] = {&i[OLD], &i[NEW]};
    struct difference d;
    if (!difference_find(sets, of, i[NEW].arena, &d) || !tally_take(&r->tally, &d)) {
        (void)complain_in(r->wanted->json, "out of memory");
        return false;
    }
    return say_change(r, name, &d);
}

/* Asks both. False when memory is out. */
static bool ask(struct replay *r, const struct recorded_pair *pair, struct inspected i[SIDES])
{
    for (int s = 0; s < SIDES; s++) {
        i[s] = (struct inspected){.arena = arena_create(TRANSACTION_MEMORY), .request = input_bytes(&pair->request),
            .response = input_bytes(&pair->response), .around = &r->around};
        if (!i[s].arena || !inspector_ask(&r->with[s], &i[s]))
            return false;
    }
    return true;
}

/* False after a complaint: there is no going on. */
static bool replay_one(struct replay *r, const char *name)
{
    struct recorded_pair pair;
    struct inspected i[SIDES] = {0};
    const char *error;
    bool ok;
    if (!recorded_read(r->wanted->requests, name, MESSAGE_MAX, &pair, &error))
        ok = say_error(r, name, error);
    else if (!ask(r, &pair, i)) {
        (void)complain_in(r->wanted->json, "out of memory");
        ok = false;
    } else if (i[OLD].error)
        ok = say_error(r, name, i[OLD].error);
    else
        ok = compare(r, name, i);
    for (int s = 0; s < SIDES; s++)
        arena_destroy(i[s].arena);
    recorded_free(&pair);
    return ok;
}

static bool replay_all(struct replay *r)
{
    struct progress progress = meter_begin(&r->meter, "requests are replayed");
    bool ok = true;
    for (size_t n = 0; ok && n < r->names.count; n++) {
        char id[32];
        snprintf(id, sizeof id, "replay-%zu", n + 1);
        r->around.unique_id = bytes_of_text(id);
        r->tally.requests++;
        progress_tell(&progress, n, r->names.count);
        ok = replay_one(r, r->names.items[n]);
        for (int s = 0; ok && s < SIDES; s++)
            if (!inspector_plan_when_worth(&r->with[s])) {
                (void)complain_in(r->wanted->json, "out of memory");
                ok = false;
            }
    }
    meter_end(&r->meter);
    return ok;
}

static int sum_up(const struct replay *r)
{
    const struct tally *t = &r->tally;
    struct text out = text_new(ANSWER_MAX);
    if (r->wanted->json)
        tally_json(t, &out);
    else
        tally_print(t, &out);
    int status = output_text(&out, t->kinds[DIFFERENCE_NONE] + t->errors == t->requests ? STATUS_YES : STATUS_NO);
    if (!t->errors || status == STATUS_CANNOT)
        return status;
    return r->wanted->json ? STATUS_CANNOT : complain("%zu of %zu requests could not be replayed", t->errors, t->requests);
}

/* False after a complaint. */
static bool find_requests(struct replay *r)
{
    const char *error;
    r->tally.arena = arena_create(RUN_MEMORY);
    if (!r->tally.arena)
        (void)complain_in(r->wanted->json, "out of memory");
    else if (!recorded_list(r->wanted->requests, r->tally.arena, &r->names, &error))
        (void)complain_in(r->wanted->json, "%s: %s", r->wanted->requests, error);
    else if (!r->names.count)
        (void)complain_in(r->wanted->json, "%s: there is no request in it: no file *.http", r->wanted->requests);
    else
        return true;
    return false;
}

int waf_replay(const struct replaying *wanted)
{
    struct replay r = {.wanted = wanted, .around = waf_options_now()};
    int status = STATUS_CANNOT;
    if (find_requests(&r) && inspector_open(&wanted->old, "old rules", wanted->old_cache, wanted->json, &r.with[OLD]) &&
        inspector_open(&wanted->new, "new rules", wanted->new_cache, wanted->json, &r.with[NEW]) && replay_all(&r))
        status = sum_up(&r);
    for (int s = 0; s < SIDES; s++)
        inspector_close(&r.with[s]);
    arena_destroy(r.tally.arena);
    return status;
}
