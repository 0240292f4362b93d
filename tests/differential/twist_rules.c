/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/differential/twist_rules.h"

#include <string.h>

#include "tests/differential/twist_expression.h"
#include "waf/operator/regex.h"
#include "waf/transform/transform.h"

#define DIRECTIVE_MAX ((size_t)1 << 14)
#define SHARED_MAX 4
#define PICK(random, list) ((list)[random_below(random, sizeof(list) / sizeof(list)[0])])

/* While a set is made. Targets and transformations come from a few that rules share, so that they are scanned together. */
struct making {
    struct random *random;
    struct twist_rules *rules;
    const char *targets[SHARED_MAX];
    struct text chains[SHARED_MAX];
    int id;
    bool hot;   /* engine On: what refuses is rare */
    bool jumpy; /* simple rules that mostly match, of one phase, and much that jumps over them */
};

static const char *const targets[] = {"ARGS", "ARGS", "ARGS", "ARGS|REQUEST_HEADERS", "ARGS_NAMES", "ARGS_GET", "ARGS_POST", "ARGS:a", "ARGS:/^[ab]/", "ARGS|!ARGS:a", "ARGS|!ARGS:/B/",
    "REQUEST_HEADERS", "REQUEST_HEADERS:X-A", "REQUEST_HEADERS:X-A|REQUEST_HEADERS:X-B", "REQUEST_HEADERS|!REQUEST_HEADERS:Host", "REQUEST_HEADERS_NAMES", "REQUEST_COOKIES", "REQUEST_COOKIES_NAMES",
    "REQUEST_COOKIES|ARGS_NAMES|ARGS|XML:/*", "XML:/*", "XML://@*", "REQUEST_URI", "REQUEST_URI_RAW", "REQUEST_LINE", "REQUEST_FILENAME", "REQUEST_BASENAME", "QUERY_STRING", "REQUEST_BODY",
    "REQUEST_METHOD", "REQUEST_PROTOCOL", "FULL_REQUEST", "PATH_INFO", "FILES", "FILES_NAMES", "MULTIPART_PART_HEADERS", "MULTIPART_FILENAME|MULTIPART_NAME", "RESPONSE_BODY", "RESPONSE_HEADERS",
    "RESPONSE_HEADERS|ARGS", "RESPONSE_HEADERS:X-A", "ARGS:a|ARGS:b", "ARGS:A", "ARGS:a|ARGS", "REQUEST_BODY|QUERY_STRING", "ARGS_COMBINED_SIZE", "&ARGS", "TX:a", "TX", "TX:/^[a0]/", "RULE:id",
    "ARGS|TX:a", "ARGS|&ARGS:a", "REQUEST_URI|!REQUEST_URI"};
