/* SPDX-License-Identifier: Apache-2.0 */
#include "waf/language/directives.h"

#include <stdio.h>

static void give(struct reading *r, size_t index)
{
    r->draft->set.given |= (uint64_t)1 << index;
}

static const struct choice limit_actions[] = {{"Reject", LIMIT_REJECT}, {"ProcessPartial", LIMIT_PROCESS_PARTIAL}, {0}};
static const struct choice cookie_formats[] = {{"0", 0}, {0}}; /* 1 is RFC 2109, which no browser sends */
static const struct choice audit_types[] = {{"Serial", AUDIT_SERIAL}, {"Concurrent", AUDIT_CONCURRENT}, {"Parallel", AUDIT_CONCURRENT},
    {"Https", AUDIT_HTTPS}, {0}};
static const struct choice audit_formats[] = {{"Native", AUDIT_NATIVE}, {"JSON", AUDIT_JSON}, {0}};

static void separator_read(struct reading *r, const struct piece *word, struct piece rest, size_t index)
{
    struct piece p;
    if (!argument_take(word, &rest, "a character", &p) || !argument_end(&rest))
        return;
    if (p.text.len != 1) {
        piece_error(&p, NULL, "the separator of arguments is one character");
        return;
    }
    r->draft->set.settings.argument_separator = p.text.at[0];
    give(r, index);
}

static void unicode_map_read(struct reading *r, const struct piece *word, struct piece rest, size_t index)
{
    struct piece path, page;
    uint64_t number;
    const char *name;
    struct bytes text;
    if (!argument_take(word, &rest, "a file and a code page", &path) || !argument_take(word, &rest, "a file and a code page", &page) ||
        !number_read(&page, UINT32_MAX, &number) || !argument_end(&rest) || !file_text_read(r, &path, &name, &text))
        return;
    struct waf_settings *s = &r->draft->set.settings;
    s->unicode_map_path = draft_text(r->draft, path.text);
    s->unicode_map = draft_text(r->draft, text);
    s->unicode_code_page = number;
    give(r, index);
}

/* Its place is kept: who opens the file says there what is wrong with it. */
static void geo_db_read(struct reading *r, const struct piece *word, struct piece rest, size_t index)
{
    struct piece p;
    if (!argument_take(word, &rest, "a file", &p) || !argument_end(&rest))
        return;
    struct waf_settings *s = &r->draft->set.settings;
    s->geo_db = draft_text(r->draft, p.text);
    s->geo_db_file = r->source->index;
    s->geo_db_line = source_line(r->source, word->at);
    give(r, index);
}

static void component_read(struct reading *r, const struct piece *word, struct piece rest, size_t index)
{
    struct piece p;
    if (!argument_take(word, &rest, "a text", &p) || !argument_end(&rest))
        return;
    struct waf_text *made = DRAFT_ADD(r->draft, components);
    if (made)
        *made = draft_text(r->draft, p.text);
    give(r, index);
}

static void mime_types_read(struct reading *r, const struct piece *word, struct piece rest, size_t index)
{
    struct piece p;
    if (!argument_take(word, &rest, "content types", &p))
        return;
    give(r, index);
    for (;;) {
        struct waf_text text = draft_text(r->draft, p.text);
        struct waf_text *made = DRAFT_ADD(r->draft, response_mime_types);
        if (made)
            *made = text;
        enum argument a = argument_next(&rest, &p);
        if (a == ARGUMENT_NONE || a == ARGUMENT_BAD)
            return;
    }
}

static void mime_types_clear(struct reading *r, const struct piece *word, struct piece rest, size_t index)
{
    if (!argument_end(&rest))
        return;
    r->draft->response_mime_types.count = 0;
    r->draft->set.settings.response_mime_types_cleared = true;
    r->draft->set.given &= ~((uint64_t)1 << (index + 1)); /* SecResponseBodyMimeType follows it in the table */
    give(r, index);
}

static void parts_read(struct reading *r, const struct piece *word, struct piece rest, size_t index)
{
    struct piece p;
    if (!argument_take(word, &rest, "parts", &p) || !argument_end(&rest))
        return;
    for (size_t i = 0; i < p.text.len; i++)
        if (!memchr("ABCDEFGHIJKZ", p.text.at[i], 12)) {
            struct piece bad = piece_slice(&p, i, 1);
            char shown[8];
            piece_error(&bad, "the parts are A to K and Z", "`%s` is not a part of the audit log", piece_shown(&bad, shown, sizeof shown));
            return;
        }
    r->draft->set.settings.audit_parts = draft_text(r->draft, p.text);
    give(r, index);
}

