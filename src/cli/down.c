/* SPDX-License-Identifier: Apache-2.0 */
/* bulkhead down: takes a network away, also a half-built one. */
#include <unistd.h>

#include "cli/cli.h"
#include "cli/options.h"
#include "cli/output.h"
#include "enforce/network.h"

int verb_down(int argc, char **argv)
{
    bool json = false, was_up = false;
    const struct option_wanted wanted[] = {{"json", 0, &json, NULL}, {0}};
    struct operands operands;
    struct failure f;
    struct state_lock lock;
    int status;
    if (!options_read(argc, argv, wanted, (struct operand_range){1, 1, false}, &operands, &status))
        return status;
    const char *name = operands.items[0];
    if (!state_valid_name(name))
        return complain("`%s` is not a network's name", name);
    if (geteuid() != 0)
        return complain("taking a network down needs root: run it with sudo");
    if (!state_lock(name, &lock, &f))
        return complain("%s", f.text);
    bool gone = network_down(name, &was_up, &f);
    state_unlock(&lock);
    if (!gone)
        return complain("%s", f.text);
    struct text out = text_new(ANSWER_MAX);
    if (json)
        text_printf(&out, "{\"network\": \"%s\", \"up\": false, \"was_up\": %s}\n", name, was_up ? "true" : "false");
    else
        text_printf(&out, was_up ? "%s is down; nothing of it is left\n" : "%s was not up\n", name);
    return output_text(&out, STATUS_YES);
}
