/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/differential/waf_known.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* ---- which rules */

static bool looks_at(const struct waf_rule_set *set, long id, const uint8_t *variables, size_t count)
{
    for (uint32_t i = 0; i < set->rule_count; i++) {
        const struct waf_rule *r = &set->rules[i];
        if (set->rules[r->head].id != id || r->kind == RULE_MARKER)
            continue;
        for (uint32_t k = 0; k < r->targets.count; k++)
            for (size_t v = 0; v < count; v++)
                if (set->targets[r->targets.first + k].variable == variables[v])
                    return true;
    }
    return false;
}

static bool is_detector(const struct waf_rule_set *set, long id)
{
    for (uint32_t i = 0; i < set->rule_count; i++)
        if (set->rules[i].id == id && (set->rules[i].operator == OPERATOR_DETECT_SQLI || set->rules[i].operator == OPERATOR_DETECT_XSS))
            return true;
    return false;
}

static bool looks_at_body(const struct waf_rule_set *set, long id)
{
    static const uint8_t variables[] = {VARIABLE_REQUEST_BODY};
    return looks_at(set, id, variables, sizeof variables);
}

static bool looks_at_last_match(const struct waf_rule_set *set, long id)
{
    static const uint8_t variables[] = {VARIABLE_MATCHED_VAR};
    return looks_at(set, id, variables, sizeof variables);
}

/* A chain that keeps what a header was, or an operand that is one. */
static bool looks_at_one_header(const struct waf_rule_set *set, long id)
{
    static const uint8_t variables[] = {VARIABLE_REQUEST_HEADERS};
    static const char macro[] = "%{request_headers.";
    bool chain = false;
    for (uint32_t i = 0; i < set->rule_count; i++) {
        const struct waf_rule *r = &set->rules[i];
        if (r->kind == RULE_MARKER || set->rules[r->head].id != id)
            continue;
        struct bytes operand = waf_text_bytes(set, r->operand_text);
        if (operand.len && memmem(operand.at, operand.len, macro, sizeof macro - 1))
            return true;
        chain |= r->head != i;
    }
    return chain && looks_at(set, id, variables, sizeof variables);
}

/* 922150 keeps them in TX, for this one. */
static bool looks_at_part_types(const struct waf_rule_set *set, long id)
{
    (void)set;
    return id == 922110;
}

static bool looks_at_combined_size(const struct waf_rule_set *set, long id)
{
    static const uint8_t variables[] = {VARIABLE_ARGS_COMBINED_SIZE};
    return looks_at(set, id, variables, sizeof variables);
}

static bool looks_at_arguments(const struct waf_rule_set *set, long id)
{
    static const uint8_t variables[] = {VARIABLE_ARGS, VARIABLE_ARGS_POST};
    return looks_at(set, id, variables, sizeof variables);
}

static bool looks_at_parts(const struct waf_rule_set *set, long id)
{
    static const uint8_t variables[] = {VARIABLE_ARGS, VARIABLE_ARGS_NAMES, VARIABLE_FILES, VARIABLE_FILES_NAMES, VARIABLE_MULTIPART_STRICT_ERROR, VARIABLE_REQBODY_ERROR,
        VARIABLE_MULTIPART_PART_HEADERS};
    return looks_at(set, id, variables, sizeof variables);
}

/* Those behind 951100 ask what it has found. */
static bool looks_for_phrases(const struct waf_rule_set *set, long id)
{
    for (uint32_t i = 0; i < set->rule_count; i++) {
        const struct waf_rule *r = &set->rules[i];
        if (set->rules[r->head].id == id && (r->operator == OPERATOR_PM || r->operator == OPERATOR_PM_FROM_FILE))
            return true;
    }
    return id / 1000 == 951;
}

static bool is_of_response_body(const struct waf_rule_set *set, long id)
{
    for (uint32_t i = 0; i < set->rule_count; i++)
        if (set->rules[i].id == id)
            return set->rules[i].phase == 4;
    return false;
}

static bool says_noauditlog(const struct waf_rule_set *set, long id)
{
    for (uint32_t i = 0; i < set->rule_count; i++)
        if (set->rules[i].id == id)
            return set->rules[i].written.audit == NO && set->rules[i].written.log != NO;
    return false;
}

/* 905100 takes all others away. */
static bool is_any_rule(const struct waf_rule_set *set, long id)
{
    return set && id;
}

/* ---- in which messages */

static bool contains(struct bytes in, const char *what)
{
    return in.len && memmem(in.at, in.len, what, strlen(what));
}

