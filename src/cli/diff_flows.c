/* SPDX-License-Identifier: Apache-2.0 */
/* diff --flows: which recorded flows would be decided otherwise by the new policy. */
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli/cli.h"
#include "cli/load.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/moment.h"
#include "cli/recorded.h"
#include "base/table.h"
#include "decide/why.h"

#define MEMORY ((size_t)2 << 30)

struct comparison {
    const struct policy *before, *after;
    struct arena *arena;
    struct table seen; /* flows that were compared already */
    uint64_t flows, refused, opened;
    uint64_t lines, records, foreign; /* lines of the file; of these records of flows, and what is no record at all */
    bool json;
    struct text *out;
};

static bool passes(const struct policy *p, const struct flow *f, int64_t time)
{
    struct verdict v = decide(p, f, (struct moment){time, time});
    return v.allow || !v.enforced;
}

static void print_change(struct comparison *c, const struct flow *f, bool opened)
{
    const char *from = party_name(c->after, &f->from, c->arena), *to = party_name(c->after, &f->to, c->arena);
    struct text service = text_new(64);
    service_print(f, &service);
    if (c->json)
        text_printf(c->out, "%s{\"change\": \"%s\", \"from\": \"%s\", \"to\": \"%s\", \"port\": \"%s\"}", c->refused + c->opened > 1 ? ", " : "",
            opened ? "let-through" : "refused", from ? from : "", to ? to : "", text_cstr(&service));
    else
        text_printf(c->out, "%s %s -> %s %s\n", opened ? "let through:" : "refused:    ", from ? from : "?", to ? to : "?", text_cstr(&service));
    text_free(&service);
}

/* One record; false when memory is out. */
static bool compare_record(const char *line, void *argument)
{
    struct comparison *c = argument;
    struct recorded r;
    c->lines++;
    if (!recorded_parse(line, &r)) {
        c->foreign += !recorded_is_other(line);
        return true;
    }
    c->records++;
    struct flow *key = arena_alloc(c->arena, sizeof *key);
    bool fresh;
    if (!key)
        return false;
    *key = r.flow;
    if (!table_put(&c->seen, bytes_of(key, sizeof *key), 0, &fresh))
        return false;
    if (!fresh)
        return true;
    c->flows++;
    bool before = passes(c->before, &r.flow, r.time), after = passes(c->after, &r.flow, r.time);
    if (before == after)
        return true;
    *(after ? &c->opened : &c->refused) += 1;
    print_change(c, &r.flow, after);
    return true;
}

static int report(struct comparison *c, const char *file)
{
    struct text out = text_new(ANSWER_MAX);
    c->out = &out;
    if (c->json)
        text_puts(&out, "{\"flows\": [");
    if (!recorded_each(file, compare_record, c)) {
        text_free(&out);
        return complain_in(c->json, "cannot read the records of %s", file);
    }
    if (c->records == 0) {
        text_free(&out);
        const char *shown = strcmp(file, "-") == 0 ? "standard input" : file;
        return complain_in(c->json, "%s has no record of a flow in its %llu line%s", shown, (unsigned long long)c->lines, plural(c->lines));
    }
    if (c->json)
        text_printf(&out, "], \"compared\": %llu, \"refused\": %llu, \"let_through\": %llu, \"passed_over\": %llu}\n", (unsigned long long)c->flows,
            (unsigned long long)c->refused, (unsigned long long)c->opened, (unsigned long long)c->foreign);
    else
        text_printf(&out, "of %llu recorded flow%s %llu would be refused now, %llu newly let through\n", (unsigned long long)c->flows, plural(c->flows),
            (unsigned long long)c->refused, (unsigned long long)c->opened);
    if (!c->json && c->foreign)
        text_printf(&out, "passed over: %llu line%s no record%s\n", (unsigned long long)c->foreign, c->foreign == 1 ? " that is" : "s that are", plural(c->foreign));
    return output_text(&out, c->refused + c->opened ? STATUS_NO : STATUS_YES);
}

int diff_flows(int argc, char **argv)
{
    bool json = false;
    const char *flows = NULL, *at = NULL;
    const struct option_wanted wanted[] = {{"json", 0, &json, NULL}, {"flows", 0, NULL, &flows}, {"at", 0, NULL, &at}, {0}};
    struct operands operands;
    struct loaded before, after = {0};
    uint64_t seed;
    int status;
    if (!options_read(argc, argv, wanted, (struct operand_range){2, 2, false}, &operands, &status))
        return status;
    if (at)
        return wrong_usage("diff", "--flows decides each flow at its own time, so --at has no meaning with it");
    if (policy_need(operands.items[0], json, STATUS_CANNOT, &before, &status) &&
        policy_need(operands.items[1], json, STATUS_CANNOT, &after, &status)) {
        struct comparison c = {.before = before.policy, .after = after.policy, .arena = arena_create(MEMORY), .json = json};
        if (!c.arena || !chance(&seed)) {
            status = complain_in(json, "out of memory");
        } else {
            c.seen = table_new(c.arena, seed);
            status = report(&c, flows);
        }
        arena_destroy(c.arena);
    }
    loaded_free(&before);
    loaded_free(&after);
    return status;
}
