/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One request and its response on their way through the rules. Belongs to one thread; all its memory is one arena's,
 * whose ceiling is the bound. This header is the engine's own: who uses the engine includes waf/engine/engine.h.
 */
#pragma once

#include "waf/body/body.h"
#include "waf/engine/comparison.h"
#include "waf/engine/engine.h"
#include "waf/engine/incoming.h"
#include "waf/engine/values.h"
#include "waf/http/message.h"

enum allowed {
    ALLOWED_NOTHING,
    ALLOWED_PHASE,
    ALLOWED_REQUEST, /* the rest of phases 1 and 2 */
    ALLOWED_ALL,     /* the rest, but phase 5 */
};

/* What ctl has taken away: rules, or from rules a target. */
struct removal {
    struct waf_ids ids;              /* where `text` is empty */
    bool by_message;                 /* `text` is a message, else a tag */
    struct bytes text;
    const struct waf_target *target; /* NULL: the whole rule */
    const struct selection *selection;
};

struct removals {
    struct removal *items;
    size_t count, capacity;
};

/* A match since a rule last did not. */
struct rule_match {
    struct waf_value of;  /* what the target named */
    struct bytes value;   /* as the transformations left it */
    struct match where;
};

/* What has come of the request's body; request_body.c. */
struct request_body {
    const struct http_header *headers; /* of the request */
    size_t header_count;
    struct incoming in;
    uint64_t received;         /* within the limit */
    bool passed;               /* the limit: what follows is not looked at */
    struct body *parser;       /* NULL: none is needed, or not yet */
    struct body_event *events; /* that the parser found, until the body is whole */
    size_t event_count, event_capacity;
};

/* Of the response's; response.c. */
enum response_reading {
    READING_NOTHING, /* no byte has come */
    READING_PLAIN,
    READING_CODED,   /* through the decoder */
    READING_DONE,    /* what follows is not looked at */
};

struct response_body {
    enum response_reading reading;
    struct incoming in;      /* while it is decoded: what has come */
    uint64_t received;       /* of what is inspected */
    bool is_kept;            /* a rule reads it */
    struct decoder *decoder;
    size_t fed;              /* bytes of `in` that the decoder has had */
};

struct waf_transaction {
    const struct waf_program *program;
    const struct waf_rule_set *set;
    struct waf_scratch *scratch; /* during a step; else NULL */
    struct arena *arena;
    struct waf_options options;
    bool out_of_memory; /* it cannot be judged any more: refused */
    bool out_of_time;   /* the same, but only where rules may refuse */
    bool undecided;     /* an expression came to its limit; the same, unless the caller lets it by */
    uint64_t time_first;             /* by the caller's clock: when the transaction began */
    uint64_t time_began, time_spent; /* by the caller's clock: when the step would have begun, had nobody waited; in the steps before */
    size_t operations;  /* so far */
    size_t argument_bytes, argument_bytes_shown; /* of names and values; and what ARGS_COMBINED_SIZE says since a phase began */

    struct form_maker forms;
    struct bytes scalars[VARIABLE_COUNT];
    struct waf_form *scalar_forms[VARIABLE_COUNT]; /* of those that a message brings; NULL: not made yet */
    struct waf_values lists[VARIABLE_COUNT]; /* of collections and stores */
    struct open_collection *collections;     /* those that outlast it; collections.c */
    bool parsed;         /* the request's body is parsed, as `body` says */
    enum body_kind body;
    struct request_body request;
    struct response_body response;

    uint8_t engine;                         /* enum waf_switch */
    uint8_t request_access, response_access; /* enum waf_switch */
    bool force_body_variable;
    struct removals removals;
    struct sanitised *sanitised; /* sanitise.c */
    size_t sanitised_count, sanitised_capacity;
    bool sanitised_all;          /* more than are kept: nothing is shown */
    uint8_t phase;
    enum allowed allowed;
    bool let_by;              /* a rule of phases 1 to 4 said allow, in whichever form; `allowed` is over with what it allows */
    int64_t skip;        /* rules yet to be passed over */
    bool jumping;        /* towards the marker; past the end of a phase too, as in ModSecurity 3 */
    struct waf_text marker;
    uint32_t landing;    /* the rule that it is, in this phase; NOTHING: to be looked for */
    struct rule_match *matches;
    size_t match_count, match_capacity, matches_listed; /* so many are in MATCHED_VARS */
    uint32_t rule;       /* that runs, for RULE:... */
    int highest_severity; /* 255: none yet */

