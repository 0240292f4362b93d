/* SPDX-License-Identifier: Apache-2.0 */
/* What is said about all traffic at once (matrix, diff) against decide() on single flows. */
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "decide/diff.h"
#include "decide/matrix.h"
#include "decide/reach.h"
#include "decide/uplink.h"
#include "arena_scene.h"
#include "models.h"

#define MIDNIGHT 1700006400LL /* 2023-11-15T00:00:00Z */
#define LIMIT    100000000u

static void is_printed(struct text *t, const char *expected)
{
    assert_false(t->failed);
    if (strcmp(text_cstr(t), expected) != 0)
        print_error("%s", text_cstr(t));
    assert_string_equal(text_cstr(t), expected);
    text_free(t);
}

/* Space */

static void ports_are_cut_where_rules_tell_them_apart(void **state)
{
    struct scene *s = *state;
    struct policy *p = model_shop(s->arena);
    model_rule(s->arena, p, "a", "allow", "any", "any", "80/tcp 100-200/tcp 150-300/tcp 65535/tcp any icmp",
               NULL);
    struct port_class *classes;
    size_t count;
    const struct policy *policies[] = {p};
    assert_true(space_ports(policies, 1, s->arena, &classes, &count));
    struct text t = text_new(4096);
    for (size_t i = 0; i < count; i++) {
        port_class_print(&classes[i], &t);
        text_puts(&t, classes[i].named ? "! " : " ");
    }
    is_printed(&t, "1-79/tcp 80/tcp! 81-99/tcp 100-149/tcp! 150-200/tcp! 201-300/tcp! 301-65534/tcp 65535/tcp! "
                   "all/udp all/sctp icmp! other ");
    uint32_t chosen[] = {1, 2, 3, 5, 8};
    port_classes_print(classes, count, chosen, 5, &t);
    is_printed(&t, "80-149/tcp, 201-300/tcp, all/udp");
}

static void addresses_are_cut_into_unicast_pieces(void **state)
{
    struct scene *s = *state;
    struct policy *p = model_new(s->arena);
    model_segment(s->arena, p, "hub", "10.0.0.0/8");
    model_rule(s->arena, p, "a", "allow", "any", "cidr:10.1.0.0/16 cidr:0.0.0.0/0", "any", NULL);
    const struct policy *policies[] = {p};
    struct piece *pieces;
    size_t count;
    assert_true(space_addresses(policies, 1, 4, s->arena, &pieces, &count));
    struct text t = text_new(4096);
    char a[ADDRESS_TEXT_MAX], b[ADDRESS_TEXT_MAX];
    for (size_t i = 0; i < count; i++)
        text_printf(&t, "%s-%s ", address_print(&pieces[i].first, a), address_print(&pieces[i].last, b));
    is_printed(&t, "1.0.0.0-9.255.255.255 10.0.0.0-10.0.255.255 10.1.0.0-10.1.255.255 10.2.0.0-10.255.255.255 "
                   "11.0.0.0-126.255.255.255 "
                   "128.0.0.0-169.253.255.255 169.255.0.0-223.255.255.255 240.0.0.0-255.255.255.254 ");
    struct address first = address_of("10.0.0.3"), last = address_of("10.0.0.16");
    range_print(&first, &last, " ", &t);
    is_printed(&t, "cidr:10.0.0.3/32 cidr:10.0.0.4/30 cidr:10.0.0.8/29 cidr:10.0.0.16/32");
}

/* Random policies */

static const char *const ends[] = {"storefront",
                                   "orders",
                                   "ledger",
                                   "segment:web",
                                   "segment:api",
                                   "segment:data",
                                   "segment:hub",
                                   "label:tier=front",
                                   "label:tier=middle",
                                   "cidr:203.0.113.0/24",
                                   "cidr:203.0.113.128/25",
                                   "cidr:10.80.0.0/16",
                                   "cidr:2001:db8::/32",
                                   "cidr:10.80.1.2/32",
                                   "cidr:198.51.100.7/32",
                                   "cidr:0.0.0.0/0",
                                   "world",
                                   "any",
                                   "not:world",
                                   "not:storefront",
                                   "not:segment:web",
                                   "not:cidr:203.0.113.0/25",
                                   "not:label:tier=front"};
static const char *const ports[] = {"80/tcp",   "80-90/tcp", "85-443/tcp", "53/udp",
                                    "443/sctp", "icmp",      "any",        "65535/tcp 1/tcp"};
static const char *const hours[] = {"now.hour >= 1 && now.hour < 4", "now.hour == 12", "now.weekday == 0"};

