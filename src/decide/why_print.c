/* SPDX-License-Identifier: Apache-2.0 */
#include "decide/why.h"

#include <netinet/in.h>

#define COLUMNS        80
#define LINE_MAX_BYTES (1 << 16)

/* `body` behind `head`, broken at spaces so that lines fit; later lines are indented by `indent`. */
static void put_wrapped(struct text *out, const char *head, size_t indent, const char *body)
{
    text_puts(out, head);
    size_t column = strlen(head);
    bool begun = false;
    while (*body) {
        size_t word = strcspn(body, " ");
        if (begun && column + 1 + word > COLUMNS) {
            text_printf(out, "\n%*s", (int)indent, "");
            column = indent;
        } else if (begun) {
            text_puts(out, " ");
            column++;
        }
        text_append(out, body, word);
        column += word;
        begun = true;
        body += word;
        body += strspn(body, " ");
    }
    text_puts(out, "\n");
}

/* A line made of parts, then wrapped. */
static void put_line(struct text *out, const char *head, struct text *line)
{
    put_wrapped(out, head, strlen(head), text_cstr(line));
    if (line->failed)
        out->failed = true;
    text_free(line);
}

static void put_rule(const struct policy *p, uint32_t rule, const char *file, struct text *line)
{
    text_printf(line, "%s (", p->rules[rule].name);
    text_visible(line, bytes_of_text(file));
    text_printf(line, ":%u)", p->rules[rule].place.line);
}

static void print_head(const struct why *w, struct text *out)
{
    struct text line = text_new(LINE_MAX_BYTES);
    const struct verdict *v = &w->span.verdict;
    text_printf(&line, "%s -> %s ", w->from, w->to);
    service_print(&w->flow, &line);
    text_printf(&line, " (IPv%u): %s", w->flow.from.family, v->allow ? "allow" : "deny");
    if (!v->enforced)
        text_puts(&line, ", but it passes: only observed");
    put_line(out, "", &line);
}

/* With the published port by which it comes from the world, or how to get one. */
static void print_delivery(const struct why *w, const struct policy *p, struct text *out)
{
    struct text line = text_new(LINE_MAX_BYTES);
    text_puts(&line, delivery_name(w->delivery));
    const char *protocol = w->flow.protocol == IPPROTO_TCP ? "tcp" : "udp";
    if (w->published)
        text_printf(&line, ": published as %u/%s at %s", w->published->port, protocol, p->uplink.interface);
    if (w->publishable)
        text_printf(&line, ": add publish: {PORT/%s: %s:%u} to the hub's uplink", protocol, w->to,
                    w->flow.port);
    put_line(out, "  delivery   ", &line);
}

static void print_verdict(const struct why *w, const struct policy *p, const char *file, struct text *out)
{
    const struct verdict *v = &w->span.verdict;
    struct text line = text_new(LINE_MAX_BYTES);
    text_printf(&line, "%s: %s", reason_name(v->reason), reason_meaning(v->reason));
    put_line(out, "  reason     ", &line);
    if (v->rule != NONE) {
        line = text_new(LINE_MAX_BYTES);
        put_rule(p, v->rule, file, &line);
        put_line(out, "  rule       ", &line);
    }
    print_delivery(w, p, out);
}

static void print_way(const struct why *w, struct text *out)
{
    struct text line = text_new(LINE_MAX_BYTES);
    for (size_t i = 0; i < w->way_count; i++) {
        const struct waypoint *at = &w->way[i];
        text_printf(&line, "%s%s %s%s", i ? " > " : "", at->kind, at->name, at->observed ? " (observed)" : "");
    }
    put_line(out, "  perimeters ", &line);
}