static const char *const follow_ups[] = {"MATCHED_VAR \"@rx .\"", "MATCHED_VARS \"@rx [^a]\"", "MATCHED_VARS_NAMES \"@rx :\"", "&MATCHED_VARS \"@gt 0\"", "&MATCHED_VARS \"@eq 0\"", "MATCHED_VAR_NAME \"@contains A\"",
    "MATCHED_VAR \"!@rx a\"", "TX:0 \"@rx .\"", "TX:n \"@ge 2\"", "TX:n \"@lt 1\"", "&TX:n \"@eq 0\"", "TX:n \"!@eq 1\"", "&TX \"@gt 2\"", "&ARGS \"@gt 1\"", "&ARGS:a \"!@eq 1\"", "&REQUEST_HEADERS:X-A \"@eq 0\"",
    "&REQUEST_COOKIES \"@ge 1\"", "&FILES \"@ge 1\"", "&ARGS:/a/ \"@ge 1\"", "REQBODY_ERROR \"!@eq 0\"", "MULTIPART_STRICT_ERROR \"!@eq 0\"", "MULTIPART_UNMATCHED_BOUNDARY \"@eq 0\"", "ARGS_COMBINED_SIZE \"@gt 9\"",
    "REQUEST_BODY_LENGTH \"@gt 9\"", "FULL_REQUEST_LENGTH \"@lt 200\"", "INBOUND_DATA_ERROR \"@eq 0\"", "URLENCODED_ERROR \"@eq 0\"", "FILES_COMBINED_SIZE \"@eq 0\"", "HIGHEST_SEVERITY \"@lt 5\"", "TX:a \"@eq 0\"",
    "TX:a \"!@ge 1\"", "ARGS \"@unconditionalMatch\"", "RULE:id \"@ge 1\"", "TX:n|TX:a \"@ge 1\"", "TX:/n/ \"@ge 1\"", "&ARGS|!ARGS:a \"@eq 1\"", "&TX|!TX:n \"@eq 1\"", "&TX:/^(?:n|args)/ \"@ge 2\"", "&TX:/ARGS/ \"@eq 0\"", "TX:/^args/ \"@within %{tx.b} 1 2 a\"", "TX:/a/ \"!@streq %{tx.n}\"", "TX:n \"@gt %{tx.a}\"", "&ARGS_NAMES \"@lt 2\"", "&TX:a|&TX:n \"!@ge 1\"",
    "REQUEST_METHOD \"!@rx ^(?:GET|HEAD)$\"", "TX:a \"@rx ^$\"", "REMOTE_PORT|STATUS|TX:n \"@le 0\"", "ARGS \"@rx (?:^|=)\\s*(a|b)\"", "ARGS \"@eq 1\"", "REMOTE_ADDR \"@ipMatch 127.0.0.1\"",
    "MATCHED_VAR \"@streq %{tx.0}\"", "ARGS \"@detectSQLi\"", "REQUEST_BODY_LENGTH \"@eq 0\"", "ARGS \"@validateByteRange 32-126\"", "REQUEST_METHOD \"!@within GET POST\""};
static const char *const markers[] = {"END", "A", "B", "C", "NOWHERE"};
static const char *const messages[] = {"msg:'%{MATCHED_VAR}'", "msg:'%{MATCHED_VAR_NAME} %{TX.0}'", "msg:'%{tx.n} %{tx.a}'", "msg:'m'", "logdata:'%{MATCHED_VARS} %{MATCHED_VARS_NAMES}'", "msg:'%{rule.id} %{ARGS.a}'", "logdata:'%{TX.1}'"};
static const char *const tags[] = {"tag:'one'", "tag:'two'", "tag:'%{rule.id}'", "tag:'%{tx.a}'", "tag:'%{MATCHED_VAR}'", "tag:'t%{tx.n}'"};
static const char *const variables[] = {"setvar:tx.n=+1", "setvar:tx.n=-1", "setvar:tx.a=%{MATCHED_VAR}", "setvar:tx.b", "setvar:!tx.n", "setvar:tx.a=0", "setvar:tx.%{MATCHED_VAR_NAME}=%{tx.n}", "setvar:tx.level=2", "setvar:tx.level=+1",
    "setenv:e=%{MATCHED_VAR}", "setvar:ip.n=+1", "initcol:ip=%{MATCHED_VAR}", "setvar:tx.c=%{MATCHED_VAR}", "setvar:!tx.D", "setvar:tx.%{ARGS_NAMES}=2", "setvar:tx.c%{tx.e}=+1", "setvar:!tx.l%{tx.a}evel", "expirevar:tx.n=1",
    "deprecatevar:tx.n=1/1", "setvar:tx.1=%{tx.0}"};
static const char *const controls[] = {"ctl:ruleRemoveById=%d", "ctl:ruleRemoveById=%d-1000", "ctl:ruleRemoveTargetById=%d;ARGS:a", "ctl:ruleRemoveTargetById=%d-1000;ARGS", "ctl:ruleRemoveTargetByTag=one;REQUEST_HEADERS",
    "ctl:ruleRemoveByTag=two", "ctl:ruleRemoveByTag=%d", "ctl:ruleRemoveByTag=t1", "ctl:ruleRemoveTargetById=%d-1000;TX:n", "ctl:ruleRemoveTargetById=1-1000;TX:n", "ctl:ruleRemoveTargetById=1-1000;ARGS:a", "ctl:ruleEngine=DetectionOnly", "ctl:ruleEngine=Off", "ctl:ruleEngine=On", "ctl:requestBodyProcessor=JSON",
    "ctl:requestBodyProcessor=XML", "ctl:forceRequestBodyVariable=On", "ctl:ruleRemoveByTag=1", "ctl:ruleRemoveByMsg=m", "ctl:ruleRemoveTargetById=%d-1000;ARGS:/a/", "ctl:requestBodyProcessor=URLENCODED"};
