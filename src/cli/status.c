/* SPDX-License-Identifier: Apache-2.0 */
/* bulkhead status: what is desired beside what the kernel has. Needs no daemon. */
#include <netinet/in.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "agent/agent.h"
#include "agent/control.h"
#include "cli/cli.h"
#include "cli/live.h"
#include "cli/moment.h"
#include "cli/options.h"
#include "cli/output.h"
#include "enforce/administrator.h"
#include "enforce/clock.h"
#include "enforce/process.h"
#include "record/record.h"

#define SCRATCH_MAX ((size_t)4 << 30)

/* What was found of one network. */
struct finding {
    int agent; /* its pid, 0: none */
    struct network_drift drift;
    bool digest_equal, links_seen, this_build;
    unsigned processes, processes_running;
    uint64_t confirm_ns; /* left until it goes back; 0: nothing waits */
    struct image_origin origin; /* the kernel's */
    bool contents_asked, contents_seen;
    struct network_contents contents;
    struct failure why, why_contents;
    struct text said; /* by the agent, JSON; empty: it does not answer */
};

static void look_inside(const struct network_realised *n, struct finding *f)
{
    struct arena *scratch = arena_create(SCRATCH_MAX);
    struct diags diags = diags_new(scratch);
    f->contents_asked = true;
    f->contents_seen = scratch && network_compare(n, scratch, &diags, &f->contents, &f->why_contents);
    arena_destroy(scratch);
}

static bool contents_are_right(const struct finding *f)
{
    return !f->contents_asked || (f->contents_seen && f->contents.lines_differ == 0 && f->contents.links_differ == 0);
}

static struct finding look(const struct running *r, bool inside)
{
    struct finding f = {.agent = agent_pid(r->state.name), .said = text_new(65536)};
    if (f.agent && !control_ask(r->state.name, "status", &f.said))
        text_free(&f.said);
    struct network_realised n = {.datapath = &r->datapath, .state = &r->state, .policy = r->policy};
    f.links_seen = network_check(&n, false, &f.drift, &f.why);
    f.digest_equal = datapath_origin(&r->datapath, &f.origin) && memcmp(f.origin.digest, r->policy->digest, 32) == 0;
    f.this_build = datapath_is_of_this_build(&r->datapath);
    if (inside)
        look_inside(&n, &f);
    for (uint32_t i = 0; i < r->policy->workload_count; i++) {
        const struct state_link *l = state_find(&r->state, r->policy->workloads[i].name);
        if (!r->policy->workloads[i].run.command || !l)
            continue;
        f.processes++;
        f.processes_running += l->init && process_is(l->init, l->init_start);
    }
    uint64_t deadline = r->datapath.shared->deadline, now = (uint64_t)clock_ns(CLOCK_MONOTONIC);
    f.confirm_ns = deadline > now ? deadline - now : 0;
    return f;
}

/* Of the workloads, and the uplink's. */
static uint32_t links_desired(const struct policy *p)
{
    return p->workload_count + (p->uplink.interface ? 1 : 0);
}

static bool realised(const struct running *r, const struct finding *f)
{
    return r->state.complete && f->links_seen && f->drift.differ == 0 && f->digest_equal && r->state.count == links_desired(r->policy) &&
        f->processes == f->processes_running && contents_are_right(f);
}

static void print_digest(const uint8_t digest[32], size_t bytes, struct text *out)
{
    for (size_t i = 0; i < bytes; i++)
        text_printf(out, "%02x", digest[i]);
}

struct listing {
    struct text *out;
    const char *between;
};

static void list_administrator(const struct administrator *a, void *argument)
{
    struct listing *l = argument;
    text_printf(l->out, "%s{\"workload\": \"%s\", \"pid\": %d, \"command\": ", l->between, a->workload->name, a->pid);
    text_json(l->out, a->command);
    text_printf(l->out, ", \"others\": %u}", a->others);
    l->between = ", ";
}

static void print_administrators_json(const struct policy *p, struct text *out)
{
    struct listing l = {.out = out, .between = ""};
    text_puts(out, "\"administrators\": [");
    administrators_each(p, list_administrator, &l);
    text_puts(out, "], ");
}

static void print_administrator(const struct administrator *a, void *argument)
{
    struct text *out = argument;
    text_printf(out, "  trust      process %d (%s)", a->pid, a->command);
    if (a->others)
        text_printf(out, " and %u more", a->others);
    text_printf(out, " of %s hold%s CAP_NET_ADMIN of this host:\n             the perimeter does not hold %s (SECURITY.md)\n", a->workload->name,
        a->others ? "" : "s", a->others ? "them" : "it");
}

