/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A rule set as it was read and checked: settings, default actions, rules in file order and the exceptions that
 * change rules. What evaluates or compiles it is elsewhere. It never changes after it was made.
 *
 * Everything refers to everything else by index, and every text is a piece of one pool, so that a set can be
 * stored as it is. Where the text of a rule and its meaning differ (because SecDefaultAction, SecRuleRemove* and
 * SecRuleUpdate* act on it) both are here: `written` is what the printer prints, the rest is what counts.
 */
#pragma once

#include "waf/language/words.h"

#define NOTHING UINT32_MAX /* an index that points nowhere */

/* `len` bytes from `at` of the set's texts. */
struct waf_text {
    uint32_t at, len;
};

/* `count` entries from `first` of an array that the comment names. */
struct waf_span {
    uint32_t first, count;
};

enum selector_kind {
    SELECTOR_NONE,
    SELECTOR_LITERAL, /* compared without regard to case */
    SELECTOR_REGEX,   /* searched; the text is without its slashes; PCRE2, caseless, has been compiled once */
};

/* A text with macros: parts of `parts`, in order. No part at all is the empty text. */
struct waf_template {
    uint32_t first, count;
};

struct waf_part {
    bool macro;        /* %{...} */
    uint8_t variable;  /* enum variable, of a macro */
    uint8_t selector;  /* enum selector_kind, of a macro */
    struct waf_text text; /* a literal, or the macro's selector */
};

struct waf_target {
    uint8_t variable; /* enum variable */
    uint8_t selector; /* enum selector_kind */
    bool count;       /* &NAME: how many there are */
    bool exclusion;   /* !NAME */
    /* Of an exclusion: SecRuleUpdateTarget* brought it. In ModSecurity 3 such a one means less and more than one
     * that the rule itself has: a name is compared byte by byte, a regular expression is searched in the names of
     * all the rule's targets, whichever their collection. */
    bool from_update;
    struct waf_text text; /* the selector */
};

/* Ids from first to last, both included. */
struct waf_ids {
    int64_t first, last;
};

enum setvar_operation {
    SETVAR_SET,      /* NAME=VALUE */
    SETVAR_ADD,      /* NAME=+VALUE */
    SETVAR_SUBTRACT, /* NAME=-VALUE */
    SETVAR_ONE,      /* NAME: set to 1 */
    SETVAR_UNSET,    /* !NAME */
};

/* Values of switches; what the engine and the audit log may be set to. */
enum waf_switch {
    SWITCH_OFF,
    SWITCH_ON,
    SWITCH_DETECTION_ONLY, /* of the rule engine */
    SWITCH_RELEVANT_ONLY,  /* of the audit engine */
};

enum body_processor {
    PROCESSOR_URLENCODED,
    PROCESSOR_MULTIPART,
    PROCESSOR_JSON,
    PROCESSOR_XML,
};

enum parts_change {
    PARTS_SET,
    PARTS_ADD,
    PARTS_REMOVE,
};

/*
 * One action with an effect while a transaction runs. Which fields count depends on the kind:
 *
 *   setvar                           operation, variable (a store), name, value
 *   initcol                          variable (a store), value: the key
 *   expirevar                        variable, name, number: seconds; value when the seconds are a macro
 *   deprecatevar                     variable, name, number: by how much, period: in how many seconds
 *   setenv                           operation (one: empty, unset), name, value
 *   setuid, setsid, setrsc           value
 *   skip                             number: how many rules (a chain counts as one)
 *   skipAfter                        text: the marker; jump
 *   sanitiseArg, sanitise*Header     text: the name
 *   sanitiseMatchedBytes             number, period: bytes to keep at either end; NOTHING where not given
 *   xmlns                            text: the prefix; text2: the URI
 *   ctl                              ctl, and by its shape:
 *       switch, engine               operation: enum waf_switch
 *       audit log parts              operation: enum parts_change, text
 *       processor                    operation: enum body_processor
 *       number                       number
 *       ids                          ids
 *       text                         text: the tag or message
 *       id;target, text;target       ids or text; target
 *
 * The other actions are fields of waf_effects and of waf_rule and never stand in `actions`.
 */
struct waf_action {
    uint8_t kind;      /* enum action_kind */
    uint8_t ctl;       /* enum ctl */
    uint8_t operation; /* enum setvar_operation, waf_switch, parts_change or body_processor */
    uint8_t variable;  /* enum variable */
    uint32_t jump;     /* skipAfter: the next rule that is that marker, NOTHING when none follows */
    int64_t number, period;
    struct waf_template name, value; /* of parts */
    struct waf_text text, text2;     /* text2 of ctl: the target as written */
    struct waf_span ids;             /* of ids */
    struct waf_target target;
};

