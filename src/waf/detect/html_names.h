/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The names of HTML, SVG and MathML that matter to a page's safety: elements that run script or load what does,
 * event handlers, attributes whose value is a URL. Compared in any case; NUL bytes in a name are skipped, as old
 * browsers did.
 */
#pragma once

#include "base/bytes.h"

enum html_danger {
    HTML_HARMLESS,
    HTML_WITH_ATTRIBUTES, /* does nothing without an attribute: as <object>, or List<Object> */
    HTML_ALONE,
};

enum html_danger html_element_danger(struct bytes name);
/* An event handler content attribute that some browser knows. */
bool html_is_event(struct bytes attribute);
bool html_takes_url(struct bytes attribute);
/* Values of SVG's animations, of <meta content>: a URL may stand anywhere in it. */
bool html_carries_url(struct bytes attribute);
bool html_name_is(struct bytes name, const char *lower);
