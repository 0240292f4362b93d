/* SPDX-License-Identifier: Apache-2.0 */
/* The public interface, through the library as it is linked: what it promises, and what happens to who misuses it. */
#include <bulkhead/waf.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/base/check.h"

#define ON "SecRuleEngine On\nSecRequestBodyAccess On\nSecResponseBodyAccess On\n"
#define RULES                                                                                                                                       \
    ON "SecRule REQUEST_HEADERS:Content-Type \"@contains json\" \"id:9,phase:1,pass,nolog,ctl:requestBodyProcessor=JSON\"\n"                     \
       "SecRule REQUEST_HEADERS:X-Bad \"@rx .\" \"id:1,phase:1,deny,status:406,log,msg:'a header'\"\n"                                           \
       "SecRule ARGS \"@rx at(tack)\" \"id:2,phase:2,deny,status:418,capture,log,msg:'%{tx.1}',logdata:'%{MATCHED_VAR}',severity:CRITICAL,tag:'one',tag:'two'\"\n" \
       "SecRule RESPONSE_BODY \"@contains secret\" \"id:3,phase:4,redirect:'https://x.example/',log,msg:'a leak'\"\n"                            \
       "SecAction \"id:4,phase:5,pass,nolog,setvar:tx.done=7,setenv:seen=yes\"\n"

static struct bh_waf_bytes text(const char *s)
{
    return (struct bh_waf_bytes){s, strlen(s)};
}

static bool is_text(struct bh_waf_bytes b, const char *s)
{
    return b.len == strlen(s) && (!b.len || memcmp(b.at, s, b.len) == 0);
}

static struct bh_waf_rules *load(const char *rules)
{
    struct bh_waf_file file = {"rules.conf", text(rules)};
    struct bh_waf_rules_options options = {.size = sizeof options, .rule_by_rule = 1};
    struct bh_waf_rules *ret = NULL;
    assert_int_equal(bh_waf_rules_load(&file, 1, &options, &ret, NULL), BH_WAF_OK);
    return ret;
}

/* ---- rules */

static void errors_have_a_place(void **state)
{
    struct bh_waf_file files[] = {{"one.conf", text(ON)}, {"two.conf", text("# fine\nSecRule ARGS \"@rx (\" \"id:1,phase:2,deny\"\n\nSecNonsense On\n")}};
    struct bh_waf_rules *rules = NULL;
    struct bh_waf_report *report = NULL;
    struct bh_waf_message m = {.size = sizeof m};
    bool directive = false;
    assert_int_equal(bh_waf_rules_load(files, 2, NULL, &rules, &report), BH_WAF_INVALID);
    assert_null(rules);
    for (size_t i = 0; i < bh_waf_report_count(report); i++) {
        assert_int_equal(bh_waf_report_message(report, i, &m), BH_WAF_OK);
        assert_string_equal(m.file, "two.conf");
        assert_true(m.message && *m.message && !m.is_warning);
        directive |= m.line == 4;
    }
    assert_true(directive);
    assert_int_equal(bh_waf_report_message(report, bh_waf_report_count(report), &m), BH_WAF_MISUSE);
    bh_waf_report_free(report);
}

static void an_expression_that_does_not_compile_has_a_place(void **state)
{
    struct bh_waf_file file = {"two.conf", text("\nSecRule ARGS \"@rx (\" \"id:1,phase:2,deny\"\n")};
    struct bh_waf_rules *rules = NULL;
    struct bh_waf_report *report = NULL;
    struct bh_waf_message m = {.size = sizeof m};
    assert_int_equal(bh_waf_rules_load(&file, 1, NULL, &rules, &report), BH_WAF_INVALID);
    assert_int_equal(bh_waf_report_message(report, 0, &m), BH_WAF_OK);
    assert_int_equal(m.line, 2);
    bh_waf_report_free(report);
}

/* What Include and @pmFromFile name, by a caller's functions. */
struct disk {
    unsigned lists, reads;
};

static int list(void *context, const char *from, const char *pattern, bh_waf_add_name *add, void *into)
{
    ((struct disk *)context)->lists++;
    assert_non_null(from);
    if (strcmp(pattern, "more/*.conf") == 0)
        return add(into, "more/a.conf") && add(into, "more/b.conf");
    return strcmp(pattern, "words.data") == 0 ? add(into, "more/words.data") : 0;
}

static int read_file(void *context, const char *name, struct bh_waf_bytes *ret)
{
    static const struct {
        const char *name, *text;
    } files[] = {{"more/a.conf", "SecRule ARGS \"@pmFromFile words.data\" \"id:1,phase:2,deny,log,msg:'a'\"\n"}, {"more/b.conf", "SecAction \"id:2,phase:1,pass,log,msg:'b'\"\n"},
        {"more/words.data", "harm\nill\n"}};
    ((struct disk *)context)->reads++;
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        if (strcmp(files[i].name, name) == 0) {
            *ret = text(files[i].text);
            return 1;
        }
    return 0;
}

/* ---- one exchange */

