/* SPDX-License-Identifier: Apache-2.0 */
/* The image of random policies, read slowly, says what src/decide says: at every boundary of an address, port and time. */
#include <netinet/in.h>

#include "reader.h"
#include "sources.h"

#define ADDRESSES_MAX 400
#define FLOWS 1200

struct samples {
    struct address addresses[ADDRESSES_MAX];
    struct image_address known[ADDRESSES_MAX];
    uint32_t count;
};

static void add_address(struct samples *s, const struct address *a)
{
    for (uint32_t i = 0; i < s->count; i++)
        if (address_equal(&s->addresses[i], a))
            return;
    assert_true(s->count < ADDRESSES_MAX);
    s->addresses[s->count++] = *a;
}

/* One more or less, over all octets; false where there is none. */
static bool step(struct address *a, int by)
{
    for (size_t i = address_octets(a); i-- > 0;) {
        int sum = a->octets[i] + by;
        a->octets[i] = (uint8_t)sum;
        if (sum >= 0 && sum <= 255)
            return true;
    }
    return false;
}

static void add_prefix(struct samples *s, const struct prefix *p)
{
    struct address first = p->address, last = p->address;
    for (unsigned i = p->length; i < address_bits(&last); i++)
        last.octets[i / 8] = (uint8_t)(last.octets[i / 8] | 0x80 >> i % 8);
    struct address before = first, second = first, behind = last, inner = last;
    add_address(s, &first);
    add_address(s, &last);
    if (step(&before, -1))
        add_address(s, &before);
    if (step(&behind, 1))
        add_address(s, &behind);
    if (step(&second, 1))
        add_address(s, &second);
    if (step(&inner, -1))
        add_address(s, &inner);
}

static void add_end(struct samples *s, const struct end *e)
{
    for (uint32_t i = 0; i < e->count; i++)
        if (e->items[i].kind == SELECT_CIDR)
            add_prefix(s, &e->items[i].prefix);
}

static void draw_addresses(struct samples *s, const struct policy *p)
{
    s->count = 0;
    for (uint32_t i = 0; i < p->segment_count; i++)
        for (uint32_t c = 0; c < p->segments[i].cidr_count; c++)
            add_prefix(s, &p->segments[i].cidrs[c]);
    for (uint32_t i = 0; i < p->workload_count; i++)
        for (uint32_t a = 0; a < p->workloads[i].address_count; a++)
            add_prefix(s, &(struct prefix){p->workloads[i].addresses[a], address_bits(&p->workloads[i].addresses[a])});
    for (uint32_t i = 0; i < p->rule_count; i++) {
        add_end(s, &p->rules[i].from);
        add_end(s, &p->rules[i].to);
    }
}

static struct flow draw_flow(struct random *r, const struct policy *p)
{
    static const uint8_t protocols[] = {IPPROTO_TCP, IPPROTO_UDP, IPPROTO_SCTP, IPPROTO_ICMP, 0, 2, 47, 255, 58};
    struct flow f = {.protocol = protocols[random_below(r, random_chance(r, 70) ? 3 : sizeof protocols)]};
    if (f.protocol != IPPROTO_TCP && f.protocol != IPPROTO_UDP && f.protocol != IPPROTO_SCTP)
        return f;
    const struct rule *rule = &p->rules[random_below(r, p->rule_count)];
    const struct ports *ports = &rule->ports[random_below(r, rule->port_count)];
    int64_t port = random_chance(r, 50) ? (int64_t)ports->first - 1 + random_below(r, 3) : (int64_t)ports->last - 1 + random_below(r, 3);
    f.port = (uint16_t)(port < 1 ? 1 : port > 65535 ? 65535 : port);
    if (random_chance(r, 10))
        f.port = (uint16_t)(1 + random_below(r, 65535));
    return f;
}

static int64_t draw_now(struct random *r)
{
    static const int64_t steps[] = {0, 1, 59, 60, 61, 86399, 86400, 86401, 100000, -1, -5000};
    if (random_chance(r, 40))
        return COMPILED + steps[random_below(r, sizeof steps / sizeof steps[0])];
    if (random_chance(r, 20)) /* where the restless zone's clock is changed, as it is then or one that it went over */
        return RESTLESS_FROM + ((COMPILED - RESTLESS_FROM) / RESTLESS_STEP + random_below(r, 4)) * RESTLESS_STEP - 1 + random_below(r, 3) +
               (random_chance(r, 50) ? (int64_t)random_below(r, 60) * 300 : 0);
    if (random_chance(r, 50)) /* at a full minute or hour, where conditions change */
        return (COMPILED / 3600 + random_below(r, 25)) * 3600 + (int64_t)random_below(r, 60) * 60 - random_below(r, 2);
    return COMPILED + random_below(r, 90000);
}

