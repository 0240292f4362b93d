/* SPDX-License-Identifier: Apache-2.0 */
#include "waf_differences.h"

#include "tests/differential/waf_known.h"

#define READING_MEMORY ((size_t)1 << 30)

static bool find(const struct waf_rule_set *set, const struct waf_case *c, const struct fired *ours, const struct fired *peers, struct waf_differences *ret)
{
    struct arena *a = arena_create(READING_MEMORY);
    struct http_message m;
    const char *error;
    bool read = a && http_request_read(waf_case_bytes(c), a, &m, &error);
    if (read)
        waf_differences_find(set, &m, NULL, ours->ids, ours->count, peers->ids, peers->count, ret);
    arena_destroy(a);
    return read;
}

/* One line for all that is known. */
static void print_known(FILE *out, const struct waf_case *c, const struct waf_differences *d)
{
    bool seen[KNOWN_COUNT] = {0};
    size_t count = 0;
    for (size_t i = 0; i < d->count; i++)
        if (d->items[i].known >= 0)
            seen[d->items[i].known] = true;
    for (int k = 0; k < KNOWN_COUNT; k++)
        if (seen[k])
            fprintf(out, count++ ? ", %s" : "    known to differ: %s", waf_known[k].name);
    if (count)
        fprintf(out, " (%s)\n", c->name);
}

bool waf_differences_print(FILE *out, const struct waf_rule_set *set, const struct waf_case *c, const struct fired *ours, const struct fired *peers)
{
    static struct waf_differences d;
    if (!find(set, c, ours, peers, &d)) {
        fprintf(out, "    %s: it cannot be read again\n", c->name);
        return false;
    }
    for (size_t i = 0; i < d.count; i++)
        if (d.items[i].known < 0)
            fprintf(out, "    %s: rule %ld fired in %s alone: this must not be\n", c->name, d.items[i].id, d.items[i].alone == ALONE_IN_OURS ? "bulkhead" : "libmodsecurity");
    print_known(out, c, &d);
    return !d.unexplained;
}