struct said {
    enum bh_waf_decision decision;
    int status, phase;
    size_t events;
};

/* `request` ends with its body; pieces of `size`. */
static struct said exchange(struct bh_waf_rules *rules, struct bh_waf_scratch *scratch, const char *request, const char *response, size_t size)
{
    struct bh_waf_transaction *t = NULL;
    struct bh_waf_options options = {.size = sizeof options, .unique_id = text("u1"), .time = 1790000000};
    const char *body = strstr(request, "\r\n\r\n") + 4, *answer = response ? strstr(response, "\r\n\r\n") + 4 : NULL;
    assert_int_equal(bh_waf_transaction_create(rules, &options, &t), BH_WAF_OK);
    assert_int_equal(bh_waf_connection(t, text("192.0.2.9"), 1, text("192.0.2.1"), 2), BH_WAF_OK);
    assert_int_equal(bh_waf_request_head_raw(t, scratch, (struct bh_waf_bytes){request, (size_t)(body - request)}), BH_WAF_OK);
    for (size_t at = 0, len = strlen(body); at < len; at += size)
        assert_int_equal(bh_waf_request_body(t, (struct bh_waf_bytes){body + at, len - at < size ? len - at : size}, BH_WAF_COPIED), BH_WAF_OK);
    assert_int_equal(bh_waf_request_end(t, scratch), BH_WAF_OK);
    if (response) {
        assert_int_equal(bh_waf_response_head_raw(t, scratch, (struct bh_waf_bytes){response, (size_t)(answer - response)}), BH_WAF_OK);
        assert_int_equal(bh_waf_response_body(t, text(answer), BH_WAF_LENT), BH_WAF_OK);
        assert_int_equal(bh_waf_response_end(t, scratch), BH_WAF_OK);
    }
    assert_int_equal(bh_waf_end(t, scratch), BH_WAF_OK);
    struct said said = {bh_waf_decision(t), bh_waf_status(t), bh_waf_phase(t), bh_waf_event_count(t)};
    bh_waf_transaction_free(t);
    return said;
}

#define FORM "POST /p?q=1 HTTP/1.1\r\nHost: h\r\nContent-Type: application/x-www-form-urlencoded\r\n\r\n"
#define JSON "POST /p HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\n\r\n"
#define ANSWER "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n"

static void must_say(struct bh_waf_rules *rules, const char *request, const char *response, struct said expected)
{
    struct bh_waf_scratch *scratch = NULL;
    assert_int_equal(bh_waf_scratch_create(rules, &scratch), BH_WAF_OK);
    for (size_t size = 1; size < 100; size = size * 3 + 1) {
        struct said said = exchange(rules, scratch, request, response, size);
        assert_int_equal(said.decision, expected.decision);
        assert_int_equal(said.status, expected.status);
        assert_int_equal(said.phase, expected.phase);
        assert_int_equal(said.events, expected.events);
    }
    bh_waf_scratch_free(scratch);
}

static void files_come_through_the_callers_functions(void **state)
{
    struct disk disk = {0};
    struct bh_waf_file file = {"main.conf", text(ON "Include more/*.conf\n")};
    struct bh_waf_rules_options options = {.size = sizeof options, .list = list, .read = read_file, .context = &disk, .rule_by_rule = 1};
    struct bh_waf_rules *rules = NULL;
    assert_int_equal(bh_waf_rules_load(&file, 1, &options, &rules, NULL), BH_WAF_OK);
    assert_true(disk.lists >= 2 && disk.reads >= 3);
    must_say(rules, FORM "x=harm", NULL, (struct said){BH_WAF_DENY, 403, 2, 2});
    must_say(rules, FORM "x=none", NULL, (struct said){BH_WAF_PASS, 0, 0, 1});
    bh_waf_rules_free(rules);
}

static void each_phase_may_decide(void **state)
{
    struct bh_waf_rules *rules = load(RULES);
    must_say(rules, FORM "x=fine", ANSWER "fine", (struct said){BH_WAF_PASS, 0, 0, 0});
    must_say(rules, "GET / HTTP/1.1\r\nX-Bad: 1\r\n\r\n", ANSWER "secret", (struct said){BH_WAF_DENY, 406, 1, 1});
    must_say(rules, FORM "x=attack", ANSWER "secret", (struct said){BH_WAF_DENY, 418, 2, 1});
    must_say(rules, JSON "{\"a\": [\"attack\"]}", NULL, (struct said){BH_WAF_DENY, 418, 2, 1});
    must_say(rules, FORM "x=fine", ANSWER "a secret", (struct said){BH_WAF_REDIRECT, 302, 4, 1});
    bh_waf_rules_free(rules);
}

/* ---- what was compiled before */

static struct bh_waf_rules *load_planned(struct bh_waf_bytes image, size_t expected_warnings)
{
    struct bh_waf_file file = {"rules.conf", text(RULES)};
    struct bh_waf_rules_options options = {.size = sizeof options, .image = image};
    struct bh_waf_rules *ret = NULL;
    struct bh_waf_report *report = NULL;
    assert_int_equal(bh_waf_rules_load(&file, 1, &options, &ret, &report), BH_WAF_OK);
    assert_int_equal(bh_waf_report_count(report), expected_warnings);
    bh_waf_report_free(report);
    return ret;
}

