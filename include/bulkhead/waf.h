/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libbulkhead: the web rules of ModSecurity 3 (SecLang, the OWASP Core Rule Set) over HTTP requests and responses. Rules are
 * compiled once and shared by all threads; a transaction takes one request and its response step by step, and says what
 * the rules decide. See examples/waf-embed.c, and examples/waf-store.c for collections that the program keeps.
 *
 * It reads no files and no clocks, asks no network and prints nothing: what rules want of these the caller lends. Only
 * bh_waf_rules_load_files, at the end, reads files.
 *
 * Conventions. Every function may be given NULL where it says so; else NULL is BH_WAF_MISUSE, or 0, or empty. What is given
 * back through `ret` is set on success alone. Texts are bytes with a length, whatever their encoding, and have no NUL behind
 * them; where a `const char *` is one, it has. A struct that begins with `size` is zeroed and its size set by the caller
 * (`struct bh_waf_options o = {.size = sizeof o};`), so that a program goes on working with a library in which it has grown: what
 * such a program does not know is 0, and 0 means that nothing is asked for. bh_waf_event and bh_waf_decision are a type and a
 * function each: in C++ too the types are written `struct bh_waf_event` and `enum bh_waf_decision`.
 *
 * Threads. A rule set may be used by any number of threads at once. A scratch is one thread's at a time. A transaction is
 * one thread's at a time, and may go from thread to thread between its steps; it holds no scratch while it waits. The library
 * has no threads of its own but those that compile rules (`threads`), which end before the rules are there.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum bh_waf_result {
    BH_WAF_OK,
    BH_WAF_MISUSE,    /* a NULL, a step out of its order, a size that is none: nothing has happened */
    BH_WAF_NO_MEMORY, /* nothing has happened */
    BH_WAF_INVALID,   /* the rules have errors: the report says which */
    BH_WAF_NOT_HTTP,  /* the head cannot be read: no rule has seen it, and it should go to no server */
};

struct bh_waf_bytes {
    const void *at; /* NULL: there is none */
    size_t len;
};

/* ---- rules */

/* A compiled rule set. Immutable; counted, so that it lasts until the last scratch and transaction of it are freed. */
struct bh_waf_rules;

/* A file of rules. */
struct bh_waf_file {
    const char *name;         /* as diagnostics, and what is included from it, know it */
    struct bh_waf_bytes text; /* `at` is NULL: it is got by `read` */
};

/* Where `list` puts names, one call for each, in the order in which the files are to be read. 0: memory is out, stop. */
typedef int bh_waf_add_name(void *into, const char *name);

struct bh_waf_rules_options {
    size_t size;
    /*
     * What Include and @pmFromFile and their like name. `list`: the files that `pattern` (it may hold * ? and [...]) stands
     * for, seen from the file `from`. 1: told, perhaps none; 0: it cannot be known. `read`: the text of a file; 1, or 0 when
     * there is none. The text stays as it is until the rules are loaded. NULL: no file is there but those that are given.
     */
    int (*list)(void *context, const char *from, const char *pattern, bh_waf_add_name *add, void *into);
    int (*read)(void *context, const char *name, struct bh_waf_bytes *ret);
    void *context;
    size_t most_memory; /* bytes, besides what PCRE2 and Hyperscan allocate; 0: 4 GiB */
    int rule_by_rule;   /* not 0: no scan for many rules at once is made; slower to run, and ready in a tenth of the time */
    /*
     * What was compiled before (bh_waf_rules_image), perhaps for these rules: what is in it is not compiled again. It stays as it
     * is until the rules are freed, and comes from somebody whom you would let write the rules. Of one that cannot be used
     * a warning says why, and all is compiled. `at` is NULL: none.
     */
    struct bh_waf_bytes image;
    /*
     * Threads that compile, the caller's own among them, at most 64: right is one for each processor. 0: the caller's alone. Where
     * one cannot be had the others do its work.
     */
    size_t threads;
    /*
     * Threads of the caller's instead: does each job from 0 to `count` - 1 once, on any thread, several at a time if it likes, and
     * returns when all are done. A job takes up to a second, calls nothing of the caller's and must not wait for another.
     * NULL: `threads`.
     */
    void (*run)(void *run_context, void (*job)(void *argument, size_t which), void *argument, size_t count);
    void *run_context;
};

