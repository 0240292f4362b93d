/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tree behind `struct condition`: what lexer, parser, type checker, evaluation and print share. Nobody
 * outside condition*.c includes this.
 */
#pragma once

#include "policy/condition.h"

#define CONDITION_SOURCE_MAX 65536 /* bytes of one expression */
#define CONDITION_DEPTH_MAX 64     /* levels of nesting, and of the tree */
#define CONDITION_NODES_MAX 4096
#define CONDITION_STEPS_MAX 100000 /* of one evaluation; past it the answer is unknown */

#define NANOSECONDS INT64_C(1000000000)

__extension__ typedef __int128 wide; /* nanoseconds of timestamps: 9999 years are 3.2e20 */

/* ---- types and values ---- */

enum base_type {
    TYPE_WRONG, /* already reported: fits everything, so that one mistake is one message */
    TYPE_ANY,   /* the element of an empty list */
    TYPE_BOOL,
    TYPE_INT,
    TYPE_UINT,
    TYPE_DOUBLE,
    TYPE_STRING,
    TYPE_TIMESTAMP,
    TYPE_DURATION,
};

struct type {
    uint8_t base;  /* enum base_type */
    uint8_t lists; /* how many lists around it; at most CONDITION_DEPTH_MAX */
};

enum value_kind {
    VALUE_UNKNOWN,
    VALUE_BOOL,
    VALUE_INT,
    VALUE_UINT,
    VALUE_DOUBLE,
    VALUE_STRING,
    VALUE_TIMESTAMP,
    VALUE_DURATION,
    VALUE_LIST,
    /* What is known of a value at every second of a piece of time; never the worth of a constant. */
    VALUE_RANGE, /* known, from range.first to range.last: an int, seconds of a timestamp, nanoseconds of a duration */
    VALUE_ANY,   /* anything of its type, or unknown */
};

struct value {
    enum value_kind kind;
    uint32_t nanoseconds; /* of a timestamp, 0..999,999,999 */
    union {
        bool boolean;
        int64_t integer; /* int; seconds of a timestamp; nanoseconds of a duration */
        uint64_t natural;
        double real;
        struct bytes string; /* UTF-8 */
        struct {
            const struct value *items;
            size_t count;
        } list;
        struct {
            int64_t first, last;
        } range;
    };
};

static const struct value any = {.kind = VALUE_ANY};

static inline struct value of_bool(bool b)
{
    return (struct value){.kind = VALUE_BOOL, .boolean = b};
}

static inline struct value of_int(int64_t i)
{
    return (struct value){.kind = VALUE_INT, .integer = i};
}

static inline struct value of_range(int64_t first, int64_t last)
{
    return (struct value){.kind = VALUE_RANGE, .range = {first, last}};
}

static inline bool is_vague(const struct value *v)
{
    return v->kind >= VALUE_RANGE;
}

/* Nanoseconds of a timestamp or duration. */
static inline wide nanoseconds_of(const struct value *v)
{
    return v->kind == VALUE_TIMESTAMP ? (wide)v->integer * NANOSECONDS + v->nanoseconds : v->integer;
}

/* A double as it is written: exact, and the same on every machine and in every locale. */
struct decimal {
    uint64_t mantissa; /* at most 2^53, without trailing zeros */
    int exponent;      /* of ten, -22..22: then value is one correctly rounded operation */
    bool negative;
};

/* ---- the tree ---- */

enum node_kind {
    NODE_LITERAL,  /* value; decimal for a double */
    NODE_LIST,     /* items */
    NODE_NAME,     /* `now`, or a variable of exists and all: slot */
    NODE_MEMBER,   /* items[0].name: field */
    NODE_INDEX,    /* items[0][items[1]] */
    NODE_NOT,      /* !items[0] */
    NODE_NEGATE,   /* -items[0] */
    NODE_AND,      /* two or more items */
    NODE_OR,       /* two or more items */
    NODE_BINARY,   /* items[0] operation items[1] */
    NODE_CHOICE,   /* items[0] ? items[1] : items[2] */
    NODE_CALL,     /* name(items...) or items[0].name(items[1]...) */
    NODE_QUANTIFY, /* items[0].exists(name, items[1]), or all */
};

