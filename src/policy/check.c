/* SPDX-License-Identifier: Apache-2.0 */
/* Draft -> model: resolves names, assigns addresses, and says what contradicts itself. */
#include <stdlib.h>

#include "policy/cover.h"
#include "policy/index.h"

#define ITEMS(LIST, TYPE) ((TYPE *)(LIST).items)

/* What the checker works on. */
struct checking {
    struct reading *r;
    struct policy *p;
    struct policy_index *index;
    struct indexed_prefix *prefixes;
    uint64_t *next;              /* for each cidr of each segment: the number of the next address to hand out */
};

const char *hint_for_name(struct reading *r, const char *wrong, bool workloads, const char *before)
{
    size_t count = workloads ? r->draft.workloads.count : r->draft.segments.count;
    if (count == 0 || count > r->hints_left || r->diags->errors >= DIAGS_MAX)
        return NULL;
    r->hints_left -= count;
    const char **names = malloc(count * sizeof *names);
    size_t n = 0;
    for (size_t i = 0; names && i < r->names.count && n < count; i++) {
        const struct name *name = name_at(r, (uint32_t)i);
        if ((workloads ? name->workload : name->segment) != NONE)
            names[n++] = name->text;
    }
    const char *close = names ? closest_name(wrong, names, n) : NULL;
    free(names);
    return close ? arena_format(r->arena, "did you mean `%s%s`?", before, close) : NULL;
}

/* Hosts leave out the first address of a prefix (RFC 4291 2.6.1 for IPv6), unless it is a point-to-point one (RFC 3021, RFC 6164). */
static uint64_t first_usable(const struct prefix *p)
{
    return address_bits(&p->address) - p->length <= 1 ? 0 : 1;
}

static int compare_prefixes(const void *a, const void *b)
{
    const struct indexed_prefix *x = a, *y = b;
    int order = address_compare(&x->prefix.address, &y->prefix.address);
    if (order == 0)
        order = (int)x->prefix.length - (int)y->prefix.length;
    if (order == 0)
        order = x->place.line < y->place.line ? -1 : x->place.line > y->place.line;
    return order ? order : x->place.column < y->place.column ? -1 : x->place.column > y->place.column;
}

static void check_overlaps(struct checking *c, const struct indexed_prefix *all, const struct draft_segment *segments)
{
    char shown[2][ADDRESS_TEXT_MAX];
    const struct indexed_prefix *outer = NULL;
    for (size_t i = 0; i < c->index->prefix_count; i++) {
        const struct indexed_prefix *p = &all[i];
        if (!outer || !prefix_covers(&outer->prefix, &p->prefix)) {
            outer = p;
            continue;
        }
        diag_error(c->r->diags, p->place, NULL, "`%s` overlaps `%s` of segment `%s`", prefix_print(&p->prefix, shown[0]),
            prefix_print(&outer->prefix, shown[1]), name_at(c->r, segments[outer->segment].name)->text);
    }
}

static bool check_cidrs(struct checking *c, const struct draft_segment *d, struct segment *s, uint32_t segment)
{
    const struct draft_cidr *cidrs = ITEMS(d->cidrs, struct draft_cidr);
    s->cidr_count = (uint32_t)d->cidrs.count;
    s->cidrs = arena_array(c->r->arena, s->cidr_count, sizeof *s->cidrs);
    s->hub_addresses = arena_array(c->r->arena, s->cidr_count, sizeof *s->hub_addresses);
    if (!s->cidrs || !s->hub_addresses)
        return false;
    char shown[ADDRESS_TEXT_MAX];
    for (uint32_t i = 0; i < s->cidr_count; i++) {
        s->cidrs[i] = cidrs[i].prefix;
        if (prefix_holds_special(&cidrs[i].prefix))
            diag_error(c->r->diags, cidrs[i].place, NULL, "`%s` holds addresses that are loopback, link-local, multicast or otherwise no host's",
                prefix_print(&cidrs[i].prefix, shown));
        else if (!prefix_nth(&cidrs[i].prefix, first_usable(&cidrs[i].prefix), &s->hub_addresses[i]))
            return false;
        c->prefixes[c->index->prefix_count++] = (struct indexed_prefix){cidrs[i].prefix, segment, cidrs[i].place};
    }
    return true;
}

