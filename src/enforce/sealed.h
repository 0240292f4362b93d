/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory that nobody can change any more, not even who made it: a descriptor that can be handed on, and mapped for reading by
 * any number of processes. What is checked in it once stays as it was (memfd_create(2), "file sealing").
 */
#pragma once

#include "base/bytes.h"
#include "enforce/failure.h"

/* A copy of the first `size` bytes of an open file, from its first on; false where it has fewer. The caller closes the
 * descriptor. */
bool sealed_of_file(int file, size_t size, int *ret, struct failure *f) MUST_USE;
/* At the beginning of a page; stays when the descriptor is closed. False where it is not sealed, or empty. */
bool sealed_map(int fd, struct bytes *ret, struct failure *f) MUST_USE;
void sealed_unmap(struct bytes mapped);