static void include(struct reading *r, const struct piece *word, struct piece rest, size_t index)
{
    struct piece p;
    if (argument_take(word, &rest, "a file", &p) && argument_end(&rest))
        include_read(r, word, &p, word_is(word->text, "IncludeOptional"));
}

#define FORWARD(NAME, CALL) \
    static void NAME(struct reading *r, const struct piece *word, struct piece rest, size_t index) \
    { \
        CALL; \
    }
FORWARD(sec_rule, rule_read(r, word, rest))
FORWARD(sec_action, action_directive_read(r, word, rest))
FORWARD(sec_marker, marker_read(r, word, rest))
FORWARD(sec_default_action, default_action_read(r, word, rest))
FORWARD(remove_by_id, exception_read(r, word, rest, EXCEPTION_REMOVE_BY_ID))
FORWARD(remove_by_msg, exception_read(r, word, rest, EXCEPTION_REMOVE_BY_MSG))
FORWARD(remove_by_tag, exception_read(r, word, rest, EXCEPTION_REMOVE_BY_TAG))
FORWARD(update_target_by_id, exception_read(r, word, rest, EXCEPTION_UPDATE_TARGET_BY_ID))
FORWARD(update_target_by_msg, exception_read(r, word, rest, EXCEPTION_UPDATE_TARGET_BY_MSG))
FORWARD(update_target_by_tag, exception_read(r, word, rest, EXCEPTION_UPDATE_TARGET_BY_TAG))
FORWARD(update_action_by_id, exception_read(r, word, rest, EXCEPTION_UPDATE_ACTION_BY_ID))

#define FIELD(F) .offset = offsetof(struct waf_settings, F)
#define CHOICE(NAME, F, C) {.name = NAME, .kind = DIRECTIVE_CHOICE, FIELD(F), .choices = C}
#define NUMBER(NAME, F) {.name = NAME, .kind = DIRECTIVE_NUMBER, FIELD(F)}
#define OCTAL(NAME, F) {.name = NAME, .kind = DIRECTIVE_OCTAL, FIELD(F)}
#define TEXT(NAME, F) {.name = NAME, .kind = DIRECTIVE_TEXT, FIELD(F)}
#define SPECIAL(NAME, READ, WHICH) {.name = NAME, .kind = DIRECTIVE_SPECIAL, .read = READ, .special = WHICH}
#define OFF(NAME, WHY) {.name = NAME, .kind = DIRECTIVE_OFF, .why = WHY}
#define IGNORED(NAME) {.name = NAME, .kind = DIRECTIVE_IGNORED}
#define REFUSED(NAME, WHY) {.name = NAME, .kind = DIRECTIVE_REFUSED, .why = WHY}
#define ACT(NAME, READ) {.name = NAME, .kind = DIRECTIVE_ACT, .read = READ}

