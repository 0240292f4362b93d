/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The words of SecLang, each kind in one table: variables, operators, actions and what `ctl` can change. The
 * enums, the parser, the printer and the suggestions for misspelt words all come from here. Names are written
 * as the canonical print writes them; they are read without regard to case.
 */
#pragma once

#include "base/bytes.h"

/* What a variable is. */
enum variable_shape {
    SHAPE_SCALAR,     /* one value, no selector */
    SHAPE_COLLECTION, /* many values, chosen by a selector */
    SHAPE_STORE,      /* a collection that setvar writes to */
};

#define VARIABLES(X) \
    X(ARGS, COLLECTION) \
    X(ARGS_COMBINED_SIZE, SCALAR) \
    X(ARGS_GET, COLLECTION) \
    X(ARGS_GET_NAMES, COLLECTION) \
    X(ARGS_NAMES, COLLECTION) \
    X(ARGS_POST, COLLECTION) \
    X(ARGS_POST_NAMES, COLLECTION) \
    X(AUTH_TYPE, SCALAR) \
    X(DURATION, SCALAR) \
    X(ENV, COLLECTION) \
    X(FILES, COLLECTION) \
    X(FILES_COMBINED_SIZE, SCALAR) \
    X(FILES_NAMES, COLLECTION) \
    X(FILES_SIZES, COLLECTION) \
    X(FILES_TMPNAMES, COLLECTION) \
    X(FILES_TMP_CONTENT, COLLECTION) \
    X(FULL_REQUEST, SCALAR) \
    X(FULL_REQUEST_LENGTH, SCALAR) \
    X(GEO, COLLECTION) \
    X(GLOBAL, STORE) \
    X(HIGHEST_SEVERITY, SCALAR) \
    X(INBOUND_DATA_ERROR, SCALAR) \
    X(IP, STORE) \
    X(MATCHED_VAR, SCALAR) \
    X(MATCHED_VARS, COLLECTION) \
    X(MATCHED_VARS_NAMES, COLLECTION) \
    X(MATCHED_VAR_NAME, SCALAR) \
    X(MODSEC_BUILD, SCALAR) \
    X(MULTIPART_BOUNDARY_QUOTED, SCALAR) \
    X(MULTIPART_BOUNDARY_WHITESPACE, SCALAR) \
    X(MULTIPART_CRLF_LF_LINES, SCALAR) \
    X(MULTIPART_DATA_AFTER, SCALAR) \
    X(MULTIPART_DATA_BEFORE, SCALAR) \
    X(MULTIPART_FILENAME, COLLECTION) \
    X(MULTIPART_FILE_LIMIT_EXCEEDED, SCALAR) \
    X(MULTIPART_HEADER_FOLDING, SCALAR) \
    X(MULTIPART_INVALID_HEADER_FOLDING, SCALAR) \
    X(MULTIPART_INVALID_PART, SCALAR) \
    X(MULTIPART_INVALID_QUOTING, SCALAR) \
    X(MULTIPART_LF_LINE, SCALAR) \
    X(MULTIPART_MISSING_SEMICOLON, SCALAR) \
    X(MULTIPART_NAME, COLLECTION) \
    X(MULTIPART_PART_HEADERS, COLLECTION) \
    X(MULTIPART_SEMICOLON_MISSING, SCALAR) \
    X(MULTIPART_STRICT_ERROR, SCALAR) \
    X(MULTIPART_UNMATCHED_BOUNDARY, SCALAR) \
    X(OUTBOUND_DATA_ERROR, SCALAR) \
    X(PATH_INFO, SCALAR) \
    X(QUERY_STRING, SCALAR) \
    X(REMOTE_ADDR, SCALAR) \
    X(REMOTE_HOST, SCALAR) \
    X(REMOTE_PORT, SCALAR) \
    X(REMOTE_USER, SCALAR) \
    X(REQBODY_ERROR, SCALAR) \
    X(REQBODY_ERROR_MSG, SCALAR) \
    X(REQBODY_PROCESSOR, SCALAR) \
    X(REQBODY_PROCESSOR_ERROR, SCALAR) \
    X(REQBODY_PROCESSOR_ERROR_MSG, SCALAR) \
    X(REQUEST_BASENAME, SCALAR) \
    X(REQUEST_BODY, SCALAR) \
    X(REQUEST_BODY_LENGTH, SCALAR) \
    X(REQUEST_COOKIES, COLLECTION) \
    X(REQUEST_COOKIES_NAMES, COLLECTION) \
    X(REQUEST_FILENAME, SCALAR) \
    X(REQUEST_HEADERS, COLLECTION) \
    X(REQUEST_HEADERS_NAMES, COLLECTION) \
    X(REQUEST_LINE, SCALAR) \
    X(REQUEST_METHOD, SCALAR) \
    X(REQUEST_PROTOCOL, SCALAR) \
    X(REQUEST_URI, SCALAR) \
    X(REQUEST_URI_RAW, SCALAR) \
    X(RESOURCE, STORE) \
    X(RESPONSE_BODY, SCALAR) \
    X(RESPONSE_CONTENT_LENGTH, SCALAR) \
    X(RESPONSE_CONTENT_TYPE, SCALAR) \
    X(RESPONSE_HEADERS, COLLECTION) \
    X(RESPONSE_HEADERS_NAMES, COLLECTION) \
    X(RESPONSE_PROTOCOL, SCALAR) \
    X(RESPONSE_STATUS, SCALAR) \
    X(RULE, COLLECTION) \
    X(SERVER_ADDR, SCALAR) \
    X(SERVER_NAME, SCALAR) \
    X(SERVER_PORT, SCALAR) \
    X(SESSION, STORE) \
    X(SESSIONID, SCALAR) \
    X(STATUS, SCALAR) \
    X(STATUS_LINE, SCALAR) \
    X(TIME, SCALAR) \
    X(TIME_DAY, SCALAR) \
    X(TIME_EPOCH, SCALAR) \
    X(TIME_HOUR, SCALAR) \
    X(TIME_MIN, SCALAR) \
    X(TIME_MON, SCALAR) \
    X(TIME_SEC, SCALAR) \
    X(TIME_WDAY, SCALAR) \
    X(TIME_YEAR, SCALAR) \
    X(TX, STORE) \
    X(UNIQUE_ID, SCALAR) \
    X(URLENCODED_ERROR, SCALAR) \
    X(USER, STORE) \
    X(USERID, SCALAR) \
    X(WEBAPPID, SCALAR) \
    X(XML, COLLECTION)

