/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A policy between text and model: what has been read so far, with names still open. Private to the parser
 * (parse.c, values.c), which fills it, and the checker (check.c, suspect.c), which turns it into the model.
 */
#pragma once

#include "base/table.h"
#include "policy/model.h"
#include "policy/yaml.h"
#include "policy/zone.h"

#define SHOWN_MAX 72 /* of the user's words in messages; more than any name or label key */

/* A growing array in the arena. */
struct list {
    void *items;
    size_t count, capacity;
};

/* A word of the file with its place. */
struct word {
    const char *text; /* NULL: not given */
    struct place place;
};

/* A name that stands for a workload, a segment, or neither, as far as is known. */
struct name {
    const char *text;
    uint32_t workload, segment; /* NONE: no such */
};

/* A KEY=VALUE that some selector or workload uses. */
struct label_use {
    const char *key, *value, *joined; /* joined: KEY=VALUE */
    uint32_t *workloads; /* that have it, in file order */
    uint32_t workload_count;
};

struct draft_cidr {
    struct prefix prefix;
    struct place place;
};

struct draft_publish {
    uint8_t protocol;
    uint16_t port, workload_port;
    uint32_t workload_name;
    struct place place, target_place;
};

struct draft_uplink {
    struct word interface;
    int nat_none;
    struct list publish; /* struct draft_publish */
    struct place place;
    bool given;
};

struct draft_segment {
    uint32_t name;
    struct place place;
    int hub, observe;
    struct list cidrs; /* struct draft_cidr */
    struct word classification;
    struct draft_uplink uplink;
};

struct draft_address {
    struct address address;
    struct place place;
};

struct draft_label {
    uint32_t use; /* index into reading.labels */
};

struct draft_run {
    bool given;
    struct place place;
    struct list command;     /* const char * */
    struct list environment; /* const char *, NAME=VALUE */
    struct word user, directory;
    int restart;
};

struct draft_workload {
    uint32_t name, segment_name; /* NONE: not given */
    struct place place, segment_place;
    int observe;
    struct list addresses; /* struct draft_address */
    struct list labels;    /* struct draft_label */
    struct draft_run run;
    bool attach_given;
    struct place attach_place;
    struct word netns, interface;
    uint32_t adopt_seconds;
};

/* One side of a rule: what stands behind `allow` or `deny`. */
struct draft_traffic {
    bool given;
    struct place place;
    struct end from, to;
    struct ports *ports;
    uint32_t port_count;
};

struct draft_rule {
    struct word name;
    struct place place;
    struct draft_traffic allow, deny;
    const struct condition *when;
    struct place when_place;
    int observe;
};

struct draft_timezone {
    struct word name;
    const struct zone *zone; /* NULL: UTC */
};

struct draft {
    struct word version, name;
    struct draft_timezone timezone;
    int observe, refuse_drop;
    struct timeouts timeouts;
    struct list segments;  /* struct draft_segment */
    struct list workloads; /* struct draft_workload */
    struct list rules;     /* struct rule, selectors with the ids of names */
};

struct reading {
    struct yaml yaml;
    struct arena *arena;
    struct diags *diags;
    struct table name_ids, label_ids, rule_ids;
    struct list names;  /* struct name */
    struct list labels; /* struct label_use */
    struct draft draft;
    struct place key; /* of the key whose value is being read */
    const char *key_name;
    char map_key[SHOWN_MAX]; /* key_name, where that is the user's own word */
    struct place choice; /* of the last value that was one of several words */
    struct draft_rule rule;  /* the one being read */
    struct list selectors;   /* of the list being read; reused */
    size_t errors_before;    /* that list */
    struct list port_items;  /* likewise */
    zone_finder *find_zone; /* or NULL */
    size_t hints_left; /* comparisons of names that hints may still cost */
};

/* One more, zeroed. NULL, and diags->out_of_memory, when there is no memory. */
void *list_add(struct reading *r, struct list *l, size_t size);
/* Exactly `count` entries of `size`, copied out of `from`. */
void *list_copy(struct reading *r, const void *from, size_t count, size_t size);
char *text_copy(struct reading *r, struct bytes text);
/* Text for a message, in `size` bytes of `out`: whole, or as many whole characters as fit and "...". */
const char *quote_cut(struct bytes b, char *out, size_t size);
/* The number of that name, which begins to exist when it is new; NONE when memory is out. */
uint32_t name_id(struct reading *r, struct bytes text);
uint32_t label_id(struct reading *r, struct bytes key, struct bytes value);
static inline struct name *name_at(const struct reading *r, uint32_t id)
{
    return &((struct name *)r->names.items)[id];
}
/* "did you mean `...`?" or NULL, among workloads (else segments), written with `before`. Stops helping when it has cost too much. */
const char *hint_for_name(struct reading *r, const char *wrong, bool workloads, const char *before);

/* check.c: the model, or NULL after diagnostics. Warnings are suspect.c's. */
struct policy *draft_check(struct reading *r) MUST_USE;
void policy_suspect(const struct policy *p, struct reading *r);
