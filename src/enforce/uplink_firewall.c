/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads the host's ruleset in nft's own words, a line at a time: enough to see a chain that drops what is forwarded
 * and a rule that excepts the link. Only what is certain is refused. A verdict to accept in one table does not
 * overrule a drop in another, so the exception must be in the table that drops.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "enforce/scope.h"
#include "enforce/uplink_parts.h"

#define CHAINS_MAX 65536 /* of one table; Kubernetes makes thousands */
#define JUMPS_MAX 8      /* how deep a last rule's jumps are followed */

struct chain {
    const char *name, *last; /* last: its last rule, or null */
    bool forward, drop_policy;
};

/* firewalld's, from 1.0 on: a zone judges what comes in by its links, to wherever it goes. */
struct zones {
    const char *of_link, *of_uplink, *of_others; /* chains; null: none of its own */
    bool policy_to_link;                         /* something else judges what goes out by the link */
};

struct table {
    const char *family, *name;
    bool accepts_in, accepts_out, names_link, docker;
    struct zones zones;
    struct chain *chains;
    size_t count, capacity;
};

struct reading {
    const struct uplink_firewall_question *question;
    struct table table; /* the one that is being read */
    bool in_chain;
};

static const char *skip(const char *at, const char *word)
{
    size_t length = strlen(word);
    if (strncmp(at, word, length) != 0 || (at[length] && at[length] != ' '))
        return NULL;
    return at + length + strspn(at + length, " ");
}

/* ---- one rule ---- */

/* Whether "eth0", "eth*" or { "eth0", "eth1" } at this place contains the link. */
static bool names(const char *at, const char *link)
{
    bool set = *at == '{';
    while ((at = strpbrk(at, set ? "\"}" : "\"")) && *at == '"') {
        const char *begin = at + 1, *end = strchr(begin, '"');
        if (!end)
            return false;
        size_t length = (size_t)(end - begin);
        bool wildcard = length && begin[length - 1] == '*';
        if (strncmp(begin, link, length - wildcard) == 0 && (wildcard || !link[length]))
            return true;
        if (!set)
            return false;
        at = end + 1;
    }
    return false;
}

/* Whether the rule is for what comes ("iifname ") or goes ("oifname ") by the link. */
static bool concerns(const char *rule, const char *way, const char *link)
{
    const char *at = strstr(rule, way);
    return at && (at[strlen(way)] == '"' || at[strlen(way)] == '{') && names(at + strlen(way), link);
}

static bool accepts(const char *rule, const char *way, const char *link)
{
    const char *verdict = strstr(rule, " accept");
    return concerns(rule, way, link) && verdict && (!verdict[7] || verdict[7] == ' ');
}

/* Past one of log's options and its value, which may be quoted. */
static const char *past_option(const char *rule)
{
    static const char *const options[] = {"prefix", "level", "group", "snaplen", "queue-threshold", "flags"};
    for (size_t i = 0; i < sizeof options / sizeof *options; i++) {
        const char *value = skip(rule, options[i]);
        if (!value)
            continue;
        if (*value == '"')
            value += 1 + strcspn(value + 1, "\"");
        value += strcspn(value, " ");
        return value + strspn(value, " ");
    }
    return NULL;
}

/* Past what any packet passes: counting, and writing to the log. */
static const char *past_statements(const char *rule)
{
    for (const char *next = rule; next; next = skip(rule, "counter")) {
        rule = next;
        next = skip(rule, "log");
        while (next) {
            rule = next;
            next = past_option(rule);
        }
    }
    return rule;
}

/* ---- a chain ---- */

static const struct chain *chain_find(const struct table *t, const char *name)
{
    size_t length = strcspn(name, " ");
    for (size_t i = 0; i < t->count; i++)
        if (strncmp(t->chains[i].name, name, length) == 0 && !t->chains[i].name[length])
            return &t->chains[i];
    return NULL;
}

