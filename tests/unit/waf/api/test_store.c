/* SPDX-License-Identifier: Apache-2.0 */
/* Collections that the caller keeps: what it is asked, what rules see of its answers, and what comes of wrong ones. */
#include <bulkhead/waf.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "tests/differential/random.h"
#include "tests/unit/base/check.h"

#define NOW       1700000000
#define CHANGES   8
#define VARIABLES 4
#define OPEN      "SecRuleEngine On\nSecWebAppId shop\nSecCollectionTimeout 900\nSecAction \"id:1,phase:1,pass,nolog,initcol:ip=%{REMOTE_ADDR}\"\n"

static struct bh_waf_bytes text(const char *s)
{
    return (struct bh_waf_bytes){s, strlen(s)};
}

static bool is_text(struct bh_waf_bytes b, const char *s)
{
    return b.len == strlen(s) && (!b.len || memcmp(b.at, s, b.len) == 0);
}

static void string_of(struct bh_waf_bytes b, char *ret, size_t room)
{
    snprintf(ret, room, "%.*s", (int)b.len, b.len ? (const char *)b.at : "");
}

/* A store that says what it is told to, and writes down what it is asked. */
struct script {
    enum bh_waf_store_result read, change;
    struct bh_waf_collection_facts facts;
    const char *names[VARIABLES], *values[VARIABLES]; /* up to the first NULL; "-" is a value without bytes, whatever its length */
    const char *becomes;                              /* by a change; NULL: it is not there */
    size_t reads, changes;
    int stopped; /* `tell` said that memory is out */
    struct {
        struct bh_waf_change change;
        char name[32], value[32];
    } asked[CHANGES];
    char application[32], key[32];
    enum bh_waf_collection collection;
    int64_t now;
};

static enum bh_waf_store_result script_read(void *context, const struct bh_waf_collection_key *key, int64_t now, bh_waf_tell_variable *tell, void *into,
    struct bh_waf_collection_facts *ret_facts)
{
    struct script *s = context;
    s->reads++;
    s->now = now;
    s->collection = key->collection;
    string_of(key->application, s->application, sizeof s->application);
    string_of(key->key, s->key, sizeof s->key);
    *ret_facts = s->facts;
    for (size_t i = 0; i < VARIABLES && s->names[i]; i++)
        s->stopped += !tell(into, text(s->names[i]), strcmp(s->values[i], "-") == 0 ? (struct bh_waf_bytes){NULL, 7} : text(s->values[i]));
    return s->read;
}

static enum bh_waf_store_result script_change(void *context, const struct bh_waf_collection_key *key, const struct bh_waf_change *change, int64_t now,
    bh_waf_tell_variable *tell, void *into)
{
    struct script *s = context;
    assert_true(s->changes < CHANGES);
    assert_true(is_text(key->key, s->key));
    s->now = now;
    s->asked[s->changes].change = *change;
    string_of(change->name, s->asked[s->changes].name, sizeof s->asked->name);
    string_of(change->value, s->asked[s->changes].value, sizeof s->asked->value);
    s->changes++;
    if (s->becomes)
        s->stopped += !tell(into, change->name, text(s->becomes));
    return s->change;
}

/* What one request from 192.0.2.9 leaves behind. */
struct told {
    char message[256];  /* of the last rule that fired */
    char limits[1024];
    int status;
};

static struct bh_waf_rules *load(const char *rules)
{
    struct bh_waf_file file = {"rules.conf", text(rules)};
    struct bh_waf_rules_options options = {.size = sizeof options, .rule_by_rule = 1};
    struct bh_waf_rules *ret = NULL;
    assert_int_equal(bh_waf_rules_load(&file, 1, &options, &ret, NULL), BH_WAF_OK);
    return ret;
}

