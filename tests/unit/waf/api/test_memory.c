/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory of the heap that is out, at each place where the library, or one that it uses, asks for some: nothing breaks, nothing
 * is half made, and no request passes that was not looked at. The sanitizers have an allocator of their own: not with them.
 */
#include <bulkhead/waf.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/base/check.h"

#ifdef __SANITIZE_ADDRESS__
int main(void)
{
    puts("the sanitizers have an allocator of their own");
    return 77;
}
#else

/* What the C library exports for who puts functions of these names in front of its own. */
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *old, size_t size);

static size_t asked, failing; /* since it was armed; which one fails, from 1; 0: none */
static bool persistent;       /* and all behind it */

static bool fails(void)
{
    return failing && (++asked == failing || (persistent && asked > failing));
}

void *malloc(size_t size)
{
    return fails() ? NULL : __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
    return fails() ? NULL : __libc_calloc(count, size);
}

void *realloc(void *old, size_t size)
{
    return fails() ? NULL : __libc_realloc(old, size);
}

static void arm(size_t nth)
{
    asked = 0;
    failing = nth;
}

/* True when the one that was to fail was asked for. */
static bool disarm(void)
{
    bool failed = asked >= failing;
    failing = 0;
    return failed;
}

#define RULES                                                                                                                        \
    "SecRuleEngine On\nSecRequestBodyAccess On\n"                                                                                  \
    "SecRule REQUEST_HEADERS:Content-Type \"@contains xml\" \"id:9,phase:1,pass,nolog,ctl:requestBodyProcessor=XML\"\n"           \
    "SecRule ARGS|XML:/* \"@rx at(tack)\" \"id:2,phase:2,deny,status:418,capture,log,msg:'%{tx.1}'\"\n"                           \
    "SecRule ARGS|XML:/* \"@pm one two three\" \"id:3,phase:2,pass,log\"\n"                                                       \
    "SecRule REQBODY_ERROR \"!@eq 0\" \"id:4,phase:2,deny,status:400,log\"\n"
#define HEAD "POST / HTTP/1.1\r\nHost: h\r\nContent-Type: text/xml\r\n\r\n"
#define BODY "<a b='one'>an attack</a>"

static struct bh_waf_bytes text(const char *s)
{
    return (struct bh_waf_bytes){s, strlen(s)};
}

static void run_in_order(void *context, void (*job)(void *argument, size_t which), void *argument, size_t count)
{
    for (size_t i = 0; i < count; i++)
        job(argument, i);
}

static enum bh_waf_result load(int rule_by_rule, struct bh_waf_rules **ret)
{
    struct bh_waf_file file = {"rules.conf", text(RULES)};
    struct bh_waf_rules_options options = {.size = sizeof options, .rule_by_rule = rule_by_rule, .run = run_in_order};
    struct bh_waf_report *report = NULL;
    enum bh_waf_result result = bh_waf_rules_load(&file, 1, &options, ret, &report);
    bh_waf_report_free(report);
    return result;
}

/* The status that comes of it; 0: it passes. */
static int ask(struct bh_waf_rules *rules, struct bh_waf_scratch *scratch)
{
    struct bh_waf_transaction *t = NULL;
    struct bh_waf_bytes line;
    if (bh_waf_transaction_create(rules, NULL, &t) != BH_WAF_OK)
        return 500; /* as a server would answer */
    bool ok = bh_waf_request_head_raw(t, scratch, text(HEAD)) == BH_WAF_OK && bh_waf_request_body(t, text(BODY), BH_WAF_COPIED) == BH_WAF_OK &&
        bh_waf_request_end(t, scratch) == BH_WAF_OK && bh_waf_end(t, scratch) == BH_WAF_OK;
    (void)!bh_waf_json(t, &line);
    int status = ok ? bh_waf_status(t) : 500;
    bh_waf_transaction_free(t);
    return status;
}

/* Each of the first hundreds, and then ever fewer: Hyperscan asks often. */
static size_t next(size_t nth)
{
    return nth + 1 + nth / 200;
}

