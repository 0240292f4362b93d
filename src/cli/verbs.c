/* SPDX-License-Identifier: Apache-2.0 */
/* The table of verbs, in the order in which they are listed. */
#include "cli/cli.h"
#include "cli/help.h"

/* Weak: what has no file in this build is NULL. */
#pragma weak verb_up
#pragma weak verb_down
#pragma weak verb_apply
#pragma weak verb_confirm
#pragma weak verb_exec
#pragma weak verb_status
#pragma weak verb_flows
#pragma weak verb_top
#pragma weak verb_agent
#pragma weak verb_gateway
#pragma weak verb_waf

/* env(1)'s status for failures of its own. */
#define EXEC_FAILED 125

// clang-format off
const struct verb verbs[] = {
    {"check", "FILE", "what is wrong with a policy, or suspicious", help_check, verb_check, 0},
    {"fmt", "FILE", "a policy in canonical form", help_fmt, verb_fmt, 0},
    {"why", "FILE --from A --to B --port P", "whether A reaches B, and why", help_why, verb_why, 0},
    {"matrix", "FILE", "who reaches whom", help_matrix, verb_matrix, 0},
    {"diff", "OLD NEW", "what access is gained and lost", help_diff, verb_diff, 0},
    {"up", "FILE", "build the network here, and enforce it", help_up, verb_up, 0},
    {"down", "NAME", "take it down without a trace", help_down, verb_down, 0},
    {"apply", "FILE", "change the policy of what is running", help_apply, verb_apply, 0},
    {"confirm", "NAME", "keep what apply --confirm changed", help_confirm, verb_confirm, 0},
    {"exec", "[NETWORK/]WORKLOAD -- CMD", "run a command as that workload", help_exec, verb_exec, EXEC_FAILED},
    {"status", "[NAME]", "what is enforced, and is it as desired", help_status, verb_status, 0},
    {"flows", "[NAME]", "what is happening", help_flows, verb_flows, 0},
    {"top", "[NAME]", "who talks to whom, and what is refused", help_top, verb_top, 0},
    {"agent", "NAME", "keep the machine as the policy says", help_agent, verb_agent, 0},
    {"gateway", "FILE NAME", "run a gateway", help_gateway, verb_gateway, 0},
    {"waf", "check|inspect|explain|replay", "the rule engine without a server", help_waf, verb_waf, 0},
    {"schema", "", "the policy language as a JSON Schema", help_schema, verb_schema, 0},
    {0},
};
// clang-format on

const struct verb *verb_find(const char *name)
{
    for (const struct verb *v = verbs; v->name; v++)
        if (strcmp(v->name, name) == 0)
            return v;
    return NULL;
}
