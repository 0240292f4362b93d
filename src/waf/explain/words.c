/* SPDX-License-Identifier: Apache-2.0 */
#include "waf/explain/words.h"

/* `all`: without a selector; `named` stands before a name; `many` before "whose names match". Scalars have only `all`. */
static const struct {
    const char *all, *named, *many;
} variables[VARIABLE_COUNT] = {
    [VARIABLE_ARGS] = {"the value of every argument, of query and body", "the argument", "the arguments"},
    [VARIABLE_ARGS_COMBINED_SIZE] = {"the bytes of all arguments together", NULL, NULL},
    [VARIABLE_ARGS_GET] = {"the value of every argument of the query", "the query's argument", "the query's arguments"},
    [VARIABLE_ARGS_GET_NAMES] = {"the name of every argument of the query", "the name of the query's argument", "the names of the query's arguments"},
    [VARIABLE_ARGS_NAMES] = {"the name of every argument, of query and body", "the name of the argument", "the names of the arguments"},
    [VARIABLE_ARGS_POST] = {"the value of every argument of the body", "the body's argument", "the body's arguments"},
    [VARIABLE_ARGS_POST_NAMES] = {"the name of every argument of the body", "the name of the body's argument", "the names of the body's arguments"},
    [VARIABLE_DURATION] = {"the time since the request began", NULL, NULL},
    [VARIABLE_ENV] = {"every variable of the environment", "the variable of the environment", "the variables of the environment"},
    [VARIABLE_FILES] = {"the name of every file that is sent, as the sender calls it", "the name of the file in the field", "the names of the files in fields"},
    [VARIABLE_FILES_COMBINED_SIZE] = {"the bytes of all files together", NULL, NULL},
    [VARIABLE_FILES_NAMES] = {"the name of every field that has a file", "the field of a file", "the fields of files"},
    [VARIABLE_FILES_SIZES] = {"the size of every file", "the size of the file in the field", "the sizes of the files in fields"},
    [VARIABLE_FULL_REQUEST] = {"the whole request", NULL, NULL},
    [VARIABLE_FULL_REQUEST_LENGTH] = {"the length of the whole request", NULL, NULL},
    [VARIABLE_GEO] = {"what is known of the sender's place", "of the sender's place its", "of the sender's place all"},
    [VARIABLE_GLOBAL] = {"what is kept for all", "what is kept for all as", "what is kept for all under names"},
    [VARIABLE_IP] = {"what is kept for the sender's address", "what is kept for the sender's address as", "what is kept for the sender's address under names"},
    [VARIABLE_MATCHED_VAR] = {"the value that the rule before it matched last", NULL, NULL},
    [VARIABLE_MATCHED_VARS] = {"every value that the rule before it matched", "the matched value", "the matched values"},
    [VARIABLE_MATCHED_VARS_NAMES] = {"the name of every variable that the rule before it matched", "the name of the matched", "the names of the matched"},
    [VARIABLE_MATCHED_VAR_NAME] = {"the name of the variable that the rule before it matched last", NULL, NULL},
    [VARIABLE_MULTIPART_FILENAME] = {"the name of every file in a multipart body", "the name of the file", "the names of the files"},
    [VARIABLE_MULTIPART_NAME] = {"the name of every part of a multipart body", "the name of the part", "the names of the parts"},
    [VARIABLE_MULTIPART_PART_HEADERS] = {"every header line of the parts of a multipart body", "the header lines of the part", "the header lines of the parts"},
    [VARIABLE_MULTIPART_STRICT_ERROR] = {"1 when a multipart body has anything odd about it", NULL, NULL},
    [VARIABLE_MULTIPART_UNMATCHED_BOUNDARY] = {"1 when a multipart body may have a boundary that is not its own", NULL, NULL},
    [VARIABLE_PATH_INFO] = {"the path", NULL, NULL},
    [VARIABLE_QUERY_STRING] = {"the query as it was sent, without its ?", NULL, NULL},
    [VARIABLE_REMOTE_ADDR] = {"the sender's address", NULL, NULL},
    [VARIABLE_REMOTE_HOST] = {"the sender's name, or address", NULL, NULL},
    [VARIABLE_REQBODY_ERROR] = {"1 when the body could not be read as what it says it is", NULL, NULL},
    [VARIABLE_REQBODY_PROCESSOR] = {"as what the body was read: URLENCODED, MULTIPART, JSON or XML", NULL, NULL},
    [VARIABLE_REQUEST_BASENAME] = {"the part of the path behind its last slash", NULL, NULL},
    [VARIABLE_REQUEST_BODY] = {"the body as it was sent", NULL, NULL},
    [VARIABLE_REQUEST_COOKIES] = {"the value of every cookie", "the cookie", "the cookies"},
    [VARIABLE_REQUEST_COOKIES_NAMES] = {"the name of every cookie", "the name of the cookie", "the names of the cookies"},
    [VARIABLE_REQUEST_FILENAME] = {"the path, decoded, without the query", NULL, NULL},
    [VARIABLE_REQUEST_HEADERS] = {"the value of every request header", "the request header", "the request headers"},
    [VARIABLE_REQUEST_HEADERS_NAMES] = {"the name of every request header", "the name of the request header", "the names of the request headers"},
    [VARIABLE_REQUEST_LINE] = {"the first line of the request", NULL, NULL},
    [VARIABLE_REQUEST_METHOD] = {"the method", NULL, NULL},
    [VARIABLE_REQUEST_PROTOCOL] = {"the version of HTTP", NULL, NULL},
    [VARIABLE_REQUEST_URI] = {"the target: path and query, decoded", NULL, NULL},
    [VARIABLE_REQUEST_URI_RAW] = {"the target as it was sent", NULL, NULL},
    [VARIABLE_RESPONSE_BODY] = {"the body of the response", NULL, NULL},
    [VARIABLE_RESPONSE_CONTENT_TYPE] = {"the type of the response", NULL, NULL},
    [VARIABLE_RESPONSE_HEADERS] = {"the value of every response header", "the response header", "the response headers"},
    [VARIABLE_RESPONSE_STATUS] = {"the status of the response", NULL, NULL},
    [VARIABLE_SERVER_NAME] = {"the host that was asked for", NULL, NULL},
    [VARIABLE_SESSION] = {"what is kept for the session", "what is kept for the session as", "what is kept for the session under names"},
    [VARIABLE_TX] = {"every variable that rules have set", "the variable", "the variables"},
    [VARIABLE_UNIQUE_ID] = {"the number of this transaction", NULL, NULL},
    [VARIABLE_URLENCODED_ERROR] = {"1 when a % is not followed by two hexadecimal digits", NULL, NULL},
    [VARIABLE_USER] = {"what is kept for the user", "what is kept for the user as", "what is kept for the user under names"},
    [VARIABLE_XML] = {"all of an XML body", "of an XML body what stands at", "of an XML body what"},
};

