/* SPDX-License-Identifier: Apache-2.0 */
/* What a transaction holds that has passed phase 1 and waits for its body: counted, with the Core Rule Set and what a browser sends. */
#include <unistd.h>

#include "worst.h"

#define MOST ((size_t)64 << 10)
#define RULES(level)                                                                                                                        \
    "Include " CRS_BASE "\nSecRuleEngine On\nInclude /etc/modsecurity/crs/crs-setup.conf\n"                                               \
    "SecAction \"id:900000,phase:1,nolog,pass,t:none,setvar:tx.paranoia_level=" level ",setvar:tx.blocking_paranoia_level=" level "\"\n" \
    "Include " CRS_FOLDER "*.conf\n"

/* 20 headers and six cookies: what Firefox sends with a form. */
#define TOKEN "7b0c4f1e9a62d853"
#define HEAD(type)                                                                                                                                       \
    "POST /category/outdoor?page=2&sort=price&session=" TOKEN " HTTP/1.1\r\nHost: shop.example.org\r\n"                                                \
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0\r\n"                                                            \
    "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8\r\nAccept-Language: en-GB,en;q=0.7,de;q=0.3\r\n" \
    "Accept-Encoding: gzip, deflate, br, zstd\r\nReferer: https://shop.example.org/category/outdoor?page=1&from=" TOKEN "\r\nConnection: keep-alive\r\n" \
    "Cookie: session=" TOKEN "; lang=en; currency=EUR; consent=necessary.statistics; _ga=GA1.2.1390857234.1760012345; cart=3f9a-" TOKEN "\r\n"         \
    "Upgrade-Insecure-Requests: 1\r\nSec-Fetch-Dest: document\r\nSec-Fetch-Mode: navigate\r\nSec-Fetch-Site: same-origin\r\nSec-Fetch-User: ?1\r\n"   \
    "DNT: 1\r\nPriority: u=0, i\r\nOrigin: https://shop.example.org\r\nContent-Length: 100000\r\nContent-Type: " type "\r\n\r\n"

/* Bytes that are taken from the system, the request with them: chunks of the arena, whatever is yet free in them. */
static size_t waiting(struct ready *r, const char *head, const char *begun)
{
    struct arena *a = arena_create((size_t)1 << 20);
    struct waf_options options = {.client = bytes_of_text("192.0.2.9"), .server = bytes_of_text("192.0.2.1"), .server_port = 443, .unique_id = bytes_of_text("u1"), .time = 1790000000};
    struct http_message m;
    const char *error;
    const char *copy = arena_text(a, head, strlen(head)); /* it lives as long */
    assert_true(copy && http_request_read(bytes_of_text(copy), a, &m, &error));
    struct waf_transaction *t = transaction_begin(&r->program, a, &options);
    assert_non_null(t);
    transaction_request_head(t, &r->scratch, &m);
    assert_int_equal(transaction_outcome(t)->decision, WAF_PASS);
    assert_true(transaction_reads_request_body(t));
    transaction_request_body(t, bytes_of_text(begun), false);
    size_t used = arena_used(a);
    transaction_release(t);
    arena_destroy(a);
    return used;
}

static void it_holds_at_most_64_kib(void **state)
{
    static const char *const levels[] = {RULES("1"), RULES("4")};
    if (access(CRS_BASE, R_OK)) {
        print_message("# skip: the Core Rule Set is not installed\n");
        skip();
    }
    for (size_t i = 0; i < 4; i++) {
        struct ready r;
        ready_open(levels[i / 2], true, &r);
        if (i % 2) {
            scratch_free(&r.scratch);
            assert_true(program_plan(&r.program, r.arena) && scratch_create(&r.program, &r.scratch));
        }
        size_t form = waiting(&r, HEAD("application/x-www-form-urlencoded"), ""), begun = waiting(&r, HEAD("application/json"), "{\"a\": [1, 2, {\"b\":");
        print_message("# paranoia level %d, %s: %zu bytes, %zu with a body that has begun\n", i / 2 ? 4 : 1, i % 2 ? "with a plan" : "rule by rule", form, begun);
        assert_true(form <= MOST);
        assert_true(begun <= MOST);
        ready_close(&r);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_holds_at_most_64_kib),
    };
    return cmocka_run_group_tests_name("waf-waiting", tests, NULL, NULL);
}
