/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How diff and matrix find what rules say about all traffic (sets of ranges, walks over parties and services),
 * against decide() on every representative; and diffs of many rules.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "decide/diff.h"
#include "decide/matrix.h"
#include "decide/number_sort.h"
#include "decide/number_table.h"
#include "decide/service_walk.h"
#include "arena_scene.h"
#include "models.h"

#define MIDNIGHT 1700006400LL /* 2023-11-15T00:00:00Z */

/* Sets */

#define NUMBERS 300

static struct ranges ranges_of_bits(struct arena *a, const bool *bits)
{
    struct range_list l = {.arena = a};
    for (uint32_t i = NUMBERS; i-- > 0;) {
        if (bits[i])
            assert_true(range_list_add(&l, i, i));
    }
    range_list_normalize(&l);
    return range_list_all(&l);
}

static void ranges_are_the_sets_that_they_stand_for(void **state)
{
    struct scene *s = *state;
    struct range_table table;
    assert_true(range_table_new(s->arena, 1, &table));
    for (uint64_t seed = 1; seed <= 200; seed++) {
        seed_random(seed);
        bool a[NUMBERS], b[NUMBERS], less[NUMBERS], both[NUMBERS], meet = false;
        for (uint32_t i = 0; i < NUMBERS; i++) {
            a[i] = i && random_below(4) ? a[i - 1] : random_below(2);
            b[i] = i && random_below(4) ? b[i - 1] : random_below(2);
            less[i] = a[i] && !b[i];
            both[i] = a[i] && b[i];
            meet |= both[i];
        }
        struct ranges x = ranges_of_bits(s->arena, a), y = ranges_of_bits(s->arena, b);
        struct range_list minus = {.arena = s->arena}, common = {.arena = s->arena};
        assert_true(ranges_subtract(x, y, &minus) && ranges_intersect(x, y, &common));
        assert_int_equal(ranges_overlap(x, y), meet);
        uint32_t numbers[4];
        assert_true(range_table_put(&table, range_list_all(&minus), &numbers[0]));
        assert_true(range_table_put(&table, ranges_of_bits(s->arena, less), &numbers[1]));
        assert_true(range_table_put(&table, range_list_all(&common), &numbers[2]));
        assert_true(range_table_put(&table, ranges_of_bits(s->arena, both), &numbers[3]));
        assert_int_equal(numbers[0], numbers[1]);
        assert_int_equal(numbers[2], numbers[3]);
    }
}

static void a_number_set_gives_its_numbers_in_order(void **state)
{
    struct scene *s = *state;
    static const uint32_t sizes[] = {1, 64, 65, 4097, 300000};
    for (size_t k = 0; k < sizeof sizes / sizeof sizes[0]; k++) {
        struct number_set set;
        bool *has = arena_array(s->arena, sizes[k], sizeof *has);
        assert_true(number_set_new(s->arena, sizes[k], &set));
        seed_random(k + 1);
        for (int step = 0; step < 2000; step++) {
            uint32_t n = random_below(sizes[k]);
            has[n] = random_below(3) == 0;
            if (has[n])
                number_set_add(&set, n);
            else
                number_set_remove(&set, n);
        }
        uint32_t at = number_set_first(&set);
        for (uint32_t i = 0; i < sizes[k]; i++) {
            if (!has[i])
                continue;
            assert_int_equal(at, i);
            at = number_set_next(&set, at);
        }
        assert_int_equal(at, NONE);
    }
}

static void numbers_are_sorted_and_equal_ones_stay_in_order(void **state)
{
    static const uint32_t counts[] = {0, 1, 2, 31, 32, 1000, 70000}, most[] = {1, 255, 65536, UINT32_MAX};
    struct scene *s = *state;
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        for (size_t k = 0; k < sizeof most / sizeof most[0]; k++) {
            struct {
                uint32_t number, order;
            } *items = arena_array(s->arena, counts[i], sizeof *items),
              *spare = arena_array(s->arena, (size_t)counts[i] + 1, sizeof *spare);
            seed_random(i + 1);
            for (uint32_t n = 0; n < counts[i]; n++) {
                items[n].number = (uint32_t)(((uint64_t)random_below(UINT32_MAX / 2) * 2 * most[k]) >> 32);
                items[n].order = n;
            }
            number_sort(items, spare, counts[i], sizeof *items, most[k]);
            for (uint32_t n = 1; n < counts[i]; n++)
                assert_true(items[n - 1].number < items[n].number ||
                            (items[n - 1].number == items[n].number && items[n - 1].order < items[n].order));
        }
    }
}

