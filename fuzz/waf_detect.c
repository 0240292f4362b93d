/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a value: the detectors read nothing outside it, their findings lie within it, and both tokenisers end. */
#include <stdlib.h>

#include "waf/detect/detect.h"
#include "waf/detect/html_token.h"
#include "waf/detect/sql_token.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
    if (!holds)
        abort();
}

static void walk_sql(struct bytes value, enum sql_dialect dialect)
{
    struct sql_tokens tokens = sql_tokens_over(value, dialect);
    size_t end = 0;
    for (;;) {
        struct sql_token token = sql_tokens_next(&tokens);
        check(token.at >= end && token.len <= value.len - token.at);
        if (token.class == SQL_END)
            break;
        check(token.len > 0);
        end = token.at + token.len;
    }
}

static void walk_html(struct bytes value, enum html_state state)
{
    struct html_tokens tokens = html_tokens_over(value, state);
    size_t end = 0;
    for (;;) {
        struct html_token token = html_tokens_next(&tokens);
        if (token.kind == HTML_END)
            break;
        check(token.at >= end && token.len > 0 && token.len <= value.len - token.at);
        end = token.at + token.len;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t *copy = malloc(size ? size : 1);
    check(copy);
    if (size)
        memcpy(copy, data, size);
    struct bytes value = bytes_of(copy, size);
    struct sqli_finding sqli;
    struct xss_finding xss;
    if (sqli_detect(value, &sqli))
        check(sqli.at <= size && sqli.len <= size - sqli.at && strlen(sqli.fingerprint) > 0);
    if (xss_detect(value, &xss))
        check(xss.at <= size && xss.len <= size - xss.at && xss_reason_name(xss.reason));
    walk_sql(value, SQL_ANSI);
    walk_sql(value, SQL_MYSQL);
    for (int state = HTML_DATA; state <= HTML_BACKQUOTED; state++)
        walk_html(value, (enum html_state)state);
    free(copy);
    return 0;
}
