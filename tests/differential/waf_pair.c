/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/differential/waf_pair.h"

#include "cli/places.h"
#include "waf/store/memory.h"

#define RULES_MEMORY ((size_t)1 << 30)
#define MESSAGE_MEMORY ((size_t)1 << 30)
#define TITLES_SHOWN 10 /* of messages that differ */

struct pair {
    struct text rules;
    struct harness harness;
    struct harness_engine engine;
    struct peer *peer;
    uint64_t now; /* microseconds */
    struct places *places;
    struct memory_store *memory;
    struct waf_store store;
    struct waf_profile profile; /* of ours: what fired */
    struct ids peers;           /* that fired, each once, */
    size_t *peer_counts;        /* and how often */
    size_t shown;
};

/* Nobody asks what a rule costs here. */
static uint64_t no_clock(void)
{
    return 0;
}

/* A rule wants the last two digits of what has passed since it was asked last, when the transaction began. */
static uint64_t some_time(void *pair)
{
    struct pair *p = pair;
    return p->now += 12345;
}

static enum waf_answer find_place(struct bytes address, struct arena *a, struct waf_place *ret, void *pair)
{
    return places_find(((const struct pair *)pair)->places, address, a, ret);
}

static bool open_parts(struct pair *p, const char *folder, const char *places)
{
    struct memory_store_limits limits = {100000, (size_t)1 << 28, 1000, 1 << 20, {1, 2}};
    const char *error = "";
    setups_print(folder, places, &p->rules);
    if (!harness_open(text_cstr(&p->rules), true, RULES_MEMORY, &p->harness) || !harness_engine_open(&p->harness, false, &p->engine)) {
        printf("# ours: the rules do not load\n");
        return false;
    }
    p->places = places_open(places, &error);
    p->memory = memory_store_create(&limits);
    p->profile = (struct waf_profile){.rules = calloc(p->harness.set->rule_count, sizeof(struct waf_cost)), .clock = no_clock};
    p->peer_counts = calloc(IDS_MAX, sizeof *p->peer_counts);
    p->peer = peer_open(text_cstr(&p->rules));
    if (!p->places)
        printf("# %s: %s\n", places, error);
    return p->places && p->memory && p->profile.rules && p->peer_counts && p->peer;
}

struct pair *pair_open(const char *folder, const char *places)
{
    struct pair *p = calloc(1, sizeof *p);
    if (!p)
        abort();
    p->rules = text_new(1 << 16);
    if (!open_parts(p, folder, places)) {
        pair_close(p);
        return NULL;
    }
    p->store = memory_store_lend(p->memory);
    return p;
}

void pair_close(struct pair *p)
{
    if (!p)
        return;
    peer_close(p->peer);
    harness_engine_close(&p->engine);
    harness_close(&p->harness);
    places_close(p->places);
    if (p->memory)
        memory_store_destroy(p->memory);
    free(p->profile.rules);
    free(p->peer_counts);
    text_free(&p->rules);
    free(p);
}

const struct waf_rule_set *pair_set(const struct pair *p)
{
    return p->harness.set;
}

/* ---- one message */

static struct waf_options options_of(struct pair *p, const struct pair_who *who)
{
    struct waf_options o = harness_options();
    o.client = bytes_of_text(who->client ? who->client : "127.0.0.1");
    o.client_port = setup_port(who->setup, who->level);
    if (who->unique_id)
        o.unique_id = bytes_of_text(who->unique_id);
    o.duration = some_time;
    o.place = find_place;
    o.argument = p;
    o.store = &p->store;
    o.profile = &p->profile;
    return o;
}

static void count_in_peer(struct pair *p, const struct ids *ids)
{
    for (size_t i = 0; i < ids->count; i++) {
        size_t at = 0;
        while (at < p->peers.count && p->peers.items[at] != ids->items[i])
            at++;
        if (at == p->peers.count)
            ids_add(&p->peers, ids->items[i]);
        p->peer_counts[at]++;
    }
}

static void inspect_ours(struct pair *p, const struct waf_options *o, const struct messages *m, struct ids *ret)
{
    struct arena *a = arena_create(MESSAGE_MEMORY);
    struct waf_transaction *t;
    const struct waf_outcome *outcome = harness_inspect(&p->engine, o, m, a, &t);
    for (size_t i = 0; i < outcome->event_count; i++)
        ids_add(ret, (long)p->harness.set->rules[outcome->events[i].rule].id);
    arena_destroy(a);
}

/* The peer takes the first line's parts as text, which ends at a zero octet. */
static bool can_be_given(const struct http_message *request)
{
    const struct bytes parts[] = {request->method, request->target, request->protocol};
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        if (parts[i].len && memchr(parts[i].at, 0, parts[i].len))
            return false;
    return true;
}

bool pair_inspect(struct pair *p, const struct pair_who *who, const struct exchange *x, struct ids *ours, struct ids *peers, struct waf_differences *ret)
{
    struct waf_options o = options_of(p, who);
    struct arena *a = arena_create(MESSAGE_MEMORY);
    struct messages m;
    ours->count = peers->count = 0;
    bool read = a && exchange_read(x, a, &m) && can_be_given(&m.request);
    if (read) {
        inspect_ours(p, &o, &m, ours);
        peer_inspect(p->peer, &o, &m, peers);
        count_in_peer(p, peers);
        waf_differences_find(p->harness.set, &m.request, &m.response, ours->items, ours->count, peers->items, peers->count, ret);
    }
    arena_destroy(a);
    return read;
}

static void show_difference(const struct pair_who *who, const char *title, const struct exchange *x, const struct ids *ours, const struct ids *peers,
    const struct waf_differences *d)
{
    printf("# %s differs (paranoia %d, set-up %s):\n", title, who->level, setup_name(who->setup));
    show_ids("ours", ours);
    show_ids("peer", peers);
    for (size_t i = 0; i < d->count; i++)
        printf("#   %ld in %s alone: %s\n", d->items[i].id, d->items[i].alone == ALONE_IN_OURS ? "ours" : "the peer",
            d->items[i].known < 0 ? "nothing excuses it" : waf_known[d->items[i].known].name);
    show("request", &x->request);
    show("response", &x->response);
}

static void count_known(const struct waf_differences *d, struct pair_tally *tally)
{
    bool seen[KNOWN_COUNT] = {0};
    for (size_t i = 0; i < d->count; i++)
        if (d->items[i].known >= 0 && !seen[d->items[i].known]) {
            seen[d->items[i].known] = true;
            tally->cases[d->items[i].known]++;
        }
}

bool pair_compare(struct pair *p, const struct pair_who *who, const struct exchange *x, const char *title, struct pair_tally *tally)
{
    static struct ids ours, peers;
    struct waf_differences d;
    if (!pair_inspect(p, who, x, &ours, &peers, &d)) {
        tally->unread++;
        return true;
    }
    tally->messages++;
    tally->fired += ours.count;
    count_known(&d, tally);
    tally->different += d.unexplained;
    if (d.unexplained && p->shown++ < TITLES_SHOWN)
        show_difference(who, title, x, &ours, &peers, &d);
    return !d.unexplained;
}

/* ---- what fired */

size_t pair_fired(const struct pair *p, uint32_t rule)
{
    return (size_t)p->profile.rules[rule].hits;
}

size_t pair_fired_in_peer(const struct pair *p, long id)
{
    for (size_t i = 0; i < p->peers.count; i++)
        if (p->peers.items[i] == id)
            return p->peer_counts[i];
    return 0;
}
