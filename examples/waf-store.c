/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A program that keeps the rules' collections (IP, SESSION, USER, GLOBAL, RESOURCE) itself: here in a list under a lock. It reads
 * addresses, one a line, sends `GET /` from each through the rules, and says what they decide.
 *
 *     cc waf-store.c $(pkg-config --cflags --libs libbulkhead) -o waf-store
 *     waf-store RULES... < ADDRESSES
 *
 * Who keeps them in a database puts its transaction where the lock is here.
 */
#include <bulkhead/waf.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

/* Of one collection: what it is called is copied behind it. */
struct variable {
    struct variable *next;
    char *name;
    size_t name_len;
    struct bh_waf_variable state; /* its value is a copy of ours */
};

struct collection {
    struct collection *next;
    char *name; /* application, kind and key in one */
    size_t name_len;
    int64_t created, updated, timeout;
    uint64_t updates;
    struct variable *variables;
};

struct table {
    pthread_mutex_t lock;
    struct collection *collections;
};

static void *copy(struct bh_waf_bytes b)
{
    char *made = malloc(b.len + 1);
    if (made && b.len)
        memcpy(made, b.at, b.len);
    return made;
}

/* ---- with the lock held */

/* `*name` is to be freed. Lengths keep "a" + "bc" from being "ab" + "c". */
static size_t name_of(const struct bh_waf_collection_key *k, char **name)
{
    size_t numbers[2] = {(size_t)k->collection, k->application.len}, len = sizeof numbers + k->application.len + k->key.len;
    *name = malloc(len);
    if (!*name)
        return 0;
    memcpy(*name, numbers, sizeof numbers);
    if (k->application.len)
        memcpy(*name + sizeof numbers, k->application.at, k->application.len);
    if (k->key.len)
        memcpy(*name + sizeof numbers + k->application.len, k->key.at, k->key.len);
    return len;
}

static void variable_free(struct variable *v)
{
    free((void *)v->state.value.at);
    free(v->name);
    free(v);
}

static void collection_free(struct collection *c)
{
    while (c->variables) {
        struct variable *v = c->variables;
        c->variables = v->next;
        variable_free(v);
    }
    free(c->name);
    free(c);
}

/* NULL: it is not there, or its time is over, and then it goes. */
static struct collection *find(struct table *t, const char *name, size_t len, int64_t now)
{
    struct collection **at = &t->collections, *c;
    while ((c = *at) && (c->name_len != len || memcmp(c->name, name, len) != 0))
        at = &c->next;
    if (!c || c->updated + c->timeout > now)
        return c;
    *at = c->next;
    collection_free(c);
    return NULL;
}

/* Takes `name` over. */
static struct collection *add(struct table *t, char **name, size_t len, int64_t timeout, int64_t now)
{
    struct collection *c = calloc(1, sizeof *c);
    if (!c)
        return NULL;
    c->name = *name;
    *name = NULL;
    c->name_len = len;
    c->created = c->updated = now;
    c->timeout = timeout;
    c->next = t->collections;
    t->collections = c;
    return c;
}

static struct variable **find_variable(struct collection *c, struct bh_waf_bytes name)
{
    struct variable **at = &c->variables;
    while (*at && ((*at)->name_len != name.len || strncasecmp((*at)->name, name.at, name.len) != 0))
        at = &(*at)->next;
    return at;
}

/* What the library made of the variable, kept. 0: no memory, and nothing has changed. */
static int keep(struct variable **at, struct bh_waf_bytes name, struct bh_waf_variable state)
{
    struct variable *v = *at;
    char *value = NULL;
    if (!state.exists) {
        if (v) {
            *at = v->next;
            variable_free(v);
        }
        return 1;
    }
    if (!(value = copy(state.value)))
        return 0;
    if (!v) {
        v = calloc(1, sizeof *v);
        if (!v || !(v->name = copy(name))) {
            free(v);
            free(value);
            return 0;
        }
        v->name_len = name.len;
        *at = v; /* behind all others */
    }
    free((void *)v->state.value.at);
    v->state = state;
    v->state.value.at = value;
    return 1;
}

static enum bh_waf_store_result change_variable(struct collection *c, const struct bh_waf_change *change, int64_t now, bh_waf_tell_variable *tell, void *into)
{
    struct variable **at = find_variable(c, change->name);
    struct bh_waf_variable state;
    memset(&state, 0, sizeof state);
    if (*at)
        state = (*at)->state;
    state.size = sizeof state;
    int changed = bh_waf_variable_change(&state, change, now);
    if (!keep(at, change->name, state))
        return BH_WAF_STORE_NO_ROOM;
    if (changed) {
        c->updated = now;
        c->updates += change->first != 0;
    }
    if (state.exists)
        tell(into, change->name, (*at)->state.value);
    return BH_WAF_STORE_DONE;
}

/* ---- what the rules ask */

