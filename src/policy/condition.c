/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The grammar of conditions: tokens to tree, by recursive descent, one token ahead. Knows nothing of types.
 * Nesting, nodes and source are bounded here, so that everything behind can recurse over the tree.
 */
#include "policy/condition_tree.h"

struct parser {
    struct compilation *r;
    struct token next;
};

static const char *const reserved[] = {"null", "as", "break", "const", "continue", "else", "for", "function", "if",
                                       "import", "let", "loop", "package", "namespace", "return", "var", "void", "while"};

static struct node *parse_expression(struct parser *p);

static bool advance(struct parser *p)
{
    return condition_lex(p->r, &p->next);
}

static bool is_word(const struct parser *p, const char *word)
{
    return p->next.kind == TOKEN_WORD && bytes_equal(p->next.text, bytes_of_text(word));
}

/* NULL after a diagnostic: what stands next is not what the grammar wants. */
static struct node *unexpected(struct parser *p, const char *wanted)
{
    const struct token *t = &p->next;
    const char *hint = is_word(p, "and")   ? "the logical and is written `&&`"
                       : is_word(p, "or")  ? "the logical or is written `||`"
                       : is_word(p, "not") ? "the logical not is written `!`"
                                           : NULL;
    if (t->kind == TOKEN_END)
        COMPLAIN(p->r, t->offset, 1, hint, "the condition ends where %s is expected", wanted);
    else
        COMPLAIN(p->r, t->offset, t->width, hint, "expected %s, not `%.*s`", wanted, NAME_ARGUMENTS(t->text));
    return NULL;
}

static bool expect(struct parser *p, enum token_kind kind, const char *wanted)
{
    if (p->next.kind != kind)
        return unexpected(p, wanted) != NULL;
    return advance(p);
}

/* ---- making nodes ---- */

static struct node *node_new(struct parser *p, enum node_kind kind, size_t offset, size_t width, uint32_t count)
{
    struct compilation *r = p->r;
    if (++r->nodes > CONDITION_NODES_MAX) {
        COMPLAIN(r, offset, width, "split the rule", "the condition has more than %d parts", CONDITION_NODES_MAX);
        return NULL;
    }
    struct node *n = arena_alloc(r->arena, sizeof *n);
    if (n && count)
        n->items = arena_array(r->arena, count, sizeof(struct node *));
    if (!n || (count && !n->items)) {
        no_memory(r);
        return NULL;
    }
    n->kind = kind;
    n->offset = (uint32_t)offset;
    n->width = (uint32_t)width;
    n->count = count;
    n->depth = 1;
    return n;
}

/* The node reaches from its offset to `end`, and is one deeper than its deepest item. */
static struct node *node_close(struct parser *p, struct node *n, size_t end)
{
    n->width = (uint32_t)(end - n->offset);
    for (uint32_t i = 0; i < n->count; i++)
        if (n->items[i]->depth >= n->depth)
            n->depth = n->items[i]->depth + 1;
    if (n->depth <= CONDITION_DEPTH_MAX)
        return n;
    COMPLAIN(p->r, n->offset, n->width, NULL, "nested more than %d levels deep", CONDITION_DEPTH_MAX);
    return NULL;
}

static size_t node_end(const struct node *n)
{
    return (size_t)n->offset + n->width;
}

/* A node over two operands, which may be NULL (already reported). */
static struct node *node_over(struct parser *p, enum node_kind kind, struct node *left, struct node *right)
{
    struct node *n = left && right ? node_new(p, kind, left->offset, 0, 2) : NULL;
    if (!n)
        return NULL;
    n->items[0] = left;
    n->items[1] = right;
    return node_close(p, n, node_end(right));
}

/* ---- primary expressions ---- */

/* Expressions up to `close`, which is consumed, added to the items that are there already. */
static bool parse_items(struct parser *p, struct node *n, enum token_kind close, const char *wanted)
{
    size_t capacity = n->count, count = n->count;
    struct node **items = n->items;
    while (p->next.kind != close) {
        struct node *item = parse_expression(p);
        if (!item)
            return false;
        items = arena_grow(p->r->arena, items, count, &capacity, sizeof(struct node *));
        if (!items)
            return no_memory(p->r);
        items[count++] = item;
        if (p->next.kind != TOKEN_COMMA)
            break;
        if (!advance(p))
            return false;
        if (p->next.kind == close && close == TOKEN_CLOSE)
            return unexpected(p, "an argument") != NULL;
    }
    n->items = items;
    n->count = (uint32_t)count;
    return expect(p, close, wanted);
}

