/* SPDX-License-Identifier: Apache-2.0 */
/* flows --suggest: rules that would allow what was refused for want of one. */
#include "cli/suggest.h"

#include <stdio.h>

#include "base/table.h"
#include "cli/moment.h"
#include "cli/output.h"
#include "cli/recorded.h"
#include "decide/why.h"
#include "policy/print.h"
#include "record/record.h"

#define MEMORY ((size_t)1 << 30)

struct suggestion {
    const char *from, *to;
    struct flow flow;
    uint64_t count;
};

struct suggestions {
    const struct policy *policy;
    struct arena *arena;
    struct table known; /* "FROM TO SERVICE" -> index */
    struct suggestion *items;
    size_t count, capacity;
};

static bool take(const char *line, void *argument)
{
    struct suggestions *s = argument;
    struct recorded r;
    if (!recorded_parse(line, &r) || strcmp(r.reason, "default-deny") != 0 || (protocol_has_ports(r.flow.protocol) && !r.flow.port)) /* a later fragment */
        return true;
    const char *from = party_name(s->policy, &r.flow.from, s->arena), *to = party_name(s->policy, &r.flow.to, s->arena);
    struct text service = text_new(64);
    service_print(&r.flow, &service);
    char *key = from && to ? arena_format(s->arena, "%s %s %s", from, to, text_cstr(&service)) : NULL;
    text_free(&service);
    bool fresh;
    uint64_t *index = key ? table_put(&s->known, bytes_of_text(key), s->count, &fresh) : NULL;
    if (!index)
        return false;
    if (fresh) {
        struct suggestion *grown = arena_grow(s->arena, s->items, s->count, &s->capacity, sizeof *grown);
        if (!grown)
            return false;
        s->items = grown;
        grown[s->count++] = (struct suggestion){.from = from, .to = to, .flow = r.flow};
    }
    s->items[*index].count++;
    return true;
}

/* A party as a selector. */
static void print_selector(const struct policy *p, const struct address *a, const char *name, bool quoted, struct text *out)
{
    bool workload = policy_workload_of(p, a) != NONE;
    if (workload && quoted)
        name_print(name, out);
    else if (workload)
        text_puts(out, name);
    else
        text_printf(out, quoted ? "\"cidr:%s/%u\"" : "cidr:%s/%u", name, address_bits(a));
}

/* What `ports` of a rule would say; NULL where no entry is as narrow as the flow. */
static const char *ports_of(const struct flow *f, struct text *room)
{
    service_print(f, room);
    return f->port || strcmp(text_cstr(room), "icmp") == 0 ? text_cstr(room) : NULL;
}

static void print_json(const struct suggestions *s, struct text *out)
{
    text_puts(out, "{\"suggestions\": [");
    for (size_t i = 0; i < s->count; i++) {
        const struct suggestion *e = &s->items[i];
        struct text from = text_new(128), to = text_new(128), service = text_new(64);
        print_selector(s->policy, &e->flow.from, e->from, false, &from);
        print_selector(s->policy, &e->flow.to, e->to, false, &to);
        const char *ports = ports_of(&e->flow, &service);
        text_printf(out, "%s{\"from\": \"%s\", \"to\": \"%s\", \"ports\": \"%s\", \"seen\": %llu}", i ? ", " : "", text_cstr(&from), text_cstr(&to),
            ports ? ports : "any", (unsigned long long)e->count);
        text_free(&from);
        text_free(&to);
        text_free(&service);
    }
    text_puts(out, "]}\n");
}

static void print(const struct suggestions *s, struct text *out)
{
    if (s->count == 0) {
        text_puts(out, "nothing was refused for want of a rule\n");
        return;
    }
    text_puts(out, "# what was refused for want of a rule; keep what should be allowed\nrules:\n");
    for (size_t i = 0; i < s->count; i++) {
        const struct suggestion *e = &s->items[i];
        text_printf(out, "  - name: suggested-%zu   # seen %llu time%s\n    allow: {from: ", i + 1, (unsigned long long)e->count, plural(e->count));
        print_selector(s->policy, &e->flow.from, e->from, true, out);
        text_puts(out, ", to: ");
        print_selector(s->policy, &e->flow.to, e->to, true, out);
        struct text service = text_new(64);
        const char *ports = ports_of(&e->flow, &service);
        text_printf(out, ", ports: %s}%s\n", ports ? ports : "any", ports ? "" : "   # no narrower entry names this protocol");
        text_free(&service);
    }
}

int suggest(const struct policy *p, const char *network, bool json)
{
    struct suggestions s = {.policy = p, .arena = arena_create(MEMORY)};
    uint64_t seed;
    if (!s.arena || !chance(&seed)) {
        arena_destroy(s.arena);
        return complain_in(json, "out of memory");
    }
    s.known = table_new(s.arena, seed);
    (void)!recorded_each_of(network, take, &s);
    struct text out = text_new(ANSWER_MAX);
    if (json)
        print_json(&s, &out);
    else
        print(&s, &out);
    arena_destroy(s.arena);
    return output_text(&out, 0);
}
