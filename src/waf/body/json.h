/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON to arguments, with yajl, which is also what the peer uses. A value's name is the way to it: "json.a.b",
 * "json.list.array_0". Every value is one: null is empty, numbers are as written.
 */
#pragma once

#include "waf/body/report.h"

struct json;

struct json *json_begin(struct report *r) MUST_USE;
void json_feed(struct json *j, struct bytes block);
void json_end(struct json *j);
