/* SPDX-License-Identifier: Apache-2.0 */
/* bulkhead up: builds the network of a policy; on one that is up it is apply. */
#include <signal.h>
#include <unistd.h>

#include "agent/agent.h"
#include "cli/cli.h"
#include "cli/live.h"
#include "cli/meter.h"
#include "cli/options.h"
#include "cli/output.h"
#include "enforce/netns.h"

#define SCRATCH_MAX ((size_t)4 << 30)
#define INTERFACES_SECONDS 60 /* less than the unit's TimeoutStartSec, and than systemd's own 90 s */

static int report(const struct policy *p, const struct network_result *r, bool json)
{
    struct text out = text_new(ANSWER_MAX);
    if (json) {
        text_printf(&out, "{\"network\": \"%s\", \"up\": true, \"workloads\": %u, \"rules\": %u, \"generation\": %u, \"table_bytes\": %llu}\n", p->name,
            p->workload_count, p->rule_count, r->generation, (unsigned long long)r->sizes.lines * LINE_BYTES);
        return output_text(&out, STATUS_YES);
    }
    text_printf(&out, "%s is up: %u workload%s in %u segment%s, %u rule%s %s\n", p->name, p->workload_count, plural(p->workload_count),
        p->segment_count, plural(p->segment_count), p->rule_count, plural(p->rule_count),
        p->observe ? "observed and not enforced" : "enforced in the kernel");
    for (uint32_t s = 0; s < p->segment_count; s++) {
        text_printf(&out, "  %-11s ", p->segments[s].name);
        char prefix[ADDRESS_TEXT_MAX];
        for (uint32_t c = 0; c < p->segments[s].cidr_count; c++)
            text_printf(&out, "%s%s", c ? ", " : "", prefix_print(&p->segments[s].cidrs[c], prefix));
        text_puts(&out, p->segments[s].hub ? "  (hub)\n" : "\n");
        for (uint32_t w = 0; w < p->workload_count; w++) {
            const struct workload *workload = &p->workloads[w];
            if (workload->segment != s)
                continue;
            text_printf(&out, "    %-17s ", workload->name);
            for (uint32_t a = 0; a < workload->address_count; a++)
                text_printf(&out, "%s%s", a ? ", " : "", address_print(&workload->addresses[a], prefix));
            text_puts(&out, "\n");
        }
    }
    print_table_size(&r->sizes, &out);
    return output_text(&out, STATUS_YES);
}

static volatile sig_atomic_t interrupted; /* by this signal */

static const int interrupting[] = {SIGINT, SIGTERM, SIGHUP};
#define INTERRUPTING (sizeof interrupting / sizeof interrupting[0])

static void interrupt(int signal)
{
    interrupted = signal;
}

/*
 * A network that is half built is taken down first, and then this process ends by the signal, as whoever sent it expects.
 * What the caller has ignored stays so.
 */
static void interrupts_hold(struct progress *progress, struct sigaction before[INTERRUPTING])
{
    const struct sigaction hold = {.sa_handler = interrupt, .sa_flags = SA_RESTART};
    progress->interrupted = &interrupted;
    for (size_t i = 0; i < INTERRUPTING; i++)
        if (sigaction(interrupting[i], NULL, &before[i]) == 0 && before[i].sa_handler != SIG_IGN)
            (void)sigaction(interrupting[i], &hold, NULL);
}

static void interrupts_release(const struct sigaction before[INTERRUPTING], bool built)
{
    for (size_t i = 0; i < INTERRUPTING; i++)
        (void)sigaction(interrupting[i], &before[i], NULL);
    if (interrupted && !built)
        (void)raise(interrupted);
    interrupted = 0;
}