/* Offset behind the token that was consumed last: blanks in front of `next` do not count. */
static size_t end_of_last(const struct parser *p)
{
    size_t end = p->next.offset;
    while (end > 0 && (p->r->source.at[end - 1] == ' ' || p->r->source.at[end - 1] == '\t'))
        end--;
    return end;
}

static struct node *parse_literal(struct parser *p, bool negative, size_t offset)
{
    struct token t = p->next;
    struct node *n = node_new(p, NODE_LITERAL, offset, t.offset + t.width - offset, 0);
    if (!n)
        return NULL;
    n->value = t.value;
    if (t.value.kind == VALUE_INT) {
        uint64_t limit = (uint64_t)INT64_MAX + negative;
        if (t.value.natural > limit) {
            COMPLAIN(p->r, n->offset, n->width, NULL, "this number does not fit into an int of 64 bits");
            return NULL;
        }
        n->value.integer = (int64_t)(negative ? 0 - t.value.natural : t.value.natural);
    } else if (t.value.kind == VALUE_DOUBLE) {
        n->decimal = t.decimal;
        n->decimal.negative = negative;
        n->value.real = decimal_value(&n->decimal);
    }
    return advance(p) ? n : NULL;
}

static struct node *parse_word(struct parser *p)
{
    struct token word = p->next;
    for (size_t i = 0; i < sizeof reserved / sizeof reserved[0]; i++)
        if (is_word(p, reserved[i])) {
            COMPLAIN(p->r, word.offset, word.width, NULL, "`%s` is a reserved word", reserved[i]);
            return NULL;
        }
    if (is_word(p, "not"))
        return unexpected(p, "a value");
    if (!advance(p))
        return NULL;
    bool call = p->next.kind == TOKEN_OPEN;
    struct node *n = node_new(p, call ? NODE_CALL : NODE_NAME, word.offset, word.width, 0);
    if (!n)
        return NULL;
    n->name = word.text;
    if (!call)
        return n;
    if (!advance(p) || !parse_items(p, n, TOKEN_CLOSE, "`,` or `)`"))
        return NULL;
    return node_close(p, n, end_of_last(p));
}

static struct node *parse_primary(struct parser *p)
{
    size_t offset = p->next.offset;
    struct node *n;
    switch (p->next.kind) {
    case TOKEN_LITERAL:
        return parse_literal(p, false, offset);
    case TOKEN_WORD:
        return parse_word(p);
    case TOKEN_OPEN:
        if (!advance(p) || !(n = parse_expression(p)) || !expect(p, TOKEN_CLOSE, "`)`"))
            return NULL;
        n->offset = (uint32_t)offset;
        n->width = (uint32_t)(end_of_last(p) - offset);
        return n;
    case TOKEN_OPEN_LIST:
        n = node_new(p, NODE_LIST, offset, 1, 0);
        if (!n || !advance(p) || !parse_items(p, n, TOKEN_CLOSE_LIST, "`,` or `]`"))
            return NULL;
        return node_close(p, n, end_of_last(p));
    default:
        return unexpected(p, "a value");
    }
}

/* ---- what hangs on a primary expression ---- */

static bool name_is_macro(struct bytes name)
{
    return bytes_equal(name, bytes_of_text("exists")) || bytes_equal(name, bytes_of_text("all"));
}

/* `.exists(x, p)` and `.all(x, p)`, behind the open parenthesis. */
static struct node *parse_quantify(struct parser *p, struct node *list, struct bytes macro)
{
    struct bytes name = p->next.text;
    if (p->next.kind != TOKEN_WORD)
        return unexpected(p, "the name of a variable");
    for (size_t i = 0; i < sizeof reserved / sizeof reserved[0]; i++)
        if (is_word(p, reserved[i]))
            return unexpected(p, "the name of a variable");
    if (!advance(p) || !expect(p, TOKEN_COMMA, "`,` and a condition on the variable"))
        return NULL;
    struct node *predicate = parse_expression(p);
    if (!predicate || !expect(p, TOKEN_CLOSE, "`)`"))
        return NULL;
    struct node *n = node_over(p, NODE_QUANTIFY, list, predicate);
    if (!n)
        return NULL;
    n->name = name;
    n->all = macro.len == 3;
    return node_close(p, n, end_of_last(p));
}