    /* Where there is a plan: of the phase that runs, sets of rules and by group whether it was scanned; and what was scanned so far. */
    uint64_t *visits, *candidates[TEXT_KINDS]; /* by the kind of texts in which they are */
    unsigned judged;         /* the kinds of texts in which the rule that is run may match, as bits */
    bool *scanned;
    struct scan_segment *segments;
    uint32_t *made_segments; /* those of them that are there and may change */
    uint32_t made_segment_count;
    bool segments_are_old;   /* they were made in a phase before */
    struct scan_piece *pieces; /* while one is scanned */
    size_t piece_count, piece_capacity;
    struct waf_values gathered; /* of one segment, while it is made */
    bool on_course, off_course; /* in the phase that runs; for good */
    uint8_t course_phase;       /* the last in which the course was kept to the end */

    struct waf_outcome outcome;
    const char **limits; /* the outcome's, while it grows */
    size_t event_capacity, limit_capacity;
};

/* A match of the chain that is being run, for its event. */
struct rule_run {
    uint32_t head;
    struct waf_event event;
    size_t first_match; /* of the event, among the transaction's */
    bool record;   /* log, unless nolog */
    bool refusing; /* a disruptive action has run */
};

/* ---- variables.c */

/* What the target names, less what the rule's exclusions and ctl take away; appended to `ret`. False when memory is out. */
bool variables_resolve(struct waf_transaction *t, const struct waf_rule *rule, uint32_t target, struct waf_values *ret) MUST_USE;
/* Is the item one of those that the selector names? */
bool variables_selects(struct waf_transaction *t, const struct selection *s, const struct waf_value *item);
/* Is the value, as the variable of a target, taken away by an exclusion of the rule, or by ctl? */
bool variables_takes_away(struct waf_transaction *t, const struct waf_rule *rule, const struct waf_value *v);
/* Of a target that is WAY_COUNTED: how many it selects. */
/* What waits to be put into the list is put there, where the selection may be of it (values.h). False when memory is out. */
bool variables_settle(struct waf_values *list, const struct selection *s) MUST_USE;
size_t variables_count(struct waf_transaction *t, uint32_t target);
/* A text of the message, for transformations. NULL when memory is out. */
struct waf_form *variables_form(struct waf_transaction *t, uint8_t variable);
/* All that the target names, whatever the exclusions; an expression as selector means every name. Appended to `ret`. False when memory is out. */
bool variables_all(struct waf_transaction *t, uint32_t target, struct waf_values *ret) MUST_USE;
/* Is the rule one of those that ctl meant? */
bool removal_is_of(struct waf_transaction *t, const struct removal *r, const struct waf_rule *rule) MUST_USE;
/* The first value of a variable, as macros take it; empty when there is none. */
struct bytes variables_first(struct waf_transaction *t, uint8_t variable, const struct selection *s);
/* MATCHED_VAR_NAME: empty where nothing matched. */
struct bytes variables_matched_name(struct waf_transaction *t);
/* NAME or NAME:KEY, as MATCHED_VAR_NAME has it. */
bool variables_full_name(struct waf_transaction *t, const struct waf_value *v, struct bytes *ret) MUST_USE;

/* ---- macros.c */

/* The text with its macros replaced. False when memory is out. */
bool macros_expand(struct waf_transaction *t, struct waf_template text, struct bytes *ret) MUST_USE;

/* ---- operate.c */

