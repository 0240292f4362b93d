/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attribute values as a browser understands them: character references decoded, control characters dropped where
 * the URL standard drops them. Decides whether a URL runs script, and whether a text hides one that does.
 */
#pragma once

#include "base/bytes.h"

/* The URL's scheme runs script (javascript, vbscript ...) or brings its own document (data, but for pictures). */
bool xss_url_runs(struct bytes value);
/* `needle`, in lower case, anywhere in the decoded value. */
bool xss_value_contains(struct bytes value, const char *needle);