/* Keys of three numbers, which may all be the largest, by their place in an array of all that there can be. */
#define SIZE 9
static void a_number_table_gives_what_was_put_under_a_key(void **state)
{
    struct scene *s = *state;
    for (uint64_t seed = 1; seed <= 50; seed++) {
        struct number_table t = number_table_new(s->arena, 3, seed);
        bool has[SIZE * SIZE * SIZE] = {0};
        seed_random(seed);
        for (int step = 0; step < 1500; step++) {
            uint32_t key[3], place = 0, value;
            for (int i = 0; i < 3; i++) {
                key[i] = random_below(SIZE);
                place = place * SIZE + key[i];
                key[i] = key[i] == SIZE - 1 ? NONE : i == 0 ? 200 * key[i] : key[i];
            }
            assert_int_equal(number_table_get(&t, key, &value), has[place]);
            assert_true(!has[place] || value == place);
            has[place] = true;
            if (value == NONE)
                assert_true(number_table_put(&t, key, place));
        }
    }
}

static void prefixes_of_a_range_are_as_many_as_are_printed(void **state)
{
    for (uint64_t seed = 1; seed <= 3000; seed++) {
        seed_random(seed);
        struct address a = {.family = seed % 2 ? 4 : 6}, b;
        for (size_t i = 0; i < address_octets(&a); i++)
            a.octets[i] = (uint8_t)(random_below(3) ? (random_below(2) ? 0 : 0xff) : random_below(256));
        b = a;
        for (size_t i = random_below((uint32_t)address_octets(&a)); i < address_octets(&a); i++)
            b.octets[i] = (uint8_t)(random_below(2) ? 0xff : random_below(256));
        if (address_compare(&a, &b) > 0)
            continue;
        struct text t = text_new(1 << 20);
        size_t printed = 0;
        range_print(&a, &b, " ", &t);
        assert_false(t.failed);
        for (const char *at = text_cstr(&t); (at = strstr(at, "cidr:")); at++)
            printed++;
        assert_int_equal(range_prefixes(&a, &b), printed);
        text_free(&t);
    }
}

/* Random policies with many workloads */

static const char *const names[] = {"w0", "w1", "w2", "w3", "w4", "w5", "w6", "w7"};
static const char *const ends[] = {"w0",
                                   "w1",
                                   "w2",
                                   "w3",
                                   "w4",
                                   "w5",
                                   "w6",
                                   "w7",
                                   "segment:web",
                                   "segment:data",
                                   "segment:hub",
                                   "label:t=0",
                                   "label:t=1",
                                   "label:t=2",
                                   "cidr:10.80.1.0/29",
                                   "cidr:203.0.113.0/24",
                                   "cidr:203.0.113.128/25",
                                   "cidr:203.0.112.0/20",
                                   "cidr:198.51.100.7/32",
                                   "cidr:128.0.0.0/1",
                                   "cidr:2001:db8::/32",
                                   "cidr:2001:db8:7::/48",
                                   "cidr:0.0.0.0/0",
                                   "world",
                                   "any"};
#define ENDS (sizeof ends / sizeof ends[0])
static const char *const takes[] = {
    "", "", "", "", " not:w1", " not:world", " not:segment:web", " not:cidr:203.0.113.0/25", " not:label:t=1"};
static const char *const ports[] = {
    "80/tcp", "80-90/tcp", "85-443/tcp",      "53/udp",           "443/sctp",    "icmp",
    "any",    "1-100/tcp", "65535/tcp 1/tcp", "2-9/tcp 8-12/tcp", "1-65535/udp", "90-120/tcp icmp"};
static const char *const hours[] = {"now.hour >= 1 && now.hour < 4", "now.hour == 12", "now.weekday == 0"};

/* Workloads have addresses of both families, and nearly all rules say the same of both. */
static bool alike;

