/* SPDX-License-Identifier: Apache-2.0 */
/* bulkhead matrix --live: connects every pair of workloads and compares what arrived with what the evaluator says. */
#include <inttypes.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/live.h"
#include "cli/meter.h"
#include "cli/moment.h"
#include "cli/options.h"
#include "cli/output.h"
#include "decide/decide.h"
#include "enforce/probe.h"

#define PROBES_MAX 2000000
#define UNNAMED_FROM 47001 /* the port that no rule names is looked for from here on */

struct service {
    uint8_t protocol; /* IPPROTO_ICMP stands for both */
    uint16_t port;
};

struct services {
    struct service *items;
    size_t count, capacity;
};

static bool add_service(struct arena *a, struct services *s, uint8_t protocol, uint16_t port)
{
    for (size_t i = 0; i < s->count; i++)
        if (s->items[i].protocol == protocol && s->items[i].port == port)
            return true;
    struct service *grown = arena_grow(a, s->items, s->count, &s->capacity, sizeof *grown);
    if (!grown)
        return false;
    s->items = grown;
    grown[s->count++] = (struct service){protocol, port};
    return true;
}

static bool names_port(const struct policy *p, uint8_t protocol, uint16_t port)
{
    for (uint32_t r = 0; r < p->rule_count; r++)
        for (uint32_t k = 0; k < p->rules[r].port_count; k++) {
            const struct ports *e = &p->rules[r].ports[k];
            if (e->protocol == protocol && port >= e->first && port <= e->last)
                return true;
        }
    return false;
}

/* First and last port of every entry. */
static bool list_ports(const struct policy *p, struct arena *a, struct services *ret)
{
    for (uint32_t r = 0; r < p->rule_count; r++)
        for (uint32_t k = 0; k < p->rules[r].port_count; k++) {
            const struct ports *e = &p->rules[r].ports[k];
            if (e->protocol != IPPROTO_TCP && e->protocol != IPPROTO_UDP)
                continue;
            if (!add_service(a, ret, (uint8_t)e->protocol, e->first) || !add_service(a, ret, (uint8_t)e->protocol, e->last))
                return false;
        }
    return true;
}

/* Of the file and, where that is another one, of the policy in force; a port of each protocol that neither names; and echo. */
static bool list_services(const struct policy *file, const struct policy *in_force, struct arena *a, struct services *ret)
{
    static const uint8_t protocols[] = {IPPROTO_TCP, IPPROTO_UDP};
    if (!list_ports(file, a, ret) || (in_force && !list_ports(in_force, a, ret)))
        return false;
    for (size_t i = 0; i < sizeof protocols; i++)
        for (uint32_t port = UNNAMED_FROM; port < 65536; port++)
            if (!names_port(file, protocols[i], (uint16_t)port) && !(in_force && names_port(in_force, protocols[i], (uint16_t)port))) {
                if (!add_service(a, ret, protocols[i], (uint16_t)port))
                    return false;
                break;
            }
    return add_service(a, ret, IPPROTO_ICMP, 0);
}

static const struct address *address_of(const struct workload *w, uint8_t family)
{
    for (uint32_t i = 0; i < w->address_count; i++)
        if (w->addresses[i].family == family)
            return &w->addresses[i];
    return NULL;
}

static struct flow flow_of(const struct probe *p)
{
    return (struct flow){.from = p->from_address, .to = p->to_address, .protocol = p->protocol, .port = p->port};
}

struct trial {
    const struct policy *policy;
    const char *file;
    const struct policy *in_force; /* where that is another one; else NULL */
    bool unread;                   /* which one that is could not be told */
    struct services services;
    struct probe *probes;
    size_t count, capacity;
};

static bool add_pair(struct trial *t, struct arena *a, uint32_t from, uint32_t to, uint8_t family)
{
    if (t->policy->workloads[from].attach_interface || t->policy->workloads[to].attach_interface)
        return true; /* not ours to send from, or to listen in */
    const struct address *source = address_of(&t->policy->workloads[from], family), *target = address_of(&t->policy->workloads[to], family);
    if (!source || !target)
        return true;
    for (size_t i = 0; i < t->services.count; i++) {
        const struct service *s = &t->services.items[i];
        struct probe *grown = arena_grow(a, t->probes, t->count, &t->capacity, sizeof *grown);
        if (!grown || t->count >= PROBES_MAX)
            return false;
        t->probes = grown;
        uint8_t protocol = s->protocol == IPPROTO_ICMP && family == 6 ? IPPROTO_ICMPV6 : s->protocol;
        grown[t->count++] = (struct probe){.from = from, .to = to, .from_address = *source, .to_address = *target, .protocol = protocol, .port = s->port};
    }
    return true;
}