static void tell(const struct source *s, uint64_t seed, const struct flow *f, int64_t now, struct verdict want, struct verdict got)
{
    char from[ADDRESS_TEXT_MAX], to[ADDRESS_TEXT_MAX];
    printf("%s\n", text_cstr(&s->text));
    fail_msg("seed %llu: %s -> %s %u/%u at %+lld: decide says %s %d %d, the image %s %d %d", (unsigned long long)seed, address_print(&f->from, from),
        address_print(&f->to, to), f->port, f->protocol, (long long)(now - COMPILED), reason_name(want.reason), (int)want.rule, want.enforced,
        reason_name(got.reason), (int)got.rule, got.enforced);
}

static void check_addresses(const struct source *s, const struct image *image, struct samples *samples)
{
    for (uint32_t i = 0; i < samples->count; i++) {
        const struct address *a = &samples->addresses[i];
        struct image_address *k = &samples->known[i];
        *k = image_address(image, a);
        if (!address_is_unicast(a))
            continue; /* refused before anything is looked up */
        uint32_t workload = policy_workload_of(s->policy, a);
        assert_int_equal(k->endpoint, workload != NONE);
        assert_int_equal(k->link, workload == NONE ? 0 : s->links[workload]);
        if (!k->endpoint)
            assert_int_equal(k->inside, policy_segment_of(s->policy, a) != NONE);
    }
}

static void compare(uint64_t seed)
{
    struct source s = source_random(seed);
    struct random r = {seed ^ 0x1234567};
    struct arena *tables = arena_create((size_t)256 << 20);
    struct diags diags = diags_new(tables);
    struct compile_options o = options_of(&s, random_next(&r));
    struct compiled *c = compile_policy(s.policy, &o, tables, &diags);
    assert_non_null(c);
    struct image image = image_of(c);
    static struct samples samples;
    draw_addresses(&samples, s.policy);
    check_addresses(&s, &image, &samples);
    assert_int_equal(image.header.refuse_drop, s.policy->refuse_drop);
    assert_int_equal(image.header.rules, s.policy->rule_count);
    for (uint32_t i = 0; i < FLOWS; i++) {
        uint32_t from = i < samples.count ? i : random_below(&r, samples.count), to = random_below(&r, samples.count);
        if (random_chance(&r, 50)) /* what rules speak of most */
            from = random_below(&r, samples.count);
        struct flow f = draw_flow(&r, s.policy);
        f.from = samples.addresses[from];
        f.to = samples.addresses[to];
        if (f.from.family != f.to.family || !address_is_unicast(&f.from) || !address_is_unicast(&f.to))
            continue;
        if ((f.from.family == 6 && f.protocol == IPPROTO_ICMP) || (f.from.family == 4 && f.protocol == IPPROTO_ICMPV6))
            continue; /* malformed, never decided */
        int64_t now = draw_now(&r);
        struct verdict want = decide(s.policy, &f, (struct moment){.compiled = COMPILED, .now = now});
        struct verdict got = image_verdict(&image, &samples.known[from], &samples.known[to], &f, (uint64_t)(now * 1000000000 + TAI_OFFSET));
        if (want.allow != got.allow || want.enforced != got.enforced || want.reason != got.reason || want.rule != got.rule)
            tell(&s, seed, &f, now, want, got);
    }
    image_free(&image);
    arena_destroy(tables);
    source_free(&s);
}

static void images_of_random_policies_say_what_decide_says(void **state)
{
    for (uint64_t seed = 1; seed <= 150; seed++)
        compare(seed);
}

static struct text text_from(const char *body)
{
    struct text t = text_new(1 << 20);
    text_puts(&t, "bulkhead: v1\nname: small\nsegments:\n  hub: {kind: hub, cidr: 10.80.0.0/24}\n  s: {cidr: 10.80.1.0/24}\n"
        "workloads:\n  a: {segment: s, address: [10.80.1.10]}\n  b: {segment: s, address: [10.80.1.11]}\n");
    text_puts(&t, body);
    return t;
}