static bool has_type(const struct http_message *m, const char *part)
{
    const struct http_header *type = http_header_find(m, "Content-Type");
    return type && contains(type->value, part);
}

static bool is_any(const struct http_message *m, const struct http_message *response)
{
    (void)response;
    return m != NULL;
}

static bool is_xml(const struct http_message *m, const struct http_message *response)
{
    (void)response;
    return has_type(m, "xml");
}

static bool has_several_cookies(const struct http_message *m)
{
    for (size_t i = 0; i < m->header_count; i++)
        if (m->headers[i].name.len == 6 && strncasecmp((const char *)m->headers[i].name.at, "cookie", 6) == 0 && contains(m->headers[i].value, ";"))
            return true;
    return false;
}

static bool has_several_arguments(const struct http_message *m, const struct http_message *response)
{
    (void)response;
    return has_several_cookies(m) || contains(m->target, "&") || (contains(m->target, "=") && m->body.len) || contains(m->body, "&") || has_type(m, "json") || has_type(m, "multipart");
}

static bool has_header_twice(const struct http_message *m, const struct http_message *response)
{
    (void)response;
    for (size_t i = 0; i < m->header_count; i++)
        for (size_t k = 0; k < i; k++) {
            struct bytes a = m->headers[i].name, b = m->headers[k].name;
            if (a.len && a.len == b.len && strncasecmp((const char *)a.at, (const char *)b.at, a.len) == 0)
                return true;
        }
    return false;
}

static bool has_parts(const struct http_message *m, const struct http_message *response)
{
    (void)response;
    return has_type(m, "multipart");
}

static bool has_part_type(const struct http_message *m, const struct http_message *response)
{
    (void)response;
    return has_type(m, "multipart") && contains(m->body, "Content-Type:");
}

/* The offset behind `what`, from `from` on; the length where it is not there. */
static size_t behind(struct bytes b, size_t from, const char *what)
{
    const uint8_t *at = from < b.len ? memmem(b.at + from, b.len - from, what, strlen(what)) : NULL;
    return at ? (size_t)(at - b.at) + strlen(what) : b.len;
}

/* "\n--BOUNDARY" */
static struct bytes delimiter_of(const struct http_message *m, char *out, size_t size)
{
    const struct http_header *type = http_header_find(m, "Content-Type");
    size_t from = behind(type->value, 0, "boundary=");
    struct bytes boundary = bytes_slice(type->value, from, type->value.len);
    if (boundary.len && boundary.at[0] == '"')
        boundary = bytes_slice(boundary, 1, boundary.len);
    size_t len = 0;
    while (len < boundary.len && !strchr("\"; ,", boundary.at[len]))
        len++;
    int printed = snprintf(out, size, "\n--%.*s", (int)len, len ? (const char *)boundary.at : "");
    return bytes_of(out, printed < (int)size ? (size_t)printed : size - 1);
}

/* Between the empty line behind a part's headers and the delimiter: a line end besides the last. */
static bool has_lines_in_part(const struct http_message *m, const struct http_message *response)
{
    (void)response;
    char text[100];
    if (!has_type(m, "multipart"))
        return false;
    struct bytes delimiter = delimiter_of(m, text, sizeof text);
    for (size_t at = 0; at < m->body.len;) {
        size_t head = behind(m->body, at, "\n\r\n"), other = behind(m->body, at, "\n\n");
        at = head < other ? head : other;
        size_t line = behind(m->body, at, "\n");
        struct bytes rest = line ? bytes_slice(m->body, line - 1, m->body.len) : m->body;
        if (line < m->body.len && (rest.len < delimiter.len || memcmp(rest.at, delimiter.at, delimiter.len) != 0))
            return true;
    }
    return false;
}

/* Up to the empty line, each quote has another behind it, whatever stands between. */
static bool is_open_line(struct bytes b)
{
    size_t quotes[2] = {0};
    for (size_t i = 0; i < b.len; i++) {
        struct bytes rest = bytes_slice(b, i, b.len);
        if ((rest.len >= 3 && memcmp(rest.at, "\n\r\n", 3) == 0) || (rest.len >= 2 && memcmp(rest.at, "\n\n", 2) == 0))
            break;
        if (b.at[i] == '\n' && (quotes[0] % 2 || quotes[1] % 2)) /* what follows may be no more of the header */
            return true;
        if (b.at[i] == '\\' && i + 1 < b.len && b.at[i + 1] != '\n' && b.at[i + 1] != '\r')
            i++;
        else if (b.at[i] == '"' || b.at[i] == '\'')
            quotes[b.at[i] == '"']++;
    }
    return quotes[0] % 2 || quotes[1] % 2;
}

