/* SPDX-License-Identifier: Apache-2.0 */
/* Collections in memory: what changes do, when things end, what the bounds drop, and that threads lose nothing. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/base/check.h"
#include "waf/language/words.h"
#include "waf/operator/number.h"
#include "waf/store/memory.h"

#define MEMORY ((size_t)64 << 20)
#define HOUR 3600

struct kept {
    struct memory_store *memory;
    struct waf_store store;
    struct arena *arena;
};

static void kept_open(struct kept *k, size_t collections, size_t bytes, size_t variables, size_t collection_bytes)
{
    struct memory_store_limits limits = {collections, bytes, variables, collection_bytes, {1, 2}};
    *k = (struct kept){.memory = memory_store_create(&limits), .arena = arena_create(MEMORY)};
    assert_non_null(k->memory);
    assert_non_null(k->arena);
    k->store = memory_store_lend(k->memory);
}

static void kept_close(struct kept *k)
{
    memory_store_destroy(k->memory);
    arena_destroy(k->arena);
}

static struct waf_collection_key ip(const char *key)
{
    return (struct waf_collection_key){.application = bytes_of_text("a"), .collection = VARIABLE_IP, .key = bytes_of_text(key)};
}

static enum waf_store_result change(struct kept *k, const char *key, int64_t now, struct waf_change c, const char *name)
{
    struct waf_collection_key in = ip(key);
    struct waf_changed ignored;
    c.name = bytes_of_text(name);
    c.timeout = c.timeout ? c.timeout : HOUR;
    return k->store.change(k->store.context, &in, &c, now, k->arena, &ignored);
}

static void set(struct kept *k, const char *key, int64_t now, const char *name, const char *value)
{
    assert_int_equal(change(k, key, now, (struct waf_change){.kind = CHANGE_SET, .first = true, .value = bytes_of_text(value)}, name), STORE_DONE);
}

static void add(struct kept *k, const char *key, int64_t now, const char *name, int64_t by)
{
    assert_int_equal(change(k, key, now, (struct waf_change){.kind = CHANGE_ADD, .first = true, .number = by}, name), STORE_DONE);
}

/* "NAME=VALUE NAME=VALUE" */
static void holds(struct kept *k, const char *key, int64_t now, const char *expected)
{
    char text[4096] = "";
    struct waf_values values = {0};
    struct waf_collection_facts facts;
    struct waf_collection_key in = ip(key);
    assert_int_equal(k->store.read(k->store.context, &in, now, k->arena, &values, &facts), STORE_DONE);
    for (size_t i = 0; i < values.count; i++) {
        size_t len = strlen(text);
        assert_int_equal(values.items[i].variable, VARIABLE_IP);
        snprintf(text + len, sizeof text - len, "%s%.*s=%.*s", i ? " " : "", (int)values.items[i].name.len, (const char *)values.items[i].name.at,
            (int)values.items[i].value.len, (const char *)values.items[i].value.at);
    }
    assert_string_equal(text, expected);
}

static struct waf_collection_facts facts_of(struct kept *k, const char *key, int64_t now)
{
    struct waf_values values = {0};
    struct waf_collection_facts facts;
    struct waf_collection_key in = ip(key);
    assert_int_equal(k->store.read(k->store.context, &in, now, k->arena, &values, &facts), STORE_DONE);
    return facts;
}

static void what_is_set_is_there_in_order(void **state)
{
    struct kept k;
    kept_open(&k, 10, 10000, 10, 1000);
    set(&k, "c", 100, "b", "1");
    set(&k, "c", 100, "A", "two");
    set(&k, "c", 100, "B", "a longer value"); /* names are told apart without regard to case */
    holds(&k, "c", 100, "B=a longer value A=two");
    assert_int_equal(change(&k, "c", 100, (struct waf_change){.kind = CHANGE_REMOVE}, "b"), STORE_DONE);
    holds(&k, "c", 100, "A=two");
    holds(&k, "C", 100, ""); /* keys with it */
    kept_close(&k);
}

