/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rule engine with a plan, which scans first and runs what may match, against itself without one, which runs every
 * rule: the Core Rule Set at each paranoia level, over random requests and responses. All that is said of them is the same,
 * and so it is by a plan from an image.
 * The match limit is out of reach, since what a plan leaves out does not come to it.
 *
 *   differential-waf-plan [--requests N] [--seed S] [--level L]
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "tests/differential/waf_harness.h"
#include "tests/differential/waf_requests.h"

#define MEMORY ((size_t)1 << 30)
#define DIFFERENCES_SHOWN 5

/* The header and exceptions of the second half make what a plan has to bear: jumps, skips, rules and targets taken away. */
static const char *rules_text(int level)
{
    static char text[4096];
    snprintf(text, sizeof text,
        "Include " HARNESS_BASE "\nSecRuleEngine DetectionOnly\nSecPcreMatchLimit 1000000\nSecPcreMatchLimitRecursion 1000000\nSecAuditEngine Off\nInclude " HARNESS_SETUP "\n"
        "SecAction \"id:900000,phase:1,nolog,pass,t:none,setvar:tx.paranoia_level=%d,setvar:tx.blocking_paranoia_level=%d\"\n"
        "SecRule REQUEST_METHOD \"@streq POST\" \"id:1,phase:1,pass,nolog,ctl:ruleRemoveById=942100-942200,ctl:ruleRemoveTargetByTag=attack-xss;ARGS\"\n"
        "SecRule REQUEST_HEADERS:User-Agent \"@contains o\" \"id:2,phase:2,pass,skipAfter:END-REQUEST-932-APPLICATION-ATTACK-RCE\"\n"
        "Include " HARNESS_RULES "/*.conf\n"
        "SecRule ARGS \"@rx select\" \"id:3,phase:2,pass,t:none,t:lowercase,t:urlDecodeUni,t:base64Decode,multiMatch,msg:'%%{MATCHED_VAR}'\"\n"
        "SecRule ARGS|REQUEST_COOKIES \"@rx (?:^|[^a])b\" \"id:4,phase:2,pass,t:lowercase,msg:'%%{MATCHED_VAR_NAME}'\"\n"
        "SecRule MATCHED_VAR \"@rx .\" \"id:5,phase:2,pass,msg:'%%{MATCHED_VAR}'\"\n"
        "SecRule REQUEST_HEADERS \"@rx ^(?:a|c|m)|z$\" \"id:6,phase:2,pass,msg:'%%{MATCHED_VARS}'\"\n",
        level, level);
    return text;
}

/* One rule set, run in both ways. */
struct engines {
    struct harness harness;
    struct harness_engine planned, whole, again; /* the last by the first one's image */
};

static bool engines_open(int level, struct engines *e)
{
    *e = (struct engines){0};
    bool ok = harness_open(rules_text(level), true, MEMORY, &e->harness) && harness_engine_open(&e->harness, true, &e->planned) &&
        harness_engine_open(&e->harness, false, &e->whole) && harness_engine_open_again(&e->harness, &e->planned, &e->again);
    e->again.piece = 61; /* bodies in pieces: what is said is not to depend on that either */
    return ok;
}

static void engines_close(struct engines *e)
{
    harness_engine_close(&e->again);
    harness_engine_close(&e->planned);
    harness_engine_close(&e->whole);
    harness_close(&e->harness);
}

static size_t inspect(struct harness_engine *e, const struct messages *m, struct text *out)
{
    struct arena *a = arena_create(MEMORY);
    struct waf_options o = harness_options();
    struct waf_transaction *t;
    const struct waf_outcome *outcome = harness_inspect(e, &o, m, a, &t);
    size_t fired = outcome->event_count;
    print_outcome(out, e->program.set, outcome);
    arena_destroy(a);
    return fired;
}

/* Of all messages of a level. */
struct tally {
    size_t messages, fired, different;
};

/* What cannot be read as HTTP is not counted. */
static void compare_one(struct engines *e, uint64_t seed, struct tally *tally)
{
    struct random random = {seed};
    struct exchange x = exchange_new();
    struct text planned = text_new(1 << 24), whole = text_new(1 << 24), again = text_new(1 << 24);
    struct arena *a = arena_create(MEMORY);
    struct messages m;
    request_make(&random, &x.request);
    response_make(&random, &x.response);
    if (a && exchange_read(&x, a, &m)) {
        tally->messages++;
        tally->fired += inspect(&e->planned, &m, &planned);
        inspect(&e->whole, &m, &whole);
        inspect(&e->again, &m, &again);
        bool equal = bytes_equal(bytes_of(planned.at, planned.len), bytes_of(whole.at, whole.len)) &&
            bytes_equal(bytes_of(again.at, again.len), bytes_of(whole.at, whole.len));
        if (!equal && tally->different++ < DIFFERENCES_SHOWN) {
            printf("# seed %llu differs\n", (unsigned long long)seed);
            show("request", &x.request);
            show("with a plan", &planned);
            show("with a plan from an image", &again);
            show("rule by rule", &whole);
        }
    }
    arena_destroy(a);
    exchange_free(&x);
    text_free(&planned);
    text_free(&whole);
    text_free(&again);
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
    if (access(HARNESS_BASE, R_OK)) {
        printf("1..0 # SKIP needs the packages modsecurity-crs and libnginx-mod-http-modsecurity\n");
        return 77;
    }
    for (int level = 1; level <= 4; level++) {
        struct engines e;
        struct tally t = {0};
        if (only && level != only)
            continue;
        bool open = engines_open(level, &e);
        for (unsigned long i = 0; open && i < requests; i++)
            compare_one(&e, seed + i, &t);
        bool same = open && !t.different && (t.messages || !requests);
        printf("# paranoia %d, seed %llu: %zu requests, %zu rules fired, %zu requests differ\n", level, (unsigned long long)seed, t.messages, t.fired, t.different);
        printf("%s %d - with a plan the same is said at paranoia level %d\n", same ? "ok" : "not ok", level, level);
        worst |= !same;
        engines_close(&e);
    }
    printf("1..4\n");
    return worst;
}