enum variable {
#define X(NAME, SHAPE) VARIABLE_##NAME,
    VARIABLES(X)
#undef X
    VARIABLE_COUNT,
};

/* What an operator is compared with. */
enum operand {
    OPERAND_NONE,     /* nothing */
    OPERAND_TEXT,     /* a text, in which macros are expanded */
    OPERAND_LITERAL,  /* a text; macros mean nothing in it */
    OPERAND_FILE,     /* names of files, whose contents are the set's data */
};

#define OPERATORS(X) \
    X(BEGINS_WITH, "beginsWith", TEXT) \
    X(CONTAINS, "contains", TEXT) \
    X(CONTAINS_WORD, "containsWord", TEXT) \
    X(DETECT_SQLI, "detectSQLi", NONE) \
    X(DETECT_XSS, "detectXSS", NONE) \
    X(ENDS_WITH, "endsWith", TEXT) \
    X(EQ, "eq", TEXT) \
    X(GE, "ge", TEXT) \
    X(GEO_LOOKUP, "geoLookup", NONE) \
    X(GT, "gt", TEXT) \
    X(IP_MATCH, "ipMatch", LITERAL) \
    X(IP_MATCH_FROM_FILE, "ipMatchFromFile", FILE) \
    X(LE, "le", TEXT) \
    X(LT, "lt", TEXT) \
    X(PM, "pm", LITERAL) \
    X(PM_FROM_FILE, "pmFromFile", FILE) \
    X(RBL, "rbl", LITERAL) \
    X(RX, "rx", TEXT) \
    X(RX_GLOBAL, "rxGlobal", TEXT) \
    X(STR_EQ, "streq", TEXT) \
    X(STR_MATCH, "strmatch", TEXT) \
    X(UNCONDITIONAL_MATCH, "unconditionalMatch", NONE) \
    X(VALIDATE_BYTE_RANGE, "validateByteRange", LITERAL) \
    X(VALIDATE_URL_ENCODING, "validateUrlEncoding", NONE) \
    X(VALIDATE_UTF8_ENCODING, "validateUtf8Encoding", NONE) \
    X(VERIFY_CC, "verifyCC", LITERAL) \
    X(VERIFY_CPF, "verifyCPF", LITERAL) \
    X(VERIFY_SSN, "verifySSN", LITERAL) \
    X(VERIFY_SVNR, "verifySVNR", LITERAL) \
    X(WITHIN, "within", TEXT)