static struct policy *random_network(struct arena *a)
{
    struct policy *p = model_new(a);
    bool moved = random_below(4) == 0 && !alike;
    model_segment(a, p, "hub", "10.80.0.0/24");
    model_segment(a, p, "web", moved ? "10.80.1.0/24" : "10.80.1.0/24 fd80:0:0:1::/64");
    model_segment(a, p, "data", moved ? "203.0.113.0/26 fd80:0:0:2::/64" : "10.80.2.0/24 fd80:0:0:2::/64");
    for (uint32_t i = 0; i < 8; i++) {
        bool web = i % 2;
        if (i == 7 && random_below(3) == 0 && !alike)
            continue;
        const char *four = web ? arena_format(a, "10.80.1.%u", i + 2)
                               : arena_format(a, moved ? "203.0.113.%u" : "10.80.2.%u", i + 2);
        bool six = (i < 4 && !(web && moved)) || alike;
        model_workload(a, p, names[i], web ? "web" : "data",
                       six ? arena_format(a, "%s fd80:0:0:%u::%u", four, web ? 1u : 2u, i + 2) : four,
                       arena_format(a, "t=%u", i % 3));
    }
    if (p->workload_count < 8)
        model_workload(a, p, "w7", "hub", "10.80.0.9", "");
    p->observe = random_below(15) == 0;
    p->workloads[random_below(8)].observe = random_below(5) == 0;
    return p;
}

static const char *random_end(void)
{
    const char *end = ends[random_below(ENDS)];
    bool one_family = strcmp(end, "cidr:10.80.1.0/29") == 0 || strcmp(end, "cidr:0.0.0.0/0") == 0;
    return alike && one_family && random_below(20) ? "segment:web" : end;
}

static void random_rules(struct arena *a, struct policy *p, uint32_t count, bool timed)
{
    static const char *const kinds[] = {"allow", "allow", "allow", "deny", "try"};
    for (uint32_t i = 0; i < count; i++) {
        const char *end[2];
        for (size_t k = 0; k < 2; k++)
            end[k] = random_below(3) ? arena_format(a, "%s%s", random_end(), takes[random_below(9)])
                                     : arena_format(a, "%s %s%s", random_end(), random_end(), takes[random_below(9)]);
        model_rule(a, p, arena_format(a, "r%u", p->rule_count), kinds[random_below(5)], end[0], end[1],
                   ports[random_below(12)], timed && random_below(4) == 0 ? hours[random_below(3)] : NULL);
    }
}

/* Between the world and workloads, each with a prefix of its own: wide rules meet many stretches. */
static void narrow_rules(struct arena *a, struct policy *p, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        const char *prefix = arena_format(a, "cidr:60.0.%u.0/25", i), *name = names[random_below(2)];
        bool out = random_below(2);
        model_rule(a, p, arena_format(a, "r%u", p->rule_count), random_below(5) ? "allow" : "deny",
                   out ? name : prefix, out ? prefix : name, ports[random_below(5)],
                   random_below(9) ? NULL : hours[1]);
    }
}

/* One rule in `in` is another one. */
static void change_rules(struct arena *a, struct policy *p, uint32_t in)
{
    for (uint32_t i = 0; i < p->rule_count; i++) {
        if (random_below(in))
            continue;
        struct policy other = *p;
        other.rule_count = 0;
        other.rules = NULL;
        random_rules(a, &other, 1, false);
        const char *name = p->rules[i].name;
        p->rules[i] = other.rules[0];
        p->rules[i].name = name;
    }
}

/* Walks */

struct walked {
    const struct policy *p;
    const struct crowd *crowd;
    struct party_walk everybody;
    struct service_walk services;
    uint32_t to, from;
    int64_t now;
    uint32_t parties, stretches;
};

static void check_stretch(void *context, size_t stretch, const struct matched matched[2])
{
    struct walked *w = context;
    const struct address *from = crowd_address(w->crowd, 0, w->from), *to = crowd_address(w->crowd, 0, w->to);
    struct verdict found = matched_verdict(&matched[0], flow_observed(w->p, from, to));
    struct range services = service_walk_stretch(&w->services, stretch);
    w->stretches++;
    for (uint32_t at = services.first; at <= services.last;) {
        struct port_class c = services_next(&services, &at);
        for (unsigned last = 0; last < 2; last++) {
            struct flow f = port_class_flow(&c, from, to);
            f.port = last && f.port ? c.last : f.port;
            struct verdict v = decide(w->p, &f, (struct moment){w->now, w->now});
            assert_true(v.allow == found.allow && v.enforced == found.enforced && v.reason == found.reason &&
                        v.rule == found.rule);
        }
    }
}

