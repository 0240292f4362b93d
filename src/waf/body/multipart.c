/* SPDX-License-Identifier: Apache-2.0 */
#include "waf/body/multipart.h"


#include "waf/body/multipart_parts.h"

/* A longer line is read in pieces of this size, and is too long for a header. The peer's number. */
#define LINE_MOST 4096
#define PART_HEADERS_DEFAULT 64

struct header {
    struct bytes name, value;
};

struct part {
    struct disposition disposition;
    struct header *headers;
    size_t header_count, header_capacity;
    size_t last;            /* header_count: none yet */
    struct bytes *lines;    /* of headers, for MULTIPART_PART_HEADERS */
    size_t line_count, line_capacity;
    struct bytes last_line; /* not among the lines yet: it may be folded */
    bool is_file, in_data, has_data;
    uint8_t kept[2];        /* the line end that belongs to the content unless a boundary follows */
    size_t kept_len;
    struct growing value;   /* of a file: its content, where it is wanted */
    size_t size;
};

struct multipart {
    struct report *report;
    struct bytes boundary;
    const char *broken; /* error that ended the reading, or the last that did not */
    multipart_flags flags;
    uint8_t line[LINE_MOST];
    size_t used;
    bool line_starts;  /* what is in `line` began after a line end */
    bool after_lf;     /* and that one had no CR */
    bool seen_data, complete, ended, crlf, failed;
    size_t boundaries, files, no_files;
    struct part *part; /* that is being read, or NULL */
    struct part **parts;
    size_t part_count, part_capacity;
};

/* The last error is the one that is told. */
static void error_set(struct multipart *m, const char *text)
{
    if (text)
        m->broken = text;
    else
        report_no_memory(m->report);
}

/* And nothing is read any more. */
static void fail(struct multipart *m, const char *text)
{
    error_set(m, text);
    m->failed = m->ended = true;
}

static bool within(struct report *r, enum body_limit limit, size_t count, size_t bound)
{
    if (!bound || count < bound)
        return true;
    (void)!report_limit(r, limit, bound);
    return false;
}

struct multipart *multipart_begin(struct report *r, struct bytes content_type)
{
    struct multipart *m = arena_alloc(r->arena, sizeof *m);
    struct bytes boundary;
    if (!m)
        return NULL;
    m->report = r;
    m->line_starts = true;
    const char *wrong = boundary_parse(content_type, m->flags, &boundary);
    if (wrong)
        fail(m, wrong);
    else if (!report_copy(r, boundary, &m->boundary))
        return NULL;
    return m;
}

static struct header *header_find(struct part *p, struct bytes name)
{
    for (size_t i = 0; i < p->header_count; i++)
        if (bytes_equal_caseless(p->headers[i].name, name))
            return &p->headers[i];
    return NULL;
}

/* Without the line ends behind it, unless there is nothing else. */
static struct bytes without_line_end(struct bytes b)
{
    size_t len = b.len;
    while (len && is_one_of(b.at[len - 1], "\r\n"))
        len--;
    return len ? bytes_slice(b, 0, len) : b;
}

/* Of its end, how many bytes. */
static size_t line_end(struct bytes line)
{
    if (byte_at(line, line.len - 1) != '\n')
        return 0;
    return line.len > 1 && line.at[line.len - 2] == '\r' ? 2 : 1;
}

/* The header line before is whole now. */
static void line_finish(struct multipart *m)
{
    struct part *p = m->part;
    if (!p->last_line.len)
        return;
    struct bytes *grown = arena_grow(m->report->arena, p->lines, p->line_count, &p->line_capacity, sizeof *grown);
    if (!grown) {
        report_no_memory(m->report);
        return;
    }
    p->lines = grown;
    p->lines[p->line_count++] = p->last_line;
    p->last_line = (struct bytes){0};
}