static const char *random_end(struct arena *a)
{
    char *list = arena_format(a, "%s", ends[random_below(18)]);
    for (uint32_t more = random_below(3); more > 0; more--)
        list = arena_format(a, "%s %s", list, ends[random_below(sizeof ends / sizeof ends[0])]);
    return list;
}

static void random_rules(struct arena *a, struct policy *p, uint32_t count, bool timed)
{
    static const char *const kinds[] = {"allow", "allow", "allow", "deny", "try"};
    for (uint32_t i = 0; i < count; i++) {
        const char *name = arena_format(a, "rule-%u", i);
        const char *when = timed && random_below(3) == 0 ? hours[random_below(3)] : NULL;
        model_rule(a, p, name, kinds[random_below(5)], random_end(a), random_end(a), ports[random_below(8)],
                   when);
    }
}

static struct policy *random_policy(struct arena *a, bool timed)
{
    struct policy *p = random_below(4) ? model_shop(a) : NULL;
    if (!p) { /* another world: ledger has moved and has IPv6, there is a newcomer, orders is gone */
        p = model_new(a);
        model_segment(a, p, "hub", "10.80.0.0/24");
        model_segment(a, p, "web", "10.80.1.0/24 fd80:0:0:1::/64");
        model_segment(a, p, "api", "198.51.100.0/24");
        model_segment(a, p, "data", "10.80.2.0/23 fd80:0:0:3::/64");
        model_workload(a, p, "storefront", "web", "10.80.1.2 fd80:0:0:1::2", "tier=front");
        model_workload(a, p, "newcomer", "api", "198.51.100.7", "tier=middle");
        model_workload(a, p, "ledger", "data", "10.80.3.11 fd80:0:0:3::2", "tier=back");
        model_workload(a, p, "orders", "data", "10.80.3.10", "tier=middle");
    }
    p->observe = random_below(12) == 0;
    p->segments[random_below(p->segment_count)].observe = random_below(6) == 0;
    random_rules(a, p, random_below(7), timed);
    return p;
}

static const char *const samples[] = {
    "203.0.113.0",     "203.0.113.127",   "203.0.113.128",
    "203.0.113.255",   "203.0.114.0",     "203.0.112.255",
    "198.51.100.7",    "198.51.100.6",    "198.51.101.1",
    "8.8.8.8",         "1.0.0.0",         "255.255.255.254",
    "10.81.0.0",       "10.79.255.255",   "10.80.77.7",
    "126.255.255.255", "2001:db8::",      "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff",
    "2001:db9::",      "2001:db7:ffff::", "::2",
    "fd80:0:0:9::1"};
#define SAMPLES (sizeof samples / sizeof samples[0])
static const struct {
    uint16_t protocol, port;
} services[] = {{6, 1},     {6, 79},    {6, 80},  {6, 84},  {6, 85},    {6, 90},  {6, 91}, {6, 443}, {6, 444},
                {6, 65534}, {6, 65535}, {17, 53}, {17, 54}, {132, 443}, {132, 1}, {1, 0},  {47, 0}};
#define SERVICES (sizeof services / sizeof services[0])

static struct flow flow_of(const struct address *from, const struct address *to, size_t service)
{
    struct flow f = {.from = *from,
                     .to = *to,
                     .protocol = (uint8_t)services[service].protocol,
                     .port = services[service].port};
    if (f.protocol == 1 && from->family == 6)
        f.protocol = 58;
    return f;
}

static void reach_gives_the_verdicts_of_decide(void **state)
{
    struct scene *s = *state;
    for (uint64_t seed = 1; seed <= 60; seed++) {
        seed_random(seed);
        struct policy *p = random_policy(s->arena, true);
        if (seed % 10 == 0)
            random_rules(s->arena, p, 150, false); /* more than one word of a set */
        const struct policy *policies[] = {p};
        struct port_class *classes;
        size_t class_count;
        struct address addresses[SAMPLES + 3];
        size_t count = 0;
        for (size_t i = 0; i < SAMPLES; i++)
            addresses[count++] = address_of(samples[i]);
        for (uint32_t i = 0; i < 3; i++)
            addresses[count++] = p->workloads[i].addresses[0];
        struct reach r;
        assert_true(space_ports(policies, 1, s->arena, &classes, &class_count));
        assert_true(reach_new(p, addresses, count, classes, class_count, s->arena, &r));
        uint64_t *holds = arena_array(s->arena, r.words, sizeof *holds);
        int64_t now = MIDNIGHT + random_below(7 * 86400);
        reach_holding(&r, now, holds);
        struct reach_pair pair;
        assert_true(reach_pair_new(&r, s->arena, &pair));
        for (size_t i = 0; i < count; i++) {
            for (size_t k = 0; k < count; k++) {
                reach_pair_set(&r, i, k, &pair);
                for (size_t c = 0; c < class_count && addresses[i].family == addresses[k].family; c++) {
                    struct flow f = port_class_flow(&classes[c], &addresses[i], &addresses[k]);
                    struct verdict a = decide(p, &f, (struct moment){now, now}),
                                   b = reach_verdict(&r, &pair, c, holds);
                    assert_true(a.allow == b.allow && a.enforced == b.enforced && a.reason == b.reason &&
                                a.rule == b.rule);
                    f.port = classes[c].last; /* the other end of the class is alike */
                    if (f.protocol == 6 || f.protocol == 17) {
                        a = decide(p, &f, (struct moment){now, now});
                        assert_true(a.allow == b.allow && a.rule == b.rule);
                    }
                }
            }
        }
    }
}