static bool list_probes(struct trial *t, struct arena *a)
{
    uint32_t n = t->policy->workload_count;
    if (!list_services(t->policy, t->in_force, a, &t->services))
        return false;
    for (uint32_t from = 0; from < n; from++)
        for (uint32_t to = 0; to < n; to++)
            if (from != to && (!add_pair(t, a, from, to, 4) || !add_pair(t, a, from, to, 6)))
                return false;
    return true;
}

static void print_service(const struct probe *p, struct text *out)
{
    if (p->protocol == IPPROTO_TCP || p->protocol == IPPROTO_UDP)
        text_printf(out, "%u/%s", p->port, p->protocol == IPPROTO_TCP ? "tcp" : "udp");
    else
        text_puts(out, "icmp");
}

/* The same service of the same pair in the other family: shown together. */
static const struct probe *twin(const struct trial *t, size_t i)
{
    const struct probe *p = &t->probes[i];
    size_t other = i + t->services.count;
    if (p->from_address.family == 4 && other < t->count && t->probes[other].from == p->from && t->probes[other].to == p->to)
        return &t->probes[other];
    return NULL;
}

static void print_arrivals(const struct trial *t, struct text *out)
{
    const struct policy *p = t->policy;
    uint32_t from = NONE, to = NONE;
    for (size_t i = 0; i < t->count; i++) {
        const struct probe *e = &t->probes[i], *other = twin(t, i);
        bool second = e->from_address.family == 6 && i >= t->services.count && t->probes[i - t->services.count].from == e->from &&
            t->probes[i - t->services.count].to == e->to && t->probes[i - t->services.count].from_address.family == 4;
        if (second && t->probes[i - t->services.count].reached)
            continue; /* shown with IPv4 */
        if (!e->reached)
            continue;
        if (e->from != from || e->to != to)
            text_printf(out, "%s  %-18s -> %-18s ", from == NONE ? "" : "\n", p->workloads[e->from].name, p->workloads[e->to].name);
        from = e->from;
        to = e->to;
        text_puts(out, " ");
        print_service(e, out);
        if (!other || !other->reached)
            text_puts(out, e->from_address.family == 4 ? " (IPv4)" : " (IPv6)");
    }
    text_puts(out, from == NONE ? "  nothing arrived anywhere\n" : "\n");
}

static size_t print_differences(const struct trial *t, bool json, struct text *out)
{
    int64_t now = moment_now();
    size_t differences = 0;
    for (size_t i = 0; i < t->count; i++) {
        const struct probe *e = &t->probes[i];
        struct flow f = flow_of(e);
        struct verdict v = decide(t->policy, &f, (struct moment){now, now});
        bool passes = v.allow || !v.enforced;
        if (passes == e->reached)
            continue;
        const char *from = t->policy->workloads[e->from].name, *to = t->policy->workloads[e->to].name;
        if (json) {
            text_printf(out, "%s{\"from\": \"%s\", \"to\": \"%s\", \"family\": %u, \"port\": \"", differences ? ", " : "", from, to, e->from_address.family);
            print_service(e, out);
            text_printf(out, "\", \"policy\": %s, \"live\": %s}", passes ? "true" : "false", e->reached ? "true" : "false");
        } else {
            text_printf(out, "  DIFFERS: %s -> %s ", from, to);
            print_service(e, out);
            text_printf(out, " (IPv%u): the policy %s it, and it %s\n", e->from_address.family, passes ? "allows" : "refuses", e->reached ? "arrived" : "did not arrive");
        }
        differences++;
    }
    return differences;
}

