/* SPDX-License-Identifier: Apache-2.0 */
#include "decide/diff.h"

#include <netinet/in.h>

static void print_all(struct text *out, const char *const *parts)
{
    for (; *parts; parts++)
        text_puts(out, *parts);
}

static void print_reason(const struct diff_line *l, struct text *out)
{
    if (l->rule)
        print_all(out, (const char *[]){" (rule ", l->rule, l->denier ? "; " : ")", NULL});
    else
        print_all(out, (const char *[]){" (only observed", l->denier ? "; " : ")", NULL});
    if (l->denier)
        print_all(out, (const char *[]){l->gained ? "no longer denied by " : "now denied by ", l->denier, ")", NULL});
}

static const char *over_families(uint8_t families)
{
    return families == 4 + 6 ? "" : families == 4 ? " over IPv4" : " over IPv6";
}

/* A change of everything has hundreds of thousands of lines: they are put together without a format. */
static void print_line(const struct diff_line *l, struct text *out)
{
    print_all(out, (const char *[]){l->gained ? "gained: " : "lost: ", l->from, " -> ", l->to, " ", l->ports, NULL});
    text_puts(out, over_families(l->families));
    if (l->at_times)
        text_puts(out, " at times");
    print_reason(l, out);
    text_puts(out, "\n");
}

static const char *transport(const struct diff_way *w)
{
    return w->protocol == IPPROTO_TCP ? "tcp" : "udp";
}

static void print_way(const struct diff_way *w, struct text *out)
{
    if (!w->from) {
        text_printf(out, w->gained ? "published: %u/%s%s leads to %s %u/%s, but no rule lets the world in\n"
                                   : "not published any more: %u/%s%s led to %s %u/%s, but no rule let the world in\n",
                    w->port, transport(w), over_families(w->families), w->workload, w->workload_port, transport(w));
        return;
    }
    text_puts(out, w->gained ? "gained: " : "lost: ");
    text_puts(out, w->from); /* longer than a format may make it */
    text_printf(out, " -> %s %u/%s, published as %u/%s%s%s", w->workload, w->workload_port, transport(w), w->port, transport(w),
                over_families(w->families), w->at_times ? " at times" : "");
    if (w->rule)
        text_printf(out, " (rule %s)", w->rule);
    text_puts(out, "\n");
}

static void print_uplink(const struct diff_uplink *u, struct text *out)
{
    const char *old = u->interface[0], *new = u->interface[1];
    if (!new)
        text_printf(out, "changed: no uplink any more, before it was %s: nothing reaches the world or comes from it\n", old);
    else if (!old)
        text_printf(out, "changed: there is an uplink, %s (nat: %s): what rules let reach the world gets there\n", new, u->nat[1] ? "masquerade" : "none");
    else if (strcmp(old, new) != 0)
        text_printf(out, "changed: the uplink is %s, before it was %s\n", new, old);
    if (old && new && u->nat[0] != u->nat[1])
        text_printf(out, u->nat[1] ? "changed: nat: masquerade: what leaves gets the address of %s\n"
                                   : "changed: nat: none: what leaves by %s keeps the workload's address\n", new);
}

void diff_print(const struct diff *d, struct text *out)
{
    for (size_t i = 0; i < d->count; i++)
        print_line(&d->lines[i], out);
    for (size_t i = 0; i < d->way_count; i++)
        print_way(&d->ways[i], out);
    if (d->uplink.differs)
        print_uplink(&d->uplink, out);
    if (d->more[0] || d->more[1])
        text_printf(out, "and %zu more: %zu gained, %zu lost\n",
                    d->more[0] + d->more[1], d->more[0], d->more[1]);
    if (d->incomplete)
        text_printf(out, "not complete: %s\n", d->incomplete);
    else if (!diff_found(d))
        text_puts(out, "no access differs\n");
}

static void json_or_null(const char *s, struct text *out)
{
    if (s)
        text_json(out, s);
    else
        text_puts(out, "null");
}

static const char *families_json(uint8_t families)
{
    return families == 4 ? "4" : families == 6 ? "6" : "4, 6";
}

static void json_lines(const struct diff *d, bool gained, struct text *out)
{
    bool begun = false;
    text_printf(out, "\"%s\": [", gained ? "gained" : "lost");
    for (size_t i = 0; i < d->count; i++) {
        const struct diff_line *l = &d->lines[i];
        if (l->gained != gained)
            continue;
        text_puts(out, begun ? ", {\"from\": " : "{\"from\": ");
        text_json(out, l->from);
        text_puts(out, ", \"to\": ");
        text_json(out, l->to);
        text_puts(out, ", \"ports\": ");
        text_json(out, l->ports);
        text_printf(out, ", \"families\": [%s], \"at_times\": %s, \"rule\": ",
                    families_json(l->families),
                    l->at_times ? "true" : "false");
        json_or_null(l->rule, out);
        text_puts(out, ", \"denier\": ");
        json_or_null(l->denier, out);
        text_puts(out, "}");
        begun = true;
    }
    text_puts(out, "]");
}

static void json_ways(const struct diff *d, bool gained, struct text *out)
{
    bool begun = false;
    text_printf(out, "\"%s\": [", gained ? "gained" : "lost");
    for (size_t i = 0; i < d->way_count; i++) {
        const struct diff_way *w = &d->ways[i];
        if (w->gained != gained)
            continue;
        text_printf(out, "%s{\"port\": \"%u/%s\", \"from\": ", begun ? ", " : "", w->port, transport(w));
        json_or_null(w->from, out);
        text_printf(out, ", \"to\": \"%s\", \"ports\": \"%u/%s\", \"families\": [%s], \"at_times\": %s, \"rule\": ", w->workload, w->workload_port,
                    transport(w), families_json(w->families), w->at_times ? "true" : "false");
        json_or_null(w->rule, out);
        text_puts(out, "}");
        begun = true;
    }
    text_puts(out, "]");
}

static void json_uplink(const struct diff_uplink *u, struct text *out)
{
    static const char *const sides[] = {"{\"before\": ", ", \"after\": "};
    for (unsigned i = 0; i < 2; i++) {
        text_puts(out, sides[i]);
        if (!u->interface[i]) {
            text_puts(out, "null");
            continue;
        }
        text_puts(out, "{\"interface\": ");
        text_json(out, u->interface[i]);
        text_printf(out, ", \"nat\": \"%s\"}", u->nat[i] ? "masquerade" : "none");
    }
    text_puts(out, "}");
}

void diff_print_json(const struct diff *d, struct text *out)
{
    text_printf(out, "{\"complete\": %s, \"incomplete\": ", d->incomplete ? "false" : "true");
    json_or_null(d->incomplete, out);
    text_puts(out, ", ");
    json_lines(d, true, out);
    text_puts(out, ", ");
    json_lines(d, false, out);
    text_puts(out, ", \"published\": {");
    json_ways(d, true, out);
    text_puts(out, ", ");
    json_ways(d, false, out);
    text_puts(out, "}, \"uplink\": ");
    if (d->uplink.differs)
        json_uplink(&d->uplink, out);
    else
        text_puts(out, "null");
    if (d->more[0] || d->more[1])
        text_printf(out, ", \"more\": {\"gained\": %zu, \"lost\": %zu}", d->more[0], d->more[1]);
    text_puts(out, "}\n");
}
