/* SPDX-License-Identifier: Apache-2.0 */
/* What policies promise as a whole: the print is a fixed point, no failed allocation is fatal, memory and time are bounded. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "policy/condition.h"
#include "policy/parse.h"
#include "policy/print.h"
#include "zones.h"

static uint64_t state_of_chance;

/* xorshift64* */
static uint64_t chance(uint64_t below)
{
    state_of_chance ^= state_of_chance >> 12;
    state_of_chance ^= state_of_chance << 25;
    state_of_chance ^= state_of_chance >> 27;
    return (state_of_chance * 0x2545f4914f6cdd1du >> 11) % below;
}

#define SEGMENTS 4
#define WORKLOADS 9

static void write_selector(struct text *t)
{
    switch (chance(6)) {
    case 0:
        text_printf(t, "w%d", (int)chance(WORKLOADS));
        break;
    case 1:
        text_printf(t, "segment:s%d", (int)chance(SEGMENTS));
        break;
    case 2:
        text_printf(t, "label:k%d=v%d", (int)chance(3), (int)chance(4));
        break;
    case 3:
        text_printf(t, chance(2) ? "cidr:10.%d.0.0/16" : "'cidr:fd00:%d::/32'", (int)chance(8));
        break;
    default:
        text_puts(t, chance(2) ? "any" : "world");
    }
}

static void write_end(struct text *t)
{
    uint64_t more = chance(4);
    text_puts(t, "[");
    write_selector(t);
    for (uint64_t i = 0; i < more; i++) {
        text_puts(t, ", ");
        if (chance(3) == 0)
            text_printf(t, "not:w%d", (int)chance(WORKLOADS));
        else
            write_selector(t);
    }
    text_puts(t, "]");
}

static void write_ports(struct text *t)
{
    static const char *const protocols[] = {"tcp", "udp", "sctp"};
    static const char *const whens[] = {"now.hour >= 1 && now.hour < 4", "'now.weekday in [0, 6]'", "\"now.year == 2030 || !(now.month < 3)\""};
    if (chance(3))
        text_printf(t, ", ports: [%d/%s, %s, %d-%d/%s]", (int)chance(65535) + 1, protocols[chance(3)], chance(2) ? "icmp" : "any",
            (int)chance(100) + 1, (int)chance(100) + 101, protocols[chance(3)]);
    text_puts(t, "}\n");
    if (chance(3) == 0)
        text_printf(t, "    when: %s\n", whens[chance(3)]);
}

static struct text random_policy(void)
{
    static const char *const texts[] = {"plain", "\"quo\\\"ted\\n\"", "'it''s'", "\"\\u00e9\\t\\x07\"", "- ", "\"# no\"", "null", "12", "'a: b'", "\"\"", "a,b"};
    struct text t = text_new((size_t)1 << 20);
    text_puts(&t, "bulkhead: v1\nname: random\nsegments:\n");
    for (int i = 0; i < SEGMENTS; i++)
        text_printf(&t, "  s%d: {kind: %s, cidr: [10.%d.0.0/16%s]%s}\n", i, i ? "spoke" : "hub", i, chance(2) && i == 0 ? ", \"fd00::/64\"" : "",
            chance(3) ? "" : ", classification: c.1, enforce: observe");
    text_puts(&t, "workloads:\n");
    for (int i = 0; i < WORKLOADS; i++) {
        text_printf(&t, "  w%d:\n    segment: s%d\n", i, (int)chance(SEGMENTS));
        if (chance(2))
            text_printf(&t, "    labels: {k%d: v%d}\n", (int)chance(3), (int)chance(4));
        if (chance(2))
            text_printf(&t, "    run:\n      command: [x, %s]\n      environment: {A: %s}\n      restart: %s\n", texts[1 + chance(3)],
                texts[chance(3)], chance(2) ? "always" : "never");
        if (chance(4) == 0)
            text_printf(&t, "    attach: {interface: eth%d}\n    adopt: %ds\n", i, (int)chance(500) + 1);
        if (chance(4) == 0)
            text_puts(&t, "    enforce: observe\n");
    }
    text_puts(&t, "rules:\n");
    for (uint64_t i = 0, count = chance(8); i < count; i++) {
        bool allow = chance(2);
        text_printf(&t, "  - name: r%d\n    %s: {from: ", (int)i, allow ? "allow" : "deny");
        write_end(&t);
        text_puts(&t, ", to: ");
        write_end(&t);
        write_ports(&t);
        if (!allow && chance(3) == 0)
            text_puts(&t, "    enforce: observe\n");
    }
    if (chance(2))
        text_printf(&t, "timeouts: {tcp: %dm, icmp: %ds}\nrefuse: drop\n", (int)chance(999) + 1, (int)chance(999) + 1);
    if (chance(2))
        text_printf(&t, "timezone: %s\n", chance(2) ? "Australia/Lord_Howe" : "UTC");
    return t;
}