bool has_open_quote(struct bytes body)
{
    static const char word[] = "form-data";
    for (const uint8_t *at; body.len && (at = memmem(body.at, body.len, word, sizeof word - 1));) {
        body = bytes_slice(body, (size_t)(at - body.at), body.len);
        if (is_open_line(body))
            return true;
        body = bytes_slice(body, 1, body.len);
    }
    return false;
}

static bool has_open_part(const struct http_message *m, const struct http_message *response)
{
    (void)response;
    return has_type(m, "multipart") && has_open_quote(m->body);
}

static bool has_empty_boundary(const struct http_message *m, const struct http_message *response)
{
    (void)response;
    const struct http_header *type = http_header_find(m, "Content-Type");
    const uint8_t *at = type && type->value.len ? memmem(type->value.at, type->value.len, "boundary=", 9) : NULL;
    if (!at)
        return false;
    struct bytes value = bytes_slice(type->value, (size_t)(at - type->value.at) + 9, type->value.len);
    return !value.len || contains(value, "\"\"") || value.at[0] == ';';
}

static bool is_type_in_capitals(const struct http_message *m, const struct http_message *response)
{
    (void)m;
    const struct http_header *type = response ? http_header_find(response, "Content-Type") : NULL;
    for (size_t i = 0; type && i < type->value.len && type->value.at[i] != ';'; i++)
        if (type->value.at[i] >= 'A' && type->value.at[i] <= 'Z')
            return true;
    return false;
}

static bool has_no_protocol(const struct http_message *m, const struct http_message *response)
{
    (void)response;
    return m->protocol.len == 0;
}

/* ---- the table */

#define FORM "POST / HTTP/1.1\nHost: www.example.org\nUser-Agent: a\nAccept: */*\n"
#define TEN(text) text text text text text text text text text text
#define PART "--B\nContent-Disposition: form-data; name=\"a\"\n"

