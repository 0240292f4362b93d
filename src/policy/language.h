/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The language as tables: every key, what its value looks like, whether it must be there and what it is for.
 * The parser (parse.c) and the JSON Schema (schema.c) are both driven by them.
 */
#pragma once

#include "policy/reading.h"

enum shape_kind {
    SHAPE_TEXT,   /* one scalar, read by `text` */
    SHAPE_CHOICE, /* one of `choices`, written as an int */
    SHAPE_LIST,   /* a list of `item`, or where `lone` one item by itself */
    SHAPE_RECORD, /* a mapping with the keys of `fields` */
    SHAPE_MAP,    /* a mapping from names of the user's to `item` */
    SHAPE_LATER,  /* not part of the language yet: always an error */
};

struct choice {
    const char *name;
    int value;
};

struct shape {
    enum shape_kind kind;
    const char *what; /* "expected WHAT" */
    const char *pattern; /* of a text, for the schema; ECMA-262, anchored */
    bool number;         /* a text that other YAML readers may take for a number */
    void (*text)(struct reading *r, const struct yaml_node *n, void *into);
    const struct choice *choices;
    const struct shape *item;
    bool lone;
    const char *key_pattern; /* of a map */
    /* Map: room for the value of a new key; NULL after a diagnostic, and then the value is skipped. */
    void *(*entry)(struct reading *r, const struct yaml_node *key, void *into);
    const struct field *fields;
    const char *one_of[2]; /* of these keys exactly one must be there */
    void (*begin)(struct reading *r, void *into, struct place at);
    void (*done)(struct reading *r, void *into, struct place at);
};

struct field {
    const char *key; /* NULL: the end of the table */
    const struct shape *shape;
    size_t offset; /* of the value in what the record is read into */
    bool required;
    const char *doc;
};

extern const struct shape policy_shape;
/* The selectors that are names for people, devices and hosts, refused until something enforces them; NULL-terminated. */
extern const char *const selectors_later[];

/* values.c: one scalar each; into what, the comment says. */
void read_version(struct reading *r, const struct yaml_node *n, void *into);     /* struct word */
void read_name(struct reading *r, const struct yaml_node *n, void *into);        /* struct word */
void read_rule_name(struct reading *r, const struct yaml_node *n, void *into);   /* struct word */
void read_word(struct reading *r, const struct yaml_node *n, void *into);        /* struct word: letters, digits . _ - */
void read_segment_name(struct reading *r, const struct yaml_node *n, void *into); /* struct draft_workload */
void read_cidr(struct reading *r, const struct yaml_node *n, void *into);        /* list of struct draft_cidr */
void read_address(struct reading *r, const struct yaml_node *n, void *into);     /* list of struct draft_address */
void read_argument(struct reading *r, const struct yaml_node *n, void *into);    /* list of const char * */
void read_user(struct reading *r, const struct yaml_node *n, void *into);        /* struct word */
void read_path(struct reading *r, const struct yaml_node *n, void *into);        /* struct word: an absolute path */
void read_interface(struct reading *r, const struct yaml_node *n, void *into);   /* struct word */
void read_timezone(struct reading *r, const struct yaml_node *n, void *into);    /* struct draft_timezone */
void read_duration(struct reading *r, const struct yaml_node *n, void *into);    /* uint32_t, seconds */
void read_selector(struct reading *r, const struct yaml_node *n, void *into);    /* reading.selectors */
void read_ports(struct reading *r, const struct yaml_node *n, void *into);       /* reading.port_items */
void read_when(struct reading *r, const struct yaml_node *n, void *into);        /* struct draft_rule */
void read_label(struct reading *r, const struct yaml_node *n, void *into);       /* struct draft_label */
void read_variable(struct reading *r, const struct yaml_node *n, void *into);    /* the list's last, NAME= */
void read_target(struct reading *r, const struct yaml_node *n, void *into);      /* struct draft_publish */

void *segment_entry(struct reading *r, const struct yaml_node *key, void *into);
void *workload_entry(struct reading *r, const struct yaml_node *key, void *into);
void *label_entry(struct reading *r, const struct yaml_node *key, void *into);
void *variable_entry(struct reading *r, const struct yaml_node *key, void *into);
void *publish_entry(struct reading *r, const struct yaml_node *key, void *into);

void selectors_begin(struct reading *r, void *into, struct place at);
void selectors_done(struct reading *r, void *into, struct place at);
void ports_begin(struct reading *r, void *into, struct place at);
void ports_done(struct reading *r, void *into, struct place at);
void traffic_done(struct reading *r, void *into, struct place at);
void rule_begin(struct reading *r, void *into, struct place at);
void rule_done(struct reading *r, void *into, struct place at);
void run_done(struct reading *r, void *into, struct place at);
void attach_done(struct reading *r, void *into, struct place at);
void uplink_done(struct reading *r, void *into, struct place at);
