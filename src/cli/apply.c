/* SPDX-License-Identifier: Apache-2.0 */
/* bulkhead apply and confirm: another policy for a running network, and the receipt of what that cut. */
#include <time.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/comparison.h"
#include "cli/live.h"
#include "cli/moment.h"
#include "cli/options.h"
#include "cli/output.h"
#include "enforce/file.h"
#include "record/record.h"

#define SCRATCH_MAX ((size_t)4 << 30)
#define CUTS_SHOWN 20

/* The session of a cut, in the names of the policy that allowed it. */
static void print_cut(const struct policy *old, const struct receipt *r, const struct event *e, struct text *out)
{
    text_puts(out, "  cut  ");
    event_party(old, e, false, out);
    text_puts(out, " -> ");
    event_party(old, e, true, out);
    if (e->rule < old->rule_count)
        text_printf(out, "  (%s, line %u)", old->rules[e->rule].name, old->rules[e->rule].place.line);
    double before = ((double)r->at - (double)e->time) / 1e6;
    if (before >= 0)
        text_printf(out, "\n       last packet %.0f ms before the change\n", before);
    else
        text_puts(out, "\n       last packet as the policy changed\n");
}

static void print_receipt(const struct policy *old, const struct receipt *r, struct text *out)
{
    if (r->cut_total == 0) {
        text_printf(out, "no session was cut; %llu live session%s decided again and %s on\n", (unsigned long long)r->sweep.kept,
            r->sweep.kept == 1 ? " was" : "s were", r->sweep.kept == 1 ? "goes" : "go");
        return;
    }
    text_printf(out, "%llu live session%s cut at the change; no packet of %s has passed since; %llu go on\n", (unsigned long long)r->cut_total,
        r->cut_total == 1 ? " was" : "s were", r->cut_total == 1 ? "it" : "them", (unsigned long long)r->sweep.kept);
    for (size_t i = 0; i < r->cut_count && i < CUTS_SHOWN; i++)
        print_cut(old, r, &r->cuts[i], out);
    if (r->cut_total > CUTS_SHOWN)
        text_printf(out, "  ... and %llu more (--json lists the first %u)\n", (unsigned long long)r->cut_total - CUTS_SHOWN, RECEIPT_CUTS_MAX);
}

static void print_receipt_json(const struct policy *old, const struct receipt *r, struct text *out)
{
    text_printf(out, "\"receipt\": {\"cut\": %llu, \"kept\": %llu, \"expired\": %llu, \"compile_ms\": %.3f, \"install_ms\": %.3f, \"sweep_ms\": %.3f, \"sessions\": [",
        (unsigned long long)r->cut_total, (unsigned long long)r->sweep.kept, (unsigned long long)r->sweep.expired, r->compile_ms, r->install_ms, r->sweep_ms);
    for (size_t i = 0; i < r->cut_count; i++) {
        const struct event *e = &r->cuts[i];
        struct text party = text_new(256);
        text_printf(out, "%s{\"from\": ", i ? ", " : "");
        event_party(old, e, false, &party);
        text_json(out, text_cstr(&party));
        text_free(&party);
        event_party(old, e, true, &party);
        text_puts(out, ", \"to\": ");
        text_json(out, text_cstr(&party));
        text_free(&party);
        text_puts(out, ", \"rule\": ");
        text_json(out, e->rule < old->rule_count ? old->rules[e->rule].name : "");
        text_printf(out, ", \"last_packet_ms_before\": %.3f}", ((double)r->at - (double)e->time) / 1e6);
    }
    text_puts(out, "]}");
}

static int report(const struct running *r, const struct loaded *l, const struct receipt *receipt, const struct network_result *result, struct comparison *c,
    uint64_t confirm_ns, bool unconfirmed, bool json)
{
    struct text out = text_new(ANSWER_MAX);
    if (json) {
        text_printf(&out, "{\"network\": \"%s\", \"generation\": %u, \"confirm_seconds\": %llu, \"access\": ", l->policy->name, result->generation,
            (unsigned long long)(confirm_ns / 1000000000));
        if (!comparison_end(c, &out))
            text_puts(&out, "null");
        text_puts(&out, ", ");
        text_printf(&out, "\"relinked\": %u, \"whole\": %s, ", result->relinked, result->broken.text[0] ? "false" : "true");
        print_receipt_json(r->policy, receipt, &out);
        text_puts(&out, "}\n");
    } else {
        if (!comparison_end(c, &out))
            text_puts(&out, "the policies are too large to compare their access here; see bulkhead diff\n");
        print_receipt(r->policy, receipt, &out);
        if (result->relinked)
            text_printf(&out, "%u link%s gone from the hub, and %s made again\n", result->relinked, result->relinked == 1 ? " was" : "s were",
                result->relinked == 1 ? "is" : "are");
        text_printf(&out, "%s %s the new policy (compiled in %.1f ms, installed in %.1f ms)\n", l->policy->name,
            l->policy->observe ? "observes, and does not enforce," : "enforces", receipt->compile_ms, receipt->install_ms);
        print_table_size(&result->sizes, &out);
        if (confirm_ns) {
            text_puts(&out, "it goes back by itself in ");
            seconds_print(confirm_ns / 1000000000, &out);
            text_printf(&out, "%s: `bulkhead confirm %s` keeps it\n",
                unconfirmed ? ", to what was confirmed last (neither was the change before it)" : "", l->policy->name);
        }
    }
    return output_text(&out, STATUS_YES);
}

/* Where nobody took the report: the change is made all the same. */
static void complain_unreported(const struct policy *p, uint64_t confirm_ns)
{
    struct text back = text_new(256);
    if (confirm_ns) {
        text_puts(&back, "; it goes back by itself in ");
        seconds_print(confirm_ns / 1000000000, &back);
        text_puts(&back, " unless confirmed");
    }
    complain("%s %s the new policy; the access gained and lost, and the receipt, could not be written%s", p->name,
        p->observe ? "observes" : "enforces", text_cstr(&back));
    text_free(&back);
}

