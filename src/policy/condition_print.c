/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The canonical print of a condition, with the fewest parentheses, and structural equality. What is printed
 * parses to an equal tree.
 */
#include "policy/condition_tree.h"

#include <inttypes.h>

static const struct {
    const char *text;
    int strength;
} operations[] = {
#define X(name, spelling, strength) {spelling, strength},
    CONDITION_OPERATIONS(X)
#undef X
};

/* Binding strengths; the binary operators' own (4 to 6) stand in CONDITION_OPERATIONS. */
enum { STRENGTH_CHOICE = 1, STRENGTH_OR, STRENGTH_AND, STRENGTH_UNARY = 7, STRENGTH_POSTFIX, STRENGTH_PRIMARY };

static int strength_of(const struct node *n)
{
    switch (n->kind) {
    case NODE_CHOICE: return STRENGTH_CHOICE;
    case NODE_OR: return STRENGTH_OR;
    case NODE_AND: return STRENGTH_AND;
    case NODE_BINARY: return operations[n->operation].strength;
    case NODE_NOT:
    case NODE_NEGATE: return STRENGTH_UNARY;
    default: return STRENGTH_PRIMARY;
    }
}

static void print_node(const struct node *n, int least, struct text *out);

/* Printable as it is, save quotation mark, backslash and control characters. */
static void print_string(struct bytes s, struct text *out)
{
    text_puts(out, "\"");
    for (size_t i = 0; i < s.len; i++) {
        uint8_t c = s.at[i];
        if (c == '"' || c == '\\')
            text_printf(out, "\\%c", c);
        else if (c == '\n' || c == '\t' || c == '\r')
            text_puts(out, c == '\n' ? "\\n" : c == '\t' ? "\\t" : "\\r");
        else if (c < 0x20 || c == 0x7f)
            text_printf(out, "\\x%02x", c);
        else
            text_append(out, &c, 1);
    }
    text_puts(out, "\"");
}

/* Digits, a point, digits: without an exponent, and never through the C library's doubles. */
static void print_decimal(const struct decimal *d, struct text *out)
{
    char digits[24];
    size_t len = 0, fraction = d->exponent < 0 ? (size_t)-d->exponent : 0;
    for (uint64_t m = d->mantissa; m; m /= 10)
        digits[len++] = (char)('0' + m % 10); /* the last first */
    while (len <= fraction && len < sizeof digits)
        digits[len++] = '0';
    text_puts(out, d->negative ? "-" : "");
    for (size_t i = len; i-- > 0;) {
        if (i + 1 == fraction)
            text_puts(out, ".");
        text_append(out, &digits[i], 1);
    }
    for (int i = 0; i < d->exponent; i++)
        text_puts(out, "0");
    text_puts(out, fraction ? "" : ".0");
}

static void print_literal(const struct node *n, struct text *out)
{
    switch (n->value.kind) {
    case VALUE_BOOL: text_puts(out, n->value.boolean ? "true" : "false"); break;
    case VALUE_INT: text_printf(out, "%" PRId64, n->value.integer); break;
    case VALUE_UINT: text_printf(out, "%" PRIu64 "u", n->value.natural); break;
    case VALUE_DOUBLE: print_decimal(&n->decimal, out); break;
    default: print_string(n->value.string, out); break;
    }
}

static void print_items(const struct node *n, uint32_t first, const char *between, int least, struct text *out)
{
    for (uint32_t i = first; i < n->count; i++) {
        text_puts(out, i > first ? between : "");
        print_node(n->items[i], least, out);
    }
}

static void print_name(const struct node *n, struct text *out)
{
    text_append(out, n->name.at, n->name.len);
}

static void print_call(const struct node *n, struct text *out)
{
    if (n->receiver) {
        print_node(n->items[0], STRENGTH_POSTFIX, out);
        text_puts(out, ".");
    }
    print_name(n, out);
    text_puts(out, "(");
    print_items(n, n->receiver ? 1 : 0, ", ", STRENGTH_CHOICE, out);
    text_puts(out, ")");
}