static void rules_are_whole_or_not_there(void **state)
{
    for (int kind = 0; kind < 4; kind++) {
        bool failed = true;
        persistent = kind & 1;
        for (size_t nth = 1; failed; nth = next(nth)) {
            struct bh_waf_rules *rules = NULL;
            struct bh_waf_scratch *scratch = NULL;
            arm(nth);
            enum bh_waf_result result = load(kind < 2, &rules);
            failed = disarm();
            assert_true(result == BH_WAF_OK || (failed && (result == BH_WAF_NO_MEMORY || result == BH_WAF_INVALID)));
            assert_int_equal(result == BH_WAF_OK, rules != NULL);
            if (!rules)
                continue;
            assert_int_equal(bh_waf_scratch_create(rules, &scratch), BH_WAF_OK);
            assert_int_equal(ask(rules, scratch), 418); /* what was done without memory does not change what is found */
            bh_waf_scratch_free(scratch);
            bh_waf_rules_free(rules);
        }
    }
}

/* The report is set in every case: it may be freed unseen. */
static void rules_of_a_file_are_whole_or_not_there(void **state)
{
    char name[] = "/tmp/rules-XXXXXX";
    const char *names[] = {name};
    int file = mkstemp(name);
    assert_true(file >= 0 && write(file, RULES, strlen(RULES)) == (ssize_t)strlen(RULES) && close(file) == 0);
    struct bh_waf_rules_options options = {.size = sizeof options, .rule_by_rule = 1};
    bool failed = true;
    persistent = true;
    for (size_t nth = 1; failed; nth = next(nth)) {
        struct bh_waf_rules *rules = NULL;
        struct bh_waf_report *report = (void *)names;
        arm(nth);
        enum bh_waf_result result = bh_waf_rules_load_files(names, 1, &options, &rules, &report);
        failed = disarm();
        assert_ptr_not_equal(report, names);
        assert_true(result == BH_WAF_OK || (failed && (result == BH_WAF_NO_MEMORY || result == BH_WAF_INVALID)));
        assert_int_equal(result == BH_WAF_OK, rules != NULL);
        bh_waf_report_free(report);
        bh_waf_rules_free(rules);
    }
    (void)unlink(name);
}

static void scratches_are_whole_or_not_there(void **state)
{
    struct bh_waf_rules *rules = NULL;
    assert_int_equal(load(0, &rules), BH_WAF_OK);
    bool failed = true;
    for (size_t nth = 1; failed; nth++) {
        struct bh_waf_scratch *scratch = NULL;
        arm(nth);
        enum bh_waf_result result = bh_waf_scratch_create(rules, &scratch);
        failed = disarm();
        assert_int_equal(result, failed ? BH_WAF_NO_MEMORY : BH_WAF_OK);
        bh_waf_scratch_free(scratch);
    }
    bh_waf_rules_free(rules);
}

static void no_attack_passes(void **state)
{
    struct bh_waf_rules *rules = NULL;
    struct bh_waf_scratch *scratch = NULL;
    assert_int_equal(load(0, &rules), BH_WAF_OK);
    assert_int_equal(bh_waf_scratch_create(rules, &scratch), BH_WAF_OK);
    for (int kind = 0; kind < 2; kind++) {
        bool failed = true;
        persistent = kind;
        for (size_t nth = 1; failed; nth++) {
            arm(nth);
            int status = ask(rules, scratch);
            failed = disarm();
            assert_int_not_equal(status, 0);
            assert_true(failed || status == 418);
        }
    }
    bh_waf_scratch_free(scratch);
    bh_waf_rules_free(rules);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rules_are_whole_or_not_there),
        cmocka_unit_test(rules_of_a_file_are_whole_or_not_there),
        cmocka_unit_test(scratches_are_whole_or_not_there),
        cmocka_unit_test(no_attack_passes),
    };
    return cmocka_run_group_tests_name("waf-api-memory", tests, NULL, NULL);
}
#endif