static bool check_parties(void *context, struct range parties)
{
    struct walked *w = context;
    assert_int_equal(parties.first, w->parties);
    w->parties = parties.last + 1;
    assert_true(service_walk_set(&w->services, w->everybody.active));
    for (w->from = parties.first; w->from <= parties.last; w->from++)
        service_walk_run(&w->services, 0, check_stretch, w);
    return true;
}

static void check_family(struct arena *a, struct policy *p, uint8_t family, int64_t now)
{
    const struct policy *policies[] = {p};
    struct crowd crowd = {.policies = {p}, .policy_count = 1, .family = family};
    struct piece *pieces;
    size_t count;
    struct moments moments;
    struct acts acts;
    struct ends all_ends;
    struct selections selections;
    struct effort effort = {.limit = UINT64_MAX};
    assert_true(space_addresses(policies, 1, family, a, &pieces, &count));
    struct address *world = arena_array(a, count, sizeof *world);
    for (size_t i = 0; i < count; i++)
        world[i] = pieces[i].first; /* those of segments too */
    crowd.world = world;
    crowd.world_count = (uint32_t)count;
    crowd.residents = arena_array(a, p->workload_count, sizeof *crowd.residents);
    for (uint32_t i = 0; i < p->workload_count; i++) {
        for (uint32_t k = 0; k < p->workloads[i].address_count; k++) {
            if (p->workloads[i].addresses[k].family == family)
                crowd.residents[crowd.resident_count++] =
                    (struct resident){p->workloads[i].name, {p->workloads[i].addresses[k]}, {true}};
        }
    }
    assert_true(moments_now(policies, 1, now, a, &moments) && acts_find(policies, 1, &moments, a, &acts));
    assert_true(ends_find(p, a, &all_ends) && selections_find(&crowd, &all_ends, a, &selections));
    struct walked w = {.p = p, .crowd = &crowd, .now = now};
    assert_true(party_walk_new(&selections, &acts, &effort, a, &w.everybody));
    assert_true(service_walk_new(&crowd, &acts, &moments, &effort, a, &w.services));
    for (w.to = 0; w.to < crowd.resident_count; w.to++) {
        struct party_plan plan = {.fixed_side = SIDE_TO, .fixed = w.to, .window = {0, crowd_count(&crowd) - 1}};
        w.parties = 0;
        assert_true(party_walk_set(&w.everybody, &plan) && party_walk_run(&w.everybody, check_parties, &w));
        assert_int_equal(w.parties, crowd_count(&crowd));
    }
    assert_true(w.stretches > 0 || crowd.resident_count == 0);
}

static void walks_give_the_verdicts_of_decide(void **state)
{
    struct scene *s = *state;
    for (uint64_t seed = 1; seed <= 60; seed++) {
        seed_random(seed);
        struct policy *p = random_network(s->arena);
        random_rules(s->arena, p, random_below(40), true);
        check_family(s->arena, p, seed % 2 ? 4 : 6, MIDNIGHT + random_below(7 * 86400));
    }
}

/* Diffs of many rules, against every representative. What a line says is read as text. */

static bool list_has(const char *list, const char *name, const struct address *world)
{
    bool except = false;
    for (const char *at = list; *at;) {
        size_t len = strcspn(at, ", ");
        struct prefix p;
        bool host_bits, matches;
        if (len > 5 && strncmp(at, "cidr:", 5) == 0)
            matches =
                world && prefix_parse(bytes_of(at + 5, len - 5), &p, &host_bits) && prefix_contains(&p, world);
        else
            matches =
                world ? strncmp(at, "world", len) == 0 : strlen(name) == len && strncmp(at, name, len) == 0;
        at += len;
        if (strncmp(at, " except ", 8) == 0) {
            except = true; /* it stands last: the rest is taken away */
            at += 8;
            if (!matches)
                return false;
            continue;
        }
        if (matches)
            return !except;
        at += strncmp(at, " and ", 5) == 0 ? 5 : strspn(at, ", ");
    }
    return except;
}