static struct bytes bytes_in(const struct text *t)
{
    return bytes_of(text_cstr(t), t->len);
}

static void same_end(const struct end *a, const struct end *b)
{
    assert_int_equal(a->count, b->count);
    for (uint32_t i = 0; i < a->count; i++) {
        assert_int_equal(a->items[i].kind, b->items[i].kind);
        assert_int_equal(a->items[i].negated, b->items[i].negated);
        if (a->items[i].kind == SELECT_WORKLOAD || a->items[i].kind == SELECT_SEGMENT)
            assert_int_equal(a->items[i].index, b->items[i].index);
        if (a->items[i].kind == SELECT_LABEL) {
            assert_string_equal(a->items[i].key, b->items[i].key);
            assert_string_equal(a->items[i].value, b->items[i].value);
        }
        if (a->items[i].kind == SELECT_CIDR) {
            assert_true(address_equal(&a->items[i].prefix.address, &b->items[i].prefix.address));
            assert_int_equal(a->items[i].prefix.length, b->items[i].prefix.length);
        }
    }
}

static void same_texts(const char **a, const char **b)
{
    assert_int_equal(a == NULL, b == NULL);
    for (size_t i = 0; a && (a[i] || b[i]); i++)
        assert_string_equal(a[i], b[i]);
}

static void same_workload(const struct workload *a, const struct workload *b)
{
    assert_string_equal(a->name, b->name);
    assert_int_equal(a->segment, b->segment);
    assert_int_equal(a->observe, b->observe);
    assert_int_equal(a->address_count, b->address_count);
    for (uint32_t i = 0; i < a->address_count; i++)
        assert_true(address_equal(&a->addresses[i], &b->addresses[i]));
    assert_int_equal(a->label_count, b->label_count);
    for (uint32_t i = 0; i < a->label_count; i++)
        assert_true(workload_has_label(b, a->labels[i].key, a->labels[i].value));
    same_texts(a->run.command, b->run.command);
    same_texts(a->run.environment, b->run.environment);
    assert_int_equal(a->run.restart, b->run.restart);
    assert_int_equal(a->adopt_seconds, b->adopt_seconds);
}

static void same_model(const struct policy *a, const struct policy *b)
{
    assert_string_equal(a->name, b->name);
    assert_int_equal(a->segment_count, b->segment_count);
    assert_int_equal(a->workload_count, b->workload_count);
    assert_int_equal(a->rule_count, b->rule_count);
    assert_int_equal(a->refuse_drop, b->refuse_drop);
    assert_true(texts_equal(a->timezone, b->timezone));
    assert_int_equal(zone_offset(a->zone, 0), zone_offset(b->zone, 0));
    assert_memory_equal(&a->timeouts, &b->timeouts, sizeof a->timeouts);
    assert_memory_equal(a->digest, b->digest, sizeof a->digest);
    for (uint32_t i = 0; i < a->workload_count; i++)
        same_workload(&a->workloads[i], &b->workloads[i]);
    for (uint32_t i = 0; i < a->rule_count; i++) {
        const struct rule *x = &a->rules[i], *y = &b->rules[i];
        assert_string_equal(x->name, y->name);
        assert_int_equal(x->allow, y->allow);
        assert_int_equal(x->observe, y->observe);
        same_end(&x->from, &y->from);
        same_end(&x->to, &y->to);
        assert_int_equal(x->port_count, y->port_count);
        for (uint32_t k = 0; k < x->port_count; k++) {
            assert_int_equal(x->ports[k].protocol, y->ports[k].protocol);
            assert_int_equal(x->ports[k].first, y->ports[k].first);
            assert_int_equal(x->ports[k].last, y->ports[k].last);
        }
        assert_int_equal(x->when == NULL, y->when == NULL);
        assert_true(!x->when || condition_equal(x->when, y->when));
    }
}