/* What is said of rules: errors and warnings, file by file. */
struct bh_waf_report;

struct bh_waf_message {
    size_t size;
    int is_warning;        /* else an error */
    const char *file;
    uint32_t line, column; /* from 1; 0: nowhere in particular. Columns count bytes. */
    const char *message;   /* a sentence without a full stop */
    const char *hint;      /* what to do, or NULL */
};

/*
 * Two random numbers, from which names in requests get their places in tables: who sends them must not be able to tell. To be
 * called once, by one thread, before any rules are loaded; BH_WAF_MISUSE after that. Without it the places are known.
 */
enum bh_waf_result bh_waf_seed(uint64_t one, uint64_t other);

/*
 * Loads and compiles `count` files as if one included them all, in their order. Texts and names need not outlive the call.
 * `options` may be NULL. `*ret`: freed by bh_waf_rules_free. `*ret_report`, which may be NULL, is set in every case but
 * BH_WAF_MISUSE, to NULL where there is nothing to say or no memory to say it; freed by bh_waf_report_free.
 * BH_WAF_INVALID, BH_WAF_NO_MEMORY, BH_WAF_MISUSE. Takes seconds for thousands of rules, less with `threads` or an `image`. Any thread.
 * Source: ModSecurity's Reference Manual (v3.x).
 */
enum bh_waf_result bh_waf_rules_load(const struct bh_waf_file *files, size_t count, const struct bh_waf_rules_options *options, struct bh_waf_rules **ret,
    struct bh_waf_report **ret_report);
/*
 * One more owner, and one fewer; the last frees. Any thread. NULL is fine. Holding is only for who is an owner, or under the
 * lock under which rules are replaced: between reading a pointer and holding, the last owner may free.
 */
struct bh_waf_rules *bh_waf_rules_hold(struct bh_waf_rules *rules);
void bh_waf_rules_free(struct bh_waf_rules *rules);

/*
 * What was compiled, to be used by the next load, of this process or another on the same kind of machine. `*ret` has `*ret_len`
 * bytes; where it begins at a multiple of 64 it is used where it lies. Freed by free(3). BH_WAF_NO_MEMORY, BH_WAF_MISUSE. Any thread.
 */
enum bh_waf_result bh_waf_rules_image(const struct bh_waf_rules *rules, void **ret, size_t *ret_len);
/*
 * Compiles the expressions that wait for their first use, so that no request waits for that: perhaps on a thread of its own.
 * Several threads may do it at once, and share the work: all is compiled when each of them has returned. Any thread.
 */
void bh_waf_rules_warm(const struct bh_waf_rules *rules);

/* How many messages, at most 1,000 a file; 0 for NULL. */
size_t bh_waf_report_count(const struct bh_waf_report *report);
/* Texts live as long as the report. BH_WAF_MISUSE: there is no such message. */
enum bh_waf_result bh_waf_report_message(const struct bh_waf_report *report, size_t index, struct bh_waf_message *ret);
void bh_waf_report_free(struct bh_waf_report *report);

/* ---- a thread's scratch */

/* What matching needs while it runs: one for each thread and rule set. It holds the rules. */
struct bh_waf_scratch;

/* BH_WAF_NO_MEMORY, BH_WAF_MISUSE. Any thread. */
enum bh_waf_result bh_waf_scratch_create(struct bh_waf_rules *rules, struct bh_waf_scratch **ret);
/* NULL is fine. */
void bh_waf_scratch_free(struct bh_waf_scratch *scratch);

/* ---- collections that outlast a transaction */

/* IP, SESSION, USER, GLOBAL and RESOURCE: in memory, or wherever the caller keeps them. For any number of threads. */
struct bh_waf_store;

struct bh_waf_store_options {
    size_t size;
    size_t collections;      /* 0: 100,000; what was not used for longest gives way */
    size_t bytes;            /* of all together; 0: 256 MiB */
    size_t variables;        /* of one collection; 0: 1,000 */
    size_t collection_bytes; /* of one; 0: 64 KiB */
    uint64_t seed[2];        /* random: who writes keys must not know where they are kept; 0, or no options: the places are known */
};