static bool services_have(const char *list, const struct port_class *c)
{
    struct text one = text_new(64);
    for (const char *at = list; *at; at += strspn(at, ", ")) {
        size_t len = strcspn(at, ",");
        char *slash;
        unsigned long first = strtoul(at, &slash, 10),
                      last = *slash == '-' ? strtoul(slash + 1, &slash, 10) : first;
        text_free(&one);
        one = text_new(64);
        if (c->protocol == PORTS_ICMP || c->protocol == PORTS_OTHER) {
            port_class_print(c, &one);
            if (strncmp(at, text_cstr(&one), one.len) == 0 && one.len == len)
                break;
        } else {
            text_printf(&one, "%s", c->protocol == 6 ? "/tcp" : c->protocol == 17 ? "/udp" : "/sctp");
            bool all = strncmp(at, "all", 3) == 0;
            if (strncmp(all ? at + 3 : slash, text_cstr(&one), one.len) == 0 &&
                (all || (first <= c->first && c->last <= last)))
                break;
        }
        at += len;
        if (!*at) {
            text_free(&one);
            return strcmp(list, "any") == 0;
        }
    }
    text_free(&one);
    return true;
}

struct representative {
    const char *name; /* NULL: the world */
    struct address at[2];
    bool exists[2];
};

static size_t find_representatives(struct arena *a, const struct policy *const policies[2], uint8_t family,
                                   struct representative **ret)
{
    struct piece *pieces;
    size_t count, n = 0;
    assert_true(space_addresses(policies, 2, family, a, &pieces, &count));
    struct representative *out = arena_array(a, count + 8, sizeof *out);
    for (size_t i = 0; i < 8; i++) {
        struct representative r = {.name = names[i]};
        for (size_t k = 0; k < 2; k++) {
            uint32_t w = policy_find_workload(policies[k], bytes_of_text(names[i]));
            for (uint32_t j = 0; w != NONE && j < policies[k]->workloads[w].address_count; j++) {
                if (policies[k]->workloads[w].addresses[j].family != family)
                    continue;
                r.at[k] = policies[k]->workloads[w].addresses[j];
                r.exists[k] = true;
            }
        }
        if (r.exists[0] || r.exists[1])
            out[n++] = r;
    }
    for (size_t i = 0; i < count; i++) {
        const struct address *first = &pieces[i].first;
        if (policy_segment_of(policies[0], first) == NONE || policy_segment_of(policies[1], first) == NONE)
            out[n++] = (struct representative){.at = {*first, *first}, .exists = {true, true}};
    }
    *ret = out;
    return n;
}

/* What decide() says, and by which allow or deny. */
struct naive {
    bool passes;
    const char *rule, *denier;
};

static struct naive naive_of(const struct policy *p, unsigned when, const struct representative *from,
                             const struct representative *to, const struct port_class *c)
{
    if (!from->exists[when] || !to->exists[when])
        return (struct naive){0};
    struct flow f = port_class_flow(c, &from->at[when], &to->at[when]);
    struct verdict v = decide(p, &f, (struct moment){MIDNIGHT, MIDNIGHT});
    const char *name = v.rule == NONE ? NULL : p->rules[v.rule].name;
    return (struct naive){verdict_passes(&v), v.allow ? name : NULL, v.allow ? NULL : name};
}

static void check_flow(const struct diff *d, const struct representative *from, const struct representative *to,
                       const struct port_class *c, uint8_t family, struct naive before, struct naive after)
{
    unsigned gained = 0, lost = 0, always_gained = 0, always_lost = 0;
    for (size_t i = 0; i < d->count; i++) {
        const struct diff_line *l = &d->lines[i];
        if ((l->families != family && l->families != 4 + 6) || !services_have(l->ports, c) ||
            !list_has(l->from, from->name, from->name ? NULL : &from->at[0]) ||
            !list_has(l->to, to->name, to->name ? NULL : &to->at[0]))
            continue;
        *(l->gained ? &gained : &lost) += 1;
        *(l->gained ? &always_gained : &always_lost) += !l->at_times;
        const struct naive *yes = l->gained ? &after : &before, *no = l->gained ? &before : &after;
        if (!l->at_times)
            assert_true(texts_equal(l->rule, yes->rule) && texts_equal(l->denier, no->denier));
    }
    /* What differs at this moment is in a line, and what a line says of all moments holds at this one. */
    assert_true(after.passes && !before.passes ? gained : !always_gained);
    assert_true(before.passes && !after.passes ? lost : !always_lost);
}

