/* SPDX-License-Identifier: Apache-2.0 */
/* The Core Rule Set from its files, through the public interface: what it refuses, and what waiting takes. */
#include <bulkhead/waf.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/base/check.h"

#define BASE "/etc/nginx/modsecurity.conf"
#define HEADERS                                                                                                                                             \
    "Host: shop.example.org\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0\r\n"                                    \
    "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8\r\nAccept-Language: en-GB,en;q=0.7,de;q=0.3\r\n"    \
    "Accept-Encoding: gzip, deflate, br, zstd\r\nReferer: https://shop.example.org/category/outdoor?page=1\r\nConnection: keep-alive\r\n"                 \
    "Cookie: session=7b0c4f1e9a62d853; lang=en; currency=EUR; consent=necessary.statistics; _ga=GA1.2.1390857234.1760012345; cart=3f9a-7b0c4f1e9a62d853\r\n" \
    "Upgrade-Insecure-Requests: 1\r\nSec-Fetch-Dest: document\r\nSec-Fetch-Mode: navigate\r\nSec-Fetch-Site: same-origin\r\nSec-Fetch-User: ?1\r\nDNT: 1\r\n"
#define FORM "POST /category/outdoor?page=2 HTTP/1.1\r\n" HEADERS "Content-Length: 40\r\nContent-Type: application/x-www-form-urlencoded\r\n\r\n"

static struct bh_waf_bytes text(const char *s)
{
    return (struct bh_waf_bytes){s, strlen(s)};
}

/* Rules on the disk, and a file of our own that includes them. */
static struct bh_waf_rules *load(void)
{
    static const char *const included = "Include " BASE "\nSecRuleEngine On\nInclude /etc/modsecurity/crs/crs-setup.conf\nInclude /usr/share/modsecurity-crs/rules/*.conf\n";
    char name[] = "/tmp/core-rules-XXXXXX";
    const char *names[] = {name};
    struct bh_waf_rules_options options = {.size = sizeof options, .rule_by_rule = 1};
    struct bh_waf_rules *ret = NULL;
    struct bh_waf_report *report = NULL;
    int file = mkstemp(name);
    assert_true(file >= 0 && write(file, included, strlen(included)) == (ssize_t)strlen(included) && close(file) == 0);
    enum bh_waf_result result = bh_waf_rules_load_files(names, 1, &options, &ret, &report);
    for (size_t i = 0; result != BH_WAF_OK && i < bh_waf_report_count(report); i++) {
        struct bh_waf_message m = {.size = sizeof m};
        assert_int_equal(bh_waf_report_message(report, i, &m), BH_WAF_OK);
        print_message("# %s:%u: %s\n", m.file, m.line, m.message);
    }
    bh_waf_report_free(report);
    (void)unlink(name);
    assert_int_equal(result, BH_WAF_OK);
    return ret;
}

/* Of a form whose body comes in two pieces. With a bound on its memory it is left waiting: copies of the head and of the body are within it. */
static int status_of(struct bh_waf_rules *rules, struct bh_waf_scratch *scratch, const char *body, size_t most_memory)
{
    struct bh_waf_options options = {.size = sizeof options, .time = 1790000000, .most_memory = most_memory, .unique_id = text("u")};
    struct bh_waf_transaction *t = NULL;
    size_t half = strlen(body) / 2;
    assert_int_equal(bh_waf_transaction_create(rules, &options, &t), BH_WAF_OK);
    assert_int_equal(bh_waf_connection(t, text("192.0.2.9"), 40000, text("192.0.2.1"), 443), BH_WAF_OK);
    assert_int_equal(bh_waf_request_head_raw(t, scratch, text(FORM)), BH_WAF_OK);
    assert_int_equal(bh_waf_decision(t), BH_WAF_PASS);
    assert_true(bh_waf_reads_request_body(t));
    assert_int_equal(bh_waf_request_body(t, (struct bh_waf_bytes){body, half}, BH_WAF_COPIED), BH_WAF_OK);
    assert_int_equal(bh_waf_request_body(t, text(body + half), BH_WAF_COPIED), BH_WAF_OK);
    assert_int_equal(bh_waf_decision(t), BH_WAF_PASS); /* it waits */
    int status = 0;
    if (most_memory == 0) {
        assert_int_equal(bh_waf_request_end(t, scratch), BH_WAF_OK);
        assert_int_equal(bh_waf_end(t, scratch), BH_WAF_OK);
        status = bh_waf_status(t);
    }
    bh_waf_transaction_free(t);
    return status;
}

static void the_core_rule_set_does_its_work(void **state)
{
    struct bh_waf_scratch *scratch = NULL;
    if (access(BASE, R_OK)) {
        print_message("# skip: the Core Rule Set is not installed\n");
        skip();
    }
    struct bh_waf_rules *rules = load();
    assert_int_equal(bh_waf_scratch_create(rules, &scratch), BH_WAF_OK);
    assert_int_equal(status_of(rules, scratch, "name=a+tent&colour=green&notes=for+two", 0), 0);
    assert_int_equal(status_of(rules, scratch, "id=1'+UNION+SELECT+user,password+FROM+mysql.user+--+", 0), 403);
    assert_int_equal(status_of(rules, scratch, "name=a+tent&colour=green&notes=for+two", (size_t)64 << 10), 0);
    bh_waf_scratch_free(scratch);
    bh_waf_rules_free(rules);
}

static void a_file_that_is_not_there_is_said(void **state)
{
    const char *names[] = {"no-such-file.conf"};
    struct bh_waf_rules *rules = NULL;
    struct bh_waf_report *report = NULL;
    struct bh_waf_message m = {.size = sizeof m};
    assert_int_equal(bh_waf_rules_load_files(names, 1, NULL, &rules, &report), BH_WAF_INVALID);
    assert_int_equal(bh_waf_report_count(report), 1);
    assert_int_equal(bh_waf_report_message(report, 0, &m), BH_WAF_OK);
    assert_non_null(strstr(m.file, "no-such-file.conf"));
    bh_waf_report_free(report);
}

/* Of programs built with an older and a newer header, and of those that forgot the size. */
static void options_may_be_of_another_size(void **state)
{
    const char *names[] = {"no-such-file.conf"};
    struct bh_waf_rules *rules = NULL;
    struct {
        struct bh_waf_rules_options known;
        uint64_t unknown;
    } newer = {.known = {.size = sizeof newer}};
    struct bh_waf_rules_options older = {.size = offsetof(struct bh_waf_rules_options, most_memory)}, unset = {.size = 0}, wild = {.size = SIZE_MAX};
    older.most_memory = 1; /* not looked at */
    assert_int_equal(bh_waf_rules_load_files(names, 1, &unset, &rules, NULL), BH_WAF_MISUSE);
    assert_int_equal(bh_waf_rules_load_files(names, 1, &wild, &rules, NULL), BH_WAF_MISUSE);
    assert_int_equal(bh_waf_rules_load_files(names, 1, &older, &rules, NULL), BH_WAF_INVALID);
    assert_int_equal(bh_waf_rules_load_files(names, 1, &newer.known, &rules, NULL), BH_WAF_INVALID);
    newer.unknown = 1; /* asks for what this library does not have */
    assert_int_equal(bh_waf_rules_load_files(names, 1, &newer.known, &rules, NULL), BH_WAF_MISUSE);
    assert_null(rules);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_core_rule_set_does_its_work),
        cmocka_unit_test(a_file_that_is_not_there_is_said),
        cmocka_unit_test(options_may_be_of_another_size),
    };
    return cmocka_run_group_tests_name("library-core-rule-set", tests, NULL, NULL);
}