static const char *const plain_words[] = {"a", "b", "foo", "[ab]", "select"};
static const char *const words[] = {"a", "b", "Ab", "foo", "FOO", "select", "sel", "0", "1", "k", "K", "/", "\xff", "a b", "..", "\\x41", "x.y", "%61", "a/b", "/*", "--", "&#97;"};

static struct text *new_sample(struct making *m)
{
    size_t at = m->rules->sample_count < TWIST_SAMPLES_MAX ? m->rules->sample_count++ : random_below(m->random, TWIST_SAMPLES_MAX);
    text_free(&m->rules->samples[at]);
    m->rules->samples[at] = text_new(DIRECTIVE_MAX);
    return &m->rules->samples[at];
}

/* What the last expression was to match, when that one is not taken. */
static void sample_drop(struct making *m, struct text *sample)
{
    text_free(sample);
    *sample = text_new(DIRECTIVE_MAX);
    if (sample == &m->rules->samples[m->rules->sample_count - 1])
        m->rules->sample_count--;
}

static struct text *new_directive(struct twist_rules *rules)
{
    size_t at = rules->count < TWIST_DIRECTIVES_MAX ? rules->count++ : TWIST_DIRECTIVES_MAX - 1;
    rules->directives[at] = text_new(DIRECTIVE_MAX);
    return &rules->directives[at];
}

/* ---- operators */

static void expression(struct making *m, struct text *out)
{
    struct text e = {0};
    for (bool compiles = false; !compiles;) {
        struct text *sample = new_sample(m);
        struct regex_error ignored;
        text_free(&e);
        e = text_new(DIRECTIVE_MAX);
        expression_make(m->random, &e, sample);
        struct regex *r = regex_compile(bytes_of(e.at, e.len), false, &ignored);
        compiles = r != NULL;
        regex_free(r);
        if (!compiles)
            sample_drop(m, sample);
    }
    /* Hyperscan says that this one is right, and then that it is too large. */
    bool large = random_below(m->random, 250) == 0;
    text_puts(out, random_chance(m->random, 95) ? "@rx " : "@rxGlobal ");
    text_puts(out, large ? "((x|y|z|w).{10}){100}|" : "");
    text_append(out, text_cstr(&e), e.len);
    text_puts(out, random_chance(m->random, 2) ? "%{tx.a}" : "");
    text_free(&e);
}

static void phrases(struct making *m, struct text *out)
{
    static const struct {
        const char *phrase, *sample;
        size_t len;
    } odd[] = {{"|00|", "\0", 1}, {"a|0a|b", "a\nb", 3}, {"|61 62|c", "abc", 3}, {"|ff|", "\xff", 1}, {"|41|", "a", 1}, {"a|", "a", 1}, {"|20|x", " x", 2}, {"[a]", "[A]", 3}, {".", ".", 1}};
    text_puts(out, "@pm");
    for (uint32_t i = 1 + random_below(m->random, 4); i > 0; i--) {
        uint32_t o = random_below(m->random, sizeof odd / sizeof odd[0]);
        const char *word = PICK(m->random, words);
        bool plain = random_chance(m->random, 60);
        text_puts(out, " ");
        text_puts(out, plain ? word : odd[o].phrase);
        text_append(new_sample(m), plain ? word : odd[o].sample, plain ? strlen(word) : odd[o].len);
    }
}