/* Matrix */

static struct policy *small(struct arena *a)
{
    struct policy *p = model_shop(a);
    model_rule(a, p, "calls", "allow", "storefront", "orders", "8080/tcp icmp", NULL);
    model_rule(a, p, "reads", "allow", "orders", "ledger", "5432/tcp 6000-6010/tcp", NULL);
    model_rule(a, p, "updates", "allow", "any not:world", "cidr:203.0.113.0/24", "443/tcp", NULL);
    model_rule(a, p, "six", "allow", "cidr:fd80::/16", "cidr:fd80::/16", "22/tcp", NULL);
    model_rule(a, p, "publish", "allow", "world", "storefront", "any", NULL);
    return p;
}

static void a_matrix_is_a_table_for_80_columns(void **state)
{
    struct scene *s = *state;
    struct matrix m;
    assert_int_equal(matrix_make(small(s->arena), MIDNIGHT, LIMIT, s->arena, &m), MATRIX_DONE);
    struct text t = text_new(1 << 16);
    matrix_print(&m, &t);
    is_printed(&t, "from \\ to      storefront            orders                ledger\n"
                   "storefront     .                     8080/tcp, icmp,       -\n"
                   "                                     22/tcp (IPv6)\n"
                   "orders         22/tcp (IPv6)         .                     5432/tcp,\n"
                   "                                                           6000-6010/tcp\n"
                   "ledger         -                     -                     .\n"
                   "cidr:          any                   -                     -\n"
                   "203.0.113.0/24\n"
                   "cidr:fd80::/16 any                   22/tcp                -\n"
                   "world          any                   -                     -\n"
                   "\n"
                   "from \\ to      cidr:203.0.113.0/24   cidr:fd80::/16        world\n"
                   "storefront     443/tcp               22/tcp                -\n"
                   "orders         443/tcp               22/tcp                -\n"
                   "ledger         443/tcp               -                     -\n"
                   "cidr:          .                     -                     -\n"
                   "203.0.113.0/24\n"
                   "cidr:fd80::/16 -                     .                     -\n"
                   "world          -                     -                     .\n");
}

static void a_matrix_has_json_and_a_graph(void **state)
{
    struct scene *s = *state;
    struct policy *p = model_shop(s->arena);
    model_rule(s->arena, p, "calls", "allow", "storefront", "orders", "8080/tcp icmp", NULL);
    model_rule(s->arena, p, "reads", "allow", "orders", "ledger", "5432/tcp", NULL);
    struct matrix m;
    assert_int_equal(matrix_make(p, MIDNIGHT, LIMIT, s->arena, &m), MATRIX_DONE);
    struct text t = text_new(1 << 16);
    matrix_print_json(&m, &t);
    is_printed(&t, "{\"places\": [{\"name\": \"storefront\", \"segment\": \"web\"}, {\"name\": \"orders\", "
                   "\"segment\": \"api\"}, {\"name\": \"ledger\", "
                   "\"segment\": \"data\"}, {\"name\": \"world\", \"segment\": null}], \"allowed\": "
                   "[{\"from\": \"storefront\", \"to\": \"orders\", \"ipv4\": "
                   "[\"8080/tcp\", \"icmp\"], \"ipv6\": [\"8080/tcp\", \"icmp\"]}, {\"from\": \"orders\", "
                   "\"to\": \"ledger\", \"ipv4\": [\"5432/tcp\"], \"ipv6\": []}]}\n");
    matrix_print_dot(&m, &t);
    is_printed(&t, "digraph \"test\" {\n  rankdir=LR;\n  node [shape=box];\n  subgraph \"cluster_hub\" {\n    "
                   "label=\"hub\";\n  }\n  subgraph \"cluster_web\" {\n"
                   "    label=\"web\";\n    \"storefront\";\n  }\n  subgraph \"cluster_api\" {\n    "
                   "label=\"api\";\n    \"orders\";\n  }\n"
                   "  subgraph \"cluster_data\" {\n    label=\"data\";\n    \"ledger\";\n  }\n  \"storefront\" "
                   "-> \"orders\" [label=\"8080/tcp, icmp\"];\n"
                   "  \"orders\" -> \"ledger\" [label=\"5432/tcp\"];\n}\n");
    assert_int_equal(matrix_make(p, MIDNIGHT, 3, s->arena, &m), MATRIX_TOO_LARGE);
}