static bool check_segments(struct checking *c)
{
    struct reading *r = c->r;
    const struct draft_segment *segments = ITEMS(r->draft.segments, struct draft_segment);
    size_t count = r->draft.segments.count, cidrs = 0;
    for (size_t i = 0; i < count; i++)
        cidrs += segments[i].cidrs.count;
    c->p->segments = arena_array(r->arena, count, sizeof *c->p->segments);
    c->prefixes = arena_array(r->arena, cidrs, sizeof *c->prefixes);
    if (!c->p->segments || !c->prefixes)
        return false;
    c->p->segment_count = (uint32_t)count;
    c->p->hub = NONE;
    for (uint32_t i = 0; i < count; i++) {
        const struct draft_segment *d = &segments[i];
        struct segment *s = &c->p->segments[i];
        *s = (struct segment){.name = name_at(r, d->name)->text, .place = d->place, .hub = d->hub != 0, .observe = d->observe != 0,
            .classification = d->classification.text};
        if (!check_cidrs(c, d, s, i))
            return false;
        if (s->hub && c->p->hub != NONE)
            diag_error(r->diags, d->place, NULL, "`%s` is a second hub; the first is `%s` on line %u", s->name, c->p->segments[c->p->hub].name,
                c->p->segments[c->p->hub].place.line);
        else if (s->hub)
            c->p->hub = i;
    }
    if (c->p->hub == NONE && count > 0)
        diag_error(r->diags, segments[0].place, "give one segment `kind: hub`", "no segment is the hub");
    if (cidrs)
        qsort(c->prefixes, cidrs, sizeof *c->prefixes, compare_prefixes);
    c->index->prefixes = c->prefixes;
    check_overlaps(c, c->prefixes, segments);
    return true;
}

/* The address is the workload's, from now on. */
static bool take_address(struct checking *c, const struct address *a, uint32_t workload, struct place at)
{
    bool fresh;
    char shown[ADDRESS_TEXT_MAX];
    uint64_t *owner = table_put(&c->index->addresses, bytes_of(a, sizeof *a), workload, &fresh);
    if (!owner)
        return false;
    if (!fresh)
        diag_error(c->r->diags, at, NULL, "the address `%s` is given twice; `%s` on line %u has it", address_print(a, shown),
            c->p->workloads[*owner].name, c->p->workloads[*owner].place.line);
    return true;
}

static void check_address(struct checking *c, const struct workload *w, const struct address *a, struct place at)
{
    const struct segment *s = &c->p->segments[w->segment];
    char shown[ADDRESS_TEXT_MAX];
    for (uint32_t i = 0; i < s->cidr_count; i++) {
        if (!prefix_contains(&s->cidrs[i], a))
            continue;
        if (address_equal(&s->hub_addresses[i], a))
            diag_error(c->r->diags, at, NULL, "`%s` is the hub's own address in segment `%s`", address_print(a, shown), s->name);
        else if (first_usable(&s->cidrs[i]) > 0 && address_equal(&s->cidrs[i].address, a))
            diag_error(c->r->diags, at, NULL, "`%s` is the first address of segment `%s`, which no host may have", address_print(a, shown), s->name);
        return;
    }
    uint32_t other = policy_segment_of(c->p, a);
    const char *hint = other == NONE ? NULL : arena_format(c->r->arena, "it is in segment `%s`", c->p->segments[other].name);
    diag_error(c->r->diags, at, hint, "the address `%s` is outside segment `%s`", address_print(a, shown), s->name);
}

static bool take_given_addresses(struct checking *c, const struct draft_workload *d, uint32_t workload)
{
    struct workload *w = &c->p->workloads[workload];
    const struct draft_address *given = ITEMS(d->addresses, struct draft_address);
    w->address_given = d->addresses.count > 0;
    w->address_count = (uint32_t)d->addresses.count;
    if (w->address_count > WORKLOAD_ADDRESSES_MAX)
        diag_error(c->r->diags, given[WORKLOAD_ADDRESSES_MAX].place, NULL, "`%s` has %u addresses, at most %d are possible", w->name,
            w->address_count, WORKLOAD_ADDRESSES_MAX);
    w->addresses = arena_array(c->r->arena, w->address_count, sizeof *w->addresses);
    if (!w->addresses)
        return false;
    for (uint32_t i = 0; i < w->address_count; i++) {
        w->addresses[i] = given[i].address;
        if (w->segment != NONE)
            check_address(c, w, &w->addresses[i], given[i].place);
        if (!take_address(c, &w->addresses[i], workload, given[i].place))
            return false;
    }
    return true;
}