static void an_image_spares_compiling_and_changes_nothing(void **state)
{
    struct bh_waf_rules *first = load_planned((struct bh_waf_bytes){0}, 0);
    void *image;
    size_t len;
    assert_int_equal(bh_waf_rules_image(first, &image, &len), BH_WAF_OK);
    bh_waf_rules_free(first);
    struct bh_waf_rules *second = load_planned((struct bh_waf_bytes){image, len}, 0);
    bh_waf_rules_warm(second);
    must_say(second, FORM "x=attack", NULL, (struct said){BH_WAF_DENY, 418, 2, 1});
    must_say(second, FORM "x=fine", ANSWER "fine", (struct said){BH_WAF_PASS, 0, 0, 0});
    bh_waf_rules_free(second);
    struct bh_waf_rules *third = load_planned((struct bh_waf_bytes){image, len / 2}, 1); /* cut: compiled anew, with a warning */
    must_say(third, FORM "x=attack", NULL, (struct said){BH_WAF_DENY, 418, 2, 1});
    bh_waf_rules_free(third);
    free(image);
    assert_int_equal(bh_waf_rules_image(NULL, &image, &len), BH_WAF_MISUSE);
    bh_waf_rules_warm(NULL);
}

/* ---- a request in parts, and all that is told of it */

static void all_that_came_of_it_is_told(void **state)
{
    struct bh_waf_rules *rules = load(RULES);
    struct bh_waf_scratch *scratch = NULL;
    struct bh_waf_transaction *t = NULL;
    struct bh_waf_header headers[] = {{text("Host"), text("h")}, {text("Cookie"), text("sid=s1")}};
    struct bh_waf_request request = {.size = sizeof request, .method = text("GET"), .target = text("/a?token=attack&b=2"), .protocol = text("HTTP/2.0"), .headers = headers, .header_count = 2};
    struct bh_waf_event e = {.size = sizeof e};
    struct bh_waf_match m = {.size = sizeof m};
    struct bh_waf_bytes line, name, value;
    assert_int_equal(bh_waf_scratch_create(rules, &scratch), BH_WAF_OK);
    assert_int_equal(bh_waf_transaction_create(rules, NULL, &t), BH_WAF_OK);
    assert_int_equal(bh_waf_request_head(t, scratch, &request), BH_WAF_OK);
    assert_true(bh_waf_reads_request_body(t));
    assert_int_equal(bh_waf_event_count(t), 0);
    assert_int_equal(bh_waf_request_end(t, scratch), BH_WAF_OK);
    assert_int_equal(bh_waf_decision(t), BH_WAF_DENY); /* before the end */
    assert_int_equal(bh_waf_status(t), 418);
    assert_int_equal(bh_waf_event(t, 0, &e), BH_WAF_MISUSE);
    assert_int_equal(bh_waf_json(t, &line), BH_WAF_MISUSE);
    assert_int_equal(bh_waf_end(t, scratch), BH_WAF_OK);
    assert_int_equal(bh_waf_event(t, 0, &e), BH_WAF_OK);
    assert_true(e.size == sizeof e && e.id == 2 && e.phase == 2 && e.severity == 2 && e.line == 6 && e.tag_count == 2 && e.match_count == 1);
    assert_true(is_text(e.message, "tack") && is_text(e.data, "attack") && is_text(e.file, "rules.conf"));
    assert_true(is_text(bh_waf_event_tag(t, 0, 1), "two") && is_text(bh_waf_event_tag(t, 0, 2), "") && is_text(bh_waf_event_tag(t, 1, 0), ""));
    assert_int_equal(bh_waf_event_match(t, 0, 0, &m), BH_WAF_OK);
    assert_true(is_text(m.variable, "ARGS:token") && is_text(m.value, "attack") && m.offset == 0 && m.length == 6);
    assert_int_equal(bh_waf_event_match(t, 0, 1, &m), BH_WAF_MISUSE);
    assert_int_equal(bh_waf_number(t, "done"), 7);
    assert_int_equal(bh_waf_environment_count(t), 1);
    assert_int_equal(bh_waf_environment(t, 0, &name, &value), BH_WAF_OK);
    assert_true(is_text(name, "seen") && is_text(value, "yes"));
    assert_int_equal(bh_waf_json(t, &line), BH_WAF_OK);
    assert_null(memmem(line.at, line.len, "attack", 6)); /* a token's value, and data that repeats it */
    assert_non_null(memmem(line.at, line.len, "\"status\": 418, \"phase\": 2", 24));
    assert_non_null(memmem(line.at, line.len, "\"data\": \"(6 bytes, not shown)\"", 30));
    assert_true(line.len && ((const char *)line.at)[line.len - 1] == '\n');
    bh_waf_transaction_free(t);
    bh_waf_scratch_free(scratch);
    bh_waf_rules_free(rules);
}