/* Does the rule's operator match the value (negation included)? `*ret` is where, when not negated. False on `*ret_matched` also when it could not be decided. */
bool operate(struct waf_transaction *t, uint32_t rule, struct bytes value, bool *ret_matched, struct match *ret) MUST_USE;

/* ---- outside.c */

/* @geoLookup: GEO becomes what is known of the address. False when memory is out. */
bool outside_place(struct waf_transaction *t, struct bytes address, bool *ret) MUST_USE;
/* @rbl: is the address, or the name, on the list of that domain? */
bool outside_listed(struct waf_transaction *t, struct bytes value, struct bytes list) MUST_USE;

/* Has the transaction time left? Asked of the caller's clock; once it has none, it stays so. */
bool time_is_left(struct waf_transaction *t);

/* ---- act.c */

/* What happens at each match: setvar. */
bool act_on_match(struct waf_transaction *t, uint32_t rule) MUST_USE;
/* All that a rule does whose only actions are setvar and skipAfter. */
bool act_lightly(struct waf_transaction *t, struct waf_span actions) MUST_USE;
/* What happens once a rule and all behind it in its chain have matched. */
bool act_on_full_match(struct waf_transaction *t, uint32_t rule, struct rule_run *run) MUST_USE;
/* The message, data, tags and severity of the event, as they are now. */
bool act_describe(struct waf_transaction *t, uint32_t rule, struct rule_run *run) MUST_USE;
/* Keeps the event of a match. */
bool act_record(struct waf_transaction *t, struct rule_run *run) MUST_USE;
bool rule_has_tag(struct waf_transaction *t, const struct waf_rule *r, struct bytes tag);
bool rule_has_message(struct waf_transaction *t, const struct waf_rule *r, struct bytes message);

/* ---- scan.c */

/* What a phase begins with, where there is a plan. False when memory is out. */
bool scan_begin(struct waf_transaction *t) MUST_USE;
/* In which kinds of texts may the rule, of a group, match? `judged` says. Scans the group when that was not done yet. False when memory is out. */
bool scan_rule(struct waf_transaction *t, uint32_t rule) MUST_USE;
/* Rules from 64 times `word` on, as bits, that were found to be candidates. */
static inline uint64_t scan_candidates(const struct waf_transaction *t, size_t word)
{
    return t->candidates[TEXT_PLAIN][word] | t->candidates[TEXT_STRANGE][word];
}

/* ---- collections.c */

/* The collection of that key becomes what `variable` is, until the end. False when memory is out. */
bool collection_open(struct waf_transaction *t, uint8_t variable, struct bytes key) MUST_USE;
bool collection_is_open(const struct waf_transaction *t, uint8_t variable);
/* setvar, expirevar and deprecatevar on one that is open; nothing where it is not. False when memory is out. */
bool collection_set(struct waf_transaction *t, const struct waf_action *a, struct bytes name, struct bytes value) MUST_USE;
bool collection_expire(struct waf_transaction *t, uint8_t variable, struct bytes name, int64_t seconds) MUST_USE;
bool collection_deprecate(struct waf_transaction *t, const struct waf_action *a, struct bytes name) MUST_USE;
/* IS_NEW, KEY and the like of one that is open; not among its variables when they are listed or counted. */
bool collection_fact(struct waf_transaction *t, uint8_t variable, struct bytes name, struct bytes *ret) MUST_USE;

/* ---- sanitise.c */

/* sanitiseArg, sanitise...Header; any other action does nothing here. False when memory is out. */
bool sanitise_named(struct waf_transaction *t, const struct waf_action *a) MUST_USE;
/* sanitiseMatched and sanitiseMatchedBytes among the actions, for MATCHED_VAR as it is now. `captured`: TX:0 is what was found. */
bool sanitise_matched(struct waf_transaction *t, struct waf_span actions, bool captured) MUST_USE;
/* Takes out of the outcome's events what they are not to show. */
void sanitise_outcome(struct waf_transaction *t);

/* ---- evaluate.c */

