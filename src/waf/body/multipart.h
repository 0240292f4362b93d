/* SPDX-License-Identifier: Apache-2.0 */
/*
 * multipart/form-data, line by line as the bytes arrive, as strictly as ModSecurity: whatever two readers could
 * understand differently is a flag. Parts without a file name become arguments, those with one files.
 */
#pragma once

#include "waf/body/report.h"

struct multipart;

/* `content_type`: the header's value. NULL when there is no memory; a bad one is an error event at the end. */
struct multipart *multipart_begin(struct report *r, struct bytes content_type) MUST_USE;
void multipart_feed(struct multipart *m, struct bytes more);
void multipart_end(struct multipart *m);