/* `options` may be NULL. BH_WAF_NO_MEMORY, BH_WAF_MISUSE. */
enum bh_waf_result bh_waf_store_create(const struct bh_waf_store_options *options, struct bh_waf_store **ret);
/* ---- where the caller keeps them: a database, memory that processes share */

enum bh_waf_collection {
    BH_WAF_GLOBAL,
    BH_WAF_IP,
    BH_WAF_RESOURCE,
    BH_WAF_SESSION,
    BH_WAF_USER,
};

/* Which collection. All of it is the collection's name; bytes, compared one by one. */
struct bh_waf_collection_key {
    struct bh_waf_bytes application; /* SecWebAppId: each has collections of its own */
    enum bh_waf_collection collection;
    struct bh_waf_bytes key;         /* what initcol, setsid, setuid or setrsc say: whoever sends requests may choose it */
};

/* What rules can ask of a collection besides its variables. Zeroed before it is asked for; brought within their ranges after. */
struct bh_waf_collection_facts {
    int exists;               /* not 0: it has been made, and has not ended. 0: the rest counts for nothing, and IS_NEW is 1 */
    int64_t created, updated; /* seconds since 1970-01-01 UTC, 0 to now */
    int64_t timeout;          /* seconds from a change to its end, 0 to 2,147,483,647; 0: not known */
    uint64_t updates;         /* transactions that changed it */
};

enum bh_waf_change_kind {
    BH_WAF_CHANGE_SET,       /* the variable becomes `value` */
    BH_WAF_CHANGE_ADD,       /* `number` is added to what it is as a number of 32 bits; 0 where it is not there, or is no such number */
    BH_WAF_CHANGE_REMOVE,
    BH_WAF_CHANGE_EXPIRE,    /* it is gone from the second `number` on, whatever is set until then */
    BH_WAF_CHANGE_DEPRECATE, /* lowered by `number` in `period` seconds, evenly since it was set or last lowered, no lower than 0 */
    BH_WAF_CHANGE_TIMEOUT,   /* the collection's becomes `number` seconds; no variable is meant */
};

/*
 * One change. A collection is made by the first BH_WAF_CHANGE_SET, _ADD or _TIMEOUT; any other of one that is not there does
 * nothing. What changes something makes `updated` now, and its end `timeout` seconds from now.
 */
struct bh_waf_change {
    enum bh_waf_change_kind kind;
    int first;               /* not 0: of its transaction; counts as one of `updates` when it changes something */
    struct bh_waf_bytes name; /* of the variable; told apart without regard to ASCII case */
    struct bh_waf_bytes value;
    int64_t number, period;
    int64_t timeout;         /* of the collection, when this change makes it */
};

enum bh_waf_store_result {
    BH_WAF_STORE_DONE,
    BH_WAF_STORE_NO_ROOM, /* nothing was changed, as it would be too much */
    BH_WAF_STORE_FAILED,  /* it does not answer. Anything else is this, too. */
};

/* Tells of a variable; both texts are copied. 0: memory is out, and no more need be told. */
typedef int bh_waf_tell_variable(void *into, struct bh_waf_bytes name, struct bh_waf_bytes value);

/*
 * What it is asked, during steps, by the thread of the step and by several threads at once. A step waits for it: what may take
 * long has a bound, and fails. What it is given lasts as long as the call; it must not call functions of a transaction.
 *
 * When it fails, and when there is no room, the transaction goes on with a view of its own, its limits say so, and rules see
 * TX:MSC_COLLECTION_LIMITS_EXCEEDED.
 */
struct bh_waf_store_functions {
    size_t size;
    /* Every variable that has not ended by `now`, by calls of `tell`, in the order in which they came. A collection that is not there has none. */
    enum bh_waf_store_result (*read)(void *context, const struct bh_waf_collection_key *key, int64_t now, bh_waf_tell_variable *tell, void *into,
        struct bh_waf_collection_facts *ret_facts);
    /*
     * One change, as a whole or not at all: of two that add 1 at the same time both count. Then the variable as it is now by a call
     * of `tell`, or by none that it is not there.
     */
    enum bh_waf_store_result (*change)(void *context, const struct bh_waf_collection_key *key, const struct bh_waf_change *change, int64_t now,
        bh_waf_tell_variable *tell, void *into);
    void *context; /* outlives the store */
};

