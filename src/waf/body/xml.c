/* SPDX-License-Identifier: Apache-2.0 */
#include "waf/body/xml.h"

#include <limits.h>
#include <libxml/parser.h>

#define DEPTH_MOST 256 /* libxml2's own bound without XML_PARSE_HUGE */

struct xml {
    struct report *report;
    xmlSAXHandler handler;
    xmlParserCtxtPtr parser;
    struct growing content;
    size_t depth;
    bool has_root, refused;
};

static void refuse(struct xml *x)
{
    x->refused = true;
    if (x->parser)
        xmlStopParser(x->parser);
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
    return true;
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
        struct bytes piece = bytes_slice(rest, 0, INT_MAX);
        parse_chunk(x, piece, false);
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
    if (x->parser->errNo == XML_ERR_NO_MEMORY)
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