static void print_matching(const struct why *w, const struct policy *p, const char *file, struct text *out)
{
    for (size_t i = 0; i < w->matching_count; i++) {
        const struct rule *r = &p->rules[w->matching[i]];
        struct text line = text_new(LINE_MAX_BYTES);
        put_rule(p, w->matching[i], file, &line);
        text_printf(&line, " %s it%s", r->allow ? "allows" : "denies", r->observe ? " (only observed)" : "");
        put_line(out, i ? "             " : "  matching   ", &line);
    }
    if (w->no_allow && !w->span.verdict.allow)
        put_wrapped(out, w->matching_count ? "             " : "  matching   ", 13, "no rule allows it");
}

static void print_nearest(const struct why *w, const struct policy *p, const char *file, struct text *out)
{
    for (size_t i = 0; i < w->nearest_count; i++) {
        const struct rule *r = &p->rules[w->nearest[i].rule];
        struct text line = text_new(LINE_MAX_BYTES);
        text_printf(&line, "would be allowed by %s, ", r->name);
        text_visible(&line, bytes_of_text(file));
        text_printf(&line, ":%u, if %s", r->place.line, w->nearest[i].text);
        put_line(out, i ? "             " : "  nearest    ", &line);
    }
}

static void print_change(const struct change *c, struct text *out)
{
    if (c->kind == CHANGE_NONE)
        return;
    for (size_t i = 0; i < c->step_count; i++)
        put_wrapped(out, i ? "             and " : "  change     ", 13, c->steps[i]);
    if (c->open_unknown) {
        put_wrapped(out, "  opens too  ", 13, "not counted: the policy is too large");
        return;
    }
    if (c->open_total == 0)
        put_wrapped(out, "  opens too  ", 13, "nothing else");
    for (size_t i = 0; i < c->open_count; i++)
        put_wrapped(out, i ? "             " : "  opens too  ", 13, c->opens[i]);
    if (c->open_total > c->open_count)
        text_printf(out, "             and %zu more\n", c->open_total - c->open_count);
}

void why_print_reasons(const struct why *w, const struct policy *p, const char *file, struct text *out)
{
    print_verdict(w, p, file, out);
    print_way(w, out);
    print_matching(w, p, file, out);
    print_nearest(w, p, file, out);
    print_change(&w->change, out);
}

void why_print(const struct why *w, const struct policy *p, const char *file, struct text *out)
{
    print_head(w, out);
    why_print_reasons(w, p, file, out);
}

/* JSON */

static void json_rule(const struct policy *p, uint32_t rule, struct text *out)
{
    if (rule == NONE)
        text_puts(out, "null");
    else
        text_json(out, p->rules[rule].name);
}

/* The fields that every answer has, without braces. */
static void json_verdict(const struct policy *p, const struct flow *f, const struct verdict *v, enum delivery d,
                         const char *from, const char *to, struct text *out)
{
    struct text service = text_new(64);
    service_print(f, &service);
    text_printf(out, "\"decision\": \"%s\", \"rule\": ", v->allow ? "allow" : "deny");
    json_rule(p, v->rule, out);
    text_printf(out, ", \"reason\": \"%s\", \"delivery\": \"%s\", \"enforced\": %s, \"from\": ",
                reason_name(v->reason), delivery_name(d), v->enforced ? "true" : "false");
    text_json(out, from);
    text_puts(out, ", \"to\": ");
    text_json(out, to);
    text_puts(out, ", \"port\": ");
    text_json(out, text_cstr(&service));
    text_free(&service);
}

void verdict_print_json(const struct policy *p, const struct flow *f, const struct verdict *v, enum delivery d,
                        const char *from, const char *to, struct text *out)
{
    text_puts(out, "{");
    json_verdict(p, f, v, d, from, to, out);
    text_puts(out, "}\n");
}

static const char *protocol_word(const struct flow *f)
{
    switch (f->protocol) {
    case IPPROTO_TCP:
        return "tcp";
    case IPPROTO_UDP:
        return "udp";
    case IPPROTO_SCTP:
        return "sctp";
    case IPPROTO_ICMP:
    case IPPROTO_ICMPV6:
        return "icmp";
    default:
        return NULL;
    }
}

