/* SPDX-License-Identifier: Apache-2.0 */
#include "models.h"

#include "policy/condition.h"
#include "policy/index.h"

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>

static void stop(const char *what, const char *about)
{
    fprintf(stderr, "model: %s: %s\n", what, about);
    abort();
}

static void *must(void *p)
{
    if (!p)
        stop("no memory", "");
    return p;
}

/* Grown by one each time; the tests are small. */
static void *one_more(struct arena *a, const void *items, uint32_t count, size_t size)
{
    uint8_t *larger = must(arena_array(a, (size_t)count + 1, size));
    if (count)
        memcpy(larger, items, count * size);
    return larger;
}

/* The next word of `*at`, or false. */
static bool word(const char **at, char out[128])
{
    *at += strspn(*at, " ");
    size_t n = strcspn(*at, " ");
    if (n == 0 || n >= 128)
        return false;
    memcpy(out, *at, n);
    out[n] = 0;
    *at += n;
    return true;
}

struct address address_of(const char *text)
{
    struct address a;
    if (!address_parse(bytes_of_text(text), &a))
        stop("address", text);
    return a;
}

/* The look-ups that the parser would have built; made anew after every segment and workload. */
static void index_again(struct arena *a, struct policy *p)
{
    struct policy_index *index = must(arena_alloc(a, sizeof *index));
    struct name *names = must(arena_array(a, (size_t)p->segment_count + p->workload_count, sizeof *names));
    size_t count = 0, prefixes = 0;
    index->name_ids = table_new(a, 1);
    index->addresses = table_new(a, 2);
    for (uint32_t i = 0; i < p->segment_count; i++)
        prefixes += p->segments[i].cidr_count;
    struct indexed_prefix *all = must(arena_array(a, prefixes, sizeof *all));
    for (uint32_t i = 0; i < p->segment_count; i++) {
        names[count] = (struct name){.segment = i, .workload = NONE};
        must(table_put(&index->name_ids, bytes_of_text(p->segments[i].name), count++, NULL));
        for (uint32_t k = 0; k < p->segments[i].cidr_count; k++) {
            struct indexed_prefix new = {.prefix = p->segments[i].cidrs[k], .segment = i};
            size_t at = index->prefix_count++;
            for (; at > 0 && address_compare(&all[at - 1].prefix.address, &new.prefix.address) > 0; at--)
                all[at] = all[at - 1];
            all[at] = new;
        }
    }
    for (uint32_t i = 0; i < p->workload_count; i++) {
        names[count] = (struct name){.segment = NONE, .workload = i};
        must(table_put(&index->name_ids, bytes_of_text(p->workloads[i].name), count++, NULL));
        for (uint32_t k = 0; k < p->workloads[i].address_count; k++)
            must(table_put(&index->addresses, bytes_of(&p->workloads[i].addresses[k], sizeof(struct address)),
                           i, NULL));
    }
    index->names = names;
    index->prefixes = all;
    p->index = index;
}

struct policy *model_new(struct arena *a)
{
    struct policy *p = must(arena_alloc(a, sizeof *p));
    p->name = "test";
    p->timeouts = TIMEOUTS_DEFAULT;
    p->uplink.nat = true;
    index_again(a, p);
    return p;
}

uint32_t model_segment(struct arena *a, struct policy *p, const char *name, const char *cidrs)
{
    p->segments = one_more(a, p->segments, p->segment_count, sizeof *p->segments);
    struct segment *s = &p->segments[p->segment_count];
    s->name = name;
    s->hub = strcmp(name, "hub") == 0;
    if (s->hub)
        p->hub = p->segment_count;
    char w[128];
    bool host_bits;
    while (word(&cidrs, w)) {
        s->cidrs = one_more(a, s->cidrs, s->cidr_count, sizeof *s->cidrs);
        s->hub_addresses = one_more(a, s->hub_addresses, s->cidr_count, sizeof *s->hub_addresses);
        if (!prefix_parse(bytes_of_text(w), &s->cidrs[s->cidr_count], &host_bits) ||
            !prefix_nth(&s->cidrs[s->cidr_count], 1, &s->hub_addresses[s->cidr_count]))
            stop("cidr", w);
        s->cidr_count++;
    }
    p->segment_count++;
    index_again(a, p);
    return p->segment_count - 1;
}

uint32_t model_workload(struct arena *a, struct policy *p, const char *name, const char *segment,
                        const char *addresses, const char *labels)
{
    p->workloads = one_more(a, p->workloads, p->workload_count, sizeof *p->workloads);
    struct workload *workload = &p->workloads[p->workload_count];
    workload->name = name;
    workload->segment = NONE;
    for (uint32_t i = 0; i < p->segment_count; i++) {
        if (strcmp(p->segments[i].name, segment) == 0)
            workload->segment = i;
    }
    if (workload->segment == NONE)
        stop("segment", segment);
    char w[128];
    while (word(&addresses, w)) {
        workload->addresses =
            one_more(a, workload->addresses, workload->address_count, sizeof *workload->addresses);
        workload->addresses[workload->address_count++] = address_of(w);
    }
    while (word(&labels, w)) {
        workload->labels = one_more(a, workload->labels, workload->label_count, sizeof *workload->labels);
        char *equals = strchr(w, '=');
        workload->labels[workload->label_count].key = must(arena_text(a, w, (size_t)(equals - w)));
        workload->labels[workload->label_count++].value = must(arena_text(a, equals + 1, strlen(equals + 1)));
    }
    p->workload_count++;
    index_again(a, p);
    return p->workload_count - 1;
}

