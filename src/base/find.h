/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/bytes.h"

#define FOUND_NOWHERE SIZE_MAX

/* Where `what`, of one byte or more, first stands in `in`. In short texts, as most are, quicker than memmem(3). */
size_t bytes_find(struct bytes in, struct bytes what);
