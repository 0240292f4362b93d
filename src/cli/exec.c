/* SPDX-License-Identifier: Apache-2.0 */
/* bulkhead exec: a command in a workload's place. Prints nothing of its own, and needs no daemon. */
#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/live.h"
#include "cli/options.h"
#include "cli/output.h"
#include "enforce/sandbox.h"

static int failed(const char *text)
{
    complain("%s", text);
    return SANDBOX_FAILED;
}

/* The network that has the workload; false after a complaint. */
static bool find_network(const char *workload, char ret[STATE_NAME_MAX])
{
    struct network_names names;
    size_t found = 0;
    if (!network_names(&names))
        return false;
    for (size_t i = 0; i < names.count; i++) {
        struct state s;
        if (!state_load(names.items[i], &s, NULL))
            continue;
        if (state_find(&s, workload)) {
            memcpy(ret, names.items[i], STATE_NAME_MAX);
            found++;
        }
        state_free(&s);
    }
    free(names.items);
    if (found == 1)
        return true;
    if (found == 0)
        complain("no running network has a workload %s", workload);
    else
        complain("%zu running networks have a workload %s: say NETWORK/%s", found, workload, workload);
    return false;
}

static int run(const char *network, const char *workload, const char *user, char **command)
{
    struct running r;
    int status;
    char netns[NETNS_PATH_MAX];
    struct failure f = {""};
    if (!running_open(network, SANDBOX_FAILED, &r, &status)) {
        running_close(&r);
        return SANDBOX_FAILED;
    }
    struct text hosts = text_new((size_t)16 << 20);
    if (!state_find(&r.state, workload) || policy_find_workload(r.policy, bytes_of_text(workload)) == NONE) {
        running_close(&r);
        complain("the network %s has no workload %s", network, workload);
        return SANDBOX_FAILED;
    }
    const struct workload *w = &r.policy->workloads[policy_find_workload(r.policy, bytes_of_text(workload))];
    if (w->attach_interface) {
        complain("workload %s stands behind the interface %s: what runs there is not of this machine", workload, w->attach_interface);
        running_close(&r);
        return SANDBOX_FAILED;
    }
    workload_netns(r.policy, w, netns);
    network_hosts(r.policy, &hosts);
    running_close(&r);
    struct sandbox s = {.workload = workload, .netns_path = netns, .hosts = text_cstr(&hosts), .argv = command, .user = user};
    status = sandbox_exec(&s, &f);
    if (f.text[0] && status >= SANDBOX_FAILED && status <= SANDBOX_NOT_FOUND)
        complain("%s", f.text);
    text_free(&hosts);
    return status;
}

/* `exec WORKLOAD --user U -- CMD`: what stands between the workload and the command. False: an argument is missing. */
static bool options_behind_workload(char ***command, const char **user)
{
    char **at = *command;
    while (*at && strncmp(*at, "--user", 6) == 0) {
        *user = (*at)[6] == '=' ? *at + 7 : *++at;
        if (!*user)
            return false;
        at++;
    }
    if (*at && strcmp(*at, "--") == 0)
        at++;
    *command = at;
    return true;
}

int verb_exec(int argc, char **argv)
{
    const char *user = NULL;
    const struct option_wanted wanted[] = {{"user", 0, NULL, &user}, {0}};
    struct operands operands;
    int status;
    if (!options_read(argc, argv, wanted, (struct operand_range){2, INT_MAX, true}, &operands, &status))
        return status;
    if (geteuid() != 0)
        return failed("running a command as a workload needs root: run it with sudo");
    char **command = operands.items + 1;
    if (!options_behind_workload(&command, &user))
        return failed("--user needs a user; see bulkhead exec --help");
    if (!*command)
        return failed("a command is missing; see bulkhead exec --help");
    char network[STATE_NAME_MAX];
    const char *workload = operands.items[0], *slash = strchr(workload, '/');
    if (slash) {
        size_t len = (size_t)(slash - workload);
        if (len >= sizeof network)
            return failed("that is not a network's name");
        memcpy(network, workload, len);
        network[len] = 0;
        workload = slash + 1;
    } else if (!find_network(workload, network)) {
        return SANDBOX_FAILED;
    }
    return run(network, workload, user, command);
}