enum operator {
#define X(NAME, TEXT, OPERAND) OPERATOR_##NAME,
    OPERATORS(X)
#undef X
    OPERATOR_COUNT,
};

/* Where an action may stand. */
enum action_place {
    PLACE_DEFAULT = 1, /* in SecDefaultAction */
    PLACE_CHAINED = 2, /* in a rule of a chain that is not its first */
    PLACE_UPDATE = 4,  /* in SecRuleUpdateActionById */
    PLACE_RULE = 8,    /* in SecRule and SecAction */
    PLACE_ANY = 15,
};

enum action_value {
    VALUE_NONE,
    VALUE_NEEDED,
    VALUE_OPTIONAL,
};

#define ACTIONS(X) \
    X(ACCURACY, "accuracy", NEEDED, PLACE_RULE | PLACE_CHAINED) \
    X(ALLOW, "allow", OPTIONAL, PLACE_RULE | PLACE_DEFAULT | PLACE_UPDATE) \
    X(AUDITLOG, "auditlog", NONE, PLACE_ANY) \
    X(BLOCK, "block", NONE, PLACE_ANY) \
    X(CAPTURE, "capture", NONE, PLACE_ANY) \
    X(CHAIN, "chain", NONE, PLACE_RULE | PLACE_CHAINED) \
    X(CTL, "ctl", NEEDED, PLACE_ANY) \
    X(DENY, "deny", NONE, PLACE_RULE | PLACE_DEFAULT | PLACE_UPDATE) \
    X(DEPRECATEVAR, "deprecatevar", NEEDED, PLACE_ANY) \
    X(DROP, "drop", NONE, PLACE_RULE | PLACE_DEFAULT | PLACE_UPDATE) \
    X(EXPIREVAR, "expirevar", NEEDED, PLACE_ANY) \
    X(ID, "id", NEEDED, PLACE_RULE | PLACE_CHAINED) \
    X(INITCOL, "initcol", NEEDED, PLACE_ANY) \
    X(LOG, "log", NONE, PLACE_ANY) \
    X(LOGDATA, "logdata", NEEDED, PLACE_ANY) \
    X(MATURITY, "maturity", NEEDED, PLACE_RULE | PLACE_CHAINED) \
    X(MSG, "msg", NEEDED, PLACE_ANY) \
    X(MULTIMATCH, "multiMatch", NONE, PLACE_ANY) \
    X(NOAUDITLOG, "noauditlog", NONE, PLACE_ANY) \
    X(NOLOG, "nolog", NONE, PLACE_ANY) \
    X(PASS, "pass", NONE, PLACE_RULE | PLACE_DEFAULT | PLACE_UPDATE) \
    X(PHASE, "phase", NEEDED, PLACE_RULE | PLACE_CHAINED | PLACE_DEFAULT) \
    X(REDIRECT, "redirect", NEEDED, PLACE_RULE | PLACE_DEFAULT | PLACE_UPDATE) \
    X(REV, "rev", NEEDED, PLACE_RULE | PLACE_CHAINED) \
    X(SANITISE_ARG, "sanitiseArg", NEEDED, PLACE_ANY) \
    X(SANITISE_MATCHED, "sanitiseMatched", NONE, PLACE_ANY) \
    X(SANITISE_MATCHED_BYTES, "sanitiseMatchedBytes", OPTIONAL, PLACE_ANY) \
    X(SANITISE_REQUEST_HEADER, "sanitiseRequestHeader", NEEDED, PLACE_ANY) \
    X(SANITISE_RESPONSE_HEADER, "sanitiseResponseHeader", NEEDED, PLACE_ANY) \
    X(SETENV, "setenv", NEEDED, PLACE_ANY) \
    X(SETRSC, "setrsc", NEEDED, PLACE_ANY) \
    X(SETSID, "setsid", NEEDED, PLACE_ANY) \
    X(SETUID, "setuid", NEEDED, PLACE_ANY) \
    X(SETVAR, "setvar", NEEDED, PLACE_ANY) \
    X(SEVERITY, "severity", NEEDED, PLACE_ANY) \
    X(SKIP, "skip", NEEDED, PLACE_ANY) \
    X(SKIP_AFTER, "skipAfter", NEEDED, PLACE_ANY) \
    X(STATUS, "status", NEEDED, PLACE_ANY) \
    X(T, "t", NEEDED, PLACE_ANY) \
    X(TAG, "tag", NEEDED, PLACE_ANY) \
    X(VER, "ver", NEEDED, PLACE_RULE | PLACE_CHAINED) \
    X(XMLNS, "xmlns", NEEDED, PLACE_ANY)

