/* SPDX-License-Identifier: Apache-2.0 */
/* One reading of `top`, for people and for machines. */
#pragma once

#include "cli/top_reading.h"

struct top_page {
    unsigned width;      /* columns */
    size_t lines;        /* rows of all tables together; SIZE_MAX: all there are */
    bool color;
    const struct top_reading *before; /* counters are shown as packets a second since then; NULL: as totals since `up` */
};

void top_print(const struct running *r, const struct top_reading *t, const struct top_page *page, struct text *out);
/* One line. */
void top_print_json(const struct running *r, const struct top_reading *t, const struct top_reading *before, struct text *out);
