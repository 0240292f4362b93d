/* SPDX-License-Identifier: Apache-2.0 */
/* Where in a value an operator matched. */
#pragma once

#include "base/bytes.h"

struct match {
    size_t offset, length; /* bytes of the value after transformation */
};