static struct told ask(struct bh_waf_rules *rules, struct bh_waf_store *store, const char *target, int64_t now, size_t most_memory)
{
    struct bh_waf_options options = {.size = sizeof options, .time = now, .store = store, .most_memory = most_memory};
    struct bh_waf_request request = {.size = sizeof request, .method = text("GET"), .target = text(target), .protocol = text("HTTP/1.1")};
    struct bh_waf_scratch *scratch = NULL;
    struct bh_waf_transaction *t = NULL;
    struct bh_waf_event e = {.size = sizeof e};
    struct told ret = {0};
    assert_int_equal(bh_waf_scratch_create(rules, &scratch), BH_WAF_OK);
    assert_int_equal(bh_waf_transaction_create(rules, &options, &t), BH_WAF_OK);
    assert_int_equal(bh_waf_connection(t, text("192.0.2.9"), 1, text("192.0.2.1"), 2), BH_WAF_OK);
    assert_int_equal(bh_waf_request_head(t, scratch, &request), BH_WAF_OK);
    assert_int_equal(bh_waf_end(t, scratch), BH_WAF_OK);
    ret.status = bh_waf_status(t);
    if (bh_waf_event_count(t) && bh_waf_event(t, bh_waf_event_count(t) - 1, &e) == BH_WAF_OK)
        string_of(e.message, ret.message, sizeof ret.message);
    for (size_t i = 0; i < bh_waf_limit_count(t); i++)
        snprintf(ret.limits + strlen(ret.limits), sizeof ret.limits - strlen(ret.limits), "%s\n", bh_waf_limit(t, i));
    bh_waf_transaction_free(t);
    bh_waf_scratch_free(scratch);
    return ret;
}

static struct told play(struct script *s, const char *rules_text, size_t most_memory)
{
    struct bh_waf_store_functions functions = {.size = sizeof functions, .read = script_read, .change = script_change, .context = s};
    struct bh_waf_store *store = NULL;
    struct bh_waf_rules *rules = load(rules_text);
    assert_int_equal(bh_waf_store_lend(&functions, &store), BH_WAF_OK);
    struct told t = ask(rules, store, "/", NOW, most_memory);
    bh_waf_store_free(store);
    bh_waf_rules_free(rules);
    return t;
}

static void rules_see_what_is_read(void **state)
{
    struct script s = {.facts = {1, NOW - 120, NOW - 10, 300, 8}, .names = {"Count", "who"}, .values = {"7", "me"}};
    struct told t = play(&s, OPEN "SecAction \"id:2,phase:1,pass,log,msg:'%{ip.count} %{ip.WHO} %{ip.is_new} %{ip.create_time} %{ip.last_update_time} %{ip.timeout} %{ip.update_counter} %{ip.update_rate}'\"\n", 0);
    assert_string_equal(t.message, "7 me 0 1699999880 1699999990 300 8 4");
    assert_string_equal(t.limits, "");
    assert_int_equal(s.reads, 1);
    assert_int_equal(s.now, NOW);
    assert_int_equal(s.collection, BH_WAF_IP);
    assert_string_equal(s.application, "shop");
    assert_string_equal(s.key, "192.0.2.9");
}

static void a_collection_that_is_not_there_is_new(void **state)
{
    struct script s = {.facts = {0, 5, 5, 5, 5}};
    struct told t = play(&s, OPEN "SecAction \"id:2,phase:1,pass,log,msg:'%{ip.is_new} %{ip.timeout} %{ip.update_counter}'\"\n", 0);
    assert_string_equal(t.message, "1 900 0");
}

static void each_collection_has_its_kind(void **state)
{
    static const struct {
        const char *action;
        enum bh_waf_collection kind;
    } cases[] = {{"initcol:global=a", BH_WAF_GLOBAL}, {"initcol:ip=a", BH_WAF_IP}, {"setrsc:a", BH_WAF_RESOURCE}, {"setsid:a", BH_WAF_SESSION}, {"setuid:a", BH_WAF_USER}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct script s = {0};
        char rules[256];
        snprintf(rules, sizeof rules, "SecRuleEngine On\nSecAction \"id:1,phase:1,pass,nolog,%s\"\n", cases[i].action);
        (void)play(&s, rules, 0);
        assert_int_equal(s.reads, 1);
        assert_int_equal(s.collection, cases[i].kind);
    }
}

