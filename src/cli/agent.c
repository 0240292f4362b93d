/* SPDX-License-Identifier: Apache-2.0 */
/* bulkhead agent: the daemon of a network, in the foreground. */
#include "agent/agent.h"

#include <unistd.h>

#include "cli/cli.h"
#include "cli/live.h"
#include "cli/options.h"
#include "cli/output.h"
#include "enforce/state.h"

/* At boot: the stored policy first. A network that is up is adopted as it is. STATUS_YES: go on. */
static int begin_with(const char *file, const char *name)
{
    return network_is_up(name) ? STATUS_YES : up_from(file, name);
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