static int build(const struct loaded *l, bool foreground, bool json)
{
    struct failure f = {""};
    struct arena *scratch = arena_create(SCRATCH_MAX);
    if (!scratch)
        return complain("out of memory");
    struct diags diags = diags_new(scratch);
    struct policy_source source = {l->policy, input_bytes(&l->source)};
    struct network_result result;
    int status = STATUS_YES;
    struct meter meter;
    struct progress progress = meter_begin(&meter, "workloads are built");
    struct sigaction before[INTERRUPTING];
    interrupts_hold(&progress, before);
    bool built = network_up(&source, &progress, scratch, &diags, &result, &f);
    meter_end(&meter);
    if (!built)
        status = result.invalid ? policy_unfit(&diags, l, &f) : complain("%s", f.text);
    else {
        status = report(l->policy, &result, json);
        if (status != STATUS_YES)
            complain("%s is up and %s; its workloads and addresses could not be written", l->policy->name, l->policy->observe ? "observed" : "enforced");
        warn_of_administrators(l->policy);
    }
    arena_destroy(scratch);
    /* Also when nobody could be told: the network is up. */
    if (built && !foreground && !agent_start(l->policy->name, &f))
        status = complain("%s", f.text);
    interrupts_release(before, built);
    return status;
}

bool network_is_up(const char *name)
{
    struct state s;
    char hub[128];
    if (!state_exists(name) || !state_load(name, &s, NULL))
        return false;
    bool complete = s.complete;
    state_free(&s);
    state_netns(name, "hub", hub);
    return complete && netns_exists(hub); /* whoever deletes that has taken every link away with it */
}

static int up_locked(const struct loaded *l, bool foreground, bool json)
{
    if (!network_is_up(l->policy->name))
        return build(l, foreground, json);
    struct failure f;
    bool whole;
    int status = apply_policy(l, NULL, 0, json, &whole);
    if (!foreground && !agent_start(l->policy->name, &f)) /* whatever became of the change, the network is up */
        return complain("%s", f.text);
    return whole ? status : STATUS_CANNOT;
}

/* What is left to do once the policy is valid; the agent is the caller's when `foreground`. */
static int up_loaded(const struct loaded *l, bool foreground, bool json)
{
    struct failure f;
    struct state_lock lock;
    if (!network_preflight(l->policy, &f) || !state_lock(l->policy->name, &lock, &f))
        return complain("%s", f.text);
    int status = up_locked(l, foreground, json);
    state_unlock(&lock);
    return status;
}

/*
 * In a boot interfaces come late, and what is ordered after the network is to wait for them with it: when this process
 * ended to be started again, systemd would let the others go on. One that stays away is `up`'s to complain about.
 */
static void await_interfaces(const struct policy *p)
{
    const char *missing = network_interface_missing(p);
    if (missing)
        complain("waits up to %d s for the interface %s", INTERFACES_SECONDS, missing);
    for (int waited = 0; missing && waited < INTERFACES_SECONDS * 10; waited++) {
        usleep(100000);
        missing = network_interface_missing(p);
    }
}

int up_from(const char *file, const char *name)
{
    struct loaded l;
    int status;
    if (policy_need(file, false, STATUS_NO, &l, &status)) {
        if (strcmp(l.policy->name, name) != 0)
            status = complain("%s is the policy of the network %s, not of %s", file, l.policy->name, name);
        else {
            if (!state_exists(name)) /* what a killed `up` left may hold them, and goes first */
                await_interfaces(l.policy);
            status = up_loaded(&l, true, false);
        }
    }
    loaded_free(&l);
    return status;
}

int verb_up(int argc, char **argv)
{
    bool foreground = false, json = false;
    const struct option_wanted wanted[] = {{"foreground", 0, &foreground, NULL}, {"json", 0, &json, NULL}, {0}};
    struct operands operands;
    struct loaded l;
    struct failure f;
    int status;
    if (!options_read(argc, argv, wanted, (struct operand_range){1, 1, false}, &operands, &status))
        return status;
    if (policy_need(operands.items[0], json, STATUS_NO, &l, &status)) {
        status = up_loaded(&l, foreground, json);
        if (status == STATUS_YES && foreground && !agent_run(l.policy->name, &f))
            status = complain("%s", f.text);
    }
    loaded_free(&l);
    return status;
}