enum disruptive {
    DISRUPTIVE_UNSET,
    DISRUPTIVE_PASS,
    DISRUPTIVE_DENY,
    DISRUPTIVE_DROP,
    DISRUPTIVE_REDIRECT,
    DISRUPTIVE_ALLOW,         /* the rest of the transaction, but phase 5 */
    DISRUPTIVE_ALLOW_PHASE,   /* the rest of this phase */
    DISRUPTIVE_ALLOW_REQUEST, /* the rest of phases 1 and 2 */
};

enum tristate {
    UNSET,
    YES,
    NO,
};

/* What a list of actions does; of a rule, of SecDefaultAction, of SecRuleUpdateActionById. */
struct waf_effects {
    uint8_t disruptive; /* enum disruptive; where several are written, the last */
    bool block;         /* `block`: do what the phase's default actions say */
    bool capture, multi_match;
    int16_t status;     /* 0: not given */
    /* Enum tristate, what log, nolog, auditlog and noauditlog leave. Unset: as the default actions have it, and
     * where those are silent too, yes. */
    uint8_t log;        /* is the match recorded? */
    uint8_t audit;      /* does the match put the transaction into the audit log? */
    int8_t severity;    /* 0 (emergency) to 7 (debug), -1: not given */
    bool has_msg, has_logdata;
    struct waf_template redirect;
    struct waf_template msg, logdata;
    struct waf_span tags;            /* of templates */
    struct waf_span actions;         /* of actions, in the order written: all that have an effect at run time */
    struct waf_span transformations; /* of transformations, as written, t:none included */
};

enum rule_kind {
    RULE_CONDITION, /* SecRule */
    RULE_ACTION,    /* SecAction: always */
    RULE_MARKER,    /* SecMarker: where skipAfter goes to; stands in every phase */
};

struct waf_rule {
    uint8_t kind;     /* enum rule_kind */
    uint8_t phase;    /* 0 to 5; in a chain that of its head */
    bool phase_given; /* `phase` was written */
    bool chain;       /* the next rule belongs to it */
    bool removed;     /* by SecRuleRemove*; of a chain's head: the whole chain */
    int64_t id;       /* 0: none (a marker, a chained rule, a SecAction) */
    uint32_t file;    /* of files */
    uint32_t line;    /* from 1: where the directive begins */
    uint32_t head;    /* the first rule of its chain, itself where there is none */
    uint32_t next;    /* the next rule of its chain, or NOTHING */

    struct waf_text label; /* of a marker */

    uint8_t operator;       /* enum operator */
    bool negated;           /* !@... */
    bool operand_macros;    /* the operand has macros that are expanded */
    struct waf_template operand;
    struct waf_text operand_text; /* the operand as written */
    struct waf_span data;   /* of data_uses: files of @pmFromFile and @ipMatchFromFile */

    struct waf_effects written;
    struct waf_span written_targets; /* of targets, with exclusions, as written */

    /* What counts: SecRuleUpdateTarget* applied; targets that an exclusion names as a whole are gone; all exclusions
     * follow the targets. !NAME without a selector does nothing more then: NAME:x, where written, stays. No exclusion
     * changes what &NAME counts. */
    struct waf_span targets;
    /* What counts: the default actions' first unless the rule says t:none, then what follows the last t:none,
     * then those of SecRuleUpdateActionById. Never t:none. */
    struct waf_span transformations;
    /* The exceptions that update the rule's actions, in order, of action_updates: they run before the rule's
     * own, and the rule's own disruptive action does not run. */
    struct waf_span updates;

    struct waf_text ver, rev;
    int16_t maturity, accuracy; /* -1: not given */
};

enum exception_kind {
    EXCEPTION_REMOVE_BY_ID,
    EXCEPTION_REMOVE_BY_MSG,
    EXCEPTION_REMOVE_BY_TAG,
    EXCEPTION_UPDATE_TARGET_BY_ID,
    EXCEPTION_UPDATE_TARGET_BY_MSG,
    EXCEPTION_UPDATE_TARGET_BY_TAG,
    EXCEPTION_UPDATE_ACTION_BY_ID,
};

/* A directive that changes rules. It acts on all rules of the set, also on those that come after it. */
struct waf_exception {
    uint8_t kind; /* enum exception_kind */
    uint32_t file, line;
    struct waf_span ids;      /* of ids */
    struct waf_text text;     /* tag or message: compared as a whole, byte by byte */
    struct waf_span targets;  /* of targets */
    struct waf_effects effects;
};

