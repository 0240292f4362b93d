/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Decides by what a browser would run. The value is read in each state in which a page's template may put it; what
 * counts is an element that runs script or loads what does, an event handler, a URL whose scheme is a language,
 * style that reaches outside, a declaration or a conditional comment. Markup that only formats is data.
 */
#include "waf/detect/detect.h"
#include "waf/detect/html_names.h"
#include "waf/detect/html_token.h"
#include "waf/detect/xss_url.h"

static bool found(const struct html_token *token, enum xss_reason reason, struct xss_finding *ret)
{
    *ret = (struct xss_finding){.reason = reason, .at = token->at, .len = token->len};
    return true;
}

/* Declarations that load, run or cover the page; alignment and colours do not. */
static bool style_reaches_out(struct bytes value)
{
    static const char *const means[] = {"expression", "url(", "javascript:", "vbscript:", "@import", "behavior", "binding", "animation",
        "position:", "filter:", "/*", "\\", "image(", "image-set(", "attr("};
    for (size_t i = 0; i < sizeof means / sizeof means[0]; i++)
        if (xss_value_contains(value, means[i]))
            return true;
    return false;
}

static bool attribute_decides(const struct html_token *token, struct xss_finding *ret)
{
    if (token->end_tag || !token->has_value)
        return false;
    if (html_is_event(token->name))
        return found(token, XSS_EVENT, ret);
    if (html_takes_url(token->name))
        return xss_url_runs(token->value) && found(token, XSS_URL, ret);
    if (!html_carries_url(token->name))
        return false;
    if (html_name_is(token->name, "style"))
        return style_reaches_out(token->value) && found(token, XSS_STYLE, ret);
    if (html_name_is(token->name, "srcdoc"))
        return xss_value_contains(token->value, "<") && found(token, XSS_ATTRIBUTE, ret);
    return (xss_value_contains(token->value, "javascript:") || xss_value_contains(token->value, "vbscript:") ||
        xss_value_contains(token->value, "data:text/")) && found(token, XSS_URL, ret);
}

static bool begins_with(struct bytes text, const char *lower)
{
    return html_name_is(bytes_slice(text, 0, strlen(lower)), lower);
}

/* <!DOCTYPE, <!ENTITY and the rest of a DTD, <![if ...]>; not <!= or what a sentence says */
static bool declaration_decides(struct bytes text)
{
    static const char *const names[] = {"doctype", "entity", "element", "attlist", "notation", "[if", "[endif", "[cdata["};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (begins_with(text, names[i]))
            return i != 7;
    return false;
}

/* Internet Explorer runs what is in <!--[if IE]> and reads `` ` `` as a quotation mark. */
static bool comment_decides(struct bytes text)
{
    while (text.len && text.at[0] <= ' ')
        text = bytes_slice(text, 1, SIZE_MAX);
    return begins_with(text, "[if") || begins_with(text, "[endif") || begins_with(text, "#exec") || begins_with(text, "#include");
}

static bool tag_decides(const struct html_token *token, struct xss_finding *ret)
{
    if (token->end_tag)
        return false;
    enum html_danger danger = html_element_danger(token->name);
    return (danger == HTML_ALONE || (danger == HTML_WITH_ATTRIBUTES && !token->bare)) && found(token, XSS_TAG, ret);
}

static bool detect(struct bytes value, enum html_state state, struct xss_finding *ret)
{
    struct html_tokens tokens = html_tokens_over(value, state);
    for (;;) {
        struct html_token token = html_tokens_next(&tokens);
        switch (token.kind) {
        case HTML_END:
            return false;
        case HTML_TAG:
            if (tag_decides(&token, ret))
                return true;
            break;
        case HTML_ATTRIBUTE:
            if (attribute_decides(&token, ret))
                return true;
            break;
        case HTML_COMMENT:
            if (comment_decides(token.name))
                return found(&token, XSS_COMMENT, ret);
            break;
        case HTML_DECLARATION:
            if (declaration_decides(token.name))
                return found(&token, XSS_DECLARATION, ret);
            break;
        case HTML_INSTRUCTION:
            if (begins_with(token.name, "import") || begins_with(token.name, "xml-stylesheet"))
                return found(&token, XSS_DECLARATION, ret);
            break;
        }
    }
}

enum mark { TAG = 1, ASSIGNED = 2, SINGLE = 4, DOUBLE = 8, BACKQUOTE = 16 };

static const uint8_t marks[256] = {['<'] = TAG, ['='] = ASSIGNED, ['\''] = SINGLE, ['"'] = DOUBLE, ['`'] = BACKQUOTE};

bool xss_needs(uint8_t byte)
{
    return marks[byte] & (TAG | ASSIGNED);
}

bool xss_detect(struct bytes value, struct xss_finding *ret)
{
    uint8_t has = 0;
    for (size_t i = 0; i < value.len; i++)
        has |= marks[value.at[i]];
    if (!(has & (TAG | ASSIGNED))) /* neither an element nor an attribute with a value */
        return false;
    return (has & TAG && detect(value, HTML_DATA, ret)) ||
        (has & ASSIGNED && (detect(value, HTML_IN_TAG, ret) || detect(value, HTML_UNQUOTED, ret))) ||
        (has & SINGLE && detect(value, HTML_SINGLE, ret)) || (has & DOUBLE && detect(value, HTML_DOUBLE, ret)) ||
        (has & BACKQUOTE && detect(value, HTML_BACKQUOTED, ret));
}

const char *xss_reason_name(enum xss_reason reason)
{
    static const char *const names[] = {
        [XSS_TAG] = "element",
        [XSS_EVENT] = "event handler",
        [XSS_STYLE] = "style",
        [XSS_URL] = "URL that runs script",
        [XSS_ATTRIBUTE] = "document in an attribute",
        [XSS_DECLARATION] = "declaration",
        [XSS_COMMENT] = "comment that is code",
    };
    return names[reason];
}
