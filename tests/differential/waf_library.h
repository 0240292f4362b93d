/* SPDX-License-Identifier: Apache-2.0 */
/* libmodsecurity with rules loaded, and what both the tests and the benchmark do with it before they differ. */
#pragma once

#include <modsecurity/modsecurity.h>
#include <modsecurity/rules_set.h>
#include <modsecurity/transaction.h>
#include <stdlib.h>

#include "waf/http/message.h"

struct library {
    ModSecurity *self;
    RulesSet *rules;
};

static inline void library_close(struct library *l)
{
    msc_rules_cleanup(l->rules);
    msc_cleanup(l->self);
}

/* `log` gets a line for each rule that logs. NULL, or why the rules do not load; then there is nothing to close. */
static inline const char *library_open(const char *rules, ModSecLogCb log, struct library *ret)
{
    const char *error = NULL;
    *ret = (struct library){msc_init(), msc_create_rules_set()};
    msc_set_log_cb(ret->self, log);
    if (msc_rules_add(ret->rules, rules, &error) >= 0)
        return NULL;
    library_close(ret);
    return error ? error : "it does not say why";
}

/* The rule's id in a line of the log; 0: there is none. */
static inline long library_logged_id(const void *message)
{
    const char *id = strstr(message, "[id \"");
    return id ? strtol(id + 5, NULL, 10) : 0;
}

static inline const char *library_text(struct bytes b, struct arena *a)
{
    const char *text = arena_text(a, b.at, b.len);
    if (!text)
        abort();
    return text;
}

typedef int library_add_header(Transaction *, const unsigned char *, size_t, const unsigned char *, size_t);

static inline void library_add_headers(Transaction *t, const struct http_message *m, library_add_header *add)
{
    static const unsigned char nothing[1];
    for (size_t i = 0; i < m->header_count; i++) {
        struct bytes name = m->headers[i].name, value = m->headers[i].value;
        add(t, name.at ? name.at : nothing, name.len, value.at ? value.at : nothing, value.len);
    }
}

static inline void library_give_line(Transaction *t, const struct http_message *m, struct arena *a)
{
    msc_process_uri(t, library_text(m->target, a), library_text(m->method, a), library_text(bytes_slice(m->protocol, 5, 8), a));
}

static inline int library_status(const struct http_message *m, struct arena *a)
{
    return (int)strtol(library_text(m->status, a), NULL, 10);
}