static void check_diff(struct arena *a, const struct policy *old, const struct policy *new, uint32_t one_in)
{
    const struct policy *policies[] = {old, new};
    struct port_class *classes;
    size_t class_count;
    struct diff d;
    assert_true(diff_make(old, new, MIDNIGHT, DIFF_LIMIT, a, &d));
    assert_null(d.incomplete);
    assert_true(space_ports(policies, 2, a, &classes, &class_count));
    for (uint8_t family = 4; family <= 6; family = (uint8_t)(family + 2)) {
        struct representative *all;
        size_t count = find_representatives(a, policies, family, &all);
        for (size_t i = 0; i < count; i++) {
            for (size_t k = 0; k < count; k++) {
                if (i == k || (!all[i].name && !all[k].name))
                    continue;
                for (size_t c = 0; c < class_count; c++) {
                    if (random_below(one_in) == 0)
                        check_flow(&d, &all[i], &all[k], &classes[c], family,
                                   naive_of(old, 0, &all[i], &all[k], &classes[c]),
                                   naive_of(new, 1, &all[i], &all[k], &classes[c]));
                }
            }
        }
    }
}

static void diffs_are_what_decide_says(struct arena *a, uint64_t first, uint64_t last)
{
    for (uint64_t seed = first; seed <= last; seed++) {
        seed_random(seed);
        struct policy *old = random_network(a);
        if (seed % 3)
            seed_random(seed);
        struct policy *new = random_network(a);
        bool many = seed % 4 == 0;
        uint64_t rules = random_state;
        random_rules(a, old, many ? 160 : random_below(12), false);
        narrow_rules(a, old, many ? 120 : 0);
        random_state = rules;
        random_rules(a, new, many ? 160 : random_below(12), false);
        narrow_rules(a, new, many ? 120 : 0);
        change_rules(a, new, 1 + random_below(10));
        check_diff(a, old, new, many ? 40 : 4);
    }
}

static void a_diff_is_what_decide_says_of_every_representative(void **state)
{
    struct scene *s = *state;
    diffs_are_what_decide_says(s->arena, 1, 60);
}

static void so_is_that_of_families_that_are_alike(void **state)
{
    struct scene *s = *state;
    alike = true;
    diffs_are_what_decide_says(s->arena, 1001, 1060);
    alike = false;
}

/* A stretch of sources from workloads into the world. */
static void everybody_is_one_line_of_both_families(void **state)
{
    struct scene *s = *state;
    alike = true;
    seed_random(1);
    struct policy *old = random_network(s->arena);
    seed_random(1);
    struct policy *new = random_network(s->arena);
    alike = false;
    struct diff d;
    for (uint32_t i = 0; i < 8; i++)
        old->workloads[i].observe = new->workloads[i].observe = false;
    model_rule(s->arena, new, "all", "allow", "any", "w1", "80/tcp", NULL);
    assert_true(diff_make(old, new, MIDNIGHT, DIFF_LIMIT, s->arena, &d));
    assert_int_equal(d.count, 1);
    assert_int_equal(d.lines[0].families, 4 + 6);
    assert_string_equal(d.lines[0].from, "w0, w1, w2, w3, w4, w5, w6, w7, world");
}

/* Size */

static struct policy *large_policy(struct arena *a, uint32_t rules)
{
    struct policy *p = random_network(a);
    p->rules = arena_array(a, (size_t)rules + 1, sizeof *p->rules);
    for (uint32_t i = 0; i < rules; i++) {
        struct policy one = *p;
        one.rules = NULL;
        one.rule_count = 0;
        const char *from = i % 2
                               ? names[i % 8]
                               : arena_format(a, "cidr:%u.%u.%u.0/24", 60 + i % 40, i / 40 % 256, i / 9 % 256);
        model_rule(a, &one, arena_format(a, "r%u", i), i % 10 == 9 ? "deny" : "allow", from, names[i / 8 % 8],
                   arena_format(a, "%u/tcp", 1 + i % 60000), NULL);
        p->rules[p->rule_count++] = one.rules[0];
    }
    return p;
}