const struct directive directives[] = {
    CHOICE("SecRuleEngine", rule_engine, engine_choices),
    CHOICE("SecRequestBodyAccess", request_body_access, switch_choices),
    CHOICE("SecResponseBodyAccess", response_body_access, switch_choices),
    CHOICE("SecRequestBodyLimitAction", request_body_limit_action, limit_actions),
    CHOICE("SecResponseBodyLimitAction", response_body_limit_action, limit_actions),
    NUMBER("SecRequestBodyLimit", request_body_limit),
    NUMBER("SecRequestBodyNoFilesLimit", request_body_no_files_limit),
    NUMBER("SecRequestBodyJsonDepthLimit", request_body_json_depth_limit),
    NUMBER("SecResponseBodyLimit", response_body_limit),
    NUMBER("SecArgumentsLimit", arguments_limit),
    SPECIAL("SecArgumentSeparator", separator_read, SPECIAL_SEPARATOR),
    CHOICE("SecCookieFormat", cookie_format, cookie_formats),
    NUMBER("SecCollectionTimeout", collection_timeout),
    NUMBER("SecPcreMatchLimit", pcre_match_limit),
    NUMBER("SecPcreMatchLimitRecursion", pcre_match_limit_recursion),
    SPECIAL("SecUnicodeMapFile", unicode_map_read, SPECIAL_UNICODE_MAP),
    SPECIAL("SecResponseBodyMimeTypesClear", mime_types_clear, SPECIAL_MIME_TYPES_CLEAR),
    SPECIAL("SecResponseBodyMimeType", mime_types_read, SPECIAL_MIME_TYPES),
    SPECIAL("SecComponentSignature", component_read, SPECIAL_COMPONENTS),
    CHOICE("SecXmlExternalEntity", xml_external_entity, switch_choices),
    TEXT("SecWebAppId", web_app_id),
    SPECIAL("SecGeoLookupDb", geo_db_read, SPECIAL_GEO_DB),
    TEXT("SecHttpBlKey", http_bl_key),
    CHOICE("SecAuditEngine", audit_engine, audit_engine_choices),
    CHOICE("SecAuditLogType", audit_type, audit_types),
    CHOICE("SecAuditLogFormat", audit_format, audit_formats),
    SPECIAL("SecAuditLogParts", parts_read, SPECIAL_AUDIT_PARTS),
    TEXT("SecAuditLogRelevantStatus", audit_relevant_status),
    TEXT("SecAuditLog", audit_log),
    TEXT("SecAuditLog2", audit_log2),
    TEXT("SecAuditLogStorageDir", audit_storage_dir),
    OCTAL("SecAuditLogDirMode", audit_dir_mode),
    OCTAL("SecAuditLogFileMode", audit_file_mode),
    TEXT("SecDebugLog", debug_log),
    NUMBER("SecDebugLogLevel", debug_log_level),
    TEXT("SecTmpDir", tmp_dir),
    TEXT("SecDataDir", data_dir),
    TEXT("SecUploadDir", upload_dir),
    NUMBER("SecUploadFileLimit", upload_file_limit),
    OCTAL("SecUploadFileMode", upload_file_mode),
    CHOICE("SecUploadKeepFiles", upload_keep_files, switch_choices),
    CHOICE("SecTmpSaveUploadedFiles", tmp_save_uploaded_files, switch_choices),
    CHOICE("SecStatusEngine", status_engine, switch_choices),
    /* the settings end here */
    ACT("SecRule", sec_rule),
    ACT("SecAction", sec_action),
    ACT("SecMarker", sec_marker),
    ACT("SecDefaultAction", sec_default_action),
    ACT("SecRuleRemoveById", remove_by_id),
    ACT("SecRuleRemoveByMsg", remove_by_msg),
    ACT("SecRuleRemoveByTag", remove_by_tag),
    ACT("SecRuleUpdateTargetById", update_target_by_id),
    ACT("SecRuleUpdateTargetByMsg", update_target_by_msg),
    ACT("SecRuleUpdateTargetByTag", update_target_by_tag),
    ACT("SecRuleUpdateActionById", update_action_by_id),
    ACT("Include", include),
    ACT("IncludeOptional", include),
    OFF("SecConnEngine", "connections are not counted by this engine"),
    OFF("SecContentInjection", "bodies are not rewritten"),
    OFF("SecDisableBackendCompression", "headers are not rewritten; compressed bodies are read as they are"),
    OFF("SecHashEngine", "links are not signed by this engine"),
    OFF("SecInterceptOnError", "what is done on an error is not for the rules to say"),
    OFF("SecRuleInheritance", "a rule set is what its files say, with no context around it"),
    OFF("SecStreamInBodyInspection", "bodies are not rewritten"),
    OFF("SecStreamOutBodyInspection", "bodies are not rewritten"),
    IGNORED("SecRemoteRulesFailAction"),
    REFUSED("SecRemoteRules", "the engine fetches nothing from the network; keep the rules in a file and Include it"),
    REFUSED("SecRuleScript", "the engine runs no script: Lua in a request's path has no bound on time and memory"),
    REFUSED("SecCacheTransformations", "transformed values are always kept for as long as a transaction lives"),
    REFUSED("SecChrootDir", "what a process may see is not for the rules to say"),
    REFUSED("SecConnReadStateLimit", "connections are not counted by this engine"),
    REFUSED("SecConnWriteStateLimit", "connections are not counted by this engine"),
    REFUSED("SecCookieV0Separator", "cookies of version 0 have one separator"),
    REFUSED("SecGsbLookupDb", "Google does not publish that database any more"),
    REFUSED("SecGuardianLog", "the engine starts no other program"),
    REFUSED("SecHashKey", "links are not signed by this engine"),
    REFUSED("SecHashMethodPm", "links are not signed by this engine"),
    REFUSED("SecHashMethodRx", "links are not signed by this engine"),
    REFUSED("SecHashParam", "links are not signed by this engine"),
    REFUSED("SecRequestBodyInMemoryLimit", "bodies are bounded by SecRequestBodyLimit; where they are kept is for the server to say"),
    REFUSED("SecRulePerfTime", "the engine accounts for each rule's time itself"),
    REFUSED("SecSensorId", "records name the gateway that wrote them"),
    REFUSED("SecServerSignature", "headers are not rewritten"),
};
const size_t directive_count = sizeof directives / sizeof *directives;
#define SETTINGS 43
const size_t directive_setting_count = SETTINGS;
_Static_assert(SETTINGS <= 64, "each setting has a bit in waf_rule_set.given");