static void headers_end(struct multipart *m)
{
    struct report *r = m->report;
    struct part *p = m->part;
    line_finish(m);
    const struct header *h = header_find(p, bytes_of_text("Content-Disposition"));
    if (!h) {
        error_set(m, "Multipart: Part missing Content-Disposition header.");
        return;
    }
    int found = disposition_parse(r, h->value, m->flags, &p->disposition);
    if (r->status == BODY_STOPPED)
        return;
    if (found < 0) {
        error_set(m, arena_format(r->arena, "Multipart: Invalid Content-Disposition header (%d): %.*s", found,
                                  (int)h->value.len, (const char *)h->value.at));
        return;
    }
    if (!p->disposition.name.len) {
        error_set(m, "Multipart: Content-Disposition header missing name field.");
        return;
    }
    if (p->disposition.filename.len && !memmem(h->value.at, h->value.len, "filename=", strlen("filename="))) {
        error_set(m, "Multipart: Invalid Content-Disposition header (filename).");
        return;
    }
    p->is_file = p->disposition.filename.len > 0;
    p->in_data = true;
    p->has_data = false;
}

static void header_fold(struct multipart *m, struct bytes line)
{
    struct part *p = m->part;
    size_t i = 0;
    m->flags[BODY_FLAG_HEADER_FOLDING] = 1;
    if (!is_blank(line.at[0]))
        m->flags[BODY_FLAG_INVALID_HEADER_FOLDING] = 1;
    if (p->last == p->header_count) {
        error_set(m, "Multipart: Invalid part header (folding error).");
        return;
    }
    for (; is_space(byte_at(line, i)); i++) {
        if (!is_blank(line.at[i]))
            m->flags[BODY_FLAG_INVALID_HEADER_FOLDING] = 1;
    }
    struct bytes more = without_line_end(bytes_slice(line, i, line.len));
    struct header *h = &p->headers[p->last];
    if (h->value.len + 1 + more.len > LINE_MOST) { /* not kept: many such lines would take quadratic time */
        error_set(m, "Multipart: Part header too long.");
        return;
    }
    const char *value = arena_format(m->report->arena, "%.*s %.*s", (int)h->value.len, (const char *)h->value.at,
                                     (int)more.len, (const char *)more.at);
    const char *whole = value ? arena_format(m->report->arena, "%.*s: %s", (int)h->name.len, (const char *)h->name.at, value)
                              : NULL;
    if (!whole) {
        report_no_memory(m->report);
        return;
    }
    h->value = bytes_of_text(value);
    p->last_line = bytes_of_text(whole);
}

static void header_add(struct multipart *m, struct bytes line)
{
    struct report *r = m->report;
    struct part *p = m->part;
    line_finish(m);
    const uint8_t *colon = memchr(line.at, ':', line.len);
    if (!colon) {
        error_set(m, arena_format(r->arena, "Multipart: Invalid part header (colon missing): %.*s", (int)line.len,
                                  (const char *)line.at));
        return;
    }
    if (colon == line.at) {
        error_set(m, "Multipart: Invalid part header (header name missing).");
        return;
    }
    struct bytes copy, name, value;
    size_t len = (size_t)(colon - line.at), from = len + 1;
    if (header_find(p, bytes_slice(line, 0, len)))
        return; /* the peer drops a second one of that name, and says nothing */
    size_t bound = r->limits.part_headers ? r->limits.part_headers : PART_HEADERS_DEFAULT;
    if (!within(r, BODY_LIMIT_PART_HEADERS, p->header_count, bound)) {
        fail(m, "Multipart: Too many headers in a part.");
        return;
    }
    struct header *grown = arena_grow(r->arena, p->headers, p->header_count, &p->header_capacity, sizeof *grown);
    if (!grown || !report_copy(r, line, &copy)) {
        report_no_memory(r);
        return;
    }
    while (is_blank(byte_at(copy, from)))
        from++;
    name = bytes_slice(copy, 0, len);
    value = without_line_end(bytes_slice(copy, from, copy.len));
    p->headers = grown;
    p->last = p->header_count++;
    p->headers[p->last] = (struct header){.name = name, .value = value};
    p->last_line = bytes_slice(copy, 0, copy.len - (r->limits.peers_lines ? 0 : line_end(copy)));
}