static void changes_reach_the_store(void **state)
{
    struct script s = {.becomes = "1"};
    (void)play(&s, OPEN "SecAction \"id:2,phase:1,pass,nolog,setvar:ip.a=x,setvar:ip.b=+2,setvar:ip.b=-3,setvar:!ip.a,setvar:ip.TIMEOUT=77,expirevar:ip.b=60,deprecatevar:ip.b=5/10\"\n", 0);
    static const struct {
        enum bh_waf_change_kind kind;
        const char *name, *value;
        int64_t number, period;
    } wanted[] = {{BH_WAF_CHANGE_SET, "a", "x", 0, 0}, {BH_WAF_CHANGE_ADD, "b", NULL, 2, 0}, {BH_WAF_CHANGE_ADD, "b", NULL, -3, 0}, {BH_WAF_CHANGE_REMOVE, "a", NULL, 0, 0},
        {BH_WAF_CHANGE_TIMEOUT, "", NULL, 77, 0}, {BH_WAF_CHANGE_EXPIRE, "b", NULL, NOW + 60, 0}, {BH_WAF_CHANGE_DEPRECATE, "b", NULL, 5, 10}};
    assert_int_equal(s.changes, sizeof wanted / sizeof *wanted);
    for (size_t i = 0; i < s.changes; i++) {
        const struct bh_waf_change *c = &s.asked[i].change;
        assert_int_equal(c->kind, wanted[i].kind);
        assert_int_equal(c->first, i == 0);
        assert_int_equal(c->timeout, 900);
        assert_string_equal(s.asked[i].name, wanted[i].name);
        if (wanted[i].value)
            assert_string_equal(s.asked[i].value, wanted[i].value);
        assert_true(c->kind == BH_WAF_CHANGE_SET || c->number == wanted[i].number);
        assert_true(c->period == wanted[i].period);
    }
}

static void rules_see_what_the_store_made_of_a_change(void **state)
{
    struct script s = {.becomes = "42"};
    struct told t = play(&s, OPEN "SecAction \"id:2,phase:1,pass,nolog,setvar:ip.a=+1\"\nSecRule IP:a \"@eq 42\" \"id:3,phase:1,deny,status:429\"\n", 0);
    assert_int_equal(t.status, 429);
    s = (struct script){.names = {"a"}, .values = {"1"}};
    t = play(&s, OPEN "SecAction \"id:2,phase:1,pass,nolog,setvar:!ip.a\"\nSecRule &IP:a \"@eq 0\" \"id:3,phase:1,deny,status:430\"\n", 0);
    assert_int_equal(t.status, 430);
}

#define COUNTS  OPEN "SecAction \"id:2,phase:1,pass,nolog,setvar:ip.a=+1\"\nSecAction \"id:3,phase:1,pass,log,msg:'%{ip.a} %{tx.msc_collection_limits_exceeded}'\"\n"

static void a_change_that_is_not_kept_is_the_transactions_own(void **state)
{
    struct script s = {.change = BH_WAF_STORE_NO_ROOM, .becomes = "9", .names = {"a"}, .values = {"4"}, .facts = {.exists = 1}};
    struct told t = play(&s, COUNTS, 0);
    assert_string_equal(t.message, "5 1");
    assert_string_equal(t.limits, "a change to a collection was not kept: there is no room for it\n");
    s.change = (enum bh_waf_store_result)77;
    t = play(&s, COUNTS, 0);
    assert_string_equal(t.message, "5 1");
    assert_string_equal(t.limits, "a change to a collection was not kept: its store does not answer\n");
}

static void a_collection_that_cannot_be_read_is_empty(void **state)
{
    struct script s = {.read = BH_WAF_STORE_FAILED, .becomes = "1", .names = {"a"}, .values = {"4"}, .facts = {.exists = 1, .updates = 3}};
    struct told t = play(&s, OPEN "SecAction \"id:3,phase:1,pass,log,msg:'%{ip.a}|%{ip.is_new}|%{tx.msc_collection_limits_exceeded}'\"\n", 0);
    assert_string_equal(t.message, "|1|1");
    assert_string_equal(t.limits, "a collection could not be read: it is taken for empty\n");
}