static const char *const transformations[TRANSFORMATION_COUNT] = {
    [TRANSFORM_BASE64_DECODE] = "base64 is decoded",
    [TRANSFORM_BASE64_DECODE_EXT] = "base64 is decoded, whatever stands between its digits",
    [TRANSFORM_BASE64_ENCODE] = "it is encoded as base64",
    [TRANSFORM_CMD_LINE] = "as a shell would read it: without \\ \" ' ^, one blank for , ; and runs of blanks, small letters",
    [TRANSFORM_COMPRESS_WHITESPACE] = "one blank for each run of white space",
    [TRANSFORM_CSS_DECODE] = "escapes of CSS (\\41) are decoded",
    [TRANSFORM_ESCAPE_SEQ_DECODE] = "escapes of C (\\n, \\x41) are decoded",
    [TRANSFORM_HEX_DECODE] = "pairs of hexadecimal digits become bytes",
    [TRANSFORM_HEX_ENCODE] = "bytes become pairs of hexadecimal digits",
    [TRANSFORM_HTML_ENTITY_DECODE] = "entities of HTML (&lt; &#60;) are decoded",
    [TRANSFORM_JS_DECODE] = "escapes of JavaScript (\\u0041, \\x41) are decoded",
    [TRANSFORM_LENGTH] = "its length in bytes takes its place",
    [TRANSFORM_LOWERCASE] = "capital letters become small",
    [TRANSFORM_MD5] = "its MD5 takes its place",
    [TRANSFORM_NORMALISE_PATH] = "//, /./ and /../ of a path are resolved",
    [TRANSFORM_NORMALISE_PATH_WIN] = "backslashes become slashes; //, /./ and /../ are resolved",
    [TRANSFORM_PARITY_EVEN_7BIT] = "the highest bit makes parity even",
    [TRANSFORM_PARITY_ODD_7BIT] = "the highest bit makes parity odd",
    [TRANSFORM_PARITY_ZERO_7BIT] = "the highest bit is cleared",
    [TRANSFORM_REMOVE_COMMENTS] = "comments of C, SQL and HTML are left out",
    [TRANSFORM_REMOVE_COMMENTS_CHAR] = "the characters that begin or end comments are left out",
    [TRANSFORM_REMOVE_NULLS] = "NUL bytes are left out",
    [TRANSFORM_REMOVE_WHITESPACE] = "white space is left out",
    [TRANSFORM_REPLACE_COMMENTS] = "a blank for each comment /*...*/",
    [TRANSFORM_REPLACE_NULLS] = "a blank for each NUL byte",
    [TRANSFORM_SHA1] = "its SHA-1 takes its place",
    [TRANSFORM_SQL_HEX_DECODE] = "hexadecimal numbers of SQL (0x41) become text",
    [TRANSFORM_TRIM] = "without white space at both ends",
    [TRANSFORM_TRIM_LEFT] = "without white space at its begin",
    [TRANSFORM_TRIM_RIGHT] = "without white space at its end",
    [TRANSFORM_UPPERCASE] = "small letters become capital",
    [TRANSFORM_URL_DECODE] = "%XX and + are decoded",
    [TRANSFORM_URL_DECODE_UNI] = "%XX, %uXXXX and + are decoded",
    [TRANSFORM_URL_ENCODE] = "it is percent-encoded",
    [TRANSFORM_UTF8_TO_UNICODE] = "characters beyond ASCII become %uXXXX",
};

