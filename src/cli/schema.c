/* SPDX-License-Identifier: Apache-2.0 */
/* schema: the language as a JSON Schema. */
#include "cli/cli.h"
#include "cli/options.h"
#include "cli/output.h"
#include "policy/print.h"

int verb_schema(int argc, char **argv)
{
    int status;
    struct operands none;
    const struct option_wanted wanted[] = {{0}};
    if (!options_read(argc, argv, wanted, (struct operand_range){0, 0, false}, &none, &status))
        return status;
    struct text out = text_new(ANSWER_MAX);
    policy_schema(&out);
    return output_text(&out, STATUS_YES);
}