/* The next address of that family in the segment that nobody has. `next`: of the segment's cidrs. */
static bool next_free(struct checking *c, const struct segment *s, uint64_t *next, uint8_t family, struct address *ret)
{
    for (uint32_t i = 0; i < s->cidr_count; i++) {
        if (s->cidrs[i].address.family != family)
            continue;
        if (next[i] == 0)
            next[i] = first_usable(&s->cidrs[i]) + 1;
        for (; prefix_nth(&s->cidrs[i], next[i], ret); next[i]++)
            if (policy_workload_of(c->p, ret) == NONE) {
                next[i]++;
                return true;
            }
    }
    return false;
}

static bool hand_out_addresses(struct checking *c, uint32_t workload, uint64_t *next)
{
    struct workload *w = &c->p->workloads[workload];
    const struct segment *s = &c->p->segments[w->segment];
    bool has[7] = {0};
    for (uint32_t i = 0; i < s->cidr_count; i++)
        has[s->cidrs[i].address.family] = true;
    w->addresses = arena_array(c->r->arena, 2, sizeof *w->addresses);
    if (!w->addresses)
        return false;
    for (uint8_t family = 4; family <= 6; family = (uint8_t)(family + 2)) {
        struct address *a = &w->addresses[w->address_count];
        if (!has[family])
            continue;
        if (!next_free(c, s, next, family, a)) {
            diag_error(c->r->diags, w->place, "give the segment a wider cidr", "segment `%s` has no free IPv%u address left for `%s`", s->name,
                family, w->name);
            continue;
        }
        w->address_count++;
        if (!table_put(&c->index->addresses, bytes_of(a, sizeof *a), workload, NULL))
            return false;
    }
    return true;
}

static bool check_addresses(struct checking *c)
{
    const struct draft_workload *drafts = ITEMS(c->r->draft.workloads, struct draft_workload);
    for (uint32_t i = 0; i < c->p->workload_count; i++)
        if (!take_given_addresses(c, &drafts[i], i))
            return false;
    if (!diags_ok(c->r->diags))
        return true; /* what is handed out depends on what is wrong */
    size_t *first = arena_array(c->r->arena, c->p->segment_count, sizeof *first);
    c->next = arena_array(c->r->arena, c->index->prefix_count, sizeof *c->next);
    if (!first || !c->next)
        return false;
    for (uint32_t i = 1; i < c->p->segment_count; i++)
        first[i] = first[i - 1] + c->p->segments[i - 1].cidr_count;
    for (uint32_t i = 0; i < c->p->workload_count; i++)
        if (drafts[i].addresses.count == 0 && !hand_out_addresses(c, i, c->next + first[c->p->workloads[i].segment]))
            return false;
    return true;
}

static bool check_run(struct checking *c, const struct draft_run *d, struct run *run)
{
    struct reading *r = c->r;
    *run = (struct run){.user = d->user.text, .directory = d->directory.text, .restart = (enum restart_policy)d->restart};
    if (!d->given)
        return true;
    run->command = arena_array(r->arena, d->command.count + 1, sizeof *run->command);
    run->environment = d->environment.count ? arena_array(r->arena, d->environment.count + 1, sizeof *run->environment) : NULL;
    if (!run->command || (d->environment.count && !run->environment))
        return false;
    if (d->command.count)
        memcpy(run->command, d->command.items, d->command.count * sizeof *run->command);
    if (run->environment)
        memcpy(run->environment, d->environment.items, d->environment.count * sizeof *run->environment);
    if (d->command.count && run->command[0] && run->command[0][0] == 0)
        diag_error(r->diags, d->place, NULL, "the program of `run` has an empty name");
    return true;
}

