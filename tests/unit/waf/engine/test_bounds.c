/* SPDX-License-Identifier: Apache-2.0 */
/* Time by a clock of the test's own, memory by the arena, and stores of many names beside a naive twin. */
#include "worst.h"

#include "waf/engine/values.h"

#define MEMORY ((size_t)256 << 20)
#define ON "SecRuleEngine On\n"
#define SLOW "SecRule ARGS \"@rx [^b]?c\" \"id:1,phase:2,pass,log,msg:'m'\"\nSecRule ARGS \"@rx a\" \"id:2,phase:2,pass,log,msg:'m'\"\n"

/* A clock that goes by one with each look at it. */
static uint64_t ticking(void *looks)
{
    return ++*(uint64_t *)looks;
}

static const char *const ran_out = "the rules' time ran out: what was not judged yet was not inspected";

/* What comes of it: "pass 1 2", "deny in PHASE 1 2" and so on, with `!` when the time ran out; and how much memory it took. */
static const char *said(const char *rules, struct bytes raw, uint64_t most_time, size_t *ret_memory)
{
    static char out[32];
    struct ready r;
    struct arena *a = arena_create(MEMORY);
    struct http_message m;
    const char *error;
    uint64_t looks = 0;
    struct waf_options options = {.time = 1, .duration = ticking, .most_time = most_time, .argument = &looks};
    ready_open(rules, false, &r);
    assert_true(http_request_read(raw, a, &m, &error));
    struct waf_transaction *t = transaction_begin(&r.program, a, &options);
    transaction_request(t, &r.scratch, &m);
    const struct waf_outcome *o = transaction_end(t, &r.scratch);
    snprintf(out, sizeof out, "%s%.*u%s%s%s", o->decision == WAF_PASS ? "pass" : "deny in ", o->decision != WAF_PASS, o->phase, has_fired(&r, o, 1) ? " 1" : "", has_fired(&r, o, 2) ? " 2" : "",
        has_limit(o, ran_out) ? " !" : "");
    if (ret_memory)
        *ret_memory = arena_used(a);
    arena_destroy(a);
    ready_close(&r);
    return out;
}

static void time_that_runs_out_refuses(void **state)
{
    struct bytes raw = worst_repeated(bytes_of_text("GET /?q="), "a", 1 << 20, " HTTP/1.1\r\n\r\n");
    assert_string_equal(said(ON SLOW, raw, 0, NULL), "pass 2");
    assert_string_equal(said(ON SLOW, raw, 1000000, NULL), "pass 2");
    assert_string_equal(said(ON SLOW, raw, 1, NULL), "deny in 2 !");
    assert_string_equal(said(ON SLOW, raw, 100, NULL), "deny in 2 !"); /* in the middle of the search: it looks more often than rules run */
    assert_string_equal(said("SecRuleEngine DetectionOnly\n" SLOW, raw, 1, NULL), "pass !");
    assert_string_equal(said("SecRuleEngine On\nSecAction \"id:1,phase:1,deny,log,msg:'m'\"\nSecRule REQUEST_URI \"@rx a\" \"id:2,phase:5,pass,log,msg:'m'\"\n", raw, 10, NULL),
        "deny in 1 1 2"); /* long since refused */
    free((void *)(uintptr_t)raw.at);
}

/* 20 rules that each look at 100,000 cookies and take them all away again. */
static void values_of_a_target_are_held_once(void **state)
{
    struct text rules = text_new(1 << 16);
    struct bytes raw = worst_numbered("GET / HTTP/1.1\r\nCookie: ", "a", "=", "; ", 100000, "z=0\r\n\r\n");
    size_t memory;
    text_puts(&rules, ON);
    for (int id = 1; id <= 20; id++)
        text_printf(&rules, "SecRule REQUEST_COOKIES|!REQUEST_COOKIES:/./ \"@rx .\" \"id:%d,phase:2,deny,log,msg:'m'\"\n", id);
    assert_string_equal(said(text_cstr(&rules), raw, 0, &memory), "pass");
    assert_true(memory < ((size_t)64 << 20));
    text_free(&rules);
    free((void *)(uintptr_t)raw.at);
}

/* As rule 921170 does: it would take minutes, were they looked for one by one. */
static void a_variable_for_each_name_is_found_at_once(void **state)
{
    struct bytes raw = worst_numbered("GET /?", "a", "=", "&", 100000, "a77=1&a77=1 HTTP/1.1\r\n\r\n");
    assert_string_equal(said(ON "SecRule ARGS_NAMES \"@rx .\" \"id:9,phase:2,pass,nolog,setvar:'tx.count_%{MATCHED_VAR_NAME}=+1'\"\n"
                                "SecRule &TX:/^count_/ \"@eq 100000\" \"id:1,phase:2,pass,log,msg:'m'\"\n"
                                "SecRule TX:COUNT_args_names:A77 \"@eq 3\" \"id:2,phase:2,pass,log,msg:'m'\"\n",
                            raw, 0, NULL), "pass 1 2");
    free((void *)(uintptr_t)raw.at);
}

