/* SPDX-License-Identifier: Apache-2.0 */
/* What stands in round brackets. pcre2pattern(3), from "Groups" to "Backtracking control". */
#include "waf/pattern/reader.h"

/* Letters of `(?i-s)` or `(?i:`; true when a group follows them. */
static bool read_options(struct reader *r, struct read_options *ret, bool *ret_group)
{
    uint8_t c;
    for (bool on = true; cursor_u8(&r->c, &c);) {
        if (c == ')' || c == ':') {
            *ret_group = c == ':';
            return true;
        }
        if (c == '-')
            on = false;
        else if (c == 'x') {
            ret->spaced = on;
            ret->all_spaced = on && peek(r, 0) == 'x' && cursor_skip(&r->c, 1);
        } else if (c == 'n')
            ret->unnumbered = on;
        else if (c == '^')
            *ret = (struct read_options){0};
        else if (c < 'A' || c > 'z')
            return false;
    }
    return false;
}

static struct node *read_inside(struct reader *r, uint8_t kind, struct bytes name, bool same_numbers)
{
    struct node *n = node_new(r, kind);
    if (!n || (kind == NODE_GROUP && !group_begin(r, n, name)))
        return NULL;
    struct node *inside = read_choice(r, same_numbers);
    if (!inside || !take(r, ")"))
        return NULL;
    if (kind != NODE_NOTHING)
        n->child = inside;
    return n;
}

/* (?1) (?R) (?&name) (?P>name): the group once more; (?P=name): what it was. */
static struct node *read_call(struct reader *r)
{
    struct bytes group;
    uint8_t kind = take(r, "P=") ? NODE_AGAIN : NODE_CALL;
    bool named = kind == NODE_AGAIN || take(r, "&") || take(r, "P>");
    if (!read_until(r, ')', &group))
        return NULL;
    if (!named && bytes_equal(group, bytes_of_text("R")))
        group = bytes_of_text("0");
    return read_reference(r, kind, group);
}

static bool at_call(const struct reader *r)
{
    uint8_t c = peek(r, 0), next = peek(r, 1);
    if (c == '-' || c == '+')
        return next >= '0' && next <= '9';
    return (c >= '0' && c <= '9') || c == '&' || (c == 'R' && next == ')') || (c == 'P' && (next == '>' || next == '='));
}

/* ---- (?(condition)yes|no) */

static bool begins_with(struct bytes text, const char *start)
{
    return bytes_equal(bytes_slice(text, 0, strlen(start)), bytes_of_text(start));
}

/* `text` stood in the condition's brackets: a node whose `number` and `condition` are those of the condition. */
static struct node *condition_of_text(struct reader *r, struct bytes text)
{
    struct bytes group = text;
    bool quoted = text.len > 2 && (text.at[0] == '<' || text.at[0] == '\'');
    bool called = begins_with(text, "R") && (text.len == 1 || text.at[1] == '&' || (text.at[1] >= '0' && text.at[1] <= '9'));
    bool told = begins_with(text, "VERSION"), never = bytes_equal(text, bytes_of_text("DEFINE"));
    if (quoted)
        group = bytes_slice(text, 1, text.len - 2);
    struct node *n = called || told || never ? node_new(r, NODE_CONDITION) : read_reference(r, NODE_CONDITION, group);
    if (n)
        n->condition = called ? IF_CALLED : told ? IF_TOLD : never ? IF_NEVER : IF_GROUP;
    return n;
}

/* Behind `(?(`. */
static struct node *read_condition(struct reader *r)
{
    struct node *n;
    struct bytes text;
    if (peek(r, 0) == '?' && peek(r, 1) == '(') /* a condition as condition: none, and no end of them */
        return NULL;
    if (peek(r, 0) == '?' || peek(r, 0) == '*') { /* an assertion, of which that is the bracket */
        struct node *assertion = read_group(r);
        if (!assertion || assertion->kind != NODE_NOTHING || !(n = node_new(r, NODE_CONDITION)))
            return NULL;
        n->condition = IF_TOLD;
    } else if (!read_until(r, ')', &text) || !(n = condition_of_text(r, text)))
        return NULL;
    r->tied = true;
    n->child = read_choice(r, false);
    return n->child && n->child->number <= 2 && take(r, ")") ? n : NULL;
}