/* Diff */

static void diff_is(struct scene *s, const struct policy *before, const struct policy *after,
                    const char *expected)
{
    struct diff d;
    assert_true(diff_make(before, after, MIDNIGHT, LIMIT, s->arena, &d));
    struct text t = text_new(1 << 16);
    diff_print(&d, &t);
    is_printed(&t, expected);
}

static void the_same_access_in_other_words_differs_in_nothing(void **state)
{
    struct scene *s = *state;
    struct policy *a = model_shop(s->arena), *b = model_shop(s->arena);
    model_rule(s->arena, a, "one", "allow", "storefront", "orders", "80-90/tcp", NULL);
    model_rule(s->arena, b, "low", "allow", "segment:web", "label:tier=middle", "80-84/tcp", NULL);
    model_rule(s->arena, b, "high", "allow", "cidr:10.80.1.2/32 cidr:fd80:0:0:1::2/128", "orders", "85-90/tcp",
               NULL);
    diff_is(s, a, a, "no access differs\n");
    diff_is(s, a, b, "no access differs\n");
}

static void gains_and_losses_are_told_in_terms_of_workloads(void **state)
{
    struct scene *s = *state;
    struct policy *a = small(s->arena), *b = small(s->arena);
    b->rules[1].ports[1].last = 6005;
    model_rule(s->arena, b, "never", "deny", "segment:web", "world", "443/tcp", NULL);
    model_rule(s->arena, b, "out", "allow", "orders ledger", "world", "53/udp", NULL);
    diff_is(s, a, b,
            "gained: orders -> world 53/udp over IPv6 (rule out)\n"
            "gained: orders, ledger -> world 53/udp over IPv4 (rule out)\n"
            "lost: orders -> ledger 6006-6010/tcp over IPv4 (rule reads)\n"
            "lost: storefront -> cidr:203.0.113.0/24 443/tcp over IPv4 (rule updates; now denied by never)\n");
}

static void workloads_are_matched_by_name(void **state)
{
    struct scene *s = *state;
    struct policy *a = model_shop(s->arena), *b = model_shop(s->arena);
    model_rule(s->arena, a, "reads", "allow", "orders", "ledger", "5432/tcp", NULL);
    model_rule(s->arena, b, "reads", "allow", "orders", "ledger", "5432/tcp", NULL);
    b->workloads[2].addresses[0] = address_of("10.80.3.99");
    diff_is(s, a, model_shop(s->arena), "lost: orders -> ledger 5432/tcp over IPv4 (rule reads)\n");
    model_workload(s->arena, b, "backup", "data", "10.80.3.50", ""); /* also renews the look-ups */
    diff_is(s, a, b, "no access differs\n");
    model_rule(s->arena, b, "copies", "allow", "backup", "ledger", "873/tcp", NULL);
    diff_is(s, a, b, "gained: backup -> ledger 873/tcp over IPv4 (rule copies)\n");
}

/* Where no rule names the workloads, only they themselves tell the families apart. */
static void what_is_observed_at_a_new_address_is_gained_in_its_family(void **state)
{
    struct scene *s = *state;
    struct policy *policies[2];
    for (int i = 0; i < 2; i++) {
        struct policy *p = policies[i] = model_new(s->arena);
        p->observe = true;
        model_segment(s->arena, p, "web", "10.80.1.0/24 fd80:0:0:1::/64");
        model_workload(s->arena, p, "w0", "web", i ? "10.80.1.2 fd80:0:0:1::2" : "10.80.1.2", "");
        model_workload(s->arena, p, "w1", "web", i ? "10.80.1.3 fd80:0:0:1::3" : "10.80.1.3", "");
    }
    diff_is(s, policies[0], policies[1],
            "gained: w0, w1 -> world any over IPv6 (only observed)\n"
            "gained: w0, w1, world -> w0, w1 any over IPv6 (only observed)\n");
}