static bool ends_in_drop(const struct table *t, const struct chain *c)
{
    for (int jumps = 0; c && c->last && jumps < JUMPS_MAX; jumps++) {
        const char *rule = past_statements(c->last), *target;
        if (skip(rule, "drop") || skip(rule, "reject"))
            return true;
        if (!(target = skip(rule, "jump")) && !(target = skip(rule, "goto")))
            return false;
        c = chain_find(t, target);
    }
    return false;
}

static bool refuse(const struct reading *r, const struct chain *c, struct failure *f)
{
    const struct table *t = &r->table;
    const char *link = r->question->link;
    if (t->docker)
        return fail(f, "Docker's firewall (table %s %s, chain %s) drops what this network forwards; let it pass: "
                       "iptables -I DOCKER-USER -i %s -j ACCEPT; iptables -I DOCKER-USER -o %s -j ACCEPT (ip6tables for IPv6)",
            t->family, t->name, c->name, link, link);
    if (strcmp(t->name, "firewalld") == 0 && r->question->publishes)
        return fail(f, "firewalld (chain %s) drops what this network forwards and publishes; let it pass: "
                       "firewall-cmd --permanent --zone=trusted --add-interface=%s; firewall-cmd --permanent --new-policy=%s; "
                       "firewall-cmd --permanent --policy=%s --set-target=ACCEPT; firewall-cmd --permanent --policy=%s --add-ingress-zone=ANY; "
                       "firewall-cmd --permanent --policy=%s --add-egress-zone=trusted; firewall-cmd --reload",
            c->name, link, link, link, link, link);
    if (strcmp(t->name, "firewalld") == 0)
        return fail(f, "firewalld (chain %s) drops what this network forwards; let it pass: "
                       "firewall-cmd --permanent --zone=trusted --add-interface=%s; firewall-cmd --reload", c->name, link);
    return fail(f, "the host's firewall (table %s %s, chain %s) drops what this network forwards; let it pass: "
                   "nft insert rule %s %s %s iifname %s accept; nft insert rule %s %s %s oifname %s accept",
        t->family, t->name, c->name, t->family, t->name, c->name, link, t->family, t->name, c->name, link);
}

static bool is_carried(const struct reading *r)
{
    const char *family = r->table.family;
    const struct uplink_firewall_question *q = r->question;
    return strcmp(family, "inet") == 0 || (strcmp(family, "ip") == 0 && q->with4) || (strcmp(family, "ip6") == 0 && q->with6);
}

/* firewalld's own words say whether the link has a zone, and whether that lets pass what comes from the uplink's. */
static bool zones_except(const struct table *t, bool publishes)
{
    const struct zones *z = &t->zones;
    const char *from = z->of_uplink ? z->of_uplink : z->of_others;
    if (strcmp(t->name, "firewalld") != 0 || !t->names_link)
        return false;
    return !publishes || !from || z->policy_to_link || (z->of_link && strcmp(z->of_link, from) == 0);
}

static bool table_judge(const struct reading *r, struct failure *f)
{
    const struct table *t = &r->table;
    bool excepted = (t->accepts_in && t->accepts_out) || zones_except(t, r->question->publishes);
    for (size_t i = 0; !excepted && is_carried(r) && i < t->count; i++) {
        const struct chain *c = &t->chains[i];
        if (c->forward && (c->drop_policy || ends_in_drop(t, c)))
            return refuse(r, c, f);
    }
    return true;
}

/* ---- the ruleset ---- */

static bool chain_begin(struct table *t, char *name, struct failure *f)
{
    name[strcspn(name, " ")] = 0;
    if (t->count == CHAINS_MAX)
        return fail(f, "the host's table %s %s has more than %d chains", t->family, t->name, CHAINS_MAX);
    if (t->count == t->capacity) {
        size_t capacity = t->capacity ? 2 * t->capacity : 64;
        struct chain *larger = reallocarray(t->chains, capacity, sizeof *larger);
        if (!larger)
            return fail(f, "out of memory");
        t->chains = larger;
        t->capacity = capacity;
    }
    t->chains[t->count++] = (struct chain){.name = name};
    t->docker |= strcmp(name, "DOCKER-USER") == 0;
    return true;
}

