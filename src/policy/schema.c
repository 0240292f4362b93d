/* SPDX-License-Identifier: Apache-2.0 */
/* The language's tables as a JSON Schema. It knows shapes, not names: what it accepts may still be wrong. */
#include "policy/language.h"
#include "policy/print.h"

#define BASE "https://json-schema.org/draft/2020-12/schema"

static void print_shape(const struct shape *s, const char *doc, struct text *out);

static void print_doc(const char *doc, struct text *out)
{
    if (!doc)
        return;
    text_puts(out, ", \"description\": ");
    text_json(out, doc);
}

static void print_scalar(const struct shape *s, const char *doc, struct text *out)
{
    text_puts(out, s->number ? "{\"type\": [\"string\", \"number\", \"boolean\"]" : "{\"type\": \"string\"");
    print_doc(doc, out);
    if (s->pattern) {
        text_puts(out, ", \"pattern\": ");
        text_json(out, s->pattern);
    }
    text_puts(out, "}");
}

static void print_choices(const struct shape *s, const char *doc, struct text *out)
{
    text_puts(out, "{\"enum\": [");
    for (const struct choice *c = s->choices; c->name; c++) {
        text_puts(out, c == s->choices ? "" : ", ");
        text_json(out, c->name);
    }
    text_puts(out, "]");
    print_doc(doc, out);
    text_puts(out, "}");
}

static void print_list(const struct shape *s, const char *doc, struct text *out)
{
    if (s->lone) {
        text_puts(out, "{\"anyOf\": [");
        print_shape(s->item, NULL, out);
        text_puts(out, ", {\"type\": \"array\", \"minItems\": 1, \"items\": ");
        print_shape(s->item, NULL, out);
        text_puts(out, "}]");
    } else {
        text_printf(out, "{\"type\": \"array\"%s, \"items\": ", s->item->kind == SHAPE_TEXT ? ", \"minItems\": 1" : "");
        print_shape(s->item, NULL, out);
    }
    print_doc(doc, out);
    text_puts(out, "}");
}

static void print_map(const struct shape *s, const char *doc, struct text *out)
{
    text_puts(out, "{\"type\": \"object\"");
    print_doc(doc, out);
    text_puts(out, ", \"propertyNames\": {\"pattern\": ");
    text_json(out, s->key_pattern);
    text_puts(out, "}, \"additionalProperties\": ");
    print_shape(s->item, NULL, out);
    text_puts(out, "}");
}

static bool is_refused(const struct field *f)
{
    return f->shape->kind == SHAPE_LATER;
}

static void print_field(const struct field *f, struct text *out)
{
    text_json(out, f->key);
    text_puts(out, ": ");
    if (!is_refused(f)) {
        print_shape(f->shape, f->doc, out);
        return;
    }
    /* Refused by the program, so by the schema, with the reason where an editor shows it. */
    text_puts(out, "{\"not\": {}");
    struct text doc = text_new(1024);
    text_printf(&doc, "%s Not enforced yet.", f->doc);
    print_doc(text_cstr(&doc), out);
    if (doc.failed)
        out->failed = true;
    text_free(&doc);
    text_puts(out, "}");
}

static void print_members(const struct shape *s, struct text *out)
{
    const char *before = ", \"required\": [";
    text_puts(out, ", \"additionalProperties\": false");
    for (const struct field *f = s->fields; f->key; f++) {
        if (!f->required)
            continue;
        text_puts(out, before);
        text_json(out, f->key);
        before = ", ";
    }
    text_puts(out, before[2] == '"' ? "" : "]");
    if (s->one_of[0])
        text_printf(out, ", \"oneOf\": [{\"required\": [\"%s\"]}, {\"required\": [\"%s\"]}]", s->one_of[0], s->one_of[1]);
    text_puts(out, ", \"properties\": {");
    for (const struct field *f = s->fields; f->key; f++) {
        text_puts(out, f == s->fields ? "\n" : ",\n");
        print_field(f, out);
    }
    text_puts(out, "}");
}

static void print_shape(const struct shape *s, const char *doc, struct text *out)
{
    switch (s->kind) {
    case SHAPE_TEXT:
        print_scalar(s, doc, out);
        break;
    case SHAPE_CHOICE:
        print_choices(s, doc, out);
        break;
    case SHAPE_LIST:
        print_list(s, doc, out);
        break;
    case SHAPE_RECORD:
        text_puts(out, "{\"type\": \"object\"");
        print_doc(doc, out);
        print_members(s, out);
        text_puts(out, "}");
        break;
    case SHAPE_MAP:
        print_map(s, doc, out);
        break;
    case SHAPE_LATER:
        text_puts(out, "{\"not\": {}}");
        break;
    }
}

void policy_schema(struct text *out)
{
    text_puts(out, "{\"$schema\": \"" BASE "\", \"title\": \"Bulkhead policy\", \"type\": \"object\"");
    print_members(&policy_shape, out);
    text_puts(out, "}\n");
}