static void header_line(struct multipart *m, struct bytes line)
{
    if (memchr(line.at, 0, line.len)) {
        error_set(m, "Multipart: Nul byte in part headers.");
        return;
    }
    m->no_files += line.len;
    if (line.len > 1 && line.at[line.len - 2] == '\r')
        m->crlf = true;
    else
        m->flags[BODY_FLAG_LF_LINE] = 1;
    if (bytes_equal(line, bytes_of_text("\r\n")) || bytes_equal(line, bytes_of_text("\n")))
        headers_end(m);
    else if (is_space(line.at[0]))
        header_fold(m, line);
    else
        header_add(m, line);
}

static void data_line(struct multipart *m, struct bytes line)
{
    struct report *r = m->report;
    struct part *p = m->part;
    size_t end = line_end(line);
    struct bytes data = bytes_slice(line, 0, line.len - end);
    p->has_data = true;
    if (p->is_file) {
        if (p->size == 0 && p->kept_len == 0 && !m->flags[BODY_FLAG_FILE_LIMIT_EXCEEDED]) {
            if (!within(r, BODY_LIMIT_FILES, m->files, r->limits.files)) {
                m->flags[BODY_FLAG_FILE_LIMIT_EXCEEDED] = 1;
                error_set(m, arena_format(r->arena, "Multipart: Upload file limit exceeded %zu. Use SecUploadFileLimit to "
                                          "change the limit.", r->limits.files));
            }
            m->files++;
        }
        p->size += data.len + p->kept_len;
        if (r->limits.file_contents && (!growing_append(r, &p->value, bytes_of(p->kept, p->kept_len)) || !growing_append(r, &p->value, data)))
            return;
    } else {
        m->no_files += data.len + p->kept_len;
        struct bytes kept = bytes_of(p->kept, r->limits.peers_lines ? 0 : p->kept_len);
        if (!growing_append(r, &p->value, kept) || !growing_append(r, &p->value, data))
            return;
    }
    p->kept_len = end;
    if (end)
        memcpy(p->kept, line.at + line.len - end, end);
}

static void part_finish(struct multipart *m)
{
    struct report *r = m->report;
    struct part *p = m->part;
    m->part = NULL;
    if (!p)
        return;
    for (size_t i = 0; i < p->line_count; i++) {
        struct body_event e = {.kind = BODY_PART_HEADER, .name = p->disposition.name, .value = p->lines[i]};
        if (!report_event(r, &e))
            return;
    }
    if (!p->disposition.name.len) {
        m->flags[BODY_FLAG_INVALID_PART] = 1;
        return;
    }
    struct part **grown = arena_grow(r->arena, m->parts, m->part_count, &m->part_capacity, sizeof *grown);
    if (!grown) {
        report_no_memory(r);
        return;
    }
    m->parts = grown;
    m->parts[m->part_count++] = p;
}

static void part_start(struct multipart *m)
{
    if (!within(m->report, BODY_LIMIT_PARTS, m->boundaries, m->report->limits.parts)) {
        fail(m, "Multipart: Too many parts.");
        return;
    }
    m->part = arena_alloc(m->report->arena, sizeof *m->part);
    if (!m->part)
        report_no_memory(m->report);
}

/* A line that begins with two dashes and the boundary. `text` ends at its first NUL. */
static void boundary_line(struct multipart *m, struct bytes text)
{
    size_t at = 2 + m->boundary.len;
    bool final = byte_at(text, at) == '-' && byte_at(text, at + 1) == '-';
    if (m->boundaries)
        m->flags[BODY_FLAG_UNMATCHED_BOUNDARY] = 2;
    if (final && m->complete) {
        fail(m, "Multipart: Invalid boundary (final duplicate).");
        return;
    }
    struct bytes rest = bytes_slice(text, at + (final ? 2 : 0), text.len);
    if (bytes_equal(rest, bytes_of_text("\n"))) {
        m->flags[BODY_FLAG_LF_LINE] = 1;
    } else if (bytes_equal(rest, bytes_of_text("\r\n"))) {
        m->crlf = true;
    } else {
        fail(m, arena_format(m->report->arena, "Multipart: Invalid boundary: %.*s", (int)text.len, (const char *)text.at));
        return;
    }
    part_finish(m);
    if (final)
        m->complete = true;
    else if (m->report->status == BODY_MORE)
        part_start(m);
    m->boundaries++;
}