static void zone_take(struct zones *z, const struct uplink_firewall_question *q, const char *chain, const char *rule)
{
    const char *zone = strstr(rule, "goto ");
    z->policy_to_link |= concerns(rule, "oifname ", q->link) && strstr(rule, " jump filter_FWD_policy_");
    if (strcmp(chain, "filter_FORWARD_ZONES") != 0 || !zone)
        return;
    if (concerns(rule, "iifname ", q->link))
        z->of_link = zone;
    if (concerns(rule, "iifname ", q->uplink))
        z->of_uplink = zone;
    if (zone == rule)
        z->of_others = zone;
}

static void rule_take(struct reading *r, const char *rule)
{
    struct table *t = &r->table;
    struct chain *c = &t->chains[t->count - 1];
    if (strncmp(rule, "type ", 5) == 0 && strstr(rule, " hook ")) {
        c->forward = strstr(rule, " hook forward ") != NULL;
        c->drop_policy = strstr(rule, "policy drop;") != NULL;
        return;
    }
    c->last = rule;
    t->accepts_in |= accepts(rule, "iifname ", r->question->link);
    t->accepts_out |= accepts(rule, "oifname ", r->question->link);
    zone_take(&t->zones, r->question, c->name, rule);
}

static void table_begin(struct table *t, char *line)
{
    char *family = line + strlen("table "), *name = family + strcspn(family, " ");
    if (*name)
        *name++ = 0;
    name[strcspn(name, " ")] = 0;
    free(t->chains);
    *t = (struct table){.family = family, .name = name};
}

/* Tabs tell the depth: 0 a table, 1 a chain, 2 its rules. */
static bool line_take(struct reading *r, char *line, struct failure *f)
{
    size_t depth = strspn(line, "\t");
    char quoted[IFNAMSIZ + 2];
    line += depth;
    snprintf(quoted, sizeof quoted, "\"%s\"", r->question->link);
    if (depth == 0)
        r->in_chain = false;
    if (depth == 0 && strncmp(line, "table ", 6) == 0)
        table_begin(&r->table, line);
    if (!r->table.name)
        return true;
    if (strstr(line, quoted))
        r->table.names_link = true;
    if (depth == 0 && *line == '}')
        return table_judge(r, f);
    if (depth == 1)
        r->in_chain = strncmp(line, "chain ", 6) == 0;
    if (depth == 1 && r->in_chain)
        return chain_begin(&r->table, line + 6, f);
    if (depth == 2 && r->in_chain && *line)
        rule_take(r, line);
    return true;
}

/* The end of a line whose next one, deeper than a rule, goes on with it. */
static char *line_end(char *line)
{
    char *end = line + strcspn(line, "\n");
    while (strncmp(end, "\n\t\t\t", 4) == 0) {
        memset(end, ' ', 4);
        end += strcspn(end, "\n");
    }
    return end;
}

bool uplink_firewall_judge(const char *ruleset, const struct uplink_firewall_question *question, struct failure *f)
{
    SCOPED_MEMORY char *text = strdup(ruleset);
    if (!text)
        return fail(f, "out of memory");
    struct reading r = {.question = question};
    bool ok = true;
    for (char *line = text, *end; ok && *line; line = end) {
        end = line_end(line);
        if (*end)
            *end++ = 0;
        ok = line_take(&r, line, f);
    }
    free(r.table.chains);
    return ok;
}

bool uplink_firewall_check(const struct uplink_plan *plan, const char *link, struct failure *f)
{
    const struct uplink_firewall_question question = {
        .link = link, .uplink = plan->interface, .with4 = plan->outer4, .with6 = plan->outer6, .publishes = plan->port_count > 0};
    SCOPED_MEMORY char *ruleset = NULL;
    return uplink_nft("list ruleset", &ruleset, f) && uplink_firewall_judge(ruleset, &question, f);
}
