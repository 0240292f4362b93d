/* SPDX-License-Identifier: Apache-2.0 */
#include "decide/diff.h"

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

/* A change of everything has hundreds of thousands of lines: they are put together without a format. */
static void print_line(const struct diff_line *l, struct text *out)
{
    print_all(out, (const char *[]){l->gained ? "gained: " : "lost: ", l->from, " -> ", l->to, " ", l->ports, NULL});
    if (l->families != 4 + 6)
        text_puts(out, l->families == 4 ? " over IPv4" : " over IPv6");
    if (l->at_times)
        text_puts(out, " at times");
    print_reason(l, out);
    text_puts(out, "\n");
}

void diff_print(const struct diff *d, struct text *out)
{
    for (size_t i = 0; i < d->count; i++)
        print_line(&d->lines[i], out);
    if (d->more[0] || d->more[1])
        text_printf(out, "and %zu more: %zu gained, %zu lost\n",
                    d->more[0] + d->more[1], d->more[0], d->more[1]);
    if (d->incomplete)
        text_printf(out, "not complete: %s\n", d->incomplete);
    else if (d->count == 0)
        text_puts(out, "no access differs\n");
}

static void json_or_null(const char *s, struct text *out)
{
    if (s)
        text_json(out, s);
    else
        text_puts(out, "null");
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
                    l->families == 4   ? "4"
                    : l->families == 6 ? "6"
                                       : "4, 6",
                    l->at_times ? "true" : "false");
        json_or_null(l->rule, out);
        text_puts(out, ", \"denier\": ");
        json_or_null(l->denier, out);
        text_puts(out, "}");
        begun = true;
    }
    text_puts(out, "]");
}

void diff_print_json(const struct diff *d, struct text *out)
{
    text_printf(out, "{\"complete\": %s, \"incomplete\": ", d->incomplete ? "false" : "true");
    json_or_null(d->incomplete, out);
    text_puts(out, ", ");
    json_lines(d, true, out);
    text_puts(out, ", ");
    json_lines(d, false, out);
    if (d->more[0] || d->more[1])
        text_printf(out, ", \"more\": {\"gained\": %zu, \"lost\": %zu}", d->more[0], d->more[1]);
    text_puts(out, "}\n");
}