enum action_kind {
#define X(NAME, TEXT, VALUE, PLACES) ACTION_##NAME,
    ACTIONS(X)
#undef X
    ACTION_COUNT,
};

/* What the value of a ctl looks like. */
enum ctl_value_shape {
    CTL_SWITCH,         /* On, Off */
    CTL_ENGINE,         /* On, Off, DetectionOnly */
    CTL_AUDIT_SWITCH,   /* On, Off, RelevantOnly */
    CTL_PARTS,          /* audit log parts, +PARTS or -PARTS */
    CTL_PROCESSOR,      /* a body processor */
    CTL_NUMBER,
    CTL_IDS,            /* ids and ranges of ids */
    CTL_TEXT,           /* a tag or a message */
    CTL_ID_TARGET,      /* an id or a range; a target */
    CTL_TEXT_TARGET,    /* a tag or a message; a target */
};

#define CTLS(X) \
    X(AUDIT_ENGINE, "auditEngine", CTL_AUDIT_SWITCH) \
    X(AUDIT_LOG_PARTS, "auditLogParts", CTL_PARTS) \
    X(DEBUG_LOG_LEVEL, "debugLogLevel", CTL_NUMBER) \
    X(FORCE_REQUEST_BODY_VARIABLE, "forceRequestBodyVariable", CTL_SWITCH) \
    X(REQUEST_BODY_ACCESS, "requestBodyAccess", CTL_SWITCH) \
    X(REQUEST_BODY_LIMIT, "requestBodyLimit", CTL_NUMBER) \
    X(REQUEST_BODY_PROCESSOR, "requestBodyProcessor", CTL_PROCESSOR) \
    X(RESPONSE_BODY_ACCESS, "responseBodyAccess", CTL_SWITCH) \
    X(RESPONSE_BODY_LIMIT, "responseBodyLimit", CTL_NUMBER) \
    X(RULE_ENGINE, "ruleEngine", CTL_ENGINE) \
    X(RULE_REMOVE_BY_ID, "ruleRemoveById", CTL_IDS) \
    X(RULE_REMOVE_BY_MSG, "ruleRemoveByMsg", CTL_TEXT) \
    X(RULE_REMOVE_BY_TAG, "ruleRemoveByTag", CTL_TEXT) \
    X(RULE_REMOVE_TARGET_BY_ID, "ruleRemoveTargetById", CTL_ID_TARGET) \
    X(RULE_REMOVE_TARGET_BY_MSG, "ruleRemoveTargetByMsg", CTL_TEXT_TARGET) \
    X(RULE_REMOVE_TARGET_BY_TAG, "ruleRemoveTargetByTag", CTL_TEXT_TARGET)

enum ctl {
#define X(NAME, TEXT, SHAPE) CTL_##NAME,
    CTLS(X)
#undef X
    CTL_COUNT,
};

/* The names as they are printed, by enum. */
extern const char *const variable_names[VARIABLE_COUNT];
extern const char *const operator_names[OPERATOR_COUNT];
extern const char *const action_names[ACTION_COUNT];
extern const char *const ctl_names[CTL_COUNT];
extern const uint8_t variable_shapes[VARIABLE_COUNT]; /* enum variable_shape */
extern const uint8_t operator_operands[OPERATOR_COUNT]; /* enum operand */
extern const uint8_t action_values[ACTION_COUNT]; /* enum action_value */
extern const uint8_t action_places[ACTION_COUNT]; /* enum action_place, several */
extern const uint8_t ctl_shapes[CTL_COUNT]; /* enum ctl_value_shape */

/* The words that ModSecurity knows besides, in any version, and why this engine refuses them. */
struct refused_word {
    const char *name; /* NULL: the end of the table */
    const char *why;
};
extern const struct refused_word refused_variables[], refused_operators[], refused_actions[], refused_ctls[];

/* Is `word` this name? Without regard to case. */
bool word_is(struct bytes word, const char *name) MUST_USE;
/* The index of `word` among `count` names; false when it is none of them. */
bool word_find(struct bytes word, const char *const *names, size_t count, size_t *ret) MUST_USE;
/* Why `word` is refused; NULL when it is not in the table. */
const char *word_refused(struct bytes word, const struct refused_word *refused) MUST_USE;