/* Every other port of three protocols, which is more than a list has room for. */
static void many_ports(struct arena *a, struct rule *r)
{
    static const uint8_t protocols[] = {IPPROTO_TCP, IPPROTO_UDP, IPPROTO_SCTP};
    struct ports *all = arena_array(a, (size_t)3 << 15, sizeof *all);
    assert_non_null(all);
    r->ports = all;
    for (r->port_count = 0; r->port_count < 3u << 15; r->port_count++) {
        uint16_t port = (uint16_t)(r->port_count % (1u << 15) * 2 + 1);
        all[r->port_count] = (struct ports){.protocol = protocols[r->port_count >> 15], .first = port, .last = port};
    }
}

static void lists_of_ports_that_are_cut_alike_are_one_line(void **state)
{
    struct scene *s = *state;
    struct policy *policies[2];
    for (int i = 0; i < 2; i++) {
        struct policy *p = policies[i] = model_shop(s->arena);
        model_rule(s->arena, p, "four", "allow", "cidr:10.80.1.2/32", "orders", "65533/sctp", NULL);
        model_rule(s->arena, p, "six", "allow", "cidr:fd80:0:0:1::2/128", "orders", "65531/sctp", NULL);
    }
    uint32_t many = model_rule(s->arena, policies[1], "many", "allow", "storefront", "orders", "1/tcp", NULL);
    many_ports(s->arena, &policies[1]->rules[many]);
    struct diff d;
    assert_true(diff_make(policies[0], policies[1], MIDNIGHT, DIFF_LIMIT, s->arena, &d));
    assert_int_equal(d.count, 1);
    assert_int_equal(d.lines[0].families, 10);
    assert_non_null(strstr(d.lines[0].ports, " more"));
}

/* A stretch of sources from workloads into the world. */

static void times_and_observation_count(void **state)
{
    struct scene *s = *state;
    struct policy *a = model_shop(s->arena), *b = model_shop(s->arena);
    model_rule(s->arena, b, "nightly", "allow", "storefront", "orders", "873/tcp",
               "now.hour >= 1 && now.hour < 4");
    diff_is(s, a, b, "gained: storefront -> orders 873/tcp at times (rule nightly)\n");
    struct policy *c = model_shop(s->arena);
    model_rule(s->arena, c, "nightly", "allow", "storefront", "orders", "873/tcp", "now.hour in [1, 2, 3]");
    diff_is(s, b, c, "no access differs\n");
    struct policy *d = model_shop(s->arena);
    d->workloads[2].observe = true;
    diff_is(s, d, a,
            "lost: ledger -> storefront, orders, world any over IPv4 (only observed)\n"
            "lost: storefront, orders, world -> ledger any over IPv4 (only observed)\n");
}

static void a_deny_that_was_only_tried_and_now_holds_is_a_loss(void **state)
{
    struct scene *s = *state;
    struct policy *a = model_shop(s->arena), *b = model_shop(s->arena);
    model_rule(s->arena, a, "calls", "allow", "storefront", "orders", "80/tcp", NULL);
    model_rule(s->arena, b, "calls", "allow", "storefront", "orders", "80/tcp", NULL);
    model_rule(s->arena, a, "never", "try", "storefront", "orders", "any", NULL);
    model_rule(s->arena, b, "never", "deny", "storefront", "orders", "any", NULL);
    diff_is(s, a, b, "lost: storefront -> orders 80/tcp (only observed; now denied by never)\n");
}

static void a_diff_that_is_too_large_says_so(void **state)
{
    struct scene *s = *state;
    struct policy *a = model_shop(s->arena), *b = small(s->arena);
    struct diff d;
    assert_true(diff_make(a, b, MIDNIGHT, 60, s->arena, &d));
    assert_non_null(d.incomplete);
    struct text t = text_new(1 << 16);
    diff_print(&d, &t);
    assert_non_null(strstr(text_cstr(&t), "not complete: "));
    text_free(&t);
    diff_print_json(&d, &t);
    assert_non_null(strstr(text_cstr(&t), "\"complete\": false"));
    text_free(&t);
}

static void a_diff_has_json(void **state)
{
    struct scene *s = *state;
    struct policy *a = model_shop(s->arena), *b = model_shop(s->arena);
    model_rule(s->arena, a, "old", "allow", "storefront", "orders", "80/tcp", NULL);
    model_rule(s->arena, b, "new", "allow", "storefront", "orders", "81/tcp", NULL);
    struct diff d;
    assert_true(diff_make(a, b, MIDNIGHT, LIMIT, s->arena, &d));
    struct text t = text_new(1 << 16);
    diff_print_json(&d, &t);
    is_printed(
        &t, "{\"complete\": true, \"incomplete\": null, \"gained\": [{\"from\": \"storefront\", \"to\": "
            "\"orders\", \"ports\": \"81/tcp\", \"families\": "
            "[4, 6], \"at_times\": false, \"rule\": \"new\", \"denier\": null}], \"lost\": [{\"from\": "
            "\"storefront\", \"to\": \"orders\", \"ports\": "
            "\"80/tcp\", \"families\": [4, 6], \"at_times\": false, \"rule\": \"old\", \"denier\": null}], "
            "\"published\": {\"gained\": [], \"lost\": []}, \"uplink\": null}\n");
}