static void collections_are_told_apart_by_kind_application_and_key(void **state)
{
    struct kept k;
    struct waf_changed ignored;
    struct waf_collection_key other[] = {{bytes_of_text("a"), VARIABLE_GLOBAL, bytes_of_text("bc")}, {bytes_of_text("ab"), VARIABLE_IP, bytes_of_text("c")},
        {bytes_of_text(""), VARIABLE_IP, bytes_of_text("abc")}};
    kept_open(&k, 10, 10000, 10, 1000);
    for (size_t i = 0; i < 3; i++) {
        struct waf_change c = {.kind = CHANGE_SET, .name = bytes_of_text("n"), .value = bytes_of_text("1"), .timeout = HOUR};
        assert_int_equal(k.store.change(k.store.context, &other[i], &c, 1, k.arena, &ignored), STORE_DONE);
    }
    assert_int_equal(memory_store_look(k.memory).collections, 3);
    holds(&k, "bc", 1, "");
    kept_close(&k);
}

static void numbers_are_added_where_they_are_kept(void **state)
{
    struct kept k;
    kept_open(&k, 10, 10000, 10, 1000);
    add(&k, "c", 100, "n", 5);
    add(&k, "c", 100, "n", -7);
    holds(&k, "c", 100, "n=-2");
    set(&k, "c", 100, "n", "no number");
    add(&k, "c", 100, "n", 3);
    holds(&k, "c", 100, "n=3");
    kept_close(&k);
}

static void a_collection_ends_its_timeout_after_the_last_change(void **state)
{
    struct kept k;
    kept_open(&k, 10, 10000, 10, 1000);
    assert_true(facts_of(&k, "c", 100).is_new);
    set(&k, "c", 100, "n", "1");
    set(&k, "c", 100 + HOUR - 1, "m", "1");
    struct waf_collection_facts f = facts_of(&k, "c", 100 + 2 * HOUR - 2);
    assert_false(f.is_new);
    assert_int_equal(f.created, 100);
    assert_int_equal(f.updated, 100 + HOUR - 1);
    assert_int_equal(f.timeout, HOUR);
    assert_int_equal(f.updates, 2);
    assert_true(facts_of(&k, "c", 100 + 2 * HOUR - 1).is_new);
    assert_int_equal(memory_store_look(k.memory).bytes, 0);
    kept_close(&k);
}

static void a_timeout_of_its_own_holds_from_then_on(void **state)
{
    struct kept k;
    kept_open(&k, 10, 10000, 10, 1000);
    set(&k, "c", 100, "n", "1");
    assert_int_equal(change(&k, "c", 100, (struct waf_change){.kind = CHANGE_TIMEOUT, .number = 10}, ""), STORE_DONE);
    holds(&k, "c", 109, "n=1");
    holds(&k, "c", 110, "");
    assert_int_equal(change(&k, "new", 200, (struct waf_change){.kind = CHANGE_TIMEOUT, .number = INT64_MAX}, ""), STORE_DONE);
    assert_int_equal(facts_of(&k, "new", INT64_MAX - 1).timeout, INT64_MAX);
    kept_close(&k);
}

static void a_variable_ends_when_it_was_told_to(void **state)
{
    struct kept k;
    kept_open(&k, 10, 10000, 10, 1000);
    set(&k, "c", 100, "n", "1");
    set(&k, "c", 100, "m", "1");
    assert_int_equal(change(&k, "c", 100, (struct waf_change){.kind = CHANGE_EXPIRE, .number = 160}, "n"), STORE_DONE);
    set(&k, "c", 150, "n", "2"); /* does not put it off */
    holds(&k, "c", 159, "n=2 m=1");
    assert_int_equal(change(&k, "c", 159, (struct waf_change){.kind = CHANGE_EXPIRE, .number = 170}, "n"), STORE_DONE);
    holds(&k, "c", 169, "n=2 m=1");
    add(&k, "c", 170, "n", 1); /* begins anew, and has no end of its own */
    holds(&k, "c", 3000, "m=1 n=1");
    assert_int_equal(change(&k, "c", 170, (struct waf_change){.kind = CHANGE_EXPIRE, .number = 180}, "none"), STORE_DONE);
    holds(&k, "c", 179, "m=1 n=1");
    kept_close(&k);
}