const struct waf_known waf_known[KNOWN_COUNT] = {
    [KNOWN_DETECTORS] = {
        .name = "detectors",
        .why = "libinjection knows an attack by the first five kinds of its words: it misses attacks that begin otherwise, and alarms on dates, prose and code",
        .source = "docs/detectors.md, where both are measured",
        .alone = ALONE_IN_OURS | ALONE_IN_PEER,
        .touches = is_detector, .applies = is_any,
        .request = "GET /?q=5+%26+6+or+7 HTTP/1.1\nHost: www.example.org\nUser-Agent: a\nAccept: */*\n\n",
        .level = 1, .shown = 942100, .shown_in = ALONE_IN_PEER,
    },
    [KNOWN_COMBINED_SIZE] = {
        .name = "size of a multipart body's arguments",
        .why = "ARGS_COMBINED_SIZE does not count them",
        .source = "reference manual, ARGS_COMBINED_SIZE: the combined size of all request parameters",
        .alone = ALONE_IN_OURS,
        .touches = looks_at_combined_size, .applies = has_parts,
        .request = FORM "Content-Type: multipart/form-data; boundary=B\n\n" PART "\n" TEN("0123456789abcdef") "\n--B--\n",
        .setup = SETUP_LIMITS, .level = 1, .shown = 920390, .shown_in = ALONE_IN_OURS,
    },
    [KNOWN_XML_BODY] = {
        .name = "REQUEST_BODY of XML",
        .why = "REQUEST_BODY is filled with XML, so that rules for text alarm on its markup",
        .source = "reference manual, REQUEST_BODY: there for urlencoded bodies, and where ctl:forceRequestBodyVariable says so",
        .alone = ALONE_IN_PEER,
        .touches = looks_at_body, .applies = is_xml,
        .request = FORM "Content-Type: text/xml\n\n<a>x</a>",
        .level = 4, .shown = 920273, .shown_in = ALONE_IN_PEER,
    },
    [KNOWN_ARGUMENT_ORDER] = {
        .name = "order of arguments",
        .why = "arguments and cookies are kept in hash tables, so that which was matched last, for MATCHED_VAR, changes with their names",
        .source = "reference manual, MATCHED_VAR: the value matched most recently; arguments have an order on the wire",
        .alone = ALONE_IN_OURS | ALONE_IN_PEER,
        .touches = looks_at_last_match, .applies = has_several_arguments,
        .request = "GET /?m=%24x&z=%24x&x=%27x/+y HTTP/1.1\nHost: www.example.org\nUser-Agent: a\nAccept: */*\n\n",
        .level = 2, .shown = 932200, .shown_in = ALONE_IN_OURS,
    },
    [KNOWN_HEADER_ORDER] = {
        .name = "order of headers",
        .why = "of several headers of one name the first that rules see is the last that was sent",
        .source = "RFC 9110, 5.3: the order of fields of one name is theirs",
        .alone = ALONE_IN_OURS | ALONE_IN_PEER,
        .touches = looks_at_one_header, .applies = has_header_twice,
        .request = FORM "Content-Type: text/xml\nContent-Type: a/b\n\n<a/>",
        .level = 1, .shown = 920420, .shown_in = ALONE_IN_OURS,
    },
    [KNOWN_PART_HEADER_LINE] = {
        .name = "line end of a part's header",
        .why = "a value of MULTIPART_PART_HEADERS has the line's end in it, so that nothing ends where the header does",
        .source = "RFC 2046, 5.1: the line end is between the headers",
        .alone = ALONE_IN_PEER,
        .touches = looks_at_part_types, .applies = has_part_type,
        .request = FORM "Content-Type: multipart/form-data; boundary=B\n\n" PART "Content-Type: text/plain; charset=utf-8\n\nx\n--B--\n",
        .level = 1, .shown = 922110, .shown_in = ALONE_IN_PEER,
    },
    [KNOWN_PART_VALUE_LINES] = {
        .name = "line ends within a multipart value",
        .why = "they are left out of it, so that `union CRLF select` gets by as one word",
        .source = "RFC 2046, 5.1.1: what stands before the line end that begins the delimiter is the value",
        .alone = ALONE_IN_OURS | ALONE_IN_PEER,
        .touches = looks_at_arguments, .applies = has_lines_in_part,
        .request = FORM "Content-Type: multipart/form-data; boundary=B\n\n" PART "\nx\n1 select a\n--B--\n",
        .level = 1, .shown = 942360, .shown_in = ALONE_IN_OURS,
    },
    [KNOWN_OPEN_QUOTE] = {
        .name = "quote that is not closed",
        .why = "a name without its closing quote is read on behind the end of the header, in other memory",
        .source = "RFC 9110, 5.6.4: a quoted string has two quotes",
        .alone = ALONE_IN_OURS | ALONE_IN_PEER,
        .touches = looks_at_parts, .applies = has_open_part,
        .request = FORM "Content-Type: multipart/form-data; boundary=B\n\n--B\nContent-Disposition: form-data; name=\"a\nX-Another-Header-Of-The-Same-Part: \"c\"\n\nx\n--B--\n",
        .level = 1, .shown = 200002, .shown_in = ALONE_IN_OURS,
    },
    [KNOWN_EMPTY_BOUNDARY] = {
        .name = "empty boundary",
        .why = "a boundary without a character is no error, and the body is not read at all",
        .source = "RFC 2046, 5.1.1: a boundary has 1 to 70 characters",
        .alone = ALONE_IN_OURS,
        .touches = looks_at_parts, .applies = has_empty_boundary,
        .request = FORM "Content-Type: multipart/form-data; boundary=\n\n" PART "\nx\n--B--\n",
        .level = 1, .shown = 200002, .shown_in = ALONE_IN_OURS,
    },
    [KNOWN_PHRASES] = {
        .name = "phrases within phrases",
        .why = "@pm misses a phrase that begins within the beginning of a longer one, where the beginning of a third lies between",
        .source = "reference manual, @pm: any of the phrases, anywhere in the value",
        .alone = ALONE_IN_OURS,
        .touches = looks_for_phrases, .applies = is_any,
        .request = "GET /?a=Volumes/Macintosh_HD1/usr/local/php/httpd.conf HTTP/1.1\nHost: www.example.org\nUser-Agent: a\nAccept: */*\n\n",
        .level = 1, .shown = 930120, .shown_in = ALONE_IN_OURS,
    },
    [KNOWN_TYPE_CASE] = {
        .name = "a response's type in capitals",
        .why = "SecResponseBodyMimeType is compared with its case, so that a body of type TEXT/HTML is not inspected, which browsers show",
        .source = "RFC 9110, 8.3.1: types are case-insensitive",
        .alone = ALONE_IN_OURS,
        .touches = is_of_response_body, .applies = is_type_in_capitals,
        .request = "GET / HTTP/1.1\nHost: www.example.org\nUser-Agent: a\nAccept: */*\n\n",
        .response = "HTTP/1.1 200 OK\nContent-Type: TEXT/HTML\n\nORA-00933: SQL command not properly ended",
        .level = 1, .shown = 951120, .shown_in = ALONE_IN_OURS,
    },
    [KNOWN_NOAUDITLOG] = {
        .name = "noauditlog",
        .why = "it is taken for nolog, so that rules that only keep out of the audit log are not told at all",
        .source = "reference manual, noauditlog; issue 3180 of owasp-modsecurity/ModSecurity",
        .alone = ALONE_IN_OURS,
        .touches = says_noauditlog, .applies = is_any,
        .request = "GET /?q=<script> HTTP/1.1\nHost: www.example.org\nUser-Agent: a\nAccept: */*\n\n",
        .level = 1, .shown = 980130, .shown_in = ALONE_IN_OURS,
    },
    [KNOWN_OLD_LINE] = {
        .name = "request line without a protocol",
        .why = "REQUEST_LINE ends in HTTP/ where the request does not say a protocol, so that a rule for such lines does not know them",
        .source = "reference manual, REQUEST_LINE: the line as it was sent",
        .alone = ALONE_IN_OURS | ALONE_IN_PEER,
        .touches = is_any_rule, .applies = has_no_protocol,
        .request = "GET /",
        .level = 1, .shown = 920280, .shown_in = ALONE_IN_PEER,
    },
};

