/* SPDX-License-Identifier: Apache-2.0 */
/*
 * XML as rules see it: the text of the root element (XML:/ *) and every attribute's value (XML:// @*). libxml2 parses as
 * the bytes arrive; no tree is built, nothing is fetched, and no entity but the five predefined ones is followed.
 */
#pragma once

#include "waf/body/report.h"

struct xml;

struct xml *xml_begin(struct report *r) MUST_USE;
void xml_feed(struct xml *x, struct bytes block);
void xml_end(struct xml *x);
void xml_release(struct xml *x);