/* Whether one printed list of a diff's line holds what is asked, read as text. */

static bool list_has(const char *list, const char *name)
{
    size_t len = strlen(name);
    for (const char *at = list; at; at = strstr(at, ", ") ? strstr(at, ", ") + 2 : NULL) {
        if (strncmp(at, name, len) == 0 && (at[len] == 0 || at[len] == ','))
            return true;
    }
    return false;
}

static bool list_has_address(const char *list, const struct address *a)
{
    for (const char *at = list; at; at = strstr(at, ", ") ? strstr(at, ", ") + 2 : NULL) {
        size_t len = strcspn(at, ",");
        struct prefix p;
        bool host_bits;
        if (strncmp(at, "world", 5) == 0) {
            bool except = false;
            for (const char *e = at + 5; (e = strstr(e, "cidr:")) && e < at + len;) {
                e += 5;
                size_t n = strcspn(e, " ,");
                assert_true(prefix_parse(bytes_of(e, n), &p, &host_bits));
                except |= prefix_contains(&p, a);
            }
            return !except;
        }
        if (strncmp(at, "cidr:", 5) == 0 && prefix_parse(bytes_of(at + 5, len - 5), &p, &host_bits) &&
            prefix_contains(&p, a))
            return true;
    }
    return false;
}

static bool ports_have(const char *list, size_t service)
{
    unsigned protocol = services[service].protocol, port = services[service].port;
    for (const char *at = list; at; at = strstr(at, ", ") ? strstr(at, ", ") + 2 : NULL) {
        unsigned first, last;
        if (strncmp(at, "any", 3) == 0)
            return true;
        if (strncmp(at, "icmp", 4) == 0) {
            if (protocol == 1)
                return true;
        } else if (strncmp(at, "other", 5) == 0) {
            if (protocol == 47)
                return true;
        } else if (strncmp(at, "all/", 4) == 0) {
            if (strncmp(at + 4,
                        protocol == 6     ? "tcp"
                        : protocol == 17  ? "udp"
                        : protocol == 132 ? "sctp"
                                          : "-",
                        3) == 0)
                return true;
        } else {
            char *rest;
            first = last = (unsigned)strtoul(at, &rest, 10);
            if (*rest == '-')
                last = (unsigned)strtoul(rest + 1, &rest, 10);
            assert_int_equal(*rest, '/');
            unsigned of = rest[1] == 't' ? 6 : rest[1] == 'u' ? 17 : 132;
            if (of == protocol && port >= first && port <= last)
                return true;
        }
    }
    return false;
}

/* An end as a person knows it: a workload by name, or an address. */
struct sample {
    const char *workload;
    struct address at[2];
    bool exists[2];
};

static size_t samples_of(const struct policy *const policies[2], struct sample *out)
{
    size_t n = 0;
    for (size_t i = 0; i < SAMPLES; i++) {
        struct address a = address_of(samples[i]);
        if (policy_segment_of(policies[0], &a) == NONE || policy_segment_of(policies[1], &a) == NONE)
            out[n++] = (struct sample){.at = {a, a}, .exists = {true, true}};
    }
    static const char *const names[] = {"storefront", "orders", "ledger", "newcomer"};
    for (size_t i = 0; i < 4; i++) {
        for (uint8_t family = 4; family <= 6; family = (uint8_t)(family + 2)) {
            struct sample s = {.workload = names[i]};
            for (size_t k = 0; k < 2; k++) {
                uint32_t w = policy_find_workload(policies[k], bytes_of_text(names[i]));
                for (uint32_t j = 0; w != NONE && j < policies[k]->workloads[w].address_count; j++) {
                    if (policies[k]->workloads[w].addresses[j].family == family) {
                        s.at[k] = policies[k]->workloads[w].addresses[j];
                        s.exists[k] = true;
                    }
                }
                s.at[k].family = family;
            }
            if (s.exists[0] || s.exists[1])
                out[n++] = s;
        }
    }
    return n;
}