/* ---- what the caller lends */

static uint64_t ticking(void *context)
{
    return *(uint64_t *)context += 1000000;
}

static struct bh_waf_bytes environment(void *context, struct bh_waf_bytes name)
{
    return is_text(name, "WHO") ? text("me") : (struct bh_waf_bytes){0};
}

static enum bh_waf_answer place(void *context, struct bh_waf_bytes address, struct bh_waf_bytes ret[BH_WAF_PLACE_FIELDS])
{
    ret[BH_WAF_PLACE_COUNTRY_CODE] = text("DE");
    return is_text(address, "192.0.2.9") ? BH_WAF_YES : BH_WAF_NO;
}

static enum bh_waf_answer listed(void *context, struct bh_waf_bytes name)
{
    return is_text(name, "9.2.0.192.list.example") ? BH_WAF_YES : BH_WAF_UNKNOWN;
}

static void what_is_lent_is_asked(void **state)
{
    struct bh_waf_rules *rules = load(ON "SecRule REMOTE_ADDR \"@geoLookup\" \"id:1,phase:1,pass,log,msg:'%{GEO.COUNTRY_CODE}'\"\n"
                                         "SecRule REMOTE_ADDR \"@rbl list.example\" \"id:2,phase:1,pass,log,msg:'%{ENV.WHO}'\"\n"
                                         "SecAction \"id:3,phase:1,pass,nolog,initcol:ip=%{REMOTE_ADDR},setvar:ip.n=+1\"\n"
                                         "SecAction \"id:4,phase:1,pass,log,msg:'%{ip.n} %{TIME}'\"\n");
    struct bh_waf_scratch *scratch = NULL;
    struct bh_waf_store *store = NULL;
    struct bh_waf_request request = {.size = sizeof request, .method = text("GET"), .target = text("/"), .protocol = text("HTTP/1.1")};
    assert_int_equal(bh_waf_scratch_create(rules, &scratch), BH_WAF_OK);
    assert_int_equal(bh_waf_store_create(NULL, &store), BH_WAF_OK);
    for (int n = 1; n <= 2; n++) {
        struct bh_waf_options options = {.size = sizeof options, .time = 1700000000, .utc_offset = 3600, .environment = environment, .place = place, .listed = listed, .store = store};
        struct bh_waf_transaction *t = NULL;
        struct bh_waf_event e[3] = {{.size = sizeof *e}, {.size = sizeof *e}, {.size = sizeof *e}};
        assert_int_equal(bh_waf_transaction_create(rules, &options, &t), BH_WAF_OK);
        assert_int_equal(bh_waf_connection(t, text("192.0.2.9"), 1, text("192.0.2.1"), 2), BH_WAF_OK);
        assert_int_equal(bh_waf_request_head(t, scratch, &request), BH_WAF_OK);
        assert_int_equal(bh_waf_end(t, scratch), BH_WAF_OK);
        assert_int_equal(bh_waf_event_count(t), 3);
        for (size_t i = 0; i < 3; i++)
            assert_int_equal(bh_waf_event(t, i, &e[i]), BH_WAF_OK);
        assert_true(is_text(e[0].message, "DE") && is_text(e[1].message, "me") && is_text(e[2].message, n == 1 ? "1 23:13:20" : "2 23:13:20"));
        assert_int_equal(bh_waf_limit_count(t), 0);
        bh_waf_transaction_free(t);
    }
    bh_waf_store_free(store);
    bh_waf_scratch_free(scratch);
    bh_waf_rules_free(rules);
}

static void a_time_without_a_year_is_no_time(void **state)
{
    static const struct {
        int64_t time;
        int32_t utc_offset;
    } times[] = {{INT64_MAX, 1}, {INT64_MIN, -1}, {INT64_MAX, -1}, {INT64_C(67768036191676799), 0} /* the last that struct tm has */};
    struct bh_waf_rules *rules = load(ON "SecRule TIME_YEAR|TIME_DAY|TIME_HOUR \"!@eq 0\" \"id:1,phase:1,deny\"\n");
    struct bh_waf_scratch *scratch = NULL;
    assert_int_equal(bh_waf_scratch_create(rules, &scratch), BH_WAF_OK);
    for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
        struct bh_waf_options options = {.size = sizeof options, .time = times[i].time, .utc_offset = times[i].utc_offset};
        struct bh_waf_transaction *t = NULL;
        assert_int_equal(bh_waf_transaction_create(rules, &options, &t), BH_WAF_OK);
        assert_int_equal(bh_waf_request_head_raw(t, scratch, text("GET / HTTP/1.1\r\n\r\n")), BH_WAF_OK);
        assert_int_equal(bh_waf_decision(t), BH_WAF_PASS);
        bh_waf_transaction_free(t);
    }
    bh_waf_scratch_free(scratch);
    bh_waf_rules_free(rules);
}