/* What the image of `s`, compiled then, says of a to b on 80/tcp. */
static struct verdict ask_at(const struct source *s, int64_t compiled, int64_t now)
{
    struct arena *tables = arena_create((size_t)64 << 20);
    struct diags diags = diags_new(tables);
    struct compile_options o = options_of(s, 9);
    o.compiled = compiled;
    struct compiled *c = compile_policy(s->policy, &o, tables, &diags);
    assert_non_null(c);
    struct image image = image_of(c);
    struct flow f = {.protocol = IPPROTO_TCP, .port = 80};
    f.from = (struct address){4, {10, 80, 1, 10}};
    f.to = (struct address){4, {10, 80, 1, 11}};
    struct image_address from = image_address(&image, &f.from), to = image_address(&image, &f.to);
    struct verdict v = image_verdict(&image, &from, &to, &f, (uint64_t)(now * 1000000000 + TAI_OFFSET));
    image_free(&image);
    arena_destroy(tables);
    return v;
}

static struct verdict ask(const struct source *s, int64_t later)
{
    return ask_at(s, COMPILED, COMPILED + later);
}

static void a_policy_without_rules_denies_everything(void **state)
{
    struct source s = source_of(text_from(""));
    struct verdict v = ask(&s, 0);
    assert_false(v.allow);
    assert_int_equal(v.reason, REASON_DEFAULT_DENY);
    source_free(&s);
}

static void windows_close_after_a_day(void **state)
{
    struct source s = source_of(text_from("rules:\n  - name: r\n    allow: {from: a, to: b, ports: [80/tcp]}\n    when: now.year > 2000\n"));
    assert_int_equal(ask(&s, -1).reason, REASON_RULE);
    assert_int_equal(ask(&s, 86399).reason, REASON_RULE);
    assert_int_equal(ask(&s, 86400).reason, REASON_WINDOW_CLOSED);
    source_free(&s);
}

/* The clock is changed within the 24 hours: hours of 2:00 to 3:00 are two, or none; and offsets of quarters. */
static void windows_open_by_the_clock_on_the_wall(void **state)
{
    static const struct {
        const char *zone, *when;
        int64_t compiled, opens, closes; /* opens == closes: never */
    } cases[] = {
        {"Europe/Berlin", "now.hour >= 1 && now.hour < 4", 1774702800, 1774742400, 1774749600}, /* 2026-03-29: two hours */
        {"Europe/Berlin", "now.hour >= 1 && now.hour < 4", 1792846800, 1792882800, 1792897200}, /* 2026-10-25: four */
        {"Europe/Berlin", "now.hour == 2", 1774702800, 1774746000, 1774746000},
        {"Europe/Berlin", "now.hour == 2", 1792846800, 1792886400, 1792893600},
        {"Australia/Lord_Howe", "now.hour == 1", 1775278800, 1775311200, 1775316600}, /* 2026-04-05: an hour and a half */
        {"Asia/Kathmandu", "now.hour >= 9 && now.hour < 17", 1790035200, 1790046900, 1790075700},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct text body = text_new(4096);
        text_printf(&body, "rules:\n  - name: r\n    allow: {from: a, to: b, ports: [80/tcp]}\n    when: %s\ntimezone: %s\n", cases[i].when, cases[i].zone);
        struct source s = source_of(text_from(text_cstr(&body)));
        const int64_t moments[] = {cases[i].compiled, cases[i].opens - 1, cases[i].opens, cases[i].closes - 1, cases[i].closes, cases[i].compiled + 86399};
        for (size_t k = 0; k < sizeof moments / sizeof moments[0]; k++) {
            struct verdict v = ask_at(&s, cases[i].compiled, moments[k]);
            if (v.allow != (moments[k] >= cases[i].opens && moments[k] < cases[i].closes))
                fail_msg("%s in %s: %s at %lld", cases[i].when, cases[i].zone, reason_name(v.reason), (long long)moments[k]);
        }
        source_free(&s);
        text_free(&body);
    }
}

static void ports_that_touch_or_repeat_are_one(void **state)
{
    struct source s = source_of(text_from("rules:\n  - name: r\n    allow: {from: a, to: b, ports: [1-79/tcp, 80/tcp, 80-80/tcp, 81/tcp]}\n"));
    assert_int_equal(ask(&s, 0).reason, REASON_RULE);
    source_free(&s);
    s = source_of(text_from("rules:\n  - name: r\n    allow: {from: a, to: b, ports: [1-79/tcp, 81-65535/tcp]}\n"));
    assert_int_equal(ask(&s, 0).reason, REASON_DEFAULT_DENY);
    source_free(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(images_of_random_policies_say_what_decide_says),
        cmocka_unit_test(a_policy_without_rules_denies_everything),
        cmocka_unit_test(windows_close_after_a_day),
        cmocka_unit_test(windows_open_by_the_clock_on_the_wall),
        cmocka_unit_test(ports_that_touch_or_repeat_are_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