static void literal(struct making *m, struct text *out)
{
    static const char *const operators[] = {"@contains", "@streq", "@beginsWith", "@endsWith", "@within", "@containsWord", "@strmatch"};
    const char *operator= PICK(m->random, operators), *word = PICK(m->random, words);
    text_printf(out, "%s %s", operator, word);
    text_puts(new_sample(m), word);
    if (random_chance(m->random, 8))
        text_puts(out, random_chance(m->random, 50) ? "%{tx.a}" : "%{ARGS.a}");
}

static void put_operator(struct making *m, struct text *out)
{
    uint32_t draw = random_below(m->random, 100);
    text_puts(out, random_chance(m->random, 6) ? "\"!" : "\"");
    if (draw < 65 && !m->jumpy)
        expression(m, out);
    else if (draw < 80)
        phrases(m, out);
    else
        literal(m, out);
    text_puts(out, "\"");
}

/* ---- actions */

static void chain_of_transformations(struct making *m, struct text *out)
{
    static const char *const liked[] = {"lowercase", "lowercase", "lowercase", "lowercase", "urlDecodeUni", "base64Decode", "hexDecode", "removeNulls", "cmdLine", "jsDecode", "normalisePath", "length", "sha1", "trim", "compressWhitespace",
        "removeWhitespace", "replaceComments", "removeComments", "htmlEntityDecode", "uppercase", "none"};
    for (uint32_t i = random_below(m->random, 5); i > 0; i--)
        text_printf(out, ",t:%s", random_chance(m->random, 70) ? PICK(m->random, liked) : transformation_names[random_below(m->random, TRANSFORMATION_COUNT)]);
}

static void put_transformations(struct making *m, struct text *out)
{
    if (random_chance(m->random, 70))
        text_puts(out, text_cstr(&m->chains[random_below(m->random, SHARED_MAX)]));
    else
        chain_of_transformations(m, out);
}

static int some_id(struct making *m)
{
    return 1 + (int)random_below(m->random, 40);
}

static void put_flow(struct making *m, struct text *out)
{
    static const char *const allows[] = {"allow", "allow:phase", "allow:request"};
    uint32_t draw = random_below(m->random, m->jumpy ? 40 : 100);
    if (draw < 8)
        text_printf(out, ",skip:%u", random_below(m->random, 6));
    else if (draw < 16)
        text_printf(out, ",skipAfter:%s", PICK(m->random, markers));
    if (draw >= 8 && random_chance(m->random, 3))
        text_printf(out, ",skip:%u", 1 + random_below(m->random, 4));
    if (random_chance(m->random, m->hot ? 4 : 2))
        text_printf(out, ",%s", PICK(m->random, allows));
    else if (random_chance(m->random, m->hot ? 5 : 10))
        text_puts(out, random_chance(m->random, 60) ? ",deny,status:406" : random_chance(m->random, 50) ? ",block" : ",redirect:'/%{MATCHED_VAR}'");
    else
        text_puts(out, ",pass");
}

static void put_format(struct making *m, const char *format, struct text *out)
{
    const char *number = strstr(format, "%d");
    text_append(out, format, number ? (size_t)(number - format) : strlen(format));
    if (number)
        text_printf(out, "%d%s", some_id(m), number + 2);
}

/* What a rule does, of a chain's head or of what follows in it. */
static void put_effects(struct making *m, struct text *out)
{
    if (random_chance(m->random, 30))
        text_printf(out, ",%s", PICK(m->random, variables));
    if (random_chance(m->random, 12)) {
        text_puts(out, ",");
        put_format(m, PICK(m->random, controls), out);
    }
    if (random_chance(m->random, 20))
        text_puts(out, ",capture");
    if (random_chance(m->random, 8))
        text_puts(out, ",multiMatch");
}

static void put_head(struct making *m, int phase, struct text *out)
{
    text_printf(out, "id:%d,phase:%d", m->id++, phase);
    put_flow(m, out);
    put_effects(m, out);
    if (random_chance(m->random, 50))
        text_printf(out, ",%s", PICK(m->random, messages));
    if (random_chance(m->random, 30))
        text_printf(out, ",%s", PICK(m->random, tags));
    if (random_chance(m->random, 20))
        text_printf(out, ",severity:%u", random_below(m->random, 8));
    if (random_chance(m->random, 10))
        text_puts(out, ",nolog");
}