static enum bh_waf_store_result store_read(void *context, const struct bh_waf_collection_key *key, int64_t now, bh_waf_tell_variable *tell, void *into,
    struct bh_waf_collection_facts *ret_facts)
{
    struct table *t = context;
    char *name;
    size_t len = name_of(key, &name);
    if (!name)
        return BH_WAF_STORE_FAILED;
    pthread_mutex_lock(&t->lock);
    struct collection *c = find(t, name, len, now);
    if (c) {
        ret_facts->exists = 1;
        ret_facts->created = c->created;
        ret_facts->updated = c->updated;
        ret_facts->timeout = c->timeout;
        ret_facts->updates = c->updates;
    }
    for (const struct variable *v = c ? c->variables : NULL; v; v = v->next)
        if (v->state.expires > now && !tell(into, (struct bh_waf_bytes){v->name, v->name_len}, v->state.value))
            break;
    pthread_mutex_unlock(&t->lock);
    free(name);
    return BH_WAF_STORE_DONE;
}

static enum bh_waf_store_result store_change(void *context, const struct bh_waf_collection_key *key, const struct bh_waf_change *change, int64_t now,
    bh_waf_tell_variable *tell, void *into)
{
    struct table *t = context;
    char *name;
    size_t len = name_of(key, &name);
    int makes = change->kind == BH_WAF_CHANGE_SET || change->kind == BH_WAF_CHANGE_ADD || change->kind == BH_WAF_CHANGE_TIMEOUT;
    enum bh_waf_store_result result = BH_WAF_STORE_DONE;
    if (!name)
        return BH_WAF_STORE_FAILED;
    pthread_mutex_lock(&t->lock);
    struct collection *c = find(t, name, len, now);
    if (!c && makes && !(c = add(t, &name, len, change->timeout, now)))
        result = BH_WAF_STORE_NO_ROOM;
    if (c && change->kind == BH_WAF_CHANGE_TIMEOUT) {
        c->timeout = change->number;
        c->updated = now;
        c->updates += change->first != 0;
    } else if (c)
        result = change_variable(c, change, now, tell, into);
    pthread_mutex_unlock(&t->lock);
    free(name);
    return result;
}

/* ---- one request for each address */

static int ask(struct bh_waf_rules *rules, struct bh_waf_scratch *scratch, struct bh_waf_store *store, const char *address)
{
    static const char head[] = "GET / HTTP/1.1\r\nHost: example\r\n\r\n";
    struct bh_waf_transaction *t = NULL;
    struct bh_waf_options options;
    memset(&options, 0, sizeof options);
    options.size = sizeof options;
    options.time = time(NULL);
    options.store = store;
    int ok = bh_waf_transaction_create(rules, &options, &t) == BH_WAF_OK &&
        bh_waf_connection(t, (struct bh_waf_bytes){address, strlen(address)}, 40000, (struct bh_waf_bytes){"192.0.2.1", 9}, 80) == BH_WAF_OK &&
        bh_waf_request_head_raw(t, scratch, (struct bh_waf_bytes){head, sizeof head - 1}) == BH_WAF_OK && bh_waf_request_end(t, scratch) == BH_WAF_OK &&
        bh_waf_end(t, scratch) == BH_WAF_OK;
    if (ok)
        printf("%s %d\n", address, bh_waf_status(t)); /* 0: it passes */
    for (size_t i = 0; ok && i < bh_waf_limit_count(t); i++)
        printf("%s: %s\n", address, bh_waf_limit(t, i));
    bh_waf_transaction_free(t);
    return ok;
}

static int run(struct bh_waf_rules *rules)
{
    struct table table = {PTHREAD_MUTEX_INITIALIZER, NULL};
    struct bh_waf_store_functions functions;
    struct bh_waf_scratch *scratch = NULL;
    struct bh_waf_store *store = NULL;
    char address[64];
    memset(&functions, 0, sizeof functions);
    functions.size = sizeof functions;
    functions.read = store_read;
    functions.change = store_change;
    functions.context = &table;
    int ok = bh_waf_scratch_create(rules, &scratch) == BH_WAF_OK && bh_waf_store_lend(&functions, &store) == BH_WAF_OK;
    while (ok && fgets(address, sizeof address, stdin)) {
        address[strcspn(address, "\n")] = 0;
        ok = ask(rules, scratch, store, address);
    }
    bh_waf_store_free(store);
    bh_waf_scratch_free(scratch);
    while (table.collections) {
        struct collection *c = table.collections;
        table.collections = c->next;
        collection_free(c);
    }
    return ok ? 0 : 2;
}

int main(int argc, char **argv)
{
    struct bh_waf_rules *rules = NULL;
    struct bh_waf_report *report = NULL;
    if (argc < 2) {
        fprintf(stderr, "usage: waf-store RULES... < ADDRESSES\n");
        return 2;
    }
    enum bh_waf_result result = bh_waf_rules_load_files((const char *const *)argv + 1, (size_t)argc - 1, NULL, &rules, &report);
    for (size_t i = 0; i < bh_waf_report_count(report); i++) {
        struct bh_waf_message m = {sizeof m, 0, NULL, 0, 0, NULL, NULL};
        if (bh_waf_report_message(report, i, &m) == BH_WAF_OK)
            fprintf(stderr, "%s:%u: %s\n", m.file, m.line, m.message);
    }
    bh_waf_report_free(report);
    int status = result == BH_WAF_OK ? run(rules) : 2;
    bh_waf_rules_free(rules);
    return status;
}
