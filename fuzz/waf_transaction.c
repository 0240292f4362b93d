/* SPDX-License-Identifier: Apache-2.0 */
/* A whole transaction: a request, and behind a line of its own a response, through rules of every kind. */
#include <stdlib.h>

#include "waf/engine/engine.h"
#include "waf/language/load.h"
#include "waf/store/memory.h"

#define MEMORY ((size_t)256 << 20)

static const char rules[] =
    "SecRuleEngine On\nSecRequestBodyAccess On\nSecResponseBodyAccess On\nSecRequestBodyLimit 100000\nSecArgumentsLimit 100\nSecPcreMatchLimit 5000\nSecPcreMatchLimitRecursion 5000\n"
    "SecRule REQUEST_HEADERS:Content-Type \"@contains json\" \"id:1,phase:1,pass,nolog,ctl:requestBodyProcessor=JSON\"\n"
    "SecRule REQUEST_HEADERS:Content-Type \"@contains xml\" \"id:2,phase:1,pass,nolog,ctl:requestBodyProcessor=XML\"\n"
    "SecRule ARGS|ARGS_NAMES|REQUEST_COOKIES|XML:/*|XML://@*|FILES \"@rx (?i)(union).*(select)|(a+)+b\" "
    "\"id:3,phase:2,pass,log,capture,t:urlDecodeUni,t:htmlEntityDecode,t:jsDecode,t:cssDecode,t:lowercase,msg:'%{TX.1}',logdata:'%{MATCHED_VAR_NAME} %{MATCHED_VAR}',setvar:tx.score=+5\"\n"
    "SecRule ARGS|REQUEST_BODY|REQUEST_HEADERS \"@detectSQLi\" \"id:4,phase:2,pass,log,capture,t:none,t:utf8toUnicode,t:removeNulls,multiMatch,tag:'sql',setvar:'tx.%{MATCHED_VAR_NAME}=%{TX.0}'\"\n"
    "SecRule ARGS|REQUEST_BODY|RESPONSE_BODY \"@detectXSS\" \"id:5,phase:2,pass,log,t:none,t:compressWhitespace,t:removeComments\"\n"
    "SecRule REQUEST_URI \"@pm passwd shadow |2e 2e 2f|\" \"id:6,phase:1,pass,log,capture,t:normalizePath,chain\"\nSecRule &ARGS \"@ge 1\" \"t:none,setvar:tx.score=-1\"\n"
    "SecRule ARGS \"@validateByteRange 32-126\" \"id:7,phase:2,pass,log,skipAfter:END\"\n"
    "SecRule ARGS \"@validateUrlEncoding\" \"id:8,phase:2,pass,log\"\nSecRule ARGS \"@validateUtf8Encoding\" \"id:9,phase:2,pass,log,skip:1\"\n"
    "SecRule ARGS \"@verifyCC \\d{13,16}\" \"id:10,phase:2,pass,log\"\nSecMarker END\n"
    "SecRule ARGS:/^a/|!ARGS:ab \"@within %{REQUEST_METHOD} one two\" \"id:11,phase:2,pass,log,ctl:ruleRemoveTargetByTag=sql;ARGS:q\"\n"
    "SecRule MULTIPART_STRICT_ERROR|REQBODY_ERROR \"!@eq 0\" \"id:12,phase:2,pass,log,msg:'%{REQBODY_ERROR_MSG}'\"\n"
    "SecRule TX:score \"@ge %{tx.limit}\" \"id:13,phase:2,deny,status:403,log\"\n"
    "SecRule RESPONSE_BODY|RESPONSE_HEADERS \"@contains secret\" \"id:14,phase:4,redirect:'/%{ARGS.a}',log\"\n"
    "SecRule ARGS:allow \"@streq 1\" \"id:15,phase:2,allow,log\"\n"
    "SecRule ARGS|REQUEST_URI|REQUEST_HEADERS \"@rx ([0-9]+)\" \"id:16,phase:2,pass,log,capture,multiMatch,t:urlDecode,initcol:ip=%{ARGS.a},setsid:%{MATCHED_VAR},setvar:'ip.%{MATCHED_VAR_NAME}=+%{TX.1}',"
    "setvar:session.timeout=%{TX.0},setvar:'!ip.%{ARGS.b}',expirevar:'ip.%{ARGS.c}=%{TX.1}',deprecatevar:'ip.%{ARGS.a}=3/2',setenv:'%{ARGS.a}=%{ARGS.b}',sanitiseMatchedBytes:1/2,msg:'%{ip.update_rate}',logdata:'%{MATCHED_VAR}'\"\n"
    "SecRule ARGS:/^d/ \"@geoLookup\" \"id:17,phase:2,pass,log,sanitiseArg:d,sanitiseMatched,logdata:'%{GEO.CITY}'\"\n"
    "SecRule ARGS|REQUEST_HEADERS \"@rbl httpbl.org\" \"id:18,phase:2,pass,log,capture,sanitiseRequestHeader:Host\"\nSecHttpBlKey abc\n";

