/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The seam between the engine and the parsers of request bodies. A parser gets a body's bytes as they arrive and tells
 * what it finds, one event at a time, to the function that the caller passes. It knows the formats; it does not know
 * rules, and decides nothing. What is found, and the texts of errors, are those of libmodsecurity 3.0.9 unless said.
 */
#pragma once

#include "base/arena.h"
#include "base/bytes.h"

enum body_kind { BODY_URLENCODED, BODY_MULTIPART, BODY_JSON, BODY_XML };

/* Identifier, and the variable of SecLang that it sets; FILE_LIMIT_EXCEEDED counts in MULTIPART_STRICT_ERROR only. */
#define BODY_FLAGS(X)                                                   \
    X(URLENCODED_ERROR, "URLENCODED_ERROR")                             \
    X(STRICT_ERROR, "MULTIPART_STRICT_ERROR")                           \
    X(BOUNDARY_QUOTED, "MULTIPART_BOUNDARY_QUOTED")                     \
    X(BOUNDARY_WHITESPACE, "MULTIPART_BOUNDARY_WHITESPACE")             \
    X(DATA_BEFORE, "MULTIPART_DATA_BEFORE")                             \
    X(DATA_AFTER, "MULTIPART_DATA_AFTER")                               \
    X(HEADER_FOLDING, "MULTIPART_HEADER_FOLDING")                       \
    X(LF_LINE, "MULTIPART_LF_LINE")                                     \
    X(CRLF_LF_LINES, "MULTIPART_CRLF_LF_LINES")                         \
    X(MISSING_SEMICOLON, "MULTIPART_MISSING_SEMICOLON")                 \
    X(INVALID_QUOTING, "MULTIPART_INVALID_QUOTING")                     \
    X(INVALID_PART, "MULTIPART_INVALID_PART")                           \
    X(INVALID_HEADER_FOLDING, "MULTIPART_INVALID_HEADER_FOLDING")       \
    X(FILE_LIMIT_EXCEEDED, "MULTIPART_FILE_LIMIT_EXCEEDED")             \
    X(UNMATCHED_BOUNDARY, "MULTIPART_UNMATCHED_BOUNDARY")

enum body_flag {
#define X(name, variable) BODY_FLAG_##name,
    BODY_FLAGS(X)
#undef X
    BODY_FLAG_COUNT
};

/* The bounds that a body can pass. */
enum body_limit {
    BODY_LIMIT_ARGUMENTS,      /* what is past it is not given */
    BODY_LIMIT_ARGUMENT_BYTES, /* the body is not read further */
    BODY_LIMIT_DEPTH,          /* the same */
    BODY_LIMIT_FILES,
    BODY_LIMIT_PARTS,          /* the body is not read further */
    BODY_LIMIT_PART_HEADERS,   /* the same */
    BODY_LIMIT_NO_FILES,       /* SecRequestBodyNoFilesLimit */
    BODY_LIMIT_ENTITIES,       /* XML refers to an entity that is not one of the five predefined: never followed */
    BODY_LIMIT_MARKUP,         /* XML has a tag, comment or declaration larger than is read, or too many attributes: not read further */
    BODY_LIMIT_COUNT
};

/* 0: no bound, other than what memory the arena gives. */
struct body_limits {
    size_t arguments;      /* how many more may be given (SecArgumentsLimit less what the query had); attributes in XML */
    size_t argument_bytes; /* names and values together; a deep JSON repeats long names */
    size_t depth;          /* of JSON (SecRequestBodyJsonDepthLimit; 0: 10,000) or XML (0: libxml2's own, 256) */
    size_t files;          /* SecUploadFileLimit, which the peer applies only when it keeps files */
    size_t parts;          /* of a multipart body */
    size_t part_headers;   /* of one part; 0: 64, because finding one twice takes a look at all */
    size_t no_files;       /* bytes of the body that are not a file's content */
    bool file_contents;    /* what is in files is told too; their memory counts against nothing but the arena */
    bool peers_lines;      /* line ends as libmodsecurity 3.0.9: none within a multipart value, one behind a part's header */
    uint8_t separator;     /* of urlencoded pairs; 0: '&' */
};

enum body_event_kind {
    BODY_ARGUMENT,           /* name, value: of ARGS, and of ARGS_POST but for JSON */
    BODY_FILE,               /* name: of the field, value: name of the file, number: bytes of content; content: where asked for */
    BODY_PART_HEADER,        /* name: of the part, value: the line */
    BODY_MULTIPART_NAME,     /* value */
    BODY_MULTIPART_FILENAME, /* value */
    BODY_XML_CONTENT,        /* value: all text within the root element, what XPath calls its string: once, at the end */
    BODY_XML_ATTRIBUTE,      /* value: of one attribute, in document order */
    BODY_FLAG,               /* flag, number: its value, never 0; at the end, each at most once */
    BODY_LIMIT,              /* limit, number: the bound; each at most once */
    BODY_ERROR,              /* value: REQBODY_PROCESSOR_ERROR_MSG; at the end, at most once */
};

/* Bytes live as long as the arena, but those of urlencoded_split as long as its input too. */
struct body_event {
    enum body_event_kind kind;
    enum body_flag flag;
    enum body_limit limit;
    struct bytes name, value, content;
    size_t number;
};

struct body_sink {
    /* false: the caller can take no more, and the parser stops. */
    bool (*take)(void *context, const struct body_event *event);
    void *context;
};

enum body_status {
    BODY_MORE,   /* all is well so far */
    BODY_BROKEN, /* not readable, or a bound was passed: what follows is ignored; events at the end say why */
    BODY_STOPPED /* memory is out, or the sink took no more: nothing can be said about this body */
};

struct body;

/* All memory is the arena's, but libxml2's own. `content_type`: of a multipart body, else ignored; `limits` is copied.
 * NULL when there is no memory. */
struct body *body_begin(enum body_kind kind, struct bytes content_type, const struct body_limits *limits,
                        struct body_sink sink, struct arena *arena) MUST_USE;
/* The next bytes; they need not live any longer than the call. */
enum body_status body_feed(struct body *b, struct bytes more) MUST_USE;
/* There are no more bytes; flags and errors come now. Called once. */
enum body_status body_end(struct body *b) MUST_USE;
/* Gives back what is not the arena's; before the arena is destroyed, and at any time. NULL is fine. */
void body_release(struct body *b);

/* "MULTIPART_DATA_AFTER" and so on. */
const char *body_flag_variable(enum body_flag flag);