static bool sample_passes(const struct policy *p, unsigned when, const struct sample *from,
                          const struct sample *to, size_t service, int64_t now)
{
    if (!from->exists[when] || !to->exists[when])
        return false;
    struct flow f = flow_of(&from->at[when], &to->at[when], service);
    struct verdict v = decide(p, &f, (struct moment){now, now});
    return v.allow || !v.enforced;
}

static bool line_has(const struct diff_line *l, const struct sample *from, const struct sample *to,
                     size_t service)
{
    uint8_t family = from->at[0].family;
    if (l->families != 10 && l->families != family)
        return false;
    return (from->workload ? list_has(l->from, from->workload) : list_has_address(l->from, &from->at[0])) &&
           (to->workload ? list_has(l->to, to->workload) : list_has_address(l->to, &to->at[0])) &&
           ports_have(l->ports, service);
}

static void check_sample(const struct policy *const policies[2], const struct diff *d,
                         const struct sample *from, const struct sample *to, size_t service, uint64_t seed,
                         int64_t now, bool timed)
{
    bool old = sample_passes(policies[0], 0, from, to, service, now),
         new = sample_passes(policies[1], 1, from, to, service, now);
    bool gained = false, lost = false, always_gained = false, always_lost = false;
    for (size_t i = 0; i < d->count; i++) {
        const struct diff_line *l = &d->lines[i];
        if (!line_has(l, from, to, service))
            continue;
        *(l->gained ? &gained : &lost) = true;
        if (!l->at_times)
            *(l->gained ? &always_gained : &always_lost) = true;
    }
    /* At one moment: what differs now is in a line, and what a line says of all moments holds now. */
    bool ok = (!(new && !old) || gained) && (!(old && !new) || lost) && (!always_gained || (new && !old)) &&
              (!always_lost || (old && !new));
    if (!timed)
        ok = ok && gained == (new && !old) && lost == (old && !new);
    if (!ok) {
        char a[ADDRESS_TEXT_MAX], b[ADDRESS_TEXT_MAX];
        struct text t = text_new(1 << 20);
        diff_print(d, &t);
        print_error("seed %llu: %s -> %s %u/%u: before %d, after %d\n%s", (unsigned long long)seed,
                    from->workload ? from->workload : address_print(&from->at[0], a),
                    to->workload ? to->workload : address_print(&to->at[0], b), services[service].port,
                    services[service].protocol, old, new, text_cstr(&t));
        text_free(&t);
        fail();
    }
}

/* Ports of the uplink that lead to ports that rules speak of. */
static void random_publish(struct arena *a, struct policy *p)
{
    static const char *const published[] = {"443/tcp", "80/tcp", "53/udp"};
    static const uint16_t inner[] = {80, 85, 443, 53};
    p->uplink.interface = random_below(8) ? "uplink0" : NULL;
    for (size_t i = 0; p->uplink.interface && i < 3; i++) {
        if (random_below(2))
            model_publish(a, p, published[i], p->workloads[random_below(p->workload_count)].name, inner[random_below(4)]);
    }
}

static const struct address *target_of(const struct policy *p, const struct publish *e, uint8_t family)
{
    return e && uplink_outer_address(p, family) ? workload_first_address(&p->workloads[e->workload], family) : NULL;
}

/* What is said of a way for that source. */
static bool way_has(const struct diff_way *w, bool gained, const struct publish *e, const struct address *from)
{
    return w->gained == gained && w->protocol == e->protocol && w->port == e->port && (w->families == 10 || w->families == from->family) &&
           w->from && list_has_address(w->from, from);
}

/* The port of policy `k` that the other one does not have so; and what the diff says of who comes in by it. */
static void check_way(const struct policy *const policies[2], unsigned k, const struct publish *e, const struct diff *d, const struct address *from,
                      uint64_t seed, int64_t now, bool timed)
{
    const struct policy *p = policies[k], *other = policies[1 - k];
    const struct address *to = target_of(p, e, from->family);
    const struct publish *there = uplink_published(other, e->protocol, e->port);
    if (!to || policy_segment_of(p, from) != NONE)
        return;
    bool same = there && target_of(other, there, from->family) && there->workload_port == e->workload_port &&
                strcmp(other->workloads[there->workload].name, p->workloads[e->workload].name) == 0;
    struct flow f = {.from = *from, .to = *to, .protocol = e->protocol, .port = e->workload_port};
    struct verdict v = decide(p, &f, (struct moment){now, now});
    bool passes = !same && verdict_passes(&v), said = false, always = false;
    for (size_t i = 0; i < d->way_count; i++) {
        bool has = way_has(&d->ways[i], k == 1, e, from);
        said |= has;
        always |= has && !d->ways[i].at_times;
    }
    if ((passes && !said) || (always && !passes) || (!timed && said != passes)) {
        char a[ADDRESS_TEXT_MAX];
        struct text t = text_new(1 << 20);
        diff_print(d, &t);
        print_error("seed %llu: %s by %u/%u of policy %u: passes %d\n%s", (unsigned long long)seed, address_print(from, a), e->port, e->protocol, k,
                    passes, text_cstr(&t));
        text_free(&t);
        fail();
    }
}