/* Both functions are needed. BH_WAF_NO_MEMORY, BH_WAF_MISUSE. */
enum bh_waf_result bh_waf_store_lend(const struct bh_waf_store_functions *functions, struct bh_waf_store **ret);

/* A variable as it is kept: zeroed, but for `size`, where there is none. */
struct bh_waf_variable {
    size_t size;
    int exists;
    struct bh_waf_bytes value;
    int64_t expires;     /* gone from this second on */
    int64_t since, rest; /* what BH_WAF_CHANGE_DEPRECATE has to know; to be kept as they are */
    char digits[24];     /* for a value that is a number */
};

/*
 * What a change makes of a variable, for who keeps collections under a lock, or in something that compares and swaps. `value`
 * is then the old one, the change's, or `digits` in the struct, and needs a copy to be kept. 1: the collection counts as
 * changed; 0: it does not, though `since` and `rest` may be others. A variable that has ended by `now` does not exist.
 */
int bh_waf_variable_change(struct bh_waf_variable *variable, const struct bh_waf_change *change, int64_t now);

/* Once no transaction that was given it is left. NULL is fine. */
void bh_waf_store_free(struct bh_waf_store *store);

/* ---- a transaction */

struct bh_waf_transaction;

/* Fields of GEO, by the reference manual. */
enum bh_waf_place_field {
    BH_WAF_PLACE_COUNTRY_CODE,      /* two letters */
    BH_WAF_PLACE_COUNTRY_CODE3,     /* three */
    BH_WAF_PLACE_COUNTRY_NAME,
    BH_WAF_PLACE_COUNTRY_CONTINENT, /* two letters */
    BH_WAF_PLACE_REGION,
    BH_WAF_PLACE_CITY,
    BH_WAF_PLACE_POSTAL_CODE,
    BH_WAF_PLACE_LATITUDE,
    BH_WAF_PLACE_LONGITUDE,
    BH_WAF_PLACE_DMA_CODE,
    BH_WAF_PLACE_AREA_CODE,
    BH_WAF_PLACE_FIELDS,
};

enum bh_waf_answer {
    BH_WAF_NO,
    BH_WAF_YES,
    BH_WAF_UNKNOWN, /* nobody answers */
};

struct bh_waf_options {
    size_t size;
    size_t most_memory;             /* bytes of the transaction, what it copies included; past them it is refused; 0: 64 MiB */
    struct bh_waf_bytes unique_id;  /* UNIQUE_ID; copied */
    int64_t time;                   /* seconds since 1970-01-01 UTC; where an int cannot hold the year, TIME_HOUR and the like are 0 */
    int32_t utc_offset;             /* seconds that local time is ahead of UTC, for TIME_HOUR and the like */
    int keeps_coded_responses;      /* not 0: bodies with Content-Encoding gzip, deflate or br are looked at as they are */
    int lets_undecided_by;          /* 0: where rules may refuse, a message is at which an expression came to its match limit (SecPcreMatchLimit) */
    uint64_t most_time;             /* microseconds that the rules may take in all steps together, by `duration`; 0: no bound */
    uint64_t (*duration)(void *context); /* microseconds since some moment, for DURATION and `most_time`; NULL: 0 */
    /* ENV: the value of a variable of the environment, which stays until the transaction is freed; empty: there is none. NULL: none is known. */
    struct bh_waf_bytes (*environment)(void *context, struct bh_waf_bytes name);
    /* @geoLookup: where an address is, by enum bh_waf_place_field; texts are copied. NULL: there is no database, and limits say so. */
    enum bh_waf_answer (*place)(void *context, struct bh_waf_bytes address, struct bh_waf_bytes ret[BH_WAF_PLACE_FIELDS]);
    /* @rbl: has the DNS an address for the name? NULL: nobody is asked, and limits say so. The step waits for the answer. */
    enum bh_waf_answer (*listed)(void *context, struct bh_waf_bytes name);
    void *context;                  /* of the four, which are called during steps, by the thread of the step */
    struct bh_waf_store *store;     /* outlives the transaction; NULL: collections last as long as it, and limits say so */
};

