/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/yaml.h"

#include "base/text.h"

#include <libfyaml.h>

static struct place place_at(struct yaml *y, size_t from, size_t to)
{
    if (from > y->source.len)
        from = y->source.len;
    const uint8_t *text = y->source.at;
    while (y->line_start > from) {
        const uint8_t *before = y->line_start > 1 ? memrchr(text, '\n', y->line_start - 1) : NULL;
        y->line_start = before ? (size_t)(before - text) + 1 : 0;
        y->line--;
    }
    for (;;) {
        const uint8_t *end = y->line_start < from ? memchr(text + y->line_start, '\n', from - y->line_start) : NULL;
        if (!end)
            break;
        y->line_start = (size_t)(end - text) + 1;
        y->line++;
    }
    size_t width = to > from ? to - from : 1;
    struct bytes shown = bytes_slice(y->source, from, width);
    const uint8_t *end = shown.len ? memchr(shown.at, '\n', shown.len) : NULL;
    if (end && end > shown.at)
        width = (size_t)(end - shown.at);
    return (struct place){
        .line = y->line, .column = (uint32_t)(from - y->line_start) + 1, .width = width > UINT32_MAX ? 1 : (uint32_t)width};
}

/* What is wrong with the byte at `i`, which is not printable ASCII, or NULL; `ret_len`: bytes to go on by. */
static const char *bad_byte(struct bytes s, size_t i, size_t *ret_len)
{
    uint8_t c = s.at[i];
    *ret_len = 1;
    if (c == '\n' || c == '\t')
        return NULL;
    if (c == '\r')
        return i + 1 < s.len && s.at[i + 1] == '\n' ? NULL : "a carriage return without a line feed behind it";
    if (c == 0)
        return "a NUL byte: this is not a text file";
    if (c < 0x20 || c == 0x7f)
        return "a control character";
    *ret_len = utf8_sequence(bytes_slice(s, i, SIZE_MAX));
    if (*ret_len == 0)
        return "bytes that are not UTF-8";
    if (*ret_len == 3 && memcmp(s.at + i, "\xef\xbb\xbf", 3) == 0)
        return "a byte order mark inside the file";
    return NULL;
}

/* libfyaml is lenient about what a text is, and its memory grows with the length of a line: look first. */
static bool check_bytes(struct yaml *y)
{
    size_t line = 0;
    for (size_t i = y->start, step; i < y->source.len; i += step) {
        step = 1;
        if (y->source.at[i] == '\n')
            line = i + 1;
        else if (i - line >= YAML_LINE_MAX)
            return diag_error(y->diags, place_at(y, line, line), "break the line",
                "this line is longer than %d bytes", YAML_LINE_MAX);
        if (y->source.at[i] >= 0x20 && y->source.at[i] < 0x7f)
            continue;
        const char *wrong = bad_byte(y->source, i, &step);
        if (wrong)
            return diag_error(y->diags, place_at(y, i, i + 1), NULL, "%s", wrong);
    }
    return true;
}

static void say_nothing(struct fy_diag *diag, void *user, const char *buf, size_t len) {}

bool yaml_open(struct yaml *y, struct bytes source, struct diags *diags)
{
    *y = (struct yaml){.source = source, .diags = diags, .line = 1, .last = {1, 1, 1}};
    if (source.len >= 3 && memcmp(source.at, "\xef\xbb\xbf", 3) == 0)
        y->start = 3;
    if (source.len >= UINT32_MAX)
        return diag_error(diags, (struct place){0}, NULL, "the file is larger than 4 GiB");
    if (!check_bytes(y))
        return false;
    y->line_start = 0;
    y->line = 1;
    struct fy_diag_cfg quiet;
    fy_diag_cfg_default(&quiet);
    quiet.fp = NULL;
    quiet.output_fn = say_nothing;
    y->messages = fy_diag_create(&quiet);
    if (y->messages)
        fy_diag_set_collect_errors(y->messages, true);
    struct fy_parse_cfg cfg = {.flags = FYPCF_QUIET | FYPCF_COLLECT_DIAG | FYPCF_JSON_NONE, .diag = y->messages};
    y->parser = y->messages ? fy_parser_create(&cfg) : NULL;
    struct bytes text = bytes_slice(source, y->start, SIZE_MAX);
    if (!y->parser || fy_parser_set_string(y->parser, text.len ? (const char *)text.at : "", text.len) != 0) {
        diags->out_of_memory = true;
        return false;
    }
    return true;
}

void yaml_close(struct yaml *y)
{
    if (y->event)
        fy_parser_event_free(y->parser, y->event);
    if (y->parser)
        fy_parser_destroy(y->parser);
    if (y->messages)
        fy_diag_destroy(y->messages);
    *y = (struct yaml){0};
}

