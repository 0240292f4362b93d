/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the parts of the reader share: each reads one kind of thing from a piece of text into the draft. They
 * return false after a diagnostic; they say all that is wrong and not only the first.
 */
#pragma once

#include "waf/language/draft.h"
#include "waf/language/load.h"

struct reading {
    struct draft *draft;
    struct sources *sources;
    const struct rule_files *files;
    struct arena *arena;
    struct source *source; /* the file that is being read */
    unsigned depth;        /* how many Includes lead to it */
    bool too_deep;         /* that there are too many was said */
    size_t included;       /* files read so far, each time they are */
    uint32_t open_chain;   /* the last rule when it says `chain`, else NOTHING */
};

/* An error at a piece; always false. */
#define piece_error(P, HINT, ...) diag_error(&(P)->source->diags, piece_place(P), (HINT), __VA_ARGS__)
#define piece_warning(P, HINT, ...) diag_warning(&(P)->source->diags, piece_place(P), (HINT), __VA_ARGS__)

#define RULE_ID_MAX ((uint64_t)1 << 53) /* the largest that JSON and ModSecurity's doubles hold exactly */
/* number.c: digits only, at most `max`. */
bool number_read(const struct piece *p, uint64_t max, uint64_t *ret) MUST_USE;
/* IDs and ranges FIRST-LAST with blanks between them, at least one, into ids. */
bool id_list_read(struct draft *d, const struct piece *p) MUST_USE;

/* template.c: a text with macros. `ret_macros` may be NULL. */
bool template_read(struct draft *d, const struct piece *p, struct waf_template *ret, bool *ret_macros) MUST_USE;
/* Is the character at `at` behind an odd number of backslashes? */
bool is_escaped(struct bytes text, size_t at) MUST_USE;

/* target.c */
/* The variable that `p` begins with; `ret_len`: bytes of its name. */
bool variable_read(const struct piece *p, enum variable *ret, size_t *ret_len) MUST_USE;
/* NAME, NAME:SELECTOR, &NAME, !NAME: all of `p`. */
bool target_read(struct draft *d, const struct piece *p, struct waf_target *ret) MUST_USE;
/* Several with | or , between them, into targets. */
bool targets_read(struct draft *d, const struct piece *p, struct waf_span *ret) MUST_USE;

/* operator.c: [!][@NAME OPERAND]; the rule gets operator, negated and operand. */
bool operator_read(struct reading *r, const struct piece *p, struct waf_rule *rule) MUST_USE;
/* Does this unquoted text name an operator, whose operand is the next word? */
bool operator_wants_word(const struct piece *p) MUST_USE;

/* action.c: a list of actions. `rule` gets what belongs to a rule alone: id, phase, chain, rev ...; `place` is one
 * bit of enum action_place. */
bool actions_read(struct draft *d, const struct piece *p, enum action_place place, struct waf_effects *effects,
    struct waf_rule *rule) MUST_USE;
/* action_value.c: the value of one action. */
bool action_value_read(struct draft *d, const struct piece *value, struct waf_action *a) MUST_USE;
/* ctl.c: NAME=VALUE. */
bool ctl_read(struct draft *d, const struct piece *value, struct waf_action *a) MUST_USE;

/* directive.c: one directive and its arguments. */
void directive_read(struct reading *r, const struct piece *word, struct piece rest);
/* load.c: Include; `pattern` as written. */
void include_read(struct reading *r, const struct piece *word, const struct piece *pattern, bool optional);
/* The data of a file that `p` names, as an index of data. */
bool data_read(struct reading *r, const struct piece *p, uint32_t *ret) MUST_USE;
/* The text of a file that `p` names. */
bool file_text_read(struct reading *r, const struct piece *p, const char **ret_name, struct bytes *ret) MUST_USE;

/* rule.c: SecRule, SecAction, SecMarker, SecDefaultAction and the exceptions. */
void rule_read(struct reading *r, const struct piece *word, struct piece rest);
void action_directive_read(struct reading *r, const struct piece *word, struct piece rest);
void marker_read(struct reading *r, const struct piece *word, struct piece rest);
void default_action_read(struct reading *r, const struct piece *word, struct piece rest);
void exception_read(struct reading *r, const struct piece *word, struct piece rest, enum exception_kind kind);

/* scan.c: what the next argument is. */
enum argument {
    ARGUMENT_NONE,   /* nothing but a comment follows */
    ARGUMENT_BARE,   /* up to a blank */
    ARGUMENT_QUOTED, /* "..." or '...': without the quotes */
    ARGUMENT_BAD,    /* a diagnostic was given */
};
/* Takes the next argument off `rest`. */
enum argument argument_next(struct piece *rest, struct piece *ret);
/* The next one, or the error that WHAT is missing. */
bool argument_take(const struct piece *word, struct piece *rest, const char *what, struct piece *ret) MUST_USE;
/* An error unless nothing follows. */
bool argument_end(struct piece *rest) MUST_USE;
/* All directives of a file, in order. */
void directives_scan(struct reading *r);

/* check.c: what can only be said about the whole: chains, markers, ids; and what the rules mean after default
 * actions and exceptions. */
void rules_check(struct draft *d);
void rules_resolve(struct draft *d);
