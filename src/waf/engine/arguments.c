/* SPDX-License-Identifier: Apache-2.0 */
/* What the parsers of bodies and of the query find becomes variables. */
#include "waf/engine/transaction.h"

#include "waf/body/urlencoded.h"
#include "waf/operator/number.h"

static const char *limit_text(enum body_limit limit)
{
    static const char *const texts[BODY_LIMIT_COUNT] = {
        [BODY_LIMIT_ARGUMENTS] = "more arguments than SecArgumentsLimit; the rest was not inspected",
        [BODY_LIMIT_ARGUMENT_BYTES] = "the arguments are too long together; the rest of the body was not inspected",
        [BODY_LIMIT_DEPTH] = "the body is nested too deep; the rest was not inspected",
        [BODY_LIMIT_FILES] = "more files than SecUploadFileLimit",
        [BODY_LIMIT_PARTS] = "more parts than are read; the rest of the body was not inspected",
        [BODY_LIMIT_PART_HEADERS] = "a part has more headers than are read; the rest of the body was not inspected",
        [BODY_LIMIT_NO_FILES] = "the body without its files is larger than SecRequestBodyNoFilesLimit",
        [BODY_LIMIT_ENTITIES] = "entities of XML were not followed",
        [BODY_LIMIT_MARKUP] = "XML has a tag, a comment or declarations larger than are read; the rest of the body was not inspected",
    };
    return texts[limit];
}

static void take_argument(struct waf_transaction *t, uint8_t list, const struct body_event *e)
{
    uint64_t most = t->set->settings.arguments_limit;
    if (most && t->lists[VARIABLE_ARGS].count >= most) {
        limit_passed(t, limit_text(BODY_LIMIT_ARGUMENTS));
        return;
    }
    struct waf_value v = value_of(t, VARIABLE_ARGS, e->name, e->value);
    (void)need(t, values_add_hashed(&t->lists[VARIABLE_ARGS], v, t->arena));
    v.variable = list;
    if (list == VARIABLE_ARGS_GET || t->body != BODY_JSON) /* members of JSON are in ARGS alone, as in ModSecurity */
        (void)need(t, values_add_hashed(&t->lists[list], v, t->arena));
    t->argument_bytes += e->name.len + e->value.len;
}

static bool keeps_files(const struct waf_transaction *t)
{
    return t->set->settings.upload_keep_files == SWITCH_ON;
}

/* The reference manual: FILES_TMP_CONTENT is filled when SecUploadKeepFiles is on. FILES_TMPNAMES names files on the disk, and
 * none is written: it is empty rather than full of names that lead nowhere. */
static void take_content(struct waf_transaction *t, const struct body_event *e)
{
    const struct named_variables *named = &t->program->named;
    if (variable_is_named(named, VARIABLE_FILES_TMPNAMES))
        limit_passed(t, "FILES_TMPNAMES is empty: files are not written to the disk");
    if (!variable_is_named(named, VARIABLE_FILES_TMP_CONTENT))
        return;
    if (keeps_files(t))
        add_value(t, VARIABLE_FILES_TMP_CONTENT, e->name, e->content);
    else
        limit_passed(t, "FILES_TMP_CONTENT is empty: SecUploadKeepFiles is off");
}

static void take_file(struct waf_transaction *t, const struct body_event *e)
{
    struct bytes size;
    if (!need(t, bytes_of_number((int64_t)e->number, t->arena, &size)))
        return;
    add_value(t, VARIABLE_FILES, e->name, e->value);
    add_value(t, VARIABLE_FILES_NAMES, e->name, e->name);
    add_value(t, VARIABLE_FILES_SIZES, e->name, size);
    take_content(t, e);
    set_number(t, VARIABLE_FILES_COMBINED_SIZE, (size_t)number_of(t->scalars[VARIABLE_FILES_COMBINED_SIZE]) + e->number);
}

