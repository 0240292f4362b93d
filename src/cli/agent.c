/* SPDX-License-Identifier: Apache-2.0 */
/* bulkhead agent: the daemon of a network, in the foreground. */
#include "agent/agent.h"

#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/live.h"
#include "cli/options.h"
#include "cli/output.h"
#include "enforce/state.h"

static void compare_digests(const struct policy *stored, const char *file)
{
    struct running r;
    int ignored;
    if (running_open(stored->name, STATUS_CANNOT, &r, &ignored) && memcmp(r.policy->digest, stored->digest, sizeof stored->digest) != 0)
        complain("the network %s goes on with the policy that it has: %s is another, which `bulkhead apply %s` puts in force", stored->name, file, file);
    running_close(&r);
}

/* A daemon that is started again changes no policy; where another is stored than is in force, it says so. */
static void compare_stored(const char *file, const char *name)
{
    struct loaded l;
    int ignored;
    if (!policy_need(file, false, STATUS_NO, &l, &ignored))
        complain("the network %s goes on with the policy that it has: %s cannot be put in force", name, file);
    else if (strcmp(l.policy->name, name) != 0)
        complain("the network %s goes on with the policy that it has: %s is the policy of the network %s", name, file, l.policy->name);
    else
        compare_digests(l.policy, file);
    loaded_free(&l);
}

/* At boot: the stored policy first. A network that is up is adopted as it is. STATUS_YES: go on. */
static int begin_with(const char *file, const char *name)
{
    if (!network_is_up(name))
        return up_from(file, name);
    if (!agent_pid(name)) /* else this one ends at once, and says why */
        compare_stored(file, name);
    return STATUS_YES;
}

int verb_agent(int argc, char **argv)
{
    const char *file = NULL;
    const struct option_wanted wanted[] = {{"policy", 0, NULL, &file}, {0}};
    struct operands operands;
    struct failure f;
    int status;
    if (!options_read(argc, argv, wanted, (struct operand_range){1, 1, false}, &operands, &status))
        return status;
    const char *name = operands.items[0];
    if (!state_valid_name(name))
        return complain("`%s` is not a network's name", name);
    if (geteuid() != 0)
        return complain("the agent needs root: run it with sudo");
    if (file && (status = begin_with(file, name)) != STATUS_YES)
        return status;
    if (!state_exists(name))
        return complain("the network %s is not up: `bulkhead up FILE` builds it and starts its agent", name);
    return agent_run(name, &f) ? STATUS_YES : complain("%s", f.text);
}