static void many_rules_are_compared_within_the_limit(void **state)
{
    struct scene *s = *state;
    seed_random(5);
    struct policy *old = large_policy(s->arena, 20000);
    seed_random(5);
    struct policy *new = large_policy(s->arena, 20000);
    struct diff d;
    assert_true(diff_make(old, new, MIDNIGHT, DIFF_LIMIT / 100, s->arena, &d));
    assert_null(d.incomplete);
    assert_int_equal(d.count, 0);
    new->rules[7001].ports[0].protocol = 17;
    assert_true(diff_make(old, new, MIDNIGHT, DIFF_LIMIT / 100, s->arena, &d));
    assert_null(d.incomplete);
    assert_int_equal(d.count, 2);
    for (uint32_t i = 0; i < new->rule_count; i++)
        new->rules[i].ports[0].protocol = 17;
    assert_true(diff_make(old, new, MIDNIGHT, DIFF_LIMIT, s->arena, &d));
    assert_null(d.incomplete);
    assert_true(d.count > 20000);
    struct matrix m;
    assert_int_equal(matrix_make(old, MIDNIGHT, MATRIX_LIMIT, s->arena, &m), MATRIX_DONE);
    struct text t = text_new((size_t)1 << 30);
    matrix_print(&m, &t);
    assert_false(t.failed);
    assert_non_null(strstr(text_cstr(&t), " more places"));
    text_free(&t);
}

/* Every rule of the first is a line for every pair that a rule of the second denies: more than are kept. */
static void lines_past_the_last_that_is_kept_are_counted_once_for_both_families(void **state)
{
    struct scene *s = *state;
    const uint32_t kept = 500000, rules = 10000, pairs = 8 * 7;
    struct policy *policies[2];
    for (unsigned k = 0; k < 2; k++) {
        alike = true;
        seed_random(1);
        struct policy *p = policies[k] = random_network(s->arena);
        alike = false;
        for (uint32_t i = 0; i < 8; i++)
            p->workloads[i].observe = false;
        p->rules = arena_array(s->arena, rules + pairs, sizeof *p->rules);
        for (uint32_t i = 0; i < rules + k * 8 * 8; i++) {
            struct policy one = *p;
            uint32_t pair = i - rules;
            one.rules = NULL;
            one.rule_count = 0;
            if (i < rules)
                model_rule(s->arena, &one, arena_format(s->arena, "r%u", i), "allow", "any", "any", arena_format(s->arena, "%u/tcp", 2 * i + 1), NULL);
            else if (pair / 8 != pair % 8)
                model_rule(s->arena, &one, arena_format(s->arena, "d%u", pair), "deny", names[pair / 8], names[pair % 8], "any", NULL);
            if (one.rule_count)
                p->rules[p->rule_count++] = one.rules[0];
        }
    }
    struct diff d;
    assert_true(diff_make(policies[0], policies[1], MIDNIGHT, DIFF_LIMIT, s->arena, &d));
    assert_null(d.incomplete);
    assert_int_equal(d.count, kept);
    for (size_t i = 0; i < d.count; i++)
        assert_int_equal(d.lines[i].families, 4 + 6);
    assert_int_equal(d.more[0], 0);
    assert_int_equal(d.more[1], rules * pairs - kept);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(ranges_are_the_sets_that_they_stand_for),
        TEST(a_number_set_gives_its_numbers_in_order),
        TEST(numbers_are_sorted_and_equal_ones_stay_in_order),
        TEST(a_number_table_gives_what_was_put_under_a_key),
        TEST(prefixes_of_a_range_are_as_many_as_are_printed),
        TEST(walks_give_the_verdicts_of_decide),
        TEST(a_diff_is_what_decide_says_of_every_representative),
        TEST(so_is_that_of_families_that_are_alike),
        TEST(everybody_is_one_line_of_both_families),
        TEST(many_rules_are_compared_within_the_limit),
        TEST(lines_past_the_last_that_is_kept_are_counted_once_for_both_families),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