static bool check_labels(struct checking *c, const struct draft_workload *d, struct workload *w)
{
    const struct draft_label *labels = ITEMS(d->labels, struct draft_label);
    w->labels = arena_array(c->r->arena, d->labels.count, sizeof *w->labels);
    if (!w->labels)
        return false;
    for (size_t i = 0; i < d->labels.count; i++) {
        if (labels[i].use == NONE)
            continue;
        struct label_use *use = ITEMS(c->r->labels, struct label_use) + labels[i].use;
        w->labels[w->label_count++] = (struct label){use->key, use->value, labels[i].use};
        use->workload_count++;
    }
    return true;
}

/* For each label the workloads that have it. */
static bool list_holders(struct checking *c)
{
    struct label_use *uses = ITEMS(c->r->labels, struct label_use);
    for (size_t i = 0; i < c->r->labels.count; i++) {
        uses[i].workloads = arena_array(c->r->arena, uses[i].workload_count, sizeof *uses[i].workloads);
        uses[i].workload_count = 0;
        if (!uses[i].workloads)
            return false;
    }
    const struct draft_workload *drafts = ITEMS(c->r->draft.workloads, struct draft_workload);
    for (uint32_t w = 0; w < c->p->workload_count; w++)
        for (size_t i = 0; i < drafts[w].labels.count; i++) {
            uint32_t use = ITEMS(drafts[w].labels, struct draft_label)[i].use;
            if (use != NONE)
                uses[use].workloads[uses[use].workload_count++] = w;
        }
    return true;
}

static bool check_workload(struct checking *c, const struct draft_workload *d, struct workload *w)
{
    struct reading *r = c->r;
    *w = (struct workload){.name = name_at(r, d->name)->text, .place = d->place, .segment = NONE, .observe = d->observe != 0,
        .attach_netns = d->netns.text, .attach_interface = d->interface.text, .adopt_seconds = d->adopt_seconds};
    if (d->segment_name != NONE) {
        const struct name *segment = name_at(r, d->segment_name);
        w->segment = segment->segment;
        const char *hint = w->segment == NONE ? hint_for_name(r, segment->text, false, "") : NULL;
        if (w->segment == NONE)
            diag_error(r->diags, d->segment_place, hint, "there is no segment `%s`", segment->text);
    }
    if (d->run.given && d->attach_given)
        diag_error(r->diags, d->attach_place, NULL, "`%s` has both `run` and `attach`: it is started here or it exists already", w->name);
    if (d->adopt_seconds && !d->attach_given)
        diag_error(r->diags, d->place, NULL, "`%s` has `adopt` without `attach`: only what exists already has connections to adopt", w->name);
    return check_run(c, &d->run, &w->run) && check_labels(c, d, w);
}

static bool check_workloads(struct checking *c)
{
    const struct draft_workload *drafts = ITEMS(c->r->draft.workloads, struct draft_workload);
    size_t count = c->r->draft.workloads.count;
    c->p->workloads = arena_array(c->r->arena, count, sizeof *c->p->workloads);
    if (!c->p->workloads)
        return false;
    c->p->workload_count = (uint32_t)count;
    for (size_t i = 0; i < count; i++)
        if (!check_workload(c, &drafts[i], &c->p->workloads[i]))
            return false;
    return list_holders(c) && check_addresses(c);
}

static void check_selector(struct reading *r, struct selector *s)
{
    if (s->kind != SELECT_WORKLOAD && s->kind != SELECT_SEGMENT)
        return;
    const struct name *name = name_at(r, s->index);
    bool workload = s->kind == SELECT_WORKLOAD;
    s->index = workload ? name->workload : name->segment;
    if (s->index != NONE)
        return;
    const char *hint;
    if (workload && name->segment != NONE)
        hint = arena_format(r->arena, "did you mean `segment:%s`?", name->text);
    else if (!workload && name->workload != NONE)
        hint = arena_format(r->arena, "did you mean the workload `%s`?", name->text);
    else
        hint = hint_for_name(r, name->text, workload, workload ? "" : "segment:");
    diag_error(r->diags, s->place, hint, "there is no %s `%s`", workload ? "workload" : "segment", name->text);
}