/* ---- two lists side by side */

static bool is_of_sum(long id)
{
    return id / 1000 == 949 || id / 1000 == 959 || id / 1000 == 980;
}

static int excuse(const struct waf_rule_set *set, const struct http_message *request, const struct http_message *response, long id, enum waf_alone alone)
{
    for (int k = 0; k < KNOWN_COUNT; k++)
        if ((waf_known[k].alone & alone) && waf_known[k].touches(set, id) && waf_known[k].applies(request, response))
            return k;
    return -1;
}

static void add_difference(struct waf_differences *d, long id, enum waf_alone alone)
{
    if (d->count < DIFFERENCES_MAX)
        d->items[d->count++] = (struct waf_difference){id, alone, -1};
    else
        d->unexplained = true;
}

/* The longest common subsequence, by the table of its lengths; what is not of it is a difference. */
static void walk(const long *ours, size_t our_count, const long *peers, size_t peer_count, struct waf_differences *ret)
{
    size_t width = peer_count + 1, i = 0, j = 0;
    uint16_t *longest = calloc((our_count + 1) * width, sizeof *longest);
    if (!longest)
        abort();
    for (i = our_count; i-- > 0;)
        for (j = peer_count; j-- > 0;) {
            uint16_t down = longest[(i + 1) * width + j], right = longest[i * width + j + 1];
            longest[i * width + j] = ours[i] == peers[j] ? (uint16_t)(longest[(i + 1) * width + j + 1] + 1) : down > right ? down : right;
        }
    for (i = j = 0; i < our_count || j < peer_count;) {
        if (i < our_count && j < peer_count && ours[i] == peers[j]) {
            i++;
            j++;
        } else if (j == peer_count || (i < our_count && longest[(i + 1) * width + j] >= longest[i * width + j + 1])) {
            add_difference(ret, ours[i++], ALONE_IN_OURS);
        } else {
            add_difference(ret, peers[j++], ALONE_IN_PEER);
        }
    }
    free(longest);
}

void waf_differences_find(const struct waf_rule_set *set, const struct http_message *request, const struct http_message *response, const long *ours, size_t our_count,
    const long *peers, size_t peer_count, struct waf_differences *ret)
{
    int first = -1;
    ret->count = 0;
    ret->unexplained = false;
    if (our_count == peer_count && (!our_count || memcmp(ours, peers, our_count * sizeof *ours) == 0))
        return;
    walk(ours, our_count, peers, peer_count, ret);
    for (size_t i = 0; i < ret->count; i++) {
        struct waf_difference *d = &ret->items[i];
        d->known = excuse(set, request, response, d->id, d->alone);
        if (first < 0 && !is_of_sum(d->id))
            first = d->known;
    }
    for (size_t i = 0; i < ret->count; i++) {
        struct waf_difference *d = &ret->items[i];
        if (d->known < 0 && is_of_sum(d->id))
            d->known = first;
        ret->unexplained |= d->known < 0;
    }
}