/* libfyaml counts characters, we count bytes: the offset of the character `column` (from 1) of `line` (from 1). */
static size_t offset_of(const struct yaml *y, int line, int column)
{
    size_t at = 0;
    for (int i = 1; i < line && at < y->source.len; i++) {
        const uint8_t *end = memchr(y->source.at + at, '\n', y->source.len - at);
        at = end ? (size_t)(end - y->source.at) + 1 : y->source.len;
    }
    if (line == 1)
        at += y->start;
    for (int i = 1; i < column && at < y->source.len && y->source.at[at] != '\n'; i++) {
        size_t len = utf8_sequence(bytes_slice(y->source, at, SIZE_MAX));
        at += len ? len : 1;
    }
    return at;
}

/* Whether the line at `line_start` is indented with a tab. */
static bool has_tab(const struct yaml *y, size_t line_start)
{
    for (size_t i = line_start; i < y->source.len && (y->source.at[i] == ' ' || y->source.at[i] == '\t'); i++)
        if (y->source.at[i] == '\t')
            return true;
    return false;
}

static bool syntax_error(struct yaml *y)
{
    void *state = NULL;
    struct fy_diag_error *e = fy_diag_errors_iterate(y->messages, &state);
    if (!e || !e->msg)
        return diag_error(y->diags, y->last, NULL, "this cannot be read as YAML");
    size_t at = offset_of(y, e->line, e->column);
    struct place p = place_at(y, at, at + 1);
    const uint8_t *end = y->line_start < y->source.len ? memchr(y->source.at + y->line_start, '\n', y->source.len - y->line_start) : NULL;
    bool tab = has_tab(y, y->line_start) || (end && has_tab(y, (size_t)(end - y->source.at) + 1));
    return diag_error(y->diags, p, tab ? "YAML is indented with spaces; there is a tab here" : NULL, "%s", e->msg);
}

/* Counts the depth and refuses what a policy has no use for. */
static bool accept_node(struct yaml *y, struct yaml_node *ret)
{
    enum fy_event_type type = y->event->type;
    if (type == FYET_ALIAS)
        return diag_error(y->diags, ret->place, "write the value out", "aliases (`*name`) are not part of a policy");
    if (type == FYET_MAPPING_START || type == FYET_SEQUENCE_START) {
        if (++y->depth > YAML_DEPTH_MAX)
            return diag_error(y->diags, ret->place, NULL, "nested deeper than %d levels", YAML_DEPTH_MAX);
    } else if (type == FYET_MAPPING_END || type == FYET_SEQUENCE_END) {
        y->depth--;
        return true;
    }
    if (fy_event_get_anchor_token(y->event))
        return diag_error(y->diags, ret->place, "write the value out where it is needed", "anchors (`&name`) are not part of a policy");
    if (fy_event_get_tag_token(y->event))
        return diag_error(y->diags, ret->place, "leave it out", "tags (`!name`) are not part of a policy");
    return true;
}

static struct place place_of_event(struct yaml *y)
{
    const struct fy_mark *from = fy_event_start_mark(y->event), *to = fy_event_end_mark(y->event);
    if (!from)
        return y->last;
    size_t end = to && to->input_pos > from->input_pos ? to->input_pos : from->input_pos;
    return y->last = place_at(y, y->start + from->input_pos, y->start + end);
}

bool yaml_next(struct yaml *y, struct yaml_node *ret)
{
    static const enum yaml_kind kinds[] = {
        [FYET_MAPPING_START] = YAML_MAP, [FYET_MAPPING_END] = YAML_MAP_END, [FYET_SEQUENCE_START] = YAML_LIST,
        [FYET_SEQUENCE_END] = YAML_LIST_END, [FYET_SCALAR] = YAML_SCALAR, [FYET_ALIAS] = YAML_SCALAR};
    for (;;) {
        if (y->event)
            fy_parser_event_free(y->parser, y->event);
        y->event = fy_parser_parse(y->parser);
        if (!y->event)
            return syntax_error(y);
        switch (y->event->type) {
        case FYET_STREAM_END:
            *ret = (struct yaml_node){.kind = YAML_DONE, .place = y->last};
            return true;
        case FYET_DOCUMENT_START:
            if (y->documents++)
                return diag_error(y->diags, place_of_event(y), "one file holds one policy", "a second document begins here");
            break;
        case FYET_MAPPING_START:
        case FYET_MAPPING_END:
        case FYET_SEQUENCE_START:
        case FYET_SEQUENCE_END:
        case FYET_SCALAR:
        case FYET_ALIAS:
            *ret = (struct yaml_node){.kind = kinds[y->event->type], .place = place_of_event(y)};
            if (y->event->type == FYET_SCALAR) {
                size_t len = 0;
                const char *text = y->event->scalar.value ? fy_token_get_text(y->event->scalar.value, &len) : NULL;
                ret->text = bytes_of(text ? text : "", text ? len : 0);
                ret->missing = !y->event->scalar.value;
            }
            return accept_node(y, ret);
        default:
            break;
        }
    }
}

bool yaml_skip(struct yaml *y, const struct yaml_node *n)
{
    if (n->kind != YAML_MAP && n->kind != YAML_LIST)
        return true;
    unsigned outside = y->depth - 1;
    struct yaml_node ignored;
    while (y->depth > outside)
        if (!yaml_next(y, &ignored) || ignored.kind == YAML_DONE)
            return false;
    return true;
}