static void print_json(const struct running *r, const struct finding *f, struct text *out)
{
    text_printf(out, "{\"network\": \"%s\", \"realised\": %s, \"agent\": ", r->state.name, realised(r, f) ? "true" : "false");
    if (f->said.len)
        text_puts(out, text_cstr(&f->said));
    else
        text_printf(out, f->agent ? "{\"pid\": %d}" : "null", f->agent);
    text_puts(out, ", \"policy\": {\"digest\": \"");
    print_digest(r->policy->digest, 32, out);
    text_puts(out, "\", \"kernel_digest\": \"");
    print_digest(f->origin.digest, 32, out);
    text_printf(out, "\", \"generation\": %u, \"rules\": %u, \"observe\": %s}, \"links\": {\"desired\": %u, \"known\": %zu, \"differ\": %u}, \"names\": {\"differ\": %u}, ", r->generation,
        r->policy->rule_count, r->policy->observe ? "true" : "false", links_desired(r->policy), r->state.count, f->drift.differ - f->drift.nameless, f->drift.nameless);
    if (f->contents_asked)
        text_printf(out, "\"contents\": {\"lines\": %llu, \"lines_differ\": %llu, \"links_differ\": %llu}, ", (unsigned long long)f->contents.lines,
            (unsigned long long)f->contents.lines_differ, (unsigned long long)f->contents.links_differ);
    print_administrators_json(r->policy, out);
    text_printf(out, "\"programs\": {\"this_build\": %s}, ", f->this_build ? "true" : "false");
    text_printf(out, "\"processes\": {\"desired\": %u, \"running\": %u}, \"confirm_seconds\": ", f->processes, f->processes_running);
    if (f->confirm_ns)
        text_printf(out, "%llu}", (unsigned long long)(f->confirm_ns / 1000000000 + 1));
    else
        text_puts(out, "null}");
}

/* What the agent cannot put right, as it says; false: nothing is known of it. */
static bool agent_trouble(const struct finding *f, char *ret, size_t size)
{
    record_field(text_cstr(&f->said), "trouble", ret, size);
    return f->agent && f->said.len && strcmp(ret, "null") != 0;
}

/* Who puts right what differs. */
static void print_remedy(const struct running *r, const struct finding *f, struct text *out)
{
    char trouble[512];
    if (!f->agent)
        text_printf(out, "`bulkhead agent %s` puts right what it can", r->state.name);
    else if (!f->said.len)
        text_puts(out, "the agent is to put it right, and does not answer");
    else if (agent_trouble(f, trouble, sizeof trouble))
        text_puts(out, "the agent cannot put all of it right");
    else
        text_puts(out, "the agent puts right what it can when it looks next");
}

static void print_links(const struct running *r, const struct finding *f, struct text *out)
{
    text_printf(out, "  links      %zu of %u", r->state.count - f->drift.gone, links_desired(r->policy));
    unsigned differ = f->drift.differ - f->drift.nameless;
    if (differ == 0) {
        text_puts(out, ", the datapath is on all of them\n");
        return;
    }
    text_printf(out, ", %u thing%s about them differ%s: ", differ, plural(differ), differ == 1 ? "s" : "");
    print_remedy(r, f, out);
    text_puts(out, "\n");
}

static void print_names(const struct running *r, const struct finding *f, struct text *out)
{
    unsigned others = f->drift.nameless - 1;
    if (!f->drift.nameless)
        return;
    text_printf(out, "  names      /run/netns/%s", f->drift.nameless_first);
    if (others)
        text_printf(out, " and %u more", others);
    text_printf(out, " %s not the namespace%s of %s workload%s: exec does not reach %s; ", others ? "are" : "is", plural(f->drift.nameless), others ? "their" : "its",
        plural(f->drift.nameless), others ? "them" : "it");
    print_remedy(r, f, out);
    text_puts(out, "\n");
}

static const char *plural_of(const char *count)
{
    return strcmp(count, "1") == 0 ? "" : "s";
}

static void print_agent(const struct finding *f, struct text *out)
{
    const char *said = text_cstr(&f->said);
    char looks[24], ago[24], repairs[24], lost[24], trouble[512];
    text_printf(out, "  agent      runs, process %d", f->agent);
    if (!f->said.len) {
        text_puts(out, ", and does not answer\n");
        return;
    }
    record_field(said, "looks", looks, sizeof looks);
    record_field(said, "looked_ms_ago", ago, sizeof ago);
    record_field(said, "repairs", repairs, sizeof repairs);
    record_field(said, "lost", lost, sizeof lost);
    if (strcmp(looks, "0") == 0)
        text_puts(out, ", has just begun\n");
    else
        text_printf(out, ": looked %s time%s, last %s ms ago, repaired %s, lost %s event%s\n", looks, plural_of(looks), ago, repairs, lost, plural_of(lost));
    if (agent_trouble(f, trouble, sizeof trouble))
        text_printf(out, "             cannot put right: %s\n", trouble);
}