static struct selector selector_of(struct arena *a, const struct policy *p, const char *text)
{
    struct selector s = {.index = NONE};
    if (strncmp(text, "not:", 4) == 0) {
        s.negated = true;
        text += 4;
    }
    bool host_bits;
    if (strcmp(text, "any") == 0) {
        s.kind = SELECT_ANY;
    } else if (strcmp(text, "world") == 0) {
        s.kind = SELECT_WORLD;
    } else if (strncmp(text, "segment:", 8) == 0) {
        s.kind = SELECT_SEGMENT;
        for (uint32_t i = 0; i < p->segment_count; i++) {
            if (strcmp(p->segments[i].name, text + 8) == 0)
                s.index = i;
        }
        if (s.index == NONE)
            stop("segment", text);
    } else if (strncmp(text, "label:", 6) == 0) {
        const char *equals = strchr(text, '=');
        s.kind = SELECT_LABEL;
        s.key = must(arena_text(a, text + 6, (size_t)(equals - text - 6)));
        s.value = must(arena_text(a, equals + 1, strlen(equals + 1)));
    } else if (strncmp(text, "cidr:", 5) == 0) {
        s.kind = SELECT_CIDR;
        if (!prefix_parse(bytes_of_text(text + 5), &s.prefix, &host_bits))
            stop("prefix", text);
    } else {
        s.kind = SELECT_WORKLOAD;
        for (uint32_t i = 0; i < p->workload_count; i++) {
            if (strcmp(p->workloads[i].name, text) == 0)
                s.index = i;
        }
        if (s.index == NONE)
            stop("workload", text);
    }
    return s;
}

static struct end end_of(struct arena *a, const struct policy *p, const char *text)
{
    struct end e = {0};
    char w[128];
    while (word(&text, w)) {
        e.items = one_more(a, e.items, e.count, sizeof *e.items);
        e.items[e.count++] = selector_of(a, p, w);
    }
    return e;
}

static struct ports ports_of(const char *text)
{
    if (strcmp(text, "any") == 0)
        return (struct ports){.protocol = PORTS_ANY, .first = 0, .last = 65535};
    if (strcmp(text, "icmp") == 0)
        return (struct ports){.protocol = PORTS_ICMP, .first = 0, .last = 65535};
    char *at;
    struct ports e = {.first = (uint16_t)strtoul(text, &at, 10)};
    e.last = *at == '-' ? (uint16_t)strtoul(at + 1, &at, 10) : e.first;
    if (strcmp(at, "/tcp") == 0)
        e.protocol = IPPROTO_TCP;
    else if (strcmp(at, "/udp") == 0)
        e.protocol = IPPROTO_UDP;
    else if (strcmp(at, "/sctp") == 0)
        e.protocol = IPPROTO_SCTP;
    else
        stop("ports", text);
    return e;
}

uint32_t model_rule(struct arena *a, struct policy *p, const char *name, const char *kind, const char *from,
                    const char *to, const char *ports, const char *when)
{
    p->rules = one_more(a, p->rules, p->rule_count, sizeof *p->rules);
    struct rule *r = &p->rules[p->rule_count];
    r->name = name;
    r->place = (struct place){.line = 10 + p->rule_count, .column = 5, .width = 1};
    r->allow = strcmp(kind, "allow") == 0;
    r->observe = strcmp(kind, "try") == 0;
    r->from = end_of(a, p, from);
    r->to = end_of(a, p, to);
    char w[128];
    while (word(&ports, w)) {
        r->ports = one_more(a, r->ports, r->port_count, sizeof *r->ports);
        r->ports[r->port_count++] = ports_of(w);
    }
    if (when) {
        struct diags diags = diags_new(a);
        r->when = condition_parse(bytes_of_text(when), (struct place){.line = 1, .column = 1}, a, &diags);
        if (!r->when)
            stop("condition", when);
    }
    return p->rule_count++;
}

void model_publish(struct arena *a, struct policy *p, const char *port, const char *workload,
                   uint16_t workload_port)
{
    struct uplink *u = &p->uplink;
    struct ports published = ports_of(port);
    struct selector leads = selector_of(a, p, workload);
    u->publish = one_more(a, u->publish, u->publish_count, sizeof *u->publish);
    u->publish[u->publish_count++] = (struct publish){.protocol = (uint8_t)published.protocol,
                                                      .port = published.first,
                                                      .workload = leads.index,
                                                      .workload_port = workload_port};
}

void model_forget_rules(struct policy *p, uint32_t first)
{
    p->rule_count = first;
}

struct policy *model_shop(struct arena *a)
{
    struct policy *p = model_new(a);
    model_segment(a, p, "hub", "10.80.0.0/24 fd80::/64");
    model_segment(a, p, "web", "10.80.1.0/24 fd80:0:0:1::/64");
    model_segment(a, p, "api", "10.80.2.0/24 fd80:0:0:2::/64");
    model_segment(a, p, "data", "10.80.3.0/24");
    model_workload(a, p, "storefront", "web", "10.80.1.2 fd80:0:0:1::2", "tier=front");
    model_workload(a, p, "orders", "api", "10.80.2.2 fd80:0:0:2::2", "tier=middle");
    model_workload(a, p, "ledger", "data", "10.80.3.10", "tier=back");
    p->uplink.interface = "uplink0";
    return p;
}