/* It holds the rules. `options` may be NULL. Freed by bh_waf_transaction_free, at any time. BH_WAF_NO_MEMORY, BH_WAF_MISUSE. */
enum bh_waf_result bh_waf_transaction_create(struct bh_waf_rules *rules, const struct bh_waf_options *options, struct bh_waf_transaction **ret);
/* NULL is fine. */
void bh_waf_transaction_free(struct bh_waf_transaction *t);

/*
 * The steps, in this order: connection (or none), request head, its body's pieces, its end; then of the response the same
 * three (or none); the end. One that is out of its order is BH_WAF_MISUSE. After each bh_waf_decision says what stands. Once
 * that is a refusal, the steps up to the end do nothing and are BH_WAF_OK. When a transaction's memory or time runs out it
 * is refused (413, 403): what was not judged does not pass. A scratch of other rules is BH_WAF_MISUSE.
 */

/* Addresses as text, copied. */
enum bh_waf_result bh_waf_connection(struct bh_waf_transaction *t, struct bh_waf_bytes client, uint16_t client_port, struct bh_waf_bytes server, uint16_t server_port);

struct bh_waf_header {
    struct bh_waf_bytes name, value; /* without the white space around the value */
};

struct bh_waf_request {
    size_t size;
    struct bh_waf_bytes method, target, protocol; /* target as it was sent; protocol: "HTTP/1.1", also "HTTP/2.0" */
    const struct bh_waf_header *headers;          /* in the order in which they came */
    size_t header_count;
};

struct bh_waf_response {
    size_t size;
    struct bh_waf_bytes protocol, reason;
    int status;                                   /* 100 to 599 */
    const struct bh_waf_header *headers;
    size_t header_count;
};

/* Phase 1. All is copied. */
enum bh_waf_result bh_waf_request_head(struct bh_waf_transaction *t, struct bh_waf_scratch *scratch, const struct bh_waf_request *request);
/* The same from the bytes of HTTP/1 (RFC 9112): lines up to the empty one, and nothing behind it. BH_WAF_NOT_HTTP also when something stands there. */
enum bh_waf_result bh_waf_request_head_raw(struct bh_waf_transaction *t, struct bh_waf_scratch *scratch, struct bh_waf_bytes head);
/* 1: rules look at the body. 0: they do not, and its pieces need not be given. Known once the head was given. */
int bh_waf_reads_request_body(const struct bh_waf_transaction *t);

enum bh_waf_piece {
    BH_WAF_COPIED, /* what is needed of it is copied */
    BH_WAF_LENT,   /* it stays as it is until the transaction is freed: a body of one piece is not copied */
};
/* The next bytes of the body, without the framing of chunks. Limits of size, count and depth are the rules' (SecRequestBodyLimit and so on). */
enum bh_waf_result bh_waf_request_body(struct bh_waf_transaction *t, struct bh_waf_bytes piece, enum bh_waf_piece kind);
/* Phase 2; also of a request without a body. */
enum bh_waf_result bh_waf_request_end(struct bh_waf_transaction *t, struct bh_waf_scratch *scratch);

/* Phase 3, body, phase 4, as of the request. */
enum bh_waf_result bh_waf_response_head(struct bh_waf_transaction *t, struct bh_waf_scratch *scratch, const struct bh_waf_response *response);
enum bh_waf_result bh_waf_response_head_raw(struct bh_waf_transaction *t, struct bh_waf_scratch *scratch, struct bh_waf_bytes head);
int bh_waf_reads_response_body(const struct bh_waf_transaction *t);
enum bh_waf_result bh_waf_response_body(struct bh_waf_transaction *t, struct bh_waf_bytes piece, enum bh_waf_piece kind);
enum bh_waf_result bh_waf_response_end(struct bh_waf_transaction *t, struct bh_waf_scratch *scratch);

/* Phase 5. From any step after the request's head on. What came of it lasts until the transaction is freed. */
enum bh_waf_result bh_waf_end(struct bh_waf_transaction *t, struct bh_waf_scratch *scratch);