/* ---- directives */

static void put_condition(struct making *m, struct text *out)
{
    if (m->jumpy && random_chance(m->random, 70)) {
        const char *word = PICK(m->random, plain_words);
        text_printf(out, "SecRule %s \"@%s %s\" \"", m->targets[random_below(m->random, 2)], random_chance(m->random, 70) ? "rx" : "pm", word);
        text_puts(new_sample(m), word);
        return;
    }
    if (random_chance(m->random, 18)) {
        text_printf(out, "SecRule %s \"", PICK(m->random, follow_ups));
        return;
    }
    text_printf(out, "SecRule %s ", random_chance(m->random, 70) ? m->targets[random_below(m->random, SHARED_MAX)] : PICK(m->random, targets));
    put_operator(m, out);
    text_puts(out, " \"");
}

static void rule(struct making *m, int phase)
{
    struct text *out = new_directive(m->rules);
    uint32_t chained = random_chance(m->random, 18) ? 1 + random_below(m->random, 2) : 0;
    put_condition(m, out);
    put_head(m, phase, out);
    put_transformations(m, out);
    text_puts(out, chained ? ",chain\"\n" : "\"\n");
    while (chained--) {
        put_condition(m, out);
        text_puts(out, "t:none");
        put_effects(m, out);
        put_transformations(m, out);
        text_puts(out, chained ? ",chain\"\n" : "\"\n");
    }
}

static void action(struct making *m, int phase)
{
    struct text *out = new_directive(m->rules);
    text_puts(out, "SecAction \"");
    put_head(m, phase, out);
    text_puts(out, "\"\n");
}

/* As the Core Rule Set's paranoia levels. */
static void gate(struct making *m, int phase)
{
    text_printf(new_directive(m->rules), "SecRule TX:level \"@lt %u\" \"id:%d,phase:%d,pass,nolog,skipAfter:%s\"\n", 1 + random_below(m->random, 3), m->id, phase, PICK(m->random, markers));
    m->id++;
}

/* The name where the condition has %s. */
static void put_name(const char *condition, const char *name, struct text *out)
{
    const char *place = strstr(condition, "%s");
    if (!place) {
        text_puts(out, condition);
        return;
    }
    text_append(out, condition, (size_t)(place - condition));
    text_puts(out, name);
    text_puts(out, place + 2);
}

/* As its defaults: what comes of them is the same for every message, but for what other rules do to their values. */
static void foregone(struct making *m, int phase)
{
    static const char *const names[] = {"level", "LEVEL", "n", "c", "d", "D", "e", "0", "1", "a", "MSC_PCRE_LIMITS_EXCEEDED"};
    static const char *const conditions[] = {"&TX:%s \"@eq 0\"", "TX:%s \"@ge 1\"", "TX:%s \"!@eq 2\"", "TX:%s \"@lt 2\"", "&TX:%s \"@gt 0\"", "TX:%s|TX:c \"@rx ^[1-9x]\"", "TX:%s \"!@within 1 2 %{tx.c}\"",
        "TX:%s|&TX:d \"@streq 1\"", "TX:%s|!TX:n \"@ge 1\"", "TX:%s \"@contains %{tx.e}\""};
    static const char *const values[] = {"=1", "=2", "=+1", "=-1", "=%{tx.c}", "=+%{tx.d}", "=x%{tx.e}y", ""};
    struct text *out = new_directive(m->rules);
    bool asks = random_chance(m->random, 65);
    if (asks) {
        text_puts(out, "SecRule ");
        put_name(PICK(m->random, conditions), PICK(m->random, names), out);
        text_puts(out, " ");
    } else {
        text_puts(out, "SecAction ");
    }
    text_printf(out, "\"id:%d,phase:%d,pass,%s", m->id++, phase, random_chance(m->random, 92) ? "nolog" : "log");
    for (uint32_t i = random_below(m->random, 3); i > 0; i--)
        text_printf(out, ",setvar:'tx.%s%s'", PICK(m->random, names), PICK(m->random, values));
    if (asks && random_chance(m->random, 30))
        text_printf(out, ",skipAfter:%s", PICK(m->random, markers));
    if (asks && random_chance(m->random, 15))
        chain_of_transformations(m, out);
    bool chained = asks && random_chance(m->random, 15);
    text_puts(out, chained ? ",chain\"\n" : "\"\n");
    if (!chained)
        return;
    text_puts(out, "SecRule ");
    put_name(PICK(m->random, conditions), PICK(m->random, names), out);
    text_printf(out, " \"t:none%s\"\n", random_chance(m->random, 20) ? ",setvar:tx.d=+1" : "");
}