static void json_names(const struct policy *p, const char *field, const uint32_t *rules, size_t count,
                       struct text *out)
{
    text_printf(out, ", \"%s\": [", field);
    for (size_t i = 0; i < count; i++) {
        text_puts(out, i ? ", {\"rule\": " : "{\"rule\": ");
        json_rule(p, rules[i], out);
        text_printf(out, ", \"line\": %u, \"allow\": %s, \"observe\": %s}", p->rules[rules[i]].place.line,
                    p->rules[rules[i]].allow ? "true" : "false", p->rules[rules[i]].observe ? "true" : "false");
    }
    text_puts(out, "]");
}

static void json_texts(const char *field, const char *const *texts, size_t count, struct text *out)
{
    text_printf(out, "\"%s\": [", field);
    for (size_t i = 0; i < count; i++) {
        text_puts(out, i ? ", " : "");
        text_json(out, texts[i]);
    }
    text_puts(out, "]");
}

static void json_way(const struct why *w, struct text *out)
{
    text_puts(out, ", \"perimeters\": [");
    for (size_t i = 0; i < w->way_count; i++) {
        text_printf(out, "%s{\"kind\": \"%s\", \"name\": ", i ? ", " : "", w->way[i].kind);
        text_json(out, w->way[i].name);
        text_printf(out, ", \"observed\": %s}", w->way[i].observed ? "true" : "false");
    }
    text_puts(out, "]");
}

static void json_nearest(const struct why *w, const struct policy *p, struct text *out)
{
    static const struct {
        enum lack lack;
        const char *name;
    } lacks[] = {{LACK_FROM, "from"}, {LACK_TO, "to"}, {LACK_PORTS, "ports"}, {LACK_CONDITION, "when"}};

    text_puts(out, ", \"nearest\": [");
    for (size_t i = 0; i < w->nearest_count; i++) {
        const struct miss *miss = &w->nearest[i];
        const char *names[4];
        size_t count = 0;
        for (size_t k = 0; k < 4; k++) {
            if (miss->lacks & lacks[k].lack)
                names[count++] = lacks[k].name;
        }
        text_puts(out, i ? ", {\"rule\": " : "{\"rule\": ");
        json_rule(p, miss->rule, out);
        text_printf(out, ", \"line\": %u, ", p->rules[miss->rule].place.line);
        json_texts("lacks", names, count, out);
        text_puts(out, ", \"if\": ");
        text_json(out, miss->text);
        text_puts(out, "}");
    }
    text_puts(out, "]");
}

static void json_change(const struct change *c, struct text *out)
{
    text_puts(out, ", \"change\": ");
    if (c->kind == CHANGE_NONE) {
        text_puts(out, "null");
        return;
    }
    text_printf(out, "{\"kind\": \"%s\", ", change_kind_name(c->kind));
    json_texts("steps", c->steps, c->step_count, out);
    text_puts(out, ", ");
    json_texts("opens", c->opens, c->open_count, out);
    if (c->open_unknown)
        text_puts(out, ", \"opens_total\": null}");
    else
        text_printf(out, ", \"opens_total\": %zu}", c->open_total);
}

void why_print_json(const struct why *w, const struct policy *p, struct text *out)
{
    const struct verdict *v = &w->span.verdict;
    text_puts(out, "{");
    json_verdict(p, &w->flow, v, w->delivery, w->from, w->to, out);
    text_puts(out, ", \"place\": ");
    if (v->rule == NONE)
        text_puts(out, "null");
    else
        text_printf(out, "{\"line\": %u}", p->rules[v->rule].place.line);
    text_puts(out, ", \"protocol\": ");
    if (protocol_word(&w->flow))
        text_json(out, protocol_word(&w->flow));
    else
        text_printf(out, "%u", w->flow.protocol);
    text_printf(out, ", \"family\": %u", w->flow.from.family);
    json_names(p, "matching", w->matching, w->matching_count, out);
    json_names(p, "blockers", w->blockers, w->blocker_count, out);
    json_way(w, out);
    json_nearest(w, p, out);
    json_change(&w->change, out);
    text_puts(out, "}\n");
}