static void time_that_runs_out_refuses(void **state)
{
    struct bh_waf_rules *rules = load(RULES);
    struct bh_waf_scratch *scratch = NULL;
    struct bh_waf_transaction *t = NULL;
    uint64_t now = 0;
    struct bh_waf_options options = {.size = sizeof options, .duration = ticking, .context = &now, .most_time = 1};
    assert_int_equal(bh_waf_scratch_create(rules, &scratch), BH_WAF_OK);
    assert_int_equal(bh_waf_transaction_create(rules, &options, &t), BH_WAF_OK);
    assert_int_equal(bh_waf_request_head_raw(t, scratch, text("GET /?a=1 HTTP/1.1\r\nX-Bad: 1\r\n\r\n")), BH_WAF_OK);
    assert_int_equal(bh_waf_decision(t), BH_WAF_DENY);
    assert_int_equal(bh_waf_status(t), 403);
    bh_waf_transaction_free(t); /* without an end */
    bh_waf_scratch_free(scratch);
    bh_waf_rules_free(rules);
}

/* ---- threads */

#define THREADS 4
#define ROUNDS 300
#define REPLACEMENTS 50

static void *ask_often(void *rules)
{
    struct bh_waf_scratch *scratch = NULL;
    size_t wrong = bh_waf_scratch_create(rules, &scratch) != BH_WAF_OK;
    for (size_t i = 0; !wrong && i < ROUNDS; i++) {
        wrong += exchange(rules, scratch, FORM "x=attack", NULL, 5).status != 418;
        wrong += exchange(rules, scratch, JSON "{\"a\": \"fine\"}", ANSWER "fine", 3).decision != BH_WAF_PASS;
    }
    bh_waf_scratch_free(scratch);
    bh_waf_rules_free(rules);
    return wrong ? rules : NULL;
}

static void threads_share_a_rule_set(void **state)
{
    struct bh_waf_rules *rules = load_planned((struct bh_waf_bytes){0}, 0);
    pthread_t threads[THREADS];
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, ask_often, bh_waf_rules_hold(rules)), 0);
    bh_waf_rules_free(rules); /* theirs now: the last of them frees it */
    for (size_t i = 0; i < THREADS; i++) {
        void *wrong;
        assert_int_equal(pthread_join(threads[i], &wrong), 0);
        assert_null(wrong);
    }
}

/* As a server has them. NULL: it is over. */
struct in_force {
    pthread_mutex_t mutex;
    struct bh_waf_rules *rules;
    size_t taken;
};

static struct bh_waf_rules *take(struct in_force *f)
{
    pthread_mutex_lock(&f->mutex);
    struct bh_waf_rules *rules = bh_waf_rules_hold(f->rules);
    f->taken++;
    pthread_mutex_unlock(&f->mutex);
    return rules;
}

static size_t times_taken(struct in_force *f)
{
    pthread_mutex_lock(&f->mutex);
    size_t taken = f->taken;
    pthread_mutex_unlock(&f->mutex);
    return taken;
}

static void replace(struct in_force *f, struct bh_waf_rules *next)
{
    pthread_mutex_lock(&f->mutex);
    struct bh_waf_rules *before = f->rules;
    f->rules = next;
    pthread_mutex_unlock(&f->mutex);
    bh_waf_rules_free(before);
}

static void *ask_those_in_force(void *in_force)
{
    struct bh_waf_rules *rules;
    size_t wrong = 0;
    while ((rules = take(in_force))) {
        struct bh_waf_scratch *scratch = NULL;
        bool ready = bh_waf_scratch_create(rules, &scratch) == BH_WAF_OK;
        wrong += !ready || exchange(rules, scratch, FORM "x=attack", NULL, 5).status != 418;
        bh_waf_scratch_free(scratch);
        bh_waf_rules_free(rules);
    }
    return wrong ? in_force : NULL;
}

/* Each is taken a few times before the next comes. */
static void *replace_often(void *in_force)
{
    for (size_t i = 0; i < REPLACEMENTS; i++) {
        size_t before = times_taken(in_force);
        replace(in_force, load(RULES));
        while (times_taken(in_force) < before + THREADS)
            usleep(100);
    }
    replace(in_force, NULL);
    return NULL;
}

static void rules_are_replaced_while_threads_use_them(void **state)
{
    struct in_force f = {.mutex = PTHREAD_MUTEX_INITIALIZER, .rules = load(RULES)};
    pthread_t threads[THREADS + 1];
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, ask_those_in_force, &f), 0);
    assert_int_equal(pthread_create(&threads[THREADS], NULL, replace_often, &f), 0);
    for (size_t i = 0; i <= THREADS; i++) {
        void *wrong;
        assert_int_equal(pthread_join(threads[i], &wrong), 0);
        assert_null(wrong);
    }
    assert_true(f.taken >= THREADS * REPLACEMENTS);
}

