/* SPDX-License-Identifier: Apache-2.0 */
#include "waf/body/xml.h"

#include <limits.h>
#include <libxml/parser.h>

#define DEPTH_MOST 256 /* libxml2's own bound without XML_PARSE_HUGE */

/*
 * libxml2 compares each attribute of a tag with all before it, and each that is declared to have a default with all of the
 * tag: 140,000 attributes, 2 MB, take 7 s. What is not yet understood (a tag, a comment, a document type) it reads again,
 * in parts, with every piece. So it gets small pieces, and what it waits for between them is bounded.
 */
#define PIECE ((size_t)4 << 10)
#define MARKUP_MAX ((size_t)256 << 10)
#define ATTRIBUTES_MAX 1000
#define DECLARED_MAX 100

/* Bytes of all different names: libxml2 keeps them in a hash table that stops growing, and 60 MB of names take minutes. */
#define NAMES_MAX ((size_t)512 << 10)

struct xml {
    struct report *report;
    xmlSAXHandler handler;
    xmlParserCtxtPtr parser;
    struct growing content;
    size_t depth, declared;
    bool has_root, refused;
};

static void refuse(struct xml *x)
{
    x->refused = true;
    if (x->parser)
        xmlStopParser(x->parser);
}

/* libxml2 gives a section only when it has all of it. */
static bool is_in_cdata(const struct xml *x)
{
    return x->parser->instate == XML_PARSER_CDATA_SECTION;
}

static void refuse_markup(struct xml *x, size_t bound)
{
    (void)!report_limit(x->report, BODY_LIMIT_MARKUP, bound);
    refuse(x);
}

static bool is_over(const struct xml *x)
{
    return x->refused || x->report->status != BODY_MORE;
}

/* libxml2 leaves an ampersand in an attribute as the reference "&#38;" when entities are not replaced. */
static bool copy_attribute(struct xml *x, struct bytes from, struct bytes *ret)
{
    uint8_t *out = arena_alloc(x->report->arena, from.len);
    if (!out)
        return report_no_memory(x->report);
    size_t len = 0;
    for (size_t i = 0; i < from.len; i++) {
        out[len++] = from.at[i];
        if (bytes_equal(bytes_slice(from, i, 5), bytes_of_text("&#38;")))
            i += 4;
    }
    *ret = bytes_of(out, len);
    return true;
}

static void on_start(void *context, const xmlChar *name, const xmlChar *prefix, const xmlChar *uri, int namespace_count,
                     const xmlChar **namespaces, int count, int defaulted, const xmlChar **attributes)
{
    struct xml *x = context;
    if (is_over(x))
        return;
    x->has_root = true;
    size_t bound = x->report->limits.depth ? x->report->limits.depth : DEPTH_MOST;
    if (++x->depth > bound) {
        (void)!report_limit(x->report, BODY_LIMIT_DEPTH, bound);
        refuse(x);
        return;
    }
    if (count + namespace_count > ATTRIBUTES_MAX) {
        refuse_markup(x, ATTRIBUTES_MAX);
        return;
    }
    for (int i = 0; i < count; i++) {
        /* five pointers each: name, prefix, namespace, begin and end of the value */
        const xmlChar *from = attributes[5 * i + 3], *to = attributes[5 * i + 4];
        struct bytes value;
        if (!copy_attribute(x, bytes_of(from, (size_t)(to - from)), &value) ||
            !report_argument(x->report, BODY_XML_ATTRIBUTE, bytes_of_text(""), value)) {
            refuse(x);
            return;
        }
    }
}

static void on_end(void *context, const xmlChar *name, const xmlChar *prefix, const xmlChar *uri)
{
    struct xml *x = context;
    if (x->depth)
        x->depth--;
}

static void on_text(void *context, const xmlChar *text, int len)
{
    struct xml *x = context;
    if (is_over(x) || x->depth == 0 || len <= 0)
        return;
    size_t bound = x->report->limits.argument_bytes;
    if (bound && x->content.len + (size_t)len > bound) {
        (void)!report_limit(x->report, BODY_LIMIT_ARGUMENT_BYTES, bound);
        refuse(x);
    } else if (!growing_append(x->report, &x->content, bytes_of(text, (size_t)len))) {
        refuse(x);
    }
}

/* Called for every entity that is not predefined, in text and in attributes, and when one is declared. */
static xmlEntityPtr on_entity(void *context, const xmlChar *name)
{
    struct xml *x = context;
    if (x->parser && x->parser->inSubset)
        return NULL;
    if (!is_over(x))
        (void)!report_limit(x->report, BODY_LIMIT_ENTITIES, 0);
    x->refused = true;
    return NULL;
}

static void on_attribute_declared(void *context, const xmlChar *element, const xmlChar *name, int type, int kind, const xmlChar *value, xmlEnumerationPtr tree)
{
    struct xml *x = context;
    xmlFreeEnumeration(tree);
    if (++x->declared > DECLARED_MAX && !is_over(x))
        refuse_markup(x, DECLARED_MAX);
}

static void on_error(void *context, xmlErrorPtr error)
{
    /* libxml2 keeps in wellFormed what matters; without this it would print */
}

/*
 * What libxml2's converters of encodings have to say goes past the parser's handler, to this thread's, which prints by
 * itself: taken while it works for us, and given back.
 */
struct thread_handler {
    xmlStructuredErrorFunc function;
    void *context;
};

static struct thread_handler handler_take(void)
{
    struct thread_handler before = {xmlStructuredError, xmlStructuredErrorContext};
    xmlSetStructuredErrorFunc(NULL, on_error);
    return before;
}