/* All rules of the phase. */
void evaluate_phase(struct waf_transaction *t, uint8_t phase);
/* A rule that is no marker, with its chain. False when memory is out. */
bool start_rule(struct waf_transaction *t, uint32_t rule) MUST_USE;
/* Is it left out, as skip, skipAfter, allow or ctl want it? */
bool passes_over(struct waf_transaction *t, uint32_t rule);
/* Has ctl taken the rule away? `by_id`: asked of those that name ids alone. */
bool is_removed(struct waf_transaction *t, const struct waf_rule *r, bool by_id);
/* MATCHED_VAR and its like. False when memory is out. */
bool remember_match(struct waf_transaction *t, const struct waf_value *v, struct bytes value, const struct match *m) MUST_USE;
bool remember_matches(struct waf_transaction *t, const struct rule_match *items, size_t count) MUST_USE;
void forget_matches(struct waf_transaction *t);

/* ---- foresee.c */

/* What is known of a rule before it is run. */
enum foreseen {
    FORESEEN_NOTHING,
    FORESEEN_FAILS,
    FORESEEN_FAILS_LATER, /* one behind it in its chain does, before anything is done */
    FORESEEN_MATCHES,
};

enum foreseen foresee(const struct waf_transaction *t, uint32_t rule);
/* A rule that does no more than set variables and jump, and matches. False when memory is out. */
bool do_light(struct waf_transaction *t, uint32_t rule) MUST_USE;

/* ---- planned.c */

/* The same rules, of which fewer are run. */
void run_planned(struct waf_transaction *t);

/* ---- steps.c */

void refuse(struct waf_transaction *t, uint8_t phase, int status);
bool is_refused(const struct waf_transaction *t);
/* A body passed a limit: one of the two texts says so. True: what is within is looked at. False: nothing is, and the message
 * is refused where rules may refuse. `phase`: 2, or 4 of a response's. */
bool body_passed(struct waf_transaction *t, uint8_t phase, const char *what, const char *what_of_partial) MUST_USE;

/* ---- arguments.c */

/* What a parser found becomes variables; arguments also go to `list`. False when memory is out. */
bool take_body_event(struct waf_transaction *t, uint8_t list, const struct body_event *e) MUST_USE;
struct body_limits body_limits_of(const struct waf_transaction *t);
/* Urlencoded pairs, which live as long as the transaction. */
void add_arguments(struct waf_transaction *t, uint8_t list, struct bytes text);

/* ---- request_body.c, response.c: each step but for the rules */

void request_body_take(struct waf_transaction *t, struct bytes piece, bool lasts);
void request_body_finish(struct waf_transaction *t);
bool request_body_is_read(const struct waf_transaction *t);
void request_body_release(struct waf_transaction *t);
void take_response_head(struct waf_transaction *t, const struct http_message *m);
void response_body_take(struct waf_transaction *t, struct bytes piece, bool lasts);
/* False: the body's phase is not run, as its body is none that is inspected. */
bool response_body_finish(struct waf_transaction *t) MUST_USE;
bool response_body_is_read(const struct waf_transaction *t);

/* ---- request.c */

void take_request_head(struct waf_transaction *t, const struct http_message *m);

/* A limit was passed: kept once, shown to who reads the outcome. */
void limit_passed(struct waf_transaction *t, const char *what);
/* The known name of TX becomes 1. False when memory is out. */
bool transaction_tell_rules(struct waf_transaction *t, uint32_t known) MUST_USE;
/* Gives `ok`: memory for something. Without it the transaction is refused at its end. */
bool need(struct waf_transaction *t, bool ok);
void set_number(struct waf_transaction *t, uint8_t variable, size_t n);
void set_text(struct waf_transaction *t, uint8_t variable, const char *text);
/* One that transformations are made of once, whoever asks. */
struct waf_value value_of(struct waf_transaction *t, uint8_t variable, struct bytes name, struct bytes value);
void add_value(struct waf_transaction *t, uint8_t variable, struct bytes name, struct bytes value);
/* The offset of the first `c`; the length when there is none. */
size_t index_of(struct bytes b, uint8_t c);
