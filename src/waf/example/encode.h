/* SPDX-License-Identifier: Apache-2.0 */
/* Values written so that they arrive: encodings of the places of a message, and what transformations take away. */
#pragma once

#include "waf/example/sketch.h"
#include "waf/language/model.h"

/* Percent-encoded but for letters, digits and the bytes of `also`. */
struct bytes encode_percent(struct sketch *d, struct bytes value, const char *also);
/* As text of XML, as a string of JSON without its quotes. */
struct bytes encode_xml(struct sketch *d, struct bytes value);
struct bytes encode_json(struct sketch *d, struct bytes value);
/* A value of which the transformations make `value`, where they can be undone; else `value`. `narrow`: for a header or cookie, where not every byte may stand. */
struct bytes encode_undo(struct sketch *d, const struct waf_rule_set *set, struct waf_span transformations, struct bytes value, bool narrow);
/* May these bytes stand in a header line; in a word of the first line? */
bool encode_fits_header(struct bytes value);
bool encode_fits_word(struct bytes value);
