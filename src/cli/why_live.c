/* SPDX-License-Identifier: Apache-2.0 */
/* why --live: asks the kernel's tables and says where they differ from the file. why --flow: explains a record. */
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/live.h"
#include "cli/moment.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/recorded.h"
#include "decide/resolve.h"
#include "decide/uplink.h"
#include "decide/why.h"
#include "record/record.h"

#define WHY_MEMORY ((size_t)1 << 30)

/* One family's answer of the kernel beside the file's. */
struct beside {
    struct ask kernel;
    struct verdict file;
    bool same;
};

static uint32_t link_of(const struct running *r, const struct address *a)
{
    uint32_t w = policy_workload_of(r->policy, a);
    const char *name = w != NONE ? r->policy->workloads[w].name : policy_segment_of(r->policy, a) == NONE ? STATE_UPLINK : NULL;
    const struct state_link *l = name ? state_find(&r->state, name) : NULL;
    return l ? l->link : 0;
}

static const char *rule_name(const struct policy *p, uint32_t rule)
{
    return rule < p->rule_count ? p->rules[rule].name : NULL;
}

static bool compare(struct running *r, const struct loaded *l, const struct flow *f, int64_t now, struct beside *ret, struct failure *why)
{
    struct ask *a = &ret->kernel;
    *a = (struct ask){.family = f->from.family, .protocol = f->protocol, .to_port = htons(f->port), .from_link = link_of(r, &f->from)};
    const struct publish *published = uplink_published_to(r->policy, f->protocol, &f->to, f->port);
    if (published) /* asked from the world only */
        a->published = htons(published->port);
    memcpy(a->from, f->from.octets, address_octets(&f->from));
    memcpy(a->to, f->to.octets, address_octets(&f->to));
    if (!datapath_ask(&r->datapath, a, why))
        return false;
    ret->file = decide(l->policy, f, (struct moment){now, now});
    bool kernel_allows = a->allowed && !a->observed;
    ret->same = kernel_allows == ret->file.allow && a->reason == ret->file.reason &&
        texts_equal(rule_name(r->policy, a->rule), rule_name(l->policy, ret->file.rule));
    return true;
}

static void print_side(const char *who, bool allow, bool passes, uint8_t reason, const char *rule, struct text *out)
{
    text_printf(out, "  %-8s %s: %s%s%s%s\n", who, allow ? "allow" : "deny", reason < REASONS ? reason_name((enum bulkhead_reason)reason) : "?",
        rule ? " (" : "", rule ? rule : "", rule ? ")" : "");
    if (!allow && passes)
        text_puts(out, "           only observed: it passes\n");
}

static void print_beside(const struct running *r, const struct loaded *l, const struct flow *f, const struct beside *b, struct text *out)
{
    char from[ADDRESS_TEXT_MAX], to[ADDRESS_TEXT_MAX];
    text_printf(out, "%s -> %s ", address_print(&f->from, from), address_print(&f->to, to));
    service_print(f, out);
    text_printf(out, " (IPv%u), generation %u:\n", f->from.family, b->kernel.generation);
    print_side("kernel", b->kernel.allowed && !b->kernel.observed, b->kernel.allowed, b->kernel.reason, rule_name(r->policy, b->kernel.rule), out);
    if (b->kernel.allowed && b->kernel.delivery != REASON_RULE)
        text_printf(out, "           not delivered: %s\n", reason_name((enum bulkhead_reason)b->kernel.delivery));
    print_side("file", b->file.allow, !b->file.enforced, (uint8_t)b->file.reason, rule_name(l->policy, b->file.rule), out);
    text_puts(out, b->same ? "  the kernel does what the file says\n" : "  THEY DIFFER: `bulkhead apply` puts the file in force\n");
}

static void print_beside_json(const struct running *r, const struct loaded *l, const struct flow *f, const struct beside *b, struct text *out)
{
    const char *kernel = rule_name(r->policy, b->kernel.rule), *file = rule_name(l->policy, b->file.rule);
    text_printf(out, "{\"family\": %u, \"generation\": %u, \"same\": %s, \"kernel\": {\"decision\": \"%s\", \"reason\": \"%s\", \"enforced\": %s, \"rule\": ",
        f->from.family, b->kernel.generation, b->same ? "true" : "false", b->kernel.allowed && !b->kernel.observed ? "allow" : "deny",
        b->kernel.reason < REASONS ? reason_name((enum bulkhead_reason)b->kernel.reason) : "?", b->kernel.observed ? "false" : "true");
    text_printf(out, kernel ? "\"%s\"" : "null", kernel);
    text_printf(out, ", \"delivery\": \"%s\"}, \"file\": {\"decision\": \"%s\", \"reason\": \"%s\", \"rule\": ",
        b->kernel.delivery == REASON_RULE ? "ok" : reason_name((enum bulkhead_reason)b->kernel.delivery), b->file.allow ? "allow" : "deny", reason_name(b->file.reason));
    text_printf(out, file ? "\"%s\"" : "null", file);
    text_puts(out, "}}");
}