/* Behind a dot: a member, a call on the receiver, a macro. */
static struct node *parse_member(struct parser *p, struct node *receiver)
{
    struct token word = p->next;
    if (word.kind != TOKEN_WORD)
        return unexpected(p, "a name");
    if (!advance(p))
        return NULL;
    if (p->next.kind == TOKEN_OPEN && name_is_macro(word.text))
        return advance(p) ? parse_quantify(p, receiver, word.text) : NULL;
    bool call = p->next.kind == TOKEN_OPEN;
    struct node *n = node_new(p, call ? NODE_CALL : NODE_MEMBER, receiver->offset, 0, 1);
    if (!n)
        return NULL;
    n->items[0] = receiver;
    n->name = word.text;
    n->receiver = call;
    if (call && (!advance(p) || !parse_items(p, n, TOKEN_CLOSE, "`,` or `)`")))
        return NULL;
    return node_close(p, n, call ? end_of_last(p) : word.offset + word.width);
}

static struct node *parse_index(struct parser *p, struct node *list)
{
    struct node *n = node_over(p, NODE_INDEX, list, parse_expression(p));
    if (!n || !expect(p, TOKEN_CLOSE_LIST, "`]`"))
        return NULL;
    return node_close(p, n, end_of_last(p));
}

static struct node *parse_postfix(struct parser *p, struct node *n)
{
    while (n && (p->next.kind == TOKEN_DOT || p->next.kind == TOKEN_OPEN_LIST)) {
        bool dot = p->next.kind == TOKEN_DOT;
        if (!advance(p))
            return NULL;
        n = dot ? parse_member(p, n) : parse_index(p, n);
    }
    return n;
}

/* ---- operators ---- */

static bool at_minus(const struct parser *p)
{
    return p->next.kind == TOKEN_OPERATION && p->next.operation == OPERATION_SUBTRACT;
}

/* Prefixes are counted, not recursed into: `!!!!...` must not use up the stack. */
static struct node *parse_unary(struct parser *p)
{
    size_t at[CONDITION_DEPTH_MAX];
    bool minus[CONDITION_DEPTH_MAX];
    size_t count = 0;
    while (p->next.kind == TOKEN_NOT || at_minus(p)) {
        if (count == CONDITION_DEPTH_MAX) {
            COMPLAIN(p->r, at[0], p->next.offset - at[0], NULL, "nested more than %d levels deep", CONDITION_DEPTH_MAX);
            return NULL;
        }
        at[count] = p->next.offset;
        minus[count++] = at_minus(p);
        if (!advance(p))
            return NULL;
    }
    /* The minus directly before a number is part of it: the smallest int has no positive twin. */
    bool number = p->next.kind == TOKEN_LITERAL && (p->next.value.kind == VALUE_INT || p->next.value.kind == VALUE_DOUBLE);
    bool negative = count > 0 && minus[count - 1] && number;
    struct node *n = negative ? parse_literal(p, true, at[--count]) : parse_primary(p);
    n = parse_postfix(p, n);
    while (n && count-- > 0) {
        struct node *outer = node_new(p, minus[count] ? NODE_NEGATE : NODE_NOT, at[count], 0, 1);
        if (!outer)
            return NULL;
        outer->items[0] = n;
        n = node_close(p, outer, node_end(n));
    }
    return n;
}

/* Relations, sums and products: left to right, by strength. */
static struct node *parse_binary(struct parser *p, int strength)
{
    static const uint8_t strengths[] = {
#define X(name, spelling, binds) binds,
        CONDITION_OPERATIONS(X)
#undef X
    };
    struct node *left = strength == 7 ? parse_unary(p) : parse_binary(p, strength + 1);
    while (left && strength < 7 && p->next.kind == TOKEN_OPERATION && strengths[p->next.operation] == strength) {
        enum operation operation = p->next.operation;
        if (!advance(p))
            return NULL;
        left = node_over(p, NODE_BINARY, left, parse_binary(p, strength + 1));
        if (left)
            left->operation = operation;
    }
    return left;
}