/* A rule that names values for the next of its chain (engine/naming.h), and some that look at these, or change them. */
static void naming(struct making *m, int phase)
{
    static const char *const lists[] = {"ARGS_NAMES", "REQUEST_HEADERS_NAMES", "REQUEST_HEADERS_NAMES", "ARGS", "REQUEST_COOKIES", "ARGS_NAMES|REQUEST_HEADERS_NAMES"};
    static const char *const expressions[] = {"^.*$", "^.*$", "^.*$", ".*", "^.+$"};
    static const char *const sets[] = {"=/%{tx.0}/", "=/%{tx.0}/", "=%{tx.0}", "=%{tx.0}-", "=%{tx.n}", "", "=+%{tx.0}"};
    static const char *const fronts[] = {"tw_", "tw_", "TW-", "x"};
    static const char *const selectors[] = {"^%s", "^%s", "^%s", "%s", "^t", "^t", "^%sa?"};
    static const char *const within[] = {"/host/ /a/", "/zz/ /x-b/ %{tx.b}", "%{tx.b}", "%{tx.e}", "%{tx.1}", "-a- - b", ""};
    static const char *const readers[] = {"TX:/^%s/ \"@rx .\"", "&TX:/%sa/ \"@ge 1\"", "TX:/a$/ \"@rx a\"", "TX \"@contains /\"", "&TX \"@gt 9\"", "&TX \"@gt 7\"", "&TX \"@lt 6\"", "TX:/q/ \"@rx .\"", "TX:%sa \"@rx .\""};
    static const char *const writers[] = {"setvar:'tx.%s%{ARGS_NAMES}=2'", "setvar:'!tx.%s%{ARGS_NAMES}'", "setvar:'tx.%sb=1'", "setvar:'tx.b=%{tx.0}'", "setvar:!tx.n", "setvar:'tx.c%{tx.0}=3'", "setvar:tx.t=host"};
    const char *front = PICK(m->random, fronts);
    struct text *out = new_directive(m->rules);
    text_printf(out, "SecRule %s \"@rx %s\" \"id:%d,phase:%d,pass%s%s,setvar:'tx.%s%%{tx.0}%s',chain\"\n", PICK(m->random, lists), PICK(m->random, expressions), m->id++, phase, random_chance(m->random, 90) ? ",capture" : "",
        random_chance(m->random, 50) ? ",t:lowercase" : "", front, PICK(m->random, sets));
    text_puts(out, "SecRule TX:/");
    put_name(PICK(m->random, selectors), front, out);
    text_printf(out, "/ \"%s@within %s\" \"t:none%s\"\n", random_chance(m->random, 10) ? "!" : "", PICK(m->random, within), random_chance(m->random, 30) ? ",setvar:tx.d=+1" : "");
    for (uint32_t i = random_below(m->random, 3); i > 0; i--) {
        out = new_directive(m->rules);
        text_puts(out, "SecRule ");
        put_name(PICK(m->random, readers), front, out);
        text_printf(out, " \"id:%d,phase:%d,pass", m->id++, phase + (int)random_below(m->random, 2));
        if (random_chance(m->random, 40)) {
            text_puts(out, ",");
            put_name(PICK(m->random, writers), front, out);
        }
        text_puts(out, "\"\n");
    }
}

