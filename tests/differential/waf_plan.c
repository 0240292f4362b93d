/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rule engine with a plan, which scans first and runs what may match, against itself without one, which runs every
 * rule: the Core Rule Set at each paranoia level, over random requests and responses. All that is said of them is the same.
 * The match limit is out of reach, since what a plan leaves out does not come to it.
 *
 *   differential-waf-plan [--requests N] [--seed S] [--level L]
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "tests/differential/waf_requests.h"
#include "tests/unit/waf/language/files.h"
#include "waf/engine/engine.h"

#define MEMORY ((size_t)1 << 30)
#define DIFFERENCES_SHOWN 5
#define BASE "/etc/nginx/modsecurity.conf"

/* The header and exceptions of the second half make what a plan has to bear: jumps, skips, rules and targets taken away. */
static const char *rules_text(int level)
{
    static char text[4096];
    snprintf(text, sizeof text,
        "Include " BASE "\nSecRuleEngine DetectionOnly\nSecPcreMatchLimit 1000000\nSecPcreMatchLimitRecursion 1000000\nSecAuditEngine Off\nInclude /etc/modsecurity/crs/crs-setup.conf\n"
        "SecAction \"id:900000,phase:1,nolog,pass,t:none,setvar:tx.paranoia_level=%d,setvar:tx.blocking_paranoia_level=%d\"\n"
        "SecRule REQUEST_METHOD \"@streq POST\" \"id:1,phase:1,pass,nolog,ctl:ruleRemoveById=942100-942200,ctl:ruleRemoveTargetByTag=attack-xss;ARGS\"\n"
        "SecRule REQUEST_HEADERS:User-Agent \"@contains o\" \"id:2,phase:2,pass,skipAfter:END-REQUEST-932-APPLICATION-ATTACK-RCE\"\n"
        "Include /usr/share/modsecurity-crs/rules/*.conf\n"
        "SecRule ARGS \"@rx select\" \"id:3,phase:2,pass,t:none,t:lowercase,t:urlDecodeUni,t:base64Decode,multiMatch,msg:'%%{MATCHED_VAR}'\"\n"
        "SecRule ARGS|REQUEST_COOKIES \"@rx (?:^|[^a])b\" \"id:4,phase:2,pass,t:lowercase,msg:'%%{MATCHED_VAR_NAME}'\"\n"
        "SecRule MATCHED_VAR \"@rx .\" \"id:5,phase:2,pass,msg:'%%{MATCHED_VAR}'\"\n"
        "SecRule REQUEST_HEADERS \"@rx ^(?:a|c|m)|z$\" \"id:6,phase:2,pass,msg:'%%{MATCHED_VARS}'\"\n",
        level, level);
    return text;
}

struct engine {
    struct arena *arena;
    struct waf_program program;
    struct waf_scratch scratch;
};

struct engines {
    struct engine planned, whole;
    struct arena *arena;
    struct test_files files;
    struct test_file made[2];
    struct sources sources;
    const struct waf_rule_set *set;
};

static bool engine_open(const struct waf_rule_set *set, bool plan, struct engine *e)
{
    struct program_errors errors;
    e->arena = arena_create(MEMORY);
    return e->arena && program_compile(set, e->arena, &e->program, &errors) && (!plan || program_plan(&e->program, e->arena)) && scratch_create(&e->program, &e->scratch);
}

static void engine_close(struct engine *e)
{
    scratch_free(&e->scratch);
    program_free(&e->program);
    arena_destroy(e->arena);
}

static bool engines_open(int level, struct engines *e)
{
    const char *name = "rules.conf";
    *e = (struct engines){.arena = arena_create(MEMORY)};
    e->made[0] = (struct test_file){name, rules_text(level)};
    e->files = (struct test_files){.made = e->made, .disk = true};
    struct rule_files files = test_files_lend(&e->files);
    return e->arena && rules_load(&name, 1, &files, e->arena, &e->sources, &e->set) && engine_open(e->set, true, &e->planned) && engine_open(e->set, false, &e->whole);
}

static void engines_close(struct engines *e)
{
    engine_close(&e->planned);
    engine_close(&e->whole);
    test_files_free(&e->files);
    arena_destroy(e->arena);
}

