/* SPDX-License-Identifier: Apache-2.0 */
/* Values in blocks of their own size, so that a sanitizer sees the first byte read behind one. */
#pragma once

#include <stdlib.h>

#include "waf/detect/detect.h"

#include "check.h"

static inline bool detects(const char *value, size_t len, bool sql)
{
    uint8_t *copy = malloc(len ? len : 1);
    struct sqli_finding sqli;
    struct xss_finding xss;
    assert_non_null(copy);
    if (len)
        memcpy(copy, value, len);
    bool hit = sql ? sqli_detect(bytes_of(copy, len), &sqli) : xss_detect(bytes_of(copy, len), &xss);
    if (hit && sql)
        assert_true(sqli.at <= len && sqli.len <= len - sqli.at && sqli.fingerprint[0] && memchr(sqli.fingerprint, 0, sizeof sqli.fingerprint));
    if (hit && !sql)
        assert_true(xss.at <= len && xss.len <= len - xss.at && xss_reason_name(xss.reason));
    free(copy);
    return hit;
}

static inline void all_are(const char *const *values, size_t count, bool sql, bool want)
{
    for (size_t i = 0; i < count; i++) {
        if (detects(values[i], strlen(values[i]), sql) != want)
            fail_msg("%s: %s", want ? "missed" : "false alarm", values[i]);
        for (size_t len = 0; len < strlen(values[i]); len++) /* nothing is read behind the end, wherever that is */
            detects(values[i], len, sql);
    }
}

static inline void random_bytes_are_read_within_bounds(bool sql, const char *alphabet)
{
    uint64_t random = 1;
    size_t letters = strlen(alphabet);
    for (int round = 0; round < 50000; round++) {
        char value[40];
        size_t len = (size_t)round % sizeof value;
        for (size_t i = 0; i < len; i++) {
            random = random * 6364136223846793005u + 1442695040888963407u;
            value[i] = round % 4 ? alphabet[(random >> 33) % letters] : (char)(random >> 56);
        }
        detects(value, len, sql);
    }
}
