/* SPDX-License-Identifier: Apache-2.0 */
#include "waf/language/words.h"

const char *const variable_names[VARIABLE_COUNT] = {
#define X(NAME, SHAPE) #NAME,
    VARIABLES(X)
#undef X
};

const uint8_t variable_shapes[VARIABLE_COUNT] = {
#define X(NAME, SHAPE) SHAPE_##SHAPE,
    VARIABLES(X)
#undef X
};

const char *const operator_names[OPERATOR_COUNT] = {
#define X(NAME, TEXT, OPERAND) TEXT,
    OPERATORS(X)
#undef X
};

const uint8_t operator_operands[OPERATOR_COUNT] = {
#define X(NAME, TEXT, OPERAND) OPERAND_##OPERAND,
    OPERATORS(X)
#undef X
};

const char *const action_names[ACTION_COUNT] = {
#define X(NAME, TEXT, VALUE, PLACES) TEXT,
    ACTIONS(X)
#undef X
};

const uint8_t action_values[ACTION_COUNT] = {
#define X(NAME, TEXT, VALUE, PLACES) VALUE_##VALUE,
    ACTIONS(X)
#undef X
};

const uint8_t action_places[ACTION_COUNT] = {
#define X(NAME, TEXT, VALUE, PLACES) PLACES,
    ACTIONS(X)
#undef X
};

const char *const ctl_names[CTL_COUNT] = {
#define X(NAME, TEXT, SHAPE) TEXT,
    CTLS(X)
#undef X
};

const uint8_t ctl_shapes[CTL_COUNT] = {
#define X(NAME, TEXT, SHAPE) SHAPE,
    CTLS(X)
#undef X
};

const struct refused_word refused_variables[] = {
    {"WEBSERVER_ERROR_LOG", "the engine does not see the web server's log"},
    {"PERF_ALL", "the engine accounts for time itself"},
    {"PERF_RULES", "the engine accounts for time itself"},
    {"SCRIPT_FILENAME", "the engine does not see which script the server runs"},
    {"SCRIPT_BASENAME", "the engine does not see which script the server runs"},
    {"SCRIPT_UID", "the engine does not see which script the server runs"},
    {"SCRIPT_GID", "the engine does not see which script the server runs"},
    {"SCRIPT_MODE", "the engine does not see which script the server runs"},
    {"SCRIPT_USERNAME", "the engine does not see which script the server runs"},
    {"SCRIPT_GROUPNAME", "the engine does not see which script the server runs"},
    {"STREAM_INPUT_BODY", "bodies are not rewritten; use REQUEST_BODY"},
    {"STREAM_OUTPUT_BODY", "bodies are not rewritten; use RESPONSE_BODY"},
    {0}};

const struct refused_word refused_operators[] = {
    {"fuzzyHash", "it needs ssdeep, which is not part of this engine"},
    {"gsbLookup", "it needs a database that Google does not publish any more"},
    {"inspectFile", "it runs another program, and the engine runs none"},
    {"rsub", "bodies are not rewritten"},
    {"validateDTD", "it reads files while requests wait, and external definitions are off"},
    {"validateHash", "links are not signed by this engine"},
    {"validateSchema", "it reads files while requests wait, and external definitions are off"},
    {0}};

const struct refused_word refused_actions[] = {
    {"append", "bodies are not rewritten"},
    {"exec", "the engine runs no other program and no script"},
    {"pause", "a request that waits holds a connection, which is what an attacker wants"},
    {"prepend", "bodies are not rewritten"},
    {"proxy", "where requests go is for the gateway to say"},
    {0}};

const struct refused_word refused_ctls[] = {
    {"hashEngine", "links are not signed by this engine"},
    {"hashEnforcement", "links are not signed by this engine"},
    {0}};

bool word_find(struct bytes word, const char *const *names, size_t count, size_t *ret)
{
    uint8_t first = word.len ? byte_lower(word.at[0]) : 0; /* most names begin with another, and need no look at their length */
    for (size_t i = 0; i < count; i++)
        if (byte_lower((uint8_t)names[i][0]) == first && word_is(word, names[i])) {
            *ret = i;
            return true;
        }
    return false;
}

bool word_is(struct bytes word, const char *name)
{
    return bytes_equal_caseless(word, bytes_of_text(name));
}

const char *word_refused(struct bytes word, const struct refused_word *refused)
{
    for (; refused->name; refused++)
        if (word_is(word, refused->name))
            return refused->why;
    return NULL;
}
