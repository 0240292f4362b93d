/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The injection detectors beside libmodsecurity's @detectSQLi and @detectXSS on generated values: of attacks both
 * should find as many as can be, of all else none. Fails when we miss more or alarm more than the peer in any class,
 * beyond the class's allowance.
 *
 *   differential-waf-detect [--values N] [--seed S] [--examples N]
 */
#include "waf/detect/detect.h"

#include <modsecurity/modsecurity.h>
#include <modsecurity/rules_set.h>
#include <modsecurity/transaction.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "waf_detect_values.h"

struct peer {
    ModSecurity *engine;
    RulesSet *sqli, *xss;
};

static void log_nothing(void *data, const void *message)
{
    (void)data;
    (void)message;
}

static RulesSet *rule_of(const char *operator)
{
    char text[200];
    const char *error = NULL;
    RulesSet *rules = msc_create_rules_set();
    snprintf(text, sizeof text, "SecRuleEngine On\nSecRule REQUEST_HEADERS:value \"@%s\" \"id:1,phase:1,deny,nolog,status:499\"\n", operator);
    if (msc_rules_add(rules, text, &error) < 0) {
        fprintf(stderr, "%s\n", error);
        exit(1);
    }
    return rules;
}

static bool peer_detects(const struct peer *p, RulesSet *rules, struct bytes value)
{
    Transaction *t = msc_new_transaction(p->engine, rules, NULL);
    msc_process_connection(t, "127.0.0.1", 1, "127.0.0.1", 80);
    msc_add_n_request_header(t, (const unsigned char *)"value", 5, value.at, value.len);
    msc_process_request_headers(t);
    ModSecurityIntervention it = {.status = 200};
    bool hit = msc_intervention(t, &it) && it.status == 499;
    free(it.log);
    free(it.url);
    msc_transaction_cleanup(t);
    return hit;
}

struct score {
    unsigned ours, peers, only_ours, only_peers;
};

static void show(const char *who, const char *value)
{
    printf("      %s only: ", who);
    for (const char *c = value; *c && c < value + 150; c++)
        printf((unsigned char)*c < ' ' || (unsigned char)*c > '~' ? "\\x%02x" : "%c", (unsigned char)*c);
    printf("\n");
}

/* Either detector for what is no attack, the right one for what is. */
static void compare(const struct value_class *class, const struct peer *p, unsigned values, unsigned examples, struct random *r, struct score *s)
{
    char text[VALUE_LONGEST + 1];
    for (unsigned i = 0; i < values; i++) {
        struct bytes value = bytes_of(text, value_generate(class, r, text));
        struct sqli_finding sqli;
        struct xss_finding xss;
        bool ours = (class->kind != VALUE_XSS && sqli_detect(value, &sqli)) || (class->kind != VALUE_SQLI && xss_detect(value, &xss));
        bool peers = (class->kind != VALUE_XSS && peer_detects(p, p->sqli, value)) || (class->kind != VALUE_SQLI && peer_detects(p, p->xss, value));
        s->ours += ours;
        s->peers += peers;
        if (ours && !peers && s->only_ours++ < examples)
            show("ours", text);
        if (peers && !ours && s->only_peers++ < examples)
            show("peer", text);
    }
}

static bool report(const struct value_class *class, const struct score *s, unsigned values)
{
    static const char *const kinds[] = {"SQLi", "XSS", "benign"};
    unsigned allowed = values * class->allowance / 1000;
    bool worse = class->kind == VALUE_BENIGN ? s->ours > s->peers + allowed : s->ours + allowed < s->peers;
    printf("%-7s %-22s %7.2f %% %7.2f %% %9u %9u%s\n", kinds[class->kind], class->name, 100.0 * s->ours / values, 100.0 * s->peers / values,
        s->only_ours, s->only_peers, worse ? "  WORSE" : "");
    return !worse;
}

int main(int argc, char **argv)
{
    unsigned long values = 500, seed = (unsigned long)time(NULL), examples = 0;
    for (int i = 1; i + 1 < argc; i += 2) {
        unsigned long number = strtoul(argv[i + 1], NULL, 10);
        if (strcmp(argv[i], "--values") == 0)
            values = number;
        else if (strcmp(argv[i], "--seed") == 0)
            seed = number;
        else if (strcmp(argv[i], "--examples") == 0)
            examples = number;
    }
    if (values == 0 || values > 1000000)
        return 1;
    struct peer p = {.engine = msc_init(), .sqli = rule_of("detectSQLi"), .xss = rule_of("detectXSS")};
    msc_set_log_cb(p.engine, log_nothing);
    printf("seed %lu, %lu values a class; of attacks what is found, of benign values what is a false alarm\n", seed, values);
    printf("%-7s %-22s %9s %9s %9s %9s\n", "", "class", "ours", "peer", "only ours", "only peer");
    struct random r = {seed};
    bool good = true;
    for (size_t i = 0; i < value_class_count; i++) {
        struct score s = {0};
        compare(&value_classes[i], &p, (unsigned)values, (unsigned)examples, &r, &s);
        good &= report(&value_classes[i], &s, (unsigned)values);
        if (value_classes[i].kind != VALUE_BENIGN && s.peers == 0) {
            printf("the peer finds nothing: its rules do not run\n");
            good = false;
        }
    }
    msc_rules_cleanup(p.sqli);
    msc_rules_cleanup(p.xss);
    msc_cleanup(p.engine);
    return good ? 0 : 1;
}