/* The reference manual's example: 60 every 300 seconds. */
static void a_variable_is_lowered_evenly_with_time(void **state)
{
    struct kept k;
    struct waf_change c = {.kind = CHANGE_DEPRECATE, .number = 60, .period = 300};
    kept_open(&k, 10, 10000, 10, 1000);
    set(&k, "c", 1000, "n", "100");
    assert_int_equal(change(&k, "c", 1000, c, "n"), STORE_DONE);
    holds(&k, "c", 1000, "n=100");
    for (int64_t now = 1001; now <= 1300; now++) /* however often it is asked */
        assert_int_equal(change(&k, "c", now, c, "n"), STORE_DONE);
    holds(&k, "c", 1300, "n=40");
    add(&k, "c", 1450, "n", 10); /* does not begin the time anew */
    assert_int_equal(change(&k, "c", 1450, c, "n"), STORE_DONE);
    holds(&k, "c", 1450, "n=20");
    assert_int_equal(change(&k, "c", 1440, c, "n"), STORE_DONE); /* a clock that went back takes nothing */
    holds(&k, "c", 1450, "n=20");
    assert_int_equal(change(&k, "c", 2000, c, "n"), STORE_DONE); /* never below 0 */
    holds(&k, "c", 2000, "n=0");
    add(&k, "c", 2900, "n", 7); /* from 0 it does: there was nothing to lower */
    assert_int_equal(change(&k, "c", 2905, c, "n"), STORE_DONE);
    holds(&k, "c", 2905, "n=6");
    kept_close(&k);
}

static void what_is_only_asked_for_takes_no_room(void **state)
{
    struct kept k;
    kept_open(&k, 10, 10000, 10, 1000);
    holds(&k, "c", 100, "");
    assert_int_equal(change(&k, "c", 100, (struct waf_change){.kind = CHANGE_REMOVE}, "n"), STORE_DONE);
    assert_int_equal(change(&k, "c", 100, (struct waf_change){.kind = CHANGE_EXPIRE, .number = 160}, "n"), STORE_DONE);
    assert_int_equal(change(&k, "c", 100, (struct waf_change){.kind = CHANGE_DEPRECATE, .number = 1, .period = 1}, "n"), STORE_DONE);
    assert_int_equal(memory_store_look(k.memory).collections, 0);
    kept_close(&k);
}

static void what_was_not_used_for_longest_gives_way(void **state)
{
    struct kept k;
    kept_open(&k, 3, 10000, 10, 1000);
    set(&k, "a", 1, "n", "1");
    set(&k, "b", 2, "n", "1");
    set(&k, "c", 3, "n", "1");
    holds(&k, "a", 4, "n=1");
    set(&k, "d", 5, "n", "1");
    holds(&k, "b", 6, "");
    holds(&k, "a", 6, "n=1");
    assert_int_equal(memory_store_look(k.memory).collections, 3);
    assert_int_equal(memory_store_look(k.memory).gave_way, 1);
    kept_close(&k);
}

static void bytes_are_bounded(void **state)
{
    struct kept k;
    char value[400], key[16];
    memset(value, 'x', sizeof value - 1);
    value[sizeof value - 1] = 0;
    kept_open(&k, 1000, 5000, 3, 1000);
    for (int i = 0; i < 100; i++) {
        snprintf(key, sizeof key, "%d", i);
        set(&k, key, i, "n", value);
        assert_true(memory_store_look(k.memory).bytes <= 5000);
    }
    assert_true(memory_store_look(k.memory).collections >= 5);
    struct waf_change large = {.kind = CHANGE_SET, .value = bytes_of(value, 399)};
    assert_int_equal(change(&k, "99", 100, large, "m"), STORE_NO_ROOM); /* more than one collection may hold */
    char *huge = calloc(1, 20000);
    assert_int_equal(change(&k, "huge", 100, (struct waf_change){.kind = CHANGE_SET, .value = bytes_of(huge, 20000)}, "m"), STORE_NO_ROOM);
    free(huge);
    set(&k, "99", 100, "n", "short");
    set(&k, "99", 100, "m", "1");
    set(&k, "99", 100, "o", "1");
    assert_int_equal(change(&k, "99", 100, (struct waf_change){.kind = CHANGE_ADD}, "p"), STORE_NO_ROOM); /* more variables */
    holds(&k, "99", 100, "n=short m=1 o=1");
    holds(&k, "huge", 100, "");
    kept_close(&k);
}