static void print_contents(const struct finding *f, struct text *out)
{
    if (!f->contents_asked)
        return;
    if (!f->contents_seen)
        text_printf(out, "  contents   cannot be compared: %s\n", f->why_contents.text);
    else if (contents_are_right(f))
        text_printf(out, "  contents   all %llu lines and every link's entry are what the policy compiles to\n", (unsigned long long)f->contents.lines);
    else
        text_printf(out, "  contents   %llu of %llu lines and %llu entries of links are not what the policy compiles to: `bulkhead down` and `up`\n",
            (unsigned long long)f->contents.lines_differ, (unsigned long long)f->contents.lines, (unsigned long long)f->contents.links_differ);
}

static void print_uplink(const struct policy *p, struct text *out)
{
    if (!p->uplink.interface)
        return;
    text_printf(out, "  uplink     %s, %s", p->uplink.interface, p->uplink.nat ? "masqueraded" : "routed");
    for (uint32_t i = 0; i < p->uplink.publish_count; i++) {
        const struct publish *e = &p->uplink.publish[i];
        text_printf(out, "%s%u/%s -> %s:%u", i ? ", " : ", published: ", e->port, e->protocol == IPPROTO_TCP ? "tcp" : "udp", p->workloads[e->workload].name,
            e->workload_port);
    }
    text_puts(out, "\n");
}

static void print(const struct running *r, const struct finding *f, struct text *out)
{
    const struct policy *p = r->policy;
    text_printf(out, "%s: %s\n", r->state.name, realised(r, f) ? "realised as the policy says" : "DIFFERS from the policy");
    text_puts(out, "  policy     ");
    print_digest(p->digest, 8, out);
    text_printf(out, ", %u rule%s, generation %u%s\n", p->rule_count, plural(p->rule_count), r->generation, p->observe ? ", observed only" : "");
    if (f->confirm_ns) {
        text_puts(out, "             goes back in ");
        seconds_print(f->confirm_ns / 1000000000 + 1, out);
        text_puts(out, " unless confirmed\n");
    }
    if (!f->digest_equal)
        text_puts(out, "  kernel     its tables are of another policy\n");
    if (!f->this_build)
        text_printf(out, "  programs   of another build of bulkhead: `bulkhead down %s` and `up` bring this one's in\n", r->state.name);
    if (!f->links_seen)
        text_printf(out, "  links      %s\n", f->why.text);
    else
        print_links(r, f, out);
    print_names(r, f, out);
    print_contents(f, out);
    print_uplink(p, out);
    administrators_each(p, print_administrator, out);
    text_printf(out, "  processes  %u of %u run\n", f->processes_running, f->processes);
    if (f->agent)
        print_agent(f, out);
    else
        text_printf(out, "  agent      does not run; what is enforced stays, `bulkhead agent %s` starts it\n", r->state.name);
    if (!r->state.complete)
        text_printf(out, "  state      an `up` or `down` did not end; `bulkhead down %s` takes away what it left\n", r->state.name);
}

/* One network; the worst of the statuses so far. */
static int show(const char *name, bool json, bool inside, bool first, int worst, struct text *out)
{
    struct running r;
    int status;
    if (running_open(name, STATUS_NO, &r, &status)) {
        struct finding f = look(&r, inside);
        status = realised(&r, &f) ? STATUS_YES : STATUS_NO;
        if (json && !first)
            text_puts(out, ",\n ");
        if (json)
            print_json(&r, &f, out);
        else
            print(&r, &f, out);
        text_free(&f.said);
    }
    running_close(&r);
    return status > worst ? status : worst;
}

int verb_status(int argc, char **argv)
{
    bool json = false, contents = false;
    const struct option_wanted wanted[] = {{"json", 0, &json, NULL}, {"contents", 0, &contents, NULL}, {0}};
    struct operands operands;
    struct network_names names;
    int status;
    if (!options_read(argc, argv, wanted, (struct operand_range){0, 1, false}, &operands, &status))
        return status;
    if (geteuid() != 0)
        return complain("only root can see what the kernel enforces: run it with sudo");
    struct text out = text_new(ANSWER_MAX);
    if (!network_names(&names))
        return complain("out of memory");
    if (operands.count || names.count <= 1) {
        status = show(operands.count ? operands.items[0] : NULL, json, contents, true, STATUS_YES, &out);
        if (json && out.len)
            text_puts(&out, "\n");
    } else {
        status = STATUS_YES;
        text_puts(&out, json ? "[" : "");
        for (size_t i = 0; i < names.count; i++)
            status = show(names.items[i], json, contents, i == 0, status, &out);
        text_puts(&out, json ? "]\n" : "");
    }
    free(names.items);
    return output_text(&out, status);
}