enum limit_action {
    LIMIT_UNSET,           /* what passes the limit is not kept, and the transaction goes on */
    LIMIT_REJECT,
    LIMIT_PROCESS_PARTIAL,
};

enum audit_type {
    AUDIT_SERIAL,
    AUDIT_CONCURRENT,
    AUDIT_HTTPS,
};

enum audit_format {
    AUDIT_NATIVE,
    AUDIT_JSON,
};

/*
 * Each is as ModSecurity 3.0.9 behaves when it is not given; `given` of the set says which are. Sizes in bytes.
 * Without any content type in response_mime_types, all responses are inspected, unless they were cleared.
 */
struct waf_settings {
    uint8_t rule_engine;          /* enum waf_switch; detection only */
    uint8_t request_body_access;  /* enum waf_switch; on */
    uint8_t response_body_access; /* enum waf_switch; off */
    uint8_t request_body_limit_action, response_body_limit_action; /* enum limit_action; unset */
    uint8_t xml_external_entity;  /* enum waf_switch; off */
    uint8_t audit_engine;         /* enum waf_switch; off */
    uint8_t audit_type;           /* enum audit_type */
    uint8_t audit_format;         /* enum audit_format */
    uint8_t upload_keep_files, tmp_save_uploaded_files, status_engine; /* enum waf_switch */
    uint8_t cookie_format;        /* 0: as browsers send them */
    uint8_t argument_separator;   /* & */
    uint64_t arguments_limit;     /* 0: none */
    uint64_t request_body_json_depth_limit;
    uint64_t request_body_limit, request_body_no_files_limit, response_body_limit; /* 0: none */
    uint64_t pcre_match_limit, pcre_match_limit_recursion; /* 0: the library's */
    uint64_t collection_timeout;  /* seconds */
    uint64_t upload_file_limit;
    uint64_t upload_file_mode, audit_dir_mode, audit_file_mode; /* as chmod has them */
    uint64_t debug_log_level;
    struct waf_text web_app_id, audit_log, audit_log2, audit_storage_dir, audit_parts, audit_relevant_status;
    struct waf_text debug_log, http_bl_key, tmp_dir, data_dir, upload_dir;
    struct waf_text geo_db;       /* the file's name as written */
    uint32_t geo_db_file, geo_db_line; /* where it is written; a name is seen from the folder of that file */
    struct waf_text unicode_map_path, unicode_map; /* the file's name as written and its text */
    uint64_t unicode_code_page;
    bool response_mime_types_cleared;
};

/* A file that a rule's operator names. */
struct waf_data {
    struct waf_text name; /* as the caller knows it */
    struct waf_text content;
};

/* The actions that `block` means and all rules of a phase begin with. */
struct waf_default {
    bool given;
    uint32_t file, line;
    struct waf_effects effects;
};

#define WAF_PHASES 6 /* 0 (connection), 1 to 5 */
/* Of rules and default actions that name none: what ModSecurity 3.0.9 does; its manual says 2. */
#define WAF_PHASE_DEFAULT 1

struct waf_rule_set {
    struct waf_settings settings;
    uint64_t given; /* bits by enum directive (directives.h): those that were written */
    struct waf_default defaults[WAF_PHASES];

    const struct waf_rule *rules; /* in file order, markers included */
    const struct waf_exception *exceptions; /* in file order */
    const struct waf_target *targets;
    const struct waf_action *actions;
    const struct waf_part *parts;
    const struct waf_template *templates;
    const uint8_t *transformations; /* enum transformation */
    const struct waf_ids *ids;
    const uint32_t *action_updates; /* of exceptions */
    const uint32_t *data_uses;      /* of data */
    const struct waf_data *data;
    const struct waf_text *files;   /* names, in the order in which they were first read */
    const struct waf_text *components; /* SecComponentSignature */
    const struct waf_text *response_mime_types;
    uint32_t rule_count, exception_count, target_count, action_count, part_count, template_count;
    uint32_t transformation_count, id_count, action_update_count, data_use_count, data_count, file_count;
    uint32_t component_count, response_mime_type_count;
    struct bytes texts;
};

static inline struct bytes waf_text_bytes(const struct waf_rule_set *set, struct waf_text text)
{
    return bytes_slice(set->texts, text.at, text.len);
}

/* The template's bytes when it has no macro: at most one part. */
static inline bool waf_template_is_literal(const struct waf_rule_set *set, struct waf_template t)
{
    return t.count == 0 || (t.count == 1 && !set->parts[t.first].macro);
}

/* Of one that is literal. */
static inline struct bytes waf_template_text(const struct waf_rule_set *set, struct waf_template t)
{
    return t.count ? waf_text_bytes(set, set->parts[t.first].text) : (struct bytes){0};
}