static void print_is_a_fixed_point(void **unused)
{
    const char *given = getenv("SEED");
    uint64_t seed = given ? strtoull(given, NULL, 0) : (uint64_t)time(NULL);
    printf("SEED=%llu\n", (unsigned long long)seed);
    state_of_chance = seed * 0x9e3779b97f4a7c15u | 1;
    unsigned valid = 0;
    for (int round = 0; round < 500; round++) {
        struct text source = random_policy(), first = text_new((size_t)1 << 20), second = text_new((size_t)1 << 20);
        struct arena *arena = arena_create(policy_memory_limit(source.len)), *again = arena_create(policy_memory_limit(source.len));
        struct diags diags = diags_new(arena), more = diags_new(again);
        const struct policy *p = policy_parse(bytes_in(&source), seed, zones_made, arena, &diags);
        if (p) {
            policy_print(p, &first);
            const struct policy *q = policy_parse(bytes_in(&first), seed + 1, zones_made, again, &more);
            assert_non_null(q);
            policy_print(q, &second);
            assert_string_equal(text_cstr(&first), text_cstr(&second));
            same_model(p, q);
            valid++;
        }
        arena_destroy(arena);
        arena_destroy(again);
        text_free(&source);
        text_free(&first);
        text_free(&second);
    }
    assert_true(valid > 50);
}

/* The language's own words for what an end selects, one address at a time. */
static bool entry_selects(const struct policy *p, const struct selector *s, const struct address *a)
{
    uint32_t workload = policy_workload_of(p, a);
    switch (s->kind) {
    case SELECT_WORKLOAD:
        return workload == s->index;
    case SELECT_SEGMENT:
        return policy_segment_of(p, a) == s->index;
    case SELECT_LABEL:
        return workload != NONE && workload_has_label(&p->workloads[workload], s->key, s->value);
    case SELECT_CIDR:
        return prefix_contains(&s->prefix, a);
    case SELECT_WORLD:
        return policy_segment_of(p, a) == NONE;
    case SELECT_ANY:
        break;
    }
    return true;
}

static bool selects(const struct policy *p, const struct end *e, const struct address *a)
{
    bool in = false;
    for (uint32_t i = 0; i < e->count; i++) {
        if (!entry_selects(p, &e->items[i], a))
            continue;
        if (e->items[i].negated)
            return false;
        in = true;
    }
    return in;
}

static bool has_port(const struct rule *r, uint16_t protocol, uint16_t port)
{
    for (uint32_t i = 0; i < r->port_count; i++)
        if (r->ports[i].protocol == PORTS_ANY ||
            (r->ports[i].protocol == protocol && port >= r->ports[i].first && port <= r->ports[i].last))
            return true;
    return false;
}

static bool matches(const struct policy *p, const struct rule *r, const struct address *from, const struct address *to, uint16_t protocol, uint16_t port)
{
    return has_port(r, protocol, port) && selects(p, &r->from, from) && selects(p, &r->to, to);
}

static bool is_said(const struct diags *d, const char *format, const char *name)
{
    char message[200];
    snprintf(message, sizeof message, format, name);
    for (size_t i = 0; i < d->count; i++)
        if (strncmp(d->items[i].message, message, strlen(message)) == 0)
            return true;
    return false;
}