/* Binary operators: constant, spelling, binding strength (larger binds closer). */
#define CONDITION_OPERATIONS(X)                                                                                        \
    X(OPERATION_EQUAL, "==", 4)                                                                                        \
    X(OPERATION_UNEQUAL, "!=", 4)                                                                                      \
    X(OPERATION_LESS, "<", 4)                                                                                          \
    X(OPERATION_LESS_EQUAL, "<=", 4)                                                                                   \
    X(OPERATION_GREATER, ">", 4)                                                                                       \
    X(OPERATION_GREATER_EQUAL, ">=", 4)                                                                                \
    X(OPERATION_IN, "in", 4)                                                                                           \
    X(OPERATION_ADD, "+", 5)                                                                                           \
    X(OPERATION_SUBTRACT, "-", 5)                                                                                      \
    X(OPERATION_MULTIPLY, "*", 6)                                                                                      \
    X(OPERATION_DIVIDE, "/", 6)                                                                                        \
    X(OPERATION_REMAINDER, "%", 6)

enum operation {
#define X(name, spelling, strength) name,
    CONDITION_OPERATIONS(X)
#undef X
};

enum function {
    FUNCTION_NONE,
    FUNCTION_SIZE,
    FUNCTION_MATCHES,
    FUNCTION_STARTS_WITH,
    FUNCTION_ENDS_WITH,
    FUNCTION_CONTAINS,
    FUNCTION_TIMESTAMP,
    FUNCTION_DURATION,
    FUNCTION_FIELD, /* of a timestamp: getHours() and its kin; `field` says which */
    FUNCTION_HOURS, /* whole hours, minutes and seconds of a duration */
    FUNCTION_MINUTES,
    FUNCTION_SECONDS,
};

enum field {
    FIELD_YEAR,
    FIELD_MONTH, /* 1..12 */
    FIELD_DAY,   /* 1..31 */
    FIELD_HOUR,
    FIELD_MINUTE,
    FIELD_SECOND,
    FIELD_WEEKDAY,    /* 0 is Sunday */
    FIELD_MONTH_ZERO, /* 0..11 */
    FIELD_DAY_ZERO,   /* 0..30 */
    FIELD_YEARDAY,    /* 0..365 */
};

#define SLOT_NOW UINT32_MAX

struct pattern; /* a compiled regular expression; condition_evaluate.c knows it */

struct node {
    enum node_kind kind : 8;
    enum operation operation : 8; /* of NODE_BINARY */
    enum function function : 8;   /* of NODE_CALL */
    enum field field : 8;         /* of NODE_MEMBER and FUNCTION_FIELD */
    bool receiver;            /* of NODE_CALL: written behind a dot */
    bool all;                 /* of NODE_QUANTIFY: all, else exists */
    bool constant;            /* `value` is its worth whatever the facts; that may be unknown */
    uint32_t slot;          /* of NODE_NAME and NODE_QUANTIFY: the variable, or SLOT_NOW */
    uint32_t offset, width; /* in the source */
    uint32_t depth;         /* 1 for a leaf */
    uint32_t count;
    struct type type;
    struct node **items; /* NULL when there are none */
    struct bytes name;
    struct value value;
    union {
        struct decimal decimal;  /* of NODE_LITERAL */
        struct pattern *pattern; /* of FUNCTION_MATCHES */
    };
};

struct condition {
    struct node *root;
};

/* What the steps from text to checked tree share. */
struct compilation {
    struct bytes source;
    struct place place;
    struct arena *arena;
    struct diags *diags;
    size_t at;      /* lexer: next unread byte */
    uint32_t nodes; /* parser: made so far */
    uint32_t level; /* parser: nesting now */
};

static inline struct place place_in(const struct compilation *r, size_t offset, size_t width)
{
    return (struct place){.line = r->place.line, .column = r->place.column + (uint32_t)offset, .width = (uint32_t)width};
}
/* Always false. `hint` may be NULL. */
#define COMPLAIN(r, offset, width, hint, ...) diag_error((r)->diags, place_in((r), (offset), (width)), (hint), __VA_ARGS__)
/* For "%.*s": names in messages are cut to a readable length. */
#define NAME_ARGUMENTS(b) ((int)((b).len < 60 ? (b).len : 60)), ((const char *)(b).at)

/* Memory is out: counted as an error. Always false. */
static inline bool no_memory(struct compilation *r)
{
    r->diags->out_of_memory = true;
    return false;
}

/* How often a part of a condition changes. */
enum level {
    LEVEL_SECOND,
    LEVEL_MINUTE,
    LEVEL_HOUR,
    LEVEL_DAY, /* dates; the offset from UTC; whatever happens once */
};
#define LEVELS_ALL ~0u

static inline enum level field_level(enum field field)
{
    return field == FIELD_SECOND ? LEVEL_SECOND : field == FIELD_MINUTE ? LEVEL_MINUTE : field == FIELD_HOUR ? LEVEL_HOUR : LEVEL_DAY;
}

/* ---- condition_lex.c: text to tokens and literals ---- */