/* A change is done or not at all, and what fails leaves nothing behind. */
static void without_memory_nothing_changes(void **state)
{
    for (uint64_t nth = 1; nth <= 3; nth++) {
        struct kept k;
        kept_open(&k, 10, 10000, 10, 1000);
        set(&k, "old", 1, "n", "1");
        memory_store_fail_at(k.memory, nth);
        enum waf_store_result made = change(&k, "new", 2, (struct waf_change){.kind = CHANGE_SET, .value = bytes_of_text("v")}, "n");
        enum waf_store_result added = change(&k, "old", 2, (struct waf_change){.kind = CHANGE_ADD, .number = 1}, "n");
        memory_store_fail_at(k.memory, 0);
        holds(&k, "new", 3, made == STORE_DONE ? "n=v" : "");
        holds(&k, "old", 3, added == STORE_DONE ? "n=2" : "n=1");
        assert_int_equal(made, nth > 2 ? STORE_DONE : STORE_NO_ROOM);
        assert_int_equal(memory_store_look(k.memory).collections, made == STORE_DONE ? 2 : 1);
        kept_close(&k);
    }
}

static void an_arena_that_is_full_is_said(void **state)
{
    struct kept k;
    kept_open(&k, 10, 10000, 10, 1000);
    set(&k, "c", 1, "n", "1");
    struct waf_values values = {0};
    struct waf_collection_facts facts;
    struct waf_collection_key in = ip("c");
    arena_fail_at(k.arena, 1);
    assert_int_equal(k.store.read(k.store.context, &in, 2, k.arena, &values, &facts), STORE_MEMORY);
    assert_int_equal(change(&k, "c", 2, (struct waf_change){.kind = CHANGE_ADD, .number = 1}, "n"), STORE_MEMORY);
    kept_close(&k);
}

/* ---- beside a naive twin */

#define KEYS 5
#define NAMES 4

struct twin_variable {
    bool there;
    int64_t value, expires;
};

struct twin {
    int64_t ends[KEYS];
    struct twin_variable variables[KEYS][NAMES];
};

static void twin_forget(struct twin *t, size_t key, int64_t now)
{
    for (size_t n = 0; n < NAMES; n++)
        if (t->ends[key] <= now || t->variables[key][n].expires <= now)
            t->variables[key][n].there = false;
}

static void random_changes_do_what_the_twin_does(void **state)
{
    const char *seed_text = getenv("SEED");
    unsigned seed = seed_text ? (unsigned)strtoul(seed_text, NULL, 10) : 20260927u, chance = seed;
    struct kept k;
    struct twin t = {0};
    int64_t now = 1000;
    print_message("# SEED=%u\n", seed);
    kept_open(&k, 100, 100000, 10, 10000);
    for (int step = 0; step < 20000; step++) {
        size_t key = (size_t)rand_r(&chance) % KEYS, name = (size_t)rand_r(&chance) % NAMES;
        struct twin_variable *v = &t.variables[key][name];
        char key_text[] = {(char)('a' + key), 0}, name_text[] = {(char)('n' + name), 0}, value[16];
        now += rand_r(&chance) % 3 == 0 ? rand_r(&chance) % 20 : 0;
        twin_forget(&t, key, now);
        int kind = rand_r(&chance) % 4, n = rand_r(&chance) % 100 - 50;
        snprintf(value, sizeof value, "%d", n);
        bool changes = kind < 2 || v->there;
        if (kind == 0)
            set(&k, key_text, now, name_text, value);
        else if (kind == 1)
            add(&k, key_text, now, name_text, n);
        else
            assert_int_equal(change(&k, key_text, now, (struct waf_change){.kind = kind == 2 ? CHANGE_REMOVE : CHANGE_EXPIRE, .number = now + n}, name_text), STORE_DONE);
        if (kind < 2)
            *v = (struct twin_variable){true, kind == 0 || !v->there ? n : v->value + n, v->there ? v->expires : INT64_MAX};
        else if (kind == 2)
            v->there = false;
        else if (v->there)
            v->expires = now + n;
        if (changes)
            t.ends[key] = now + HOUR;
        twin_forget(&t, key, now);
        struct waf_values values = {0};
        struct waf_collection_facts facts;
        struct waf_collection_key in = ip(key_text);
        assert_int_equal(k.store.read(k.store.context, &in, now, k.arena, &values, &facts), STORE_DONE);
        size_t there = 0;
        for (size_t i = 0; i < NAMES; i++)
            there += t.variables[key][i].there;
        assert_int_equal(values.count, there);
        for (size_t i = 0; i < values.count; i++)
            assert_int_equal(number_of(values.items[i].value), t.variables[key][values.items[i].name.at[0] - 'n'].value);
    }
    kept_close(&k);
}

/* ---- threads */

#define THREADS 4
#define ADDITIONS 20000