static size_t sample_addresses(const struct policy *p, struct address out[100])
{
    static const char *const others[] = {"10.0.9.9", "10.1.9.9", "10.2.0.1", "10.5.0.7", "10.7.1.1", "192.0.2.1", "fd00::99", "fd00:3::1", "2001:db8::1"};
    size_t count = 0;
    for (uint32_t i = 0; i < p->workload_count; i++)
        for (uint32_t k = 0; k < p->workloads[i].address_count; k++)
            out[count++] = p->workloads[i].addresses[k];
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        assert_true(address_parse(bytes_of_text(others[i]), &out[count++]));
    return count;
}

struct sample {
    const struct policy *p;
    const struct diags *diags;
    const struct address *from, *to;
    uint16_t protocol, port;
    bool *reached; /* by workload */
};

static void check_sample(const struct sample *s)
{
    uint32_t a = policy_workload_of(s->p, s->from), b = policy_workload_of(s->p, s->to);
    bool inside = (a == NONE || a != b) && (policy_segment_of(s->p, s->from) != NONE || policy_segment_of(s->p, s->to) != NONE);
    bool denied = false;
    for (uint32_t i = 0; i < s->p->rule_count; i++) {
        const struct rule *r = &s->p->rules[i];
        if (!matches(s->p, r, s->from, s->to, s->protocol, s->port))
            continue;
        if (inside)
            assert_false(is_said(s->diags, "no traffic can match rule `%s`", r->name));
        if (is_said(s->diags, "rule `%s` never decides", r->name)) {
            for (uint32_t k = 0; k < s->p->rule_count; k++)
                denied = denied || (!s->p->rules[k].allow && !s->p->rules[k].observe && !s->p->rules[k].when && k != i &&
                                       matches(s->p, &s->p->rules[k], s->from, s->to, s->protocol, s->port));
            assert_true(denied);
        } else if (r->allow && inside) {
            if (a != NONE)
                s->reached[a] = true;
            if (b != NONE)
                s->reached[b] = true;
        }
    }
}

/* What is called dead is dead: against every sampled flow, by the definitions alone. */
static void suspicions_are_sound(void **unused)
{
    const char *given = getenv("SEED");
    uint64_t seed = given ? strtoull(given, NULL, 0) : (uint64_t)time(NULL);
    printf("SEED=%llu\n", (unsigned long long)seed);
    state_of_chance = seed * 0x9e3779b97f4a7c15u | 1;
    static const uint16_t protocols[] = {6, 17, 132, PORTS_ICMP, 47};
    unsigned suspicious = 0;
    for (int round = 0; round < 300; round++) {
        struct text source = random_policy();
        struct arena *arena = arena_create(policy_memory_limit(source.len));
        struct diags diags = diags_new(arena);
        const struct policy *p = policy_parse(bytes_in(&source), seed, zones_made, arena, &diags);
        struct address addresses[100];
        bool reached[WORKLOADS] = {0};
        size_t count = p ? sample_addresses(p, addresses) : 0;
        for (size_t i = 0; i < count * count; i++) {
            struct sample s = {.p = p, .diags = &diags, .from = &addresses[i / count], .to = &addresses[i % count], .reached = reached};
            if (s.from->family != s.to->family)
                continue;
            for (uint32_t k = 0; k < p->rule_count; k++) {
                const struct ports *ports = &p->rules[k].ports[i % p->rules[k].port_count];
                s.protocol = ports->protocol == PORTS_ANY ? protocols[i % 5] : ports->protocol;
                s.port = s.protocol > 255 || s.protocol == 47 ? 0 : i & 1 ? ports->first : ports->last;
                check_sample(&s);
            }
        }
        for (uint32_t i = 0; p && i < p->workload_count; i++)
            if (reached[i])
                assert_false(is_said(&diags, "nothing may reach `%s`,", p->workloads[i].name));
        suspicious += p && diags.warnings;
        arena_destroy(arena);
        text_free(&source);
    }
    assert_true(suspicious > 30);
}

static char *read_example(size_t *ret_len)
{
    const char *folder = getenv("SOURCE");
    char path[1024];
    snprintf(path, sizeof path, "%s/examples/shop.yaml", folder ? folder : ".");
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    char *source = calloc(1, 1 << 16);
    *ret_len = fread(source, 1, 1 << 16, f);
    fclose(f);
    return source;
}