enum token_kind {
    TOKEN_END,
    TOKEN_WORD,
    TOKEN_LITERAL,
    TOKEN_OPERATION,
    TOKEN_AND,
    TOKEN_OR,
    TOKEN_NOT,
    TOKEN_QUESTION,
    TOKEN_COLON,
    TOKEN_COMMA,
    TOKEN_DOT,
    TOKEN_OPEN,
    TOKEN_CLOSE,
    TOKEN_OPEN_LIST,
    TOKEN_CLOSE_LIST,
};

struct token {
    enum token_kind kind;
    enum operation operation;
    size_t offset, width;
    struct bytes text;
    struct value value;     /* of a literal; an int is as yet without sign, as uint64 in `natural` */
    struct decimal decimal; /* of a double */
};

/* The next token; false after a diagnostic. */
bool condition_lex(struct compilation *r, struct token *ret) MUST_USE;
double decimal_value(const struct decimal *d);
/* RFC 3339, and Go's notation of durations ("1h30m", "-1.5s"); false when it is not one or out of range. */
bool timestamp_parse(struct bytes text, struct value *ret) MUST_USE;
bool duration_parse(struct bytes text, struct value *ret) MUST_USE;

/* ---- condition_type.c: names and types, and what is constant ---- */

bool condition_check(struct compilation *r, struct node *root) MUST_USE;

/* ---- condition_evaluate.c ---- */

#define EVALUATION_SCRATCH 65536 /* bytes of strings and lists that one evaluation can make */

struct evaluation {
    const struct facts *facts; /* NULL while constants are worked out */
    unsigned exact;            /* by 1 << enum level: fields of `now` of other levels are ranges */
    int64_t last;              /* `now` is a range that ends with this second */
    struct arena *arena;       /* then memory comes from here, else from scratch */
    uint32_t steps;            /* left */
    bool exhausted, no_memory;
    uint8_t *scratch;
    size_t used;
    struct value variables[CONDITION_DEPTH_MAX];
};

/* `scratch`: EVALUATION_SCRATCH bytes, aligned to 16. */
void evaluation_begin(struct evaluation *e, const struct facts *facts, unsigned exact, int64_t last, uint8_t *scratch);
struct value node_evaluate(struct evaluation *e, const struct node *n);

/*
 * What a node whose items are constant is worth; what has to be stored goes into the arena. `steps`: what
 * may still be spent. False when that is used up or memory is out (`ret_memory`).
 */
bool node_fold(const struct node *n, struct arena *arena, uint32_t *steps, struct value *ret, bool *ret_memory) MUST_USE;

/* NULL with a text in `error` for what is not a pattern, or with "" when memory is out. */
struct pattern *pattern_compile(struct bytes text, struct arena *arena, char *error, size_t error_size) MUST_USE;

/*
 * The answer at every second at which what has one of the levels `exact` (1 << enum level) is as in
 * `facts`, whatever the fields of the others are; false when these decide. The condition must not be irregular
 * (condition_change.c). Without LEVEL_DAY it must know `now` by its fields alone.
 */
bool condition_settled(const struct condition *c, const struct facts *facts, unsigned exact, enum truth *ret) MUST_USE;

/* The same answer at every second from that of `facts` to `last`; false when no more is known than that it may be another. */
bool condition_settled_until(const struct condition *c, const struct facts *facts, int64_t last, enum truth *ret) MUST_USE;

/* Steps of an evaluation in which so much is open; others take about as many, or less. */
uint32_t condition_steps(const struct condition *c, const struct facts *facts, int64_t last);

/* ---- condition_seconds.c ---- */

#define SECONDS_MAX 60

/*
 * The answer at each of `count` seconds from that of `facts` on, at most SECONDS_MAX: bit i of `ret_true` and `ret_false` is for
 * the i-th, in neither of them where it is unknown. False: it is not told, and each is to be asked for by itself.
 */
bool condition_each_second(const struct condition *c, const struct facts *facts, unsigned count, uint64_t *ret_true, uint64_t *ret_false) MUST_USE;

/* ---- condition_range.c: values of which the range is known ---- */

/* All that it can be; a year is VALUE_ANY. */
struct value range_of_field(enum field field);
/* Operands are ints, times or ranges of them, or something else, of which nothing is known then. */
struct value range_compare(enum operation operation, const struct value *a, const struct value *b);
struct value range_arithmetic(enum operation operation, const struct value *a, const struct value *b);
/* Of timestamps, or a timestamp and a duration, or durations. */
struct value range_of_times(enum operation operation, const struct value *a, bool a_timestamp, const struct value *b, bool b_timestamp);
struct value range_in(const struct value *needle, const struct value *items, size_t count);