/* Each step by another thread, with that thread's scratch. */
static void a_transaction_goes_from_thread_to_thread(void **state)
{
    struct bh_waf_rules *rules = load(RULES);
    struct bh_waf_scratch *scratches[2] = {NULL, NULL};
    struct bh_waf_transaction *t = NULL;
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(bh_waf_scratch_create(rules, &scratches[i]), BH_WAF_OK);
    assert_int_equal(bh_waf_transaction_create(rules, NULL, &t), BH_WAF_OK);
    assert_int_equal(bh_waf_request_head_raw(t, scratches[0], text(FORM)), BH_WAF_OK);
    bh_waf_scratch_free(scratches[0]);
    assert_int_equal(bh_waf_request_body(t, text("x=attack"), BH_WAF_LENT), BH_WAF_OK);
    assert_int_equal(bh_waf_request_end(t, scratches[1]), BH_WAF_OK);
    assert_int_equal(bh_waf_status(t), 418);
    bh_waf_scratch_free(scratches[1]);
    bh_waf_rules_free(rules); /* the transaction holds them */
    assert_int_equal(bh_waf_status(t), 418);
    bh_waf_transaction_free(t);
}

/* ---- memory */

static void rules_that_need_more_than_they_may_are_refused(void **state)
{
    struct bh_waf_file file = {"rules.conf", text(RULES)};
    size_t most = 1000;
    enum bh_waf_result result;
    do {
        struct bh_waf_rules_options options = {.size = sizeof options, .most_memory = most, .rule_by_rule = most % 2};
        struct bh_waf_rules *rules = NULL;
        result = bh_waf_rules_load(&file, 1, &options, &rules, NULL);
        assert_true(result == BH_WAF_OK || result == BH_WAF_NO_MEMORY);
        assert_int_equal(result == BH_WAF_OK, rules != NULL);
        bh_waf_rules_free(rules);
        most += most / 3 + 1;
    } while (result != BH_WAF_OK);
    assert_true(most > 2000);
}

/* From far too little memory up to enough: refused until nothing is amiss, and never passed. */
static void a_transaction_that_needs_more_than_it_may_is_refused(void **state)
{
    struct bh_waf_rules *rules = load(RULES);
    struct bh_waf_scratch *scratch = NULL;
    bool refused = false, decided = false;
    assert_int_equal(bh_waf_scratch_create(rules, &scratch), BH_WAF_OK);
    for (size_t most = 1; !decided; most += most / 3 + 40) {
        struct bh_waf_options options = {.size = sizeof options, .most_memory = most, .unique_id = text("u")};
        struct bh_waf_transaction *t = NULL;
        struct bh_waf_bytes line;
        if (bh_waf_transaction_create(rules, &options, &t) == BH_WAF_NO_MEMORY)
            continue;
        assert_int_equal(bh_waf_request_head_raw(t, scratch, text(JSON)), BH_WAF_OK);
        for (int i = 0; i < 200; i++)
            assert_int_equal(bh_waf_request_body(t, text(i ? "\"abcdefghij\"," : "["), BH_WAF_COPIED), BH_WAF_OK);
        assert_int_equal(bh_waf_request_body(t, text("\"attack\"]"), BH_WAF_COPIED), BH_WAF_OK);
        assert_int_equal(bh_waf_request_end(t, scratch), BH_WAF_OK);
        assert_int_equal(bh_waf_decision(t), BH_WAF_DENY);
        assert_int_equal(bh_waf_end(t, scratch), BH_WAF_OK);
        assert_int_equal(bh_waf_decision(t), BH_WAF_DENY);
        refused |= bh_waf_status(t) == 413;
        decided = bh_waf_status(t) == 418;
        assert_true(bh_waf_status(t) == 413 || decided);
        assert_int_equal(bh_waf_json(t, &line), BH_WAF_OK);
        bh_waf_transaction_free(t);
    }
    assert_true(refused);
    bh_waf_scratch_free(scratch);
    bh_waf_rules_free(rules);
}

/* ---- misuse */

static void what_is_no_http_is_refused(void **state)
{
    struct bh_waf_rules *rules = load(RULES);
    struct bh_waf_scratch *scratch = NULL;
    assert_int_equal(bh_waf_scratch_create(rules, &scratch), BH_WAF_OK);
    static const char *const heads[] = {"", "nonsense\r\n\r\n", "GET / HTTP/1.1\r\nno colon\r\n\r\n", "GET / HTTP/1.1\r\n\r\nbehind"};
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++) {
        struct bh_waf_transaction *t = NULL;
        struct bh_waf_bytes line;
        assert_int_equal(bh_waf_transaction_create(rules, NULL, &t), BH_WAF_OK);
        assert_int_equal(bh_waf_request_head_raw(t, scratch, text(heads[i])), BH_WAF_NOT_HTTP);
        assert_int_equal(bh_waf_decision(t), BH_WAF_DENY);
        assert_int_equal(bh_waf_status(t), 400);
        assert_false(bh_waf_reads_request_body(t));
        assert_int_equal(bh_waf_request_body(t, text("a"), BH_WAF_COPIED), BH_WAF_OK);
        assert_int_equal(bh_waf_request_end(t, scratch), BH_WAF_OK);
        assert_int_equal(bh_waf_response_head_raw(t, scratch, text(ANSWER)), BH_WAF_OK);
        assert_int_equal(bh_waf_end(t, scratch), BH_WAF_OK);
        assert_int_equal(bh_waf_status(t), 400);
        assert_int_equal(bh_waf_limit_count(t), 1);
        assert_int_equal(bh_waf_json(t, &line), BH_WAF_OK);
        bh_waf_transaction_free(t);
    }
    struct bh_waf_transaction *t = NULL; /* of a response, the rules of phase 5 still run */
    assert_int_equal(bh_waf_transaction_create(rules, NULL, &t), BH_WAF_OK);
    assert_int_equal(bh_waf_request_head_raw(t, scratch, text("GET / HTTP/1.1\r\n\r\n")), BH_WAF_OK);
    assert_int_equal(bh_waf_request_end(t, scratch), BH_WAF_OK);
    assert_int_equal(bh_waf_response_head_raw(t, scratch, text("nonsense\r\n\r\n")), BH_WAF_NOT_HTTP);
    assert_int_equal(bh_waf_status(t), 502);
    assert_int_equal(bh_waf_end(t, scratch), BH_WAF_OK);
    assert_int_equal(bh_waf_status(t), 502);
    assert_int_equal(bh_waf_number(t, "done"), 7);
    bh_waf_transaction_free(t);
    bh_waf_scratch_free(scratch);
    bh_waf_rules_free(rules);
}