static void print_event(const struct waf_rule_set *set, const struct waf_event *e, struct text *out)
{
    text_printf(out, "%lld severity %d: %.*s | %.*s\n", (long long)set->rules[e->rule].id, e->severity, (int)e->msg.len, (const char *)e->msg.at, (int)e->data.len,
        (const char *)e->data.at);
    for (size_t i = 0; i < e->tag_count; i++)
        text_printf(out, "  tag %.*s\n", (int)e->tags[i].len, (const char *)e->tags[i].at);
    for (size_t i = 0; i < e->matched_count; i++)
        text_printf(out, "  %.*s at %zu: %.*s\n", (int)e->matched[i].variable.len, (const char *)e->matched[i].variable.at, e->matched[i].offset,
            (int)e->matched[i].value.len, (const char *)e->matched[i].value.at);
}

static void inspect(struct engine *e, const struct http_message *request, const struct http_message *response, struct text *out, size_t *ret_fired)
{
    struct arena *a = arena_create(MEMORY);
    struct waf_options o = {.client = bytes_of_text("127.0.0.1"), .server = bytes_of_text("127.0.0.1"), .server_port = 80, .unique_id = bytes_of_text("x"), .time = 1790000000};
    struct waf_transaction *t = a ? transaction_begin(&e->program, &e->scratch, a, &o) : NULL;
    if (!t)
        abort();
    transaction_request(t, request);
    transaction_response(t, response);
    const struct waf_outcome *outcome = transaction_end(t);
    text_printf(out, "decision %d, status %d, phase %d\n", outcome->decision, outcome->status, outcome->phase);
    for (size_t i = 0; i < outcome->event_count; i++)
        print_event(e->program.set, &outcome->events[i], out);
    for (size_t i = 0; i < outcome->limit_count; i++)
        text_printf(out, "limit: %s\n", outcome->limits[i]);
    *ret_fired += outcome->event_count;
    arena_destroy(a);
}

static void show(const char *who, const struct text *t)
{
    printf("# %s:\n#   ", who);
    for (size_t i = 0; i < t->len; i++) {
        uint8_t c = (uint8_t)t->at[i];
        putchar(c == '\n' ? '\n' : c < ' ' || c > '~' ? '?' : c);
        if (c == '\n')
            printf("#   ");
    }
    printf("\n");
}

static bool compare_one(struct engines *e, uint64_t seed, size_t *fired, bool loud)
{
    struct random random = {seed};
    struct text raw = text_new(1 << 20), answer = text_new(1 << 16), planned = text_new(1 << 24), whole = text_new(1 << 24);
    struct arena *a = arena_create(MEMORY);
    struct http_message request, response;
    const char *error;
    size_t ignored = 0;
    request_make(&random, &raw);
    response_make(&random, &answer);
    bool equal = a && http_request_read(bytes_of(raw.at, raw.len), a, &request, &error) && http_response_read(bytes_of(answer.at, answer.len), a, &response, &error);
    if (equal) {
        inspect(&e->planned, &request, &response, &planned, fired);
        inspect(&e->whole, &request, &response, &whole, &ignored);
        equal = bytes_equal(bytes_of(planned.at, planned.len), bytes_of(whole.at, whole.len));
        if (!equal && loud) {
            printf("# seed %llu differs\n", (unsigned long long)seed);
            show("request", &raw);
            show("with a plan", &planned);
            show("rule by rule", &whole);
        }
    }
    arena_destroy(a);
    text_free(&raw);
    text_free(&answer);
    text_free(&planned);
    text_free(&whole);
    return equal;
}

int main(int argc, char **argv)
{
    unsigned long requests = 500;
    uint64_t seed = (uint64_t)time(NULL);
    int only = 0, worst = 0;
    for (int i = 1; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--requests") == 0)
            requests = strtoul(argv[i + 1], NULL, 10);
        else if (strcmp(argv[i], "--seed") == 0)
            seed = strtoull(argv[i + 1], NULL, 10);
        else if (strcmp(argv[i], "--level") == 0)
            only = (int)strtol(argv[i + 1], NULL, 10);
    }
    if (access(BASE, R_OK)) {
        printf("1..0 # SKIP needs the packages modsecurity-crs and libnginx-mod-http-modsecurity\n");
        return 77;
    }
    for (int level = 1; level <= 4; level++) {
        struct engines e;
        size_t fired = 0, different = 0;
        if (only && level != only)
            continue;
        bool open = engines_open(level, &e);
        for (unsigned long i = 0; open && i < requests; i++)
            different += !compare_one(&e, seed + i, &fired, different < DIFFERENCES_SHOWN);
        printf("# paranoia %d, seed %llu: %lu requests, %zu rules fired, %zu requests differ\n", level, (unsigned long long)seed, requests, fired, different);
        printf("%s %d - with a plan the same is said at paranoia level %d\n", open && !different ? "ok" : "not ok", level, level);
        worst |= !open || different;
        engines_close(&e);
    }
    printf("1..4\n");
    return worst;
}
