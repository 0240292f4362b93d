/* SPDX-License-Identifier: Apache-2.0 */
/* bulkhead agent: the daemon of a network, in the foreground. */
#include "agent/agent.h"

#include <unistd.h>

#include "cli/cli.h"
#include "cli/options.h"
#include "cli/output.h"
#include "enforce/state.h"

int verb_agent(int argc, char **argv)
{
    const struct option_wanted wanted[] = {{0}};
    struct operands operands;
    struct failure f;
    int status;
    if (!options_read(argc, argv, wanted, (struct operand_range){1, 1, false}, &operands, &status))
        return status;
    const char *name = operands.items[0];
    if (!state_valid_name(name) || !state_exists(name))
        return complain("the network %s is not up: `bulkhead up FILE` builds it and starts its agent", name);
    if (geteuid() != 0)
        return complain("the agent needs root: run it with sudo");
    return agent_run(name, &f) ? STATUS_YES : complain("%s", f.text);
}