static void odd_answers_are_brought_into_bounds(void **state)
{
    struct script s = {.facts = {1, INT64_MIN, INT64_MAX, INT64_MAX, UINT64_MAX}, .names = {"", "a", "b"}, .values = {"x", "-", "y"}};
    struct told t = play(&s, OPEN "SecAction \"id:2,phase:1,pass,nolog,setvar:ip.TIMEOUT=+5\"\n"
                                  "SecAction \"id:3,phase:1,pass,log,msg:'%{ip.create_time} %{ip.last_update_time} %{ip.update_rate} [%{ip.a}] %{ip.b}'\"\n", 0);
    assert_string_equal(t.message, "0 1700000000 75 [] y");
    assert_true(s.asked[0].change.number == (int64_t)INT32_MAX + 5);
    assert_int_equal(s.stopped, 0);
}

static void memory_that_is_out_refuses(void **state)
{
    static char large[3 << 20];
    memset(large, 'x', sizeof large - 1);
    struct script s = {.names = {"a", "b"}, .values = {large, large}};
    struct told t = play(&s, OPEN, 1 << 20);
    assert_int_equal(t.status, 413);
    assert_int_equal(s.stopped, 2);
    s = (struct script){.becomes = large};
    t = play(&s, OPEN "SecAction \"id:2,phase:1,pass,nolog,setvar:ip.a=+1\"\n", 1 << 20);
    assert_int_equal(t.status, 413);
    assert_int_equal(s.stopped, 1);
}

static void misuse_is_told(void **state)
{
    struct bh_waf_store_functions f = {.size = sizeof f, .read = script_read, .change = script_change};
    struct bh_waf_store_functions no_read = f, no_change = f, no_size = f;
    struct bh_waf_store *store = NULL;
    no_read.read = NULL;
    no_change.change = NULL;
    no_size.size = 0;
    assert_int_equal(bh_waf_store_lend(NULL, &store), BH_WAF_MISUSE);
    assert_int_equal(bh_waf_store_lend(&f, NULL), BH_WAF_MISUSE);
    assert_int_equal(bh_waf_store_lend(&no_read, &store), BH_WAF_MISUSE);
    assert_int_equal(bh_waf_store_lend(&no_change, &store), BH_WAF_MISUSE);
    assert_int_equal(bh_waf_store_lend(&no_size, &store), BH_WAF_MISUSE);
    assert_null(store);
    struct bh_waf_variable v = {.size = sizeof v, .value = {NULL, 3}}, none = {0};
    struct bh_waf_change set = {.kind = BH_WAF_CHANGE_SET}, odd = {.kind = (enum bh_waf_change_kind)256};
    assert_int_equal(bh_waf_variable_change(NULL, &set, 0), 0);
    assert_int_equal(bh_waf_variable_change(&v, NULL, 0), 0);
    assert_int_equal(bh_waf_variable_change(&v, &set, 0), 0);
    assert_int_equal(bh_waf_variable_change(&none, &set, 0), 0);
    v.value.len = 0;
    assert_int_equal(bh_waf_variable_change(&v, &odd, 0), 0);
    assert_false(v.exists);
}

/* ---- arithmetic */