/* The change began, and did not end: what it has cut stays cut. */
static void complain_went_back(const struct policy *old, const struct receipt *r)
{
    struct text out = text_new(ANSWER_MAX);
    complain("the policy before is in force again; sessions that it allows and the change cut must begin anew:");
    print_receipt(old, r, &out);
    if (!write_all(STDERR_FILENO, bytes_of(out.at, out.len)))
        complain("cannot write");
    text_free(&out);
}

int apply_policy(const struct loaded *l, struct reading *reading, uint64_t confirm_ns, bool json, bool *ret_whole)
{
    struct running r;
    struct failure f = {""};
    struct network_result result = {0};
    struct receipt receipt = {0};
    int status;
    if (running_open_read(l->policy->name, reading, &r, &status)) {
        struct arena *scratch = arena_create(SCRATCH_MAX);
        struct diags diags = diags_new(scratch);
        struct policy_source old = {r.policy, bytes_of(r.text, r.size)}, new = {l->policy, input_bytes(&l->source)};
        struct apply_options o = {.confirm_ns = confirm_ns};
        struct comparison comparison;
        bool unconfirmed = datapath_waits(&r.datapath); /* the change before */
        comparison_start(r.policy, l->policy, json, &comparison);
        if (!scratch)
            status = complain("out of memory");
        else if (network_apply(&old, &new, &o, scratch, &diags, &result, &receipt, &f)) {
            status = report(&r, l, &receipt, &result, &comparison, confirm_ns, unconfirmed, json);
            if (status != STATUS_YES)
                complain_unreported(l->policy, confirm_ns);
            warn_of_administrators(l->policy);
        } else
            status = result.invalid ? policy_unfit(&diags, l, &f) : complain("%s", f.text);
        if (result.went_back)
            complain_went_back(r.policy, &receipt);
        comparison_stop(&comparison);
        arena_destroy(scratch);
    }
    *ret_whole = !result.broken.text[0];
    if (!*ret_whole)
        complain("%s enforces the policy, and is not whole: %s", l->policy->name, result.broken.text);
    receipt_free(&receipt);
    running_close(&r);
    return status;
}

int verb_apply(int argc, char **argv)
{
    bool json = false;
    const char *confirm = NULL;
    const struct option_wanted wanted[] = {{"json", 0, &json, NULL}, {"confirm", 0, NULL, &confirm}, {0}};
    struct operands operands;
    struct loaded l;
    struct reading old;
    struct failure f;
    struct state_lock lock;
    uint64_t confirm_ns = 0;
    bool whole;
    int status;
    if (!options_read(argc, argv, wanted, (struct operand_range){1, 1, false}, &operands, &status))
        return status;
    if (confirm && (!wait_parse(confirm, &confirm_ns) || confirm_ns > CONFIRM_HOURS_MAX * 3600000000000ull))
        return wrong_usage("apply", "--confirm takes a duration such as 60s or 5m, and %dh at most, not `%s`", CONFIRM_HOURS_MAX, confirm);
    reading_start(&old);
    bool valid = policy_need(operands.items[0], json, STATUS_NO, &l, &status);
    reading_wait(&old);
    if (valid) {
        if (geteuid() != 0)
            status = complain("changing a network needs root: run it with sudo");
        else if (!state_lock(l.policy->name, &lock, &f))
            status = complain("%s", f.text);
        else {
            status = apply_policy(&l, &old, confirm_ns, json, &whole);
            state_unlock(&lock);
        }
    }
    reading_free(&old);
    loaded_free(&l);
    return status;
}

/* The status of `confirm` for a network whose control block is mapped. */
static int confirm_running(struct running *r, bool json)
{
    bool waiting = r->datapath.shared->deadline != 0, late = waiting && r->generation == r->datapath.shared->fallback;
    datapath_confirm(&r->datapath);
    struct network_realised n = {.datapath = &r->datapath, .state = &r->state, .policy = r->policy};
    struct failure f;
    struct network_drift ignored;
    if (waiting && !network_check(&n, true, &ignored, &f)) /* what the other policy published is published no more */
        complain("%s", f.text);
    struct text out = text_new(ANSWER_MAX);
    if (json)
        text_printf(&out, "{\"network\": \"%s\", \"confirmed\": %s}\n", r->state.name, waiting && !late ? "true" : "false");
    else if (late)
        text_printf(&out, "too late: %s has gone back to the policy before\n", r->state.name);
    else
        text_printf(&out, waiting ? "%s keeps the new policy\n" : "%s has nothing to confirm\n", r->state.name);
    return output_text(&out, waiting && !late ? STATUS_YES : STATUS_NO);
}

int verb_confirm(int argc, char **argv)
{
    bool json = false;
    const struct option_wanted wanted[] = {{"json", 0, &json, NULL}, {0}};
    struct operands operands;
    struct running r;
    struct state_lock lock;
    struct failure f;
    int status;
    if (!options_read(argc, argv, wanted, (struct operand_range){1, 1, false}, &operands, &status))
        return status;
    complain_json(json);
    if (!state_valid_name(operands.items[0]))
        return complain("`%s` is not a network's name", operands.items[0]);
    if (!state_lock(operands.items[0], &lock, &f))
        return complain("%s", f.text);
    bool open = running_open(operands.items[0], STATUS_CANNOT, &r, &status);
    complain_json(false); /* from here on there is an answer beside what is complained of */
    if (open)
        status = confirm_running(&r, json);
    running_close(&r);
    state_unlock(&lock);
    return status;
}