static void choice_directive_read(struct reading *r, const struct piece *word, struct piece rest, size_t index)
{
    struct piece p;
    const struct directive *d = &directives[index];
    uint8_t *into = (uint8_t *)&r->draft->set.settings + d->offset;
    char kind[80];
    snprintf(kind, sizeof kind, "a value of %s", d->name);
    if (argument_take(word, &rest, "a value", &p) && choice_read(&p, d->choices, kind, into) && argument_end(&rest))
        give(r, index);
}

/* A mode as chmod has it. */
static bool octal_read(const struct piece *p, uint64_t *ret)
{
    uint64_t value = 0;
    char shown[40];
    for (size_t i = 0; i < p->text.len; i++) {
        uint8_t c = p->text.at[i];
        if (c < '0' || c > '7' || value > 07777 / 8)
            return piece_error(p, NULL, "`%s` is not a mode such as 0640", piece_shown(p, shown, sizeof shown));
        value = value * 8 + (uint64_t)(c - '0');
    }
    *ret = value;
    return p->text.len > 0 || piece_error(p, NULL, "a mode is missing");
}

static void value_read(struct reading *r, const struct piece *word, struct piece rest, size_t index)
{
    struct piece p;
    const struct directive *d = &directives[index];
    if (!argument_take(word, &rest, "a value", &p) || !argument_end(&rest))
        return;
    void *into = (uint8_t *)&r->draft->set.settings + d->offset;
    uint64_t number = 0;
    if (d->kind == DIRECTIVE_TEXT) {
        struct waf_text text = draft_text(r->draft, p.text);
        memcpy(into, &text, sizeof text);
    } else if (d->kind == DIRECTIVE_NUMBER ? number_read(&p, INT64_MAX, &number) : octal_read(&p, &number)) {
        memcpy(into, &number, sizeof number);
    } else {
        return;
    }
    give(r, index);
}

static void off_read(struct reading *r, const struct piece *word, struct piece rest, size_t index)
{
    struct piece p;
    if (!argument_take(word, &rest, "a value", &p))
        return;
    if (!word_is(p.text, "Off"))
        piece_error(word, directives[index].why, "%s can only be Off", directives[index].name);
}

static void unknown_directive(const struct piece *word)
{
    const char *names[128];
    size_t count = 0;
    for (; count < directive_count && count < 128; count++)
        names[count] = directives[count].name;
    unknown_word(word, "a directive", "", names, count, NULL);
}

void directive_read(struct reading *r, const struct piece *word, struct piece rest)
{
    size_t index = 0;
    while (index < directive_count && !word_is(word->text, directives[index].name))
        index++;
    if (index == directive_count) {
        unknown_directive(word);
        return;
    }
    const struct directive *d = &directives[index];
    switch ((enum directive_kind)d->kind) {
    case DIRECTIVE_CHOICE:
        choice_directive_read(r, word, rest, index);
        break;
    case DIRECTIVE_NUMBER:
    case DIRECTIVE_OCTAL:
    case DIRECTIVE_TEXT:
        value_read(r, word, rest, index);
        break;
    case DIRECTIVE_SPECIAL:
    case DIRECTIVE_ACT:
        d->read(r, word, rest, index);
        break;
    case DIRECTIVE_OFF:
        off_read(r, word, rest, index);
        break;
    case DIRECTIVE_IGNORED:
        break;
    case DIRECTIVE_REFUSED:
        piece_error(word, d->why, "%s is not supported", d->name);
        break;
    }
}
