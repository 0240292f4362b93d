/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Model -> canonical text: the order of keys is the tables' of language.c, what is default is left out, short
 * things are in flow style. Comments and repeated entries are not in the model and so are not kept.
 */
#include "policy/print.h"

#include <netinet/in.h>

#include "policy/condition.h"
#include "policy/print_parts.h"

/* Flow style goes on in the next line behind this column: lines stay short enough for people, and for yaml.h. */
#define COLUMNS 110

/* What stands between two things in a flow collection that began at `start` of the text. */
static void separate(struct text *out)
{
    size_t column = 0;
    while (column < out->len && column <= COLUMNS && out->at[out->len - 1 - column] != '\n')
        column++;
    text_puts(out, column > COLUMNS ? ",\n      " : ", ");
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* Whether `s` means itself without quotes, for us and for every other reader of YAML. */
static bool is_plain(const char *s)
{
    static const char *const taken[] = {"null", "true", "false", "yes", "no", "on", "off", "y", "n", "~", NULL};
    const char *first = *s == '-' ? s + (s[1] == '-' ? 2 : 1) : s; /* an option of a command */
    if (!is_letter(*first) && *s != '/' && *s != '_')
        return false;
    for (const char *const *t = taken; *t; t++)
        if (strcasecmp(s, *t) == 0)
            return false;
    for (const char *c = s; *c; c++)
        if (!is_letter(*c) && !(*c >= '0' && *c <= '9') && !strchr("-._/+=@%", *c))
            return false;
    return true;
}

/*
 * The same of an address or a prefix. YAML 1.1 reads `1:20` as a number and begins no text in flow style with `:`; a `:` at the
 * end makes a key of it for all.
 */
static bool is_plain_address(const char *s)
{
    size_t len = strlen(s);
    bool number = len == strspn(s, "0123456789:") && !strstr(s, "::");
    return !strchr(s, ':') || (s[0] != ':' && s[len - 1] != ':' && !number);
}

static void print_scalar(const char *s, bool plain, struct text *out)
{
    if (plain)
        text_puts(out, s);
    else
        text_json(out, s);
}

/* As a scalar that stands for exactly `s`; YAML's double quotes know all of JSON's escapes. */
static void print_text(const char *s, struct text *out)
{
    print_scalar(s, is_plain(s), out);
}

void name_print(const char *name, struct text *out)
{
    print_text(name, out);
}

static void print_address(const char *s, struct text *out)
{
    print_scalar(s, is_plain_address(s), out);
}

void selector_print(const struct policy *p, const struct selector *s, struct text *out)
{
    char shown[ADDRESS_TEXT_MAX];
    if (s->negated)
        text_puts(out, "not:");
    switch (s->kind) {
    case SELECT_WORKLOAD:
        text_puts(out, p->workloads[s->index].name);
        break;
    case SELECT_SEGMENT:
        text_puts(out, "segment:");
        text_puts(out, p->segments[s->index].name);
        break;
    case SELECT_LABEL:
        text_puts(out, "label:");
        text_puts(out, s->key);
        text_puts(out, "=");
        text_puts(out, s->value);
        break;
    case SELECT_CIDR:
        text_puts(out, "cidr:");
        text_puts(out, prefix_print(&s->prefix, shown));
        break;
    case SELECT_WORLD:
        text_puts(out, "world");
        break;
    case SELECT_ANY:
        text_puts(out, "any");
        break;
    }
}

/* Entries of every other kind have a `:` in them, `any` and `world` are no words of YAML: they are text for every reader. */
static void print_entry(const struct policy *p, const struct selector *s, struct text *out)
{
    if (s->kind == SELECT_WORKLOAD && !s->negated)
        print_text(p->workloads[s->index].name, out);
    else
        selector_print(p, s, out);
}

void end_print(const struct policy *p, const struct end *e, struct text *out)
{
    if (e->count != 1)
        text_puts(out, "[");
    for (uint32_t i = 0; i < e->count; i++) {
        if (i)
            separate(out);
        print_entry(p, &e->items[i], out);
    }
    if (e->count != 1)
        text_puts(out, "]");
}

static const char *protocol_name(uint16_t protocol)
{
    return protocol == IPPROTO_TCP ? "tcp" : protocol == IPPROTO_UDP ? "udp" : "sctp";
}

/* The digest of a million rules prints two million ports: printf is 7 % of reading the file. */
static void print_port(uint16_t port, struct text *out)
{
    char digits[5];
    size_t at = sizeof digits;
    do
        digits[--at] = (char)('0' + port % 10);
    while (port /= 10);
    text_append(out, digits + at, sizeof digits - at);
}

void ports_print(const struct ports *p, struct text *out)
{
    if (p->protocol == PORTS_ANY)
        text_puts(out, "any");
    else if (p->protocol == PORTS_ICMP)
        text_puts(out, "icmp");
    else {
        print_port(p->first, out);
        if (p->first != p->last) {
            text_puts(out, "-");
            print_port(p->last, out);
        }
        text_puts(out, "/");
        text_puts(out, protocol_name(p->protocol));
    }
}

static void print_duration(uint32_t seconds, struct text *out)
{
    uint32_t per = seconds % 3600 == 0 ? 3600 : seconds % 60 == 0 ? 60 : 1;
    text_printf(out, "%u%s", seconds / per, per == 3600 ? "h" : per == 60 ? "m" : "s");
}

static void print_timeouts(const struct timeouts *t, struct text *out)
{
    const struct timeouts d = TIMEOUTS_DEFAULT;
    const struct {
        const char *key;
        uint32_t value, usual;
    } all[] = {{"tcp", t->tcp, d.tcp}, {"tcp-closing", t->tcp_closing, d.tcp_closing}, {"other", t->other, d.other}, {"icmp", t->icmp, d.icmp},
        {"unconfirmed", t->unconfirmed, d.unconfirmed}, {"fragment", t->fragment, d.fragment}};
    const char *before = "timeouts: {";
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        if (all[i].value == all[i].usual)
            continue;
        text_printf(out, "%s%s: ", before, all[i].key);
        print_duration(all[i].value, out);
        before = ", ";
    }
    if (before[0] == ',')
        text_puts(out, "}\n");
}