static void handler_give_back(struct thread_handler before)
{
    xmlSetStructuredErrorFunc(before.context, before.function);
}

static void parse_chunk(struct xml *x, struct bytes piece, bool last)
{
    struct thread_handler before = handler_take();
    (void)xmlParseChunk(x->parser, (const char *)piece.at, (int)piece.len, last);
    handler_give_back(before);
}

struct xml *xml_begin(struct report *r)
{
    struct xml *x = arena_alloc(r->arena, sizeof *x);
    if (!x)
        return NULL;
    x->report = r;
    x->handler = (xmlSAXHandler){
        .initialized = XML_SAX2_MAGIC,
        .startElementNs = on_start,
        .endElementNs = on_end,
        .characters = on_text,
        .ignorableWhitespace = on_text,
        .cdataBlock = on_text,
        .getEntity = on_entity,
        .attributeDecl = on_attribute_declared,
        .serror = on_error,
    };
    return x;
}

/* The first bytes tell the encoding, so the parser is made with them. */
static bool parser_create(struct xml *x, struct bytes first)
{
    struct thread_handler before = handler_take();
    x->parser = xmlCreatePushParserCtxt(&x->handler, x, (const char *)first.at, first.len < 4 ? 0 : 4, NULL);
    handler_give_back(before);
    if (!x->parser)
        return report_no_memory(x->report);
    xmlCtxtUseOptions(x->parser, XML_PARSE_NONET);
    (void)xmlDictSetLimit(x->parser->dict, NAMES_MAX);
    return true;
}

/* A CDATA section of UTF-8 may be long, and is not looked through for its end again and again: all of it, and nothing behind. */
static struct bytes next_piece(const struct xml *x, struct bytes rest)
{
    const xmlParserInput *in = x->parser->input;
    if (!is_in_cdata(x) || !in || !in->buf || in->buf->encoder)
        return bytes_slice(rest, 0, PIECE);
    const char *const ends[] = {">", "]>"}; /* what came before may have its beginning */
    for (size_t i = 0; i < 2; i++)
        if (bytes_equal(bytes_slice(rest, 0, i + 1), bytes_of_text(ends[i])))
            return bytes_slice(rest, 0, i + 1);
    const uint8_t *end = memmem(rest.at, rest.len, "]]>", 3);
    return bytes_slice(rest, 0, end ? (size_t)(end - rest.at) + 3 : INT_MAX);
}

/* It calls that a lack of memory. Its table grows by pools of four times the last: one more would pass the limit. */
static bool has_too_many_names(const struct xml *x)
{
    return x->parser->errNo == XML_ERR_NO_MEMORY && xmlDictGetUsage(x->parser->dict) > NAMES_MAX / 8;
}

/* What libxml2 has, and waits to see the end of: is it more than may be? Of a tag its quotes are counted, two an attribute. */
static void bound_pending(struct xml *x)
{
    const xmlParserInput *in = x->parser->input;
    struct bytes pending = in ? bytes_of(in->cur, (size_t)(in->end - in->cur)) : (struct bytes){0};
    size_t quotes = 0;
    if (!is_over(x) && has_too_many_names(x))
        refuse_markup(x, NAMES_MAX);
    if (is_over(x) || pending.len < 2 || (is_in_cdata(x) && !in->buf->encoder))
        return;
    if (pending.at[0] == '<' && pending.at[1] != '!' && pending.at[1] != '?')
        for (size_t i = 0; i < pending.len; i++)
            quotes += pending.at[i] == '"' || pending.at[i] == '\'';
    if (pending.len > MARKUP_MAX || quotes > 2 * ATTRIBUTES_MAX)
        refuse_markup(x, pending.len > MARKUP_MAX ? MARKUP_MAX : ATTRIBUTES_MAX);
}

void xml_feed(struct xml *x, struct bytes block)
{
    struct bytes rest = block;
    if (!x->parser) {
        if (!parser_create(x, block))
            return;
        if (block.len >= 4)
            rest = bytes_slice(block, 4, block.len);
    }
    while (rest.len && !is_over(x)) {
        struct bytes piece = next_piece(x, rest);
        parse_chunk(x, piece, false);
        bound_pending(x);
        rest = bytes_slice(rest, piece.len, rest.len);
    }
    if ((x->refused || !x->parser->wellFormed) && x->report->status == BODY_MORE)
        x->report->status = BODY_BROKEN;
}

void xml_end(struct xml *x)
{
    struct report *r = x->report;
    if (!x->parser && !parser_create(x, bytes_of(NULL, 0)))
        return;
    if (!is_over(x))
        parse_chunk(x, (struct bytes){0}, true);
    if (x->parser->hasPErefs) /* what a parameter entity would have declared is not known */
        (void)on_entity(x, NULL);
    bool well_formed = x->parser->wellFormed && !x->refused;
    if (x->parser->errNo == XML_ERR_NO_MEMORY && !x->refused)
        report_no_memory(r);
    xml_release(x);
    if (r->status == BODY_STOPPED)
        return;
    if (x->has_root && !report_event(r, &(struct body_event){.kind = BODY_XML_CONTENT, .value = growing_bytes(&x->content)}))
        return;
    if (!well_formed)
        (void)!report_error(r, bytes_of_text("XML parsing error: XML: Failed parsing document."));
}

void xml_release(struct xml *x)
{
    if (x->parser) {
        xmlFreeDoc(x->parser->myDoc); /* libxml2 makes one to keep declared entities in */
        x->parser->myDoc = NULL;
    }
    xmlFreeParserCtxt(x->parser);
    x->parser = NULL;
}