static void exception(struct making *m)
{
    static const char *const updates[] = {"SecRuleRemoveById %d\n", "SecRuleRemoveById %d\n", "SecRuleUpdateTargetById %d \"!ARGS:a\"\n", "SecRuleUpdateTargetById %d \"REQUEST_HEADERS\"\n", "SecRuleRemoveByTag two\n",
        "SecRuleUpdateTargetByTag one \"!REQUEST_HEADERS:X-A\"\n", "SecRuleUpdateActionById %d \"pass,skip:2\"\n", "SecRuleUpdateActionById %d \"pass,skipAfter:B,t:lowercase\"\n", "SecRuleUpdateActionById %d \"deny,status:499\"\n",
        "SecRuleUpdateActionById %d \"allow\"\n"};
    put_format(m, PICK(m->random, updates), new_directive(m->rules));
}

static void settings(struct making *m)
{
    static const char *const defaults[] = {"pass", "deny,status:401", "pass,t:lowercase", "pass,skip:1", "pass,t:urlDecodeUni,nolog"};
    struct text *out = new_directive(m->rules);
    text_printf(out, "SecRuleEngine %s\nSecRequestBodyAccess %s\nSecResponseBodyAccess %s\nSecResponseBodyMimeType text/html\n", m->hot ? "On" : "DetectionOnly", random_chance(m->random, 90) ? "On" : "Off",
        random_chance(m->random, 90) ? "On" : "Off");
    for (int phase = 1; phase <= 5; phase++)
        if (random_chance(m->random, 8))
            text_printf(out, "SecDefaultAction \"phase:%d,%s\"\n", phase, PICK(m->random, defaults));
    /* What the Core Rule Set's recommended configuration does for bodies. */
    text_puts(new_directive(m->rules), "SecRule REQUEST_HEADERS:Content-Type \"@contains json\" \"id:2000,phase:1,pass,nolog,t:none,ctl:requestBodyProcessor=JSON\"\n");
    text_puts(new_directive(m->rules), "SecRule REQUEST_HEADERS:Content-Type \"@contains xml\" \"id:2001,phase:1,pass,nolog,t:none,ctl:requestBodyProcessor=XML\"\n");
}

void twist_rules_make(struct random *random, struct twist_rules *ret)
{
    struct making m = {.random = random, .rules = ret, .id = 1, .hot = random_chance(random, 40), .jumpy = random_chance(random, 30)};
    *ret = (struct twist_rules){0};
    for (size_t i = 0; i < SHARED_MAX; i++) {
        m.targets[i] = PICK(random, targets);
        m.chains[i] = text_new(DIRECTIVE_MAX);
        if (i)
            chain_of_transformations(&m, &m.chains[i]);
    }
    settings(&m);
    bool settled = random_chance(random, 45), names = random_chance(random, 25);
    int home = random_chance(random, 60) ? 2 : 1 + (int)random_below(random, 5);
    for (uint32_t i = 4 + random_below(random, 32); i > 0; i--) {
        uint32_t draw = random_below(random, 100);
        int phase = random_chance(random, m.jumpy ? 95 : 70) ? home : 1 + (int)random_below(random, 5);
        if (settled && random_chance(random, 45))
            foregone(&m, phase);
        else if (names && random_chance(random, 15))
            naming(&m, phase);
        else if (draw < (m.jumpy ? 70 : 82))
            rule(&m, phase);
        else if (draw < 88)
            text_printf(new_directive(ret), "SecMarker %s\n", PICK(random, markers));
        else if (draw < 92)
            action(&m, phase);
        else if (draw < 96)
            gate(&m, phase);
        else
            exception(&m);
    }
    for (size_t i = 0; i < SHARED_MAX; i++)
        text_free(&m.chains[i]);
}

void twist_rules_free(struct twist_rules *rules)
{
    for (size_t i = 0; i < rules->count; i++)
        text_free(&rules->directives[i]);
    for (size_t i = 0; i < rules->sample_count; i++)
        text_free(&rules->samples[i]);
}