void policy_print_head(const struct policy *p, struct text *out)
{
    text_puts(out, "bulkhead: v1\nname: ");
    print_text(p->name, out);
    text_puts(out, "\n");
    if (p->observe)
        text_puts(out, "enforce: observe\n");
    if (p->refuse_drop)
        text_puts(out, "refuse: drop\n");
    if (p->timezone) {
        text_puts(out, "timezone: ");
        print_text(p->timezone, out);
        text_puts(out, "\n");
    }
    print_timeouts(&p->timeouts, out);
}

static void print_uplink(const struct policy *p, struct text *out)
{
    text_puts(out, "uplink: {interface: ");
    print_text(p->uplink.interface, out);
    if (!p->uplink.nat)
        text_puts(out, ", nat: none");
    for (uint32_t i = 0; i < p->uplink.publish_count; i++) {
        const struct publish *u = &p->uplink.publish[i];
        separate(out);
        if (i == 0)
            text_puts(out, "publish: {");
        text_printf(out, "%u/%s: %s:%u", u->port, protocol_name(u->protocol), p->workloads[u->workload].name, u->workload_port);
    }
    text_puts(out, p->uplink.publish_count ? "}}" : "}");
}

void policy_print_segment(const struct policy *p, uint32_t index, struct text *out)
{
    const struct segment *s = &p->segments[index];
    char shown[ADDRESS_TEXT_MAX];
    text_puts(out, "  ");
    print_text(s->name, out);
    text_puts(out, s->hub ? ": {kind: hub, cidr: " : ": {cidr: ");
    for (uint32_t i = 0; i < s->cidr_count; i++) {
        if (i)
            separate(out);
        else if (s->cidr_count > 1)
            text_puts(out, "[");
        print_address(prefix_print(&s->cidrs[i], shown), out);
    }
    if (s->cidr_count > 1)
        text_puts(out, "]");
    if (s->hub && p->uplink.interface) {
        separate(out);
        print_uplink(p, out);
    }
    if (s->classification) {
        separate(out);
        text_puts(out, "classification: ");
        print_text(s->classification, out);
    }
    if (s->observe) {
        separate(out);
        text_puts(out, "enforce: observe");
    }
    text_puts(out, "}\n");
}

/* NAME=VALUE as `NAME: VALUE` */
static void print_variable(const char *variable, struct text *out)
{
    const char *equals = strchr(variable, '=');
    struct text name = text_new(512);
    text_append(&name, variable, (size_t)(equals - variable));
    if (name.failed)
        out->failed = true;
    print_text(text_cstr(&name), out);
    text_free(&name);
    text_puts(out, ": ");
    print_text(equals + 1, out);
}

static void print_run(const struct run *run, struct text *out)
{
    static const char *const restarts[] = {
        [RESTART_POLICY_NEVER] = "never", [RESTART_POLICY_ON_FAILURE] = "on-failure", [RESTART_POLICY_ALWAYS] = "always"};
    text_puts(out, "run: {command: [");
    for (const char **argument = run->command; *argument; argument++) {
        if (argument != run->command)
            separate(out);
        print_text(*argument, out);
    }
    text_puts(out, "]");
    if (run->user) {
        separate(out);
        text_puts(out, "user: ");
        print_text(run->user, out);
    }
    if (run->directory) {
        separate(out);
        text_puts(out, "directory: ");
        print_text(run->directory, out);
    }
    for (const char **variable = run->environment; variable && *variable; variable++) {
        separate(out);
        if (variable == run->environment)
            text_puts(out, "environment: {");
        print_variable(*variable, out);
    }
    if (run->environment)
        text_puts(out, "}");
    if (run->restart != RESTART_POLICY_NEVER) {
        separate(out);
        text_puts(out, "restart: ");
        text_puts(out, restarts[run->restart]);
    }
    text_puts(out, "}");
}