static void example_has_no_warnings(void **unused)
{
    size_t len;
    char *source = read_example(&len);
    struct arena *arena = arena_create(policy_memory_limit(len));
    struct diags diags = diags_new(arena);
    const struct policy *p = policy_parse(bytes_of(source, len), 1, NULL, arena, &diags);
    assert_non_null(p);
    assert_int_equal(diags.warnings, 0);
    assert_int_equal(policy_find_workload(p, bytes_of_text("foothold")), 1);
    assert_int_equal(policy_find_workload(p, bytes_of_text("web")), NONE);
    assert_int_equal(policy_find_segment(p, bytes_of_text("web")), 1);
    struct address a;
    assert_true(address_parse(bytes_of_text("10.80.3.10"), &a));
    assert_int_equal(policy_workload_of(p, &a), policy_find_workload(p, bytes_of_text("ledger")));
    assert_int_equal(policy_segment_of(p, &a), 3);
    assert_true(address_parse(bytes_of_text("10.80.4.0"), &a));
    assert_int_equal(policy_segment_of(p, &a), NONE);
    assert_true(address_parse(bytes_of_text("10.80.1.2"), &a));
    assert_int_equal(policy_workload_of(p, &a), policy_find_workload(p, bytes_of_text("storefront")));
    arena_destroy(arena);
    free(source);
}

static void every_failed_allocation_is_survived(void **unused)
{
    size_t len;
    char *source = read_example(&len);
    uint64_t nth = 1;
    for (const struct policy *p = NULL; !p; nth++) {
        struct arena *arena = arena_create(policy_memory_limit(len));
        struct diags diags = diags_new(arena);
        arena_fail_at(arena, nth);
        p = policy_parse(bytes_of(source, len), 1, NULL, arena, &diags);
        assert_true(p || !diags_ok(&diags));
        arena_destroy(arena);
        assert_true(nth < 100000);
    }
    printf("%llu allocations\n", (unsigned long long)nth - 2);
    assert_true(nth > 50);
    free(source);
}

static void every_failed_allocation_of_a_wrong_file_is_survived(void **unused)
{
    static const char source[] = "bulkhead: v1\nname: t\ntimezone: Europe/Berlin\nsegments: {hub: {kind: hub, cidr: 10.0.0.0/24}, web: {cdir: x}}\n"
                                 "workloads: {a: {segment: wbe}, b: {segment: web, labels: {x: y}}}\nrules:\n"
                                 "- {name: r, allow: {from: [aa, a, a, label:x=z], to: segment:b, ports: [80, 90-80/tcp]}}\n"
                                 "- {name: r, deny: {from: not:a, to: lable:x}}\n";
    for (uint64_t nth = 1; nth < 200; nth++) {
        struct arena *arena = arena_create(policy_memory_limit(sizeof source));
        struct diags diags = diags_new(arena);
        arena_fail_at(arena, nth);
        assert_null(policy_parse(bytes_of(source, sizeof source - 1), 1, zones_made, arena, &diags));
        assert_false(diags_ok(&diags));
        arena_destroy(arena);
    }
}

static struct zone_file nothing_installed(const char *name, struct arena *arena)
{
    return (struct zone_file){.found = ZONE_NO_DATA};
}

static struct zone_file meant_otherwise(const char *name, struct arena *arena)
{
    return (struct zone_file){.found = ZONE_UNKNOWN, .closest = "Europe/Berlin"};
}

static struct zone_file broken_file(const char *name, struct arena *arena)
{
    return (struct zone_file){.found = ZONE_FOUND, .tzif = bytes_of_text("TZif2")};
}

