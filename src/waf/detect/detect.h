/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The two injection detectors, @detectSQLi and @detectXSS: whether a value, put into a statement or a page by a
 * careless application, would change its structure. They know no rules, no requests and no transformations; the
 * value is taken as it is. Both run in linear time, allocate nothing and do not recurse.
 */
#pragma once

#include "base/bytes.h"

enum { DETECT_FINGERPRINT = 12 };

struct sqli_finding {
    char fingerprint[DETECT_FINGERPRINT]; /* the classes of the first tokens (sql_token.h), NUL-terminated */
    size_t at, len;                       /* bytes of the value that decided: from where its structure changes */
    char quote;                           /* the value stands in this quotation mark, or 0 for none */
};

enum xss_reason { XSS_TAG, XSS_EVENT, XSS_STYLE, XSS_URL, XSS_ATTRIBUTE, XSS_DECLARATION, XSS_COMMENT };

struct xss_finding {
    enum xss_reason reason;
    size_t at, len; /* bytes of the value that decided: the tag, the attribute, the comment */
};

/* True, and *ret set, when `value` is an SQL injection as it is, or inside '...' or "...". */
bool sqli_detect(struct bytes value, struct sqli_finding *ret) MUST_USE;
/* True, and *ret set, when `value` runs script as HTML text or inside an attribute's value, quoted or not. */
bool xss_detect(struct bytes value, struct xss_finding *ret) MUST_USE;
/* May the byte be one that an injection needs? A value without any such byte is none. */
bool sqli_needs(uint8_t byte);
bool xss_needs(uint8_t byte);
/* "tag", "event handler" ... */
const char *xss_reason_name(enum xss_reason reason);