void policy_print_workload(const struct policy *p, uint32_t index, struct text *out)
{
    const struct workload *w = &p->workloads[index];
    char shown[ADDRESS_TEXT_MAX];
    text_puts(out, "  ");
    print_text(w->name, out);
    text_puts(out, ": {segment: ");
    print_text(p->segments[w->segment].name, out);
    for (uint32_t i = 0; w->address_given && i < w->address_count; i++) {
        separate(out);
        if (i == 0)
            text_puts(out, w->address_count > 1 ? "address: [" : "address: ");
        print_address(address_print(&w->addresses[i], shown), out);
    }
    if (w->address_given && w->address_count > 1)
        text_puts(out, "]");
    for (uint32_t i = 0; i < w->label_count; i++) {
        separate(out);
        if (i == 0)
            text_puts(out, "labels: {");
        print_text(w->labels[i].key, out);
        text_puts(out, ": ");
        print_text(w->labels[i].value, out);
    }
    if (w->label_count)
        text_puts(out, "}");
    if (w->run.command) {
        separate(out);
        print_run(&w->run, out);
    }
    if (w->attach_netns || w->attach_interface) {
        separate(out);
        text_puts(out, w->attach_netns ? "attach: {netns: " : "attach: {interface: ");
        print_text(w->attach_netns ? w->attach_netns : w->attach_interface, out);
        text_puts(out, "}");
    }
    if (w->adopt_seconds) {
        separate(out);
        text_puts(out, "adopt: ");
        print_duration(w->adopt_seconds, out);
    }
    if (w->observe) {
        separate(out);
        text_puts(out, "enforce: observe");
    }
    text_puts(out, "}\n");
}

/* Whether a condition needs no quotes in block style: no indicator first, no comment, no key. */
static bool is_plain_line(const char *s)
{
    if (!is_letter(*s) && *s != '(')
        return false;
    for (const char *c = s; *c; c++)
        if (*c < ' ' || *c > '~' || (*c == ':' && (c[1] == ' ' || c[1] == 0)) || (*c == ' ' && (c[1] == '#' || c[1] == 0)))
            return false;
    return strlen(s) > 5; /* longer than what other readers take for a boolean or null */
}

static void print_when(const struct condition *c, struct text *out)
{
    struct text when = text_new((size_t)1 << 20);
    condition_print(c, &when);
    if (when.failed)
        out->failed = true;
    text_puts(out, "    when: ");
    if (is_plain_line(text_cstr(&when)))
        text_puts(out, text_cstr(&when));
    else
        print_text(text_cstr(&when), out);
    text_puts(out, "\n");
    text_free(&when);
}

void policy_print_rule(const struct policy *p, uint32_t index, struct text *out)
{
    const struct rule *r = &p->rules[index];
    text_puts(out, "  - name: ");
    print_text(r->name, out);
    text_puts(out, r->allow ? "\n    allow: {from: " : "\n    deny: {from: ");
    end_print(p, &r->from, out);
    separate(out);
    text_puts(out, "to: ");
    end_print(p, &r->to, out);
    if (r->port_count > 1 || r->ports[0].protocol != PORTS_ANY) {
        separate(out);
        text_puts(out, r->port_count > 1 ? "ports: [" : "ports: ");
        for (uint32_t i = 0; i < r->port_count; i++) {
            if (i)
                separate(out);
            ports_print(&r->ports[i], out);
        }
        if (r->port_count > 1)
            text_puts(out, "]");
    }
    text_puts(out, "}\n");
    if (r->when)
        print_when(r->when, out);
    if (r->observe)
        text_puts(out, "    enforce: observe\n");
}

void policy_print_pieces(const struct policy *p, struct text *out, bool (*each)(struct text *out, void *context), void *context)
{
    const struct {
        const char *title;
        uint32_t count;
        void (*print)(const struct policy *, uint32_t, struct text *);
    } parts[] = {{"\nsegments:\n", p->segment_count, policy_print_segment}, {"\nworkloads:\n", p->workload_count, policy_print_workload},
        {"\nrules:\n", p->rule_count, policy_print_rule}};
    policy_print_head(p, out);
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        if (parts[i].count)
            text_puts(out, parts[i].title);
        for (uint32_t k = 0; k < parts[i].count; k++) {
            parts[i].print(p, k, out);
            if (each && !each(out, context))
                return;
        }
    }
}

void policy_print(const struct policy *p, struct text *out)
{
    policy_print_pieces(p, out, NULL, NULL);
}