/* Workloads behind interfaces: nobody here can send as them, or see what reaches them. */
static void print_untried(const struct policy *p, bool json, struct text *out)
{
    bool first = true;
    for (uint32_t i = 0; i < p->workload_count; i++) {
        if (!p->workloads[i].attach_interface)
            continue;
        if (json)
            text_printf(out, "%s\"%s\"", first ? "" : ", ", p->workloads[i].name);
        else
            text_printf(out, "%s%s", first ? "not tried, as they stand behind interfaces: " : ", ", p->workloads[i].name);
        first = false;
    }
    if (!json && !first)
        text_puts(out, "\n");
}

static const char *families_tried(const struct trial *t)
{
    bool v4 = false, v6 = false;
    for (size_t i = 0; i < t->count; i++) {
        v4 |= t->probes[i].from_address.family == 4;
        v6 |= t->probes[i].from_address.family == 6;
    }
    return v4 && v6 ? "IPv4 and IPv6" : v4 ? "IPv4" : v6 ? "IPv6" : "as no pair has a family in common";
}

static int report(const struct trial *t, bool json)
{
    struct text out = text_new(ANSWER_MAX);
    size_t arrived = 0;
    for (size_t i = 0; i < t->count; i++)
        arrived += t->probes[i].reached;
    size_t differences;
    if (json) {
        text_printf(&out, "{\"network\": \"%s\", \"tried\": %zu, \"arrived\": %zu, \"differences\": [", t->policy->name, t->count, arrived);
        differences = print_differences(t, true, &out);
        text_puts(&out, "], \"not_tried\": [");
        print_untried(t->policy, true, &out);
        text_printf(&out, "], \"file_in_force\": %s}\n", t->unread ? "null" : t->in_force ? "false" : "true");
    } else {
        if (t->in_force)
            text_printf(&out, "another policy is in force than %s: the ports of both are tried\n", t->file);
        else if (t->unread)
            text_printf(&out, "the policy in force cannot be read: the ports of %s are tried\n", t->file);
        text_printf(&out, "tried %zu time%s between %u workload%s, %s; what arrived:\n", t->count, plural(t->count), t->policy->workload_count,
            plural(t->policy->workload_count), families_tried(t));
        print_arrivals(t, &out);
        differences = print_differences(t, false, &out);
        print_untried(t->policy, false, &out);
        const char *as = t->in_force ? "as the file says, but another policy is in force" : "exactly as the policy says";
        text_printf(&out, "%zu arrived, %zu did not: %s\n", arrived, t->count - arrived, differences ? "NOT as the policy says" : as);
    }
    return output_text(&out, differences ? STATUS_NO : STATUS_YES);
}

static bool try_all(struct trial *t, struct failure *f)
{
    struct meter meter;
    struct progress progress = meter_begin(&meter, "packets are sent");
    uint64_t lost;
    bool ok = probes_run(t->policy, t->probes, t->count, &progress, &lost, f);
    meter_end(&meter);
    if (ok && lost)
        complain("this machine lost %" PRIu64 " frame%s of all that it took in meanwhile: what did not arrive may be among them", lost, plural(lost));
    return ok;
}

int matrix_live(int argc, char **argv)
{
    bool json = false, live = false;
    const struct option_wanted wanted[] = {{"json", 0, &json, NULL}, {"live", 0, &live, NULL}, {0}};
    struct operands operands;
    struct loaded l;
    struct failure f;
    int status;
    if (!options_read(argc, argv, wanted, (struct operand_range){1, 1, false}, &operands, &status))
        return status;
    if (policy_need(operands.items[0], json, STATUS_CANNOT, &l, &status)) {
        struct arena *arena = arena_create((size_t)2 << 30);
        struct trial t = {.policy = l.policy, .file = l.file};
        struct running running;
        t.unread = !running_read(l.policy->name, &running);
        if (!t.unread && memcmp(running.policy->digest, l.policy->digest, sizeof l.policy->digest) != 0)
            t.in_force = running.policy;
        if (geteuid() != 0)
            status = complain_in(json, "trying a network needs root: run it with sudo");
        else if (!state_exists(l.policy->name))
            status = complain_in(json, "the network %s is not up; see bulkhead up --help", l.policy->name);
        else if (!arena || !list_probes(&t, arena))
            status = complain_in(json, "too many pairs to try");
        else
            status = try_all(&t, &f) ? report(&t, json) : complain_in(json, "%s", f.text);
        arena_destroy(arena);
        running_close(&running);
    }
    loaded_free(&l);
    return status;
}