/* ---- (*VERB) and (*name:...) */

static bool letters_alone(struct bytes name)
{
    for (size_t i = 0; i < name.len; i++)
        if (name.at[i] != '_' && (name.at[i] < 'a' || name.at[i] > 'z'))
            return false;
    return name.len;
}

/* The name of (*atomic:...), (*pla:...) and their like, which is taken with its colon. False: it is a verb. */
static bool read_group_name(struct reader *r, struct bytes *ret)
{
    size_t from = r->c.at;
    if (read_until(r, ':', ret) && letters_alone(*ret))
        return true;
    r->c.at = from;
    return false;
}

static bool takes_bytes(struct bytes name)
{
    static const char *const names[] = {"atomic", "script_run", "sr", "atomic_script_run", "asr"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (bytes_equal(name, bytes_of_text(names[i])))
            return true;
    return false;
}

/* Behind `(*`. */
static struct node *read_verb(struct reader *r)
{
    struct bytes name;
    if (read_group_name(r, &name))
        return read_inside(r, takes_bytes(name) ? NODE_SEQUENCE : NODE_NOTHING, (struct bytes){0}, false);
    /* (*ACCEPT) ends the match: what stands behind it is not asked for */
    return read_until(r, ')', &name) && !begins_with(name, "ACCEPT") ? node_new(r, NODE_NOTHING) : NULL;
}

/* ---- all of them */

/* Behind `(?`: options, up to the group's end or on. */
static struct node *read_with_options(struct reader *r)
{
    struct read_options outer = r->options, inner = outer;
    size_t opening = r->c.at - 2;
    bool group;
    if (!read_options(r, &inner, &group))
        return NULL;
    r->options = inner;
    if (!group) {
        /* In front of all they hold for all. */
        r->tied |= opening != 0;
        r->front = opening ? r->front : r->c.at;
        return node_new(r, NODE_NOTHING);
    }
    struct node *n = read_inside(r, NODE_SEQUENCE, (struct bytes){0}, false);
    r->options = outer;
    return n;
}

/* (?C1). A string may have a bracket in it, and is not read. */
static struct node *read_callout(struct reader *r)
{
    while (peek(r, 0) >= '0' && peek(r, 0) <= '9')
        r->c.at++;
    return take(r, ")") ? node_new(r, NODE_NOTHING) : NULL;
}

/* Behind `(?`. */
static struct node *read_special(struct reader *r)
{
    struct bytes name = {0};
    if (take(r, "=") || take(r, "!") || take(r, "*") || take(r, "<=") || take(r, "<!") || take(r, "<*"))
        return read_inside(r, NODE_NOTHING, name, false);
    if (take(r, ":") || take(r, ">"))
        return read_inside(r, NODE_SEQUENCE, name, false);
    if (take(r, "|"))
        return read_inside(r, NODE_SEQUENCE, name, true);
    if (take(r, "("))
        return read_condition(r);
    if (take(r, "C"))
        return read_callout(r);
    if (at_call(r))
        return read_call(r);
    if (take(r, "P<") || take(r, "<"))
        return read_until(r, '>', &name) ? read_inside(r, NODE_GROUP, name, false) : NULL;
    if (take(r, "'"))
        return read_until(r, '\'', &name) ? read_inside(r, NODE_GROUP, name, false) : NULL;
    return read_with_options(r);
}

struct node *read_group(struct reader *r)
{
    if (take(r, "*"))
        return read_verb(r);
    if (!take(r, "?"))
        return read_inside(r, r->options.unnumbered ? NODE_SEQUENCE : NODE_GROUP, (struct bytes){0}, false);
    return read_special(r);
}