static void take_flag(struct waf_transaction *t, const struct body_event *e)
{
    static const uint8_t variables[BODY_FLAG_COUNT] = {
        [BODY_FLAG_URLENCODED_ERROR] = VARIABLE_URLENCODED_ERROR,
        [BODY_FLAG_STRICT_ERROR] = VARIABLE_MULTIPART_STRICT_ERROR,
        [BODY_FLAG_BOUNDARY_QUOTED] = VARIABLE_MULTIPART_BOUNDARY_QUOTED,
        [BODY_FLAG_BOUNDARY_WHITESPACE] = VARIABLE_MULTIPART_BOUNDARY_WHITESPACE,
        [BODY_FLAG_DATA_BEFORE] = VARIABLE_MULTIPART_DATA_BEFORE,
        [BODY_FLAG_DATA_AFTER] = VARIABLE_MULTIPART_DATA_AFTER,
        [BODY_FLAG_HEADER_FOLDING] = VARIABLE_MULTIPART_HEADER_FOLDING,
        [BODY_FLAG_LF_LINE] = VARIABLE_MULTIPART_LF_LINE,
        [BODY_FLAG_CRLF_LF_LINES] = VARIABLE_MULTIPART_CRLF_LF_LINES,
        [BODY_FLAG_MISSING_SEMICOLON] = VARIABLE_MULTIPART_MISSING_SEMICOLON,
        [BODY_FLAG_INVALID_QUOTING] = VARIABLE_MULTIPART_INVALID_QUOTING,
        [BODY_FLAG_INVALID_PART] = VARIABLE_MULTIPART_INVALID_PART,
        [BODY_FLAG_INVALID_HEADER_FOLDING] = VARIABLE_MULTIPART_INVALID_HEADER_FOLDING,
        [BODY_FLAG_FILE_LIMIT_EXCEEDED] = VARIABLE_MULTIPART_FILE_LIMIT_EXCEEDED,
        [BODY_FLAG_UNMATCHED_BOUNDARY] = VARIABLE_MULTIPART_UNMATCHED_BOUNDARY,
    };
    set_number(t, variables[e->flag], e->number);
    if (e->flag == BODY_FLAG_MISSING_SEMICOLON) /* its other name */
        set_number(t, VARIABLE_MULTIPART_SEMICOLON_MISSING, e->number);
}

static void body_error(struct waf_transaction *t, struct bytes message)
{
    set_text(t, VARIABLE_REQBODY_ERROR, "1");
    set_text(t, VARIABLE_REQBODY_PROCESSOR_ERROR, "1");
    t->scalars[VARIABLE_REQBODY_ERROR_MSG] = t->scalars[VARIABLE_REQBODY_PROCESSOR_ERROR_MSG] = message;
}

bool take_body_event(struct waf_transaction *t, uint8_t list, const struct body_event *e)
{
    switch (e->kind) {
    case BODY_ARGUMENT:
        take_argument(t, list, e);
        break;
    case BODY_FILE:
        take_file(t, e);
        break;
    case BODY_PART_HEADER:
        add_value(t, VARIABLE_MULTIPART_PART_HEADERS, e->name, e->value);
        break;
    case BODY_MULTIPART_NAME:
        add_value(t, VARIABLE_MULTIPART_NAME, e->value, e->value);
        break;
    case BODY_MULTIPART_FILENAME:
        add_value(t, VARIABLE_MULTIPART_FILENAME, e->value, e->value);
        break;
    case BODY_XML_CONTENT:
        add_value(t, VARIABLE_XML, bytes_of_text("/*"), e->value);
        break;
    case BODY_XML_ATTRIBUTE:
        add_value(t, VARIABLE_XML, bytes_of_text("//@*"), e->value);
        break;
    case BODY_FLAG:
        take_flag(t, e);
        break;
    case BODY_LIMIT:
        limit_passed(t, limit_text(e->limit));
        break;
    case BODY_ERROR:
        body_error(t, e->value);
        break;
    }
    return !t->out_of_memory;
}

/* Bounds that no rule set loosens: a body of some megabytes must not become gigabytes of names. */
#define ARGUMENT_BYTES_MAX ((size_t)64 << 20)
#define PARTS_MAX 10000

struct body_limits body_limits_of(const struct waf_transaction *t)
{
    const struct waf_settings *s = &t->set->settings;
    size_t had = t->lists[VARIABLE_ARGS].count;
    return (struct body_limits){
        .arguments = !s->arguments_limit ? 0 : s->arguments_limit > had ? (size_t)s->arguments_limit - had : 1,
        .argument_bytes = ARGUMENT_BYTES_MAX,
        .depth = (size_t)s->request_body_json_depth_limit,
        .parts = PARTS_MAX,
        .no_files = (size_t)s->request_body_no_files_limit,
        .file_contents = keeps_files(t) && variable_is_named(&t->program->named, VARIABLE_FILES_TMP_CONTENT),
        .peers_lines = false, /* ModSecurity leaves line ends out of a value, so that `union\r\nselect` gets by */
        .separator = s->argument_separator,
    };
}

/* Which list the arguments also go to. */
struct arguments {
    struct waf_transaction *transaction;
    uint8_t list;
};

static bool take_event(void *context, const struct body_event *e)
{
    const struct arguments *a = context;
    return take_body_event(a->transaction, a->list, e);
}

void add_arguments(struct waf_transaction *t, uint8_t list, struct bytes text)
{
    struct body_limits limits = body_limits_of(t);
    struct arguments a = {t, list};
    if (text.len)
        (void)need(t, urlencoded_split(text, &limits, (struct body_sink){take_event, &a}, t->arena) != BODY_STOPPED);
}