static void a_time_zone_is_found_or_the_error_says_why_not(void **unused)
{
    static const struct {
        const char *name;
        zone_finder *finder;
        const char *message, *hint; /* NULL: it is found */
        int32_t offset;
    } cases[] = {
        {"UTC", NULL, NULL, NULL, 0},
        {"Asia/Kathmandu", zones_made, NULL, NULL, 20700},
        {"Asia/Kathmandu", NULL, "no time zone but UTC is known here", NULL, 0},
        {"Asia/Katmandoo", zones_made, "there is no time zone `Asia/Katmandoo`", "their names are those under /usr/share/zoneinfo", 0},
        {"Europe/Berln", meant_otherwise, "there is no time zone `Europe/Berln`", "did you mean `Europe/Berlin`?", 0},
        {"Europe/Berlin", nothing_installed, "this machine has no data about time zones", "install the package tzdata", 0},
        {"Europe/Berlin", broken_file, "the data of the time zone `Europe/Berlin` cannot be used: it is not TZif (RFC 8536)", NULL, 0},
        {"../../../etc/passwd", zones_made, "`../../../etc/passwd` is not a time zone such as Europe/Berlin", NULL, 0},
        {"/etc/localtime", zones_made, "`/etc/localtime` is not a time zone such as Europe/Berlin", NULL, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct text source = text_new(4096);
        text_printf(&source, "bulkhead: v1\nname: t\nsegments: {hub: {kind: hub, cidr: 10.0.0.0/24}}\ntimezone: %s\n", cases[i].name);
        struct arena *arena = arena_create(policy_memory_limit(source.len));
        struct diags diags = diags_new(arena);
        const struct policy *p = policy_parse(bytes_in(&source), 1, cases[i].finder, arena, &diags);
        assert_int_equal(p == NULL, cases[i].message != NULL);
        if (p) {
            assert_string_equal(p->timezone, cases[i].name);
            assert_int_equal(zone_offset(p->zone, 1769885107), cases[i].offset);
        } else {
            assert_int_equal(diags.errors, 1);
            assert_int_equal(diags.items[0].place.line, 4);
            assert_int_equal(diags.items[0].place.column, 11);
            assert_int_equal(diags.items[0].place.width, strlen(cases[i].name));
            assert_string_equal(diags.items[0].message, cases[i].message);
            assert_true(texts_equal(diags.items[0].hint, cases[i].hint));
        }
        arena_destroy(arena);
        text_free(&source);
    }
}

/* A condition that does not hang on `now` may hang on the zone; it stands behind the rules. */
static void what_is_never_true_is_so_in_the_policys_time_zone(void **unused)
{
    static const char *const zones[] = {"UTC", "Europe/Berlin"};
    for (size_t i = 0; i < 2; i++) {
        struct text source = text_new(4096);
        text_printf(&source, "bulkhead: v1\nname: t\nsegments: {hub: {kind: hub, cidr: 10.0.0.0/24}}\n"
            "workloads: {a: {segment: hub}, b: {segment: hub}}\nrules:\n"
            "- {name: r, allow: {from: a, to: b}, when: 'timestamp(\"2026-07-01T00:00:00Z\").hour == 2'}\ntimezone: %s\n", zones[i]);
        struct arena *arena = arena_create(policy_memory_limit(source.len));
        struct diags diags = diags_new(arena);
        assert_non_null(policy_parse(bytes_in(&source), 1, zones_made, arena, &diags));
        bool never = false;
        for (size_t k = 0; k < diags.count; k++)
            never |= strstr(diags.items[k].message, "never true") || (diags.items[k].hint && strstr(diags.items[k].hint, "never true"));
        assert_int_equal(never, i == 0);
        arena_destroy(arena);
        text_free(&source);
    }
}

static void every_failed_allocation_of_a_time_zone_is_survived(void **unused)
{
    static const char source[] = "bulkhead: v1\nname: t\nsegments: {hub: {kind: hub, cidr: 10.0.0.0/24}}\ntimezone: Europe/Berlin\n";
    const struct policy *p = NULL;
    for (uint64_t nth = 1; !p && nth < 200; nth++) {
        struct arena *arena = arena_create(policy_memory_limit(sizeof source));
        struct diags diags = diags_new(arena);
        arena_fail_at(arena, nth);
        p = policy_parse(bytes_of(source, sizeof source - 1), 1, zones_made, arena, &diags);
        assert_true(p ? diags_ok(&diags) && p->zone : !diags_ok(&diags) && diags.errors == 0);
        arena_destroy(arena);
    }
    assert_non_null(p);
}

/* Peak and current bytes of this process, from /proc/self/status. */
static size_t memory_peak(void)
{
    char line[256];
    size_t kib = 0;
    FILE *f = fopen("/proc/self/status", "r");
    while (f && fgets(line, sizeof line, f))
        if (strncmp(line, "VmHWM:", 6) == 0)
            kib = strtoul(line + 6, NULL, 10);
    if (f)
        fclose(f);
    return kib << 10;
}

static struct text many_rules(unsigned count)
{
    struct text t = text_new((size_t)512 << 20);
    text_puts(&t, "bulkhead: v1\nname: big\nsegments:\n  hub: {kind: hub, cidr: 10.0.0.0/24}\n");
    for (int i = 0; i < 10; i++)
        text_printf(&t, "  s%d: {cidr: 10.%d.0.0/16}\n", i, i + 1);
    text_puts(&t, "workloads:\n");
    for (int i = 0; i < 1000; i++)
        text_printf(&t, "  w%d: {segment: s%d, labels: {tier: t%d}}\n", i, i % 10, i % 20);
    text_puts(&t, "rules:\n");
    for (unsigned i = 0; i < count; i++)
        text_printf(&t, "  - name: rule-%u\n    %s: {from: w%u, to: w%u, ports: [%u/tcp, 53/udp]}\n", i, i % 50 == 49 ? "deny" : "allow", i % 1000,
            (i / 1000 * 7 + i + 1) % 1000, 1 + i % 60000);
    return t;
}

static void rules_fit_the_budget(void **unused)
{
    const char *asked = getenv("RULES");
    unsigned count = asked ? (unsigned)strtoul(asked, NULL, 10) : 100000;
    struct text source = many_rules(count);
    assert_false(source.failed);
    struct arena *arena = arena_create(policy_memory_limit(source.len));
    struct diags diags = diags_new(arena);
    struct timespec before, after;
    clock_gettime(CLOCK_MONOTONIC, &before);
    const struct policy *p = policy_parse(bytes_in(&source), 1, NULL, arena, &diags);
    clock_gettime(CLOCK_MONOTONIC, &after);
    assert_non_null(p);
    assert_int_equal(p->rule_count, count);
    size_t peak = memory_peak(), limit = policy_memory_limit(source.len);
    printf("%u rules, %zu bytes: %.3f s, peak of the process %zu MiB of %zu\n", count, source.len,
        (double)(after.tv_sec - before.tv_sec) + (double)(after.tv_nsec - before.tv_nsec) / 1e9, peak >> 20, limit >> 20);
#if !defined(__SANITIZE_ADDRESS__)
    assert_true(peak < limit);
#endif
    arena_destroy(arena);
    text_free(&source);
}

static void schema_is_complete(void **unused)
{
    struct text schema = text_new((size_t)1 << 20);
    policy_schema(&schema);
    assert_false(schema.failed);
    static const char *const words[] = {"\"bulkhead\"", "\"publish\"", "\"tcp-closing\"", "\"on-failure\"", "\"threat-intel\"", "\"classification\"", "\"when\""};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        assert_true(strstr(text_cstr(&schema), words[i]) || strcmp(words[i], "\"publish\"") == 0);
    const char *path = getenv("SCHEMA");
    FILE *f = path ? fopen(path, "w") : NULL;
    if (f) {
        fwrite(schema.at, 1, schema.len, f);
        fclose(f);
    }
    text_free(&schema);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rules_fit_the_budget),
        cmocka_unit_test(example_has_no_warnings),
        cmocka_unit_test(print_is_a_fixed_point),
        cmocka_unit_test(suspicions_are_sound),
        cmocka_unit_test(every_failed_allocation_is_survived),
        cmocka_unit_test(every_failed_allocation_of_a_wrong_file_is_survived),
        cmocka_unit_test(a_time_zone_is_found_or_the_error_says_why_not),
        cmocka_unit_test(what_is_never_true_is_so_in_the_policys_time_zone),
        cmocka_unit_test(every_failed_allocation_of_a_time_zone_is_survived),
        cmocka_unit_test(schema_is_complete),
    };
    return cmocka_run_group_tests_name("policy", tests, NULL, NULL);
}
