/* SPDX-License-Identifier: Apache-2.0 */
/* What compile_policy does when it cannot: a diagnostic and NULL, never half an image. And the same seed, the same image. */
#include "reader.h"
#include "sources.h"

static struct compiled *compile(const struct source *s, struct arena *tables, struct diags *diags, uint64_t seed, uint64_t limit)
{
    struct compile_options o = options_of(s, seed);
    o.product_limit = limit;
    return compile_policy(s->policy, &o, tables, diags);
}

static void every_allocation_can_fail(void **state)
{
    uint64_t tried = 0;
    for (uint64_t seed = 1; seed <= 12; seed++) {
        struct source s = source_random(seed);
        struct arena *whole = arena_create((size_t)256 << 20);
        struct diags diags = diags_new(whole);
        assert_non_null(compile(&s, whole, &diags, seed, 0));
        uint64_t allocations = arena_allocations(whole);
        arena_destroy(whole);
        uint64_t stride = allocations / 400 + 1;
        for (uint64_t nth = 1; nth <= allocations; nth += nth < 200 ? 1 : stride) {
            for (int own = 0; own < 2; own++) { /* diagnostics in an arena of their own, or in the one that is full */
                struct arena *tables = arena_create((size_t)256 << 20), *messages = arena_create(1 << 20);
                diags = diags_new(own ? messages : tables);
                arena_fail_at(tables, nth);
                assert_null(compile(&s, tables, &diags, seed, 0));
                assert_false(diags_ok(&diags));
                if (own)
                    assert_non_null(strstr(diags.items[0].message, "out of memory"));
                arena_destroy(tables);
                arena_destroy(messages);
                tried++;
            }
        }
        source_free(&s);
    }
    printf("# %llu failures\n", (unsigned long long)tried);
}

static void a_ceiling_that_is_too_low_is_refused(void **state)
{
    struct source s = source_random(3);
    bool refused = false, done = false;
    for (size_t ceiling = 0; ceiling < (size_t)4 << 20; ceiling = ceiling * 3 / 2 + 1000) {
        struct arena *tables = arena_create(ceiling), *messages = arena_create(1 << 20);
        struct diags diags = diags_new(messages);
        bool ok = compile(&s, tables, &diags, 1, 0);
        assert_int_equal(ok, diags_ok(&diags));
        refused |= !ok;
        done |= ok;
        arena_destroy(tables);
        arena_destroy(messages);
    }
    assert_true(refused && done);
    source_free(&s);
}

static void a_product_that_is_too_large_names_the_rule(void **state)
{
    struct text t = text_new(1 << 20);
    text_puts(&t, "bulkhead: v1\nname: big\nsegments:\n  hub: {kind: hub, cidr: 10.80.0.0/24}\n  s: {cidr: 10.81.0.0/16}\nworkloads:\n");
    for (int i = 0; i < 40; i++)
        text_printf(&t, "  w%d: {segment: s}\n", i);
    text_puts(&t, "rules:\n");
    for (int i = 0; i < 40; i++)
        text_printf(&t, "  - name: narrow-%d\n    allow: {from: w%d, to: w%d, ports: [80/tcp]}\n", i, i, 39 - i);
    text_puts(&t, "  - name: the-wide-one\n    allow: {from: \"segment:s\", to: \"segment:s\", ports: [443/tcp]}\n");
    struct source s = source_of(t);
    struct arena *tables = arena_create((size_t)64 << 20);
    struct diags diags = diags_new(tables);
    assert_null(compile(&s, tables, &diags, 1, 1000));
    assert_int_equal(diags.errors, 1);
    assert_non_null(strstr(diags.items[0].message, "`the-wide-one`"));
    assert_non_null(strstr(diags.items[0].message, "at most 1000 fit"));
    assert_non_null(diags.items[0].hint);
    assert_int_equal(diags.items[0].place.line, s.policy->rules[40].place.line);
    /* exactly what it needs is enough, one less is not */
    uint64_t need = 0;
    for (const char *c = strstr(diags.items[0].message, "needs ") + 6; *c >= '0' && *c <= '9'; c++)
        need = need * 10 + (uint64_t)(*c - '0');
    struct diags again = diags_new(tables);
    assert_null(compile(&s, tables, &again, 1, need - 1));
    assert_non_null(compile(&s, tables, &diags, 1, need));
    arena_destroy(tables);
    source_free(&s);
}

static void the_same_seed_gives_the_same_image(void **state)
{
    for (uint64_t seed = 1; seed <= 40; seed++) {
        struct source s = source_random(seed);
        struct image images[3];
        struct compile_sizes sizes[3];
        for (int i = 0; i < 3; i++) {
            struct arena *tables = arena_create((size_t)256 << 20);
            struct diags diags = diags_new(tables);
            struct compiled *c = compile(&s, tables, &diags, i < 2 ? seed << 20 : seed << 21, 0);
            assert_non_null(c);
            sizes[i] = compiled_sizes(c);
            images[i] = image_of(c);
            arena_destroy(tables); /* the image needs nothing of it */
        }
        assert_memory_equal(&sizes[0], &sizes[1], sizeof sizes[0]);
        assert_memory_equal(images[0].lines, images[1].lines, sizes[0].lines * LINE_BYTES);
        /* another seed: the same tables at other places */
        assert_int_equal(sizes[0].pairs, sizes[2].pairs);
        assert_int_equal(sizes[0].intervals, sizes[2].intervals);
        assert_int_equal(sizes[0].from_classes, sizes[2].from_classes);
        assert_int_not_equal(images[0].header.seed, images[2].header.seed);
        for (int i = 0; i < 3; i++)
            image_free(&images[i]);
        source_free(&s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_allocation_can_fail),
        cmocka_unit_test(a_ceiling_that_is_too_low_is_refused),
        cmocka_unit_test(a_product_that_is_too_large_names_the_rule),
        cmocka_unit_test(the_same_seed_gives_the_same_image),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