/* ---- stores beside their twin */

struct twin {
    char names[400][80], values[400][16];
    size_t count;
};

static size_t twin_find(const struct twin *w, const char *name)
{
    for (size_t i = 0; i < w->count; i++)
        if (strcasecmp(w->names[i], name) == 0)
            return i;
    return w->count;
}

static void twin_set(struct twin *w, const char *name, const char *value)
{
    size_t i = twin_find(w, name);
    if (i == w->count)
        snprintf(w->names[w->count++], sizeof *w->names, "%s", name);
    snprintf(w->values[i], sizeof *w->values, "%s", value);
}

static void twin_remove(struct twin *w, const char *name)
{
    size_t i = twin_find(w, name);
    if (i == w->count)
        return;
    memmove(w->names[i], w->names[i + 1], (w->count - i - 1) * sizeof *w->names);
    memmove(w->values[i], w->values[i + 1], (w->count - i - 1) * sizeof *w->values);
    w->count--;
}

static void must_be_same(struct waf_values *v, const struct twin *w)
{
    assert_int_equal(v->count, w->count);
    for (size_t i = 0; i < v->count; i++) {
        assert_true(bytes_equal(v->items[i].name, bytes_of_text(w->names[i])) && bytes_equal(v->items[i].value, bytes_of_text(w->values[i])));
        assert_ptr_equal(values_find(v, bytes_of_text(w->names[i])), &v->items[i]);
    }
}

/* Every third of the names has a number. */
static void number_names(struct known_names *k, struct arena *a)
{
    *k = (struct known_names){.items = arena_array(a, 400, sizeof *k->items), .places = arena_array(a, 1024, sizeof *k->places), .place_mask = 1023};
    for (unsigned n = 0; n < 390; n += 3) {
        struct bytes name = bytes_of_text(arena_format(a, "name%u", n));
        uint32_t hash = name_hash(name), place = hash & k->place_mask;
        while (k->places[place])
            place = (place + 1) & k->place_mask;
        k->items[k->count++] = (struct known_name){name, hash};
        k->places[place] = k->count;
    }
}

/* What is counted by number, and what has none. */
static void numbers_must_be_same(const struct waf_values *v)
{
    uint64_t all[8];
    size_t strangers = 0;
    memset(all, 0xff, sizeof all);
    for (size_t i = 0; i < v->count; i++)
        if (!v->items[i].known)
            assert_int_equal(v->known->strangers[strangers++], i);
    assert_int_equal(v->known->stranger_count, strangers);
    assert_int_equal(values_count_known(v, all), v->count - strangers);
}

static void do_anything(struct waf_values *v, struct twin *w, struct arena *a, uint32_t chance, size_t i)
{
    char name[80], value[16];
    unsigned n = (chance >> 8) % 390;
    snprintf(name, sizeof name, "%s%u%s", chance & 0x80000000 ? "Name" : "nAME", n, n % 7 ? "" : " that is longer than one block of what is hashed");
    snprintf(value, sizeof value, "%zu", i);
    if ((chance >> 20) % 16 == 0 || (chance >> 20) % 1024 < i % 4000 / 8) { /* from time to time it is nearly empty */
        assert_true(values_remove(v, bytes_of_text(name)));
        twin_remove(w, name);
    } else {
        assert_true(values_set(v, 0, bytes_of_text(name), bytes_of_text(value), a));
        twin_set(w, name, value);
    }
}

static void stores_are_as_their_twins(void **state)
{
    static struct twin w;
    for (int known = 0; known < 2; known++) {
        struct arena *a = arena_create(MEMORY);
        struct waf_values v = {0};
        struct known_names names;
        uint32_t seed = 3;
        w.count = 0;
        number_names(&names, a);
        assert_true(!known || values_know(&v, &names, a));
        for (size_t i = 0; i < 20000; i++) {
            seed = seed * 1664525 + 1013904223;
            do_anything(&v, &w, a, seed, i);
            assert_int_equal(values_find(&v, bytes_of_text("no such name")) == NULL, 1);
            if (i % 50 == 0)
                must_be_same(&v, &w);
            if (i % 50 == 0 && known)
                numbers_must_be_same(&v);
        }
        must_be_same(&v, &w);
        arena_destroy(a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(time_that_runs_out_refuses),
        cmocka_unit_test(values_of_a_target_are_held_once),
        cmocka_unit_test(a_variable_for_each_name_is_found_at_once),
        cmocka_unit_test(stores_are_as_their_twins),
    };
    return cmocka_run_group_tests_name("waf-bounds", tests, NULL, NULL);
}
