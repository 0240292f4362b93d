/* SPDX-License-Identifier: Apache-2.0 */
#include "waf_rules.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/differential/random.h"

#define FIRST_CUSTOM_ID 5000000

void waf_rules_core(int level, struct text *out)
{
    text_puts(out, "Include /etc/nginx/modsecurity.conf\nSecAuditEngine Off\nSecRequestBodyNoFilesLimit 13107200\nInclude /etc/modsecurity/crs/crs-setup.conf\n");
    text_printf(out, "SecAction \"id:900000,phase:1,nolog,pass,t:none,setvar:tx.paranoia_level=%d,setvar:tx.blocking_paranoia_level=%d\"\n", level, level);
    text_puts(out, "Include /usr/share/modsecurity-crs/rules/*.conf\n");
}

bool waf_rules_file(const char *path, struct text *out)
{
    char *whole = realpath(path, NULL);
    if (!whole) {
        fprintf(stderr, "%s: %s\n", path, strerror(errno));
        return false;
    }
    text_printf(out, "Include %s\nSecAuditEngine Off\n", whole);
    free(whole);
    return true;
}

/* A word of three to five syllables that no request of the benchmark has. */
static const char *word(struct random *random, char out[16])
{
    size_t len = 0;
    for (uint32_t n = 3 + random_below(random, 3); n; n--) {
        out[len++] = "bdfgklmnprstvz"[random_below(random, 14)];
        out[len++] = "aeiou"[random_below(random, 5)];
        out[len++] = "lnrsx"[random_below(random, 5)];
    }
    out[len] = 0;
    return out;
}

/* What makes up a rule; %s are words, and each shape has three at most. */
static const struct {
    const char *targets, *operator;
    int phase;
    const char *transformations;
} shapes[] = {
    {"ARGS", "@rx (?i)\\b%s[\\s/]+%s\\b", 2, "t:none,t:urlDecodeUni"},
    {"REQUEST_URI", "@rx /%s/[0-9]{3,8}(?:\\.%s)?$", 1, "t:none"},
    {"REQUEST_HEADERS:User-Agent", "@rx ^%s(?:/[0-9]+(?:\\.[0-9]+)*)?$", 1, "t:none,t:lowercase"},
    {"ARGS|ARGS_NAMES", "@pm %s %s %s", 2, "t:none,t:lowercase"},
    {"REQUEST_HEADERS", "@pm %s %s", 1, "t:none"},
    {"REQUEST_URI", "@contains /%s/%s", 1, "t:none,t:lowercase"},
    {"REQUEST_HEADERS:Referer", "@contains %s.%s", 1, "t:none"},
    {"ARGS", "@contains %s=%s", 2, "t:none,t:urlDecodeUni,t:lowercase"},
    {"ARGS", "@streq %s-%s", 2, "t:none"},
    {"REQUEST_FILENAME", "@streq /%s/%s.php", 1, "t:none"},
};

/* `operator` with a word in place of each %s. */
static void put_operator(struct random *random, const char *operator, struct text *out)
{
    char fresh[16];
    for (const char *hole; (hole = strstr(operator, "%s")); operator = hole + 2) {
        text_append(out, operator, (size_t)(hole - operator));
        text_puts(out, word(random, fresh));
    }
    text_puts(out, operator);
}

void waf_rules_custom(size_t count, struct text *out)
{
    struct random random = {7};
    for (size_t i = 0; i < count; i++) {
        size_t shape = i % (sizeof shapes / sizeof *shapes);
        text_printf(out, "SecRule %s \"", shapes[shape].targets);
        put_operator(&random, shapes[shape].operator, out);
        text_printf(out, "\" \"id:%zu,phase:%d,pass,log,%s,msg:'Rule %zu of this site',logdata:'%%{MATCHED_VAR_NAME}: %%{MATCHED_VAR}',tag:'site',severity:'WARNING'\"\n",
            FIRST_CUSTOM_ID + i, shapes[shape].phase, shapes[shape].transformations, i);
    }
}
