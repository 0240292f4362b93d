/* SPDX-License-Identifier: Apache-2.0 */
/* bulkhead VERB: finds the verb and hands over. */
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/diag.h"
#include "cli/cli.h"
#include "cli/output.h"
#include "enforce/descriptors.h"
#include "enforce/stack.h"

#define VERBS_MAX 64

/* A file opened later must not become standard output. What was closed is opened so that it cannot be used. */
static bool standard_descriptors_open(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY) != fd)
            return false;
    return true;
}

static int print_verbs(void)
{
    struct text out = text_new(ANSWER_MAX);
    text_puts(&out, "Usage: bulkhead VERB [OPTION]... [ARGUMENT]...\n"
                    "       bulkhead VERB --help\n\n"
                    "Zero-trust networking for Linux: one policy says who may reach what.\n\n"
                    "Verbs:\n");
    for (const struct verb *v = verbs; v->name; v++) {
        char head[48];
        if (!v->run)
            continue;
        snprintf(head, sizeof head, "%s%s%s", v->name, *v->arguments ? " " : "", v->arguments);
        text_printf(&out, "  %-33s  %s\n", head, v->summary);
    }
    text_puts(&out, "\nOptions:\n"
                    "  --help     this, or after a verb what the verb does\n"
                    "  --version  the version\n\n"
                    "Examples:\n"
                    "  bulkhead check shop.yaml\n"
                    "  bulkhead why shop.yaml --from orders --to ledger --port 5432/tcp\n\n"
                    "Exit status: 0 yes or done, 1 no, 2 the question could not be answered.\n");
    return output_text(&out, STATUS_YES);
}

static int print_version(void)
{
    struct text out = text_new(ANSWER_MAX);
    text_puts(&out, "bulkhead " BULKHEAD_VERSION "\n");
    return output_text(&out, STATUS_YES);
}

static int refuse_verb(const char *name)
{
    const char *names[VERBS_MAX];
    size_t count = 0;
    for (const struct verb *v = verbs; v->name && count < VERBS_MAX; v++)
        names[count++] = v->name;
    const char *closest = closest_name(name, names, count);
    const char *what = name[0] == '-' ? "option" : "verb";
    if (closest)
        return complain("unknown %s `%s`, did you mean `%s`?; see bulkhead --help", what, name, closest);
    return complain("unknown %s `%s`; see bulkhead --help", what, name);
}

int main(int argc, char **argv)
{
    if (!standard_descriptors_open())
        return STATUS_CANNOT;
    output_begin();
    descriptors_raise();
    if (argc < 2)
        return complain("a verb is missing; see bulkhead --help");
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)
        return print_verbs();
    if (strcmp(argv[1], "--version") == 0)
        return print_version();
    const struct verb *v = verb_find(argv[1]);
    if (!v)
        return refuse_verb(argv[1]);
    struct failure f = {""};
    complain_as(v->name);
    if (!v->run)
        return complain("not built yet");
    if (!stack_suffices(&f)) {
        int status = complain("%s", f.text);
        return v->usage_status ? v->usage_status : status;
    }
    return v->run(argc - 1, argv + 1);
}
