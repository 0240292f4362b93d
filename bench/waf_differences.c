/* SPDX-License-Identifier: Apache-2.0 */
#include "waf_differences.h"

#include "waf/http/message.h"

#define READING_MEMORY ((size_t)1 << 30)

static bool looks_at_body(const struct waf_rule_set *set, long id)
{
    for (uint32_t i = 0; i < set->rule_count; i++)
        for (uint32_t k = 0; set->rules[i].id == id && k < set->rules[i].targets.count; k++)
            if (set->targets[set->rules[i].targets.first + k].variable == VARIABLE_REQUEST_BODY)
                return true;
    return false;
}

static bool is_xml(const struct waf_case *c)
{
    struct arena *a = arena_create(READING_MEMORY);
    struct http_message m;
    const char *error;
    const struct http_header *type = a && http_request_read(waf_case_bytes(c), a, &m, &error) ? http_header_find(&m, "Content-Type") : NULL;
    bool xml = type && type->value.len && memmem(type->value.at, type->value.len, "xml", 3);
    arena_destroy(a);
    return xml;
}

/* As tests/differential/waf_engine.c has them. NULL: none is known. */
static const char *reason(const struct waf_rule_set *set, const struct waf_case *c, long id)
{
    if (id == 932200)
        return "it looks at the last value that matched, and the peer keeps arguments in no order";
    if (is_xml(c) && looks_at_body(set, id))
        return "the peer fills REQUEST_BODY with XML";
    return NULL;
}

static bool has(const struct fired *f, long id)
{
    for (size_t i = 0; i < f->count; i++)
        if (f->ids[i] == id)
            return true;
    return false;
}

static bool print_missing(FILE *out, const struct waf_rule_set *set, const struct waf_case *c, const struct fired *from, const struct fired *in, const char *who)
{
    bool known = true;
    for (size_t i = 0; i < from->count; i++) {
        if (has(in, from->ids[i]))
            continue;
        const char *why = reason(set, c, from->ids[i]);
        known = known && why;
        fprintf(out, "    %s: rule %ld fired in %s alone: %s\n", c->name, from->ids[i], who, why ? why : "this must not be");
    }
    return known;
}

bool waf_differences_print(FILE *out, const struct waf_rule_set *set, const struct waf_case *c, const struct fired *ours, const struct fired *peers)
{
    bool known = print_missing(out, set, c, ours, peers, "bulkhead");
    return print_missing(out, set, c, peers, ours, "libmodsecurity") && known;
}