static void a_variable_changes(void **state)
{
    struct bh_waf_variable v = {.size = sizeof v};
    struct bh_waf_change set = {.kind = BH_WAF_CHANGE_SET, .value = text("10")}, add = {.kind = BH_WAF_CHANGE_ADD, .number = 5}, remove = {.kind = BH_WAF_CHANGE_REMOVE};
    struct bh_waf_change lower = {.kind = BH_WAF_CHANGE_DEPRECATE, .number = 1, .period = 4}, expire = {.kind = BH_WAF_CHANGE_EXPIRE, .number = 200}, timeout = {.kind = BH_WAF_CHANGE_TIMEOUT, .number = 1};
    assert_int_equal(bh_waf_variable_change(&v, &remove, 100), 0);
    assert_int_equal(bh_waf_variable_change(&v, &add, 100), 1);
    assert_true(v.exists && is_text(v.value, "5") && v.value.at == v.digits);
    assert_int_equal(bh_waf_variable_change(&v, &set, 100), 1);
    assert_true(is_text(v.value, "10") && v.value.at == set.value.at);
    assert_int_equal(bh_waf_variable_change(&v, &lower, 103), 0); /* three quarters of one */
    assert_int_equal(bh_waf_variable_change(&v, &add, 103), 1);
    assert_int_equal(bh_waf_variable_change(&v, &lower, 104), 1);
    assert_true(is_text(v.value, "14"));
    assert_int_equal(bh_waf_variable_change(&v, &timeout, 104), 1);
    assert_true(is_text(v.value, "14"));
    assert_int_equal(bh_waf_variable_change(&v, &expire, 104), 1);
    assert_true(v.exists && v.expires == 200);
    assert_int_equal(bh_waf_variable_change(&v, &lower, 199), 1);
    assert_true(v.exists && is_text(v.value, "0"));
    assert_int_equal(bh_waf_variable_change(&v, &lower, 200), 0);
    assert_false(v.exists);
    assert_int_equal(bh_waf_variable_change(&v, &set, 200), 1);
    assert_int_equal(bh_waf_variable_change(&v, &remove, 300), 1); /* it has no end any more */
    assert_false(v.exists);
}

/* ---- the same as in memory */

struct kept {
    char name[8], value[32];
    struct bh_waf_variable state;
};

/* Of one collection, at most VARIABLES, in the order in which they came. */
struct keeper {
    bool exists;
    int64_t created, updated, timeout;
    uint64_t updates;
    size_t count;
    struct kept variables[VARIABLES];
};

static void keeper_end(struct keeper *k, int64_t now)
{
    size_t left = 0;
    if (k->exists && k->updated + k->timeout <= now)
        *k = (struct keeper){0};
    for (size_t i = 0; i < k->count; i++)
        if (k->variables[i].state.expires > now)
            k->variables[left++] = k->variables[i];
    k->count = left;
}

static struct bh_waf_bytes value_of(const struct kept *v)
{
    return (struct bh_waf_bytes){v->value, strlen(v->value)};
}

static enum bh_waf_store_result keeper_read(void *context, const struct bh_waf_collection_key *key, int64_t now, bh_waf_tell_variable *tell, void *into,
    struct bh_waf_collection_facts *ret_facts)
{
    struct keeper *k = context;
    (void)key;
    keeper_end(k, now);
    *ret_facts = (struct bh_waf_collection_facts){k->exists, k->created, k->updated, k->timeout, k->updates};
    for (size_t i = 0; i < k->count; i++)
        tell(into, text(k->variables[i].name), value_of(&k->variables[i]));
    return BH_WAF_STORE_DONE;
}

static enum bh_waf_store_result keeper_change(void *context, const struct bh_waf_collection_key *key, const struct bh_waf_change *change, int64_t now,
    bh_waf_tell_variable *tell, void *into)
{
    struct keeper *k = context;
    size_t at = 0;
    (void)key;
    keeper_end(k, now);
    if (!k->exists && (change->kind == BH_WAF_CHANGE_SET || change->kind == BH_WAF_CHANGE_ADD || change->kind == BH_WAF_CHANGE_TIMEOUT))
        *k = (struct keeper){.exists = true, .created = now, .updated = now, .timeout = change->timeout};
    if (!k->exists)
        return BH_WAF_STORE_DONE;
    while (at < k->count && !(strlen(k->variables[at].name) == change->name.len && strncasecmp(k->variables[at].name, change->name.at, change->name.len) == 0))
        at++;
    struct kept v = at < k->count ? k->variables[at] : (struct kept){0};
    v.state.size = sizeof v.state;
    v.state.value = value_of(&v);
    int changed = bh_waf_variable_change(&v.state, change, now);
    if (change->kind == BH_WAF_CHANGE_TIMEOUT)
        k->timeout = change->number;
    k->updated = changed ? now : k->updated;
    k->updates += changed && change->first;
    if (v.state.exists) {
        char value[sizeof v.value];
        assert_true(at < VARIABLES);
        string_of(v.state.value, value, sizeof value);
        memcpy(v.value, value, sizeof value);
        if (at == k->count) {
            string_of(change->name, v.name, sizeof v.name);
            k->count++;
        }
        k->variables[at] = v;
        tell(into, change->name, value_of(&v));
    } else if (at < k->count) {
        memmove(&k->variables[at], &k->variables[at + 1], (k->count - at - 1) * sizeof v);
        k->count--;
    }
    return BH_WAF_STORE_DONE;
}