/* What the value does, and what it does when negated. */
static const struct {
    const char *does, *does_not;
} operators[OPERATOR_COUNT] = {
    [OPERATOR_BEGINS_WITH] = {"begins with", "does not begin with"},
    [OPERATOR_CONTAINS] = {"contains", "does not contain"},
    [OPERATOR_CONTAINS_WORD] = {"contains the word", "does not contain the word"},
    [OPERATOR_DETECT_SQLI] = {"is an injection into SQL, as its tokens are (libinjection's way)", "is no injection into SQL"},
    [OPERATOR_DETECT_XSS] = {"is markup that runs a script (libinjection's way)", "is no markup that runs a script"},
    [OPERATOR_ENDS_WITH] = {"ends with", "does not end with"},
    [OPERATOR_EQ] = {"is as a number", "is as a number not"},
    [OPERATOR_GE] = {"is a number of at least", "is not a number of at least"},
    [OPERATOR_GEO_LOOKUP] = {"has a place in the database of places", "has no place in the database of places"},
    [OPERATOR_GT] = {"is a number larger than", "is not a number larger than"},
    [OPERATOR_IP_MATCH] = {"is an address among", "is no address among"},
    [OPERATOR_IP_MATCH_FROM_FILE] = {"is an address in the file", "is no address in the file"},
    [OPERATOR_LE] = {"is a number of at most", "is not a number of at most"},
    [OPERATOR_LT] = {"is a number smaller than", "is not a number smaller than"},
    [OPERATOR_PM] = {"contains one of the phrases, in any case", "contains none of the phrases, in any case"},
    [OPERATOR_PM_FROM_FILE] = {"contains one of the phrases of a file, in any case", "contains none of the phrases of a file, in any case"},
    [OPERATOR_RBL] = {"is known to the list of addresses on the network", "is not known to the list of addresses on the network"},
    [OPERATOR_RX] = {"matches the regular expression", "does not match the regular expression"},
    [OPERATOR_RX_GLOBAL] = {"matches the regular expression (all that match are captured)", "does not match the regular expression"},
    [OPERATOR_STR_EQ] = {"is exactly", "is not exactly"},
    [OPERATOR_STR_MATCH] = {"contains", "does not contain"},
    [OPERATOR_UNCONDITIONAL_MATCH] = {"is there, whatever it is", "never matches"},
    [OPERATOR_VALIDATE_BYTE_RANGE] = {"has a byte that is not among", "has only bytes among"},
    [OPERATOR_VALIDATE_URL_ENCODING] = {"has a % without two hexadecimal digits behind it", "has two hexadecimal digits behind each %"},
    [OPERATOR_VALIDATE_UTF8_ENCODING] = {"is not UTF-8", "is UTF-8"},
    [OPERATOR_VERIFY_CC] = {"has the number of a payment card (with its check digit), found by", "has no number of a payment card, found by"},
    [OPERATOR_VERIFY_CPF] = {"has a Brazilian CPF number, found by", "has no Brazilian CPF number, found by"},
    [OPERATOR_VERIFY_SSN] = {"has a US social security number, found by", "has no US social security number, found by"},
    [OPERATOR_VERIFY_SVNR] = {"has an Austrian insurance number, found by", "has no Austrian insurance number, found by"},
    [OPERATOR_WITHIN] = {"stands within the text", "does not stand within the text"},
};

void target_in_words(const struct waf_rule_set *set, const struct waf_target *t, struct text *out)
{
    struct bytes name = waf_text_bytes(set, t->text);
    const char *all = variables[t->variable].all ? variables[t->variable].all : variable_names[t->variable];
    bool named = t->selector != SELECTOR_NONE && variables[t->variable].named;
    text_puts(out, t->exclusion ? "but not " : t->count ? "how many there are of: " : "");
    if (t->selector == SELECTOR_NONE || !named) {
        text_puts(out, all);
        return;
    }
    bool regex = t->selector == SELECTOR_REGEX;
    text_puts(out, regex ? variables[t->variable].many : variables[t->variable].named);
    text_puts(out, regex ? " whose names match /" : " `");
    if (name.len)
        text_append(out, name.at, name.len);
    text_puts(out, regex ? "/" : "`");
}

const char *transformation_in_words(uint8_t transformation)
{
    return transformations[transformation] ? transformations[transformation] : "";
}

const char *operator_in_words(uint8_t operator, bool negated)
{
    return negated ? operators[operator].does_not : operators[operator].does;
}

const char *phase_in_words(uint8_t phase)
{
    static const char *const phases[WAF_PHASES] = {"in phase 0, once there is a connection", "in phase 1, once the request's headers are there",
        "in phase 2, once the request's body is there", "in phase 3, once the response's headers are there", "in phase 4, once the response's body is there",
        "in phase 5, once all is decided, for the log"};
    return phases[phase];
}