static void check_rules(struct checking *c)
{
    c->p->rules = c->r->draft.rules.items;
    c->p->rule_count = (uint32_t)c->r->draft.rules.count;
    for (uint32_t i = 0; i < c->p->rule_count; i++) {
        struct rule *rule = &c->p->rules[i];
        for (uint32_t k = 0; k < rule->from.count; k++)
            check_selector(c->r, &rule->from.items[k]);
        for (uint32_t k = 0; k < rule->to.count; k++)
            check_selector(c->r, &rule->to.items[k]);
    }
}

static bool check_uplink(struct checking *c, const struct draft_segment *d)
{
    const struct draft_uplink *u = &d->uplink;
    struct reading *r = c->r;
    if (!u->given)
        return true;
    if (!d->hub)
        return diag_error(r->diags, u->place, NULL, "only the hub's segment has an uplink"), true;
    const struct draft_publish *publish = ITEMS(u->publish, struct draft_publish);
    struct publish *out = arena_array(r->arena, u->publish.count, sizeof *out);
    if (!out)
        return false;
    for (size_t i = 0; i < u->publish.count; i++) {
        uint32_t workload = publish[i].workload_name == NONE ? NONE : name_at(r, publish[i].workload_name)->workload;
        if (workload == NONE && publish[i].workload_name != NONE) {
            const char *name = name_at(r, publish[i].workload_name)->text;
            diag_error(r->diags, publish[i].target_place, hint_for_name(r, name, true, ""), "there is no workload `%s`", name);
        }
        out[i] = (struct publish){publish[i].protocol, publish[i].port, workload, publish[i].workload_port, publish[i].place};
    }
    c->p->uplink = (struct uplink){u->interface.text, !u->nat_none, out, (uint32_t)u->publish.count, u->place};
    return true;
}

/* What is attached is attached once: by its link a packet is known. A path has a '/' in it and an interface has not. */
static bool check_attachments(struct checking *c)
{
    const struct policy *p = c->p;
    const struct draft_workload *drafts = ITEMS(c->r->draft.workloads, struct draft_workload);
    struct table holders = c->r->name_ids;
    holders.slots = NULL;
    holders.count = holders.capacity = 0;
    for (uint32_t i = 0; i < p->workload_count; i++) {
        const struct workload *w = &p->workloads[i];
        const char *what = w->attach_netns ? w->attach_netns : w->attach_interface;
        bool new;
        if (!what)
            continue;
        uint64_t *holder = table_put(&holders, bytes_of_text(what), i, &new);
        if (!holder)
            return false;
        if (!new)
            diag_error(c->r->diags, drafts[i].attach_place, NULL, "`%s` is attached as `%s` already", what, p->workloads[*holder].name);
        if (w->attach_interface && p->uplink.interface && strcmp(what, p->uplink.interface) == 0)
            diag_error(c->r->diags, drafts[i].attach_place, NULL, "`%s` is the uplink's interface, which leads to the world", what);
    }
    return true;
}

static bool check_all(struct checking *c)
{
    const struct draft *d = &c->r->draft;
    *c->p = (struct policy){.name = d->name.text, .observe = d->observe != 0, .refuse_drop = d->refuse_drop != 0,
        .timezone = d->timezone.name.text, .zone = d->timezone.zone, .timeouts = d->timeouts, .index = c->index, .hub = NONE};
    c->index->name_ids = c->r->name_ids;
    c->index->names = c->r->names.items;
    c->index->addresses = c->r->name_ids;
    c->index->addresses.slots = NULL;
    c->index->addresses.count = c->index->addresses.capacity = 0;
    if (!check_segments(c) || !check_workloads(c))
        return false;
    for (size_t i = 0; i < d->segments.count; i++)
        if (!check_uplink(c, ITEMS(d->segments, struct draft_segment) + i))
            return false;
    check_rules(c);
    return check_attachments(c);
}

struct policy *draft_check(struct reading *r)
{
    struct checking c = {.r = r};
    c.p = arena_alloc(r->arena, sizeof *c.p);
    c.index = arena_alloc(r->arena, sizeof *c.index);
    if (!c.p || !c.index || !check_all(&c)) {
        if (diags_ok(r->diags))
            r->diags->out_of_memory = true;
        return NULL;
    }
    return c.p;
}