/* Two dashes, and then something else than the boundary. */
static void dashed_line(struct multipart *m, struct bytes text)
{
    size_t at = 2;
    if (m->flags[BODY_FLAG_BOUNDARY_QUOTED] && byte_at(text, 2) == '"' && has_at(text, 3, m->boundary)) {
        fail(m, "Multipart: Invalid boundary (quotes).");
        return;
    }
    while (is_space(byte_at(text, at)))
        at++;
    if (at > 2 && has_at(text, at, m->boundary)) {
        fail(m, "Multipart: Invalid boundary (whitespace).");
        return;
    }
    m->flags[BODY_FLAG_UNMATCHED_BOUNDARY] = 1;
}

/* Whether dashes and the boundary stand somewhere within the line. */
static bool resembles_boundary(const struct multipart *m, struct bytes line)
{
    struct bytes left = line;
    const uint8_t *dash;
    while (left.len && (dash = memchr(left.at, '-', left.len))) {
        left = bytes_slice(left, (size_t)(dash - left.at), left.len);
        if (byte_at(left, 1) == '-' && has_at(left, 2, m->boundary))
            return true;
        left = bytes_slice(left, 1, left.len);
    }
    return false;
}

/* True when the line was a boundary, and not content. */
static bool take_boundary(struct multipart *m, struct bytes line)
{
    bool dashed = line.len > 3 && line.at[0] == '-' && line.at[1] == '-';
    const uint8_t *nul = dashed ? memchr(line.at, 0, line.len) : NULL;
    struct bytes text = nul ? bytes_slice(line, 0, (size_t)(nul - line.at)) : line;
    if (!dashed || text.len <= 3) {
        if (resembles_boundary(m, line))
            m->flags[BODY_FLAG_UNMATCHED_BOUNDARY] = 1;
        return false;
    }
    if (!has_at(text, 2, m->boundary)) {
        dashed_line(m, text);
        return false;
    }
    if (m->after_lf)
        m->flags[BODY_FLAG_LF_LINE] = 1;
    if (m->boundaries && (!m->part || !m->part->has_data)) {
        m->flags[BODY_FLAG_INVALID_PART] = 1; /* it stands where the content of a part should begin */
        return false;
    }
    boundary_line(m, text);
    return true;
}

/* A line with its end, or a piece of one that is too long. */
static void take_line(struct multipart *m, struct bytes line, bool whole)
{
    bool full = !whole || line.len == LINE_MOST;
    bool was_boundary = m->line_starts && take_boundary(m, line);
    if (!was_boundary && !m->ended) {
        if (!m->part)
            m->flags[BODY_FLAG_DATA_BEFORE] = 1;
        else if (m->part->in_data)
            data_line(m, line);
        else if (full)
            fail(m, "Multipart: Part header line over 4096 bytes long");
        else
            header_line(m, line);
    }
    if (m->ended)
        return;
    m->line_starts = whole;
    m->after_lf = whole && (line.len < 2 || line.at[line.len - 2] != '\r');
    m->used = 0;
}

void multipart_feed(struct multipart *m, struct bytes more)
{
    m->seen_data = true;
    while (more.len && !m->ended && m->report->status == BODY_MORE) {
        if (m->complete) {
            m->flags[BODY_FLAG_DATA_AFTER] = 1;
            m->ended = true;
            return;
        }
        struct bytes piece = bytes_slice(more, 0, LINE_MOST - m->used);
        const uint8_t *newline = memchr(piece.at, '\n', piece.len);
        if (newline)
            piece = bytes_slice(piece, 0, (size_t)(newline - piece.at) + 1);
        /* A CR is never the last of a full piece: its LF is to be with it. */
        bool held = !newline && m->used + piece.len == LINE_MOST && piece.at[piece.len - 1] == '\r';
        if (held)
            piece = bytes_slice(piece, 0, piece.len - 1);
        bool complete = newline || held || m->used + piece.len == LINE_MOST;
        if (piece.len && (m->used || !complete)) { /* else it is read where it is */
            memcpy(m->line + m->used, piece.at, piece.len);
            m->used += piece.len;
        }
        more = bytes_slice(more, piece.len, more.len);
        if (complete)
            take_line(m, m->used ? bytes_of(m->line, m->used) : piece, newline != NULL);
    }
    if (m->failed && m->report->status == BODY_MORE)
        m->report->status = BODY_BROKEN;
}