static void print_quantify(const struct node *n, struct text *out)
{
    print_node(n->items[0], STRENGTH_POSTFIX, out);
    text_puts(out, n->all ? ".all(" : ".exists(");
    print_name(n, out);
    text_puts(out, ", ");
    print_node(n->items[1], STRENGTH_CHOICE, out);
    text_puts(out, ")");
}

static void print_bare(const struct node *n, struct text *out)
{
    int strength = strength_of(n);
    switch (n->kind) {
    case NODE_LITERAL: print_literal(n, out); break;
    case NODE_NAME: print_name(n, out); break;
    case NODE_CALL: print_call(n, out); break;
    case NODE_QUANTIFY: print_quantify(n, out); break;
    case NODE_AND: print_items(n, 0, " && ", strength + 1, out); break;
    case NODE_OR: print_items(n, 0, " || ", strength + 1, out); break;
    case NODE_LIST:
        text_puts(out, "[");
        print_items(n, 0, ", ", STRENGTH_CHOICE, out);
        text_puts(out, "]");
        break;
    case NODE_MEMBER:
        print_node(n->items[0], STRENGTH_POSTFIX, out);
        text_puts(out, ".");
        print_name(n, out);
        break;
    case NODE_INDEX:
        print_node(n->items[0], STRENGTH_POSTFIX, out);
        text_puts(out, "[");
        print_node(n->items[1], STRENGTH_CHOICE, out);
        text_puts(out, "]");
        break;
    case NODE_NOT:
    case NODE_NEGATE: {
        const struct node *inner = n->items[0];
        text_puts(out, n->kind == NODE_NOT ? "!" : "-");
        /* A minus in front of a bare number would become part of it. */
        bool number = inner->kind == NODE_LITERAL && ((inner->value.kind == VALUE_INT && inner->value.integer >= 0) ||
                                                      (inner->value.kind == VALUE_DOUBLE && !inner->decimal.negative));
        print_node(inner, n->kind == NODE_NEGATE && number ? STRENGTH_PRIMARY + 1 : STRENGTH_UNARY, out);
        break;
    }
    case NODE_BINARY:
        print_node(n->items[0], strength, out);
        text_printf(out, " %s ", operations[n->operation].text);
        print_node(n->items[1], strength + 1, out);
        break;
    case NODE_CHOICE:
        print_node(n->items[0], STRENGTH_OR, out);
        text_puts(out, " ? ");
        print_node(n->items[1], STRENGTH_OR, out);
        text_puts(out, " : ");
        print_node(n->items[2], STRENGTH_CHOICE, out);
        break;
    }
}

/* In parentheses when it binds less than `least`. */
static void print_node(const struct node *n, int least, struct text *out)
{
    bool parentheses = strength_of(n) < least;
    text_puts(out, parentheses ? "(" : "");
    print_bare(n, out);
    text_puts(out, parentheses ? ")" : "");
}

void condition_print(const struct condition *c, struct text *out)
{
    print_node(c->root, STRENGTH_CHOICE, out);
}

static bool literal_equal(const struct node *a, const struct node *b)
{
    if (a->value.kind != b->value.kind)
        return false;
    switch (a->value.kind) {
    case VALUE_BOOL: return a->value.boolean == b->value.boolean;
    case VALUE_STRING: return bytes_equal(a->value.string, b->value.string);
    case VALUE_DOUBLE:
        return a->decimal.mantissa == b->decimal.mantissa && a->decimal.exponent == b->decimal.exponent &&
               a->decimal.negative == b->decimal.negative;
    default: return a->value.natural == b->value.natural;
    }
}

static bool node_equal(const struct node *a, const struct node *b)
{
    if (a->kind != b->kind || a->count != b->count || a->operation != b->operation || a->receiver != b->receiver ||
        a->all != b->all || !bytes_equal(a->name, b->name))
        return false;
    if (a->kind == NODE_LITERAL && !literal_equal(a, b))
        return false;
    for (uint32_t i = 0; i < a->count; i++)
        if (!node_equal(a->items[i], b->items[i]))
            return false;
    return true;
}

bool condition_equal(const struct condition *a, const struct condition *b)
{
    return node_equal(a->root, b->root);
}