static void a_callers_store_is_as_the_one_in_memory(void **state)
{
    static const char rules_text[] = OPEN
        "SecRule ARGS:s \"@rx .\" \"id:2,phase:1,pass,nolog,setvar:ip.%{ARGS.n}=%{ARGS.s}\"\n"
        "SecRule ARGS:a \"@rx .\" \"id:3,phase:1,pass,nolog,setvar:ip.%{ARGS.n}=+%{ARGS.a}\"\n"
        "SecRule ARGS:r \"@rx .\" \"id:4,phase:1,pass,nolog,setvar:!ip.%{ARGS.n}\"\n"
        "SecRule ARGS:e \"@rx .\" \"id:5,phase:1,pass,nolog,expirevar:ip.%{ARGS.n}=7\"\n"
        "SecRule ARGS:d \"@rx .\" \"id:6,phase:1,pass,nolog,deprecatevar:ip.%{ARGS.n}=3/2\"\n"
        "SecRule ARGS:t \"@rx .\" \"id:7,phase:1,pass,nolog,setvar:ip.timeout=%{ARGS.t}\"\n"
        "SecAction \"id:8,phase:1,pass,log,msg:'%{ip.a}|%{ip.b}|%{ip.c} %{ip.is_new} %{ip.create_time} %{ip.last_update_time} %{ip.timeout} %{ip.update_counter}'\"\n";
    static const char *const changes[] = {"s=5", "s=x", "s=-9", "a=4", "a=-2", "r=1", "e=1", "d=1", "t=20", "z=1"};
    static const char *const names[] = {"a", "b", "c", "A"};
    struct keeper keeper = {0};
    struct bh_waf_store_functions functions = {.size = sizeof functions, .read = keeper_read, .change = keeper_change, .context = &keeper};
    struct bh_waf_store *ours = NULL, *memory = NULL;
    struct bh_waf_rules *rules = load(rules_text);
    struct random random = {.state = 3};
    int64_t now = NOW;
    assert_int_equal(bh_waf_store_lend(&functions, &ours), BH_WAF_OK);
    assert_int_equal(bh_waf_store_create(NULL, &memory), BH_WAF_OK);
    for (int i = 0; i < 1500; i++) {
        char target[64];
        snprintf(target, sizeof target, "/?n=%s&%s", names[random_below(&random, 4)], changes[random_below(&random, 10)]);
        now += random_chance(&random, 3) ? 1000 : random_below(&random, 4);
        struct told one = ask(rules, ours, target, now, 0), other = ask(rules, memory, target, now, 0);
        if (strcmp(one.message, other.message) != 0)
            fail_msg("%d, %s: `%s`, and in memory `%s`", i, target, one.message, other.message);
        assert_string_equal(one.limits, "");
    }
    bh_waf_store_free(ours);
    bh_waf_store_free(memory);
    bh_waf_rules_free(rules);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rules_see_what_is_read),
        cmocka_unit_test(a_collection_that_is_not_there_is_new),
        cmocka_unit_test(each_collection_has_its_kind),
        cmocka_unit_test(changes_reach_the_store),
        cmocka_unit_test(rules_see_what_the_store_made_of_a_change),
        cmocka_unit_test(a_change_that_is_not_kept_is_the_transactions_own),
        cmocka_unit_test(a_collection_that_cannot_be_read_is_empty),
        cmocka_unit_test(odd_answers_are_brought_into_bounds),
        cmocka_unit_test(memory_that_is_out_refuses),
        cmocka_unit_test(misuse_is_told),
        cmocka_unit_test(a_variable_changes),
        cmocka_unit_test(a_callers_store_is_as_the_one_in_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