static void steps_out_of_their_order_do_nothing(void **state)
{
    struct bh_waf_rules *rules = load(RULES), *others = load(RULES);
    struct bh_waf_scratch *scratch = NULL, *foreign = NULL;
    struct bh_waf_transaction *t = NULL;
    struct bh_waf_response response = {.size = sizeof response, .protocol = text("HTTP/1.1"), .status = 200};
    assert_int_equal(bh_waf_scratch_create(rules, &scratch), BH_WAF_OK);
    assert_int_equal(bh_waf_scratch_create(others, &foreign), BH_WAF_OK);
    assert_int_equal(bh_waf_transaction_create(rules, NULL, &t), BH_WAF_OK);
    assert_int_equal(bh_waf_request_body(t, text("a"), BH_WAF_COPIED), BH_WAF_MISUSE);
    assert_int_equal(bh_waf_request_end(t, scratch), BH_WAF_MISUSE);
    assert_int_equal(bh_waf_end(t, scratch), BH_WAF_MISUSE);
    assert_int_equal(bh_waf_request_head_raw(t, foreign, text(FORM)), BH_WAF_MISUSE);
    assert_int_equal(bh_waf_request_head_raw(t, scratch, text(FORM)), BH_WAF_OK);
    assert_int_equal(bh_waf_request_head_raw(t, scratch, text(FORM)), BH_WAF_MISUSE);
    assert_int_equal(bh_waf_connection(t, text("a"), 1, text("b"), 1), BH_WAF_MISUSE);
    assert_int_equal(bh_waf_request_body(t, (struct bh_waf_bytes){NULL, 5}, BH_WAF_COPIED), BH_WAF_MISUSE);
    assert_int_equal(bh_waf_response_head(t, scratch, &response), BH_WAF_MISUSE);
    assert_int_equal(bh_waf_request_body(t, text("x=attack"), BH_WAF_COPIED), BH_WAF_OK);
    assert_int_equal(bh_waf_request_end(t, foreign), BH_WAF_MISUSE);
    assert_int_equal(bh_waf_request_end(t, scratch), BH_WAF_OK);
    assert_int_equal(bh_waf_status(t), 418); /* none of that has changed what comes of it */
    response.status = 99;
    assert_int_equal(bh_waf_response_head(t, scratch, &response), BH_WAF_MISUSE);
    response.status = 200;
    assert_int_equal(bh_waf_response_head(t, scratch, &response), BH_WAF_OK);
    assert_int_equal(bh_waf_response_end(t, scratch), BH_WAF_OK);
    assert_int_equal(bh_waf_end(t, scratch), BH_WAF_OK);
    assert_int_equal(bh_waf_end(t, scratch), BH_WAF_MISUSE);
    bh_waf_transaction_free(t);
    bh_waf_scratch_free(scratch);
    bh_waf_scratch_free(foreign);
    bh_waf_rules_free(rules);
    bh_waf_rules_free(others);
}