static void *add_many(void *argument)
{
    struct memory_store *memory = argument;
    struct waf_store store = memory_store_lend(memory);
    struct arena *a = arena_create(MEMORY);
    for (int i = 0; i < ADDITIONS && a; i++) {
        char key[16];
        struct waf_changed ignored;
        struct waf_change c = {.kind = CHANGE_ADD, .name = bytes_of_text("n"), .number = 1, .timeout = HOUR};
        snprintf(key, sizeof key, "%d", i % 7);
        struct waf_collection_key in = ip(key);
        if (store.change(store.context, &in, &c, 1, a, &ignored) != STORE_DONE)
            break;
    }
    arena_destroy(a);
    return NULL;
}

static void two_that_add_at_once_both_count(void **state)
{
    struct kept k;
    pthread_t threads[THREADS];
    int64_t sum = 0;
    kept_open(&k, 10000, 1000000, 10, 10000); /* large enough to have several locks */
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, add_many, k.memory), 0);
    for (size_t i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    for (int i = 0; i < 7; i++) {
        char key[16];
        struct waf_values values = {0};
        struct waf_collection_facts facts;
        snprintf(key, sizeof key, "%d", i);
        struct waf_collection_key in = ip(key);
        assert_int_equal(k.store.read(k.store.context, &in, 1, k.arena, &values, &facts), STORE_DONE);
        assert_int_equal(values.count, 1);
        sum += number_of(values.items[0].value);
    }
    assert_int_equal(sum, THREADS * ADDITIONS);
    kept_close(&k);
}

static struct waf_changed told(struct kept *k, struct waf_change c, const char *name)
{
    struct waf_collection_key in = ip("t");
    struct waf_changed now;
    c.name = bytes_of_text(name);
    c.timeout = HOUR;
    assert_int_equal(k->store.change(k->store.context, &in, &c, 100, k->arena, &now), STORE_DONE);
    return now;
}

static void a_change_tells_what_the_variable_is(void **state)
{
    struct kept k;
    kept_open(&k, 10, 1 << 20, 10, 1 << 16);
    struct waf_changed now = told(&k, (struct waf_change){.kind = CHANGE_SET, .value = bytes_of_text("5")}, "a");
    assert_true(now.exists && bytes_equal(now.value, bytes_of_text("5")));
    (void)told(&k, (struct waf_change){.kind = CHANGE_SET, .value = bytes_of_text("x")}, "b");
    now = told(&k, (struct waf_change){.kind = CHANGE_ADD, .number = -7}, "A");
    assert_true(now.exists && bytes_equal(now.value, bytes_of_text("-2")));
    now = told(&k, (struct waf_change){.kind = CHANGE_EXPIRE, .number = 200}, "a");
    assert_true(now.exists && bytes_equal(now.value, bytes_of_text("-2")));
    now = told(&k, (struct waf_change){.kind = CHANGE_DEPRECATE, .number = 1, .period = 1}, "none");
    assert_false(now.exists);
    now = told(&k, (struct waf_change){.kind = CHANGE_REMOVE}, "a"); /* another one stands behind it */
    assert_false(now.exists);
    now = told(&k, (struct waf_change){.kind = CHANGE_REMOVE}, "a");
    assert_false(now.exists);
    kept_close(&k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_change_tells_what_the_variable_is),
        cmocka_unit_test(what_is_set_is_there_in_order),
        cmocka_unit_test(collections_are_told_apart_by_kind_application_and_key),
        cmocka_unit_test(numbers_are_added_where_they_are_kept),
        cmocka_unit_test(a_collection_ends_its_timeout_after_the_last_change),
        cmocka_unit_test(a_timeout_of_its_own_holds_from_then_on),
        cmocka_unit_test(a_variable_ends_when_it_was_told_to),
        cmocka_unit_test(a_variable_is_lowered_evenly_with_time),
        cmocka_unit_test(what_is_only_asked_for_takes_no_room),
        cmocka_unit_test(what_was_not_used_for_longest_gives_way),
        cmocka_unit_test(bytes_are_bounded),
        cmocka_unit_test(without_memory_nothing_changes),
        cmocka_unit_test(an_arena_that_is_full_is_said),
        cmocka_unit_test(random_changes_do_what_the_twin_does),
        cmocka_unit_test(two_that_add_at_once_both_count),
    };
    return cmocka_run_group_tests_name("waf-store", tests, NULL, NULL);
}