static void check_ways(const struct policy *const policies[2], const struct diff *d, uint64_t seed, int64_t now, bool timed)
{
    for (unsigned k = 0; k < 2; k++)
        for (uint32_t i = 0; i < policies[k]->uplink.publish_count; i++)
            for (size_t sample = 0; sample < SAMPLES; sample++) {
                struct address from = address_of(samples[sample]);
                check_way(policies, k, &policies[k]->uplink.publish[i], d, &from, seed, now, timed);
            }
}

static void diff_against_brute_force(struct scene *s, uint64_t seeds, bool timed)
{
    for (uint64_t seed = 1; seed <= seeds; seed++) {
        random_state = seed * 0x9e3779b97f4a7c15u + timed;
        struct policy *a = random_policy(s->arena, timed);
        random_state = seed % 2 ? random_state
                                : seed * 0x9e3779b97f4a7c15u + timed; /* even: the same again, and some more */
        struct policy *b = random_policy(s->arena, timed);
        random_rules(s->arena, b, random_below(3), timed);
        random_publish(s->arena, a);
        random_publish(s->arena, b);
        const struct policy *policies[] = {a, b};
        struct diff d;
        assert_true(diff_make(a, b, MIDNIGHT, LIMIT, s->arena, &d));
        assert_null(d.incomplete);
        struct sample all[SAMPLES + 8];
        size_t count = samples_of(policies, all);
        int64_t now = MIDNIGHT + random_below(7 * 86400);
        check_ways(policies, &d, seed, now, timed);
        for (size_t i = 0; i < count; i++) {
            for (size_t k = 0; k < count; k++) {
                bool world = !all[i].workload && !all[k].workload;
                if (i == k || world || all[i].at[0].family != all[k].at[0].family)
                    continue;
                for (size_t service = 0; service < SERVICES; service++)
                    check_sample(policies, &d, &all[i], &all[k], service, seed, now, timed);
            }
        }
    }
}

static void diff_is_what_brute_force_finds(void **state)
{
    diff_against_brute_force(*state, 300, false);
}

static void diff_with_times_is_what_brute_force_finds(void **state)
{
    diff_against_brute_force(*state, 150, true);
}

static void every_allocation_may_fail(void **state)
{
    struct scene *s = *state;
    struct policy *a = small(s->arena), *b = model_shop(s->arena);
    bool done = false;
    model_publish(s->arena, b, "443/tcp", "storefront", 80);
    model_rule(s->arena, b, "in", "allow", "world", "storefront", "80/tcp", NULL);
    for (uint64_t nth = 1; !done; nth++) {
        struct diff d;
        arena_fail_at(s->arena, nth);
        done = diff_make(a, b, MIDNIGHT, LIMIT, s->arena, &d);
        arena_fail_at(s->arena, 0);
        assert_true(nth < 5000);
    }
    done = false;
    for (uint64_t nth = 1; !done; nth++) {
        struct matrix m;
        arena_fail_at(s->arena, nth);
        enum matrix_result r = matrix_make(a, MIDNIGHT, LIMIT, s->arena, &m);
        arena_fail_at(s->arena, 0);
        done = r == MATRIX_DONE;
        assert_true(done || r == MATRIX_NO_MEMORY);
        assert_true(nth < 5000);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(ports_are_cut_where_rules_tell_them_apart),
        TEST(addresses_are_cut_into_unicast_pieces),
        TEST(reach_gives_the_verdicts_of_decide),
        TEST(a_matrix_is_a_table_for_80_columns),
        TEST(a_matrix_has_json_and_a_graph),
        TEST(the_same_access_in_other_words_differs_in_nothing),
        TEST(gains_and_losses_are_told_in_terms_of_workloads),
        TEST(workloads_are_matched_by_name),
        TEST(what_is_observed_at_a_new_address_is_gained_in_its_family),
        TEST(lists_of_ports_that_are_cut_alike_are_one_line),
        TEST(times_and_observation_count),
        TEST(a_deny_that_was_only_tried_and_now_holds_is_a_loss),
        TEST(a_diff_that_is_too_large_says_so),
        TEST(a_diff_has_json),
        TEST(diff_is_what_brute_force_finds),
        TEST(diff_with_times_is_what_brute_force_finds),
        TEST(every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