static void nothing_is_asked_of_null(void **state)
{
    struct bh_waf_file unnamed = {NULL, text("")};
    struct bh_waf_rules *rules = NULL;
    struct bh_waf_event e = {.size = sizeof e};
    struct bh_waf_bytes line;
    assert_int_equal(bh_waf_rules_load(NULL, 1, NULL, &rules, NULL), BH_WAF_MISUSE);
    assert_int_equal(bh_waf_rules_load(&unnamed, 1, NULL, &rules, NULL), BH_WAF_MISUSE);
    assert_int_equal(bh_waf_rules_load_files(NULL, 1, NULL, &rules, NULL), BH_WAF_MISUSE);
    assert_int_equal(bh_waf_scratch_create(NULL, NULL), BH_WAF_MISUSE);
    assert_int_equal(bh_waf_store_create(NULL, NULL), BH_WAF_MISUSE);
    assert_int_equal(bh_waf_transaction_create(NULL, NULL, NULL), BH_WAF_MISUSE);
    assert_int_equal(bh_waf_request_head(NULL, NULL, NULL), BH_WAF_MISUSE);
    assert_int_equal(bh_waf_request_body(NULL, text("a"), BH_WAF_COPIED), BH_WAF_MISUSE);
    assert_int_equal(bh_waf_end(NULL, NULL), BH_WAF_MISUSE);
    assert_int_equal(bh_waf_decision(NULL), BH_WAF_DENY);
    assert_int_equal(bh_waf_event(NULL, 0, &e), BH_WAF_MISUSE);
    assert_int_equal(bh_waf_json(NULL, &line), BH_WAF_MISUSE);
    assert_true(bh_waf_status(NULL) == 0 && bh_waf_event_count(NULL) == 0 && bh_waf_limit_count(NULL) == 0 && !bh_waf_limit(NULL, 0) && bh_waf_number(NULL, "a") == 0);
    assert_true(!bh_waf_redirect(NULL).at && !bh_waf_reads_request_body(NULL) && bh_waf_report_count(NULL) == 0);
    bh_waf_rules_free(NULL);
    bh_waf_report_free(NULL);
    bh_waf_scratch_free(NULL);
    bh_waf_store_free(NULL);
    bh_waf_transaction_free(NULL);
}

/* Programs built with an older and a newer header. */
static void structs_may_be_of_another_size(void **state)
{
    struct bh_waf_rules *rules = load(RULES);
    struct bh_waf_scratch *scratch = NULL;
    struct bh_waf_transaction *t = NULL;
    struct {
        struct bh_waf_options known;
        uint64_t unknown;
    } newer = {.known = {.size = sizeof newer}};
    struct bh_waf_options older = {.size = offsetof(struct bh_waf_options, time)}, unset = {.size = 0};
    older.most_time = UINT64_MAX; /* not looked at */
    assert_int_equal(bh_waf_transaction_create(rules, &unset, &t), BH_WAF_MISUSE);
    assert_int_equal(bh_waf_transaction_create(rules, &older, &t), BH_WAF_OK);
    bh_waf_transaction_free(t);
    assert_int_equal(bh_waf_transaction_create(rules, &newer.known, &t), BH_WAF_OK);
    bh_waf_transaction_free(t);
    newer.unknown = 1; /* asks for what this library does not have */
    assert_int_equal(bh_waf_transaction_create(rules, &newer.known, &t), BH_WAF_MISUSE);
    assert_int_equal(bh_waf_scratch_create(rules, &scratch), BH_WAF_OK);
    assert_int_equal(bh_waf_transaction_create(rules, NULL, &t), BH_WAF_OK);
    assert_int_equal(bh_waf_request_head_raw(t, scratch, text("GET /?a=attack HTTP/1.1\r\n\r\n")), BH_WAF_OK);
    assert_int_equal(bh_waf_request_end(t, scratch), BH_WAF_OK);
    assert_int_equal(bh_waf_end(t, scratch), BH_WAF_OK);
    struct bh_waf_event few = {.size = offsetof(struct bh_waf_event, message), .line = 12345};
    assert_int_equal(bh_waf_event(t, 0, &few), BH_WAF_OK);
    assert_true(few.id == 2 && few.line == 12345 && !few.message.at);
    bh_waf_transaction_free(t);
    bh_waf_scratch_free(scratch);
    bh_waf_rules_free(rules);
}

static void a_seed_comes_before_the_rules(void **state)
{
    bh_waf_rules_free(load(RULES));
    assert_int_equal(bh_waf_seed(1, 2), BH_WAF_MISUSE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(errors_have_a_place),
        cmocka_unit_test(an_expression_that_does_not_compile_has_a_place),
        cmocka_unit_test(files_come_through_the_callers_functions),
        cmocka_unit_test(each_phase_may_decide),
        cmocka_unit_test(an_image_spares_compiling_and_changes_nothing),
        cmocka_unit_test(all_that_came_of_it_is_told),
        cmocka_unit_test(what_is_lent_is_asked),
        cmocka_unit_test(a_time_without_a_year_is_no_time),
        cmocka_unit_test(time_that_runs_out_refuses),
        cmocka_unit_test(threads_share_a_rule_set),
        cmocka_unit_test(rules_are_replaced_while_threads_use_them),
        cmocka_unit_test(a_transaction_goes_from_thread_to_thread),
        cmocka_unit_test(rules_that_need_more_than_they_may_are_refused),
        cmocka_unit_test(a_transaction_that_needs_more_than_it_may_is_refused),
        cmocka_unit_test(what_is_no_http_is_refused),
        cmocka_unit_test(steps_out_of_their_order_do_nothing),
        cmocka_unit_test(nothing_is_asked_of_null),
        cmocka_unit_test(structs_may_be_of_another_size),
        cmocka_unit_test(a_seed_comes_before_the_rules),
    };
    return cmocka_run_group_tests_name("waf-api", tests, NULL, NULL);
}
