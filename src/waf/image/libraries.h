/* SPDX-License-Identifier: Apache-2.0 */
/* Inside the room: what an image says of where it was made, and the digest over all of it. */
#pragma once

#include "waf/image/image.h"
#include "waf/image/layout.h"

/* A header with the versions and the processor of here, and all else 0 but the magic and the format. False: Hyperscan does not say. */
bool libraries_write(struct image_header *ret) MUST_USE;
/* False when memory is out, or it is shorter than a header. */
bool image_digest(struct bytes whole, struct checksum *ret) MUST_USE;
/* Puts the digest into it, the last thing that is done to an image. */
bool image_seal(uint8_t *whole, size_t len) MUST_USE;