/* The final boundary may come without a line end. */
static void take_rest(struct multipart *m)
{
    struct bytes line = bytes_of(m->line, m->used);
    if (!m->ended && m->line_starts && line.len == m->boundary.len + 4 && has_at(line, 0, bytes_of_text("--")) &&
        has_at(line, 2, m->boundary) && has_at(line, line.len - 2, bytes_of_text("--"))) {
        if (m->after_lf)
            m->flags[BODY_FLAG_LF_LINE] = 1;
        if (!m->part || !m->part->has_data)
            m->flags[BODY_FLAG_INVALID_PART] = 1;
        part_finish(m);
        m->complete = true;
    }
}

static bool tell_parts(struct multipart *m)
{
    for (size_t i = 0; i < m->part_count; i++) {
        const struct part *p = m->parts[i];
        struct report *r = m->report;
        struct body_event file = {.kind = BODY_FILE, .name = p->disposition.name, .value = p->disposition.filename,
                                  .content = growing_bytes(&p->value), .number = p->size};
        if (p->is_file ? !report_event(r, &file)
                       : !report_argument(r, BODY_ARGUMENT, p->disposition.name, growing_bytes(&p->value))) {
            if (r->status != BODY_MORE)
                return r->status != BODY_STOPPED;
        }
    }
    return true;
}

static bool tell_flags(struct multipart *m)
{
    static const enum body_flag strict[] = {
        BODY_FLAG_BOUNDARY_QUOTED, BODY_FLAG_BOUNDARY_WHITESPACE, BODY_FLAG_DATA_BEFORE, BODY_FLAG_DATA_AFTER,
        BODY_FLAG_HEADER_FOLDING, BODY_FLAG_LF_LINE, BODY_FLAG_MISSING_SEMICOLON, BODY_FLAG_INVALID_QUOTING,
        BODY_FLAG_INVALID_PART, BODY_FLAG_INVALID_HEADER_FOLDING, BODY_FLAG_FILE_LIMIT_EXCEEDED,
    };
    uint8_t *flags = m->flags;
    flags[BODY_FLAG_CRLF_LF_LINES] = m->crlf && flags[BODY_FLAG_LF_LINE];
    flags[BODY_FLAG_STRICT_ERROR] = m->failed;
    for (size_t i = 0; i < sizeof strict / sizeof strict[0]; i++)
        flags[BODY_FLAG_STRICT_ERROR] |= flags[strict[i]] != 0;
    for (unsigned i = 0; i < BODY_FLAG_COUNT; i++) {
        if (!report_flag(m->report, (enum body_flag)i, flags[i]))
            return false;
    }
    return true;
}

void multipart_end(struct multipart *m)
{
    struct report *r = m->report;
    bool readable = m->boundary.len > 0;
    if (m->seen_data && readable && !m->complete) {
        if (m->boundaries)
            take_rest(m);
        if (r->status == BODY_STOPPED)
            return;
        if (!m->complete)
            error_set(m, m->boundaries ? "Multipart: Final boundary missing." : "Multipart: No boundaries found in payload.");
    }
    if (r->status == BODY_STOPPED || !tell_flags(m))
        return;
    if ((m->complete || !m->seen_data) && !tell_parts(m))
        return;
    if (r->limits.no_files && m->no_files > r->limits.no_files && !report_limit(r, BODY_LIMIT_NO_FILES, r->limits.no_files))
        return;
    if (!m->broken)
        return;
    const char *text = arena_format(r->arena, "Multipart parsing error: %s", m->broken);
    if (text)
        (void)!report_error(r, bytes_of_text(text));
    else
        report_no_memory(r);
}