static int ask_kernel(struct running *r, const struct loaded *l, const struct flows *flows, bool json)
{
    struct text out = text_new(ANSWER_MAX);
    struct failure f;
    int status = STATUS_YES;
    int64_t now = moment_now();
    text_puts(&out, json ? "{\"live\": [" : "");
    for (uint32_t i = 0; i < flows->count; i++) {
        struct beside b;
        if (!compare(r, l, &flows->items[i], now, &b, &f))
            return complain_in(json, "%s", f.text);
        if (!b.kernel.allowed || b.kernel.observed)
            status = STATUS_NO;
        if (json)
            text_puts(&out, i ? ", " : "");
        (json ? print_beside_json : print_beside)(r, l, &flows->items[i], &b, &out);
    }
    text_puts(&out, json ? "]}\n" : "");
    return output_text(&out, status);
}

int why_live(int argc, char **argv)
{
    bool json = false, live = false;
    const char *from = NULL, *to = NULL, *port = NULL, *error;
    const struct option_wanted wanted[] = {
        {"json", 0, &json, NULL}, {"live", 0, &live, NULL}, {"from", 0, NULL, &from}, {"to", 0, NULL, &to}, {"port", 0, NULL, &port}, {0}};
    struct operands operands;
    struct loaded l;
    struct running r;
    struct flows flows;
    int status;
    if (!options_read(argc, argv, wanted, (struct operand_range){1, 1, false}, &operands, &status))
        return status;
    if (!from || !to || !port)
        return wrong_usage("why", "--live takes --from, --to and --port, and is about now");
    if (geteuid() != 0)
        return complain_in(json, "only root can ask the kernel: run it with sudo");
    if (policy_need(operands.items[0], json, STATUS_CANNOT, &l, &status)) {
        struct arena *arena = arena_create(WHY_MEMORY);
        if (!arena || !resolve_flows(l.policy, bytes_of_text(from), bytes_of_text(to), bytes_of_text(port), arena, &flows, &error)) {
            status = complain_in(json, "%s", arena && error ? error : "out of memory");
        } else {
            if (running_open(l.policy->name, STATUS_CANNOT, &r, &status))
                status = ask_kernel(&r, &l, &flows, json);
            running_close(&r);
        }
        arena_destroy(arena);
    }
    loaded_free(&l);
    return status;
}

struct wanted_record {
    const char *id;
    char *line; /* NULL until it is found; the caller frees it */
};

/* Goes on until it is found. */
static bool look_for_record(const char *line, void *argument)
{
    struct wanted_record *w = argument;
    char id[32];
    record_field(line, "id", id, sizeof id);
    if (strcmp(id, w->id) == 0)
        w->line = strdup(line);
    return !w->line;
}

static int explain(const struct loaded *l, const char *line, bool json)
{
    struct recorded r;
    struct why w;
    if (!recorded_parse(line, &r))
        return complain_in(json, "that record has no addresses: the packet was refused before they were known");
    struct arena *arena = arena_create(WHY_MEMORY);
    int status;
    if (!arena || !why_explain(l->policy, &r.flow, (struct moment){r.time, r.time}, arena, &w)) {
        status = complain_in(json, "out of memory");
    } else {
        struct text out = text_new(ANSWER_MAX);
        if (json) {
            why_print_json(&w, l->policy, &out);
        } else {
            text_printf(&out, "recorded as %s; decided again, for that moment, by this file:\n", r.reason);
            why_print(&w, l->policy, l->file, &out);
        }
        status = output_text(&out, w.span.verdict.allow ? STATUS_YES : STATUS_NO);
    }
    arena_destroy(arena);
    return status;
}

int why_flow(int argc, char **argv)
{
    bool json = false;
    const char *id = NULL;
    const struct option_wanted wanted[] = {{"json", 0, &json, NULL}, {"flow", 0, NULL, &id}, {0}};
    struct operands operands;
    struct loaded l;
    int status;
    if (!options_read(argc, argv, wanted, (struct operand_range){1, 1, false}, &operands, &status))
        return status;
    if (geteuid() != 0)
        return complain_in(json, "only root can see the records: run it with sudo");
    if (policy_need(operands.items[0], json, STATUS_CANNOT, &l, &status)) {
        struct wanted_record found = {.id = id};
        if (!state_exists(l.policy->name))
            status = complain_in(json, "the network %s is not up", l.policy->name);
        else if (recorded_each_of(l.policy->name, look_for_record, &found) || !found.line)
            status = complain_in(json, "no record has the id %s; `bulkhead flows %s` shows them", id, l.policy->name);
        else
            status = explain(&l, found.line, json);
        free(found.line);
    }
    loaded_free(&l);
    return status;
}