/* Adds an operand; one of the same kind gives its own items: `&&` and `||` are associative, also for unknown. */
static bool add_operand(struct parser *p, struct node *n, size_t *capacity, struct node *operand)
{
    struct node **from = operand->kind == n->kind ? operand->items : &operand;
    uint32_t count = operand->kind == n->kind ? operand->count : 1;
    for (uint32_t i = 0; i < count; i++) {
        struct node **items = arena_grow(p->r->arena, n->items, n->count, capacity, sizeof(struct node *));
        if (!items)
            return no_memory(p->r);
        n->items = items;
        n->items[n->count++] = from[i];
    }
    return true;
}

static struct node *parse_logic(struct parser *p, bool or)
{
    enum token_kind sign = or ? TOKEN_OR : TOKEN_AND;
    struct node *first = or ? parse_logic(p, false) : parse_binary(p, 4);
    if (!first || p->next.kind != sign)
        return first;
    size_t capacity = 0;
    struct node *n = node_new(p, or ? NODE_OR : NODE_AND, first->offset, 0, 0), *last = first;
    if (!n || !add_operand(p, n, &capacity, first))
        return NULL;
    while (p->next.kind == sign) {
        if (!advance(p) || !(last = or ? parse_logic(p, false) : parse_binary(p, 4)))
            return NULL;
        if (!add_operand(p, n, &capacity, last))
            return NULL;
    }
    return node_close(p, n, node_end(last));
}

static struct node *parse_choice(struct parser *p)
{
    struct node *test = parse_logic(p, true);
    if (!test || p->next.kind != TOKEN_QUESTION)
        return test;
    struct node *n = node_new(p, NODE_CHOICE, test->offset, 0, 3);
    if (!n || !advance(p))
        return NULL;
    n->items[0] = test;
    if (!(n->items[1] = parse_logic(p, true)) || !expect(p, TOKEN_COLON, "`:`") || !(n->items[2] = parse_expression(p)))
        return NULL;
    return node_close(p, n, node_end(n->items[2]));
}

static struct node *parse_expression(struct parser *p)
{
    struct compilation *r = p->r;
    if (r->level == CONDITION_DEPTH_MAX) {
        COMPLAIN(r, p->next.offset, p->next.width, NULL, "nested more than %d levels deep", CONDITION_DEPTH_MAX);
        return NULL;
    }
    r->level++;
    struct node *n = parse_choice(p);
    r->level--;
    return n;
}

/*
 * Whether the canonical print is itself short enough to be parsed. It is at most eight times the source (1e22 is
 * printed with all its digits, a control character as an escape), so that ordinary conditions need no look.
 */
static bool print_fits(const struct condition *c, size_t source_len)
{
    if (source_len <= CONDITION_SOURCE_MAX / 8)
        return true;
    struct text out = text_new(CONDITION_SOURCE_MAX);
    condition_print(c, &out);
    bool fits = !out.failed && out.len <= CONDITION_SOURCE_MAX;
    text_free(&out);
    return fits;
}

struct condition *condition_parse(struct bytes source, struct place place, struct arena *arena, struct diags *diags)
{
    struct compilation r = {.source = source, .place = place, .arena = arena, .diags = diags};
    struct parser p = {.r = &r};
    if (source.len > CONDITION_SOURCE_MAX) {
        COMPLAIN(&r, 0, 1, "split the rule", "the condition is longer than %d bytes", CONDITION_SOURCE_MAX);
        return NULL;
    }
    struct condition *c = arena_alloc(arena, sizeof *c);
    char *copy = arena_text(arena, source.len ? source.at : (const uint8_t *)"", source.len); /* names point into it */
    if (!c || !copy) {
        no_memory(&r);
        return NULL;
    }
    r.source = bytes_of(copy, source.len);
    if (!advance(&p) || !(c->root = parse_expression(&p)))
        return NULL;
    if (p.next.kind != TOKEN_END) {
        unexpected(&p, "an operator or the end");
        return NULL;
    }
    if (!condition_check(&r, c->root))
        return NULL;
    if (print_fits(c, source.len))
        return c;
    COMPLAIN(&r, 0, 1, "split the rule", "the condition is longer than %d bytes in its canonical form", CONDITION_SOURCE_MAX);
    return NULL;
}