static enum waf_answer place(struct bytes address, struct arena *a, struct waf_place *ret, void *argument)
{
    ret->fields[WAF_PLACE_CITY] = address;
    return address.len % 2 ? WAF_YES : WAF_UNKNOWN;
}

static enum waf_answer listed(struct bytes name, void *argument)
{
    if (!name.len || name.len > 253 || memchr(name.at, 0, name.len))
        abort();
    return WAF_YES;
}

static const struct memory_store_limits store_limits = {3, 4000, 5, 2000, {1, 2}};

static bool no_files(void *context, const char *from, const char *pattern, struct file_names *into)
{
    return true;
}

static bool the_rules(void *context, const char *name, struct bytes *ret)
{
    *ret = bytes_of_text(rules);
    return true;
}

static struct waf_program program;
static struct waf_scratch scratch;

static void prepare(void)
{
    static struct sources sources;
    const char *name = "rules";
    const struct waf_rule_set *set;
    struct program_errors errors;
    struct rule_files files = {NULL, no_files, the_rules};
    struct arena *arena = arena_create(MEMORY);
    struct compiled *compiled = arena ? compiled_create(arena, NULL, (struct job_runner){0}) : NULL;
    if (!compiled || !rules_load(&name, 1, &files, arena, &sources, &set) || !program_compile_from(set, compiled, arena, &program, &errors) || !scratch_create(&program, &scratch))
        abort();
}

static void request_in_pieces(struct waf_transaction *t, const struct http_message *m, size_t piece)
{
    transaction_request_head(t, &scratch, m);
    for (size_t at = 0; at < m->body.len; at += piece)
        transaction_request_body(t, bytes_slice(m->body, at, piece), false);
    transaction_request_end(t, &scratch);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes all = bytes_of(data, size);
    const char *error;
    struct http_message request, response;
    struct waf_options options = {.client = bytes_of_text("192.0.2.1"), .time = 1, .place = place, .listed = listed};
    struct memory_store *memory = memory_store_create(&store_limits);
    if (!program.set)
        prepare();
    const uint8_t *mark = size ? memmem(data, size, "\n====\n", 6) : NULL;
    size_t at = mark ? (size_t)(mark - data) : size;
    struct arena *arena = arena_create(MEMORY);
    struct waf_store store = memory ? memory_store_lend(memory) : (struct waf_store){0};
    options.store = memory ? &store : NULL;
    if (arena && http_request_read(bytes_slice(all, 0, at), arena, &request, &error)) {
        struct waf_transaction *t = transaction_begin(&program, arena, &options);
        if (size % 2)
            transaction_request(t, &scratch, &request);
        else
            request_in_pieces(t, &request, size % 13 + 1);
        if (mark && http_response_read(bytes_slice(all, at + 6, size), arena, &response, &error))
            transaction_response(t, &scratch, &response);
        const struct waf_outcome *o = transaction_end(t, &scratch);
        if (o->decision > WAF_ALLOW || (o->decision == WAF_DENY && !o->status))
            abort();
    }
    if (memory && memory_store_look(memory).bytes > store_limits.bytes)
        abort();
    memory_store_destroy(memory);
    arena_destroy(arena);
    return 0;
}
