/* SPDX-License-Identifier: Apache-2.0 */
/* Between the files of `waf explain`: what was found out of a rule, and how it is shown. */
#pragma once

#include "waf/example/example.h"
#include "waf/explain/explain.h"

struct explained {
    struct explanation rule;
    struct example example;
    struct settings settings; /* what the rules are given so that the example fires it; none: it fires as they are */
};

/* For a terminal, in colours on one. */
void waf_explain_print(const struct explained *e, bool color, struct text *out);
void waf_explain_json(const struct explained *e, struct text *out);
/* `setvar:'tx.NAME=VALUE'`, several with commas. */
void waf_settings_print(const struct settings *s, struct text *out);