/* ---- what is decided: after any step */

enum bh_waf_decision {
    BH_WAF_PASS,
    BH_WAF_DENY,     /* answer with the status */
    BH_WAF_DROP,     /* close the connection */
    BH_WAF_REDIRECT, /* answer with the status, to where it leads */
    BH_WAF_ALLOW,    /* passes as well: a rule let it by, and later rules were not asked */
};

/* NULL is a refusal (BH_WAF_DENY): nobody passes what was not looked at. */
enum bh_waf_decision bh_waf_decision(const struct bh_waf_transaction *t);
/* Of a refusal: HTTP's, and the phase in which it fell; else 0. */
int bh_waf_status(const struct bh_waf_transaction *t);
int bh_waf_phase(const struct bh_waf_transaction *t);
/* Where a redirect leads; else empty. */
struct bh_waf_bytes bh_waf_redirect(const struct bh_waf_transaction *t);
/* A variable of TX as a number, such as "anomaly_score" (without the tx.); 0 when there is none. */
int64_t bh_waf_number(struct bh_waf_transaction *t, const char *name);

/* ---- what came of it: after the end; before it there is nothing */

/* A rule that fired and logs. Values are as they came, but for what sanitise actions name: bh_waf_json leaves secrets out, this does not. */
struct bh_waf_event {
    size_t size;
    int64_t id;
    int phase, severity; /* 0 (emergency) to 7; -1: none */
    struct bh_waf_bytes message, data, file; /* macros expanded */
    uint32_t line;
    size_t tag_count, match_count;
};

/* A value that matched. */
struct bh_waf_match {
    size_t size;
    struct bh_waf_bytes variable; /* NAME or NAME:KEY */
    struct bh_waf_bytes value;    /* after the transformations */
    size_t offset, length;        /* in the value */
};

/* In the order in which they fired. */
size_t bh_waf_event_count(const struct bh_waf_transaction *t);
enum bh_waf_result bh_waf_event(const struct bh_waf_transaction *t, size_t index, struct bh_waf_event *ret);
/* Empty when there is no such tag. */
struct bh_waf_bytes bh_waf_event_tag(const struct bh_waf_transaction *t, size_t index, size_t tag);
enum bh_waf_result bh_waf_event_match(const struct bh_waf_transaction *t, size_t index, size_t match, struct bh_waf_match *ret);

/* What was not inspected, and why: sentences. NULL when there is no such one. */
size_t bh_waf_limit_count(const struct bh_waf_transaction *t);
const char *bh_waf_limit(const struct bh_waf_transaction *t, size_t index);

/* What setenv gave the server's environment. `ret_value->at` is NULL: it is to be taken away. */
size_t bh_waf_environment_count(const struct bh_waf_transaction *t);
enum bh_waf_result bh_waf_environment(const struct bh_waf_transaction *t, size_t index, struct bh_waf_bytes *ret_name, struct bh_waf_bytes *ret_value);

/*
 * All of it as one object of JSON (RFC 8259) and a newline: `decision`, `status`, `phase`, `redirect` of a refusal, `time`,
 * `unique_id`, `client`, `score`, `rules`, `limits`. Values of cookies, credentials, and of what is called a password or a token
 * are not in it. Lives until the transaction is freed. BH_WAF_NO_MEMORY; BH_WAF_MISUSE before the end.
 */
enum bh_waf_result bh_waf_json(struct bh_waf_transaction *t, struct bh_waf_bytes *ret);

/* ---- files */

/*
 * bh_waf_rules_load with the files of these names, and what they include, read from the disk: names in a file are seen from
 * its folder, wild cards are those of glob(7), a file has less than 64 MiB. Seeds from the kernel's random numbers unless
 * bh_waf_seed was called, or rules were loaded before by whichever function: a process has one seed, or none. `options`: its
 * `list` and `read` are not looked at.
 */
enum bh_waf_result bh_waf_rules_load_files(const char *const *names, size_t count, const struct bh_waf_rules_options *options, struct bh_waf_rules **ret,
    struct bh_waf_report **ret_report);

#ifdef __cplusplus
}
#endif
