/* SPDX-License-Identifier: Apache-2.0 */
/* A hundred thousand rules of each family compile, and the image still says what src/decide says. */
#include <netinet/in.h>
#include <time.h>

#include "reader.h"
#include "sources.h"

#define RULES 100000
#define WORKLOADS 200

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static struct text text_of(int family)
{
    struct text t = text_new((size_t)64 << 20);
    text_puts(&t, "bulkhead: v1\nname: large\n");
    text_puts(&t, family == 4 ? "segments:\n  hub: {kind: hub, cidr: 10.80.0.0/24}\n  s: {cidr: 10.81.0.0/16}\n"
                              : "segments:\n  hub: {kind: hub, cidr: \"fd80::/64\"}\n  s: {cidr: \"fd81::/64\"}\n");
    text_puts(&t, "workloads:\n");
    for (int i = 0; i < WORKLOADS; i++)
        text_printf(&t, family == 4 ? "  w%d: {segment: s, address: [10.81.1.%d]}\n" : "  w%d: {segment: s, address: [\"fd81::%x\"]}\n", i, i + 10);
    text_puts(&t, "rules:\n");
    for (int i = 0; i < RULES; i++) {
        text_printf(&t, "  - name: r%d\n    %s: {from: ", i, i % 10 == 9 ? "deny" : "allow");
        if (family == 4)
            text_printf(&t, "\"cidr:%d.%d.%d.0/24\"", 20 + i / 65536, i / 256 % 256, i % 256);
        else
            text_printf(&t, "\"cidr:2001:db8:%x:%x::/64\"", i / 65536, i % 65536);
        text_printf(&t, ", to: w%d, ports: [%d/tcp]}\n", i * 7 % WORKLOADS, 1 + i % 1000);
    }
    return t;
}

static void compile_large(int family)
{
    double begun = seconds();
    struct source s = source_of(text_of(family));
    double parsed = seconds();
    assert_int_equal(s.policy->rule_count, RULES);
    struct arena *tables = arena_create((size_t)1 << 30);
    struct diags diags = diags_new(tables);
    struct compile_options o = options_of(&s, 42);
    struct compiled *c = compile_policy(s.policy, &o, tables, &diags);
    if (!c)
        fail_msg("%s", diags.items[0].message);
    double compiled = seconds();
    struct image image = image_of(c);
    printf("# IPv%d, %d rules: parsed in %.2f s, compiled in %.2f s, written in %.2f s: %.1f MiB of tables in %.1f MiB of arena\n", family, RULES, parsed - begun,
        compiled - parsed, seconds() - compiled, (double)compiled_sizes(c).lines * LINE_BYTES / 1048576, (double)arena_used(tables) / 1048576);
    for (int i = 0; i < RULES; i += 4999) {
        const struct rule *r = &s.policy->rules[i];
        struct flow f = {.protocol = IPPROTO_TCP, .from = r->from.items[0].prefix.address, .to = s.policy->workloads[i * 7 % WORKLOADS].addresses[0]};
        f.from.octets[family == 4 ? 3 : 15] = (uint8_t)(i % 255);
        for (int port = -1; port < 2; port++) {
            f.port = (uint16_t)(2 + i % 1000 + port);
            struct verdict want = decide(s.policy, &f, (struct moment){COMPILED, COMPILED});
            struct image_address from = image_address(&image, &f.from), to = image_address(&image, &f.to);
            struct verdict got = image_verdict(&image, &from, &to, &f, (uint64_t)(COMPILED * 1000000000 + TAI_OFFSET));
            assert_int_equal(want.reason, got.reason);
            assert_int_equal(want.rule, got.rule);
            assert_int_equal(want.reason == REASON_DEFAULT_DENY, port != -1);
        }
    }
    image_free(&image);
    arena_destroy(tables);
    source_free(&s);
}

static void a_hundred_thousand_rules_of_ipv4_compile(void **state)
{
    compile_large(4);
}

static void a_hundred_thousand_rules_of_ipv6_compile(void **state)
{
    compile_large(6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_hundred_thousand_rules_of_ipv4_compile),
        cmocka_unit_test(a_hundred_thousand_rules_of_ipv6_compile),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
